"""What fragments show: position, normal with relief, colour, and the direction of strands."""

import math
from typing import NamedTuple

import numpy as np

from thfm_jax.data.synthetic.rendering import mipmaps
from thfm_jax.data.synthetic.rendering.drawables import Drawable, Posed
from thfm_jax.data.synthetic.rendering.fragments import Fragments, row_and_column
from thfm_jax.data.synthetic.rendering.jit import kernel, row3
from thfm_jax.data.synthetic.rendering.raster import cross, homogeneous, is_behind


class Points(NamedTuple):
    """Surface points of N fragments, in the world.

    Attributes:
      position: [N, 3] float32 metres.
      normal: [N, 3] float32 unit vectors on the side that is seen, with the material's relief.
      albedo: [N, 3] float32.
      tangent: [N, 3] float32 unit vectors along the strands of hair; 0 elsewhere.
    """

    position: np.ndarray
    normal: np.ndarray
    albedo: np.ndarray
    tangent: np.ndarray


def look_up(
    fragments: Fragments,
    drawables: list[Drawable],
    posed: list[Posed],
    width: int,
    side: int,
) -> Points:
    """Points of the fragments of an image `width` pixels wide, `side` x `side` samples a pixel.

    `posed` are the drawables in this frame.
    """
    count = len(fragments.pixel)
    points = Points(*(np.zeros((count, 3), np.float32) for _ in Points._fields))
    for index, (drawable, mesh) in enumerate(zip(drawables, posed, strict=True)):
        span = (fragments.first[index], fragments.first[index + 1])
        if span[0] == span[1]:
            continue
        material = drawable.mesh.material
        repeat = (float(material.repeat[0]), float(material.repeat[1]))
        sizes = (len(material.albedo), 0 if material.height is None else len(material.height))
        grid = (width, side)
        _look_up(
            fragments, span, drawable.first_id, mesh, sizes, repeat, material.strand, grid, points
        )
    return points


@kernel
def _look_up(fragments, span, first_id, mesh, sizes, repeat, strand, grid, points):
    width, side = grid
    size, relief_size = sizes
    rows, columns = mesh.lattice
    step = 1.0 / side
    for n in range(span[0], span[1]):
        row, column = row_and_column(fragments, n, width, side)
        x, y = (column + 0.5) * step, (row + 0.5) * step
        f = fragments.triangle[n] - first_id
        i, j, k = row3(mesh.triangles, f)
        at = (row % rows) * columns + column % columns if rows > 1 else 0
        p = homogeneous(mesh.corners, at, i)
        q, r = homogeneous(mesh.corners, at, j), homogeneous(mesh.corners, at, k)
        weights, dx, dy = _weights(p, q, r, x, y)
        w0, w1, w2 = weights
        for c in range(3):
            points.position[n, c] = (
                w0 * mesh.world[i, c] + w1 * mesh.world[j, c] + w2 * mesh.world[k, c]
            )
        uv = mesh.uv
        us = (uv[i, 0] * repeat[0], uv[j, 0] * repeat[0], uv[k, 0] * repeat[0])
        vs = (uv[i, 1] * repeat[1], uv[j, 1] * repeat[1], uv[k, 1] * repeat[1])
        u, v = _mix(weights, us), _mix(weights, vs)
        level, share, probes, du, dv = mipmaps.footprint(
            _mix(dx, us) * size, _mix(dx, vs) * size, _mix(dy, us) * size, _mix(dy, vs) * size
        )
        red, green, blue = mipmaps.colour(
            mesh.albedo, size, u * size, v * size, level, share, probes, du, dv
        )
        tint = mesh.tint
        # Tints may brighten, but nothing reflects more than it gets.
        red *= w0 * tint[i, 0] + w1 * tint[j, 0] + w2 * tint[k, 0]
        green *= w0 * tint[i, 1] + w1 * tint[j, 1] + w2 * tint[k, 1]
        blue *= w0 * tint[i, 2] + w1 * tint[j, 2] + w2 * tint[k, 2]
        points.albedo[n, 0] = min(red, 1.0)
        points.albedo[n, 1] = min(green, 1.0)
        points.albedo[n, 2] = min(blue, 1.0)

        normals = mesh.normals
        nx = w0 * normals[i, 0] + w1 * normals[j, 0] + w2 * normals[k, 0]
        ny = w0 * normals[i, 1] + w1 * normals[j, 1] + w2 * normals[k, 1]
        nz = w0 * normals[i, 2] + w1 * normals[j, 2] + w2 * normals[k, 2]
        if relief_size > 0 or strand:
            gu, gv = _uv_gradients(mesh.world, (i, j, k), us, vs)
            if relief_size > 0:
                level = mipmaps.level_of_area(
                    _mix(dx, us) * relief_size,
                    _mix(dx, vs) * relief_size,
                    _mix(dy, us) * relief_size,
                    _mix(dy, vs) * relief_size,
                )
                hu, hv = mipmaps.slope(
                    mesh.height, relief_size, u * relief_size, v * relief_size, level
                )
                hu, hv = hu * relief_size, hv * relief_size
                nx -= hu * gu[0] + hv * gv[0]
                ny -= hu * gu[1] + hv * gv[1]
                nz -= hu * gu[2] + hv * gv[2]
            if strand:
                # Along v, where u stays: across the gradient of u.
                tx, ty, tz = cross(gu, (nx, ny, nz))
                scale = 1.0 / max(math.sqrt(tx * tx + ty * ty + tz * tz), 1e-12)
                points.tangent[n, 0] = tx * scale
                points.tangent[n, 1] = ty * scale
                points.tangent[n, 2] = tz * scale
        scale = 1.0 / max(math.sqrt(nx * nx + ny * ny + nz * nz), 1e-12)
        if is_behind(p, q, r):
            scale = -scale
        points.normal[n, 0], points.normal[n, 1], points.normal[n, 2] = (
            nx * scale,
            ny * scale,
            nz * scale,
        )


@kernel
def _weights(p, q, r, x, y):
    """Barycentrics at the pixel position (x, y) and their derivatives in x and in y."""
    a0, b0, c0 = cross(q, r)
    a1, b1, c1 = cross(r, p)
    a2, b2, c2 = cross(p, q)
    e0, e1, e2 = a0 * x + b0 * y + c0, a1 * x + b1 * y + c1, a2 * x + b2 * y + c2
    s = 1.0 / (e0 + e1 + e2)
    w0, w1, w2 = e0 * s, e1 * s, e2 * s
    a, b = a0 + a1 + a2, b0 + b1 + b2
    dx = ((a0 - w0 * a) * s, (a1 - w1 * a) * s, (a2 - w2 * a) * s)
    dy = ((b0 - w0 * b) * s, (b1 - w1 * b) * s, (b2 - w2 * b) * s)
    return (w0, w1, w2), dx, dy


@kernel
def _mix(weights, values):
    return weights[0] * values[0] + weights[1] * values[1] + weights[2] * values[2]


@kernel
def _uv_gradients(world, ids, us, vs):
    """Gradients in the world of u and v over a triangle, each (x, y, z); 0 where it has no area."""
    i, j, k = ids
    x, y, z = world[i, 0], world[i, 1], world[i, 2]
    a = (world[j, 0] - x, world[j, 1] - y, world[j, 2] - z)
    b = (world[k, 0] - x, world[k, 1] - y, world[k, 2] - z)
    n = cross(a, b)
    area = n[0] * n[0] + n[1] * n[1] + n[2] * n[2]
    scale = 1.0 / area if area > 1e-30 else 0.0
    # Gradients of the second and the third barycentric.
    s, t = cross(b, n), cross(n, a)
    u1, u2 = (us[1] - us[0]) * scale, (us[2] - us[0]) * scale
    v1, v2 = (vs[1] - vs[0]) * scale, (vs[2] - vs[0]) * scale
    return (
        (u1 * s[0] + u2 * t[0], u1 * s[1] + u2 * t[1], u1 * s[2] + u2 * t[2]),
        (v1 * s[0] + v2 * t[0], v1 * s[1] + v2 * t[1], v1 * s[2] + v2 * t[2]),
    )

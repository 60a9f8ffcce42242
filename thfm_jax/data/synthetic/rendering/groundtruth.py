"""Labels of a frame, at the centre of each pixel."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from thfm_jax.data.synthetic.rendering.drawables import Drawable, Posed
from thfm_jax.data.synthetic.rendering.fragments import Fragments, row_and_column
from thfm_jax.data.synthetic.rendering.jit import kernel, row3
from thfm_jax.data.synthetic.rendering.raster import barycentrics, homogeneous, is_behind


class Maps(NamedTuple):
    """What the pixels' centres show; see `clip.Labels` for those of its names.

    Attributes:
      mesh: [H, W] int32 index of the mesh, -1 for none.
      triangle: [H, W] int32 index of its triangle.
      barycentrics: [H, W, 3] float32 shares of the triangle's corners; 0 where instance is 0.
      positions: [H, W, 3] float32 world position, NaN where there is no mesh; [0, 0, 3] where
        nobody asked.
      nearest_m: [H, W] float32 z in the camera frame of any mesh, infinite where there is none.
    """

    depth_m: np.ndarray
    normals: np.ndarray
    template: np.ndarray
    part: np.ndarray
    instance: np.ndarray
    valid: np.ndarray
    posed: np.ndarray
    mesh: np.ndarray
    triangle: np.ndarray
    barycentrics: np.ndarray
    positions: np.ndarray
    nearest_m: np.ndarray


def empty(frames: int, height: int, width: int, positions: bool) -> Maps:
    """Maps [T, H, W] that show nothing."""
    asked = (height, width) if positions else (0, 0)

    def zeros(dtype, *channels):
        return np.zeros((frames, height, width, *channels), dtype)

    return Maps(
        depth_m=zeros(np.float32),
        normals=zeros(np.float32, 3),
        template=zeros(np.float32, 3),
        part=zeros(np.uint8),
        instance=zeros(np.uint8),
        valid=zeros(np.bool_),
        posed=zeros(np.bool_),
        mesh=np.full((frames, height, width), -1, np.int32),
        triangle=zeros(np.int32),
        barycentrics=zeros(np.float32, 3),
        positions=np.full((frames, *asked, 3), np.nan, np.float32),
        nearest_m=np.full((frames, height, width), np.inf, np.float32),
    )


def fill(
    maps: Maps,
    fragments: Fragments,
    drawables: list[Drawable],
    posed: list[Posed],
    rotation: Float[np.ndarray, "3 3"],
    eye: Float[np.ndarray, "3"],
    soft: Float[np.ndarray, "H W"],
) -> None:
    """Writes what the fragments of a frame show, one a pixel, into its maps.

    Args:
      rotation: float64, world to camera.
      eye: float64, the camera's position.
      soft: float32 share of the pixel that strands of hair cover in the picture.
    """
    for index, (drawable, mesh) in enumerate(zip(drawables, posed, strict=True)):
        source = drawable.mesh
        template = np.zeros((0, 3), np.float32) if source.template is None else source.template
        part = np.zeros(0, np.uint8) if source.part is None else source.part
        kind = (index, source.instance, source.passes == "label", drawable.first_id)
        span = (fragments.first[index], fragments.first[index + 1])
        if span[0] < span[1]:
            _fill(maps, fragments, span, mesh, template, part, kind, rotation, eye, soft)


@kernel
def _fill(maps, fragments, span, mesh, template, part, kind, rotation, eye, soft):
    index, instance, hull, first_id = kind
    width, asked = maps.depth_m.shape[1], maps.positions.size > 0
    for n in range(span[0], span[1]):
        row, column = row_and_column(fragments, n, width, 1)
        f = fragments.triangle[n] - first_id
        maps.mesh[row, column] = index
        maps.triangle[row, column] = f
        maps.nearest_m[row, column] = np.float32(1.0) / fragments.near[n]
        if instance == 0 and not asked:
            continue
        i, j, k = row3(mesh.triangles, f)
        p = homogeneous(mesh.corners, 0, i)
        q, r = homogeneous(mesh.corners, 0, j), homogeneous(mesh.corners, 0, k)
        w0, w1, w2 = barycentrics(p, q, r, column + 0.5, row + 0.5)
        place = _mix(mesh.world, (i, j, k), (w0, w1, w2))
        if asked:
            for c in range(3):
                maps.positions[row, column, c] = place[c]
        if instance == 0:
            continue
        maps.barycentrics[row, column, 0] = w0
        maps.barycentrics[row, column, 1] = w1
        maps.barycentrics[row, column, 2] = w2
        depth = w0 * p[2] + w1 * q[2] + w2 * r[2]
        maps.nearest_m[row, column] = depth
        maps.depth_m[row, column] = depth
        maps.instance[row, column] = instance
        maps.part[row, column] = part[f]
        maps.valid[row, column] = not hull or soft[row, column] > 0.999
        if len(template) > 0:
            maps.posed[row, column] = True
            at = _mix(template, (i, j, k), (w0, w1, w2))
            for c in range(3):
                maps.template[row, column, c] = at[c]
        side = -1.0 if is_behind(p, q, r) else 1.0
        x, y, z = _facing(
            _mix(mesh.normals, (i, j, k), (w0 * side, w1 * side, w2 * side)),
            (eye[0] - place[0], eye[1] - place[1], eye[2] - place[2]),
        )
        for c, sign in ((0, 1.0), (1, -1.0), (2, -1.0)):
            turned = rotation[c, 0] * x + rotation[c, 1] * y + rotation[c, 2] * z
            maps.normals[row, column, c] = sign * turned


@kernel
def _mix(values, ids, weights):
    """Weighted mean of three rows of `values` [V, 3], float64."""
    i, j, k = ids
    a, b, c = weights
    return (
        a * values[i, 0] + b * values[j, 0] + c * values[k, 0],
        a * values[i, 1] + b * values[j, 1] + c * values[k, 1],
        a * values[i, 2] + b * values[j, 2] + c * values[k, 2],
    )


@kernel
def _facing(normal, view):
    """Unit normal, bent to the silhouette where interpolation turned it away from the camera."""
    x, y, z = normal
    away = min(x * view[0] + y * view[1] + z * view[2], 0.0)
    scale = away / (view[0] * view[0] + view[1] * view[1] + view[2] * view[2])
    x, y, z = x - scale * view[0], y - scale * view[1], z - scale * view[2]
    scale = 1.0 / max(math.sqrt(x * x + y * y + z * z), 1e-12)
    return x * scale, y * scale, z * scale

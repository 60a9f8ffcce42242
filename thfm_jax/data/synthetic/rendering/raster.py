"""Which triangle each sample of an image sees: a z-buffer that needs no clipping.

A vertex p becomes the homogeneous image point h = K (R p + t) = (x z, y z, z), with x and y in
pixels and z its depth. Over a triangle with corners h0, h1, h2 the perspective-correct barycentrics
divided by depth are linear in the pixel (x, y):

    b_i / z = e_i(x, y) / det,  e_i = (x, y, 1) . (h_j x h_k),  det = h0 . (h1 x h2)

so that the pixel is inside, and in front of the camera, where all three are positive, and
1 / z = sum e_i / det (Olano and Greer, "Triangle scan conversion using 2D homogeneous coordinates",
1997). Neighbours see a shared edge with exactly opposite signs: no cracks.
"""

import math

import numpy as np

from thfm_jax.data.synthetic.rendering import mipmaps
from thfm_jax.data.synthetic.rendering.jit import kernel, row3

NEAR_M = 0.02
NEAREST = np.float32(1 / NEAR_M)


@kernel
def project(points, matrix, corners):
    """Fills `corners` [V, 5] float64 with (x z, y z, z, x, y) of `points` [V, 3] in the world.

    `matrix` [3, 4] float64 is K [R | t]. x and y are undefined closer than `NEAR_M`.
    """
    for i in range(len(points)):
        p, q, r = np.float64(points[i, 0]), np.float64(points[i, 1]), np.float64(points[i, 2])
        x = matrix[0, 0] * p + matrix[0, 1] * q + matrix[0, 2] * r + matrix[0, 3]
        y = matrix[1, 0] * p + matrix[1, 1] * q + matrix[1, 2] * r + matrix[1, 3]
        z = matrix[2, 0] * p + matrix[2, 1] * q + matrix[2, 2] * r + matrix[2, 3]
        corners[i, 0] = x
        corners[i, 1] = y
        corners[i, 2] = z
        corners[i, 3] = x / z
        corners[i, 4] = y / z


@kernel
def cross(p, q):
    """Line through two homogeneous image points: e(x, y) = a x + b y + c."""
    return p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0]


@kernel
def homogeneous(corners, time, i):
    """(x z, y z, z) of a vertex in `corners` [K, V, 5]."""
    return corners[time, i, 0], corners[time, i, 1], corners[time, i, 2]


@kernel
def _corner(corners, i):
    return corners[i, 0], corners[i, 1], corners[i, 2], corners[i, 3], corners[i, 4]


@kernel
def _bounds(p, q, r):
    """(left, right, top, bottom) in pixels of a triangle's part in front of `NEAR_M`."""
    if p[2] > NEAR_M and q[2] > NEAR_M and r[2] > NEAR_M:
        return (
            min(p[3], q[3], r[3]),
            max(p[3], q[3], r[3]),
            min(p[4], q[4], r[4]),
            max(p[4], q[4], r[4]),
        )
    left, right, top, bottom = np.inf, -np.inf, np.inf, -np.inf
    for a, b in ((p, q), (q, r), (r, p)):
        for share in (0.0, (NEAR_M - a[2]) / (b[2] - a[2])):
            z = a[2] + share * (b[2] - a[2])
            if 0.0 <= share <= 1.0 and z >= NEAR_M * (1 - 1e-6):
                x = (a[0] + share * (b[0] - a[0])) / z
                y = (a[1] + share * (b[1] - a[1])) / z
                left, right, top, bottom = min(left, x), max(right, x), min(top, y), max(bottom, y)
    return left, right, top, bottom


@kernel
def edge(a, b, c, grid):
    """Where e = a x + b y + c changes sign: at column `start` + `step` row of the grid.

    Neighbours have the opposite a, b and c, and so exactly the same column. `side` is 1 where e is
    positive in columns beyond it, -1 before it; 0 for an edge along the rows, positive in those
    where `start` + `step` row is.
    """
    x0, y0, dx, dy = grid
    if a == 0.0:
        return b * y0 + c, b * dy, 0
    scale = -1.0 / (a * dx)
    return (b * y0 + c) * scale - x0 / dx, b * dy * scale, 1 if a > 0.0 else -1


@kernel
def cut(first, last, line, row):
    """What an `edge` leaves of the columns from `first` to `last`, float64, in a row."""
    start, step, side = line
    at = start + step * row
    if side > 0:
        return max(first, at), last
    if side < 0:
        return first, min(last, at)
    return first, last if at >= 0.0 else first - 1.0


@kernel
def _is_hole(e0, e1, e2, texels, cutoffs, opacity):
    """Whether the opacity is below the cutoff at a point of a triangle.

    `texels` (u0, v0, u1, v1, u2, v2) and `cutoffs` are its corners'.
    """
    scale = 1.0 / (e0 + e1 + e2)
    u = (e0 * texels[0] + e1 * texels[2] + e2 * texels[4]) * scale
    v = (e0 * texels[1] + e1 * texels[3] + e2 * texels[5]) * scale
    cutoff = (e0 * cutoffs[0] + e1 * cutoffs[1] + e2 * cutoffs[2]) * scale
    return mipmaps.bilinear(opacity, u, v) < cutoff


@kernel
def draw(corners, triangles, first_id, two_sided, grid, uv, cutoff, opacity, repeat, near, ids):
    """Draws a mesh into a z-buffer of samples.

    Args:
      corners: [V, 5] float64 from `project`.
      triangles: [F, 3] int32; triangle f gets the number `first_id` + f.
      two_sided: whether triangles seen from behind are drawn.
      grid: (x, y, dx, dy) in pixels: sample (row, column) is at (x + column dx, y + row dy).
      uv: [V, 2] float32, cutoff: [V] float32, opacity: [R, R] uint8 and repeat: see
        `scene.Material.opacity`; an opacity of [0, 0] has no holes.
      near: [rows, columns] float32 1 / z of what has been drawn, 0 for nothing; updated.
      ids: [rows, columns] int32, updated.
    """
    rows, columns = near.shape
    x0, y0, dx, dy = grid
    masked = len(opacity) > 0
    across, along = repeat[0] * len(opacity), repeat[1] * len(opacity)
    # Backwards: hair lists its layers from the skin outwards, and what is hidden costs less.
    for f in range(len(triangles) - 1, -1, -1):
        i, j, k = row3(triangles, f)
        p, q, r = _corner(corners, i), _corner(corners, j), _corner(corners, k)
        left, right, top, bottom = _bounds(p, q, r)
        # Huge or empty bounds would overflow an integer.
        first = np.ceil(max((left - x0) / dx, 0.0))
        last = np.floor(min((right - x0) / dx, columns - 1.0))
        first_row = math.ceil(max((top - y0) / dy, 0.0))
        last_row = math.floor(min((bottom - y0) / dy, rows - 1.0))
        if first > last or first_row > last_row:
            continue
        a0, b0, c0 = cross(q, r)
        det = p[0] * a0 + p[1] * b0 + p[2] * c0
        if det == 0.0 or (det > 0.0 and not two_sided):
            continue
        a1, b1, c1 = cross(r, p)
        a2, b2, c2 = cross(p, q)
        if det < 0.0:
            det = -det
            a0, b0, c0, a1, b1, c1, a2, b2, c2 = -a0, -b0, -c0, -a1, -b1, -c1, -a2, -b2, -c2
        if masked:
            texels = (
                uv[i, 0] * across,
                uv[i, 1] * along,
                uv[j, 0] * across,
                uv[j, 1] * along,
                uv[k, 0] * across,
                uv[k, 1] * along,
            )
            cutoffs = (cutoff[i], cutoff[j], cutoff[k])
        edges = (edge(a0, b0, c0, grid), edge(a1, b1, c1, grid), edge(a2, b2, c2, grid))
        scale = 1.0 / det
        # 1 / z is linear in the column and the row, too.
        slope, fall = (a0 + a1 + a2) * scale, (b0 + b1 + b2) * scale
        level = (c0 + c1 + c2) * scale + slope * x0 + fall * y0
        slope, fall = slope * dx, fall * dy
        for row in range(first_row, last_row + 1):
            start, end = cut(first, last, edges[0], row)
            start, end = cut(start, end, edges[1], row)
            start, end = cut(start, end, edges[2], row)
            here = level + fall * row
            for column in range(math.ceil(start), math.floor(end) + 1):
                nearness = np.float32(here + slope * column)
                if nearness <= near[row, column] or nearness > NEAREST:
                    continue
                if masked:
                    x, y = x0 + column * dx, y0 + row * dy
                    e0, e1, e2 = a0 * x + b0 * y + c0, a1 * x + b1 * y + c1, a2 * x + b2 * y + c2
                    if _is_hole(e0, e1, e2, texels, cutoffs, opacity):
                        continue
                near[row, column] = nearness
                ids[row, column] = first_id + f


@kernel
def barycentrics(p, q, r, x, y):
    """Perspective-correct shares of three corners at the pixel position (x, y)."""
    a0, b0, c0 = cross(q, r)
    a1, b1, c1 = cross(r, p)
    a2, b2, c2 = cross(p, q)
    e0, e1, e2 = a0 * x + b0 * y + c0, a1 * x + b1 * y + c1, a2 * x + b2 * y + c2
    scale = 1.0 / (e0 + e1 + e2)
    return e0 * scale, e1 * scale, e2 * scale


@kernel
def is_behind(p, q, r):
    """Whether a triangle is seen from its back."""
    a, b, c = cross(q, r)
    return p[0] * a + p[1] * b + p[2] * c > 0.0


@kernel
def travel(start, end, width, height):
    """Longest way in pixels of a vertex that is in the image, between two `corners` [V, 5]."""
    longest = 0.0
    for i in range(len(start)):
        if start[i, 2] < NEAR_M or end[i, 2] < NEAR_M:
            continue
        x, y = (start[i, 3] + end[i, 3]) / 2, (start[i, 4] + end[i, 4]) / 2
        if 0.0 < x < width and 0.0 < y < height:
            dx, dy = end[i, 3] - start[i, 3], end[i, 4] - start[i, 4]
            longest = max(longest, dx * dx + dy * dy)
    return math.sqrt(longest)

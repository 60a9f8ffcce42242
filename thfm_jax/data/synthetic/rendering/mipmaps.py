"""Textures that do not shimmer: looked up in a pyramid, at the size that a pixel has on them.

A pyramid is a float32 array [N, C]: the texels of the [R, R, C] texture row by row, then those of
its halves down to [1, 1, C]. Coordinates are in texels of the full texture, repeat over the plane,
and texel (column, row) is centred at (column + 0.5, row + 0.5).
"""

import math

import numpy as np
from jaxtyping import Float

from thfm_jax.data.synthetic.rendering.jit import kernel, row3

# Most points looked up along the longer side of a pixel's footprint.
MAX_PROBES = 4


def build(texture: Float[np.ndarray, "R R C"]) -> Float[np.ndarray, "N C"]:
    """Pyramid of a texture whose side is a power of two."""
    size, channels = texture.shape[0], texture.shape[2]
    pyramid = np.empty((_count(size), channels), np.float32)
    pyramid[: size * size] = texture.reshape(-1, channels)
    _halve(pyramid, size)
    return pyramid


def _count(size: int) -> int:
    return (4 * size * size - 1) // 3


@kernel
def _halve(pyramid, size):
    start = 0
    while size > 1:
        end, half = start + size * size, size // 2
        for row in range(half):
            for column in range(half):
                corner = start + 2 * row * size + 2 * column
                for c in range(pyramid.shape[1]):
                    pyramid[end + row * half + column, c] = np.float32(0.25) * (
                        pyramid[corner, c]
                        + pyramid[corner + 1, c]
                        + pyramid[corner + size, c]
                        + pyramid[corner + size + 1, c]
                    )
        start, size = end, half


@kernel
def taps(u, v, size):
    """Offsets of the four texels around a point of a [size, size] texture, and the last's share."""
    u, v = u - 0.5, v - 0.5
    column, row = math.floor(u), math.floor(v)
    left, top = column & (size - 1), row & (size - 1)
    right, bottom = (column + 1) & (size - 1), (row + 1) & (size - 1)
    offsets = (top * size + left, top * size + right, bottom * size + left, bottom * size + right)
    return offsets, np.float32(u - column), np.float32(v - row)


@kernel
def bilinear(texture, u, v):
    """Value of a [R, R] texture between its texels."""
    u, v = u - 0.5, v - 0.5
    column, row = math.floor(u), math.floor(v)
    last = len(texture) - 1
    left, top = column & last, row & last
    right, bottom = (column + 1) & last, (row + 1) & last
    x, y = np.float32(u - column), np.float32(v - row)
    a, b = np.float32(texture[top, left]), np.float32(texture[top, right])
    c, d = np.float32(texture[bottom, left]), np.float32(texture[bottom, right])
    above, below = a + (b - a) * x, c + (d - c) * x
    return above + (below - above) * y


@kernel
def footprint(ux, vx, uy, vy):
    """How to look up a pixel whose step in x moves (ux, vx) texels and in y (uy, vy).

    Returns the level of the pyramid, how far from it to the next one (0 to 1), the number of
    probes, and the (u, v) that they spread over.
    """
    along_x, along_y = ux * ux + vx * vx, uy * uy + vy * vy
    u, v, major, minor = ux, vx, along_x, along_y
    if along_y > along_x:
        u, v, major, minor = uy, vy, along_y, along_x
    if major <= 1.0:
        return 0, np.float32(0.0), 1, u, v
    minor = max(minor, major / (MAX_PROBES * MAX_PROBES), 1.0)
    probes = min(math.ceil(math.sqrt(major / minor)), MAX_PROBES)
    level = 0
    while minor > 4.0 and level < 16:
        minor *= 0.25
        level += 1
    # Only half of the way between levels blends them: the rest looks up one.
    share = min(max((minor - 1.5) / 1.5, 0.0), 1.0)
    return level + (share == 1.0), np.float32(share if share < 1.0 else 0.0), probes, u, v


@kernel
def level_of_area(ux, vx, uy, vy):
    """Nearest level for one look-up of such a pixel, which is long at grazing angles."""
    along_x, along_y = ux * ux + vx * vx, uy * uy + vy * vy
    square = max(min(along_x, along_y), 0.25 * max(along_x, along_y))
    level = 0
    while square > 1.0 and level < 16:
        square *= 0.25
        level += 1
    return level


@kernel
def _level(size, level):
    """(first texel, side) of a level of a pyramid; the last for levels beyond it."""
    side = max(size >> level, 1)
    return 4 * (size * size - side * side) // 3, side


@kernel
def colour(pyramid, size, u, v, level, share, probes, du, dv):
    """RGB float32 of a pyramid [N, 3], averaged over `probes` points along (du, dv)."""
    if size == 1:
        return pyramid[0, 0], pyramid[0, 1], pyramid[0, 2]
    red, green, blue = _averaged(pyramid, size, u, v, level, probes, du, dv)
    if share > 0.0:
        r, g, b = _averaged(pyramid, size, u, v, level + 1, probes, du, dv)
        red, green, blue = (
            red + share * (r - red),
            green + share * (g - green),
            blue + share * (b - blue),
        )
    return red, green, blue


@kernel
def _averaged(pyramid, size, u, v, level, probes, du, dv):
    red, green, blue = np.float32(0.0), np.float32(0.0), np.float32(0.0)
    start, side = _level(size, level)
    scale = side / size
    step = 1.0 / probes
    whole = np.float32(step)
    for probe in range(probes):
        at = (probe + 0.5) * step - 0.5
        (a, b, c, d), x, y = taps((u + at * du) * scale, (v + at * dv) * scale, side)
        a, b, c, d = start + a, start + b, start + c, start + d
        wd = x * y * whole
        wb, wc = x * whole - wd, y * whole - wd
        wa = whole - wb - wc - wd
        p, q, r, s = row3(pyramid, a), row3(pyramid, b), row3(pyramid, c), row3(pyramid, d)
        red += p[0] * wa + q[0] * wb + r[0] * wc + s[0] * wd
        green += p[1] * wa + q[1] * wb + r[1] * wc + s[1] * wd
        blue += p[2] * wa + q[2] * wb + r[2] * wc + s[2] * wd
    return red, green, blue


@kernel
def slope(pyramid, size, u, v, level):
    """d/du and d/dv per texel of the full size of a height pyramid [N, 1].

    Of the quadratic B-spline through 3 x 3 texels: it changes without jumps.
    """
    start, side = _level(size, level)
    scale = side / size
    u, v = u * scale, v * scale
    column, row = math.floor(u), math.floor(v)
    x, y = u - column - 0.5, v - row - 0.5
    columns = (0.5 * (0.5 - x) * (0.5 - x), 0.75 - x * x, 0.5 * (0.5 + x) * (0.5 + x))
    rows = (0.5 * (0.5 - y) * (0.5 - y), 0.75 - y * y, 0.5 * (0.5 + y) * (0.5 + y))
    along_x, along_y = (x - 0.5, -2.0 * x, x + 0.5), (y - 0.5, -2.0 * y, y + 0.5)
    along_u, along_v = 0.0, 0.0
    for j in range(3):
        line = start + ((row + j - 1) & (side - 1)) * side
        for i in range(3):
            value = pyramid[line + ((column + i - 1) & (side - 1)), 0]
            along_u += value * along_x[i] * rows[j]
            along_v += value * columns[i] * along_y[j]
    return along_u * scale, along_v * scale

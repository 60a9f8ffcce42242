"""Textures that do not shimmer: looked up in a pyramid, at the size that a pixel has on them.

A pyramid is a float32 array [N, C]: the texels of the [R, R, C] texture row by row, then those of
its halves down to [1, 1, C]. Coordinates are in texels of the full texture, repeat over the plane,
and texel (column, row) is centred at (column + 0.5, row + 0.5).
"""

import math

import numpy as np
from jaxtyping import Float

from thfm_jax.data.synthetic.jit import kernel

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
    (a, b, c, d), x, y = taps(u, v, len(texture))
    flat = texture.reshape(-1)
    top = flat[a] + (np.float32(flat[b]) - flat[a]) * x
    bottom = flat[c] + (np.float32(flat[d]) - flat[c]) * x
    return top + (bottom - top) * y


@kernel
def footprint(ux, vx, uy, vy):
    """How to look up a pixel whose step in x moves (ux, vx) texels and in y (uy, vy).

    Returns the level of the pyramid (0 to its top, with a fraction), the number of probes, and the
    (u, v) that they spread over.
    """
    along_x, along_y = ux * ux + vx * vx, uy * uy + vy * vy
    u, v, major, minor = ux, vx, along_x, along_y
    if along_y > along_x:
        u, v, major, minor = uy, vy, along_y, along_x
    minor = max(minor, major / (MAX_PROBES * MAX_PROBES))
    if major <= 1.0:
        return np.float32(0.0), 1, u, v
    probes = math.ceil(math.sqrt(major / max(minor, 1.0)))
    return np.float32(0.5 * math.log2(max(minor, 1.0))), min(probes, MAX_PROBES), u, v


@kernel
def _level(size, level):
    """(first texel, side) of a level of a pyramid; the last for levels beyond it."""
    start = 0
    while level > 0 and size > 1:
        start += size * size
        size //= 2
        level -= 1
    return start, size


@kernel
def colour(pyramid, size, u, v, level, probes, du, dv):
    """RGB float32 of a pyramid [N, 3], averaged over `probes` points along (du, dv)."""
    if size == 1:
        return pyramid[0, 0], pyramid[0, 1], pyramid[0, 2]
    red, green, blue = np.float32(0.0), np.float32(0.0), np.float32(0.0)
    whole = math.floor(level)
    for upper in range(2 if level > whole else 1):
        start, side = _level(size, whole + upper)
        weight = np.float32(level - whole if upper else 1.0 - (level - whole)) / np.float32(probes)
        scale = side / size
        for probe in range(probes):
            at = (probe + 0.5) / probes - 0.5
            (a, b, c, d), x, y = taps((u + at * du) * scale, (v + at * dv) * scale, side)
            wb, wc, wd = x * (1 - y), (1 - x) * y, x * y
            wa = 1 - wb - wc - wd
            a, b, c, d = start + a, start + b, start + c, start + d
            wa, wb, wc, wd = wa * weight, wb * weight, wc * weight, wd * weight
            red += pyramid[a, 0] * wa + pyramid[b, 0] * wb + pyramid[c, 0] * wc + pyramid[d, 0] * wd
            green += (
                pyramid[a, 1] * wa + pyramid[b, 1] * wb + pyramid[c, 1] * wc + pyramid[d, 1] * wd
            )
            blue += (
                pyramid[a, 2] * wa + pyramid[b, 2] * wb + pyramid[c, 2] * wc + pyramid[d, 2] * wd
            )
    return red, green, blue


@kernel
def slope(pyramid, size, u, v, level):
    """d/du and d/dv per texel of the full size of a height pyramid [N, 1], smoothly interpolated.

    Central differences of its bilinear values half a texel of the nearest level away.
    """
    start, side = _level(size, math.floor(level + 0.5))
    scale = side / size
    u, v = u * scale, v * scale
    plane = pyramid[start : start + side * side].reshape(side, side)
    along_u = bilinear(plane, u + 0.5, v) - bilinear(plane, u - 0.5, v)
    along_v = bilinear(plane, u, v + 0.5) - bilinear(plane, u, v - 0.5)
    return along_u * scale, along_v * scale

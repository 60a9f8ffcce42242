"""Ambient occlusion: how much of the light from all around other surfaces keep away.

Estimated from depth in the image, at half its resolution, by how far surfaces around a point rise
above its plane, near ones more (McGuire et al., "The Alchemy screen-space ambient obscurance
algorithm", 2011), and smoothed without crossing edges.
"""

import math

import numpy as np
from jaxtyping import Float

from thfm_jax.data.synthetic.rendering.fragments import Fragments
from thfm_jax.data.synthetic.rendering.jit import kernel

RADIUS_M = 0.45
TAPS = 14
TURNS = 7  # of the spiral along which they lie
# Darkness of a point all of whose surroundings rise steeply, before it is cut off.
DEPTH = 3.5
# Surfaces that rise less than this share of their depth above a plane do not shade it.
BIAS = 0.004


def openness(
    half: Float[np.ndarray, "h w"],
    intrinsics: Float[np.ndarray, "3 3"],
    strength: float,
    fragments: Fragments,
    width: int,
) -> Float[np.ndarray, "N"]:
    """Share of the ambient light that arrives at each fragment, float32.

    Args:
      half: float32 1 / z at the centre of every second pixel, 0 where there is nothing.
      intrinsics: in pixels.
      strength: 0 for none, 1 for full.
      fragments: of an image `width` pixels wide.
    """
    values = np.ones(len(fragments.pixel), np.float32)
    if strength == 0:
        return values
    places = np.empty((*half.shape, 3), np.float32)
    _place(half, intrinsics, places)
    normals = np.zeros_like(places)
    raw, smooth = np.empty_like(half), np.empty_like(half)
    _occlude(places, _SPIRALS, intrinsics[0, 0] / 2, strength, normals, raw)
    _smooth(places, normals, raw, smooth)
    _look_up(fragments.pixel, fragments.near, half, smooth, width, values)
    return values


def _spirals(turned: int) -> Float[np.ndarray, "turned TAPS 2"]:
    """Taps in the unit disc along a spiral, turned by so many angles, float64."""
    share = (np.arange(TAPS) + 0.5) / TAPS
    angle = 2 * np.pi * (share * TURNS + np.arange(turned)[:, None] / turned)
    return np.stack([share * np.sin(angle), share * np.cos(angle)], axis=-1)


_SPIRALS = _spirals(16)


@kernel
def _place(half, intrinsics, places):
    """Positions in camera axes of every second pixel; z 0 where there is nothing."""
    for row in range(places.shape[0]):
        for column in range(places.shape[1]):
            w = half[row, column]
            z = np.float32(1.0) / w if w > 0.0 else np.float32(0.0)
            places[row, column, 0] = (2 * column + 0.5 - intrinsics[0, 2]) / intrinsics[0, 0] * z
            places[row, column, 1] = (2 * row + 0.5 - intrinsics[1, 2]) / intrinsics[1, 1] * z
            places[row, column, 2] = z


@kernel
def _step(places, row, column, dr, dc):
    """Difference to the neighbour on either side that is nearer in depth."""
    rows, columns = places.shape[:2]
    p = (places[row, column, 0], places[row, column, 1], places[row, column, 2])
    best = (np.float32(0.0), np.float32(0.0), np.float32(0.0))
    least = np.float32(np.inf)
    for sign in (-1, 1):
        r, c = row + sign * dr, column + sign * dc
        if 0 <= r < rows and 0 <= c < columns and places[r, c, 2] > 0.0:
            dx, dy = places[r, c, 0] - p[0], places[r, c, 1] - p[1]
            dz = places[r, c, 2] - p[2]
            if abs(dz) < least:
                least, s = abs(dz), np.float32(sign)
                best = (dx * s, dy * s, dz * s)
    return best


@kernel
def _occlude(places, spirals, focal, strength, normals, out):
    rows, columns = out.shape
    for row in range(rows):
        for column in range(columns):
            out[row, column] = 1.0
            p = (places[row, column, 0], places[row, column, 1], places[row, column, 2])
            if p[2] <= 0.0:
                continue
            a, b = _step(places, row, column, 0, 1), _step(places, row, column, 1, 0)
            nx, ny, nz = (
                a[2] * b[1] - a[1] * b[2],
                a[0] * b[2] - a[2] * b[0],
                a[1] * b[0] - a[0] * b[1],
            )
            length = math.sqrt(nx * nx + ny * ny + nz * nz)
            if length < 1e-12:
                continue
            nx, ny, nz = nx / length, ny / length, nz / length
            normals[row, column, 0] = nx
            normals[row, column, 1] = ny
            normals[row, column, 2] = nz
            radius = min(RADIUS_M * focal / p[2], 0.35 * columns)
            # Neighbours in 4 x 4 turn the spiral differently, and are averaged later.
            turn = ((row & 3) * 4 + (column & 3)) * 7 % 16
            total = 0.0
            for tap in range(TAPS):
                r = row + round(spirals[turn, tap, 0] * radius)
                c = column + round(spirals[turn, tap, 1] * radius)
                if r < 0 or c < 0 or r >= rows or c >= columns or places[r, c, 2] <= 0.0:
                    continue
                dx, dy, dz = places[r, c, 0] - p[0], places[r, c, 1] - p[1], places[r, c, 2] - p[2]
                square = dx * dx + dy * dy + dz * dz
                rise = dx * nx + dy * ny + dz * nz - BIAS * p[2]
                if rise > 0.0 and square < RADIUS_M * RADIUS_M:
                    fade = 1.0 - square / (RADIUS_M * RADIUS_M)
                    total += fade * rise / math.sqrt(square + 1e-8)
            out[row, column] = max(1.0 - strength * DEPTH * total / TAPS, 1.0 - strength)


@kernel
def _smooth(places, normals, raw, out):
    """Mean over 4 x 4 neighbours near the same plane."""
    rows, columns = raw.shape
    for row in range(rows):
        for column in range(columns):
            x, y, z = places[row, column, 0], places[row, column, 1], places[row, column, 2]
            nx, ny, nz = normals[row, column, 0], normals[row, column, 1], normals[row, column, 2]
            total, count = np.float32(0.0), 0
            for r in range(max(row - 2, 0), min(row + 2, rows)):
                for c in range(max(column - 2, 0), min(column + 2, columns)):
                    rise = (places[r, c, 0] - x) * nx + (places[r, c, 1] - y) * ny
                    rise += (places[r, c, 2] - z) * nz
                    if places[r, c, 2] > 0.0 and abs(rise) <= np.float32(0.02) * z:
                        total += raw[r, c]
                        count += 1
            out[row, column] = total / np.float32(count) if count else raw[row, column]


@kernel
def _look_up(pixel, near, half, coarse, width, values):
    """The mean of the neighbours on the coarse grid at a like depth, or the likest one's."""
    rows, columns = coarse.shape
    for n in range(len(pixel)):
        row = int((pixel[n] + 0.5) * (1.0 / width))
        column = pixel[n] - row * width
        total, weights = np.float32(0.0), np.float32(0.0)
        best, least = np.float32(1.0), np.float32(np.inf)
        for i in range(1 + (row & 1)):
            for j in range(1 + (column & 1)):
                r, c = min(row // 2 + i, rows - 1), min(column // 2 + j, columns - 1)
                gap = abs(half[r, c] - near[n])
                if gap <= np.float32(0.03) * near[n]:
                    total += coarse[r, c]
                    weights += np.float32(1.0)
                if gap < least:
                    best, least = coarse[r, c], gap
        values[n] = total / weights if weights > 0 else best

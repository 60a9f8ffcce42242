"""Resamples one frame of a clip from a window of the source, labels and picture alike.

A window (left, top, width, height) is in source pixels, any real numbers; what lies outside the
source is empty. Pixel centres are at +0.5.

The picture and alpha, which measure whole pixels, go through the same triangle filter, widened
where the window shrinks. The other labels are samples at pixel centres: where the four source
pixels about a new centre show one surface they are interpolated in perspective, else the nearest
is taken, so that nothing bleeds over an edge. In perspective means that 1 / z is interpolated, and
everything else weighted by it: depth that is back-projected with the new intrinsics then gives
exactly the interpolated positions.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numba
import numpy as np
from jaxtyping import Float, Int, Shaped, UInt8

from thfm_jax.data.synthetic import parts

# Four neighbours are one surface if they differ by no more than this many of their pixels' widths
# on the surface: a slope of 80 degrees.
_STEEPEST = 6.0

# The maps that are samples at pixel centres, in the order of `clip.Labels`.
SAMPLED = ("depth_m", "normals", "template", "part", "instance", "valid", "posed")
_SAME_PART = np.arange(len(parts.NAMES), dtype=np.uint8)


class Axis(NamedTuple):
    """How the new pixels along one axis come from the source's.

    Attributes:
      taps: [n, k] int64 source pixels that each new pixel is a mean of.
      weights: [n, k] float32; they add up to 1.
      nearest: [n] int64 source pixel that holds the new pixel's centre, -1 outside the source.
      before: [n] int64 source pixel whose centre comes before it, at most the last but one.
      share: [n] float32 in [0, 1], how far the centre is from that pixel's to the next one's.
    """

    taps: Int[np.ndarray, "n k"]
    weights: Float[np.ndarray, "n k"]
    nearest: Int[np.ndarray, "n"]
    before: Int[np.ndarray, "n"]
    share: Float[np.ndarray, "n"]


def axis(start: float, extent: float, source: int, out: int, flip: bool = False) -> Axis:
    """The `out` pixels that fill [start, start + extent) of `source` pixels, mirrored if `flip`."""
    return Axis(*_axis(float(start), float(extent), source, out, flip))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _axis(start, extent, source, out, flip):
    radius = max(extent / out, 1.0)
    taps = np.zeros((out, 2 * math.ceil(radius)), np.int64)
    weights = np.zeros(taps.shape, np.float32)
    nearest, before = np.empty(out, np.int64), np.empty(out, np.int64)
    share = np.empty(out, np.float32)
    for i in range(out):
        place = out - 1 - i if flip else i
        centre = start + (place + 0.5) * (extent / out)
        nearest[i] = math.floor(centre) if 0 <= centre < source else -1
        before[i] = min(max(math.floor(centre - 0.5), 0), max(source - 2, 0))
        share[i] = min(max(centre - 0.5 - before[i], 0.0), 1.0)
        first, total = math.floor(centre - radius + 0.5), 0.0
        for k in range(taps.shape[1]):
            weight = max(1 - abs(first + k + 0.5 - centre) / radius, 0.0)
            if 0 <= first + k < source:
                taps[i, k], weights[i, k] = first + k, weight
                total += weight
        if total > 0:
            weights[i] /= total
    return taps, weights, nearest, before, share


def filter_picture(
    rgb: UInt8[np.ndarray, "h w 3"],
    alpha: Float[np.ndarray, "h w"],
    rows: Axis,
    columns: Axis,
    fill: UInt8[np.ndarray, "3"],
    out_rgb: UInt8[np.ndarray, "H W 3"],
    out_alpha: Float[np.ndarray, "H W"],
) -> None:
    """Writes picture and alpha at the new pixels; outside the source they are `fill` and 0."""
    _filter(
        *(rgb, alpha, rows.taps, rows.weights, rows.nearest),
        *(columns.taps, columns.weights, columns.nearest, fill, out_rgb, out_alpha),
    )


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _filter(
    rgb, alpha, row_taps, row_weights, ys, column_taps, column_weights, xs, fill, out, out_alpha
):
    half, one = np.float32(0.5), np.float32(1)
    line = np.empty((rgb.shape[1], 4), np.float32)  # a new row at the source's columns
    left, right = column_taps.min(), column_taps.max() + 1
    for i in range(len(ys)):
        line[left:right] = 0
        for k in range(row_taps.shape[1]):
            weight, y = row_weights[i, k], row_taps[i, k]
            if weight > 0:
                for x in range(left, right):
                    line[x, 0] += weight * rgb[y, x, 0]
                    line[x, 1] += weight * rgb[y, x, 1]
                    line[x, 2] += weight * rgb[y, x, 2]
                    line[x, 3] += weight * alpha[y, x]
        for j in range(len(xs)):
            if ys[i] < 0 or xs[j] < 0:
                out[i, j, 0], out[i, j, 1], out[i, j, 2] = fill[0], fill[1], fill[2]
                out_alpha[i, j] = 0
                continue
            r = g = b = half
            a = np.float32(0)
            for k in range(column_taps.shape[1]):
                weight, x = column_weights[j, k], column_taps[j, k]
                r += weight * line[x, 0]
                g += weight * line[x, 1]
                b += weight * line[x, 2]
                a += weight * line[x, 3]
            # Weights add up to 1 but for rounding.
            out[i, j, 0], out[i, j, 1], out[i, j, 2] = np.uint8(r), np.uint8(g), np.uint8(b)
            out_alpha[i, j] = min(a, one)


def sample(
    maps: Sequence[Shaped[np.ndarray, "h w *C"]],
    rows: Axis,
    columns: Axis,
    focal_px: float,
    mirror: bool,
    out: Sequence[Shaped[np.ndarray, "H W *C"]],
) -> None:
    """Writes the maps named by `SAMPLED` at the new pixels into `out`, which comes all zero.

    Args:
      maps: of the source, in the order of `SAMPLED`.
      rows, columns: the new pixels; a mirrored picture has mirrored `columns`.
      focal_px: of the source.
      mirror: whether x of normals and template change sign, and left parts become right ones.
      out: where to write.
    """
    step = np.float32(min(_STEEPEST / focal_px, 0.5))
    whole = _whole(tuple(maps), step, rows.before.min(), rows.before.max() + 1)
    sign = np.float32(-1 if mirror else 1)
    new_part = parts.MIRROR if mirror else _SAME_PART
    _sample(tuple(maps), whole, rows[2:], columns[2:], sign, new_part, tuple(out))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _whole(maps, step, top, bottom):
    """[h, w] bool: the pixel, its right and lower neighbours and the one between: one surface."""
    depth, _, template, _, instance, valid, posed = maps
    height, width = depth.shape
    whole = np.zeros((height, width), np.bool_)
    for y in range(top, min(bottom, height - 1)):
        for x in range(width - 1):
            if instance[y, x] == 0:
                continue
            bound = step * depth[y, x]
            same = bound > 0
            for k in range(1, 4):
                i, j = y + k // 2, x + k % 2
                same &= instance[i, j] == instance[y, x]
                same &= valid[i, j] == valid[y, x] and posed[i, j] == posed[y, x]
                same &= abs(depth[i, j] - depth[y, x]) <= bound
                for c in range(3):
                    same &= abs(template[i, j, c] - template[y, x, c]) <= bound
            whole[y, x] = same
    return whole


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _sample(maps, whole, rows, columns, sign, new_part, out):
    depth, normals, template, part, instance, valid, posed = maps
    out_depth, out_normals, out_template, out_part, out_instance, out_valid, out_posed = out
    one = np.float32(1)
    for i in range(len(rows[0])):
        y, top, down = rows[0][i], rows[1][i], rows[2][i]
        for j in range(len(columns[0])):
            x, left, right = columns[0][j], columns[1][j], columns[2][j]
            if y < 0 or x < 0 or instance[y, x] == 0:
                continue
            out_part[i, j], out_instance[i, j] = new_part[part[y, x]], instance[y, x]
            out_valid[i, j], out_posed[i, j] = valid[y, x], posed[y, x]
            between = down * (one - down) + right * (one - right) > 0
            if not between or not whole[top, left]:
                out_depth[i, j] = depth[y, x]
                for c in range(3):
                    out_normals[i, j, c] = normals[y, x, c]
                    out_template[i, j, c] = template[y, x, c]
            else:
                low, far = top + 1, left + 1
                tl = (one - down) * (one - right) / depth[top, left]
                tr = (one - down) * right / depth[top, far]
                bl = down * (one - right) / depth[low, left]
                br = down * right / depth[low, far]
                z = one / (tl + tr + bl + br)
                out_depth[i, j] = z
                square = np.float32(0)
                for c in range(3):
                    out_template[i, j, c] = z * (
                        tl * template[top, left, c]
                        + tr * template[top, far, c]
                        + bl * template[low, left, c]
                        + br * template[low, far, c]
                    )
                    normal = (
                        tl * normals[top, left, c]
                        + tr * normals[top, far, c]
                        + bl * normals[low, left, c]
                        + br * normals[low, far, c]
                    )
                    out_normals[i, j, c] = normal
                    square += normal * normal
                scale = one / np.sqrt(square)
                for c in range(3):
                    out_normals[i, j, c] *= scale
            out_normals[i, j, 0] *= sign
            out_template[i, j, 0] *= sign

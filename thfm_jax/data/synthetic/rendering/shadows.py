"""Soft shadows of distant suns, from maps of what a sun sees first.

What stands still has one map for the clip, what moves one for each frame. The blur of a shadow
grows with the distance of what casts it (Fernando, "Percentage-closer soft shadows", 2005).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from thfm_jax.data.synthetic import scene
from thfm_jax.data.synthetic.rendering.drawables import Drawable, Posed
from thfm_jax.data.synthetic.rendering.fragments import Fragments, row_and_column
from thfm_jax.data.synthetic.rendering.jit import kernel, row3
from thfm_jax.data.synthetic.rendering.points import Points
from thfm_jax.data.synthetic.rendering.raster import cut, edge

# Points this far beneath the surface of hair still get half of the light.
HAIR_M = 0.015
# A point is in shadow of what is this much nearer to the sun than its own plane.
BIAS_M = 0.004
# Things farther towards the sun than this do not soften their shadow any more.
FAR_M = 1.5
TAPS = 8
SEARCHED = 4 + TAPS // 2
# Texels are not smaller than this.
FINEST_M = 0.0035
# Penumbras of a smaller radius are sampled more closely.
WIDE_TEXELS = 2.5
# Points off a point's plane by less than this share of its depth lie on the same surface.
SAME_PLANE = np.float32(0.01)
STILL_TEXELS, MOVING_TEXELS = 1024, 512
# Things that stand still cast shadows from up to this far around people.
REACH_M = 6.0

Solid = tuple[np.ndarray, ...]  # world [V, 3] float32, triangles [F, 3] int32


class Map(NamedTuple):
    """What a sun sees first.

    Attributes:
      axes: [3, 3] float32, rows right, up, towards the light.
      corner: (right, up) of the first texel's corner, metres.
      texel: its side in metres.
      height: [S, S] float32 metres towards the light, rows along up; -inf where there is nothing.
    """

    axes: np.ndarray
    corner: tuple[float, float]
    texel: float
    height: np.ndarray


class Shades:
    """The shadows of a clip's suns."""

    def __init__(self, suns: Sequence[scene.Sun], drawables: Sequence[Drawable]):
        self._suns = [(sun, axes_of(sun.direction)) for sun in suns]
        self._strands = np.array([d.mesh.material.strand for d in drawables], bool)
        casts = [d.mesh.shades and d.mesh.passes != "seen" for d in drawables]
        acts = [d.moves or d.mesh.instance > 0 for d in drawables]
        self._actors = [i for i in range(len(drawables)) if casts[i] and acts[i]]
        still = [
            (d.mesh.vertices[0], d.mesh.triangles)
            for d, cast, act in zip(drawables, casts, acts, strict=True)
            if cast and not act
        ]
        tracks = [(drawables[i].mesh.vertices.reshape(-1, 3)[::16],) for i in self._actors]
        self._still = [
            [draw(axes, still, _overlap(bounds(axes, still), bounds(axes, tracks)), STILL_TEXELS)]
            if still and sun.shadow
            else []
            for sun, axes in self._suns
        ]

    def lit(
        self, fragments: Fragments, points: Points, posed: Sequence[Posed], size: tuple[int, int]
    ) -> Float[np.ndarray, "S N"]:
        """Share of each sun's light that arrives at each point of a frame of that size, float32."""
        arriving = np.ones((len(self._suns), len(fragments.pixel)), np.float32)
        solids = [(posed[i].world, posed[i].triangles) for i in self._actors]
        for index, (sun, axes) in enumerate(self._suns):
            if not sun.shadow:
                continue
            maps = self._still[index]
            if solids:
                maps = [*maps, draw(axes, solids, bounds(axes, solids), MOVING_TEXELS)]
            softness = math.tan(math.radians(sun.softness_deg))
            soft, values = np.zeros(len(fragments.pixel), bool), arriving[index]
            for shadow_map in maps:
                _lit(
                    fragments,
                    points,
                    self._strands,
                    softness,
                    shadow_map,
                    _DISCS,
                    size[1],
                    values,
                    soft,
                )
            image, marked = np.zeros((*size, 5), np.float32), np.zeros(size, bool)
            _smooth(fragments, points, soft, image, marked, values)
        return arriving


def _overlap(still: np.ndarray, actors: np.ndarray) -> np.ndarray:
    """Bounds of what stands still and is within reach of the actors, if there are any."""
    if not np.isfinite(actors).all():
        return still
    low = np.clip(still[0], actors[0] - REACH_M, actors[1] + REACH_M)
    high = np.clip(still[1], actors[0] - REACH_M, actors[1] + REACH_M)
    return np.stack([low, high])


def axes_of(direction: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    """Orthonormal rows right, up, and `direction`, float32."""
    side = np.array([0.0, 1.0, 0.0] if abs(direction[1]) < 0.9 else [1.0, 0.0, 0.0])
    right = np.cross(side, direction)
    right /= np.linalg.norm(right)
    return np.array([right, np.cross(direction, right), direction], np.float32)


def bounds(axes: Float[np.ndarray, "3 3"], solids: Sequence[Solid]) -> Float[np.ndarray, "2 2"]:
    """((least right, least up), (greatest right, greatest up)) in metres; NaN without vertices."""
    least, greatest = np.full(2, np.inf), np.full(2, -np.inf)
    for points, *_ in solids:
        if len(points):
            across = np.stack([_along(points, axis) for axis in axes[:2]])
            least = np.minimum(least, across.min(axis=1))
            greatest = np.maximum(greatest, across.max(axis=1))
    return np.stack([least, greatest])


def draw(
    axes: Float[np.ndarray, "3 3"],
    solids: Sequence[Solid],
    within: Float[np.ndarray, "2 2"],
    texels: int,
) -> Map:
    """Map of at most `texels` squared of the solids inside `within`: see `bounds`.

    The side of a texel is a power of the eighth root of 2 and its corner a multiple of that: from
    frame to frame, shadows do not crawl.
    """
    extent = float((within[1] - within[0]).max())
    texel = 2 ** (math.ceil(8 * math.log2(max(extent / (texels - 2), FINEST_M))) / 8)
    texels = min(texels, math.ceil(extent / texel) + 2)
    middle = np.floor(within.mean(axis=0) / texel) - texels // 2
    corner = (float(middle[0] * texel), float(middle[1] * texel))
    height = np.full((texels, texels), -np.inf, np.float32)
    for points, triangles in solids:
        _draw(points, triangles, axes, corner, texel, height)
    return Map(axes, corner, texel, height)


def _along(points: np.ndarray, axis: np.ndarray) -> np.ndarray:
    # Sums of products in a fixed order, which a matrix product would not promise.
    return points[:, 0] * axis[0] + points[:, 1] * axis[1] + points[:, 2] * axis[2]


def _disc(count: int) -> Float[np.ndarray, "N 2"]:
    """Points that fill the unit disc evenly, float32 (Vogel's sunflower)."""
    index = np.arange(count)
    angle, radius = index * math.pi * (3 - math.sqrt(5)), np.sqrt((index + 0.5) / count)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).astype(np.float32)


def _discs(count: int, turns: int) -> Float[np.ndarray, "turns N 2"]:
    """That disc turned by so many even shares of a full turn."""
    disc = _disc(count).astype(np.float64)
    angle = np.arange(turns) * (2 * math.pi / turns)
    cosine, sine = np.cos(angle)[:, None], np.sin(angle)[:, None]
    x = disc[:, 0] * cosine - disc[:, 1] * sine
    y = disc[:, 0] * sine + disc[:, 1] * cosine
    return np.stack([x, y], axis=-1).astype(np.float32)


_DISCS = _discs(TAPS, 16)


@kernel
def _draw(points, triangles, axes, corner, texel, height):
    rows, columns = height.shape
    placed = np.empty((len(points), 3))
    scale = 1.0 / texel
    for i in range(len(points)):
        p, q, r = points[i, 0], points[i, 1], points[i, 2]
        placed[i, 0] = (axes[0, 0] * p + axes[0, 1] * q + axes[0, 2] * r - corner[0]) * scale
        placed[i, 1] = (axes[1, 0] * p + axes[1, 1] * q + axes[1, 2] * r - corner[1]) * scale
        placed[i, 2] = axes[2, 0] * p + axes[2, 1] * q + axes[2, 2] * r
    grid = (0.5, 0.5, 1.0, 1.0)
    for f in range(len(triangles)):
        i, j, k = row3(triangles, f)
        p, q, r = row3(placed, i), row3(placed, j), row3(placed, k)
        first = np.ceil(max(min(p[0], q[0], r[0]) - 0.5, 0.0))
        last = np.floor(min(max(p[0], q[0], r[0]) - 0.5, columns - 1.0))
        first_row = math.ceil(max(min(p[1], q[1], r[1]) - 0.5, 0.0))
        last_row = math.floor(min(max(p[1], q[1], r[1]) - 0.5, rows - 1.0))
        if first > last or first_row > last_row:
            continue
        area = (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])
        if area == 0.0:
            continue
        if area < 0.0:
            q, r, area = r, q, -area
        a0, b0, c0 = _line(q, r)
        a1, b1, c1 = _line(r, p)
        a2, b2, c2 = _line(p, q)
        edges = (edge(a0, b0, c0, grid), edge(a1, b1, c1, grid), edge(a2, b2, c2, grid))
        area = 1.0 / area
        slope = (a0 * p[2] + a1 * q[2] + a2 * r[2]) * area
        fall = (b0 * p[2] + b1 * q[2] + b2 * r[2]) * area
        level = (c0 * p[2] + c1 * q[2] + c2 * r[2]) * area + 0.5 * (slope + fall)
        for row in range(first_row, last_row + 1):
            start, end = cut(first, last, edges[0], row)
            start, end = cut(start, end, edges[1], row)
            start, end = cut(start, end, edges[2], row)
            here = level + fall * row
            for column in range(math.ceil(start), math.floor(end) + 1):
                height[row, column] = max(height[row, column], np.float32(here + slope * column))


@kernel
def _line(p, q):
    """(a, b, c) of a x + b y + c, positive to one side of the line from p to q."""
    return p[1] - q[1], q[0] - p[0], p[0] * q[1] - p[1] * q[0]


@kernel
def _lit(fragments, points, hair, softness, shadow_map, discs, columns, arriving, soft):
    """Lowers `arriving` [N] where the map's things stand before the sun.

    Sets `soft` [N] where the penumbra is wide and the taps, turned differently in neighbouring
    pixels, need to be averaged with theirs.
    """
    right, up, ahead = row3(shadow_map.axes, 0), row3(shadow_map.axes, 1), row3(shadow_map.axes, 2)
    height = shadow_map.height
    side = len(height)
    scale = np.float32(1.0 / shadow_map.texel)
    left, low = np.float32(shadow_map.corner[0]), np.float32(shadow_map.corner[1])
    bias = np.float32(BIAS_M + 0.5 * shadow_map.texel)
    widest = max(np.float32(softness * FAR_M) * scale, np.float32(1.5))
    for m in range(len(hair)):
        for n in range(fragments.first[m], fragments.first[m + 1]):
            normal, point = row3(points.normal, n), row3(points.position, n)
            x = (_dot(right, point) - left) * scale
            y = (_dot(up, point) - low) * scale
            if x < 0.0 or y < 0.0 or x >= side or y >= side:
                continue
            facing = _dot(ahead, normal)
            if facing < np.float32(-0.5):
                continue
            # The height of the point's plane changes by these for each texel.
            steep = -np.float32(1.0) / max(facing, np.float32(0.25)) / scale
            slope_x, slope_y = _dot(right, normal) * steep, _dot(up, normal) * steep
            plane = (x, y, _dot(ahead, point) + bias, slope_x, slope_y)
            row, column = row_and_column(fragments, n, columns, 1)
            turn = _turn(row, column)
            distance, found = _blocker(height, plane, widest, discs, turn)
            if found == 0:
                continue
            if found == SEARCHED and not hair[m]:
                arriving[n] = 0.0
                continue
            radius = np.float32(softness) * min(distance, np.float32(FAR_M)) * scale
            if radius < WIDE_TEXELS:
                share = _sharp(height, plane, max(radius, np.float32(1.0)), hair[m])
            else:
                share = _wide(height, plane, radius, discs, turn, hair[m])
                soft[n] = True
            arriving[n] = min(arriving[n], share)


@kernel
def _dot(p, q):
    return p[0] * q[0] + p[1] * q[1] + p[2] * q[2]


@kernel
def _turn(row, column):
    """0 to 15, each once in any 4 x 4 pixels, far apart in neighbours."""
    return ((row & 3) * 4 + (column & 3)) * 7 & 15


@kernel
def _above(height, plane, column, row):
    """How far what the sun sees in a texel stands above the plane there, towards the sun."""
    x, y, base, slope_x, slope_y = plane
    last, half = len(height) - 1, np.float32(0.5)
    column, row = min(max(column, 0), last), min(max(row, 0), last)
    dx, dy = np.float32(column) + half - x, np.float32(row) + half - y
    return height[row, column] - (base + slope_x * dx + slope_y * dy)


@kernel
def _blocker(height, plane, radius, discs, turn):
    """Mean distance towards the sun of what stands before the point, and at how many places.

    At the four texels around the point, so that nothing near is missed, and at every second point
    of a disc.
    """
    total, count = np.float32(0.0), 0
    for i in range(SEARCHED):
        if i < 4:
            dx, dy = np.float32(i % 2) - np.float32(0.5), np.float32(i // 2) - np.float32(0.5)
        else:
            dx, dy = discs[turn, 2 * i - 7, 0] * radius, discs[turn, 2 * i - 7, 1] * radius
        above = _above(height, plane, int(plane[0] + dx), int(plane[1] + dy))
        if above > 0.0:
            total += above
            count += 1
    return (total / np.float32(count) if count else total), count


@kernel
def _wide(height, plane, radius, discs, turn, hair):
    """Share of the taps around a point that the sun sees."""
    total = np.float32(0.0)
    for i in range(TAPS):
        dx, dy = discs[turn, i, 0] * radius, discs[turn, i, 1] * radius
        total += _passes(_above(height, plane, int(plane[0] + dx), int(plane[1] + dy)), hair)
    return total / np.float32(TAPS)


@kernel
def _sharp(height, plane, radius, hair):
    """Share that the sun sees of four bilinear taps around a point."""
    total, half = np.float32(0.0), np.float32(0.5)
    for i in range(4):
        x = plane[0] - half + radius * (half if i & 1 else -half)
        y = plane[1] - half + radius * (half if i & 2 else -half)
        column, row = math.floor(x), math.floor(y)
        tx, ty = x - np.float32(column), y - np.float32(row)
        a = _passes(_above(height, plane, column, row), hair)
        b = _passes(_above(height, plane, column + 1, row), hair)
        c = _passes(_above(height, plane, column, row + 1), hair)
        d = _passes(_above(height, plane, column + 1, row + 1), hair)
        bottom, top = a + (b - a) * tx, c + (d - c) * tx
        total += bottom + (top - bottom) * ty
    return total * np.float32(0.25)


@kernel
def _passes(above, hair):
    if above <= 0.0:
        return np.float32(1.0)
    if hair:
        return np.float32(HAIR_M) / (np.float32(HAIR_M) + above)
    return np.float32(0.0)


@kernel
def _smooth(fragments, points, soft, image, marked, arriving):
    """Replaces values around soft ones by the mean over 4 x 4 pixels of one surface.

    `image` [H, W, 5] float32 and `marked` [H, W] bool are zero, and scratch.
    """
    rows, columns = marked.shape
    for n in range(len(soft)):
        row, column = row_and_column(fragments, n, columns, 1)
        # What is seen in most of the pixel speaks for it.
        if fragments.weight[n] > image[row, column, 0]:
            image[row, column, 0] = fragments.weight[n]
            image[row, column, 1] = arriving[n]
            for c in range(3):
                image[row, column, 2 + c] = points.position[n, c]
        if soft[n]:
            for r in range(max(row - 1, 0), min(row + 3, rows)):
                for c in range(max(column - 1, 0), min(column + 3, columns)):
                    marked[r, c] = True
    for n in range(len(soft)):
        row, column = row_and_column(fragments, n, columns, 1)
        if not marked[row, column]:
            continue
        normal, place = row3(points.normal, n), row3(points.position, n)
        offset = _dot(normal, place)
        limit = SAME_PLANE / fragments.near[n]
        total, count = np.float32(0.0), np.float32(0.0)
        for r in range(max(row - 2, 0), min(row + 2, rows)):
            for c in range(max(column - 2, 0), min(column + 2, columns)):
                there = (image[r, c, 2], image[r, c, 3], image[r, c, 4])
                if image[r, c, 0] > 0.0 and abs(_dot(normal, there) - offset) <= limit:
                    total += image[r, c, 1]
                    count += np.float32(1.0)
        if count > 0.0:
            arriving[n] = total / count

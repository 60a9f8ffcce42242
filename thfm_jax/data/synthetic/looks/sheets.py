"""Sheets: pieces of surface that are cut out of the body model, refined, and follow its vertices.

A sheet's vertex is a weighted sum of a model's vertices, so that whatever is known at those (posed
positions, canonical positions, fields) is known on the sheet by one sparse product, for every shape
and pose, and a cut may run anywhere through a triangle.
"""

import dataclasses

import numpy as np
from numba import njit
from scipy import sparse

# Cuts keep this share of an edge away from its ends: slivers make bad cloth.
_MARGIN = 0.1


@dataclasses.dataclass(frozen=True)
class Sheet:
    """A surface on top of `N` source vertices.

    Attributes:
      weights: [V, N] float32 sparse, rows sum to 1: vertices as sums of the source's vertices.
      triangles: [F, 3] int32 into V.
      faces: [F] int32, the source's triangle that each triangle is part of.
    """

    weights: sparse.csr_matrix
    triangles: np.ndarray
    faces: np.ndarray

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """[V, ...] float32 values at the sheet's vertices of `values` [N, ...] at the source's."""
        flat = np.ascontiguousarray(values, np.float32).reshape(len(values), -1)
        return (self.weights @ flat).reshape(-1, *values.shape[1:])

    def on(self, source: "Sheet") -> "Sheet":
        """The same surface on top of the source of its source."""
        weights = (self.weights @ source.weights).tocsr()
        return Sheet(weights, self.triangles, source.faces[self.faces])


def frames(sheet: Sheet, values: np.ndarray) -> np.ndarray:
    """[T, V, 3] float32 at the sheet's vertices of `values` [T, N, 3] at the source's."""
    weights = sheet.weights
    used, columns = np.unique(weights.indices, return_inverse=True)
    compact = sparse.csr_matrix(
        (weights.data, columns, weights.indptr), (len(weights.indptr) - 1, len(used))
    )
    flat = values[:, used].swapaxes(0, 1).reshape(len(used), -1)
    found = (compact @ flat).reshape(-1, len(values), 3)
    return np.ascontiguousarray(found.swapaxes(0, 1), np.float32)


def whole(triangles: np.ndarray, count: int) -> Sheet:
    """The sheet of all triangles [F, 3] over `count` vertices."""
    weights = sparse.identity(count, np.float32, format="csr")
    return Sheet(weights, triangles.astype(np.int32), np.arange(len(triangles), dtype=np.int32))


def grid(rows: int, columns: int) -> np.ndarray:
    """[F, 3] int32 triangles of a grid of vertices, row by row; its outside is where columns run
    rightwards and rows down."""
    index = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    return np.stack([a, c, d, a, d, b], axis=-1).reshape(-1, 3)


def split(triangles: np.ndarray, field: np.ndarray) -> tuple[Sheet, np.ndarray]:
    """All triangles, cut along the zero line of `field` [N] as if it were linear.

    Returns:
      sheet: all of them.
      inside: [F] bool, those where the field is above 0.
    """
    side = field >= 0
    count = side[triangles].sum(axis=1)
    # Turn each cut triangle so that the vertex that is alone on its side comes first.
    alone = side[triangles] == (count == 1)[:, None]
    crossed = (count == 1) | (count == 2)
    first = np.where(crossed, alone.argmax(axis=1), 0)
    turned = np.take_along_axis(triangles, (first[:, None] + np.arange(3)) % 3, axis=1)
    whole_ones, cuts = np.flatnonzero(~crossed), np.flatnonzero(crossed)
    tip, right, left = turned[cuts].T

    keys, which = np.unique(
        np.concatenate([_keys(tip, right, len(field)), _keys(tip, left, len(field))]),
        return_inverse=True,
    )
    on_right, on_left = (which.reshape(2, -1) + len(field)).astype(triangles.dtype)
    corners = np.concatenate(
        [
            turned[whole_ones],
            np.stack([tip, on_right, on_left], axis=1),
            np.stack([right, left, on_left], axis=1),
            np.stack([right, on_left, on_right], axis=1),
        ]
    )
    ends = np.stack([keys // len(field), keys % len(field)], axis=1)
    share = field[ends[:, 0]] / (field[ends[:, 0]] - field[ends[:, 1]])
    share = np.clip(share, _MARGIN, 1 - _MARGIN)
    rows = np.concatenate([np.arange(len(field)), len(field) + np.arange(len(ends)).repeat(2)])
    columns = np.concatenate([np.arange(len(field)), ends.reshape(-1)])
    values = np.stack([1 - share, share], axis=1).reshape(-1)
    values = np.concatenate([np.ones(len(field)), values]).astype(np.float32)
    weights = sparse.csr_matrix((values, (rows, columns)), (len(field) + len(ends), len(field)))
    faces = np.concatenate([whole_ones, cuts, cuts, cuts]).astype(np.int32)
    above = side[tip]
    inside = np.concatenate([count[whole_ones] == 3, above, ~above, ~above])
    return Sheet(weights, corners.astype(np.int32), faces), inside


def part(sheet: Sheet, kept: np.ndarray) -> Sheet:
    """The triangles where `kept` [F] is True, and their vertices."""
    vertices, corners = np.unique(sheet.triangles[kept], return_inverse=True)
    triangles = corners.reshape(-1, 3).astype(np.int32)
    return Sheet(sheet.weights[vertices], triangles, sheet.faces[kept])


def cut(triangles: np.ndarray, field: np.ndarray) -> Sheet:
    """What lies where `field` [N] is above 0."""
    return part(*split(triangles, field))


def _keys(first: np.ndarray, second: np.ndarray, count: int) -> np.ndarray:
    """One number for each undirected edge."""
    return np.minimum(first, second).astype(np.int64) * count + np.maximum(first, second)


def edges(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges of a mesh, what lies across each, and how many triangles share it.

    Returns:
      pairs: [E, 2] int32 sorted vertex pairs, in order.
      opposite: [E, 2] int32 the vertices across the edge, equal where it is a boundary.
      shared: [E] int32 number of triangles.
    """
    first, second, third = triangles.T
    size = int(triangles.max()) + 1
    keys = np.concatenate([_keys(first, second, size), _keys(second, third, size)])
    keys = np.concatenate([keys, _keys(third, first, size)])
    across = np.concatenate([third, first, second])
    order = np.argsort(keys, kind="stable")
    keys, start, shared = np.unique(keys[order], return_index=True, return_counts=True)
    opposite = np.stack([across[order[start]], across[order[start + shared - 1]]], axis=1)
    pairs = np.stack([keys // size, keys % size], axis=1)
    return pairs.astype(np.int32), opposite.astype(np.int32), shared.astype(np.int32)


def boundary(triangles: np.ndarray) -> np.ndarray:
    """[B, 2] int32 directed edges of the boundary, as their only triangle runs through them."""
    ends = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    size = int(triangles.max()) + 1
    keys = _keys(ends[:, 0], ends[:, 1], size)
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    alone = np.ones(len(keys), bool)
    alone[1:] &= ordered[1:] != ordered[:-1]
    alone[:-1] &= ordered[1:] != ordered[:-1]
    return ends[np.sort(order[alone])].astype(np.int32)


def loops(triangles: np.ndarray) -> list[np.ndarray]:
    """Closed boundary lines, each an int32 array of vertices in order, the longest first."""
    following = dict(boundary(triangles).tolist())
    found = []
    while following:
        start, after = following.popitem()
        line = [start]
        while after != start and after in following:
            line.append(after)
            after = following.pop(after)
        found.append(np.array(line, np.int32))
    return sorted(found, key=lambda line: (-len(line), int(line.min())))


def seamed(triangles: np.ndarray, uv: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices for texture coordinates uv [F, 3, 2] that differ between a vertex's triangles.

    Returns:
      uv: [W, 2] float32.
      triangles: [F, 3] int32 into W.
      ids: [W] int32 the vertex that each stands for; those on a seam occur more than once.
    """
    flat, corners = uv.reshape(-1, 2), triangles.reshape(-1)
    fixed = np.rint(flat * 4096).astype(np.int64) + (1 << 19)
    keys = (corners.astype(np.int64) << 40) + (fixed[:, 0] << 20) + fixed[:, 1]
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    return (
        flat[first].astype(np.float32),
        which.reshape(-1, 3).astype(np.int32),
        corners[first].astype(np.int32),
    )


def unwrapped(turns: np.ndarray) -> np.ndarray:
    """Corners' [F, 3] angles in turns, without a jump of a whole turn inside a triangle."""
    return turns - np.rint(turns - turns[:, :1])


def sources(sheet: Sheet) -> np.ndarray:
    """[V] int64 the source's vertex that has the largest share in each vertex."""
    weights = sheet.weights
    best = np.maximum.reduceat(weights.data, weights.indptr[:-1])
    is_best = weights.data == best.repeat(np.diff(weights.indptr))
    rows = np.arange(len(best)).repeat(np.diff(weights.indptr))
    found = np.zeros(len(best), np.int64)
    found[rows[is_best]] = weights.indices[is_best]
    return found


def refine(triangles: np.ndarray, count: int) -> Sheet:
    """One step of Loop's subdivision: four triangles for each, on a smoother surface.

    Source: C. Loop, Smooth Subdivision Surfaces Based on Triangles (1987), with Warren's weights
    3 / (8 n); boundaries are cubic B-splines of their own vertices.
    """
    pairs, opposite, shared = edges(triangles)
    middle = np.arange(len(pairs))
    inner = shared > 1
    near = np.where(inner, 3 / 8, 1 / 2).astype(np.float32)
    far = np.where(inner, 1 / 8, 0).astype(np.float32)
    points = sparse.csr_matrix(
        (
            np.concatenate([near, near, far, far]),
            (np.tile(middle, 4), np.concatenate([*pairs.T, *opposite.T])),
        ),
        (len(pairs), count),
    )
    rim = pairs[~inner]
    on_rim = np.zeros(count, bool)
    on_rim[rim] = True
    spokes = np.concatenate([rim, pairs[inner]])
    spokes = np.concatenate([spokes, spokes[:, ::-1]])
    is_rim = np.tile(np.arange(len(pairs)) < len(rim), 2)
    spokes = spokes[is_rim | ~on_rim[spokes[:, 0]]]
    valence = np.bincount(spokes[:, 0], minlength=count)
    beta = np.where(on_rim, 1 / 8, np.where(valence == 3, 3 / 16, 3 / (8 * np.maximum(valence, 1))))
    own = sparse.csr_matrix(
        (
            np.concatenate([beta[spokes[:, 0]], 1 - valence * beta]),
            (
                np.concatenate([spokes[:, 0], np.arange(count)]),
                np.concatenate([spokes[:, 1], np.arange(count)]),
            ),
        ),
        (count, count),
    )
    corner = _edge_ids(triangles, pairs, count) + count
    a, b, c = triangles.T
    ab, bc, ca = corner.T
    parts = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    fine = np.stack([np.stack(part, axis=1) for part in parts], axis=1).reshape(-1, 3)
    weights = sparse.vstack([own, points], format="csr", dtype=np.float32)
    return Sheet(weights, fine.astype(np.int32), np.arange(len(fine), dtype=np.int32) // 4)


def _edge_ids(triangles: np.ndarray, pairs: np.ndarray, count: int) -> np.ndarray:
    """[F, 3] positions in `pairs` of the edges ab, bc, ca of each triangle."""
    keys = pairs[:, 0].astype(np.int64) * count + pairs[:, 1]
    return np.searchsorted(keys, _keys(triangles, np.roll(triangles, -1, axis=1), count))


@njit(cache=True)
def vertex_normals(points, triangles):
    """[T, V, 3] float32 unit normals of [T, V, 3] points, weighted by the triangles' areas."""
    normals = np.zeros_like(points)
    for t in range(points.shape[0]):
        for f in range(len(triangles)):
            a, b, c = triangles[f, 0], triangles[f, 1], triangles[f, 2]
            ux = points[t, b, 0] - points[t, a, 0]
            uy = points[t, b, 1] - points[t, a, 1]
            uz = points[t, b, 2] - points[t, a, 2]
            vx = points[t, c, 0] - points[t, a, 0]
            vy = points[t, c, 1] - points[t, a, 1]
            vz = points[t, c, 2] - points[t, a, 2]
            nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
            for k in (a, b, c):
                normals[t, k, 0] += nx
                normals[t, k, 1] += ny
                normals[t, k, 2] += nz
        for i in range(points.shape[1]):
            x, y, z = normals[t, i, 0], normals[t, i, 1], normals[t, i, 2]
            size = np.sqrt(x * x + y * y + z * z) + np.float32(1e-12)
            normals[t, i, 0], normals[t, i, 1], normals[t, i, 2] = x / size, y / size, z / size
    return normals

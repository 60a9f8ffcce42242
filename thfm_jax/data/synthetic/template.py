"""The template body of dense pose, and which point of it is next to a canonical position."""

from typing import NamedTuple

import numba
import numpy as np
from scipy.spatial import cKDTree


class Closest(NamedTuple):
    """Points on a surface: `triangle` int32 [*], `barycentric` float64 [*, 3], `points` [*, 3]."""

    triangle: np.ndarray
    barycentric: np.ndarray
    points: np.ndarray


class Surface:
    """A triangle mesh that knows which of its points is next to any other."""

    def __init__(self, vertices: np.ndarray, triangles: np.ndarray):
        self.vertices = np.asarray(vertices, np.float64)
        self.triangles = np.asarray(triangles, np.int32)
        self._corners = self.vertices[self.triangles]
        self._centres = self._corners.mean(axis=1)
        reach = np.linalg.norm(self._corners - self._centres[:, None], axis=2).max(axis=1)
        # Triangles in classes of like size: a class is searched as far as its largest reaches.
        order = np.argsort(reach, kind="stable")
        self._classes = [
            (members, reach[members].max(), cKDTree(self._centres[members]))
            for members in np.array_split(order, 8)
        ]
        self._tree = cKDTree(self._centres)

    def closest(self, points: np.ndarray) -> Closest:
        """The point of the surface next to each of `points` [*, 3]."""
        query = np.asarray(points, np.float64).reshape(-1, 3)
        triangle = self._tree.query(query)[1].astype(np.int32)
        distance, barycentric = _measure(query, self._corners[triangle])
        for members, reach, tree in self._classes:
            near = tree.query_ball_point(query, np.sqrt(distance) + reach)
            counts = np.array([len(ids) for ids in near], np.int64)
            if counts.any():
                candidates = members[np.concatenate([np.array(ids, np.int64) for ids in near])]
                start = np.concatenate([[0], np.cumsum(counts)])
                _improve(query, self._corners, start, candidates, distance, triangle, barycentric)
        where = np.einsum("nk,nkd->nd", barycentric, self._corners[triangle])
        shape = np.shape(points)[:-1]
        return Closest(
            triangle.reshape(shape), barycentric.reshape(*shape, 3), where.reshape(*shape, 3)
        )


@numba.njit(cache=True)
def _closest(p, a, b, c):
    """Barycentrics of the point of triangle abc next to p (Ericson, Real-Time Collision
    Detection, 5.1.5)."""
    ab, ac, ap = b - a, c - a, p - a
    d1, d2 = (ab * ap).sum(), (ac * ap).sum()
    if d1 <= 0 and d2 <= 0:
        return 1.0, 0.0, 0.0
    bp = p - b
    d3, d4 = (ab * bp).sum(), (ac * bp).sum()
    if d3 >= 0 and d4 <= d3:
        return 0.0, 1.0, 0.0
    vc = d1 * d4 - d3 * d2
    if vc <= 0 and d1 >= 0 and d3 <= 0:
        v = d1 / (d1 - d3)
        return 1.0 - v, v, 0.0
    cp = p - c
    d5, d6 = (ab * cp).sum(), (ac * cp).sum()
    if d6 >= 0 and d5 <= d6:
        return 0.0, 0.0, 1.0
    vb = d5 * d2 - d1 * d6
    if vb <= 0 and d2 >= 0 and d6 <= 0:
        w = d2 / (d2 - d6)
        return 1.0 - w, 0.0, w
    va = d3 * d6 - d5 * d4
    if va <= 0 and d4 - d3 >= 0 and d5 - d6 >= 0:
        w = (d4 - d3) / ((d4 - d3) + (d5 - d6))
        return 0.0, 1.0 - w, w
    total = va + vb + vc
    return va / total, vb / total, vc / total


@numba.njit(cache=True)
def _measure(query, corners):
    distance = np.empty(len(query))
    barycentric = np.empty((len(query), 3))
    for i in range(len(query)):
        a, b, c = corners[i]
        u, v, w = _closest(query[i], a, b, c)
        barycentric[i, 0], barycentric[i, 1], barycentric[i, 2] = u, v, w
        distance[i] = ((u * a + v * b + w * c - query[i]) ** 2).sum()
    return distance, barycentric


@numba.njit(cache=True)
def _improve(query, corners, start, candidates, distance, triangle, barycentric):
    for i in range(len(query)):
        for n in range(start[i], start[i + 1]):
            a, b, c = corners[candidates[n]]
            u, v, w = _closest(query[i], a, b, c)
            d = ((u * a + v * b + w * c - query[i]) ** 2).sum()
            if d < distance[i]:
                distance[i], triangle[i] = d, candidates[n]
                barycentric[i, 0], barycentric[i, 1], barycentric[i, 2] = u, v, w

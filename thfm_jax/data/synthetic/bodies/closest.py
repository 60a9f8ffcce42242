"""The point of a triangle mesh next to any other point, exactly."""

import copy
from typing import NamedTuple

import numba
import numpy as np
from jaxtyping import Float, Int

_LEAF = 4  # triangles at which a box is not cut any more


class Closest(NamedTuple):
    """Points on a mesh.

    Attributes:
      triangle: int32 [*].
      barycentric: float64 [*, 3], weights of the triangle's corners, sum 1.
      points: float64 [*, 3].
      distance: float64 [*], from the points that were asked for.
    """

    triangle: np.ndarray
    barycentric: np.ndarray
    points: np.ndarray
    distance: np.ndarray


class Surface:
    """A triangle mesh in a tree of boxes.

    Args:
      vertices: [V, 3].
      triangles: int [F, 3], at least one.
    """

    def __init__(self, vertices: Float[np.ndarray, "V 3"], triangles: Int[np.ndarray, "F 3"]):
        self._triangles = triangles
        self._corners = np.asarray(vertices, np.float64)[triangles]
        levels = int(np.ceil(np.log2(max(len(triangles) / _LEAF, 1))))
        self._cuts = _cut(self._corners, 2 ** (levels + 1) - 1)
        self._boxes = _fit(self._corners, *self._cuts)

    def moved(self, vertices: Float[np.ndarray, "V 3"]) -> "Surface":
        """The same triangles with other vertices [V, 3]; quicker than a new tree."""
        other = copy.copy(self)
        other._corners = np.asarray(vertices, np.float64)[self._triangles]
        other._boxes = _fit(other._corners, *self._cuts)
        return other

    def closest(self, points: Float[np.ndarray, "*B 3"]) -> Closest:
        """The point of the mesh next to each of `points`; the first found if several are."""
        query = np.ascontiguousarray(points, np.float64).reshape(-1, 3)
        triangle, barycentric, squared = _search(query, self._corners, *self._cuts, *self._boxes)
        found = np.einsum("nk,nkd->nd", barycentric, self._corners[triangle])
        shape = np.shape(points)[:-1]
        return Closest(
            triangle.reshape(shape),
            barycentric.reshape(*shape, 3),
            found.reshape(*shape, 3),
            np.sqrt(squared).reshape(shape),
        )


@numba.njit(cache=True)
def _cut(corners, nodes):
    """A complete binary tree: node i holds the triangles `order[start[i]:end[i]]` and has the
    children 2 i + 1 and 2 i + 2, which halve it where its centres spread most."""
    order = np.arange(len(corners))
    start, end = np.zeros(nodes, np.int64), np.zeros(nodes, np.int64)
    end[0] = len(corners)
    for node in range((nodes - 1) // 2):
        ids = order[start[node] : end[node]].copy()
        axis, widest = 0, -1.0
        for k in range(3):
            centre = corners[ids, 0, k] + corners[ids, 1, k] + corners[ids, 2, k]
            if centre.max() - centre.min() > widest:
                axis, widest = k, centre.max() - centre.min()
        centre = corners[ids, 0, axis] + corners[ids, 1, axis] + corners[ids, 2, axis]
        order[start[node] : end[node]] = ids[np.argsort(centre, kind="mergesort")]
        middle = (start[node] + end[node]) // 2
        start[2 * node + 1], end[2 * node + 1] = start[node], middle
        start[2 * node + 2], end[2 * node + 2] = middle, end[node]
    return order, start, end


@numba.njit(cache=True)
def _fit(corners, order, start, end):
    """[nodes, 3] lower and upper corners of the nodes' boxes."""
    nodes = len(start)
    low, high = np.full((nodes, 3), np.inf), np.full((nodes, 3), -np.inf)
    for node in range(nodes - 1, -1, -1):
        if 2 * node + 2 < nodes:
            for k in range(3):
                low[node, k] = min(low[2 * node + 1, k], low[2 * node + 2, k])
                high[node, k] = max(high[2 * node + 1, k], high[2 * node + 2, k])
        else:
            for n in range(start[node], end[node]):
                for corner in range(3):
                    for k in range(3):
                        low[node, k] = min(low[node, k], corners[order[n], corner, k])
                        high[node, k] = max(high[node, k], corners[order[n], corner, k])
    return low, high


@numba.njit(cache=True)
def _search(query, corners, order, start, end, low, high):
    """Triangle, barycentrics and squared distance of the closest point to each query."""
    count, nodes = len(query), len(low)
    triangle = np.zeros(count, np.int32)
    barycentric, squared = np.zeros((count, 3)), np.full(count, np.inf)
    waiting = np.empty(64, np.int64)
    for q in range(count):
        waiting[0], depth = 0, 1
        while depth:
            depth -= 1
            node = waiting[depth]
            if _to_box(query[q], low[node], high[node]) >= squared[q]:
                continue
            if 2 * node + 2 < nodes:
                near, far = 2 * node + 1, 2 * node + 2
                if _to_box(query[q], low[far], high[far]) < _to_box(
                    query[q], low[near], high[near]
                ):
                    near, far = far, near
                waiting[depth], waiting[depth + 1] = far, near
                depth += 2
                continue
            for n in range(start[node], end[node]):
                a, b, c = corners[order[n]]
                u, v, w = _on_triangle(query[q], a, b, c)
                distance = 0.0
                for k in range(3):
                    distance += (u * a[k] + v * b[k] + w * c[k] - query[q, k]) ** 2
                if distance < squared[q]:
                    squared[q], triangle[q] = distance, order[n]
                    barycentric[q, 0], barycentric[q, 1], barycentric[q, 2] = u, v, w
    return triangle, barycentric, squared


@numba.njit(cache=True)
def _to_box(point, low, high):
    """Squared distance of a point from a box; infinite for an empty one."""
    squared = 0.0
    for k in range(3):
        outside = max(low[k] - point[k], point[k] - high[k], 0.0)
        squared += outside * outside
    return squared


@numba.njit(cache=True)
def _on_triangle(p, a, b, c):
    """Barycentrics of the point of triangle abc next to p.

    Source: Ericson, Real-Time Collision Detection, section 5.1.5; but all three edges are tried
    where p is not above the inside, so that triangles without area are right too.
    """
    d1 = d2 = d3 = d4 = d5 = d6 = 0.0
    for k in range(3):
        ab, ac = b[k] - a[k], c[k] - a[k]
        d1 += ab * (p[k] - a[k])
        d2 += ac * (p[k] - a[k])
        d3 += ab * (p[k] - b[k])
        d4 += ac * (p[k] - b[k])
        d5 += ab * (p[k] - c[k])
        d6 += ac * (p[k] - c[k])
    va, vb, vc = d3 * d6 - d5 * d4, d5 * d2 - d1 * d6, d1 * d4 - d3 * d2
    if va > 0 and vb > 0 and vc > 0:
        total = va + vb + vc
        return va / total, vb / total, vc / total
    along_ab, to_ab = _on_edge(p, a, b)
    along_bc, to_bc = _on_edge(p, b, c)
    along_ca, to_ca = _on_edge(p, c, a)
    if to_ab <= to_bc and to_ab <= to_ca:
        return 1.0 - along_ab, along_ab, 0.0
    if to_bc <= to_ca:
        return 0.0, 1.0 - along_bc, along_bc
    return along_ca, 0.0, 1.0 - along_ca


@numba.njit(cache=True)
def _on_edge(p, a, b):
    """How far along ab, 0 to 1, the point next to p is, and its squared distance."""
    along = length = squared = 0.0
    for k in range(3):
        along += (b[k] - a[k]) * (p[k] - a[k])
        length += (b[k] - a[k]) ** 2
    along = min(max(along / length, 0.0), 1.0) if length > 0 else 0.0
    for k in range(3):
        squared += (a[k] + along * (b[k] - a[k]) - p[k]) ** 2
    return along, squared

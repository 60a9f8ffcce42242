"""Compiled loops of the body model: adding targets, chaining bones, moving skin."""

import numba
import numpy as np


@numba.njit(cache=True)
def add_targets(
    vertices: np.ndarray,
    start: np.ndarray,
    vertex: np.ndarray,
    delta: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
) -> None:
    """Adds `weights[i]` times target `targets[i]` to `vertices` [V, 3] float32, in place.

    Target n moves the vertices `vertex[start[n]:start[n + 1]]` by the same rows of `delta`.
    """
    for i in range(len(targets)):
        weight = np.float32(weights[i])
        for row in range(start[targets[i]], start[targets[i] + 1]):
            v = vertex[row]
            vertices[v, 0] += weight * delta[row, 0]
            vertices[v, 1] += weight * delta[row, 1]
            vertices[v, 2] += weight * delta[row, 2]


@numba.njit(cache=True)
def chain(
    parents: np.ndarray, heads: np.ndarray, local: np.ndarray, translation: np.ndarray
) -> np.ndarray:
    """[T, J, 3, 4] float64 maps from rest to world of bones that turn about their heads.

    Args:
      parents: int32 [J], parents first.
      heads: [J, 3] float64 at rest.
      local: [T, J, 3, 3] float64 linear maps relative to the parent, in rest-world axes.
      translation: [T, 3] float64, moves the root's head.
    """
    frames, bones = local.shape[:2]
    world = np.zeros((frames, bones, 3, 4))
    for t in range(frames):
        for j in range(bones):
            parent = parents[j]
            for r in range(3):
                for c in range(3):
                    if parent < 0:
                        world[t, j, r, c] = local[t, j, r, c]
                    else:
                        for k in range(3):
                            world[t, j, r, c] += world[t, parent, r, k] * local[t, j, k, c]
                if parent < 0:
                    world[t, j, r, 3] = heads[j, r] + translation[t, r]
                else:
                    world[t, j, r, 3] = world[t, parent, r, 3]
                    for k in range(3):
                        world[t, j, r, 3] += world[t, parent, r, k] * heads[j, k]
                for k in range(3):
                    world[t, j, r, 3] -= world[t, j, r, k] * heads[j, k]
    return world


@numba.njit(cache=True)
def skin(
    vertices: np.ndarray, world: np.ndarray, bones: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """[T, V, 3] float32 vertices moved by the weighted mean of their bones' maps.

    Args:
      vertices: [T or 1, V, 3] float32 at rest.
      world: [T, J, 3, 4] float32.
      bones: int32 [V, K]; weights: [V, K] float32, strongest first, sum 1.
    """
    frames = world.shape[0]
    count, influences = weights.shape
    moved = np.empty((frames, count, 3), np.float32)
    for t in range(frames):
        rest = vertices[min(t, vertices.shape[0] - 1)]
        for v in range(count):
            x, y, z = rest[v, 0], rest[v, 1], rest[v, 2]
            px = py = pz = np.float32(0)
            for k in range(influences):
                w = weights[v, k]
                if w == 0:
                    break
                m = world[t, bones[v, k]]
                px += w * (m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3])
                py += w * (m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3])
                pz += w * (m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3])
            moved[t, v, 0] = px
            moved[t, v, 1] = py
            moved[t, v, 2] = pz
    return moved

"""Rotations in batches: [..., 3, 3] float64 matrices acting on columns, angles in radians."""

import numpy as np
from jaxtyping import Float

Angle = Float[np.ndarray, "*B"]
Vector = Float[np.ndarray, "*B 3"]
Matrix = Float[np.ndarray, "*B 3 3"]

# diag(-1, 1, 1) @ R @ diag(-1, 1, 1), entry by entry: R as a mirror in the plane x = 0 shows it.
_MIRROR = np.array([[1.0, -1.0, -1.0], [-1.0, 1.0, 1.0], [-1.0, 1.0, 1.0]])


def about(axis: int, angle: Angle) -> Matrix:
    """Turns by `angle` about x (0), y (1) or z (2), counter-clockwise seen from its tip."""
    angle = np.asarray(angle, np.float64)
    second, third = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.zeros((*angle.shape, 3, 3))
    matrix[..., axis, axis] = 1.0
    matrix[..., second, second] = matrix[..., third, third] = np.cos(angle)
    matrix[..., third, second] = np.sin(angle)
    matrix[..., second, third] = -matrix[..., third, second]
    return matrix


def exp(vector: Vector) -> Matrix:
    """The turn about `vector`'s direction by its length."""
    vector = np.asarray(vector, np.float64)
    angle = np.sqrt((vector**2).sum(-1))[..., None, None]
    small = np.maximum(angle, 1e-12)
    cross = _cross_matrix(vector)
    return np.eye(3) + np.sin(small) / small * cross + _versine(small) * (cross @ cross)


def log(matrix: Matrix) -> Vector:
    """The rotation vector of `matrix`, for angles below pi."""
    axis = 0.5 * np.stack(
        [
            matrix[..., 2, 1] - matrix[..., 1, 2],
            matrix[..., 0, 2] - matrix[..., 2, 0],
            matrix[..., 1, 0] - matrix[..., 0, 1],
        ],
        axis=-1,
    )
    sine = np.sqrt((axis**2).sum(-1, keepdims=True))
    cosine = (np.trace(matrix, axis1=-2, axis2=-1)[..., None] - 1) / 2
    angle = np.arctan2(sine, cosine)
    return axis * np.where(sine > 1e-9, angle / np.maximum(sine, 1e-9), 1.0)


def swing(start: Vector, end: Vector) -> Matrix:
    """The least turn that takes unit vector `start` to unit vector `end`; not for opposite ones."""
    start, end = np.broadcast_arrays(start, end)
    cross = _cross_matrix(np.cross(start, end))
    cosine = (start * end).sum(-1)[..., None, None]
    return np.eye(3) + cross + (cross @ cross) / np.maximum(1 + cosine, 1e-6)


def frame(up: Vector, front: Vector) -> Matrix:
    """Columns x, y, z of the right-handed frame with y along `up` and z nearest to `front`."""
    y = unit(up)
    x = unit(np.cross(y, front))
    return np.stack([x, y, np.cross(x, y)], axis=-1)


def mirror(matrix: Matrix) -> Matrix:
    """`matrix` seen in a mirror in the plane x = 0."""
    return matrix * _MIRROR


def mirror_points(points: Vector) -> Vector:
    """`points` seen in a mirror in the plane x = 0."""
    return points * np.array([-1.0, 1.0, 1.0])


def transpose(matrix: Matrix) -> Matrix:
    """The inverse turn."""
    return np.swapaxes(matrix, -1, -2)


def apply(matrix: Matrix, vector: Vector) -> Vector:
    """`vector` turned by `matrix`; leading axes broadcast."""
    return (matrix * np.asarray(vector)[..., None, :]).sum(-1)


def unit(vector: Vector) -> Vector:
    """`vector` with length 1; 0 stays 0."""
    return vector / np.maximum(length(vector), 1e-12)[..., None]


def length(vector: Vector) -> Angle:
    """Euclidean length along the last axis."""
    return np.sqrt((vector**2).sum(-1))


def _cross_matrix(vector: Vector) -> Matrix:
    """[v] with [v] @ w = v x w."""
    x, y, z = np.moveaxis(vector, -1, 0)
    zero = np.zeros_like(x)
    rows = ([zero, -z, y], [z, zero, -x], [-y, x, zero])
    return np.stack([np.stack(row, -1) for row in rows], -2)


def _versine(angle: Angle) -> Angle:
    """(1 - cos angle) / angle**2 without cancellation."""
    return 0.5 * np.sinc(angle / (2 * np.pi)) ** 2

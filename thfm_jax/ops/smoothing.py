"""Smooth series through noisy ones, of which parts may be unknown."""

import numpy as np
from jaxtyping import Float


def whittaker(
    values: Float[np.ndarray, "T S C"],
    weight: Float[np.ndarray, "T S"],
    stiffness: float,
    tension: float = 0.0,
) -> Float[np.ndarray, "T S C"]:
    """Least squares with a penalty on second differences in time: uniform motion has no lag.

    Sways of P frames are damped by half where stiffness / weight is (2 sin(pi / P))^-4. After
    Whittaker, On a new method of graduation, 1923.

    Args:
      values: S series of C numbers.
      weight: how much each counts. Two of a series must have one, or any with `tension`.
      stiffness: of the series against bending.
      tension: of the series against moving, which keeps it where few values have a weight.
    """
    steps, bends = (np.diff(np.eye(len(values)), n, axis=0) for n in (1, 2))
    penalty = tension * steps.T @ steps + stiffness * bends.T @ bends
    matrix = penalty + weight.T[..., None] * np.eye(len(values))
    weighted = np.where(weight[..., None] > 0, weight[..., None] * values, 0.0)
    return np.linalg.solve(matrix, weighted.swapaxes(0, 1)).swapaxes(0, 1)

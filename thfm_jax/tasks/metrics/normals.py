"""Angles between surface normals."""

import numpy as np
from jaxtyping import Bool, Float

from thfm_jax.tasks.metrics.common import Numbers, labelled_pixels, pooled

LIMITS_DEG = (5, 11.25, 22.5, 30)


def angles_deg(first: Float[np.ndarray, "*B 3"], second: Float[np.ndarray, "*B 3"]) -> Numbers:
    """Angles between vectors of any length in degrees; 90 where one has no length."""
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    (ax, ay, az), (bx, by, bz) = np.moveaxis(first, -1, 0), np.moveaxis(second, -1, 0)
    x, y, z = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    sine = np.sqrt(x * x + y * y + z * z)
    cosine = ax * bx + ay * by + az * bz
    # Unlike arccos of the cosine, exact for small angles.
    angles = np.degrees(np.arctan2(sine, cosine))
    return np.where((sine == 0) & (cosine == 0), 90.0, angles)


def normal_angles(
    prediction: Float[np.ndarray, "T *B 3"],
    truth: Float[np.ndarray, "T *B 3"],
    mask: Bool[np.ndarray, "T *B"],
) -> Float[np.ndarray, "n"]:
    """Angular error in degrees of every labelled pixel, frame after frame."""
    angles = [angles_deg(*pair) for pair in labelled_pixels(prediction, truth, mask)]
    return np.concatenate([np.zeros(0), *angles])


def normal_errors(
    prediction: Float[np.ndarray, "T *B 3"],
    truth: Float[np.ndarray, "T *B 3"],
    mask: Bool[np.ndarray, "T *B"],
) -> dict[str, float]:
    """Angular error pooled over all labelled pixels (Sapiens2's protocol).

    Returns:
      mean_deg, median_deg, and below_5, below_11.25, below_22.5, below_30: shares in [0, 1] of
      pixels whose error is less than so many degrees.
    """
    angles = normal_angles(prediction, truth, mask)
    return {
        "mean_deg": pooled(np.mean, angles),
        "median_deg": pooled(np.median, angles),
        **{f"below_{limit}": pooled(np.mean, angles < limit) for limit in LIMITS_DEG},
    }

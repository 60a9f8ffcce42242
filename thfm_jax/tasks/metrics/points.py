"""Distances of points in the picture and on the template body, and shares of correct points."""

import numpy as np
from jaxtyping import Bool, Float

from thfm_jax.tasks.metrics.common import check_finite, check_shapes, labelled, lengths, pooled

# MPII's head size: a share of the diagonal of the head's box.
HEAD_SHARE = 0.6


def point_errors(
    prediction: Float[np.ndarray, "*B C"],
    truth: Float[np.ndarray, "*B C"],
    mask: Bool[np.ndarray, "*B"],
) -> Float[np.ndarray, "N"]:
    """Distances between the labelled points and their predictions, in the unit of the points."""
    prediction, truth, mask = np.asarray(prediction), np.asarray(truth), np.asarray(mask, bool)
    check_shapes(prediction, truth, mask)
    # Cut before anything else: of dense maps most is background.
    prediction, truth = prediction[mask].astype(np.float64), truth[mask].astype(np.float64)
    check_finite(prediction)
    return lengths(prediction - truth)


def canonical_errors(
    prediction: Float[np.ndarray, "*B 3"],
    truth: Float[np.ndarray, "*B 3"],
    mask: Bool[np.ndarray, "*B"],
) -> dict[str, float]:
    """mean_m, median_m: distance on the template in metres, pooled over all labelled pixels."""
    errors = point_errors(prediction, truth, mask)
    return {"mean_m": pooled(np.mean, errors), "median_m": pooled(np.median, errors)}


def person_size(
    truth: Float[np.ndarray, "T K 2"], mask: Bool[np.ndarray, "T K"]
) -> Float[np.ndarray, "T"]:
    """The longer side in pixels of the box round each frame's labelled joints; NaN without any."""
    mask = np.asarray(mask, bool)[..., None]
    high = np.max(truth, axis=1, where=mask, initial=-np.inf)
    low = np.min(truth, axis=1, where=mask, initial=np.inf)
    sides = np.where(mask.any(axis=1), high, np.nan) - np.where(mask.any(axis=1), low, 0.0)
    return np.max(sides, axis=-1)


def head_size(boxes: Float[np.ndarray, "T 4"]) -> Float[np.ndarray, "T"]:
    """MPII's head size of boxes round heads (x0, y0, x1, y1): 0.6 of the diagonal, in pixels."""
    return HEAD_SHARE * np.linalg.norm(boxes[:, 2:] - boxes[:, :2], axis=-1)


def correct_points(
    prediction: Float[np.ndarray, "T K 2"],
    truth: Float[np.ndarray, "T K 2"],
    mask: Bool[np.ndarray, "T K"],
    size: Float[np.ndarray, "T"],
    alpha: float,
) -> Float[np.ndarray, "T K"]:
    """1 where a joint's error is at most alpha * size, else 0; NaN where it has no label.

    Of PCK@alpha, `size` is the longer side of the person's box in pixels: a dataset's own, or
    `person_size`. Of PCKh@alpha it is `head_size`.
    """
    prediction, truth, mask = labelled(prediction, truth, mask)
    error = lengths(prediction - np.where(mask[..., None], truth, 0.0))
    return np.where(mask, error <= alpha * size[:, None], np.nan)


def pck(
    prediction: Float[np.ndarray, "T K 2"],
    truth: Float[np.ndarray, "T K 2"],
    mask: Bool[np.ndarray, "T K"],
    size: Float[np.ndarray, "T"],
    alpha: float,
) -> float:
    """PCK@alpha: share in [0, 1] of labelled joints that are `correct_points`, pooled."""
    correct = correct_points(prediction, truth, mask, size, alpha)
    return pooled(np.mean, correct[~np.isnan(correct)])


def pckh(
    prediction: Float[np.ndarray, "T K 2"],
    truth: Float[np.ndarray, "T K 2"],
    mask: Bool[np.ndarray, "T K"],
    heads: Float[np.ndarray, "T 4"],
    alpha: float = 0.5,
) -> float:
    """PCKh@alpha: `pck` by the size of the head, whose boxes are x0, y0, x1, y1 (MPII)."""
    return pck(prediction, truth, mask, head_size(heads), alpha)

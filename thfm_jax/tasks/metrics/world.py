"""Errors of a person's way through the world, whose origin and axes a prediction cannot know.

In the unit of the points, NumPy float64; every joint of every frame has a label.
"""

import numpy as np
from jaxtyping import Float

from thfm_jax.ops.geometry import fit_similarity
from thfm_jax.tasks.metrics.common import Numbers, lengths


def run_aligned(
    prediction: Float[np.ndarray, "T K 3"],
    truth: Float[np.ndarray, "T K 3"],
    size: int,
    fitted: int | None = None,
) -> Float[np.ndarray, "T K 3"]:
    """The prediction moved by one least-squares similarity for each run of `size` frames.

    Args:
      prediction, truth: joints in the world.
      size: frames of a run; the last one may be shorter.
      fitted: how many frames at the start of a run the similarity is fitted to; None for all.
    """
    prediction, truth = np.asarray(prediction, np.float64), np.asarray(truth, np.float64)
    moved = np.empty_like(prediction)
    for start in range(0, len(truth), size):
        run = slice(start, start + size)
        source, target = (points[run][:fitted].reshape(-1, 3) for points in (prediction, truth))
        scale, rotation, translation = fit_similarity(source, target, np.ones(len(source)))
        moved[run] = scale * prediction[run] @ rotation.T + translation
    return moved


def path_errors(
    prediction: Float[np.ndarray, "T 3"], truth: Float[np.ndarray, "T 3"]
) -> Float[np.ndarray, "T"]:
    """Distances between two paths as shares of the true one's length; NaN where that is 0.

    The prediction is turned and moved onto the truth by least squares, but not scaled.
    """
    prediction, truth = np.asarray(prediction, np.float64), np.asarray(truth, np.float64)
    length = np.sum(lengths(np.diff(truth, axis=0)))
    if not length > 0:
        return np.full(len(truth), np.nan)
    _, rotation, _ = fit_similarity(prediction, truth, np.ones(len(truth)))
    turned: Numbers = (prediction - prediction.mean(axis=0)) @ rotation.T
    return lengths(turned + truth.mean(axis=0) - truth) / length

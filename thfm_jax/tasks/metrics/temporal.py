"""How steady predictions are over time, without optical flow.

With the truth: how far the change from frame to frame is off. Without: how much predictions change
where the picture does not, and how far joints are from moving smoothly.
"""

import numpy as np
from jaxtyping import Bool, Float, UInt8

from thfm_jax.tasks.metrics.common import frame_means, labelled

TOLERANCE = 2  # sRGB levels that a resting pixel may change by


def change_errors(
    prediction: Float[np.ndarray, "T H W C"],
    truth: Float[np.ndarray, "T H W C"],
    mask: Bool[np.ndarray, "T H W"],
) -> Float[np.ndarray, "T-1"]:
    """Mean |change of the prediction - change of the truth| of each frame since the last.

    Over the pixels labelled in both, NaN without any; in the prediction's unit per frame. Depth has
    to be in metres (`align_depth`), normals of length 1. A constant error costs nothing.
    """
    prediction, truth, mask = labelled(prediction, truth, mask)
    error = np.where(mask[..., None], prediction, 0.0) - np.where(mask[..., None], truth, 0.0)
    return _means(np.diff(error, axis=0), mask[1:] & mask[:-1])


def resting_changes(
    prediction: Float[np.ndarray, "T H W C"],
    pictures: UInt8[np.ndarray, "T H W 3"],
    mask: Bool[np.ndarray, "T H W"],
    tolerance: int = TOLERANCE,
) -> Float[np.ndarray, "T-1"]:
    """Mean |change of the prediction| of each frame since the last, where the picture rests.

    Args:
      prediction: finite on the mask, in any unit, which is the result's, per frame.
      pictures: sRGB.
      mask: where there is a prediction, in either frame.
      tolerance: levels that all channels of a resting pixel stay within.

    Returns:
      NaN where nothing rests.
    """
    prediction, _, mask = labelled(prediction, prediction, mask)
    moved = np.abs(np.diff(np.asarray(pictures, np.int16), axis=0)).max(axis=-1)
    rests = (moved <= tolerance) & mask[1:] & mask[:-1]
    return _means(np.diff(np.where(mask[..., None], prediction, 0.0), axis=0), rests)


def _means(
    changes: Float[np.ndarray, "T H W C"], mask: Bool[np.ndarray, "T H W"]
) -> Float[np.ndarray, "T"]:
    sizes = np.where(mask, np.linalg.norm(changes, axis=-1), np.nan)
    return frame_means(sizes.reshape(len(sizes), -1))


def jitters(
    points: Float[np.ndarray, "T K C"], mask: Bool[np.ndarray, "T K"], fps: float = 1.0
) -> Float[np.ndarray, "T-3 K"]:
    """|Third derivative| of the joints that are there in four frames running; NaN elsewhere.

    In the points' unit per second cubed, or per frame cubed where fps is 1. WHAM and GVHMR print a
    tenth of m/s^3 at 30 fps (hmr4d/utils/eval/eval_utils.py::compute_jitter).
    """
    points, _, mask = labelled(points, points, mask)
    points = np.where(mask[..., None], points, 0.0)
    third = points[3:] - 3 * points[2:-1] + 3 * points[1:-2] - points[:-3]
    running = mask[3:] & mask[2:-1] & mask[1:-2] & mask[:-3]
    return np.where(running, fps**3 * np.linalg.norm(third, axis=-1), np.nan)

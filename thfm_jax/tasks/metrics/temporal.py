"""How steady predictions are over time, without optical flow.

With the truth: how far the change from frame to frame is off. Without: how much predictions change
where the picture does not, and how far joints are from moving smoothly.
"""

import numpy as np
from jaxtyping import Bool, Float, UInt8

from thfm_jax.tasks.metrics.common import (
    Numbers,
    check_finite,
    check_shapes,
    labelled,
    lengths,
    pooled,
)

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
    prediction, truth, mask = np.asarray(prediction), np.asarray(truth), np.asarray(mask, bool)
    check_shapes(prediction, truth, mask)
    means = np.full(max(len(mask) - 1, 0), np.nan)
    for frame, inside in enumerate(mask[1:] & mask[:-1]):
        changes = [_change(values, frame, inside) for values in (prediction, truth)]
        check_finite(changes[0])
        means[frame] = pooled(np.mean, lengths(changes[0] - changes[1]))
    return means


def _change(values: np.ndarray, frame: int, inside: Bool[np.ndarray, "H W"]) -> Numbers:
    """[n, C] in float64: the next frame's values less this one's, at the pixels inside."""
    return values[frame + 1][inside].astype(np.float64) - values[frame][inside]


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
    prediction, mask = np.asarray(prediction), np.asarray(mask, bool)
    check_shapes(prediction, prediction, mask)
    means = np.full(max(len(mask) - 1, 0), np.nan)
    for frame, inside in enumerate(mask[1:] & mask[:-1]):
        changes = _change(
            prediction, frame, inside & _rests(pictures[frame], pictures[frame + 1], tolerance)
        )
        check_finite(changes)
        means[frame] = pooled(np.mean, lengths(changes))
    return means


def _rests(
    first: UInt8[np.ndarray, "H W 3"], second: UInt8[np.ndarray, "H W 3"], tolerance: int
) -> Bool[np.ndarray, "H W"]:
    red, green, blue = np.moveaxis(np.abs(first.astype(np.int16) - second) <= tolerance, -1, 0)
    return red & green & blue


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
    return np.where(running, fps**3 * lengths(third), np.nan)

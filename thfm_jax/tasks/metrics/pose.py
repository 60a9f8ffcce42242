"""Errors of joints in space: of positions, aligned in several ways, and of accelerations.

In the unit of the points: protocols print millimetres, accelerations in m/s^2. What ends in
`_errors` is one number per frame and joint, NaN without a label; the others are means over each
frame's labelled joints and then over frames.
"""

import numpy as np
from jaxtyping import Bool, Float

from thfm_jax.ops.geometry import fit_similarity
from thfm_jax.tasks.metrics.common import Numbers, frame_means, known_mean, labelled, lengths


def position_errors(
    prediction: Float[np.ndarray, "T K C"],
    truth: Float[np.ndarray, "T K C"],
    mask: Bool[np.ndarray, "T K"],
) -> Float[np.ndarray, "T K"]:
    """Distances between joints and their predictions, in the plane or in space."""
    prediction, truth, mask = labelled(prediction, truth, mask)
    return np.where(mask, lengths(prediction - np.where(mask[..., None], truth, 0.0)), np.nan)


def mpjpe(
    prediction: Float[np.ndarray, "T K C"],
    truth: Float[np.ndarray, "T K C"],
    mask: Bool[np.ndarray, "T K"],
) -> float:
    """Mean joint position error; in space both are usually `rooted` first."""
    return known_mean(frame_means(position_errors(prediction, truth, mask)))


def rooted(points: Float[np.ndarray, "T K 3"], roots: tuple[int, ...]) -> Numbers:
    """The points relative to the mean of each frame's `roots`, in float64.

    EMDB and RICH take the two hips, 1 and 2 of SMPL's joints; 3DPW 2 and 3 of its 14 (GVHMR
    hmr4d/utils/eval/eval_utils.py).
    """
    points = np.asarray(points, np.float64)
    return points - np.mean(points[:, list(roots)], axis=1, keepdims=True)


def scale_aligned(
    prediction: Float[np.ndarray, "T K 3"],
    truth: Float[np.ndarray, "T K 3"],
    mask: Bool[np.ndarray, "T K"],
) -> Float[np.ndarray, "T K 3"]:
    """The prediction times each frame's least-squares scale; 0 where there is no label."""
    prediction, truth, mask = labelled(prediction, truth, mask)
    predicted, true = (np.where(mask[..., None], part, 0.0) for part in (prediction, truth))
    square = np.sum(predicted**2, axis=(1, 2), keepdims=True)
    product = np.sum(predicted * true, axis=(1, 2), keepdims=True)
    return product / np.where(square > 0, square, 1) * predicted


def n_mpjpe(
    prediction: Float[np.ndarray, "T K 3"],
    truth: Float[np.ndarray, "T K 3"],
    mask: Bool[np.ndarray, "T K"],
) -> float:
    """`mpjpe` after each frame's least-squares scale about the root (Rhodin et al., CVPR 2018)."""
    return mpjpe(scale_aligned(prediction, truth, mask), truth, mask)


def similarity_aligned(
    prediction: Float[np.ndarray, "T K 3"],
    truth: Float[np.ndarray, "T K 3"],
    mask: Bool[np.ndarray, "T K"],
) -> Float[np.ndarray, "T K 3"]:
    """The prediction moved by each frame's least-squares similarity, which never mirrors."""
    prediction, truth, mask = labelled(prediction, truth, mask)
    predicted, true = (np.where(mask[..., None], part, 0.0) for part in (prediction, truth))
    scale, rotation, translation = fit_similarity(predicted, true, mask.astype(np.float64))
    return scale[:, None, None] * predicted @ rotation.mT + translation[:, None]


def fits_similarity(mask: Bool[np.ndarray, "T K"]) -> Bool[np.ndarray, "T K"]:
    """The mask without frames of fewer than three joints: those fit whatever is predicted."""
    mask = np.asarray(mask, bool)
    return mask & (np.sum(mask, axis=1, keepdims=True) >= 3)


def pa_mpjpe(
    prediction: Float[np.ndarray, "T K 3"],
    truth: Float[np.ndarray, "T K 3"],
    mask: Bool[np.ndarray, "T K"],
) -> float:
    """`mpjpe` after each frame's least-squares similarity: scale, rotation and translation.

    Frames with fewer than three labelled joints do not count.
    """
    mask = fits_similarity(mask)
    return mpjpe(similarity_aligned(prediction, truth, mask), truth, mask)


def acceleration_errors(
    prediction: Float[np.ndarray, "T K 3"],
    truth: Float[np.ndarray, "T K 3"],
    mask: Bool[np.ndarray, "T K"],
    fps: float = 1.0,
) -> Float[np.ndarray, "T-2 K"]:
    """|Difference of accelerations| of joints labelled in three frames running.

    Per second squared, or per frame squared where fps is 1.
    """
    prediction, truth, mask = labelled(prediction, truth, mask)
    error = np.where(mask[..., None], prediction, 0.0) - np.where(mask[..., None], truth, 0.0)
    sizes = lengths(error[2:] - 2 * error[1:-1] + error[:-2])
    return np.where(mask[2:] & mask[1:-1] & mask[:-2], fps**2 * sizes, np.nan)


def acceleration_error(
    prediction: Float[np.ndarray, "T K 3"],
    truth: Float[np.ndarray, "T K 3"],
    mask: Bool[np.ndarray, "T K"],
    fps: float = 1.0,
) -> float:
    """The mean of `acceleration_errors` (WHAM and GVHMR print m/s^2 at 30 fps)."""
    return known_mean(frame_means(acceleration_errors(prediction, truth, mask, fps)))

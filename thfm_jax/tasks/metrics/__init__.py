"""Metric formulas, in NumPy and float64, for one clip at a time.

`mask` is True where there is a label. A frame without any label does not count, and a metric
without any frame is NaN. Predictions must be finite wherever a label is: dropping the pixels that a
model leaves out would flatter it.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from thfm_jax.ops.geometry import fit_scale_shift, fit_similarity

Numbers = Float[np.ndarray, "..."]


def labelled(
    prediction: np.ndarray, truth: np.ndarray, mask: Bool[np.ndarray, "..."]
) -> tuple[Numbers, Numbers, Bool[np.ndarray, "..."]]:
    """The three as arrays, the first two in float64; raises ValueError on non-finite predictions.

    `mask` may lack the last axis of the others, which is then their channels.
    """
    prediction, truth = np.asarray(prediction, np.float64), np.asarray(truth, np.float64)
    mask = np.asarray(mask, bool)
    if prediction.shape != truth.shape or mask.shape != truth.shape[: mask.ndim]:
        raise ValueError(
            f"shapes differ: prediction {prediction.shape}, truth {truth.shape}, mask {mask.shape}"
        )
    missing = np.count_nonzero(~np.isfinite(prediction[mask]))
    if missing:
        raise ValueError(
            f"the prediction has {missing} values that are not finite where there is a label; "
            "decode it without a foreground"
        )
    return prediction, truth, mask


def depth_errors(
    prediction: Float[np.ndarray, "T H W"],
    truth: Float[np.ndarray, "T H W"],
    mask: Bool[np.ndarray, "T H W"],
    align: Literal["image", "clip"],
) -> dict[str, float]:
    """Errors of affine-invariant depth after a least-squares scale and shift in depth space.

    Each alignment unit, one image or the whole clip, is fitted and scored on its own labelled
    pixels, and the scores of the units are averaged (DAViD's protocol where `align` is "image").

    Args:
      prediction: depth up to scale and shift, growing away from the camera.
      truth: z in metres.
      mask: foreground.
      align: "image" or "clip".

    Returns:
      rmse_m: root mean squared error in metres. abs_rel: mean |error| / truth. delta1: share of
      pixels whose ratio to the truth lies strictly between 1 / 1.25 and 1.25.
    """
    prediction, truth, mask = labelled(prediction, truth, mask)
    units = {"image": len(truth), "clip": 1}[align]
    prediction, truth, mask = (part.reshape(units, -1) for part in (prediction, truth, mask))
    scale, shift = fit_scale_shift(prediction, truth, mask.astype(np.float64), axis=(-1,))
    rows = []
    for fitted, true, inside in zip(scale * prediction + shift, truth, mask, strict=True):
        if inside.any():
            rows.append(_depth_scores(fitted[inside], true[inside]))
    rmse, abs_rel, delta1 = _column_means(rows, 3)
    return {"rmse_m": rmse, "abs_rel": abs_rel, "delta1": delta1}


def _depth_scores(fitted: Numbers, truth: Numbers) -> tuple[float, float, float]:
    error = np.abs(fitted - truth)
    close = (fitted < 1.25 * truth) & (truth < 1.25 * fitted)
    return float(np.sqrt(np.mean(error**2))), float(np.mean(error / truth)), float(np.mean(close))


def _column_means(rows: Sequence[tuple[float, ...]], columns: int) -> list[float]:
    return np.mean(rows, axis=0).tolist() if rows else [np.nan] * columns


def angles_deg(first: Float[np.ndarray, "*B 3"], second: Float[np.ndarray, "*B 3"]) -> Numbers:
    """Angles between vectors of any length in degrees; 90 where one has no length."""
    sine = np.linalg.norm(np.cross(first, second), axis=-1)
    cosine = np.sum(first * second, axis=-1)
    # Unlike arccos of the cosine, exact for small angles.
    angles = np.degrees(np.arctan2(sine, cosine))
    return np.where((sine == 0) & (cosine == 0), 90.0, angles)


def normal_errors(
    prediction: Float[np.ndarray, "*B 3"],
    truth: Float[np.ndarray, "*B 3"],
    mask: Bool[np.ndarray, "*B"],
) -> dict[str, float]:
    """Angular error pooled over all labelled pixels (Sapiens2's protocol).

    Returns:
      mean_deg, median_deg, and below_5, below_11.25, below_22.5, below_30: shares in [0, 1] of
      pixels whose error is less than so many degrees.
    """
    prediction, truth, mask = labelled(prediction, truth, mask)
    angles = angles_deg(prediction[mask], truth[mask])
    limits = (5, 11.25, 22.5, 30)
    return {
        "mean_deg": _pooled(np.mean, angles),
        "median_deg": _pooled(np.median, angles),
        **{f"below_{limit}": _pooled(np.mean, angles < limit) for limit in limits},
    }


def _pooled(reduce, values: np.ndarray) -> float:
    return float(reduce(values)) if values.size else np.nan


def matte_errors(
    prediction: Float[np.ndarray, "T H W"],
    truth: Float[np.ndarray, "T H W"],
    mask: Bool[np.ndarray, "T H W"],
) -> dict[str, float]:
    """Errors of alpha in [0, 1], each per image over its labelled pixels, averaged over images.

    Returns:
      mse: mean squared error. mad: mean absolute error. sad: sum of absolute errors, in thousands
      of pixels. iou: intersection over union of the pixels with alpha > 0.5; 1 where both are
      empty.
    """
    prediction, truth, mask = labelled(prediction, truth, mask)
    rows = []
    for predicted, true, inside in zip(prediction, truth, mask, strict=True):
        if inside.any():
            rows.append(_matte_scores(predicted[inside], true[inside]))
    mse, mad, sad, iou = _column_means(rows, 4)
    return {"mse": mse, "mad": mad, "sad": sad, "iou": iou}


def _matte_scores(prediction: Numbers, truth: Numbers) -> tuple[float, float, float, float]:
    error = np.abs(prediction - truth)
    both = np.sum((prediction > 0.5) & (truth > 0.5))
    either = np.sum((prediction > 0.5) | (truth > 0.5))
    iou = both / either if either else 1.0
    return float(np.mean(error**2)), float(np.mean(error)), float(np.sum(error)) / 1e3, float(iou)


def point_errors(
    prediction: Float[np.ndarray, "*B C"],
    truth: Float[np.ndarray, "*B C"],
    mask: Bool[np.ndarray, "*B"],
) -> Float[np.ndarray, "N"]:
    """Distances between the labelled points and their predictions, in the unit of the points."""
    prediction, truth, mask = labelled(prediction, truth, mask)
    return np.linalg.norm(prediction[mask] - truth[mask], axis=-1)


def canonical_errors(
    prediction: Float[np.ndarray, "*B 3"],
    truth: Float[np.ndarray, "*B 3"],
    mask: Bool[np.ndarray, "*B"],
) -> dict[str, float]:
    """mean_m, median_m: distance on the template in metres, pooled over all labelled pixels."""
    errors = point_errors(prediction, truth, mask)
    return {"mean_m": _pooled(np.mean, errors), "median_m": _pooled(np.median, errors)}


def person_size(
    truth: Float[np.ndarray, "T K 2"], mask: Bool[np.ndarray, "T K"]
) -> Float[np.ndarray, "T"]:
    """The longer side in pixels of the box round each frame's labelled joints; NaN without any."""
    points = np.where(mask[..., None], truth, np.nan)
    sides = np.full(truth.shape[0], np.nan)
    seen = mask.any(axis=-1)
    sides[seen] = np.max(np.nanmax(points[seen], axis=1) - np.nanmin(points[seen], axis=1), axis=-1)
    return sides


def pck(
    prediction: Float[np.ndarray, "T K 2"],
    truth: Float[np.ndarray, "T K 2"],
    mask: Bool[np.ndarray, "T K"],
    size: Float[np.ndarray, "T"],
    alpha: float,
) -> float:
    """PCK@alpha: share in [0, 1] of labelled joints with an error of at most alpha * size.

    `size` is the longer side of the person's box in pixels: a dataset's own, or `person_size`.
    """
    errors = point_errors(prediction, truth, mask)
    limits = np.broadcast_to(alpha * size[:, None], mask.shape)[mask]
    return _pooled(np.mean, errors <= limits)


def mpjpe(
    prediction: Float[np.ndarray, "T K C"],
    truth: Float[np.ndarray, "T K C"],
    mask: Bool[np.ndarray, "T K"],
) -> float:
    """Mean joint position error, over each frame's labelled joints and then over frames.

    In the unit of the points, in the plane or in space; in space both are usually `rooted` first.
    """
    prediction, truth, mask = labelled(prediction, truth, mask)
    errors = np.linalg.norm(prediction - np.where(mask[..., None], truth, 0), axis=-1)
    return _frame_mean(errors, mask)


def _frame_mean(errors: Float[np.ndarray, "T K"], mask: Bool[np.ndarray, "T K"]) -> float:
    frames = [np.mean(row[seen]) for row, seen in zip(errors, mask, strict=True) if seen.any()]
    return _pooled(np.mean, np.array(frames))


def rooted(points: Float[np.ndarray, "T K 3"], roots: tuple[int, ...]) -> Numbers:
    """The points relative to the mean of each frame's `roots`, in float64.

    EMDB and RICH take the two hips, 1 and 2 of SMPL's joints; 3DPW 2 and 3 of its 14 (GVHMR
    hmr4d/utils/eval/eval_utils.py).
    """
    points = np.asarray(points, np.float64)
    return points - np.mean(points[:, list(roots)], axis=1, keepdims=True)


def n_mpjpe(
    prediction: Float[np.ndarray, "T K 3"],
    truth: Float[np.ndarray, "T K 3"],
    mask: Bool[np.ndarray, "T K"],
) -> float:
    """`mpjpe` after each frame's least-squares scale about the root (Rhodin et al., CVPR 2018)."""
    prediction, truth, mask = labelled(prediction, truth, mask)
    seen = mask[..., None]
    predicted, true = np.where(seen, prediction, 0), np.where(seen, truth, 0)
    square = np.sum(predicted**2, axis=(1, 2), keepdims=True)
    product = np.sum(predicted * true, axis=(1, 2), keepdims=True)
    return mpjpe(product / np.where(square > 0, square, 1) * predicted, true, mask)


def pa_mpjpe(
    prediction: Float[np.ndarray, "T K 3"],
    truth: Float[np.ndarray, "T K 3"],
    mask: Bool[np.ndarray, "T K"],
) -> float:
    """`mpjpe` after each frame's least-squares similarity: scale, rotation and translation.

    Frames with fewer than three labelled joints fit without error whatever is predicted, so they do
    not count.
    """
    prediction, truth, mask = labelled(prediction, truth, mask)
    mask = mask & (np.sum(mask, axis=1, keepdims=True) >= 3)
    predicted, true = (np.where(mask[..., None], part, 0) for part in (prediction, truth))
    scale, rotation, translation = fit_similarity(predicted, true, mask.astype(np.float64))
    fitted = scale[:, None, None] * predicted @ rotation.mT + translation[:, None]
    return mpjpe(fitted, true, mask)


def acceleration_error(
    prediction: Float[np.ndarray, "T K 3"],
    truth: Float[np.ndarray, "T K 3"],
    mask: Bool[np.ndarray, "T K"],
    fps: float = 1.0,
) -> float:
    """Mean |difference of accelerations| of joints labelled in three frames running.

    In the points' unit per second squared, or per frame squared where fps is 1 (WHAM and GVHMR
    print m/s^2 at 30 fps).
    """
    prediction, truth, mask = labelled(prediction, truth, mask)
    error = np.where(mask[..., None], prediction - truth, 0)
    acceleration = error[2:] - 2 * error[1:-1] + error[:-2]
    return fps**2 * _frame_mean(
        np.linalg.norm(acceleration, axis=-1), mask[2:] & mask[1:-1] & mask[:-2]
    )

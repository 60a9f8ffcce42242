"""Errors of depth that is known up to scale and shift, in metres after alignment."""

from collections.abc import Callable
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from thfm_jax.ops.geometry import fit_scale_shift
from thfm_jax.tasks.metrics.common import Numbers, Scores, known_mean, labelled_pixels

Fit = Callable[[Float[np.ndarray, "n"], Float[np.ndarray, "n"]], tuple[float, float]]
Align = Literal["image", "clip"]


def least_squares(
    prediction: Float[np.ndarray, "n"], truth: Float[np.ndarray, "n"]
) -> tuple[float, float]:
    """Scale and shift of the least squared error; scale 0 for a constant prediction."""
    scale, shift = fit_scale_shift(prediction, truth, np.ones_like(truth), axis=(0,))
    return float(scale[0]), float(shift[0])


def median_spread(
    prediction: Float[np.ndarray, "n"], truth: Float[np.ndarray, "n"]
) -> tuple[float, float]:
    """Scale and shift that make median and mean distance from the median those of the truth.

    Outliers count little (MiDaS: Ranftl et al. 2020, equation 5). The scale is never negative, and
    0 for a constant prediction.
    """
    middles = float(np.median(prediction)), float(np.median(truth))
    spread = float(np.mean(np.abs(prediction - middles[0])))
    scale = float(np.mean(np.abs(truth - middles[1]))) / spread if spread else 0.0
    return scale, middles[1] - scale * middles[0]


def depth_scores(
    prediction: Float[np.ndarray, "T H W"],
    truth: Float[np.ndarray, "T H W"],
    mask: Bool[np.ndarray, "T H W"],
    align: Align,
    fit: Fit = least_squares,
) -> Scores:
    """Errors of depth after a scale and shift in depth space, of each unit that shares a fit.

    A unit, one image or the whole clip, is fitted and scored on its own labelled pixels (DAViD's
    protocol where `align` is "image" and `fit` is `least_squares`).

    Args:
      prediction: depth up to scale and shift, growing away from the camera.
      truth: z in metres.
      mask: foreground.
      align: "image" or "clip".
      fit: (prediction, truth) -> scale, shift.

    Returns:
      Float64 [T] for images, [1] for a clip, NaN without a label. rmse_m: root mean squared error
      in metres. abs_rel: mean |error| / truth. delta1: share of pixels whose ratio to the truth
      lies strictly between 1 / 1.25 and 1.25.
    """
    pairs = list(labelled_pixels(prediction, truth, mask))
    if align == "clip":
        pairs = [(_joined([p for p, _ in pairs]), _joined([t for _, t in pairs]))]
    rows = [_scores(fit, *pair) if pair[1].size else (np.nan,) * 3 for pair in pairs]
    columns = np.array(rows, np.float64).reshape(-1, 3).T
    return dict(zip(("rmse_m", "abs_rel", "delta1"), columns, strict=True))


def _joined(parts: list[Numbers]) -> Numbers:
    return np.concatenate(parts) if parts else np.zeros(0)


def _scores(fit: Fit, prediction: Numbers, truth: Numbers) -> tuple[float, float, float]:
    scale, shift = fit(prediction, truth)
    fitted = scale * prediction + shift
    error = np.abs(fitted - truth)
    close = (fitted < 1.25 * truth) & (truth < 1.25 * fitted)
    rmse = float(np.sqrt(np.mean(error**2)))
    return rmse, float(np.mean(error / truth)), float(np.mean(close))


def depth_errors(
    prediction: Float[np.ndarray, "T H W"],
    truth: Float[np.ndarray, "T H W"],
    mask: Bool[np.ndarray, "T H W"],
    align: Align,
    fit: Fit = least_squares,
) -> dict[str, float]:
    """The means of `depth_scores` over the units."""
    scores = depth_scores(prediction, truth, mask, align, fit)
    return {name: known_mean(values) for name, values in scores.items()}


def align_depth(
    prediction: Float[np.ndarray, "T H W"],
    truth: Float[np.ndarray, "T H W"],
    mask: Bool[np.ndarray, "T H W"],
    fit: Fit = least_squares,
) -> Float[np.ndarray, "T H W"]:
    """The prediction in metres by one fit to all labelled pixels of the clip; 0 without any."""
    pairs = list(labelled_pixels(prediction, truth, mask))
    predicted, true = _joined([p for p, _ in pairs]), _joined([t for _, t in pairs])
    scale, shift = fit(predicted, true) if true.size else (0.0, 0.0)
    return scale * np.asarray(prediction, np.float64) + shift

"""Errors of alpha, as matting papers define them, per image.

Published tables scale them differently: "MSE" and "MAD" are often given times 1,000, "dtSSD" times
100 (RobustVideoMatting evaluation/evaluate_lr.py); nothing here is.
"""

import functools
import math

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from thfm_jax.tasks.metrics.common import Numbers, Scores, known_mean, labelled, labelled_pixels

SIGMA = 1.4
# Differences in connectedness below this are let pass.
CONNECTED = 0.15
LEVELS = np.arange(11) / 10


def matte_scores(
    prediction: Float[np.ndarray, "T H W"],
    truth: Float[np.ndarray, "T H W"],
    mask: Bool[np.ndarray, "T H W"],
) -> Scores:
    """Errors of alpha in [0, 1] of each image over its labelled pixels; NaN without any.

    Returns:
      mse: mean squared error. mad: mean absolute error. sad: sum of absolute errors, in thousands
      of pixels. iou: intersection over union of the pixels with alpha > 0.5; 1 where both are
      empty.
    """
    rows = [
        _scores(*pair) if pair[1].size else (np.nan,) * 4
        for pair in labelled_pixels(prediction, truth, mask)
    ]
    columns = np.array(rows, np.float64).reshape(-1, 4).T
    return dict(zip(("mse", "mad", "sad", "iou"), columns, strict=True))


def _scores(prediction: Numbers, truth: Numbers) -> tuple[float, float, float, float]:
    error = np.abs(prediction - truth)
    both = np.sum((prediction > 0.5) & (truth > 0.5))
    either = np.sum((prediction > 0.5) | (truth > 0.5))
    iou = both / either if either else 1.0
    return float(np.mean(error**2)), float(np.mean(error)), float(np.sum(error)) / 1e3, float(iou)


def matte_errors(
    prediction: Float[np.ndarray, "T H W"],
    truth: Float[np.ndarray, "T H W"],
    mask: Bool[np.ndarray, "T H W"],
) -> dict[str, float]:
    """The means of `matte_scores` over the images."""
    scores = matte_scores(prediction, truth, mask)
    return {name: known_mean(values) for name, values in scores.items()}


def matte_gradient_errors(
    prediction: Float[np.ndarray, "T H W"],
    truth: Float[np.ndarray, "T H W"],
    mask: Bool[np.ndarray, "T H W"],
) -> Float[np.ndarray, "T"]:
    """Grad of each image: summed squared differences of the gradients' lengths, in thousands.

    Gradients are taken by derivatives of a Gaussian of sigma 1.4 pixels, after each image was
    stretched to [0, 1] (Rhemann et al. 2009; RobustVideoMatting evaluate_lr.py::MetricGRAD). Both
    must be finite everywhere; `mask` chooses the pixels that are summed over. NaN without any.
    """
    prediction, truth, mask = _everywhere(prediction, truth, mask)
    rows = zip(prediction, truth, mask, strict=True)
    return np.array([_gradient_error(*row) for row in rows])


def _gradient_error(prediction: Numbers, truth: Numbers, inside: Bool[np.ndarray, "H W"]) -> float:
    if not inside.any():
        return np.nan
    error = _gradient(_stretched(prediction)) - _gradient(_stretched(truth))
    return float(np.sum(np.square(error), where=inside)) / 1e3


def _stretched(alpha: Float[np.ndarray, "H W"]) -> Float[np.ndarray, "H W"]:
    """Over [0, 1]; 0 where it is constant."""
    low, high = alpha.min(), alpha.max()
    return (alpha - low) / (high - low) if high > low else np.zeros_like(alpha)


def _gradient(image: Float[np.ndarray, "H W"]) -> Float[np.ndarray, "H W"]:
    smooth, slope = _kernels()
    across, down = (
        ndimage.correlate1d(
            ndimage.correlate1d(image, slope, axis, mode="nearest"),
            smooth,
            1 - axis,
            mode="nearest",
        )
        for axis in (1, 0)
    )
    return np.sqrt(across**2 + down**2)


@functools.cache
def _kernels() -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n"]]:
    """A Gaussian and its derivative, each of norm 1, cut off where the Gaussian is below 0.01."""
    reach = math.ceil(SIGMA * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * SIGMA * 1e-2)))
    at = np.arange(-reach, reach + 1)
    smooth = np.exp(-(at**2) / (2 * SIGMA**2))
    slope = -at * smooth
    return smooth / np.linalg.norm(smooth), slope / np.linalg.norm(slope)


def matte_connectivity_errors(
    prediction: Float[np.ndarray, "T H W"],
    truth: Float[np.ndarray, "T H W"],
    mask: Bool[np.ndarray, "T H W"],
) -> Float[np.ndarray, "T"]:
    """Conn of each image: summed differences in connectedness, in thousands of pixels.

    A pixel is connected up to the highest level, in steps of 0.1, at which it still belongs to the
    largest region, 4-connected, where prediction and truth both reach the level. What alpha exceeds
    its level by is its lack of connectedness, 0 if less than 0.15 (Rhemann et al. 2009;
    RobustVideoMatting evaluate_lr.py::MetricCONN). Both must be finite everywhere; `mask` chooses
    the pixels that are summed over. NaN without any.
    """
    # Numba takes a second to import, and predicting needs none of it.
    from thfm_jax.tasks.metrics.components import connected_levels

    prediction, truth, mask = _everywhere(prediction, truth, mask)
    errors = np.full(len(truth), np.nan)
    for frame in np.flatnonzero(mask.any(axis=(1, 2))):
        both = np.minimum(prediction[frame], truth[frame])
        level = LEVELS[connected_levels(both, LEVELS)]
        lacks = [_lack(part[frame] - level) for part in (prediction, truth)]
        difference = np.abs(lacks[0] - lacks[1])
        errors[frame] = np.sum(difference, where=mask[frame]) / 1e3
    return errors


def _lack(excess: Numbers) -> Numbers:
    return np.where(excess >= CONNECTED, excess, 0.0)


def matte_dtssd(
    prediction: Float[np.ndarray, "T H W"],
    truth: Float[np.ndarray, "T H W"],
    mask: Bool[np.ndarray, "T H W"],
) -> Float[np.ndarray, "T-1"]:
    """dtSSD of each frame but the first: root mean squared error of the change since the last.

    Over the pixels labelled in both frames, NaN without any (Erofeev et al. 2015). The first frame
    has none; RobustVideoMatting's means count it as 0.
    """
    prediction, truth, mask = labelled(prediction, truth, mask)
    change = np.diff(prediction - np.where(mask, truth, 0), axis=0)
    both = mask[1:] & mask[:-1]
    pixels = np.sum(both, axis=(1, 2))
    total = np.sum(np.square(change), axis=(1, 2), where=both)
    return np.where(pixels > 0, np.sqrt(total / np.maximum(pixels, 1)), np.nan)


def _everywhere(
    prediction: np.ndarray, truth: np.ndarray, mask: np.ndarray
) -> tuple[Numbers, Numbers, Bool[np.ndarray, "T H W"]]:
    """`labelled`, of predictions and truths that must be finite beyond the mask."""
    whole = np.ones(np.shape(truth), bool)
    prediction, truth, _ = labelled(prediction, truth, whole)
    if not np.isfinite(truth).all():
        raise ValueError("the truth must be finite everywhere, also outside the mask")
    return prediction, truth, np.broadcast_to(np.asarray(mask, bool), truth.shape)

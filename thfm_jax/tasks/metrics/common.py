"""What the metrics share: their inputs checked, and means over what is labelled."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float

Numbers = Float[np.ndarray, "..."]
Scores = dict[str, Float[np.ndarray, "T"]]


def check_shapes(prediction: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> None:
    """Raises ValueError unless the three fit; `mask` may lack the last axis, the channels'."""
    if prediction.shape != truth.shape or mask.shape != truth.shape[: mask.ndim]:
        raise ValueError(
            f"shapes differ: prediction {prediction.shape}, truth {truth.shape}, mask {mask.shape}"
        )


def check_finite(prediction: np.ndarray) -> None:
    """Raises ValueError if a prediction, cut to where there is a label, is not finite."""
    missing = prediction.size - np.count_nonzero(np.isfinite(prediction))
    if missing:
        raise ValueError(
            f"the prediction has {missing} values that are not finite where there is a label; "
            "decode it without a foreground"
        )


def labelled(
    prediction: np.ndarray, truth: np.ndarray, mask: Bool[np.ndarray, "..."]
) -> tuple[Numbers, Numbers, Bool[np.ndarray, "..."]]:
    """The three as arrays, the first two in float64; raises ValueError on non-finite predictions.

    `mask` may lack the last axis of the others, which is then their channels.
    """
    prediction, truth = np.asarray(prediction, np.float64), np.asarray(truth, np.float64)
    mask = np.asarray(mask, bool)
    check_shapes(prediction, truth, mask)
    check_finite(prediction[mask])
    return prediction, truth, mask


def labelled_pixels(
    prediction: np.ndarray, truth: np.ndarray, mask: Bool[np.ndarray, "..."]
) -> Iterator[tuple[Numbers, Numbers]]:
    """Prediction and truth in float64 at the labelled pixels, [n] or [n, C], frame by frame.

    A frame at a time stays in the processor's cache. Raises as `labelled` does.
    """
    prediction, truth, mask = np.asarray(prediction), np.asarray(truth), np.asarray(mask, bool)
    check_shapes(prediction, truth, mask)
    for predicted, true, inside in zip(prediction, truth, mask, strict=True):
        kept = predicted[inside].astype(np.float64)
        check_finite(kept)
        yield kept, true[inside].astype(np.float64)


def lengths(vectors: Float[np.ndarray, "*B C"]) -> Float[np.ndarray, "*B"]:
    """Euclidean lengths; faster than `numpy.linalg.norm` for few channels."""
    return np.sqrt(np.einsum("...c,...c->...", vectors, vectors))


def known_mean(values: Numbers) -> float:
    """The mean of the values that are not NaN; NaN where all are."""
    known = values[~np.isnan(values)]
    return float(np.mean(known)) if known.size else np.nan


def pooled(reduce, values: np.ndarray) -> float:
    """`reduce` of all values together; NaN where there are none."""
    return float(reduce(values)) if values.size else np.nan


def frame_means(values: Float[np.ndarray, "T K"]) -> Float[np.ndarray, "T"]:
    """Each frame's mean of the values that are not NaN; NaN where all are."""
    known = ~np.isnan(values)
    counts = np.sum(known, axis=1)
    sums = np.sum(np.where(known, values, 0.0), axis=1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)

"""What scoring the dense tasks has in common."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float

from thfm_jax.data.benchmarks.shots import FOREGROUND
from thfm_jax.evaluation.tally import Mean
from thfm_jax.types import Target

Maps = Float[np.ndarray, "t H W *C"]


def maps(
    task: str, predictions: Mapping[str, np.ndarray], truth: Mapping[str, Target]
) -> tuple[Maps, Maps, Bool[np.ndarray, "t H W"]]:
    """Prediction, truth and where it counts, as `tasks.metrics` takes them.

    Nothing is resized: the metrics raise ValueError where a prediction is not of the truth's size.
    How to resize changes scores, so it is for whoever predicts to choose, and for a report to say.
    """
    value, mask = np.asarray(truth[task].value), np.asarray(truth[task].mask, bool)
    single = value.shape[-1] == 1
    return np.asarray(predictions[task]), value[..., 0] if single else value, mask


def without_truth(task: str, truth: Mapping[str, Target]) -> dict[str, Mean]:
    """The share of the foreground's pixels that have no label, and so no score: of holes in a scan.

    Under "depth_without_truth"; nothing where the set names no foreground.
    """
    if FOREGROUND not in truth:
        return {}
    inside = np.asarray(truth[FOREGROUND].value)[..., 0] > 0
    holes = inside & ~np.asarray(truth[task].mask, bool)
    return {
        f"{task}_without_truth": Mean(
            float(np.count_nonzero(holes)), float(np.count_nonzero(inside))
        )
    }

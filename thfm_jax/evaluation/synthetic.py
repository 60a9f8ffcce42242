"""Held-out synthetic clips: what training sees, and what it never does.

`synthetic_test` shows one person, as training does, with other random numbers. The others are our
benchmark of what THFM's paper reports: that a model which learned from single people perceives
several (`synthetic_multi`), animals (`synthetic_animals`) and cartoon bodies (`synthetic_cartoon`).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from thfm_jax import joints
from thfm_jax.data.benchmarks.sequence import Sequence
from thfm_jax.data.benchmarks.synthetic import SUBJECTS, open_synthetic
from thfm_jax.evaluation.benchmark import Benchmark, Measure, Scores
from thfm_jax.evaluation.tally import Mean, Median, Tally
from thfm_jax.ops.geometry import fit_scale_shift
from thfm_jax.tasks import TASKS, metrics
from thfm_jax.types import Target

# Figures of a clip: measure -> its task, the metric's name, and what it is multiplied by.
_CLIP: dict[str, tuple[str, str, float]] = {
    "matte_iou": ("matte", "iou", 1),
    "matte_mse": ("matte", "mse", 1),
    "depth_rmse_m": ("depth", "clip_rmse_m", 1),
    "depth_abs_rel": ("depth", "clip_abs_rel", 1),
    "depth_image_rmse_m": ("depth", "image_rmse_m", 1),
    "normals_mean_deg": ("normals", "mean_deg", 1),
    "densepose_median_cm": ("densepose", "median_m", 100),
    "pck@0.1": ("keypoints2d", "pck@0.1", 1),
    "mpjpe_mm": ("keypoints3d", "mpjpe_mm", 1),
    "pa_mpjpe_mm": ("keypoints3d", "pa_mpjpe_mm", 1),
}
# How far the change from frame to frame is off: measure -> its task, and a factor.
_CHANGES: dict[str, tuple[str, float]] = {
    "matte_change": ("matte", 1),
    "depth_change_mm": ("depth", 1000),
    "normals_change": ("normals", 1),
    "densepose_change_cm": ("densepose", 100),
}
_LABELS = {
    "matte_iou": "Matte IoU",
    "matte_mse": "Matte MSE",
    "depth_rmse_m": "Depth RMSE (m)",
    "depth_abs_rel": "Depth AbsRel",
    "depth_image_rmse_m": "Depth RMSE, fitted per image (m)",
    "normals_mean_deg": "Normals (deg)",
    "densepose_median_cm": "Dense pose (cm)",
    "pck@0.1": "PCK@0.1",
    "mpjpe_mm": "MPJPE (mm)",
    "pa_mpjpe_mm": "PA-MPJPE (mm)",
    "matte_change": "Matte flicker",
    "depth_change_mm": "Depth flicker (mm)",
    "normals_change": "Normals flicker",
    "densepose_change_cm": "Dense pose flicker (cm)",
    "subject_found": "Subjects found",
    "subject_recall": "Recall per subject",
    "subject_depth_rmse_m": "Depth RMSE per subject (m)",
    "subject_normals_deg": "Normals per subject (deg)",
    "subject_densepose_cm": "Dense pose per subject (cm)",
}
_HIGHER = ("matte_iou", "pck@0.1", "subject_found", "subject_recall")
# A subject of which less is seen, in pixels of the whole clip, is not scored by itself.
SMALLEST_PX = 64

_PROTOCOL = (
    "Each figure is computed for a clip by the formulas of docs/tasks.md, and the median over "
    "clips is reported. Mattes: all pixels, IoU at alpha 0.5. Depth: one least-squares scale and "
    "shift for the clip, or for each image, on solid surfaces of the foreground. Normals: mean "
    "angle over these. Dense pose: median distance on the template over all pixels of people. "
    "Keypoints: the main subject, the largest; PCK within a tenth of the longer side of the box "
    "round all its joints, hidden ones and those up to half a frame outside included; MPJPE "
    "relative to the middle of the hips. Flicker: mean over pixels of how far a prediction's "
    "change since the last frame is from the truth's, depth in metres by the clip's scale and "
    "shift."
)
_PER_SUBJECT = (
    f" Per subject, of whom at least {SMALLEST_PX} pixels are seen in the clip, the median over "
    "subjects: recall is the share of its pixels with a predicted alpha above 0.5, and it is found "
    "where this exceeds one half; depth is fitted once for all subjects of the clip together."
)


def score(
    predictions: Mapping[str, np.ndarray], truth: Mapping[str, Target], sequence: Sequence
) -> Scores:
    """Scores of a whole clip, for each task that it has labels of."""
    labels = {task: _label(task, truth[task]) for task in TASKS if task in truth}
    found = {task: TASKS[task].metrics(predictions[task], *labels[task]) for task in labels}
    tallies: dict[str, Tally] = {
        measure: Median.of(factor * found[task][metric])
        for measure, (task, metric, factor) in _CLIP.items()
        if task in found
    }
    depth = _fitted_depth(predictions["depth"], *labels["depth"])
    fitted = {**predictions, "depth": depth}
    tallies |= {
        measure: Median.of(factor * _change(fitted[task], *labels[task]))
        for measure, (task, factor) in _CHANGES.items()
        if task in labels
    }
    tallies |= _subject_tallies(fitted, labels, np.asarray(truth[SUBJECTS].value[..., 0]))
    return Scores(tallies, _frame_ious(predictions["matte"], labels["matte"][0]))


def _change(prediction: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Mean over frames of `metrics.change_errors`; NaN for a single frame or without labels."""
    lift = lambda values: values if values.ndim == 4 else values[..., None]
    changes = metrics.change_errors(lift(prediction), lift(truth), mask)
    return float(np.nanmean(changes)) if np.isfinite(changes).any() else np.nan


def _label(task: str, target: Target) -> tuple[np.ndarray, np.ndarray]:
    """Value and mask as the task's metrics take them."""
    value = np.asarray(target.value)
    single = TASKS[task].kind == "dense" and value.shape[-1] == 1
    return (value[..., 0] if single else value), np.asarray(target.mask, bool)


def _subject_tallies(
    predictions: Mapping[str, np.ndarray],
    labels: Mapping[str, tuple[np.ndarray, np.ndarray]],
    subjects: Float[np.ndarray, "T H W"],
) -> dict[str, Tally]:
    """The figures of each subject by itself; depth is predicted in metres."""
    rows = [
        _subject(predictions, labels, subjects == number)
        for number in range(1, int(subjects.max(initial=0)) + 1)
        if np.count_nonzero(subjects == number) >= SMALLEST_PX
    ]
    recalls = np.array([row["subject_recall"] for row in rows])
    tallies: dict[str, Tally] = {"subject_found": Mean.of(recalls > 0.5)}
    for name in rows[0] if rows else ():
        tallies[name] = Median.of(*(row[name] for row in rows))
    return tallies


def _subject(
    predictions: Mapping[str, np.ndarray],
    labels: Mapping[str, tuple[np.ndarray, np.ndarray]],
    own: Bool[np.ndarray, "T H W"],
) -> dict[str, float]:
    figures = {"subject_recall": float(np.mean(predictions["matte"][own] > 0.5))}
    depth, solid = labels["depth"]
    error = predictions["depth"][own & solid] - depth[own & solid]
    figures["subject_depth_rmse_m"] = float(np.sqrt(np.mean(error**2))) if error.size else np.nan
    normals, solid = labels["normals"]
    angles = metrics.normal_errors(predictions["normals"], normals, own & solid)
    figures["subject_normals_deg"] = angles["mean_deg"]
    if "densepose" in labels:
        points, posed = labels["densepose"]
        distances = metrics.canonical_errors(predictions["densepose"], points, own & posed)
        figures["subject_densepose_cm"] = 100 * distances["median_m"]
    return figures


def _fitted_depth(prediction: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The prediction in metres, by one scale and shift for the clip."""
    prediction, truth = prediction.astype(np.float64), truth.astype(np.float64)
    scale, shift = fit_scale_shift(prediction, truth, mask.astype(np.float64), axis=(0, 1, 2))
    return scale * prediction + shift


def _frame_ious(
    prediction: Float[np.ndarray, "T H W"], truth: Float[np.ndarray, "T H W"]
) -> Float[np.ndarray, "T"]:
    predicted, true = prediction > 0.5, truth > 0.5
    either = np.sum(predicted | true, axis=(1, 2))
    both = np.sum(predicted & true, axis=(1, 2))
    return np.where(either > 0, both / np.maximum(either, 1), 1.0)


def _benchmark(
    name: str, title: str, split: str, *, people: bool = True, alone: bool = False
) -> Benchmark:
    """Of a split; `people` have dense pose and joints, who is `alone` is not scored by itself."""
    of_people = ("densepose", "keypoints2d", "keypoints3d")
    tasks = tuple(task for task in TASKS if people or task not in of_people)
    measures = [name for name, (task, *_) in (_CLIP | _CHANGES).items() if task in tasks]
    if not alone:
        measures += [
            name
            for name in _LABELS
            if name.startswith("subject") and (people or "densepose" not in name)
        ]
    options: dict[str, Any] = {"live": 0, "seed": 0, "settings": {}}
    return Benchmark(
        name=name,
        title=title,
        tasks=tasks,
        measures=tuple(
            Measure(key, _LABELS[key], "higher" if key in _HIGHER else "lower") for key in measures
        ),
        open_=open_synthetic,
        score=score,
        protocol=_PROTOCOL if alone else _PROTOCOL + _PER_SUBJECT,
        joints={name: name for name in joints.NAMES} if people else None,
        options={"split": split, **options},
    )


SYNTHETIC_TEST = _benchmark("synthetic_test", "Synthetic, one person", "test", alone=True)
SYNTHETIC_MULTI = _benchmark("synthetic_multi", "Synthetic, several people", "test_multi")
SYNTHETIC_ANIMALS = _benchmark(
    "synthetic_animals", "Synthetic, animals", "test_animals", people=False
)
SYNTHETIC_CARTOON = _benchmark("synthetic_cartoon", "Synthetic, cartoon bodies", "test_cartoon")

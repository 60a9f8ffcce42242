"""Compares predictions of a video with those that another tool made of it.

    python -m experiments.compare --predictions=DIR --reference=DIR

Both are folders as `experiments.predict` writes them; `experiments/mediapipe_pose.py` makes one
with MediaPipe Pose. The reference is no truth: it tells how far two tools agree. Prints

    matte IoU      of the pixels that each gives more than one half; median over frames
    PCK@0.1        share of the reference's confident joints that the prediction has within a tenth
                   of the longer side of the box round them; COCO's 17 joints
    jitter         mean size of the third difference over frames of those joints, of both tools, in
                   thousandths of that side per frame^3
"""

from pathlib import Path

import numpy as np
from absl import app, flags

from experiments.commands import told
from thfm_jax.joints import SUBSET_INDICES
from thfm_jax.outputs import read_predictions
from thfm_jax.tasks import metrics

_PREDICTIONS = flags.DEFINE_string("predictions", None, "Folder of predictions.", required=True)
_REFERENCE = flags.DEFINE_string("reference", None, "The other tool's.", required=True)

_JOINTS = SUBSET_INDICES["coco17"]
_CONFIDENT = 0.5


def compare(predictions: Path, reference: Path) -> dict[str, float]:
    """The figures by name; ValueError where the folders are of different videos."""
    (ours, our_meta), (theirs, their_meta) = map(read_predictions, (predictions, reference))
    for key in ("frames", "height", "width"):
        if our_meta[key] != their_meta[key]:
            raise ValueError(
                f"the folders are of different videos: {predictions} has {key} {our_meta[key]}, "
                f"{reference} has {their_meta[key]}"
            )
    found, truth = (np.asarray(x.values["keypoints2d"])[:, _JOINTS] for x in (ours, theirs))
    known = truth[..., 2] > _CONFIDENT
    points = np.nan_to_num(truth[..., :2])
    size = metrics.person_size(points, known)
    mattes = zip(ours.values["matte"], theirs.values["matte"], strict=True)
    return {
        "matte_iou": float(np.nanmedian([_iou(a > 0.5, b > 0.5) for a, b in mattes])),
        "pck_0.1": metrics.pck(found[..., :2], points, known, size, 0.1),
        "jitter": _jitter(found[..., :2], known, size),
        "reference_jitter": _jitter(points, known, size),
        "frames_without_reference": float(np.mean(~known.any(axis=1))),
    }


def _iou(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union; NaN where both are empty."""
    union = np.count_nonzero(first | second)
    return np.count_nonzero(first & second) / union if union else np.nan


def _jitter(points: np.ndarray, known: np.ndarray, size: np.ndarray) -> float:
    return 1000 * float(np.nanmean(metrics.jitters(points, known) / np.nanmedian(size)))


def main(_) -> None:
    with told(KeyError):
        figures = compare(Path(_PREDICTIONS.value), Path(_REFERENCE.value))
    for name, figure in figures.items():
        print(f"{name:25} {figure:.3f}")


if __name__ == "__main__":
    app.run(main)

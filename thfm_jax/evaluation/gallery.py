"""Pictures of bad frames: the input, and each task's prediction beside its truth."""

from collections.abc import Mapping

import numpy as np

from thfm_jax import joints, viz
from thfm_jax.evaluation.benchmark import Benchmark
from thfm_jax.ops.geometry import fit_scale_shift
from thfm_jax.tasks import TASKS
from thfm_jax.types import Target

SIDE_PX = 320  # of the longer side of a panel at most
WHITE = (240, 240, 240)


def draw(
    frame: viz.Picture,
    predictions: Mapping[str, np.ndarray],
    truth: Mapping[str, Target],
    benchmark: Benchmark,
    title: str,
) -> viz.Picture:
    """One frame: the input and its title, then predictions, and the truth below them.

    Args:
      frame: [H, W, 3] uint8.
      predictions: of this frame, without an axis of frames, in the benchmark's joints.
      truth: likewise.
      benchmark: for its tasks and joints.
      title: stands on the input.
    """
    step = max(-(-max(frame.shape[:2]) // SIDE_PX), 1)
    frame = frame[::step, ::step]
    blank = np.full_like(frame, viz.DARK)
    guesses, labels = [viz.label(frame, title, WHITE)], [blank]
    painter = viz.Painter(skeleton(benchmark))
    for task in benchmark.tasks:
        if task not in truth:
            continue
        guess, label = _pair(task, predictions[task], truth[task], step)
        if task == "depth":
            painter.depth_limits = viz.depth_limits(label) or (0.0, 1.0)
        for row, value, side in ((guesses, guess, "predicted"), (labels, label, "true")):
            picture = painter.picture(task, value, frame)
            row.append(viz.label(picture, f"{task}, {side}", WHITE))
    return viz.contact_sheet([*guesses, *labels], columns=len(guesses))


def skeleton(benchmark: Benchmark) -> viz.Skeleton:
    """Bones between the benchmark's joints: from each to its nearest ancestor among them."""
    ours = list((benchmark.joints or {}).values())
    edges = []
    for child, name in enumerate(ours):
        parent = joints.JOINTS[joints.INDEX[name]].parent
        while parent is not None and parent not in ours:
            parent = joints.JOINTS[joints.INDEX[parent]].parent
        if parent is not None:
            edges.append((ours.index(parent), child))
    sides = [joints.JOINTS[joints.INDEX[name]].side for name in ours]
    return viz.Skeleton(tuple(edges), tuple(joints.COLOURS[side] for side in sides))


def _pair(
    task: str, prediction: np.ndarray, truth: Target, step: int
) -> tuple[np.ndarray, np.ndarray]:
    """Prediction and truth as `viz` draws them, thinned out; NaN or 0 where there is no label."""
    prediction = np.asarray(prediction, np.float64)
    value, mask = np.asarray(truth.value, np.float64), np.asarray(truth.mask) > 0
    if TASKS[task].kind == "sparse":
        return _points(task, prediction, value, mask, step)
    prediction, value = prediction[::step, ::step], value[::step, ::step]
    mask = _per_place(mask[::step, ::step], 2)
    if task == "depth":
        value = np.where(mask, value[..., 0], np.nan)
        weight = mask.astype(np.float64)
        scale, shift = fit_scale_shift(prediction, np.nan_to_num(value), weight, axis=(0, 1))
        return scale * prediction + shift, value
    if task == "matte":
        return prediction, value[..., 0]
    nothing = 0.0 if task == "normals" else np.nan
    return prediction, np.where(mask[..., None], value, nothing)


def _points(
    task: str, prediction: np.ndarray, value: np.ndarray, mask: np.ndarray, step: int
) -> tuple[np.ndarray, np.ndarray]:
    mask = _per_place(mask, 1)
    known = np.where(mask[:, None], value, np.nan)
    if task == "keypoints2d":
        scale = np.array([1 / step, 1 / step, 1])
        known[:, 2] = np.where(mask, 1.0, 0.0)  # what is scored is shown, seen or not
        prediction = np.concatenate([prediction[:, :2], known[:, 2:]], axis=-1)
        return prediction * scale, known * scale
    if not mask.any():
        return prediction, known
    # Neither needs a root of the same name; the middle of what is scored serves both.
    return prediction - prediction[mask].mean(axis=0), known - known[mask].mean(axis=0)


def _per_place(mask: np.ndarray, dims: int) -> np.ndarray:
    """Of pixels or joints, where the mask may have channels."""
    return np.asarray(mask if mask.ndim == dims else np.all(mask, axis=-1))

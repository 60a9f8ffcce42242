"""Benchmarks of 3-D pose: EMDB, RICH, 3DPW and Human3.6M.

All are scored alike: joints relative to the middle of the hips, errors averaged over a frame's
joints, and then over the frames of all sequences together (zju3dv/GVHMR
hmr4d/utils/eval/eval_utils.py::compute_camcoord_metrics and the metric_*.py that call it; for
Human3.6M nkolot/SPIN eval.py, whose pelvis is the middle of the hips).

What differs from the published figures lies in the joints. Those of other methods are regressed
from a body that they predict, by the very matrix that made the labels. Our joints are anatomical
points (`joints.SUBSETS` says which stands for which, and how they differ), so that some of the
error is of definitions: a centimetre or two, and more along the spine and at the collar bones.
Predictions that come in the benchmark's own joints are taken as they are.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from thfm_jax import joints
from thfm_jax.data.benchmarks.emdb import open_emdb
from thfm_jax.data.benchmarks.human36m import open_human36m
from thfm_jax.data.benchmarks.rich import open_rich
from thfm_jax.data.benchmarks.sequence import Sequence
from thfm_jax.data.benchmarks.threedpw import open_threedpw
from thfm_jax.evaluation.benchmark import Benchmark, Measure, Score, Scores
from thfm_jax.evaluation.tally import Mean, Tally
from thfm_jax.tasks import metrics
from thfm_jax.types import Target

_MM = 1000.0
_POSITIONS = (
    Measure("pa_mpjpe_mm", "PA-MPJPE (mm)"),
    Measure("mpjpe_mm", "MPJPE (mm)"),
    Measure("n_mpjpe_mm", "N-MPJPE (mm)"),
)
_MOTION = (
    Measure("acceleration_m_s2", "Accel (m/s²)"),
    Measure("jitter_10m_s3", "Jitter (10 m/s³)"),
)
_PROTOCOL = (
    "Joints relative to the middle of the hips, along the camera's axes. PA-MPJPE: mean distance "
    "over the {count} joints after each frame's least-squares similarity (scale, rotation without "
    "reflection, translation). N-MPJPE: after each frame's least-squares scale. All are means over "
    "the joints of a frame, then over the scored frames of all sequences together, in millimetres."
)
_MOTION_PROTOCOL = (
    " Accel: mean distance of second differences at {fps:g} frames/s, and Jitter: mean length of "
    "the prediction's third differences, of the joints relative to the hips; frames that are not "
    "scored are taken out first, as the published code does. Published jitter is of joints in the "
    "world, with which this one does not compare."
)
SMPL_HIPS, LSP_HIPS = (1, 2), (2, 3)


def score(
    predictions: Mapping[str, np.ndarray],
    truth: Mapping[str, Target],
    sequence: Sequence,
    *,
    names: tuple[str, ...],
    hips: tuple[int, int],
    motion: bool,
) -> Scores:
    """Scores of a whole sequence.

    Args:
      predictions, truth: with keypoints3d [T, K, 3] in metres; a frame is scored if all its joints
        have labels.
      sequence: whose frame rate accelerations are in.
      names: of the K joints.
      hips: which two of them are the hips.
      motion: whether to score accelerations and jitter.

    Returns:
      The measures above, and for each joint "mpjpe_mm.NAME" and "pa_mpjpe_mm.NAME". PA-MPJPE of
      each frame.
    """
    label = truth["keypoints3d"]
    kept: np.ndarray = np.all(np.asarray(label.mask, bool), axis=1)
    predicted, true = (
        metrics.rooted(np.asarray(points)[kept], hips)
        for points in (predictions["keypoints3d"], label.value)
    )
    everywhere = np.ones(true.shape[:2], bool)
    aligned = metrics.similarity_aligned(predicted, true, everywhere)
    scaled = metrics.scale_aligned(predicted, true, everywhere)
    errors = {
        f"{name}_mm": _MM * metrics.position_errors(points, true, everywhere)
        for name, points in (("pa_mpjpe", aligned), ("mpjpe", predicted), ("n_mpjpe", scaled))
    }
    tallies: dict[str, Tally] = {name: _frames(values) for name, values in errors.items()}
    if motion:
        changes = metrics.acceleration_errors(predicted, true, everywhere, sequence.fps)
        tallies["acceleration_m_s2"] = _frames(changes)
        tallies["jitter_10m_s3"] = _frames(
            metrics.jitters(predicted, everywhere, sequence.fps) / 10
        )
    for measure in ("pa_mpjpe_mm", "mpjpe_mm"):
        for name, values in zip(names, errors[measure].T, strict=True):
            tallies[f"{measure}.{name}"] = Mean.of(values)
    frames = np.full(len(kept), np.nan)
    frames[kept] = metrics.frame_means(errors["pa_mpjpe_mm"])
    return Scores(tallies, frames)


def _frames(values: Float[np.ndarray, "T K"]) -> Mean:
    """Every frame counts once."""
    return Mean.of(metrics.frame_means(values))


def _benchmark(
    name: str,
    title: str,
    subset: str,
    hips: tuple[int, int],
    open_: Callable[..., list[Any]],
    options: Mapping[str, Any],
    motion_fps: float = 0.0,
) -> Benchmark:
    """Of a subset of `joints.SUBSETS`; accelerations are scored where there is a frame rate."""
    matches = {match.theirs: match.joint for match in joints.SUBSETS[subset]}
    scored: Score = functools.partial(
        score, names=tuple(matches), hips=hips, motion=bool(motion_fps)
    )
    protocol = _PROTOCOL.format(count=len(matches))
    if motion_fps:
        protocol += _MOTION_PROTOCOL.format(fps=motion_fps)
    return Benchmark(
        name=name,
        title=title,
        tasks=("keypoints3d",),
        measures=_POSITIONS + (_MOTION if motion_fps else ()),
        open_=open_,
        score=scored,
        protocol=protocol,
        joints=matches,
        options=options,
    )


_BODIES = {"smpl": "", "regressor": ""}
_COUNTED = {**_BODIES, "sequences": -1}

EMDB1 = _benchmark("emdb1", "EMDB-1", "smpl24", SMPL_HIPS, open_emdb, {"split": 1, **_COUNTED}, 30)
# The poses of EMDB 2 seen from its camera; its own measures, of paths in the world, are in `world`.
EMDB2 = _benchmark("emdb2", "EMDB-2", "smpl24", SMPL_HIPS, open_emdb, {"split": 2, **_COUNTED}, 30)
RICH = _benchmark(
    "rich",
    "RICH",
    "smpl24",
    SMPL_HIPS,
    open_rich,
    {"split": "test", "smplx_to_smpl": "", **_BODIES},
    30,
)
THREEDPW = _benchmark(
    "3dpw", "3DPW", "h36m14", LSP_HIPS, open_threedpw, {"split": "test", **_COUNTED}, 30
)
H36M_P1 = _benchmark(
    "h36m_p1",
    "Human3.6M P1",
    "h36m14",
    LSP_HIPS,
    open_human36m,
    {"protocol": 1, "annotations": ""},
)
H36M_P2 = _benchmark(
    "h36m_p2",
    "Human3.6M P2",
    "h36m14",
    LSP_HIPS,
    open_human36m,
    {"protocol": 2, "annotations": ""},
)

BENCHMARKS = (EMDB1, EMDB2, RICH, THREEDPW, H36M_P1, H36M_P2)

"""EMDB-2's own measures: where a person goes in the world, not only how the camera sees them.

A model of this package predicts joints relative to the hips, and no camera motion, so that it has
no path to score: these are for predictions of other tools. Their files are
PREDICTIONS/<sequence>/keypoints3d_world.npy, [T, joints, 3] in metres along axes that stay fixed in
the world, whichever these are.

The published code also prints how far feet slide, which it measures at four vertices of SMPL's
soles; joints do not have them (zju3dv/GVHMR hmr4d/utils/eval/eval_utils.py
::compute_global_metrics, which metric_emdb.py calls and averages).
"""

import functools
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from thfm_jax import joints
from thfm_jax.data.benchmarks.emdb import FPS, open_emdb
from thfm_jax.data.benchmarks.sequence import Sequence
from thfm_jax.evaluation.benchmark import Benchmark, Measure, Scores
from thfm_jax.evaluation.tally import Mean
from thfm_jax.tasks import metrics
from thfm_jax.types import Target

RUN = 100  # frames that share an alignment
_MM, _PERCENT = 1000.0, 100.0


def score(
    predictions: Mapping[str, np.ndarray], truth: Mapping[str, Target], sequence: Sequence
) -> Scores:
    """`EMDB2_WORLD`'s measures of a whole sequence; a frame's own score is its WA-MPJPE."""
    label = truth["keypoints3d"]
    kept: np.ndarray = np.all(np.asarray(label.mask, bool), axis=1)
    predicted, true = (
        np.asarray(points, np.float64)[kept] for points in (predictions["keypoints3d"], label.value)
    )
    everywhere = np.ones(true.shape[:2], bool)
    errors = {
        name: _MM
        * metrics.position_errors(
            metrics.run_aligned(predicted, true, RUN, fitted), true, everywhere
        )
        for name, fitted in (("wa_mpjpe_mm", None), ("w_mpjpe_mm", 2))
    }
    tallies = {name: _frames(values) for name, values in errors.items()}
    paths = metrics.path_errors(predicted[:, 0], true[:, 0])
    tallies["rte_percent"] = Mean.of(_PERCENT * paths)
    tallies["jitter_10m_s3"] = _frames(metrics.jitters(predicted, everywhere, sequence.fps) / 10)
    frames = np.full(len(kept), np.nan)
    frames[kept] = metrics.frame_means(errors["wa_mpjpe_mm"])
    return Scores(tallies, frames)


def _frames(values: Float[np.ndarray, "T K"]) -> Mean:
    return Mean.of(metrics.frame_means(values))


EMDB2_WORLD = Benchmark(
    name="emdb2_world",
    title="EMDB-2, in the world",
    tasks=("keypoints3d",),
    measures=(
        Measure("wa_mpjpe_mm", "WA-MPJPE (mm)"),
        Measure("w_mpjpe_mm", "W-MPJPE (mm)"),
        Measure("rte_percent", "RTE (%)"),
        Measure("jitter_10m_s3", "Jitter (10 m/s³)"),
    ),
    open_=functools.partial(open_emdb, world=True),
    score=score,
    protocol=(
        f"Joints in the world, without the frames that are not scored, in runs of {RUN} frames. "
        "WA-MPJPE: mean distance after a run's least-squares similarity (scale, rotation, "
        "translation), W-MPJPE: after the similarity of its first two frames. RTE: distance of the "
        "pelvis joint after one rotation and translation of the whole sequence, as a percentage of "
        "the length of its true path. Jitter: mean length of the prediction's third differences "
        f"at {FPS:g} frames/s. All are means over the scored frames of all sequences together."
    ),
    joints={match.theirs: match.joint for match in joints.SUBSETS["smpl24"]},
    options={"split": 2, "smpl": "", "regressor": "", "sequences": -1},
    files={"keypoints3d": "keypoints3d_world"},
)

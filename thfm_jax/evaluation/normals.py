"""Surface-normal protocols: Hi4D, Goliath, THuman2.x."""

import functools

import numpy as np

from thfm_jax.data.benchmarks.goliath import PROTOCOL_SIZE, open_goliath
from thfm_jax.data.benchmarks.hi4d import IMAGES, open_hi4d
from thfm_jax.data.benchmarks.thuman2 import open_thuman2, open_thuman2_views
from thfm_jax.evaluation.benchmark import Benchmark, Measure, Scores
from thfm_jax.evaluation.dense import maps, without_truth
from thfm_jax.evaluation.tally import Histogram, Mean, Tally
from thfm_jax.tasks import metrics

# Of a hundredth of a degree.
BINS = 18000
MEASURES = (
    Measure("mean_deg", "mean angle (°)"),
    Measure("median_deg", "median angle (°)"),
    *(
        Measure(f"below_{limit}_percent", f"< {limit}° (%)", "higher")
        for limit in metrics.LIMITS_DEG
    ),
)
PROTOCOL = (
    "Foreground only, angle between predicted and true normals in the camera's axes. Mean, median "
    "(to 0.005°) and shares are of all pixels of all images together, so that large people count "
    "for more (facebookresearch/sapiens2). A pixel without a predicted direction counts 90°."
)


def score(predictions, truth, sequence) -> Scores:
    """`MEASURES` and `without_truth`; a frame's own score is the mean angle of its pixels."""
    prediction, value, mask = maps("normals", predictions, truth)
    frames = [
        metrics.normal_angles(*(part[t : t + 1] for part in (prediction, value, mask)))
        for t in range(len(value))
    ]
    angles = np.concatenate([np.zeros(0), *frames])
    share = lambda limit: 100.0 * np.count_nonzero(angles < limit)
    pooled = {"mean_deg": Mean(float(np.sum(angles)), angles.size)}
    pooled |= {
        f"below_{each}_percent": Mean(share(each), angles.size) for each in metrics.LIMITS_DEG
    }
    median = Histogram.of(angles, 0, 180, BINS)
    tallies: dict[str, Tally] = {
        **pooled,
        "median_deg": median,
        **without_truth("normals", truth),
    }
    return Scores(tallies, np.array([_mean(part) for part in frames]))


def _mean(angles: np.ndarray) -> float:
    return float(np.mean(angles)) if angles.size else np.nan


def _goliath(split: str, title: str) -> Benchmark:
    return Benchmark(
        name=f"goliath_{split}_normals",
        title=f"Goliath {title} normals",
        tasks=("normals",),
        measures=MEASURES,
        open_=functools.partial(open_goliath, labels=("normals",)),
        score=score,
        protocol=PROTOCOL + " 4 subjects, 12 cameras, 16 frames.",
        block=8,
        options={"split": split, **PROTOCOL_SIZE, "axes": "viewer", "check": True},
    )


GOLIATH_FACE_NORMALS = _goliath("face", "Face")
GOLIATH_UPPER_BODY_NORMALS = _goliath("upper_body", "UpperBody")
GOLIATH_FULL_BODY_NORMALS = _goliath("full_body", "FullBody")

HI4D_NORMALS = Benchmark(
    name="hi4d_normals",
    title="Hi4D normals",
    tasks=("normals",),
    measures=MEASURES,
    open_=functools.partial(open_hi4d, labels=("normals",)),
    score=score,
    protocol=PROTOCOL + " Sapiens' 1,195 images of pairs 28, 32 and 37, whole frames.",
    block=8,
    options={"images": IMAGES, "clips": False, "axes": "viewer", "check": True},
)

THUMAN2_NORMALS = Benchmark(
    name="thuman2_normals",
    title="THuman2 normals",
    tasks=("normals",),
    measures=MEASURES,
    open_=functools.partial(open_thuman2, labels=("normals",)),
    score=score,
    protocol=PROTOCOL + " Renders of the user's own.",
    block=8,
    options={"images": None, "axes": "viewer", "check": True},
)

THUMAN2_VIEWS_NORMALS = Benchmark(
    name="thuman2_views_normals",
    title="THuman2 normals (norm_F)",
    tasks=("normals",),
    measures=MEASURES,
    open_=open_thuman2_views,
    score=score,
    protocol=PROTOCOL + " 8-bit maps of renders of the user's own, over grey: half a level of "
    "rounding is about 0.2°.",
    block=8,
    options={
        "render": "render",
        "normals": "norm_F",
        "subjects": None,
        "axes": "viewer",
        "check": True,
    },
)

BENCHMARKS = (
    HI4D_NORMALS,
    GOLIATH_FACE_NORMALS,
    GOLIATH_UPPER_BODY_NORMALS,
    GOLIATH_FULL_BODY_NORMALS,
    THUMAN2_NORMALS,
    THUMAN2_VIEWS_NORMALS,
)

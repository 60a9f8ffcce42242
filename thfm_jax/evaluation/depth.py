"""Depth protocols: Goliath, Hi4D, THuman2.x."""

import functools

from thfm_jax.data.benchmarks.goliath import PROTOCOL_SIZE, open_goliath
from thfm_jax.data.benchmarks.hi4d import IMAGES, open_hi4d
from thfm_jax.data.benchmarks.thuman2 import open_thuman2
from thfm_jax.evaluation.benchmark import Benchmark, Measure, Scores
from thfm_jax.evaluation.dense import maps, without_truth
from thfm_jax.evaluation.tally import Mean
from thfm_jax.tasks import metrics

MEASURES = (
    Measure("rmse_m", "RMSE (m)"),
    Measure("abs_rel", "AbsRel"),
    Measure("delta1", "δ1", "higher"),
)
CLIP_MEASURES = (
    Measure("clip_rmse_m", "RMSE (m), one fit per clip"),
    Measure("clip_abs_rel", "AbsRel, one fit per clip"),
)
PROTOCOL = (
    "Foreground only. Each image's predicted depth is fitted to the true z by the least-squares "
    "scale and shift in depth space; RMSE in metres, AbsRel and the share of pixels with a ratio "
    "below 1.25 are computed per image and averaged over images (microsoft/DAViD, issue 22)."
)
CLIP_PROTOCOL = (
    " Besides, all frames of a sequence are fitted by one scale and shift and scored together, "
    "which no published table does: what flickers or drifts costs there. Sequences count equally."
)


def score_images(predictions, truth, sequence) -> Scores:
    """`MEASURES`, each image fitted by itself; and `without_truth`."""
    found = metrics.depth_scores(*maps("depth", predictions, truth), "image")
    tallies = {name: Mean.of(values) for name, values in found.items()}
    return Scores(tallies | without_truth("depth", truth), found["rmse_m"])


def score_clip(predictions, truth, sequence) -> Scores:
    """`MEASURES` and `CLIP_MEASURES`, of a whole sequence."""
    images = score_images(predictions, truth, sequence)
    found = metrics.depth_scores(*maps("depth", predictions, truth), "clip")
    clip = {f"clip_{name}": Mean.of(found[name]) for name in ("rmse_m", "abs_rel")}
    return Scores({**images.tallies, **clip}, images.frames)


def _goliath(split: str, title: str) -> Benchmark:
    return Benchmark(
        name=f"goliath_{split}",
        title=f"Goliath {title}",
        tasks=("depth",),
        measures=MEASURES + CLIP_MEASURES,
        open_=functools.partial(open_goliath, labels=("depth",)),
        score=score_clip,
        protocol=PROTOCOL + CLIP_PROTOCOL + " 4 subjects, 12 cameras, 16 frames; DAViD's RMSE is "
        "in decimetres, so divide it by 10.",
        options={"split": split, **PROTOCOL_SIZE, "unit": "m", "check": True},
    )


GOLIATH_FACE = _goliath("face", "Face")
GOLIATH_UPPER_BODY = _goliath("upper_body", "UpperBody")
GOLIATH_FULL_BODY = _goliath("full_body", "FullBody")

HI4D_DEPTH = Benchmark(
    name="hi4d_depth",
    title="Hi4D depth",
    tasks=("depth",),
    measures=MEASURES,
    open_=functools.partial(open_hi4d, labels=("depth",)),
    score=score_images,
    protocol=PROTOCOL + " Sapiens' 1,195 images of pairs 28, 32 and 37, whole frames.",
    block=8,
    options={"images": IMAGES, "clips": False, "unit": "m", "check": True},
)

THUMAN2_DEPTH = Benchmark(
    name="thuman2_depth",
    title="THuman2 depth",
    tasks=("depth",),
    measures=MEASURES,
    open_=functools.partial(open_thuman2, labels=("depth",)),
    score=score_images,
    protocol=PROTOCOL + " Renders of the user's own.",
    block=8,
    options={"images": None, "unit": "m", "check": True},
)

BENCHMARKS = (GOLIATH_FACE, GOLIATH_UPPER_BODY, GOLIATH_FULL_BODY, HI4D_DEPTH, THUMAN2_DEPTH)

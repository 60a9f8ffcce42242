"""DensePose-COCO: how near on the body predicted points lie to annotated ones, and on which part.

A predicted map has no confidence, so average precision, which ranks detections by it, is not
defined for one; recall is.
"""

import functools
from collections.abc import Mapping
from typing import cast

import numpy as np
from jaxtyping import Bool, Float, Int

from thfm_jax.data.benchmarks.coco import Person
from thfm_jax.data.benchmarks.densepose_coco import (
    DensePeople,
    Points,
    open_densepose_coco,
    open_densepose_parts,
)
from thfm_jax.data.benchmarks.densepose_surface import PARTS, Surface
from thfm_jax.data.benchmarks.sequence import Sequence
from thfm_jax.data.synthetic import assets, parts
from thfm_jax.data.synthetic.bodies.template import Template
from thfm_jax.evaluation.benchmark import Benchmark, Measure, Scores
from thfm_jax.evaluation.tally import Histogram, Mean
from thfm_jax.tasks.densepose import BACKGROUND, BOX_M
from thfm_jax.tasks.metrics.matching import THRESHOLDS
from thfm_jax.tasks.metrics.similarity import gps, gpsm
from thfm_jax.types import Target

REACHES_M = {"auc10": 0.10, "auc30": 0.30}
# DensePose's parts in the names of ours. The neck is drawn to the one or the other.
_OURS = {
    **dict.fromkeys((1, 2), ("torso", "pelvis", "neck")),
    **{3: ("right_hand",), 4: ("left_hand",), 5: ("left_foot",), 6: ("right_foot",)},
    **dict.fromkeys((7, 9), ("right_upper_leg",)),
    **dict.fromkeys((8, 10), ("left_upper_leg",)),
    **dict.fromkeys((11, 13), ("right_lower_leg",)),
    **dict.fromkeys((12, 14), ("left_lower_leg",)),
    **dict.fromkeys((15, 17), ("left_upper_arm",)),
    **dict.fromkeys((16, 18), ("right_upper_arm",)),
    **dict.fromkeys((19, 21), ("left_lower_arm",)),
    **dict.fromkeys((20, 22), ("right_lower_arm",)),
    **dict.fromkeys((23, 24), ("face", "scalp", "neck")),
}
SAME_PART = np.zeros((PARTS + 1, len(parts.NAMES)), bool)
for _part, _names in _OURS.items():
    SAME_PART[_part, [parts.INDEX[name] for name in _names]] = True


def on_body(positions: Float[np.ndarray, "*B 3"]) -> Bool[np.ndarray, "*B"]:
    """True where a predicted position is on the body; the background's code lies far behind."""
    return positions[..., 2] > BACKGROUND * BOX_M / 2


def overlap(prediction: Float[np.ndarray, "H W 3"], people: DensePeople, person: Person) -> float:
    """Intersection over union of the predicted and the annotated mask, in the person's box."""
    x, y, width, height = person.box
    box = np.s_[max(int(y), 0) : int(y + height), max(int(x), 0) : int(x + width)]
    predicted = np.zeros(prediction.shape[:2], bool)
    predicted[box] = on_body(prediction[box])
    annotated = people.mask(person)
    either = np.count_nonzero(predicted | annotated)
    return np.count_nonzero(predicted & annotated) / either if either else 1.0


def surface_distances(
    positions: Float[np.ndarray, "P 3"], points: Points, surface: Surface
) -> tuple[Float[np.ndarray, "P"], Float[np.ndarray, "P"]]:
    """Metres between predicted and annotated points: along the surface, and on the template.

    Along the surface it is infinite where the prediction shows no body.
    """
    annotated = surface.annotated(points.part, points.uv)
    along = surface.geodesics(annotated, surface.predicted(positions))
    straight = np.linalg.norm(positions - surface.canonical[annotated], axis=-1)
    return np.where(on_body(positions), along, np.inf), straight


def same_part(
    positions: Float[np.ndarray, "P 3"], part: Int[np.ndarray, "P"]
) -> Bool[np.ndarray, "P"]:
    """Whether predicted positions lie on the annotated part of this package's template."""
    found = _template().lookup(positions).part
    return SAME_PART[part, found] & on_body(positions)


@functools.cache
def _template() -> Template:
    return Template.load(assets.load())


def score(
    predictions: Mapping[str, np.ndarray], truth: Mapping[str, Target], sequence: Sequence
) -> Scores:
    """The people of a picture by surface distances; each frame by itself scores its GPS."""
    people = cast(DensePeople, sequence)
    if people.surface is None:
        raise ValueError("expected people opened with a surface")
    similarities, masked, along, straight = [], [], [], []
    for person, prediction in zip(people.of(slice(None)), predictions["densepose"], strict=True):
        points = people.points(person)
        positions = np.asarray(prediction[points.rows, points.columns], np.float64)
        geodesic, canonical = surface_distances(positions, points, people.surface)
        similarities.append(gps(geodesic, points.part))
        masked.append(gpsm(similarities[-1], overlap(prediction, people, person)))
        along.append(geodesic)
        straight.append(canonical)
    distances, canonicals = np.concatenate(along), np.concatenate(straight)
    reached = np.array(masked)[:, None] >= np.minimum(THRESHOLDS, 1 - 1e-10)
    tallies = {
        "gps": Mean.of(np.array(similarities)),
        "gpsm": Mean.of(np.array(masked)),
        "ar": Mean.of(reached.mean(axis=1)),
        **{n: Mean.of(np.clip(1 - distances / reach, 0, 1)) for n, reach in REACHES_M.items()},
        "canonical_mean_m": Mean.of(canonicals),
        "canonical_median_m": Histogram.of(canonicals, 0.0, 4.0, bins=8000),
    }
    return Scores(tallies, np.array(similarities))


def score_parts(
    predictions: Mapping[str, np.ndarray], truth: Mapping[str, Target], sequence: Sequence
) -> Scores:
    """The people of a picture by parts and masks; each frame by itself scores its share."""
    people = cast(DensePeople, sequence)
    shares, overlaps, correct = [], [], []
    for person, prediction in zip(people.of(slice(None)), predictions["densepose"], strict=True):
        points = people.points(person)
        positions = np.asarray(prediction[points.rows, points.columns], np.float64)
        right = same_part(positions, points.part)
        correct.append(right)
        shares.append(right.mean())
        overlaps.append(overlap(prediction, people, person))
    tallies = {
        "part": Mean.of(np.concatenate(correct).astype(np.float64)),
        "iou": Mean.of(np.array(overlaps)),
    }
    return Scores(tallies, np.array(shares))


_BOXES = "Every annotated person is predicted in its annotated box. "

DENSEPOSE_COCO = Benchmark(
    name="densepose_coco",
    title="DensePose-COCO",
    tasks=("densepose",),
    measures=(
        Measure("gps", "GPS", "higher"),
        Measure("gpsm", "GPSm", "higher"),
        Measure("ar", "AR (GPSm)", "higher"),
        Measure("auc10", "AUC10", "higher"),
        Measure("auc30", "AUC30", "higher"),
        Measure("canonical_mean_m", "canonical mean (m)"),
        Measure("canonical_median_m", "canonical median (m)"),
    ),
    open_=open_densepose_coco,
    score=score,
    protocol=(
        _BOXES + "A predicted position stands for the vertex of DensePose's subdivided SMPL next "
        "to it on the predictions' template, by the user's correspondence; geodesic distances are "
        "DensePose's. GPS is the mean over people of the points' mean exp(-d^2 / (2 s^2)), s by "
        "body part; GPSm its geometric mean with the IoU of the masks. AR is the share of people "
        "with a GPSm of at least 0.50, 0.55, ... 0.95, averaged. AUC10 and AUC30 are the areas "
        "under the share of points within 0 to 10 and 30 cm. A map has no confidence, so there is "
        "no average precision: figures with detected boxes are not comparable. Canonical "
        "distances are straight, on the template, pooled over points."
    ),
)

DENSEPOSE_COCO_PARTS = Benchmark(
    name="densepose_coco_parts",
    title="DensePose-COCO, parts",
    tasks=("densepose",),
    measures=(Measure("part", "points on their part", "higher"), Measure("iou", "IoU", "higher")),
    open_=open_densepose_parts,
    score=score_parts,
    protocol=(
        _BOXES + "What can be scored without DensePose's surface: the share of annotated points "
        "whose predicted position lies on the same of 14 body parts, left and right apart, of this "
        "package's template, and the IoU of the masks. Templates draw the borders between parts "
        "differently, and the neck counts as head and as torso, so a perfect model stays somewhat "
        "below 1. No published figures are comparable."
    ),
)

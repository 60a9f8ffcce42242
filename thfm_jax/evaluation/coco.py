"""COCO keypoints: average precision and recall by object keypoint similarity."""

from collections.abc import Mapping
from typing import cast

import numpy as np
from jaxtyping import Bool, Float

from thfm_jax.data.benchmarks.coco import PIXEL_CENTRE, People, Person, open_coco
from thfm_jax.data.benchmarks.sequence import Sequence
from thfm_jax.evaluation.benchmark import Benchmark, Measure, Scores
from thfm_jax.evaluation.detections import Detections, Matched, Reads
from thfm_jax.joints import SUBSETS
from thfm_jax.tasks.metrics.matching import match, outcomes
from thfm_jax.tasks.metrics.similarity import oks
from thfm_jax.types import Target

MOST = 20  # detections of a picture that count
LARGEST = 1e5**2
# Areas in pixels: all, medium, large.
AREAS = np.array([[0, LARGEST], [32**2, 96**2], [96**2, LARGEST]])
# name -> what is read, rows of `matching.THRESHOLDS`, row of AREAS
READINGS: dict[str, tuple[Reads, slice, int]] = {
    "ap": ("precision", slice(None), 0),
    "ap50": ("precision", slice(0, 1), 0),
    "ap75": ("precision", slice(5, 6), 0),
    "apm": ("precision", slice(None), 1),
    "apl": ("precision", slice(None), 2),
    "ar": ("recall", slice(None), 0),
}


def average_precisions(
    picture: int,
    similarity: Float[np.ndarray, "D G"],
    confidences: Float[np.ndarray, "D"],
    areas: Float[np.ndarray, "D"],
    people: tuple[Person, ...],
    ignored: Bool[np.ndarray, "G"],
) -> dict[str, Detections]:
    """One picture's part of AP, AP50, AP75, APm, APl and AR.

    Args:
      picture: its id.
      similarity: of detections and people, in [0, 1].
      confidences: of the detections, falling.
      areas: of the detections, in pixels.
      people: all that are annotated.
      ignored: those that need not be found.
    """
    sizes = np.array([person.area for person in people])
    outside = lambda each: (each < AREAS[:, :1]) | (each > AREAS[:, 1:])
    ignored = ignored | outside(sizes)
    crowd = np.array([person.crowd for person in people], bool)
    matches = match(similarity, ignored, crowd)
    results = [outcomes(*each) for each in zip(matches, ignored, outside(areas), strict=True)]
    positives = np.count_nonzero(~ignored, axis=1)
    return {
        name: Detections(
            reads, (Matched(picture, confidences, results[area][rows], int(positives[area])),)
        )
        for name, (reads, rows, area) in READINGS.items()
    }


def detect(
    points: Float[np.ndarray, "D 17 3"], sequence: People
) -> tuple[dict[str, Detections], Float[np.ndarray, "D G"]]:
    """The tallies of detections in a picture, and how alike each is to each person.

    Args:
      points: x, y in COCO's pixels and a confidence; a detection's is its joints' mean.
      sequence: the picture.
    """
    people = sequence.people
    similarity = oks(
        points[..., :2],
        np.array([person.joints for person in people]),
        np.array([person.box for person in people]),
        np.array([person.area for person in people]),
    )
    confidences = points[..., 2].mean(axis=1)
    order = np.argsort(-confidences, kind="stable")[:MOST]
    sides = np.ptp(points[order, :, :2], axis=1)
    ignored = np.array([person.crowd or not person.labelled for person in people], bool)
    tallies = average_precisions(
        sequence.number,
        similarity[order],
        confidences[order],
        sides.prod(axis=1),
        people,
        ignored,
    )
    return tallies, similarity


def score(
    predictions: Mapping[str, np.ndarray], truth: Mapping[str, Target], sequence: Sequence
) -> Scores:
    """The people predicted in a picture; each frame by itself scores its own person's OKS."""
    people = cast(People, sequence)
    points = np.asarray(predictions["keypoints2d"], np.float64)
    tallies, similarity = detect(points - [PIXEL_CENTRE, PIXEL_CENTRE, 0], people)
    return Scores(tallies, similarity[np.arange(len(points)), people.shown])


COCO = Benchmark(
    name="coco_keypoints",
    title="COCO keypoints",
    tasks=("keypoints2d",),
    measures=(
        Measure("ap", "AP", "higher"),
        Measure("ap50", "AP50", "higher"),
        Measure("ap75", "AP75", "higher"),
        Measure("apm", "APm", "higher"),
        Measure("apl", "APl", "higher"),
        Measure("ar", "AR", "higher"),
    ),
    open_=open_coco,
    score=score,
    joints={match.theirs: match.joint for match in SUBSETS["coco17"]},
    protocol=(
        "Every annotated person with a labelled joint is predicted in its annotated box, as "
        "top-down models report under 'ground-truth boxes'; a detection's confidence is the mean "
        "of its 17 joints'. Detections are matched and averaged as COCO does: OKS thresholds 0.50 "
        "to 0.95, areas of the annotated masks, crowds and people without labels ignored, at most "
        "20 detections a picture. Figures with detected boxes, as most leaderboards have, are "
        "lower and not comparable."
    ),
)

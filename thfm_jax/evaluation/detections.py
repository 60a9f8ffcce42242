"""Detections that were matched with the truth, as a tally: average precision and recall."""

import dataclasses
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int

from thfm_jax.tasks.metrics.matching import average_precision, average_recall

Reads = Literal["precision", "recall"]


@dataclasses.dataclass(frozen=True, eq=False)
class Matched:
    """The detections of one picture at several thresholds.

    Attributes:
      picture: its id; equal scores rank by it, so that the order of adding does not matter.
      scores: [D] confidences, falling.
      outcomes: [N, D] per threshold: 1 correct, 0 wrong, -1 not to be counted.
      positives: how many there are to find.
    """

    picture: int
    scores: Float[np.ndarray, "D"]
    outcomes: Int[np.ndarray, "N D"]
    positives: int


@dataclasses.dataclass(frozen=True, eq=False)
class Detections:
    """COCO's average precision or recall, averaged over the thresholds.

    Precision is interpolated at the 101 recalls 0, 0.01, ... 1, recall is the largest reached
    (pycocotools cocoeval.py::COCOeval.accumulate). NaN where there is nothing to find.
    """

    reads: Reads
    pictures: tuple[Matched, ...] = ()

    def __add__(self, other: "Detections") -> "Detections":
        if self.reads != other.reads:
            raise ValueError(f"average {self.reads} and {other.reads} cannot be added")
        return Detections(self.reads, self.pictures + other.pictures)

    def value(self) -> float:
        positives = sum(picture.positives for picture in self.pictures)
        if not positives:
            return float("nan")
        ordered = sorted(self.pictures, key=lambda picture: picture.picture)
        scores = np.concatenate([picture.scores for picture in ordered])
        outcomes = np.concatenate([picture.outcomes for picture in ordered], axis=1)
        average = {"precision": average_precision, "recall": average_recall}[self.reads]
        return float(np.mean(average(scores, outcomes, positives)))

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": "detections",
            "reads": self.reads,
            "pictures": [
                {
                    "picture": part.picture,
                    "scores": part.scores.tolist(),
                    "outcomes": part.outcomes.tolist(),
                    "positives": part.positives,
                }
                for part in self.pictures
            ],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Detections":
        return cls(data["reads"], tuple(map(_matched, data["pictures"])))


def _matched(data: dict[str, Any]) -> Matched:
    return Matched(
        data["picture"],
        np.asarray(data["scores"], np.float64),
        np.asarray(data["outcomes"], np.int8),
        data["positives"],
    )

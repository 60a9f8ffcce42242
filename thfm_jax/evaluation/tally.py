"""Scores that can be added up: of frames to a sequence's, of sequences to a benchmark's.

A benchmark's score is the sum of its sequences' tallies, read once at the end. So sequences can be
scored anywhere and in any order, be resumed, regrouped, and drawn again for a bootstrap, and what
the protocol pools (pixels, frames, sequences) is decided by the weights alone.
"""

import dataclasses
from typing import Any, Protocol, Self

import numpy as np
from jaxtyping import Float


class Tally(Protocol):
    """Part of a score."""

    def __add__(self, other: Self, /) -> Self: ...

    def value(self) -> float:
        """The score; NaN where there is nothing to score."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` takes; has "kind"."""
        ...


@dataclasses.dataclass(frozen=True)
class Mean:
    """A weighted mean: over pixels, frames or sequences, as the weights count them."""

    total: float = 0.0
    weight: float = 0.0

    @classmethod
    def of(cls, values: Float[np.ndarray, "n"], weights: Float[np.ndarray, "n"] | None = None):
        """Of values with their weights, 1 by default; what is NaN does not count."""
        values = np.asarray(values, np.float64)
        weights = np.ones_like(values) if weights is None else np.asarray(weights, np.float64)
        counts = np.isfinite(values) & (weights > 0)
        return cls(float(np.sum(values[counts] * weights[counts])), float(weights[counts].sum()))

    def __add__(self, other: "Mean") -> "Mean":
        return Mean(self.total + other.total, self.weight + other.weight)

    def value(self) -> float:
        return self.total / self.weight if self.weight else float("nan")

    def to_json(self) -> dict[str, Any]:
        return {"kind": "mean", "total": self.total, "weight": self.weight}


@dataclasses.dataclass(frozen=True)
class Median:
    """The median of values that are all kept: one of a clip or of a person, not of pixels."""

    values: tuple[float, ...] = ()

    @classmethod
    def of(cls, *values: float):
        """Of values; what is NaN does not count."""
        return cls(tuple(float(value) for value in values if np.isfinite(value)))

    def __add__(self, other: "Median") -> "Median":
        return Median(self.values + other.values)

    def value(self) -> float:
        return float(np.median(self.values)) if self.values else float("nan")

    def to_json(self) -> dict[str, Any]:
        return {"kind": "median", "values": list(self.values)}


KINDS: dict[str, Any] = {
    "mean": lambda data: Mean(data["total"], data["weight"]),
    "median": lambda data: Median(tuple(data["values"])),
}


def from_json(data: dict[str, Any]) -> Tally:
    """The tally that `to_json` wrote down."""
    return KINDS[data["kind"]](data)

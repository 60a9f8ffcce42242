"""Scores that can be added up: of frames to a sequence's, of sequences to a benchmark's.

A benchmark's score is the sum of its sequences' tallies, read once at the end. So sequences can be
scored anywhere and in any order, be resumed, regrouped, and drawn again for a bootstrap, and what
the protocol pools (pixels, frames, sequences) is decided by the weights alone.
"""

import dataclasses
from typing import Any, Protocol, Self

import numpy as np
from jaxtyping import Float, Int

from thfm_jax.evaluation.detections import Detections


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
        counts = ~np.isnan(values) & (weights > 0)
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


@dataclasses.dataclass(frozen=True, eq=False)
class Histogram:
    """A quantile of values too many to keep, such as a median over all pixels of all pictures.

    Exact to half a bin for values in [low, high]; infinite where the quantile lies outside.

    Attributes:
      low, high: the range that the bins divide equally.
      counts: [bins + 2] values per bin; the first and the last count what lies below and above.
      quantile: in [0, 1], between the two nearest values as `numpy.quantile` takes it.
    """

    low: float
    high: float
    counts: Int[np.ndarray, "bins+2"]
    quantile: float = 0.5

    @classmethod
    def of(
        cls,
        values: Float[np.ndarray, "..."],
        low: float,
        high: float,
        bins: int,
        quantile: float = 0.5,
    ) -> "Histogram":
        """Of values in bins of width (high - low) / bins; what is NaN does not count."""
        values = np.asarray(values, np.float64).ravel()
        values = values[~np.isnan(values)]
        scaled = np.clip((values - low) * (bins / (high - low)), -1, bins)
        places = np.floor(scaled).astype(np.int64)
        places[values == high] = bins - 1
        return cls(low, high, np.bincount(places + 1, minlength=bins + 2), quantile)

    def __add__(self, other: "Histogram") -> "Histogram":
        mine, others = (
            (each.low, each.high, len(each.counts), each.quantile) for each in (self, other)
        )
        if mine != others:
            raise ValueError(f"histograms of {mine} and {others} cannot be added")
        return dataclasses.replace(self, counts=self.counts + other.counts)

    def value(self) -> float:
        summed = np.cumsum(self.counts)
        if not summed[-1]:
            return float("nan")
        rank = self.quantile * (summed[-1] - 1)
        below, above = (self._middle(summed, k) for k in (np.floor(rank), np.ceil(rank)))
        return below if below == above else float(below + (rank % 1) * (above - below))

    def _middle(self, summed: Int[np.ndarray, "bins+2"], rank: float) -> float:
        """The middle of the bin that holds the value of this rank, counted from 0."""
        place = int(np.searchsorted(summed, rank, side="right"))
        if place in (0, len(summed) - 1):
            return float("inf") if place else float("-inf")
        return self.low + (place - 0.5) * (self.high - self.low) / (len(summed) - 2)

    def to_json(self) -> dict[str, Any]:
        filled = np.flatnonzero(self.counts)
        return {
            "kind": "histogram",
            "low": self.low,
            "high": self.high,
            "bins": len(self.counts) - 2,
            "quantile": self.quantile,
            "counts": {str(place): int(self.counts[place]) for place in filled},
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Histogram":
        counts = np.zeros(data["bins"] + 2, np.int64)
        for place, count in data["counts"].items():
            counts[int(place)] = count
        return cls(data["low"], data["high"], counts, data["quantile"])


KINDS: dict[str, Any] = {
    "mean": lambda data: Mean(data["total"], data["weight"]),
    "median": lambda data: Median(tuple(data["values"])),
    "histogram": Histogram.from_json,
    "detections": Detections.from_json,
}


def from_json(data: dict[str, Any]) -> Tally:
    """The tally that `to_json` wrote down."""
    return KINDS[data["kind"]](data)

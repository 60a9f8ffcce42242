"""A benchmark: a set of sequences, and the protocol by which predictions are scored on it."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from thfm_jax.data.benchmarks.sequence import Sequence
from thfm_jax.evaluation.tally import Tally
from thfm_jax.types import Target


@dataclasses.dataclass(frozen=True)
class Measure:
    """One figure of a benchmark.

    Attributes:
      name: as in `Scores.tallies`, "pa_mpjpe_mm": it ends in its unit, if it has one.
      label: for tables, "PA-MPJPE (mm)".
      better: "lower" or "higher".
    """

    name: str
    label: str
    better: str = "lower"


@dataclasses.dataclass(frozen=True)
class Scores:
    """What a block of frames scores.

    Attributes:
      tallies: measure -> its tally.
      frames: [t] the first measure of each frame by itself, NaN where it has no label; the runner
        shows the worst.
    """

    tallies: Mapping[str, Tally]
    frames: Float[np.ndarray, "t"]


# (predictions by task, labels by task, the sequence) -> scores; all arrays of the same frames.
Score = Callable[[Mapping[str, np.ndarray], Mapping[str, Target], Sequence], Scores]


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """A benchmark.

    Attributes:
      name: its key, "emdb1".
      title: for tables, "EMDB-1".
      tasks: what has to be predicted.
      measures: its figures, the most important first.
      open_: (root folder of the data, **options) -> its sequences; raises `BenchmarkError`.
      score: of a block of frames. Predictions are as in `types.Predictions`, with depth finite
        everywhere, and keypoints mapped onto the benchmark's joints already: see `joints`.
      joints: name of each joint of the benchmark, in its order -> the name of ours that stands for
        it; None where it has no keypoints. Predictions with these joints, or with ours, are taken.
      block: frames that are scored at a time; None for whole sequences, where alignment or
        acceleration asks for them.
      options: the arguments of `open_` besides the folder, with their defaults.
      files: task -> the name of its file of predictions, where that is not the task's: there the
        values are not what our models predict, and only files can be scored.
      protocol: what is aligned, pooled and in which unit, in a paragraph for reports.
    """

    name: str
    title: str
    tasks: tuple[str, ...]
    measures: tuple[Measure, ...]
    open_: Callable[..., Iterable[Sequence]]
    score: Score
    protocol: str
    joints: Mapping[str, str] | None = None
    block: int | None = None
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    files: Mapping[str, str] = dataclasses.field(default_factory=dict)


def open_benchmark(benchmark: Benchmark, root: str | Path, **options: Any) -> list[Sequence]:
    """The sequences below a folder, in the order of their names."""
    found = benchmark.open_(Path(root), **{**benchmark.options, **options})
    return sorted(found, key=lambda sequence: sequence.name)

"""Scores the sequences of a benchmark, some here and some elsewhere, and goes on where it stopped.

Every process takes its share of the sequences, and every device of a process the next one of these;
a sequence's result goes to the common folder as soon as it is known. Whoever finds all of them
there can write the report.
"""

import dataclasses
import heapq
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import jax
import numpy as np

from thfm_jax.data.benchmarks.sequence import BenchmarkError
from thfm_jax.data.benchmarks.sequence import Sequence as Clip
from thfm_jax.evaluation import gallery
from thfm_jax.evaluation.benchmark import Benchmark, Scores
from thfm_jax.evaluation.predictions import Values, check_finite, regroup
from thfm_jax.evaluation.results import Folder, Result
from thfm_jax.evaluation.tally import Tally
from thfm_jax.types import Target

PER_SEQUENCE = 3  # of the worst frames at most so many are of one sequence


@dataclasses.dataclass(frozen=True)
class Settings:
    """An evaluation as plain data.

    Attributes:
      benchmark: a name in `registry.BENCHMARKS`.
      options: of its reader.
      area, length, overlap: of the model's windows, see `predict.Predictor.stream`.
      crop: 0 for whole frames; else, where the set has boxes, squares so many times a box's side.
      follow: whether a rectangle follows people who are small, see `predictions.FromModel`.
      mesh: sizes of the axes of a mesh that a model is spread over; where their product is 1, each
        device has a whole model.
      draws, seed: of the bootstrap.
      worst: how many of the worst frames are shown.
    """

    benchmark: str
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    area: int | None = None
    length: int | None = None
    overlap: int | None = None
    crop: float = 0.0
    follow: bool = False
    mesh: dict[str, int] = dataclasses.field(default_factory=dict)
    draws: int = 1000
    seed: int = 0
    worst: int = 20

    def __post_init__(self) -> None:
        if self.crop and self.follow:
            raise ValueError("crop shows boxes of the set, follow what the model finds: not both")


class Source(Protocol):
    """Where predictions come from; see `predictions`."""

    @property
    def device(self) -> jax.Device | None: ...
    def trained(self, sequence: Clip) -> bool: ...
    def blocks(self, sequence: Clip, benchmark: Benchmark) -> Iterator[Values]: ...


@dataclasses.dataclass(frozen=True)
class BadFrame:
    """A frame that may be shown: its score, what was predicted and what is true."""

    frame: int
    score: float
    predictions: Mapping[str, np.ndarray]
    truth: Mapping[str, Target]


class Worst:
    """Which frames are among the worst so far; shared by threads."""

    def __init__(self, count: int, sign: int):
        """Of so many frames; `sign` is 1 where a large score is bad, -1 where a small one is."""
        self._count, self._sign = count, sign
        self._kept: list[float] = []
        self._lock = threading.Lock()

    def admit(self, score: float) -> bool:
        """Takes note of a frame's score, and says whether it is among the worst so far."""
        badness = self._sign * score
        with self._lock:
            heapq.heappush(self._kept, badness)
            if len(self._kept) > self._count:
                heapq.heappop(self._kept)
            return bool(self._kept) and badness >= self._kept[0]


def sign(benchmark: Benchmark) -> int:
    """1 where a large value of the first measure is bad, -1 where a small one is."""
    return 1 if benchmark.measures[0].better == "lower" else -1


def run(
    benchmark: Benchmark,
    sequences: Sequence[Clip],
    sources: Sequence[Source],
    folder: Folder,
    worst: int = 20,
    done: Callable[[Clip], None] = lambda sequence: None,
) -> None:
    """Scores those of the sequences that have no result yet, one at a time with each source.

    Args:
      benchmark: what.
      sequences: this process's share.
      sources: one for each device.
      folder: takes the results.
      worst: how many frames the gallery shows.
      done: is called after each sequence, from one thread at a time.

    Raises:
      BenchmarkError, PredictionError: of the first sequence that cannot be scored.
    """
    board = Worst(worst, sign(benchmark))
    for sequence in sequences:
        if folder.has(sequence.name):
            for _, score in folder.read(sequence.name).worst:
                board.admit(score)
    waiting = iter([each for each in sequences if not folder.has(each.name)])
    lock, failed = threading.Lock(), threading.Event()

    def work(source: Source) -> None:
        with jax.default_device(source.device):
            while not failed.is_set():
                with lock:
                    sequence = next(waiting, None)
                if sequence is None:
                    return
                try:
                    _score(benchmark, sequence, source, folder, board)
                except BaseException:
                    failed.set()
                    raise
                with lock:
                    done(sequence)

    with ThreadPoolExecutor(len(sources)) as pool:
        for future in [pool.submit(work, source) for source in sources]:
            future.result()


def _score(
    benchmark: Benchmark, sequence: Clip, source: Source, folder: Folder, board: Worst
) -> None:
    """Scores a sequence; its pictures are there before its result says that it is done."""
    result, bad = score_sequence(benchmark, sequence, source)
    for each in bad:
        if board.admit(each.score):
            frame = sequence.pictures(slice(each.frame, each.frame + 1))[0]
            title = f"{sequence.name} #{each.frame}: {each.score:.4g}"
            picture = gallery.draw(frame, each.predictions, each.truth, benchmark, title)
            folder.write_picture(sequence.name, each.frame, picture)
    folder.write(result)


def score_sequence(
    benchmark: Benchmark, sequence: Clip, source: Source
) -> tuple[Result, list[BadFrame]]:
    """What a sequence scores, and its worst frames, the worst first."""
    tallies: dict[str, Tally] = {}
    bad: list[BadFrame] = []
    start = scored = 0
    for values in regroup(source.blocks(sequence, benchmark), sequence.frames, benchmark.block):
        frames = slice(start, start + len(next(iter(values.values()))))
        truth = sequence.truth(frames)
        check_finite(values, truth, sequence.name, start)
        scores = _scores(benchmark, values, truth, sequence)
        for name, tally in scores.tallies.items():
            tallies[name] = tallies[name] + tally if name in tallies else tally
        scored += int(np.count_nonzero(np.isfinite(scores.frames)))
        found = _bad_frames(benchmark, scores, values, truth, start)
        order = lambda each: -sign(benchmark) * each.score
        bad = sorted(bad + found, key=order)[:PER_SEQUENCE]
        start = frames.stop
    result = Result(
        name=sequence.name,
        groups=dict(sequence.groups),
        frames=sequence.frames,
        scored=scored,
        tallies=tallies,
        worst=[(each.frame, each.score) for each in bad],
        trained=source.trained(sequence),
    )
    return result, bad


def _scores(
    benchmark: Benchmark, values: Values, truth: dict[str, Target], sequence: Clip
) -> Scores:
    try:
        return benchmark.score(values, truth, sequence)
    except BenchmarkError:
        raise
    except ValueError as error:
        raise BenchmarkError(f"{sequence.name}: {error}") from error


def _bad_frames(
    benchmark: Benchmark, scores: Scores, values: Values, truth: Mapping[str, Target], start: int
) -> list[BadFrame]:
    badness = np.where(np.isfinite(scores.frames), sign(benchmark) * scores.frames, -np.inf)
    order = [at for at in np.argsort(-badness, kind="stable") if badness[at] > -np.inf]
    return [
        BadFrame(
            start + int(at),
            float(scores.frames[at]),
            {task: np.array(value[at]) for task, value in values.items()},
            {task: jax.tree.map(lambda x, at=at: np.array(x[at]), t) for task, t in truth.items()},
        )
        for at in order[:PER_SEQUENCE]
    ]

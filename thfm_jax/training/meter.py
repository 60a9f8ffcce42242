"""How fast a training goes, and where its time goes."""

import contextlib
import time
from collections.abc import Callable, Iterator

import jax

from thfm_jax.types import Batch

Figures = dict[str, float]

# Figures that say how things stand rather than how a step went: the last counts, not the mean.
STANDING = ("learning_rate", "skipped")


class Meter:
    """Means of the steps' figures, and rates, since they were last read."""

    def __init__(
        self,
        shares: int,
        flops: Callable[[Batch, Figures], float] | None = None,
        peak_flops: float | None = None,
    ):
        """Takes in how many `shares` processes load a batch, and `loop.Hooks`' count of FLOPs."""
        self._shares, self._flops, self._peak_flops = shares, flops, peak_flops
        self._sums: Figures
        self._last: Figures
        self._reset()

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """The time within is waiting for input."""
        start = time.perf_counter()
        yield
        self._waited += time.perf_counter() - start

    @contextlib.contextmanager
    def pausing(self) -> Iterator[None]:
        """The time within is no training, and in no rate."""
        start = time.perf_counter()
        yield
        self._since += time.perf_counter() - start

    def add(self, figures: Figures, batch: Batch) -> None:
        """A step's figures, and this process's share of its batch."""
        clips, frames = batch.clip.frames.shape[:2]
        self._steps += 1
        self._clips += clips * self._shares
        self._frames += clips * frames * self._shares
        if self._flops:
            self._done += self._flops(batch, figures)
        for name, value in figures.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._last = {name: figures[name] for name in STANDING if name in figures}

    @property
    def clips_per_second(self) -> float:
        """So far."""
        return self._clips / (time.perf_counter() - self._since)

    def read(self) -> Figures:
        """All figures; those after start anew."""
        passed = time.perf_counter() - self._since
        figures = {
            **self._means(),
            **self._last,
            "steps_per_second": self._steps / passed,
            "clips_per_second": self._clips / passed,
            "frames_per_second": self._frames / passed,
            "input_wait_share": self._waited / passed,
        }
        if self._flops:
            figures["tflops"] = self._done / passed / 1e12
            if self._peak_flops:
                figures["mfu"] = self._done / passed / self._peak_flops
        if (peak := memory_peak()) is not None:
            figures["memory_peak_gib"] = peak / 2**30
        self._reset()
        return figures

    def _means(self) -> Figures:
        means = {name: total / self._steps for name, total in self._sums.items()}
        # A task that is not drawn in a step has no loss in it: mean over the rows that there were.
        for name in means:
            task, _, part = name.partition("/")
            rows = means.get(f"{task}/rows")
            if part and part != "rows" and rows is not None:
                means[name] = means[name] / min(rows, 1.0) if rows else float("nan")
        return means

    def _reset(self) -> None:
        self._since, self._waited = time.perf_counter(), 0.0
        self._steps = self._clips = self._frames = 0
        self._done = 0.0
        self._sums, self._last = {}, {}


def memory_peak() -> int | None:
    """Bytes that the fullest of this process's devices has held at once; None where unknown."""
    stats = [device.memory_stats() or {} for device in jax.local_devices()]
    peaks = [stat["peak_bytes_in_use"] for stat in stats if "peak_bytes_in_use" in stat]
    return max(peaks, default=None)

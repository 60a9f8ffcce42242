"""Timing of competing programs on one machine, each in a process of its own.

So each has its own threads, and its CPU seconds, peak memory and peak device memory are its alone.
The processes take turns, one run each, so that what slows the machine down meets them all.
"""

import contextlib
import dataclasses
import multiprocessing
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

_PATIENCE_SECONDS = 20
_PACKAGES = ("jax", "jaxlib", "flax", "numpy", "torch", "diffusers")


class Program(Protocol):
    """What is measured. A call returns when its work is done."""

    def __call__(self) -> None: ...

    def facts(self) -> dict[str, Any]:
        """What to report besides the times; asked for after the last run."""


@dataclasses.dataclass(frozen=True)
class Sample:
    """One run: seconds on the clock, and of processor time in all threads."""

    seconds: float
    cpu_seconds: float


@dataclasses.dataclass(frozen=True)
class Result:
    """All runs of a program in order; `facts` are its own and "peak_rss_bytes"."""

    samples: list[Sample]
    facts: dict[str, Any]

    @property
    def seconds(self) -> float:
        return statistics.median(sample.seconds for sample in self.samples)

    @property
    def cpu_seconds(self) -> float:
        return statistics.median(sample.cpu_seconds for sample in self.samples)


@dataclasses.dataclass(frozen=True)
class Ratio:
    """How many times as long one program takes as another: median and range over paired runs."""

    median: float
    low: float
    high: float


def alternate(
    programs: Mapping[str, Callable[[], Program]], samples: int, warm_up: int = 1
) -> dict[str, Result]:
    """Builds each program in its own process and runs them in turn: A B A B ...

    Args:
      programs: name -> what builds the program; picklable, and called in the new process.
      samples: measured runs of each.
      warm_up: runs of each before those.

    Raises:
      RuntimeError: a process ended early; what it printed says why.
    """
    workers: dict[str, _Worker] = {}
    try:
        for name, build in programs.items():
            workers[name] = _Worker(name, build, warm_up)
        runs = [
            {name: worker.ask("run") for name, worker in workers.items()} for _ in range(samples)
        ]
        return {
            name: Result([run[name] for run in runs], worker.ask("facts"))
            for name, worker in workers.items()
        }
    finally:
        for worker in workers.values():
            worker.stop()


def ratio(longer: Sequence[float], shorter: Sequence[float]) -> Ratio:
    """`longer` over `shorter`, run by run: what ran side by side is compared."""
    ratios = [a / b for a, b in zip(longer, shorter, strict=True)]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios))


def use_cores(count: int) -> None:
    """Keeps this process, and those it starts, on the first `count` of its cores; 0 on all.

    XLA and PyTorch size their thread pools by it. Raises ValueError where there are fewer cores.
    """
    if not count:
        return
    if not hasattr(os, "sched_setaffinity"):
        raise ValueError(f"{platform.system()} cannot keep a process on some of the cores; take 0")
    available = sorted(os.sched_getaffinity(0))
    if count > len(available):
        raise ValueError(f"asked for {count} cores; this process may use {len(available)}")
    os.sched_setaffinity(0, available[:count])


def cores() -> int:
    """The number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def machine() -> dict[str, Any]:
    """What a measurement depends on: processor, cores, load, system and versions."""
    return {
        "date": time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime()),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "cores_used": cores(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "load_average": os.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _PACKAGES},
    }


class _Worker:
    """A process that builds a program, warms it up, and then answers questions about it."""

    def __init__(self, name: str, build: Callable[[], Program], warm_up: int):
        # Not forked: JAX's threads would not survive that.
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._name = name
        self._process = context.Process(target=_serve, args=(theirs, build, warm_up), daemon=True)
        self._process.start()
        theirs.close()
        self._receive()

    def ask(self, question: str) -> Any:
        """A `Sample` for "run"; for "facts" a dict."""
        self._pipe.send(question)
        return self._receive()

    def stop(self) -> None:
        """Lets the process end by itself, as it may hold a device; kills it where it does not."""
        self._pipe.close()
        self._process.join(_PATIENCE_SECONDS)
        self._process.kill()
        self._process.join()

    def _receive(self) -> Any:
        try:
            return self._pipe.recv()
        except EOFError:
            self._process.join()
            raise RuntimeError(
                f"the process that ran {self._name} ended with exit code {self._process.exitcode}"
            ) from None


def _serve(pipe, build: Callable[[], Program], warm_up: int) -> None:
    program = build()
    _reset_peak()
    for _ in range(warm_up):
        program()
    pipe.send("ready")
    # Ends when the other side closes the pipe.
    with contextlib.suppress(EOFError):
        while True:
            if pipe.recv() == "run":
                pipe.send(_timed(program))
            else:
                pipe.send({**program.facts(), "peak_rss_bytes": _peak_rss()})


def _timed(program: Program) -> Sample:
    start, cpu_start = time.perf_counter(), time.process_time()
    program()
    return Sample(time.perf_counter() - start, time.process_time() - cpu_start)


def _reset_peak() -> None:
    """Forgets the peak of memory so far, as building a model may take more than running it."""
    reset = Path("/proc/self/clear_refs")
    if reset.exists():
        reset.write_text("5")


def _peak_rss() -> int:
    """Bytes; since `_reset_peak` where the system has it, else since the process began."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor())


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None

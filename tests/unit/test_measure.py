"""Each program has a process of its own, they take turns, and a failing one says so."""

import functools
import os
import time

import numpy as np
import pytest

from thfm_jax import measure


class Sleeper:
    """Sleeps, or keeps a core busy, and writes down its name."""

    def __init__(self, log, name, seconds, busy):
        self.log, self.name, self.seconds, self.busy = log, name, seconds, busy

    def __call__(self):
        with self.log.open("a") as file:
            file.write(self.name)
        end = time.perf_counter() + self.seconds
        while self.busy and time.perf_counter() < end:
            pass
        time.sleep(max(end - time.perf_counter(), 0))

    def facts(self):
        return {"pid": os.getpid()}


class Hoarder:
    """Takes much memory while it is built, and then `megabytes` in each run."""

    def __init__(self, megabytes):
        np.ones(300 << 20, np.uint8)
        self.megabytes = megabytes

    def __call__(self):
        np.ones(self.megabytes << 20, np.uint8)

    def facts(self):
        return {}


def broken():
    raise SystemExit(3)


def sleeper(log, name, seconds=0.01, busy=False):
    return functools.partial(Sleeper, log, name, seconds, busy)


def test_programs_take_turns_in_processes_of_their_own(tmp_path):
    log = tmp_path / "log"
    results = measure.alternate({"a": sleeper(log, "a"), "b": sleeper(log, "b")}, 3, warm_up=2)
    assert log.read_text() == "aabb" + "ababab"
    assert [len(results[name].samples) for name in "ab"] == [3, 3]
    assert len({os.getpid(), results["a"].facts["pid"], results["b"].facts["pid"]}) == 3


def test_waiting_costs_time_and_working_costs_processor_time_too(tmp_path):
    programs = {
        "waits": sleeper(tmp_path / "log", "w", 0.2),
        "works": sleeper(tmp_path / "log", "x", 0.2, busy=True),
    }
    results = measure.alternate(programs, 3)
    assert results["waits"].seconds >= 0.2
    assert results["waits"].cpu_seconds < 0.05 < results["works"].cpu_seconds


@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="needs Linux")
def test_peak_memory_is_that_of_the_runs():
    results = measure.alternate(
        {"small": functools.partial(Hoarder, 10), "large": functools.partial(Hoarder, 200)}, 1
    )
    small, large = (results[name].facts["peak_rss_bytes"] / 2**20 for name in ("small", "large"))
    assert large - small == pytest.approx(190, abs=20)


def test_a_process_that_dies_is_named():
    with pytest.raises(RuntimeError, match="ran theirs ended with exit code 3"):
        measure.alternate({"theirs": broken}, 1)


def test_ratio_pairs_what_ran_side_by_side():
    ratio = measure.ratio([2.0, 20.0, 3.0], [1.0, 10.0, 1.0])
    assert (ratio.median, ratio.low, ratio.high) == (2.0, 2.0, 3.0)


def test_more_cores_than_there_are():
    with pytest.raises(ValueError, match="asked for 100000 cores"):
        measure.use_cores(100000)


def test_machine_says_what_a_figure_depends_on():
    machine = measure.machine()
    assert machine["cores"] >= machine["cores_used"] >= 1
    assert machine["versions"]["jax"]

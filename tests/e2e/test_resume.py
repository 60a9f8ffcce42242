"""A training that is killed, moved or told to stop ends as if nothing had happened to it."""

import json
import signal
import time
from pathlib import Path
from subprocess import TimeoutExpired

import numpy as np
import pytest

from tests.e2e import small_config
from tests.e2e.trainings import Training, assert_same_bits, left_over, saved, succeed

pytestmark = pytest.mark.slow

STEPS = 12
FLAGS = (f"--config.steps={STEPS}",)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Clips and a model to train, and programs that were compiled before."""
    folder = tmp_path_factory.mktemp("trainings")
    small_config.lay_out(folder)
    return folder


@pytest.fixture(scope="module")
def whole(folder) -> Path:
    """The working directory of a training that nothing happened to."""
    return succeed(Training(folder, folder / "whole", *FLAGS)).workdir


def losses(workdir: Path) -> dict[int, set[float]]:
    """What was logged of each step, over all starts."""
    found: dict[int, set[float]] = {}
    for line in (workdir / "metrics.jsonl").read_text().splitlines():
        line = json.loads(line)
        found.setdefault(line["step"], set()).add(line["loss"])
    return found


def test_killed_at_20_random_moments_it_ends_with_the_same_bits(folder, whole):
    """Moments are uniform over a start's time: imports, restoring, tracing, steps, saving, export.

    A training that ends before its moment is compared, and the next kills happen to a new one.
    """
    seconds = duration(Training(folder, folder / "again", *FLAGS))
    assert_same_bits(folder / "again", whole, STEPS)
    rng = np.random.default_rng(0)
    kills, resumed, workdir = 0, 0, folder / "killed_0"
    while kills < 20:
        fresh = not workdir.exists()
        training = Training(folder, workdir, *FLAGS)
        try:
            taken = duration(training, rng.uniform(0, seconds))
        except TimeoutExpired:
            kills += 1
        else:
            assert_same_bits(workdir, whole, STEPS)
            workdir = folder / f"killed_{kills}"
            seconds = min(seconds, taken) if fresh else seconds
        resumed += "resumed at step" in training.output()
    succeed(Training(folder, workdir, *FLAGS))
    assert_same_bits(workdir, whole, STEPS)
    assert resumed
    expected = losses(whole)
    for killed in folder.glob("killed_*/"):
        assert losses(killed) == expected
    assert not left_over(folder, 30)


def duration(training: Training, at_most: float = 600) -> float:
    """Seconds that it takes to end well; TimeoutExpired, and killed, where it takes longer."""
    start = time.monotonic()
    assert training.wait(at_most) == [0], training.output()
    return time.monotonic() - start


def test_two_processes_of_which_both_or_one_are_killed_end_with_the_same_bits(folder):
    """Whoever is left ends by itself, and says why."""
    mesh = ("--config.mesh.data=1", "--config.mesh.fsdp=2")
    flags = (*FLAGS, *mesh, "--config.loader.workers=0", "--heartbeat_timeout=10")
    start = lambda name: Training(folder, folder / f"two_{name}", *flags, processes=2)
    whole = succeed(start("whole")).workdir
    rng = np.random.default_rng(0)
    for victims in ((0, 1), (0,), (1,)):
        training = start("killed")
        training.wait_for(training.step + int(rng.integers(1, 4)))
        time.sleep(rng.uniform(0, 0.5))
        for victim in victims:
            training.processes[victim].kill()
        statuses = training.wait(120)
        for survivor in {0, 1} - set(victims):
            # JAX's own watch, which aborts, may be the first to notice.
            message = {144: "another process was lost", -6: "another task died"}
            assert message[statuses[survivor]] in training.output(survivor)
    assert "resumed at step" in succeed(start("killed")).output()
    assert_same_bits(folder / "two_killed", whole, STEPS)


def test_it_goes_on_on_any_mesh_and_says_what_changes(folder, whole):
    """Eight devices, one, and two processes: the state is what was saved, bit by bit."""
    meshes = [
        ("data 8", {"devices": 8}, ()),
        ("data 2 x fsdp 2 x tensor 2", {"devices": 8}, ("fsdp=2", "tensor=2")),
        ("one device", {}, ()),
        ("fsdp 2", {"processes": 2}, ("data=1", "fsdp=2")),
        ("data 8", {"devices": 8}, ()),
    ]
    workdir, before = folder / "moved", None
    for index, (name, machine, sizes) in enumerate(meshes):
        steps = 2 * index + 2
        flags = (f"--config.steps={steps}", *(f"--config.mesh.{size}" for size in sizes))
        output = succeed(Training(folder, workdir, *flags, **machine)).output()
        if before:
            assert f"resumed at step {steps - 2}" in output
            assert f"mesh: {before} -> {name}" in output and "up to rounding" in output
        before = name
    expected = losses(whole)
    for step, (loss,) in losses(workdir).items():
        np.testing.assert_allclose(loss, *expected[step], rtol=1e-4)  # other batches: some per cent
    found = saved(workdir, STEPS - 2)
    for name, array in saved(whole, STEPS - 2).items():
        np.testing.assert_allclose(found[name], array, rtol=1e-3, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("processes", [1, 2])
def test_told_to_stop_it_saves_and_goes_on_later(folder, processes):
    """SIGTERM to one process is enough."""
    workdir = folder / f"stopped_{processes}"
    flags = ("--config.steps=100000", "--config.every.save=0", "--config.loader.workers=0")
    training = Training(folder, workdir, *flags, processes=processes)
    training.wait_for(3)
    training.processes[-1].send_signal(signal.SIGTERM)
    assert set(training.wait(120)) == {143}, training.output()
    (step,) = (int(path.name) for path in (workdir / "checkpoints").iterdir())
    assert step >= 3
    assert f"step {step}" in training.output()


@pytest.fixture
def begun(folder, tmp_path) -> Path:
    """A working directory of stills with checkpoints of steps 2 and 4."""
    flags = ("--config.steps=4", "--config.loader.workers=0")
    return succeed(Training(folder, tmp_path / "begun", *flags)).workdir


def test_what_stands_in_the_way_is_said_in_a_line_and_the_checkpoints_stay(folder, begun):
    """Another recipe, a model of other sizes, a full disk, a damaged checkpoint: one after another.

    A limit on the size of files stands for a disk that is full.
    """
    go_on = ("--config.steps=8", "--config.loader.workers=0")

    def refused(message: str, *flags: str, **options) -> None:
        training = Training(folder, begun, *go_on, *flags, **options)
        assert training.wait() == [1], training.output()
        assert message in training.output() and "Traceback" not in training.output()
        assert (begun / "checkpoints" / "4").is_dir()

    refused(
        "is the working directory of another recipe: loader.seed: 0 -> 1", "--config.loader.seed=1"
    )
    refused("a checkpoint could not be written to", file_bytes=100_000)
    start, other = folder / "start", folder / "other"
    small_config.lay_out(other, width=8)
    start.rename(folder / "kept")
    (other / "start").rename(start)
    refused("are of another model or optimiser")
    start.rename(other / "start")
    (folder / "kept").rename(start)
    damage(begun / "checkpoints" / "4")
    output = succeed(Training(folder, begun, *go_on)).output()
    assert "the checkpoint of step 4" in output and "is damaged and is not used" in output
    assert "resumed at step 2" in output
    succeed(Training(folder, begun.with_name("whole"), *go_on))
    assert_same_bits(begun, begun.with_name("whole"), 8)


def damage(checkpoint: Path) -> None:
    """Cuts the file with most of the arrays in half."""
    largest = max(checkpoint.rglob("d/*"), key=lambda file: file.stat().st_size)
    with largest.open("r+b") as file:
        file.truncate(largest.stat().st_size // 2)

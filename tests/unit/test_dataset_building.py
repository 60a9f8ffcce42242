"""Storing a split with several processes: nothing is lost or made twice, whatever happens."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from tests.unit import dataset_blobs
from tests.unit.dataset_blobs import Blobs
from thfm_jax.data.datasets import building, reading, shards
from thfm_jax.data.datasets.plan import Plan, PlanError, shard_clips
from thfm_jax.data.datasets.series import Series
from thfm_jax.data.datasets.shards import BusyError, Layout
from thfm_jax.data.datasets.workers import JobError


def files(folder):
    """Name and content of each stored shard."""
    return {path.name: path.read_bytes() for path in folder.glob("thfm_humans-*.array_record-*")}


def store(folder, clips=10, shard=3, processes=1, **source):
    return dataset_blobs.store(folder, clips, shard, processes, Blobs(**source))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    store(folder)
    return folder


def test_all_clips_are_stored_once_and_in_order(undisturbed, capfd):
    dataset = reading.open(undisturbed)
    assert [dataset.key(i).index for i in range(len(dataset))] == list(range(10))
    assert not partial(undisturbed)
    plan = store(undisturbed)  # again: there is nothing to do
    assert building.verify(undisturbed, plan) == []


def test_more_processes_store_the_same_bytes(undisturbed, tmp_path, capfd):
    store(tmp_path, processes=9)
    assert files(tmp_path) == files(undisturbed)
    assert "4 of 9 processes are used" in capfd.readouterr().err


def test_layouts_cover_every_clip_once():
    for clips in (1, 2, 63, 64, 65, 1000, 10_000):
        for size in (1, 3, 64, 10**6, shard_clips(clips)):
            layout = Layout("train", clips, size)
            indices = [i for shard in range(len(layout)) for i in layout.indices(shard)]
            assert indices == list(range(clips))
            assert all(len(layout.indices(shard)) > 0 for shard in range(len(layout)))
    with pytest.raises(ValueError, match="at least one clip"):
        Layout("train", 0, 4)


def test_a_lost_or_damaged_shard_is_made_again(undisturbed, tmp_path, capfd):
    plan = store(tmp_path)
    lost, damaged, *_ = sorted(tmp_path.glob("thfm_humans-*.array_record-*"))
    lost.unlink()
    damaged.write_bytes(damaged.read_bytes()[:70_000])
    faults = building.verify(tmp_path, plan)
    assert len(faults) == 2 and lost.name in faults[0] and damaged.name in faults[1]
    store(tmp_path)
    assert f"{damaged}: " in capfd.readouterr().err
    assert files(tmp_path) == files(undisturbed)


def test_verifying_finds_a_damaged_record_and_one_in_the_wrong_place(tmp_path):
    plan = store(tmp_path)
    first, second, *_ = sorted(tmp_path.glob("thfm_humans-*.array_record-*"))
    content = bytearray(first.read_bytes())
    content[content.index(b"THFM") + 3000] ^= 1
    first.write_bytes(content)
    second.write_bytes(sorted(tmp_path.glob("thfm_humans-*.array_record-*"))[2].read_bytes())
    faults = building.verify(tmp_path, plan)
    assert f"{first}, record " in faults[0]
    assert "is clip 6 of train, seed 0, not clip 3 of train, seed 0" in faults[1]
    assert len(faults) == 4


def test_a_clip_that_cannot_be_made_is_named_and_the_rest_kept(undisturbed, tmp_path):
    with pytest.raises(JobError, match=r"^clip 7 of train, seed 0: ZeroDivisionError\("):
        store(tmp_path, fails=7)
    assert sorted(files(tmp_path)) == sorted(files(undisturbed))[:2]
    assert not partial(tmp_path)
    with pytest.raises(reading.DatasetError, match=r"not a complete one.*the same command goes on"):
        reading.open(tmp_path)
    store(tmp_path)
    assert files(tmp_path) == files(undisturbed)


def test_the_work_of_a_killed_process_is_done_by_another(undisturbed, tmp_path, capfd):
    trap = tmp_path / "trap"
    trap.touch()
    store(tmp_path / "data", kills=trap)
    assert files(tmp_path / "data") == files(undisturbed)
    assert "a process was killed (exit code -9)" in capfd.readouterr().err


def test_work_that_kills_every_process_ends(tmp_path):
    trap = tmp_path / "trap"
    trap.touch()
    with pytest.raises(JobError, match="3 times on the same work"):
        store(tmp_path / "data", kills=trap, always=True)


def test_another_plan_for_the_same_split_is_refused(tmp_path):
    store(tmp_path, clips=4)
    with pytest.raises(PlanError, match="clips 4, not 5"):
        store(tmp_path, clips=5)
    plan = Plan(Layout("train", 4, 3), seed=1, made_with={"size": (8, 8)})
    with pytest.raises(PlanError, match=r"seed 0, not 1, size \[9, 14\], not \[8, 8\]"):
        building.build(tmp_path, plan, Series("train", 1, Blobs()), 1)
    assert len(reading.open(tmp_path)) == 4


def test_a_second_split_joins_the_first(tmp_path):
    store(tmp_path, clips=2)
    plan = Plan(Layout("test", 3, 2), seed=0, made_with={})
    building.build(tmp_path, plan, Series("test", 0, Blobs()), 1)
    assert (len(reading.open(tmp_path)), len(reading.open(tmp_path, "test"))) == (2, 3)


def test_a_dataset_of_another_maker_is_left_alone(tmp_path):
    (tmp_path / reading.INFO).write_text("{}")
    with pytest.raises(PlanError, match="something else made"):
        store(tmp_path)


def test_two_programs_do_not_write_the_same_folder(tmp_path):
    with shards.lock(tmp_path), pytest.raises(BusyError, match=f"process {os.getpid()} is writing"):
        store(tmp_path)
    store(tmp_path, clips=1)  # the lock went with its holder


def partial(folder):
    return set(folder.glob(".*.array_record-*.partial"))


def kill_at_random(command, folder, times, rng):
    """Starts the same storing again and again, and kills all of it, or the parent alone."""
    for _ in range(times):
        left_over = partial(folder)
        program = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
        while program.poll() is None and partial(folder) <= left_over:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 1))
        if rng.random() < 0.5:
            os.kill(program.pid, signal.SIGKILL)
        else:
            os.killpg(program.pid, signal.SIGKILL)
        program.wait()
        for path in folder.glob("thfm_humans-*.array_record-*"):
            reading.Shard(path, 3).check()  # whatever is there is whole


@pytest.mark.parametrize("times", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_kill_9_at_any_time_loses_and_doubles_nothing(times, tmp_path):
    clips, folder = 24 * times, tmp_path / "killed"
    folder.mkdir()
    command = [sys.executable, "-m", dataset_blobs.__name__, str(folder), str(clips), "3", "2"]
    kill_at_random(command, folder, times, random.Random(times))
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    plan = store(tmp_path / "undisturbed", clips=clips)
    assert files(folder) == files(tmp_path / "undisturbed")
    assert building.verify(folder, plan) == []
    assert not partial(folder)

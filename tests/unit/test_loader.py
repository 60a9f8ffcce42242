"""Batches: what they hold, in which order they come, and that they come again after a restart."""

import functools
import hashlib
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import grain
import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit import analytic_clip, stored_clips
from thfm_jax import config as plain
from thfm_jax.data import augment, examples, loader, sources
from thfm_jax.data.augment import AugmentConfig
from thfm_jax.data.datasets.container import RecordError
from thfm_jax.data.loader import Bucket, LoaderConfig
from thfm_jax.tasks import TASKS
from thfm_jax.types import Batch

ROOT = Path(__file__).parents[2]
BUCKETS = (
    Bucket(frames=5, height=32, width=48, batch=4, weight=2),
    Bucket(frames=1, height=48, width=32, batch=6, weight=1),
)


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    return stored_clips.write(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def stills(tmp_path_factory) -> Path:
    return stored_clips.write(tmp_path_factory.mktemp("stills"), clips=9, frames=1)


def humans(folder: Path, weight: float = 1.0) -> dict:
    return {"kind": "humans", "path": str(folder), "weight": weight}


@pytest.fixture(scope="module")
def mixed(clips, stills) -> LoaderConfig:
    return LoaderConfig(sources=(humans(clips), humans(stills, 2.0)), buckets=BUCKETS, seed=3)


def assert_equal(first: Batch, second: Batch) -> None:
    assert jax.tree.structure(first) == jax.tree.structure(second)
    for one, other in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        np.testing.assert_array_equal(one, other)


def take(config: LoaderConfig, count: int, **where) -> list[Batch]:
    return list(itertools.islice(loader.batches(config, **where), count))


@functools.cache
def reference(config_json: str, count: int = 21) -> list[Batch]:
    return take(plain.from_json(LoaderConfig, config_json), count)


def test_a_batch_holds_the_clip_and_every_task_in_its_units(clips):
    batch = next(loader.batches(LoaderConfig(sources=(humans(clips),), buckets=BUCKETS[:1])))
    assert batch.clip.frames.shape == (4, 5, 32, 48, 3) and batch.clip.frames.dtype == np.uint8
    assert batch.clip.fps.shape == (4,) and batch.clip.fps.dtype == np.float32
    assert batch.clip.intrinsics.shape == (4, 5, 3, 3) and batch.clip.frame_mask.all()
    assert set(batch.targets) == set(TASKS)
    channels = {"depth": 1, "normals": 3, "matte": 1, "densepose": 3}
    for name, target in batch.targets.items():
        assert target.value.dtype == np.float32
        if name in channels:
            assert target.value.shape == (4, 5, 32, 48, channels[name])
            assert target.mask.shape == (4, 5, 32, 48)
        else:
            assert target.value.shape == (4, 5, 52, 3) and target.mask.shape == (4, 5, 52)


def test_targets_suit_their_tasks(clips):
    config = LoaderConfig(sources=(humans(clips),), buckets=BUCKETS[:1], augment=None)
    targets = next(loader.batches(config)).targets
    body = np.asarray(targets["depth"].mask) > 0
    assert 0.02 < body.mean() < 0.9
    assert np.all(targets["depth"].value[body] > 1) and np.all(targets["depth"].value[~body] == 0)
    np.testing.assert_allclose(
        np.linalg.norm(targets["normals"].value[body], axis=-1), 1, atol=1e-3
    )
    np.testing.assert_array_equal(targets["densepose"].mask, body)
    # Soft parts weigh little, but are no background.
    weights = np.unique(targets["depth"].mask)
    np.testing.assert_allclose(weights, [0, examples.SOFT_WEIGHT, 1])
    assert np.all(targets["matte"].mask) and np.asarray(targets["matte"].value).max() == 1
    for name, spec in TASKS.items():
        target = targets[name]
        size = () if spec.kind == "dense" else ((32, 48),)
        assert np.all(np.isfinite(spec.encode(target.value, target.mask, *size))), name


def test_the_projected_joints_of_a_batch_are_its_image_points(mixed):
    for batch in take(mixed, 4):
        points = np.asarray(batch.targets["keypoints3d"].value, np.float64)
        image = np.einsum("btij,btkj->btki", batch.clip.intrinsics, points)
        near = np.asarray(batch.targets["keypoints2d"].mask)
        difference = image[..., :2] / image[..., 2:] - batch.targets["keypoints2d"].value[..., :2]
        assert near.any() and np.abs(difference[near]).max() < 1e-3


def test_only_the_declared_shapes_come_as_often_as_their_weights_say(mixed):
    shapes = Counter(batch.clip.frames.shape for batch in take(mixed, 12))
    assert shapes == {(4, 5, 32, 48, 3): 8, (6, 1, 48, 32, 3): 4}


def test_processes_share_the_batches_of_one(mixed):
    whole = take(mixed, 5)
    shares = [take(mixed, 5, process_index=i, process_count=2) for i in range(2)]
    for step, batch in enumerate(whole):
        parts = [share[step].clip.frames for share in shares]
        assert len({part.shape for part in parts}) == 1
        np.testing.assert_array_equal(np.concatenate(parts), batch.clip.frames)


def test_every_record_comes_once_an_epoch_and_in_a_new_order_the_next(clips):
    source = sources.open_source(sources.SourceConfig(**humans(clips)))
    drawn = loader._endless([(source, 1.0)], 0, 0, 1)
    epochs = [[drawn[epoch * 7 + i].record for i in range(7)] for epoch in range(6)]
    assert all(sorted(epoch) == list(range(7)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 3


def test_sources_come_by_weight_and_stills_only_where_one_frame_is_asked_for(mixed, clips, stills):
    config = LoaderConfig(sources=mixed.sources, buckets=BUCKETS)
    opened = [(sources.open_source(source), source.weight) for source in config.sources]
    names = {str(clips): "clips", str(stills): "stills"}
    for bucket, expected in zip(BUCKETS, ({"clips": 30}, {"clips": 10, "stills": 20}), strict=True):
        drawn = loader._endless(loader._eligible(opened, bucket), 0, 0, 1)
        found = Counter(names[str(drawn[i].source.folder)] for i in range(30))
        assert found == expected


@pytest.fixture(scope="module")
def states(mixed) -> list[str]:
    """What is stored of an iterator after 0, 1, 2 ... batches."""
    iterator = loader.batches(mixed)
    kept = [json.dumps(iterator.get_state())]
    for _ in range(20):
        next(iterator)
        kept.append(json.dumps(iterator.get_state()))
    return kept


@given(st.integers(0, 19), st.integers(1, 3))
@settings(max_examples=20)
def test_a_restart_goes_on_exactly_where_it_stopped(mixed, states, stopped, threads):
    changed = plain.build(LoaderConfig, {**vars(mixed), "threads": threads})
    iterator = loader.batches(changed)
    iterator.set_state(json.loads(states[stopped]))
    for batch in reference(plain.to_json(mixed))[stopped : stopped + 2]:
        assert_equal(next(iterator), batch)
    iterator.close()


def test_workers_make_the_same_batches_and_their_number_may_change_on_restart(mixed):
    batches = reference(plain.to_json(mixed))
    state = {"step": 0, "skipped": 0}
    for workers in (2, 1):
        config = plain.build(LoaderConfig, {**vars(mixed), "workers": workers, "buffer": 1})
        iterator = loader.batches(config)
        iterator.set_state(state)
        for _ in range(3):
            expected = batches[iterator.get_state()["step"]]
            assert_equal(next(iterator), expected)
        state = iterator.get_state()
        iterator.close()


def test_orbax_keeps_the_place_beside_a_model(mixed, tmp_path):
    iterator = loader.batches(mixed)
    for _ in range(3):
        next(iterator)
    with ocp.CheckpointManager(tmp_path / "checkpoints") as manager:
        manager.save(0, args=ocp.args.Composite(data=grain.checkpoint.CheckpointSave(iterator)))
        manager.wait_until_finished()
        expected = next(iterator)
        restored = loader.batches(mixed)
        manager.restore(
            0, args=ocp.args.Composite(data=grain.checkpoint.CheckpointRestore(restored))
        )
    assert_equal(next(restored), expected)


READER = """
import hashlib, json, os, sys
from pathlib import Path
import jax
from thfm_jax import config as plain
from thfm_jax.data import loader

def main():
    config, log, steps = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    lines = log.read_text().splitlines() if log.exists() else []
    whole = [line for line in lines if line.endswith("}")]  # the last may be torn
    mended = log.with_suffix(".mended")
    mended.write_text("".join(line + chr(10) for line in whole))
    mended.replace(log)
    iterator = loader.batches(plain.from_json(loader.LoaderConfig, config.read_text()), 0, 1)
    if whole:
        iterator.set_state(json.loads(whole[-1])["state"])
    with log.open("a") as file:
        while iterator.get_state()["step"] < steps:
            batch = next(iterator)
            content = b"".join(leaf.tobytes() for leaf in jax.tree.leaves(batch))
            digest = hashlib.sha256(content).hexdigest()
            line = json.dumps({"digest": digest, "state": iterator.get_state()})
            print(line, file=file, flush=True)
            del batch
    iterator.close()

if __name__ == "__main__":
    main()
"""


def run_reader(folder: Path, config: LoaderConfig, steps: int) -> subprocess.Popen:
    """Starts a process that writes to `folder`/log what it read, and goes on where that ends."""
    (folder / "config.json").write_text(plain.to_json(config))
    (folder / "reader.py").write_text(READER)
    arguments = [folder / "reader.py", folder / "config.json", folder / "log", steps]
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"},
        start_new_session=True,
    )


def kill_soon(process: subprocess.Popen, log: Path, chance: random.Random) -> None:
    """Kills a reader and its workers, at any moment or just after it has got further."""
    size = log.stat().st_size if log.exists() else 0
    patience = time.monotonic() + (chance.uniform(0, 5) if chance.random() < 0.3 else 60)
    while time.monotonic() < patience and not (log.exists() and log.stat().st_size > size):
        time.sleep(0.01)
    time.sleep(chance.uniform(0, 0.05))
    assert process.poll() is None, "the reader must not be done yet"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_at_any_moment_a_reader_loses_and_repeats_nothing(mixed, tmp_path, kills):
    config = plain.build(LoaderConfig, {**vars(mixed), "workers": 1, "buffer": 1})
    steps, chance = 10 + 5 * kills, random.Random(0)
    for _ in range(kills):
        kill_soon(run_reader(tmp_path, config, steps), tmp_path / "log", chance)
    assert run_reader(tmp_path, config, steps).wait() == 0
    found = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [entry["state"]["step"] for entry in found] == list(range(1, steps + 1))
    for entry, batch in zip(found, reference(plain.to_json(mixed), steps), strict=True):
        content = b"".join(np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(batch))
        assert entry["digest"] == hashlib.sha256(content).hexdigest()


def test_reading_once_shows_every_clip_in_order_and_fills_the_last_batch_with_nothing(clips):
    config = LoaderConfig(
        sources=(humans(clips),), buckets=BUCKETS[:1], augment=None, endless=False
    )
    first, second = loader.batches(config)
    assert first.clip.frame_mask.all()
    np.testing.assert_array_equal(second.clip.frame_mask.all(axis=1), [True, True, True, False])
    for target in second.targets.values():
        assert not np.any(target.mask[3])
    for index in range(4):
        depth = analytic_clip.make(index, 5, (32, 48)).labels.depth_m
        np.testing.assert_allclose(first.targets["depth"].value[index, ..., 0], depth, rtol=1e-4)


def test_a_clip_shorter_than_the_bucket_is_filled_up_and_masked(stills):
    config = LoaderConfig(sources=(humans(stills),), buckets=BUCKETS[:1])
    batch = next(loader.batches(config))
    np.testing.assert_array_equal(batch.clip.frame_mask, [[True, False, False, False, False]] * 4)
    np.testing.assert_array_equal(batch.clip.frames[:, 1], batch.clip.frames[:, 0])
    for name, target in batch.targets.items():
        assert not np.any(target.mask[:, 1:]), name


def test_a_damaged_record_is_named_or_skipped_and_counted(tmp_path):
    folder = stored_clips.write(tmp_path / "damaged")
    file = stored_clips.damage(folder, 4)
    config = LoaderConfig(
        sources=(humans(folder),), buckets=BUCKETS[:1], augment=None, endless=False
    )
    reader = loader.batches(config)
    next(reader)
    for _ in range(2):  # it is no better on another try
        with pytest.raises(RecordError, match=rf"{file.name}.*record 1"):
            next(reader)
    assert reader.get_state()["step"] == 1
    iterator = loader.batches(plain.build(LoaderConfig, {**vars(config), "skip_damaged": True}))
    _, second = iterator
    assert iterator.skipped == 1 and iterator.get_state() == {"step": 2, "skipped": 1}
    np.testing.assert_array_equal(second.clip.frames[0], second.clip.frames[1])
    np.testing.assert_array_equal(second.clip.frame_mask.all(axis=1), [True, True, True, False])


def test_a_source_of_damaged_records_only_is_an_error_even_where_they_are_skipped(tmp_path):
    folder = stored_clips.write(tmp_path / "damaged", clips=2)
    opened = sources.open_source(sources.SourceConfig(**humans(folder)))
    assert opened.frames == 5
    for clip in range(2):
        stored_clips.damage(folder, clip)
    recipe = examples.Recipe(("depth",), None, 0, skip_damaged=True)
    with pytest.raises(RecordError, match="all 2 records"):
        examples.make(examples.Shape(5, 32, 48), recipe, 0, [examples.Draw(0, opened, 0)])


def test_a_joint_far_beyond_the_picture_or_a_person_out_of_it_is_not_labelled():
    stack = examples.Stack.empty(1, examples.Shape(5, 48, 64))
    clip = analytic_clip.make(0)
    stack.put(0, augment.fit(clip, (48, 64), stack.maps(0, 5)))
    assert examples.TARGETS["keypoints2d"](stack)[1].all()
    stack.keypoints2d[0, :, 0, 0] = -200
    labelled = examples.TARGETS["keypoints2d"](stack)[1]
    assert not labelled[:, :, 0].any() and labelled[:, :, 1:].all()
    stack.labels.instance[:] = 2  # somebody else
    assert not examples.TARGETS["keypoints3d"](stack)[1].any()


def test_plain_data_makes_a_configuration_and_comes_back_from_it(mixed):
    data = json.loads(plain.to_json(mixed))
    assert plain.build(LoaderConfig, data) == mixed
    without = plain.build(LoaderConfig, {**data, "augment": None})
    assert without.augment is None
    zoomed = LoaderConfig(sources=mixed.sources, augment={"zoom": (1, 1)})
    assert zoomed.augment == AugmentConfig(zoom=(1, 1))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"tasks": ("depht",)}, "no target for depht"),
        ({"sources": ()}, "at least one source"),
        ({"endless": False}, "one bucket"),
        ({"threads": 0}, "threads"),
        ({"buckets": ({"frames": 4},)}, "4n \\+ 1 frames, not 4"),
        ({"buckets": ({"height": 40},)}, "multiples of 16"),
        ({"sources": ({"kind": "film"},)}, "no source of kind 'film'"),
        ({"sources": ({"kind": "live", "weight": 0},)}, "weight is positive"),
        ({"sources": ({"kind": "live", "wieght": 1},)}, "did you mean weight"),
    ],
)
def test_a_wrong_configuration_is_refused(mixed, change, message):
    with pytest.raises(ValueError, match=message):
        LoaderConfig(**{**vars(mixed), **change})


def test_what_cannot_be_shared_or_used_is_refused(mixed, clips, stills):
    with pytest.raises(ValueError, match=r"7 records.*too few for 8 processes"):
        loader.batches(mixed, 0, 8)
    with pytest.raises(ValueError, match="a batch of 4 clips cannot be shared by 3"):
        loader.batches(mixed, 0, 3)
    with pytest.raises(ValueError, match="has at most 1 frames"):
        loader.batches(LoaderConfig(sources=mixed.sources, buckets=BUCKETS[:1]), 0, 1)
    with pytest.raises(ValueError, match="no split 'tset'"):
        loader.batches(LoaderConfig(sources=({**humans(clips), "split": "tset"},)), 0, 1)

"""Cached latents: what is stored, in which order it is read, and what a step makes of it."""

import dataclasses
import itertools
import json
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.e2e import small_config
from thfm_jax import checkpoints, programs
from thfm_jax.config import Compute, VaeConfig
from thfm_jax.data import loader
from thfm_jax.data.datasets.container import RecordError
from thfm_jax.data.latents import plan, reading, record
from thfm_jax.data.latents.plan import CacheError
from thfm_jax.data.loader import Bucket, LoaderConfig
from thfm_jax.sharding import make_mesh
from thfm_jax.training import caching, recipe, run, start
from thfm_jax.training.objective import with_latents
from thfm_jax.training.recipe import Recipe
from thfm_jax.training.state import init_state
from thfm_jax.training.step import Builder, Objective, make_step
from thfm_jax.types import Batch

BUCKETS = (
    {"frames": 5, "height": 32, "width": 48, "batch": 4, "weight": 2},
    {"frames": 1, "height": 48, "width": 32, "batch": 2, "weight": 1},
)
BATCHES = 9  # of which six are of the first bucket

KINDS = st.tuples(
    st.sampled_from(["float16", "float32", "uint8", "bool"]),
    st.lists(st.integers(0, 4), max_size=4),
)


@given(st.dictionaries(st.sampled_from(["a", "b/c", "b/d", "e/f/g"]), KINDS, min_size=1))
@settings(max_examples=30)
def test_a_record_gives_back_every_array_bit_by_bit(kinds):
    rng = np.random.default_rng(0)
    flat = {
        name: np.asarray(rng.normal(size=size)).astype(kind) for name, (kind, size) in kinds.items()
    }
    tree = record.nest(flat)
    found = record.decode(record.encode(tree))
    assert found.keys() == flat.keys()
    for name, array in flat.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert found[name].tobytes() == array.tobytes()


def changed(given: Recipe, **changes) -> Recipe:
    """The recipe with other entries of its loader."""
    return dataclasses.replace(given, loader=dataclasses.replace(given.loader, **changes))


@pytest.fixture(scope="module")
def online(tmp_path_factory) -> Recipe:
    """A recipe that encodes as it trains: of a model in a folder, and 16 clips."""
    folder = tmp_path_factory.mktemp("small")
    small_config.lay_out(folder)
    given = recipe.from_config(small_config.get_config(str(folder)))
    return changed(given, buckets=BUCKETS, workers=0, seed=3)


@pytest.fixture(scope="module")
def cached(online, tmp_path_factory) -> Recipe:
    """The same from a cache of float32."""
    folder = tmp_path_factory.mktemp("cache")
    caching.build(online, folder, BATCHES, dtype="float32", file_batches=4)
    return changed(online, latents=str(folder))


def take(given: Recipe, count: int, **where) -> list[Batch]:
    return list(itertools.islice(loader.batches(given.loader, **where), count))


def assert_equal(first: Batch, second: Batch) -> None:
    assert jax.tree.structure(first) == jax.tree.structure(second)
    for one, other in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        np.testing.assert_array_equal(one, other)


def name_of(batch: Batch, clip: int) -> bytes:
    """Tells clips apart, with or without their frames."""
    joints, cameras = batch.targets["keypoints2d"].value[clip], batch.clip.intrinsics[clip]
    return np.asarray(joints).tobytes() + np.asarray(cameras).tobytes()


def test_a_cache_holds_the_clips_of_the_first_batches_and_what_the_vae_makes_of_them(
    online, cached
):
    model = Builder(start.config_of(online), online.compute).model(
        start.load(online, ("vae",), make_mesh())
    )
    encode = jax.jit(lambda batch: with_latents(model, batch))
    expected = {}
    for batch in take(online, BATCHES):
        found = encode(batch)
        for clip in range(len(batch.clip.frames)):
            entry = jax.tree.map(lambda x, clip=clip: x[clip], found)
            expected[name_of(batch, clip)] = entry
    assert len(expected) == 30
    seen = set()
    for batch in take(cached, BATCHES):
        assert batch.clip.frames.shape[-1] == 0 and set(batch.targets).isdisjoint(
            batch.latents.targets
        )
        for clip in range(len(batch.clip.frames)):
            entry = expected[name_of(batch, clip)]
            jax.tree.map(
                lambda ours, theirs, clip=clip: np.testing.assert_array_equal(ours[clip], theirs),
                batch,
                entry,
            )
            seen.add(name_of(batch, clip))
    assert seen == set(expected)


def test_batches_come_by_bucket_and_every_clip_once_an_epoch_in_a_new_order(cached):
    batches = take(cached, 4 * BATCHES)
    shapes = [batch.clip.frames.shape[1] for batch in batches]
    assert shapes.count(5) == 2 * shapes.count(1)
    orders = []
    for frames in (5, 1):
        names = [name_of(b, i) for b in batches if b.clip.frames.shape[1] == frames
                 for i in range(len(b.clip.frames))]  # fmt: skip
        count = len(set(names))
        epochs = [tuple(names[i : i + count]) for i in range(0, len(names), count)]
        assert all(set(epoch) == set(names) for epoch in epochs)
        orders.append(len(set(epochs)))
    assert orders == [4, 4]


@given(st.integers(0, 12), st.integers(1, 3))
@settings(max_examples=8)
def test_a_restart_goes_on_exactly_where_it_stopped(cached, stopped, threads):
    iterator = loader.batches(changed(cached, threads=threads).loader)
    iterator.set_state({"step": stopped, "skipped": 0})
    for batch in take(cached, stopped + 2)[stopped:]:
        assert_equal(next(iterator), batch)
    assert iterator.get_state() == {"step": stopped + 2, "skipped": 0}
    iterator.close()


def test_processes_share_the_batches_of_one_and_workers_make_the_same(cached):
    whole = take(cached, 3)
    shares = [take(cached, 3, process_index=i, process_count=2) for i in range(2)]
    for batch, *parts in zip(whole, *shares, strict=True):
        assert_equal(jax.tree.map(lambda *x: np.concatenate(x), *parts), batch)
    iterator = loader.batches(changed(cached, workers=1).loader)
    for batch in whole:
        assert_equal(next(iterator), batch)
    iterator.close()


def test_other_batch_sizes_and_fewer_tasks_may_be_read(cached):
    larger = changed(cached, buckets=({**BUCKETS[0], "batch": 8},), tasks=("depth", "keypoints2d"))
    batch = next(loader.batches(larger.loader))
    assert len(batch.clip.frames) == 8
    assert set(batch.latents.targets) == {"depth"} and set(batch.targets) == {"keypoints2d"}


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"seed": 4}, r"other clips: seed 3, not 4\. Make a cache"),
        ({"augment": {"flip": 0.1}}, r"other clips: augment\.flip 0\.5, not 0\.1"),
        ({"augment": None}, r"other clips: augment\.flip 0\.5, not None|augment"),
        (
            {"sources": ({"kind": "live"},)},
            r"sources\.0\.kind humans, not live, sources\.0\.path .*clips, not ",
        ),
        (
            {"buckets": ({"frames": 9, "height": 32, "width": 48, "batch": 1},)},
            r"no latents of a bucket of 9x32x48: there are .*5x32x48.*, .*1x48x32",
        ),
        (
            {"buckets": ({**BUCKETS[1], "batch": 8},)},
            r"\(1x48x32\) has 6 clips, too few for a batch of 8: cache more",
        ),
        ({"latents": "/nowhere"}, r"/nowhere is no cache of latents: there is no latents\.json"),
    ],
)
def test_a_cache_of_other_clips_is_refused_with_what_differs(cached, changes, message):
    with pytest.raises(CacheError, match=message):
        loader.batches(changed(cached, **changes).loader)


@pytest.fixture
def copy(cached, tmp_path) -> Path:
    """A cache to spoil."""
    return shutil.copytree(cached.loader.latents, tmp_path / "copy")


def test_a_cache_without_a_task_a_file_or_a_readable_plan(cached, copy):
    reader = lambda: loader.batches(changed(cached, latents=str(copy)).loader)
    next(copy.glob("latents-5x32x48-host0.*-00001-of-00002")).unlink()
    with pytest.raises(CacheError, match="is not complete, 1 files are missing"):
        reader()
    file = copy / plan.FILE
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, "tasks": ["depth"]}))
    with pytest.raises(CacheError, match="has no targets of normals, matte"):
        reader()
    file.write_text(file.read_text()[:100])
    with pytest.raises(CacheError, match=r"latents\.json is damaged"):
        reader()


def test_a_damaged_record_is_named_or_skipped_and_counted(cached, copy):
    file = next(copy.glob("latents-1x48x32-*"))
    stored = reading.open(copy, loader.made_of(cached.loader), cached.loader.tasks)
    shape = Bucket(**BUCKETS[1]).shape
    expected = reading.clips_for(stored, shape, 1)[3]
    content = bytearray(file.read_bytes())
    content[content.index(expected["latents/clip"].tobytes()) + 8] ^= 0xFF
    file.write_bytes(content)
    one = changed(cached, latents=str(copy), buckets=BUCKETS[1:])
    with pytest.raises(RecordError, match=rf"{file.name}, record 3"):
        take(one, 3)
    iterator = loader.batches(changed(one, skip_damaged=True).loader)
    clips = [name_of(batch, i) for batch in itertools.islice(iterator, 3) for i in range(2)]
    assert iterator.skipped == 1 and len(set(clips)) == 5


def test_what_is_there_already_is_not_made_again_and_a_damaged_file_is(online, cached, copy):
    before = {file.name: file.read_bytes() for file in copy.glob("latents-*")}
    first, *others = sorted(copy.glob("latents-*"))
    first.write_bytes(first.read_bytes()[:-1000])
    times = [file.stat().st_mtime_ns for file in others]
    caching.build(online, copy, BATCHES, dtype="float32", file_batches=4)
    assert [file.stat().st_mtime_ns for file in others] == times
    assert {file.name: file.read_bytes() for file in copy.glob("latents-*")} == before


def test_the_folder_of_another_cache_is_refused(online, copy):
    with pytest.raises(CacheError, match="otherwise: dtype float32, not float16, file_batches 4"):
        caching.build(online, copy, BATCHES)
    with pytest.raises(ValueError, match="there is no batch of 1x48x32 among so few"):
        caching.build(online, copy, 1)


def test_one_shape_in_two_buckets_is_refused(online, tmp_path):
    with pytest.raises(ValueError, match="one bucket of a shape, not two of 5x32x48"):
        caching.build(changed(online, buckets=BUCKETS[:1] * 2), tmp_path / "new", 4)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"objective": Objective(stage="pixel")}, "the pixel stage needs frames and maps"),
        ({"frozen": ("^sparse/",)}, r"the latents of a fixed VAE: let frozen have '\^vae/'"),
        ({"evaluation": LoaderConfig(({"kind": "live"},), latents="x")}, "evaluation needs frames"),
    ],
)
def test_a_recipe_that_latents_are_not_enough_for_is_refused(cached, changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(cached, **changes)


def test_latents_are_not_read_once():
    with pytest.raises(ValueError, match="cannot be read once"):
        LoaderConfig(({"kind": "live"},), latents="x", endless=False)


def abstract(tree):
    return jax.tree.map(lambda x: (x.shape, np.dtype(x.dtype)), tree)


def test_the_abstract_step_takes_batches_as_they_are_read_and_has_no_vae(cached):
    tiny = dataclasses.replace(cached, start="", train_text=False, accumulate=1)
    bucket = Bucket(**BUCKETS[0])
    program = programs.train_step(tiny, bucket, make_mesh(devices=jax.devices()[:1]))
    state, batch, _ = program.args
    assert set(state.trained) == {"dit", "sparse"} and not state.frozen
    model = programs.train_step(changed(tiny, latents=""), bucket, program.mesh).args[0].frozen
    assert set(model) == {"vae"}
    read = next(loader.batches(cached.loader))
    halved = lambda x: x.astype(np.float16)
    latents = dataclasses.replace(
        read.latents,
        clip=halved(read.latents.clip),
        targets={
            name: dataclasses.replace(target, value=halved(target.value))
            for name, target in read.latents.targets.items()
        },
    )
    found = abstract(batch.replace(latents=None)), abstract(batch.latents)
    assert found[0] == abstract(read.replace(latents=None))
    # The tiny preset has 32 channels of latents, the model of the cache four.
    widened = jax.tree.map(
        lambda x: ((*x.shape[:-1], 32) if x.ndim == 5 else x.shape, np.dtype(x.dtype)), latents
    )
    assert found[1] == widened


@pytest.fixture(scope="module")
def steps(online):
    """What a step does to the trained parameters: encoding as it trains, and from given latents."""
    optimizer, mesh = optax.sgd(1.0), make_mesh(devices=jax.devices()[:1])
    builder = Builder(start.config_of(online), Compute())
    step = jax.jit(make_step(builder, Objective(tasks_per_clip=3), optimizer))
    with jax.set_mesh(mesh):
        begin = start.start(online, mesh)
    batch = next(loader.batches(online.loader))

    def change(given, params, frozen):
        state = init_state(params, frozen, optimizer, jax.random.key(1), average=False)
        after, figures = step(state, given, begin.wordings)
        return jax.tree.map(jnp.subtract, after.trained, state.trained), figures

    model = builder.model({"vae": begin.params["vae"]})
    encoded = jax.jit(lambda batch: with_latents(model, batch))(batch)
    rest = {name: part for name, part in begin.params.items() if name != "vae"}
    narrow = lambda x, dtype: x if x.dtype == bool else x.astype(dtype).astype(jnp.float32)

    def from_latents(dtype):
        stored = jax.tree.map(lambda x: narrow(x, dtype), encoded.latents)
        return change(encoded.replace(latents=stored), rest, ())

    return change(batch, begin.params, online.frozen), from_latents


@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-6), ("float16", 5e-4)])
def test_a_step_from_latents_is_the_step_that_encodes(steps, dtype, tolerance):
    (expected, figures), from_latents = steps
    found, ours = from_latents(dtype)
    error = optax.global_norm(jax.tree.map(jnp.subtract, found, expected))
    assert error <= tolerance * optax.global_norm(expected)
    np.testing.assert_allclose(ours["loss"], figures["loss"], rtol=tolerance)
    assert ours.keys() == figures.keys()


def test_a_training_from_a_cache_ends_with_a_whole_model(cached, tmp_path):
    short = dataclasses.replace(
        changed(cached, buckets=BUCKETS[:1]), steps=1, accumulate=1, paraphrases=False
    )
    model = run.train(short, tmp_path)
    assert set(checkpoints.present_parts(model)) == {"dit", "vae", "sparse", "text_encoder"}
    ours, theirs = (
        start.load(dataclasses.replace(short, start=str(folder)), ("vae",), make_mesh())
        for folder in (model, short.start)
    )
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)


def test_a_cache_of_another_vae_is_refused(cached, copy):
    caching.check(cached, make_mesh())
    file = copy / plan.FILE
    file.write_text(json.dumps({**json.loads(file.read_text()), "vae": 1}))
    with pytest.raises(CacheError, match=r"holds latents of another VAE: checksum 1, not \d{3}"):
        caching.check(changed(cached, latents=str(copy)), make_mesh())


def test_the_checksum_of_a_vae_knows_each_number_and_the_latents_statistics():
    vae = {"encoder": {0: {"kernel": np.ones((2, 3), np.float32)}}}
    config = VaeConfig()
    found = caching.checksum(vae, config)
    assert found == caching.checksum(jax.tree.map(np.copy, vae), config)
    changed = {"encoder": {0: {"kernel": np.ones((2, 3), np.float32)}}}
    changed["encoder"][0]["kernel"][1, 1] += 1e-7
    assert caching.checksum(changed, config) != found
    other = dataclasses.replace(config, latent_mean=(0.0,) * 16)
    assert caching.checksum(vae, other) != found

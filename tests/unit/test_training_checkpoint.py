"""Facts about a training's checkpoints: they come back as they were, or not at all and loudly."""

import dataclasses
import logging

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.sharding import NamedSharding, PartitionSpec

from thfm_jax.sharding import make_mesh
from thfm_jax.training.checkpoint import Checkpoints, ResumeError, _checksums
from thfm_jax.training.state import init_state

PARAMS = {
    "dit": {"a": {"kernel": np.ones((64, 64), np.float32)}, "bias": np.zeros(3, np.float32)},
    "vae": {"c": np.ones(2, np.float32)},
}


def fresh(optimizer=None, params=PARAMS):
    params = jax.tree.map(jnp.asarray, params)
    return init_state(params, ["^vae/"], optimizer or optax.adamw(1e-3), jax.random.key(0), True)


def at(step: int):
    """A state like no other of another step."""
    noise = np.random.default_rng(step).normal(size=(64, 64)).astype(np.float32)
    state = fresh()
    trained = jax.tree.map(lambda x: x + step, state.trained)
    trained["dit"]["a"]["kernel"] = jnp.asarray(noise)
    return dataclasses.replace(state, step=jnp.int32(step), trained=trained)


def write(workdir, steps, **options):
    checkpoints = Checkpoints(workdir, **options)
    for step in steps:
        checkpoints.save(at(step), {"step": step})
    checkpoints.close()


def assert_same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_the_latest_state_comes_back_bit_by_bit_with_the_loaders(tmp_path):
    write(tmp_path, [10, 20])
    resumed = Checkpoints(tmp_path).restore(fresh())
    assert_same(resumed.state, at(20))
    assert resumed.data == {"step": 20} and not resumed.changed


def test_a_new_directory_has_nothing_to_restore(tmp_path):
    assert Checkpoints(tmp_path).restore(fresh()) is None


def test_the_latest_are_kept_and_one_of_each_interval(tmp_path):
    write(tmp_path, [10, 20, 30, 40, 50], keep=2, keep_each=20)
    assert Checkpoints(tmp_path).steps == [20, 40, 50]


def test_a_damaged_checkpoint_is_reported_and_the_one_before_it_taken(tmp_path, caplog):
    write(tmp_path, [10, 20])
    files = [
        f for f in (tmp_path / "checkpoints" / "20" / "state").rglob("*") if f.parent.name == "d"
    ]
    largest = max(files, key=lambda f: f.stat().st_size)
    data = bytearray(largest.read_bytes())
    data[len(data) // 2] ^= 1
    largest.write_bytes(data)
    with caplog.at_level(logging.ERROR):
        state = Checkpoints(tmp_path).restore(fresh()).state
    assert_same(state, at(10))
    assert "step 20" in caplog.text and "damaged" in caplog.text
    assert Checkpoints(tmp_path).steps == [10]


def test_a_checkpoint_that_was_being_written_does_not_count(tmp_path):
    write(tmp_path, [10])
    (tmp_path / "checkpoints" / "20.orbax-checkpoint-tmp-1").mkdir()
    state = Checkpoints(tmp_path).restore(fresh()).state
    assert state.step == 10


def test_where_none_is_good_nothing_starts_anew_in_silence(tmp_path):
    write(tmp_path, [10])
    for file in (tmp_path / "checkpoints" / "10" / "state").rglob("*"):
        if file.is_file():
            file.write_bytes(b"")
    with pytest.raises(ResumeError, match="none of the checkpoints"):
        Checkpoints(tmp_path).restore(fresh())
    assert (tmp_path / "checkpoints" / "10").is_dir()


def test_another_mesh_is_told(tmp_path):
    write(tmp_path, [10])
    whole = make_mesh(data=jax.device_count())
    spread = jax.device_put(fresh(), NamedSharding(whole, PartitionSpec()))
    (file,) = (tmp_path / "checkpoints" / "10").glob("_CHECKPOINT_METADATA")
    file.write_text(file.read_text().replace("one device", "data 8"))
    resumed = Checkpoints(tmp_path).restore(spread)
    assert resumed.changed == ["mesh: data 8 -> one device"]
    assert_same(resumed.state, at(10))


def test_another_model_or_optimiser_is_refused(tmp_path):
    write(tmp_path, [10])
    with pytest.raises(ResumeError, match="another model or optimiser"):
        Checkpoints(tmp_path).restore(fresh(optax.sgd(1.0)))


def test_a_model_of_other_sizes_is_refused_and_nothing_is_set_aside(tmp_path):
    write(tmp_path, [10])
    narrow = {**PARAMS, "dit": {**PARAMS["dit"], "bias": np.zeros(4, np.float32)}}
    with pytest.raises(ResumeError, match=r"bias is float32\[3\] in them, float32\[4\] here"):
        Checkpoints(tmp_path).restore(fresh(params=narrow))
    assert Checkpoints(tmp_path).steps == [10]


def test_other_frozen_parameters_are_refused(tmp_path):
    write(tmp_path, [10])
    other = {**PARAMS, "vae": {"c": np.zeros(2, np.float32)}}
    with pytest.raises(ResumeError, match="frozen parameters are not those"):
        Checkpoints(tmp_path).restore(fresh(params=other))


@given(st.integers(0, 3), st.integers(0, 31), st.integers(0, 2**31 - 1))
def test_a_checksum_tells_any_change_of_one_bit_and_words_that_changed_places(place, bit, seed):
    words = np.random.default_rng(seed).integers(0, 2**32, (2, 2), np.uint32)
    changed = words.copy()
    changed.flat[place] ^= np.uint32(1 << bit)
    moved = np.array([[words[0, 1], words[0, 0]], words[1]])
    whole, flipped, swapped = (
        _checksums({"a": jnp.asarray(x.view(np.float32))}) for x in (words, changed, moved)
    )
    assert flipped != whole
    if (int(words[0, 0]) - int(words[0, 1])) % 2**31:
        assert swapped != whole

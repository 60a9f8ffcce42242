"""experiments.release: a trained model in half the bytes."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.release import release
from tests.unit.small_training import SMALL, parameters
from thfm_jax import checkpoints

MANIFEST = {"trained": True, "steps": 7, "start": "somewhere/here"}


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    for part, arrays in parameters().items():
        checkpoints.save(folder, part, arrays)
    checkpoints.save_config(folder, SMALL, parameters())
    (folder / checkpoints.MANIFEST).write_text(json.dumps(MANIFEST))
    return folder


def test_a_release_is_the_same_model_rounded(model, tmp_path):
    release(model, tmp_path / "small")
    assert checkpoints.load_config(tmp_path / "small") == dataclasses.replace(SMALL, name="small")
    manifest = json.loads((tmp_path / "small" / checkpoints.MANIFEST).read_text())
    assert manifest == {"trained": True, "steps": 7}
    for part, arrays in parameters().items():
        found = checkpoints.restore(tmp_path / "small", part, jax.eval_shape(lambda a=arrays: a))
        rounded = jax.tree.map(lambda x: x.astype(jnp.bfloat16).astype(x.dtype), arrays)
        for leaf, exact, near in zip(*map(jax.tree.leaves, (found, arrays, rounded)), strict=True):
            assert np.array_equal(leaf, exact) or np.array_equal(leaf, near)


def test_it_may_see_fewer_frames_at_a_time(model, tmp_path):
    release(model, tmp_path / "small", length=1)
    assert checkpoints.load_config(tmp_path / "small").clip_frames == 1


def test_no_file_names_a_folder_of_this_machine(model, tmp_path):
    release(model, tmp_path / "small")
    files = [file for file in (tmp_path / "small").rglob("*") if file.is_file()]
    assert not [file for file in files if str(tmp_path).encode() in file.read_bytes()]


def test_the_blocks_take_half_the_bytes(model, tmp_path):
    release(model, tmp_path / "small")
    stored = checkpoints.stored(tmp_path / "small", "dit")
    blocks = [x for path, x in stored.items() if path[0] == "blocks" and path[-1] == "kernel"]
    assert blocks and all(x.dtype == jnp.bfloat16 for x in blocks)


def test_only_a_trained_model_is_released_and_only_to_a_new_folder(model, tmp_path):
    with pytest.raises(ValueError, match="exists: remove it"):
        release(model, model)
    (model / checkpoints.MANIFEST).write_text('{"trained": false}')
    with pytest.raises(ValueError, match="is not trained"):
        release(model, tmp_path / "small")
    with pytest.raises(checkpoints.CheckpointError, match="no model directory"):
        release(tmp_path / "nowhere", tmp_path / "small")

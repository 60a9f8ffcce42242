"""A model directory gives back what was put in, onto any mesh, or says what is wrong with it."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint
import pytest
from flax import nnx

from tests.unit.convert_sources import CONFIG, run_python, write_diffusers
from thfm_jax import checkpoints
from thfm_jax.checkpoints import CheckpointError
from thfm_jax.config import preset
from thfm_jax.convert import load
from thfm_jax.convert.job import convert
from thfm_jax.models.vae import Vae

PARAMS = {
    "blocks": {"q": {"kernel": np.arange(24, dtype=np.float32).reshape(2, 3, 4)}},
    "down": {0: {"scale": np.ones(3, np.float32)}, 10: {"scale": np.zeros(2, np.float32)}},
    "table": np.linspace(0, 1, 5).astype(jnp.bfloat16),
}


@pytest.fixture
def model(tmp_path):
    """A directory with one part, saved by us."""
    checkpoints.save(tmp_path / "model", "dit", PARAMS)
    checkpoints.save_config(tmp_path / "model", preset("tiny"), ["dit"])
    return tmp_path / "model"


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    return write_diffusers(tmp_path_factory.mktemp("released") / "diffusers")


@pytest.fixture(scope="module")
def converted(released):
    convert(released, released.parent / "model")
    return released.parent / "model"


def target_of(tree, dtype=None):
    return jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, dtype or a.dtype), tree)


def test_saved_arrays_come_back_in_the_dtype_asked_for(model):
    restored = checkpoints.restore(model, "dit", target_of(PARAMS))
    jax.tree.map(np.testing.assert_array_equal, restored, PARAMS)
    assert restored["table"].dtype == jnp.bfloat16
    assert sorted(restored["down"]) == [0, 10]
    wide = checkpoints.restore(model, "dit", target_of(PARAMS, jnp.float32))
    assert {a.dtype.name for a in jax.tree.leaves(wide)} == {"float32"}


def test_zeros_are_stored_too(released, converted):
    """A chunk of zeros must not count as missing."""
    source = write_diffusers(released.parent / "zeros")
    (file,) = (source / "vae").glob("diffusion_pytorch_model-00001*")
    data = bytearray(file.read_bytes())
    start = 8 + int.from_bytes(data[:8], "little")
    data[start:] = bytes(len(data) - start)
    file.write_bytes(data)
    convert(source, released.parent / "zero_model", parts=["vae"])
    _, tree = load(source, "vae")
    assert not np.any(tree["encoder"]["conv_in"]["kernel"])
    restored = checkpoints.restore(released.parent / "zero_model", "vae", target_of(tree))
    jax.tree.map(np.testing.assert_array_equal, restored, tree)


def test_a_module_is_restored_from_its_abstract_state(released, converted):
    module = nnx.eval_shape(lambda: Vae(CONFIG.vae, rngs=nnx.Rngs(0)))
    target = nnx.to_pure_dict(nnx.state(module, nnx.Param))
    restored = checkpoints.restore(converted, "vae", target)
    nnx.update(module, restored)
    _, expected = load(released, "vae")
    jax.tree.map(
        np.testing.assert_array_equal, nnx.to_pure_dict(nnx.state(module, nnx.Param)), expected
    )


@pytest.mark.parametrize(
    "reader", [orbax.checkpoint.PyTreeCheckpointer, orbax.checkpoint.StandardCheckpointer]
)
def test_plain_orbax_reads_a_converted_part(released, converted, reader):
    _, expected = load(released, "text_encoder")
    tree = reader().restore(converted / "text_encoder" / "state")
    jax.tree.map(np.testing.assert_array_equal, tree, expected)


ON_A_MESH = """
import sys
import jax, numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec as P
from thfm_jax import checkpoints
from thfm_jax.convert import load
source, model = sys.argv[1:]
mesh = jax.make_mesh((8,), ("x",), axis_types=(AxisType.Auto,))

def leaf(array):
    divisible = [axis for axis, n in enumerate(array.shape) if n % 8 == 0]
    names = [None] * array.ndim
    if divisible:
        names[divisible[-1]] = "x"
    return jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=NamedSharding(mesh, P(*names)))

_, whole = load(source, "dit")
target = jax.tree.map(leaf, whole)
spread = checkpoints.restore(model, "dit", target)
checkpoints.save(model + "_again", "dit", spread)
checkpoints.save_config(model + "_again", checkpoints.load_config(model), ["dit"])
again = checkpoints.restore(model + "_again", "dit", target)
for one, two, three, wanted in zip(*map(jax.tree.leaves, (whole, spread, again, target))):
    assert two.sharding == three.sharding == wanted.sharding
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(one, three)
"""


def test_restores_onto_a_mesh_and_saves_from_it(released, converted):
    process = run_python(ON_A_MESH, released, converted, devices=8)
    assert process.returncode == 0, process.stderr


def test_slices_are_read_from_what_we_save_and_what_we_convert(model, released, converted):
    kernel = checkpoints.open_array(model, "dit", ("blocks", "q", "kernel"))
    np.testing.assert_array_equal(kernel[1].read().result(), PARAMS["blocks"]["q"]["kernel"][1])
    table = checkpoints.open_array(model, "dit", ("table",)).read().result()
    assert table.dtype == jnp.bfloat16
    np.testing.assert_array_equal(table, PARAMS["table"])
    _, tree = load(released, "dit")
    stored = checkpoints.open_array(converted, "dit", ("blocks", "ffn", "up", "kernel"))
    np.testing.assert_array_equal(
        stored[1, :, 3:5].read().result(), tree["blocks"]["ffn"]["up"]["kernel"][1, :, 3:5]
    )


def test_differences_from_the_model_are_named(model):
    target = target_of(PARAMS)
    del target["table"]
    target["extra"] = {"bias": jax.ShapeDtypeStruct((1,), jnp.float32)}
    target["down"][0]["scale"] = jax.ShapeDtypeStruct((4,), jnp.float32)
    with pytest.raises(CheckpointError) as error:
        checkpoints.restore(model, "dit", target)
    assert "down.0.scale is stored as (3,), the model has (4,)" in str(error.value)
    assert "extra.bias is not stored" in str(error.value)
    assert "table is not in the model" in str(error.value)


def test_config_json_is_the_configuration(model, tmp_path):
    assert checkpoints.load_config(model) == preset("tiny")
    entries = json.loads((model / "config.json").read_text())
    assert {"name", "dit", "timestep"} <= set(entries)
    assert not {"vae", "text", "sparse"} & set(entries)
    (model / "config.json").write_text(json.dumps({**entries, "timestep": 250.0}))
    assert checkpoints.load_config(model).timestep == 250.0
    (model / "config.json").write_text(json.dumps({**entries, "dit": {"layers": 1, "depth": 2}}))
    with pytest.raises(CheckpointError, match="DitConfig has no field depth"):
        checkpoints.load_config(model)


def test_absent_parts_follow_those_that_are_there(tmp_path):
    checkpoints.save_config(tmp_path, CONFIG, ["dit"])
    config = checkpoints.load_config(tmp_path)
    assert config.dit == CONFIG.dit
    assert (config.text.dim, config.text.layers) == (CONFIG.dit.text_dim, 24)
    checkpoints.save_config(tmp_path, CONFIG, ["text_encoder"])
    config = checkpoints.load_config(tmp_path)
    assert config.text == CONFIG.text
    assert (config.dit.text_dim, config.dit.layers) == (CONFIG.text.dim, 30)


def test_what_is_no_model_is_refused(model, tmp_path):
    with pytest.raises(CheckpointError, match="there is no model directory"):
        checkpoints.load_config(tmp_path / "nowhere")
    (tmp_path / "begun.partial").mkdir()
    with pytest.raises(CheckpointError, match=r"begun\.partial is an unfinished conversion"):
        checkpoints.load_config(tmp_path / "begun")
    with pytest.raises(CheckpointError, match="is unfinished: run the same conversion again"):
        checkpoints.load_config(tmp_path / "begun.partial")
    with pytest.raises(CheckpointError, match=r"has no config\.json"):
        checkpoints.load_config(tmp_path)
    with pytest.raises(CheckpointError, match="has no vae; it holds dit"):
        checkpoints.restore(model, "vae", {})
    with pytest.raises(CheckpointError, match="no part 'vea'; there are dit, vae"):
        checkpoints.restore(model, "vea", {})


def test_a_part_is_not_written_twice(model):
    with pytest.raises(CheckpointError, match="exists already; remove it"):
        checkpoints.save(model, "dit", PARAMS)
    assert checkpoints.present_parts(model) == ("dit",)
    checkpoints.save(model, "sparse", {"tokens": jnp.ones((2, 3))})
    assert checkpoints.present_parts(model) == ("dit", "sparse")

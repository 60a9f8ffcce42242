"""Parameters, what follows them, and activations are split as the rules say."""

import math
from types import SimpleNamespace

import jax
import numpy as np
import optax
import pytest
from flax import nnx
from jax.sharding import AbstractMesh, AxisType, PartitionSpec

from thfm_jax import sharding
from thfm_jax.config import preset
from thfm_jax.models.dit import Dit
from thfm_jax.ops.parallel_attention import cross_attention


def mesh_of(**sizes) -> AbstractMesh:
    shape = tuple(sizes.get(axis, 1) for axis in sharding.AXES)
    return AbstractMesh(shape, sharding.AXES, axis_types=(AxisType.Auto,) * 4)


@pytest.mark.parametrize("name", ["wan_1_3b", "wan_14b"])
def test_no_device_holds_more_than_its_share(name):
    """fsdp 4 x tensor 2: what is not split eight ways, the small arrays, adds two per cent."""
    mesh = mesh_of(fsdp=4, tensor=2)
    state = nnx.state(nnx.eval_shape(lambda: Dit(preset(name).dit, rngs=nnx.Rngs(0))))
    total = held = 0
    for path, leaf in nnx.to_flat_state(state):
        split = sharding.parameter_sharding(path, leaf.shape, mesh)
        total += leaf.size
        held += math.prod(split.shard_shape(leaf.shape))
    assert held < total / 8 * 1.02


def test_queries_split_by_heads_and_outputs_gather_them():
    mesh = mesh_of(fsdp=2, tensor=2)
    path = ("blocks", "self_attention", "q", "kernel")
    spec = sharding.parameter_spec(path, (30, 1536, 1536), mesh)
    assert spec == PartitionSpec(None, ("fsdp", "sequence"), "tensor")
    spec = sharding.parameter_spec((*path[:2], "o", "kernel"), (30, 1536, 1536), mesh)
    assert spec == PartitionSpec(None, "tensor", ("fsdp", "sequence"))


def test_adapters_are_split_as_their_matrix():
    mesh, path = mesh_of(fsdp=2, tensor=2), ("dit", "blocks", "self_attention", "o")
    spec = sharding.parameter_spec((*path, "lora_a"), (30, 1536, 32), mesh)
    assert spec == PartitionSpec(None, "tensor", None)
    spec = sharding.parameter_spec((*path, "lora_b"), (30, 32, 1536), mesh)
    assert spec == PartitionSpec(None, None, ("fsdp", "sequence"))


def test_what_does_not_divide_stays_whole():
    path = ("blocks", "ffn", "up", "kernel")
    spec = sharding.parameter_spec(path, (2, 30, 64), mesh_of(fsdp=4, tensor=2))
    assert spec == PartitionSpec(None, "sequence", "tensor")


def test_a_mesh_that_does_not_multiply_up():
    with pytest.raises(ValueError, match="a mesh of data 1, fsdp 3, tensor 1, sequence 1 needs 3"):
        sharding.make_mesh(fsdp=3, devices=jax.devices()[:1])


def test_space_takes_what_the_batch_leaves():
    mesh, axes = mesh_of(data=2, fsdp=4, sequence=2), ("batch", None, "height", "width")
    one_clip = sharding.spec_of(axes, (1, 12, 60, 80), mesh)
    assert one_clip[3] == ("sequence", "tensor", "fsdp", "data")
    narrow = sharding.spec_of(axes, (1, 12, 60, 82), mesh)
    assert narrow[2:] == ("fsdp", ("sequence", "tensor"))
    full = sharding.spec_of(axes, (8, 12, 60, 80), mesh)
    assert full[0] == ("data", "fsdp")
    assert full[2:] == (None, ("sequence", "tensor"))


def test_moments_and_averages_lie_as_their_parameters():
    mesh = sharding.make_mesh(devices=jax.devices()[:1])
    state = nnx.state(nnx.eval_shape(lambda: Dit(preset("tiny").dit, rngs=nnx.Rngs(0))))
    expected = sharding.state_sharding(state, mesh)
    split = expected["blocks"]["ffn"]["up"]["kernel"].get_value()
    assert split.spec == PartitionSpec(None, ("fsdp", "sequence"), "tensor")
    adam = jax.eval_shape(optax.chain(optax.clip(1.0), optax.adamw(1e-3)).init, state)
    moments = sharding.state_sharding(adam, mesh)[1][0]
    assert moments.count.spec == PartitionSpec()
    for tree in (moments.mu, moments.nu):
        assert jax.tree.leaves(tree) == jax.tree.leaves(expected)
    average = sharding.state_sharding({"ema": nnx.to_pure_dict(state)}, mesh)
    assert jax.tree.leaves(average) == jax.tree.leaves(expected)


def test_a_batch_that_does_not_divide():
    mesh = mesh_of(data=2, fsdp=4)
    with pytest.raises(ValueError, match="a batch of 6 clips does not divide over data 2 x fsdp 4"):
        sharding.batch_sharding(mesh, 6)


def test_heads_that_do_not_divide():
    q = jax.ShapeDtypeStruct((1, 6, 3, 8), np.float32)
    mesh = mesh_of(tensor=2)
    with (
        jax.sharding.use_abstract_mesh(mesh),
        pytest.raises(ValueError, match="3 heads do not divide over tensor 2"),
    ):
        jax.eval_shape(lambda q: cross_attention(q, q, q), q)


def test_slices_share_the_data_axis():
    devices = [SimpleNamespace(platform="tpu", slice_index=i // 4) for i in range(8)]
    with pytest.raises(ValueError, match="2 slices need a data axis that they divide, not 1"):
        sharding.make_mesh(fsdp=8, devices=devices)


def test_without_a_mesh_nothing_is_split():
    x = jax.ShapeDtypeStruct((2, 3), np.float32)
    assert not jax.make_jaxpr(lambda x: sharding.constrain(x, "batch"))(x).eqns


def mesh_of_processes(processes, **sizes):
    """What `batch_share` needs of a mesh: eight devices, of the given processes."""
    devices = np.array([SimpleNamespace(process_index=i) for i in processes])
    shape = mesh_of(**sizes).shape
    return SimpleNamespace(shape=shape, devices=devices.reshape(*shape.values()))


def test_processes_that_share_clips_load_the_same():
    two, four = [0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 2, 2, 3, 3]
    apart = mesh_of_processes(two, fsdp=8)
    assert [sharding.batch_share(apart, i) for i in (0, 1)] == [(0, 2), (1, 2)]
    pairs = mesh_of_processes(four, data=2, sequence=4)
    shares = [sharding.batch_share(pairs, i) for i in range(4)]
    assert shares == [(0, 2), (0, 2), (1, 2), (1, 2)]
    together = mesh_of_processes(four, sequence=8)
    assert sharding.batch_share(together, 3) == (0, 1)
    with pytest.raises(ValueError, match="some processes share a part of their clips"):
        sharding.batch_share(mesh_of_processes([0, 0, 0, 1, 1, 1, 2, 2], fsdp=4, sequence=2), 0)

"""FLOPs of traced programs: every repetition counts."""

import jax
import jax.numpy as jnp
import pytest
from flax import nnx
from jax.sharding import PartitionSpec

from thfm_jax import flops, jaxpr_flops
from thfm_jax.config import Compute, preset
from thfm_jax.models.dit import Dit
from thfm_jax.ops.attention import splash
from thfm_jax.ops.rope import grid_positions, rope_table

X = jax.ShapeDtypeStruct((8, 16), jnp.float32)
SQUARE = jax.ShapeDtypeStruct((16, 16), jnp.float32)
PRODUCT = 2 * 8 * 16 * 16


def count(function, *args, **options) -> int:
    return jaxpr_flops.count(jax.jit(function).trace(*args).jaxpr, **options)


def test_a_product_and_its_gradient():
    assert count(lambda x, w: x @ w, X, SQUARE) == PRODUCT
    loss = lambda x, w: jnp.sum(jnp.sin(x @ w))
    assert count(jax.grad(loss, argnums=(0, 1)), X, SQUARE) == 3 * PRODUCT


def test_loops_and_conditions():
    scan = lambda x, w: jax.lax.scan(lambda x, _: (x @ w, None), x, None, length=5)[0]
    assert count(scan, X, SQUARE) == 5 * PRODUCT
    loop = lambda n, x, w: jax.lax.fori_loop(0, n, lambda _, x: x @ w, x)
    turns = jax.ShapeDtypeStruct((), jnp.int32)
    assert count(loop, turns, X, SQUARE, turns=7) == 7 * PRODUCT
    branch = lambda n, x, w: jax.lax.cond(n > 0, lambda x: x @ w, lambda x: x, x)
    assert count(branch, turns, X, SQUARE) == PRODUCT


def test_each_device_of_a_mesh_counts():
    mesh = jax.sharding.AbstractMesh(
        (1, 2, 2, 1), ("data", "fsdp", "tensor", "sequence"),
        axis_types=(jax.sharding.AxisType.Auto,) * 4,
    )  # fmt: skip
    rows = PartitionSpec("fsdp")
    product = jax.shard_map(
        lambda x, w: x @ w, mesh=mesh, in_specs=(rows, PartitionSpec()), out_specs=rows,
        check_vma=False,
    )  # fmt: skip
    # Split over fsdp, but done twice, by both devices of the tensor axis.
    assert count(product, X, SQUARE) == 2 * PRODUCT


def test_a_kernel_counts_every_block():
    q = jax.ShapeDtypeStruct((2, 256, 3, 128), jnp.float32)
    counted = count(lambda q: splash(q, q, q, block=128), q)
    assert counted == 2 * 3 * 2 * 2 * 256 * 256 * 128


@pytest.mark.parametrize("remat, passes", [("none", 3), ("full", 4)])
def test_recomputation_counts(remat, passes):
    config, grid = preset("tiny").dit, (2, 4, 6)
    graph, state = nnx.split(
        nnx.eval_shape(lambda: Dit(config, Compute(remat=remat), rngs=nnx.Rngs(0)))
    )
    rope = rope_table(grid_positions(grid), config.head_dim)
    conditioning = jax.eval_shape(
        lambda state, text: nnx.merge(graph, state).condition(jnp.zeros(1), text),
        state,
        jax.ShapeDtypeStruct((1, 8, config.text_dim), jnp.float32),
    )

    def loss(state, x, conditioning):
        return jnp.sum(nnx.merge(graph, state).trunk(x, conditioning, rope))

    x = jax.ShapeDtypeStruct((1, 48, config.dim), jnp.float32)
    forward = flops.dit_blocks(config, 48, 8)
    # Of the text's keys and values neither the forward pass nor their gradient is in `loss`.
    assert count(loss, state, x, conditioning) == forward
    ratio = count(jax.grad(loss, argnums=(0, 1, 2)), state, x, conditioning) / forward
    assert ratio == pytest.approx(passes, rel=0.02)

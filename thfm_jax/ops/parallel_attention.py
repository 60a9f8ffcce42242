"""Attention of arrays that lie split over the ambient mesh: batch, tokens and heads.

Each device runs `ops.attention.attention` on what it holds, in `shard_map`, so that kernels which
XLA cannot split (Pallas, cuDNN) see local arrays. Without a mesh these are plain attention.
"""

import functools

import jax
from jax.sharding import PartitionSpec
from jaxtyping import Array, Float

from thfm_jax import sharding
from thfm_jax.ops.attention import attention

_LOCAL = "batch", "tokens", "heads", None
_SHARED = "batch", None, "heads", None  # every device of the sequence axis has all of the tokens


def self_attention(
    q: Float[Array, "B S heads hd"],
    k: Float[Array, "B S heads hd"],
    v: Float[Array, "B S heads hd"],
    count: int,
    implementation: str = "auto",
) -> Float[Array, "B S heads hd"]:
    """Attention of tokens to the first `count` of them; those behind it only pad S to a multiple.

    Tokens that are split over the sequence axis are exchanged for heads, so that each device sees
    all tokens of some heads (all-to-all, arXiv:2309.14509); where the heads do not divide, every
    device gathers all keys and values. Raises ValueError where S or the heads cannot be split.
    """
    run = functools.partial(_self_attention, count=count, implementation=implementation)
    mesh = sharding.ambient_mesh()
    if mesh is None:
        return run(q, k, v, ways=1)
    _check(q, mesh)
    spec = sharding.spec_of(_LOCAL, q.shape, mesh)
    return _mapped(functools.partial(run, ways=mesh.shape["sequence"]), (spec,) * 3)(q, k, v)


def cross_attention(
    q: Float[Array, "B S heads hd"],
    k: Float[Array, "B T heads hd"],
    v: Float[Array, "B T heads hd"],
    bias: Float[Array, "B T"] | None = None,
    implementation: str = "auto",
) -> Float[Array, "B S heads hd"]:
    """Attention of split tokens to keys that every device has all of: nothing is exchanged."""
    mesh = sharding.ambient_mesh()
    if mesh is None:
        return attention(q, k, v, bias, implementation)
    _check(q, mesh)
    queries = sharding.spec_of(_LOCAL, q.shape, mesh)
    # An axis of one device that a spec leaves out would still cost a sum over it in the gradient.
    one = mesh.shape["sequence"] == 1
    keys = queries if one else sharding.spec_of(_SHARED, q.shape, mesh)
    specs = queries, keys, keys, PartitionSpec(*keys[:2])
    run = lambda q, k, v, bias: attention(q, k, v, bias, implementation)
    return _mapped(run, specs)(q, k, v, bias)


def _self_attention(q, k, v, *, ways: int, count: int, implementation: str):
    """On one device: its share of the tokens of its share of the heads."""
    by_heads = ways > 1 and q.shape[2] % ways == 0
    exchange = functools.partial(jax.lax.all_to_all, axis_name="sequence", tiled=True)
    if by_heads:
        q, k, v = (exchange(x, split_axis=2, concat_axis=1) for x in (q, k, v))
    elif ways > 1:
        k, v = (jax.lax.all_gather(x, "sequence", axis=1, tiled=True) for x in (k, v))
    out = attention(q, k[:, :count], v[:, :count], implementation=implementation)
    return exchange(out, split_axis=1, concat_axis=2) if by_heads else out


def _mapped(run, in_specs):
    # Kernels do not say over which axes their results vary, so that cannot be checked.
    return jax.shard_map(run, in_specs=in_specs, out_specs=in_specs[0], check_vma=False)


def _check(q, mesh) -> None:
    _, S, heads, _ = q.shape
    for size, name, axis in ((S, "tokens", "sequence"), (heads, "heads", "tensor")):
        if size % mesh.shape[axis]:
            raise ValueError(f"{size} {name} do not divide over {axis} {mesh.shape[axis]}")

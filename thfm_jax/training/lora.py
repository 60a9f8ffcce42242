"""Low-rank adapters: a few parameters beside each matrix of the trunk, which itself stays fixed.

Hu et al., "LoRA: low-rank adaptation of large language models", 2021. An adapted matrix is
W + (alpha / rank) * A B with A [in, rank] random and B [rank, out] zero at the start, so that the
model begins as it was. Adapters lie beside the kernel in the parameters, as "lora_a" and "lora_b".
"""

import dataclasses
import functools
import re
import zlib
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from flax.traverse_util import flatten_dict, unflatten_dict

from thfm_jax.types import Array, Pytree

A, B = "lora_a", "lora_b"


@dataclasses.dataclass(frozen=True)
class LoraConfig:
    """Which matrices get adapters, and of what rank.

    Attributes:
      rank: of the change of a matrix.
      alpha: the change is scaled by alpha / rank.
      targets: regular expression on the path of a kernel, "dit/blocks/ffn/up/kernel".
    """

    rank: int = 32
    alpha: float = 32.0
    targets: str = r"^dit/blocks/.*(attention/[qkvo]|ffn/(up|down))/kernel$"

    def __post_init__(self):
        if self.rank < 1:
            raise ValueError(f"the rank of an adapter is at least 1, not {self.rank}")

    @property
    def scale(self) -> float:
        return self.alpha / self.rank


def add(params: Pytree, config: LoraConfig, key: Array) -> Pytree:
    """`params` with adapters; ValueError where the pattern finds no matrix."""
    flat = flatten_dict(params)
    chosen = [path for path in flat if re.search(config.targets, "/".join(map(str, path)))]
    if not chosen:
        raise ValueError(f"lora: no matrix is called {config.targets!r}")
    for path in chosen:
        *stack, rows, columns = flat[path].shape
        # By name, so that the same adapter starts alike whichever others there are.
        own = jax.random.fold_in(key, zlib.crc32("/".join(map(str, path)).encode()))
        noise = jax.random.normal(own, (*stack, rows, config.rank), jnp.float32)
        flat[(*path[:-1], A)] = noise / rows**0.5
        flat[(*path[:-1], B)] = jnp.zeros((*stack, config.rank, columns), jnp.float32)
    return unflatten_dict(flat)


def merge(params: Pytree, config: LoraConfig) -> Pytree:
    """`params` without adapters, their changes added to the matrices."""
    flat = flatten_dict(params)
    for path in [path for path in flat if path[-1] == A]:
        a, b, kernel = flat.pop(path), flat.pop((*path[:-1], B)), (*path[:-1], "kernel")
        change = jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)
        flat[kernel] = (flat[kernel] + config.scale * change).astype(flat[kernel].dtype)
    return unflatten_dict(flat)


def attach(model: nnx.Module, params: Pytree, config: LoraConfig) -> None:
    """Gives the modules of `model` the adapters that `params` has besides."""
    for path, leaf in flatten_dict(params).items():
        if path[-1] in (A, B):
            module: Any = functools.reduce(getattr, path[:-1], model)
            setattr(module, path[-1], nnx.Param(leaf))
            module.adapter_scale = config.scale


def frozen_besides(config: LoraConfig) -> tuple[str, ...]:
    """Patterns of what stays fixed while adapters are trained: all of the trunk but them."""
    return (rf"^dit/(?!.*/({A}|{B})$)",)

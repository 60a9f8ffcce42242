"""Everything that a training carries from step to step."""

import re
from collections.abc import Sequence
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import optax
from flax.traverse_util import flatten_dict, unflatten_dict

from thfm_jax.training.optimizer import path_name
from thfm_jax.types import Array, Pytree


@flax.struct.dataclass
class TrainState:
    """The state of a training.

    Attributes:
      step: [] int32, optimiser steps done.
      trained: nested dict of the float32 parameters that are trained.
      frozen: nested dict of the others, which share no leaf with `trained`.
      optimizer: state of the optimiser, about `trained`.
      average: exponential moving average of `trained`; None where there is none.
      key: raw data of the key that all random numbers of a step come from, with the step's number.
      skipped: [] int32, steps left out because a loss or gradient was not finite.
    """

    step: Array
    trained: Pytree
    frozen: Pytree
    optimizer: Any
    average: Pytree | None
    key: Array
    skipped: Array

    @property
    def params(self) -> Pytree:
        """All parameters, as they are trained."""
        return join(self.trained, self.frozen)

    @property
    def averaged_params(self) -> Pytree:
        """All parameters, the trained ones averaged: those to evaluate and to keep."""
        return join(self.trained if self.average is None else self.average, self.frozen)


def init_state(
    params: Pytree,
    frozen: Sequence[str],
    optimizer: optax.GradientTransformation,
    key: Array,
    average: bool,
) -> TrainState:
    """A state at step 0.

    Args:
      params: nested dict of all parameters.
      frozen: regular expressions; a parameter whose path one of them finds is not trained.
      optimizer: its state is made for the others.
      key: typed key.
      average: whether to keep a moving average.
    """
    trained, rest = partition(params, frozen)
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        trained=trained,
        frozen=rest,
        optimizer=optimizer.init(trained),
        # A copy: the step gives its arguments' memory away, so no two of them may be one.
        average=jax.tree.map(jnp.copy, trained) if average else None,
        key=jax.random.key_data(key),
        skipped=jnp.zeros((), jnp.int32),
    )


def partition(params: Pytree, frozen: Sequence[str]) -> tuple[Pytree, Pytree]:
    """(trained, frozen) of nested dicts; ValueError for a pattern that finds nothing."""
    flat = flatten_dict(params)
    names = {path: "/".join(map(str, path)) for path in flat}
    for pattern in frozen:
        if not any(re.search(pattern, name) for name in names.values()):
            raise ValueError(f"frozen: no parameter is called {pattern!r}")
    fixed = {path for path, name in names.items() if any(re.search(p, name) for p in frozen)}
    if len(fixed) == len(flat):
        raise ValueError("all parameters are frozen: there is nothing to train")
    return (
        unflatten_dict({path: leaf for path, leaf in flat.items() if path not in fixed}),
        unflatten_dict({path: leaf for path, leaf in flat.items() if path in fixed}),
    )


def join(trained: Pytree, frozen: Pytree) -> Pytree:
    """The inverse of `partition`."""
    return unflatten_dict({**flatten_dict(trained), **flatten_dict(frozen)})


def move_average(average: Pytree, params: Pytree, decay: float, step: Array) -> Pytree:
    """The moving average after `step` steps; it follows faster at first, when all is noise."""
    rate = jnp.minimum(decay, (1.0 + step) / (10.0 + step))
    return jax.tree.map(lambda a, p: rate * a + (1 - rate) * p, average, params)


def is_matrix(path: tuple) -> bool:
    """Whether a parameter is held in the dtype of the matmuls while it is computed with."""
    name = path_name(path)
    wide = re.search(r"(^|/)(head|time_embedding|time_projection|sparse)/", name)
    return name.endswith("/kernel") and not wide

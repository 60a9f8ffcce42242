"""The train step that `experiments.benchmark` measures: the recipe's own, on one device.

Full fine-tuning in the latent stage with AdamW and a moving average. Every clip gives a row of one
dense task, so that each step is worth the same FLOPs. Weights and clips are random.
"""

import time
from typing import Any

import jax
import jax.numpy as jnp

from thfm_jax import programs
from thfm_jax.config import Compute, preset
from thfm_jax.data.loader import Bucket, LoaderConfig
from thfm_jax.data.sources import SourceConfig
from thfm_jax.sharding import make_mesh
from thfm_jax.training.cost import StepCost
from thfm_jax.training.recipe import Recipe
from thfm_jax.training.start import random_part
from thfm_jax.training.state import partition
from thfm_jax.training.step import Objective
from thfm_jax.types import Batch, Clip

Size = tuple[int, int, int, int]  # frames, height, width, clips

TASK = "normals"
_WEIGHT = 0.02  # weights are uniform in [-_WEIGHT, _WEIGHT]


class TrainStep:
    """A compiled step with its state, which each run takes on to the next."""

    def __init__(self, model: str, compute: Compute, size: Size):
        mesh = make_mesh(devices=jax.devices()[:1])
        program = programs.train_step(recipe(model, compute), Bucket(*size), mesh)
        self._state, *self._rest = _filled(program.args)
        start = time.perf_counter()
        self._step = program.function.lower(self._state, *self._rest).compile()
        self._compile_seconds = time.perf_counter() - start
        self._figures: dict[str, jax.Array] = {}

    def __call__(self) -> None:
        self._state, self._figures = self._step(self._state, *self._rest)
        jax.block_until_ready(self._figures)

    def facts(self) -> dict[str, Any]:
        device = jax.devices()[0]
        return {
            "device": device.device_kind,
            "compile_seconds": self._compile_seconds,
            "peak_device_bytes": (device.memory_stats() or {}).get("peak_bytes_in_use"),
            "loss": float(self._figures["loss"]),
            "rows": float(self._figures[f"{TASK}/rows"]),
        }


def recipe(model: str, compute: Compute) -> Recipe:
    """What is trained, but for data."""
    return Recipe(
        model=model,
        objective=Objective(tasks={TASK: 1.0}),
        compute=compute,
        loader=LoaderConfig(sources=(SourceConfig("live"),), tasks=(TASK,)),
    )


def worth(model: str, compute: Compute, size: Size) -> int:
    """FLOPs that a step needs: see `training.cost`. Touches no device."""
    given, config = recipe(model, compute), preset(model)
    params = jax.eval_shape(
        lambda: {part: random_part(config, part, jax.random.key(0)) for part in given.parts}
    )
    trained, _ = partition(params, given.fixed)
    *shape, clips = size
    frames: Any = jax.ShapeDtypeStruct((clips, *shape, 3), jnp.uint8)
    batch = Batch(Clip(frames, jnp.float32(24)), {})
    cost = StepCost(given, config, trained, programs.PROMPT_TOKENS + 1, 1)
    return round(cost(batch, {f"{TASK}/rows": clips}))


@jax.jit
def _numbers():
    return jax.random.uniform(jax.random.key(0), (1_000_003,))


def _filled(args: tuple) -> list:
    """Arrays for abstract ones: weights about 0, an optimiser that has seen nothing, and a batch
    whose labels are all known."""

    def leaf(path, x):
        which, name = path[0].idx, getattr(path[1], "name", "")
        if which == 0 and name not in ("trained", "frozen", "average"):
            return jnp.zeros(x.shape, x.dtype)
        if x.dtype == bool:
            return jnp.ones(x.shape, bool)
        if which == 2 and name == "lengths":
            return jnp.full(x.shape, programs.PROMPT_TOKENS, x.dtype)
        values = jnp.resize(_numbers(), x.shape)
        if which == 0:
            values = _WEIGHT * (2 * values - 1)
        return (255 * values if x.dtype == jnp.uint8 else values).astype(x.dtype)

    make = lambda: jax.tree_util.tree_map_with_path(leaf, args)
    shardings = jax.tree.map(lambda x: x.sharding, args)
    return list(jax.jit(make, out_shardings=shardings)())

"""What `experiments.benchmark` measures of the training loop, with a step that only takes time."""

import dataclasses
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from thfm_jax.config import ThfmConfig
from thfm_jax.data import examples
from thfm_jax.sharding import make_mesh
from thfm_jax.training import loop
from thfm_jax.training.log import METRICS
from thfm_jax.training.optimizer import OptimizerConfig, make_optimizer
from thfm_jax.training.placing import place
from thfm_jax.training.recipe import Every
from thfm_jax.training.start import random_part
from thfm_jax.training.state import TrainState, init_state
from thfm_jax.types import Batch, Clip, Target

CLIPS, SHAPE = 4, examples.Shape(17, 64, 64)
FIGURES = 30  # of a step, about as many as of a real one
NUMBERS = 4096  # that the step adds up again and again
WARM_UP = 20  # steps
BAR_MILLISECONDS = 50  # steps from which on the loop has a bar
_PARTS = ("dit", "vae", "sparse")


class NullLoop:
    """A step of some milliseconds, alone and in the loop; a call runs one after the other.

    The state has the arrays of a model's training, each of one number, and the loader always has a
    batch ready; the loop logs every tenth step.
    """

    def __init__(self, config: ThfmConfig, milliseconds: float, steps: int):
        self._steps = WARM_UP + steps
        self._mesh = make_mesh(data=jax.device_count())
        self._state, self._batch = _state(config), _batch()
        self._step = jax.jit(_null_step, donate_argnums=0)
        self._turns = self._calibrated(milliseconds)
        self._alone: list[float] = []
        self._looped: list[float] = []
        self._waits: list[float] = []

    def __call__(self) -> None:
        self._alone.append(self._run_alone(self._steps))
        self._looped.append(self._run_loop())

    def facts(self) -> dict[str, Any]:
        """Seconds of a step alone and in the loop, by run, and the loop's share of input wait."""
        return {
            "device": jax.devices()[0].device_kind,
            "step_seconds": self._alone,
            "loop_seconds": self._looped,
            "input_wait_share": statistics.median(self._waits),
        }

    def _fresh(self) -> TrainState:
        """A state at step 0, whose memory may be given away."""
        return jax.tree.map(jnp.copy, self._state)

    def _run_alone(self, steps: int) -> float:
        """Seconds of a step, many being given to the device at once."""
        state, batch = self._fresh(), place(self._batch, self._mesh)
        for step in range(steps):
            if step == WARM_UP:
                jax.block_until_ready(state)
                start = time.perf_counter()
            state, _ = self._step(state, batch, self._turns)
        jax.block_until_ready(state)
        return (time.perf_counter() - start) / (steps - WARM_UP)

    def _run_loop(self) -> float:
        """Seconds of a step in the loop, without its start and the saving at its end."""
        times = {}
        hooks = loop.Hooks(progress=lambda step, _: times.update({step: time.perf_counter()}))
        step = lambda state, batch: self._step(state, batch, self._turns)
        every = Every(log=10, save=0, evaluate=0, pictures=0)
        with tempfile.TemporaryDirectory() as folder:
            workdir, given = Path(folder), (self._mesh, Path(folder), self._steps, every)
            loop.run(self._fresh(), step, _Ready(self._batch), *given, hooks=hooks)
            lines = (workdir / METRICS).read_text().splitlines()
        self._waits += [json.loads(line)["input_wait_share"] for line in lines[WARM_UP // 10 :]]
        return (times[self._steps] - times[WARM_UP]) / (self._steps - WARM_UP)

    def _calibrated(self, milliseconds: float) -> jax.Array:
        """Turns of the step's loop that take that long."""
        self._turns = jnp.int32(1000)
        self._run_alone(2 * WARM_UP)  # compiles
        for _ in range(4):
            seconds = self._run_alone(2 * WARM_UP)
            factor = min(1e-3 * milliseconds / seconds, 100)
            self._turns = jnp.int32(factor * int(self._turns))
        return self._turns


class _Ready:
    """A loader whose next batch is there."""

    def __init__(self, batch: Batch):
        self._batch = batch

    def __next__(self) -> Batch:
        return self._batch

    def get_state(self) -> dict[str, Any]:
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes nowhere."""


def _null_step(state: TrainState, batch: Batch, turns: jax.Array):
    """The next state, and figures that are there after so many dependent sums."""
    # Of a few thousand numbers: less than that XLA does at once, while the host waits, and for more
    # it would take the host's core as well.
    start = jnp.full(NUMBERS, 1 + 0 * batch.clip.fps.sum())
    value = jax.lax.fori_loop(0, turns, lambda _, x: 0.999 * x + 0.001, start).mean()
    figures = {f"figure_{n}": value + n for n in range(FIGURES)}
    figures |= {"loss": value, "gradient_norm": value, "fine": jnp.ones(())}
    # The key follows too, so that the next step has to wait for this one.
    key = state.key + (value * 0).astype(state.key.dtype)
    return dataclasses.replace(state, step=state.step + 1, key=key), figures


def _state(config: ThfmConfig) -> TrainState:
    """As the training of a model has it, but every array of one number."""
    make = lambda: {part: random_part(config, part, jax.random.key(0)) for part in _PARTS}
    params = jax.tree.map(lambda _: jnp.zeros(()), jax.eval_shape(make))
    optimizer = make_optimizer(OptimizerConfig(), 1000)
    return init_state(params, ("^vae/",), optimizer, jax.random.key(0), average=True)


def _batch() -> Batch:
    stack = examples.Stack.empty(CLIPS, SHAPE)
    pairs: dict[str, Any] = {task: make(stack) for task, make in examples.TARGETS.items()}
    arrays: Any = stack.rgb, stack.fps, stack.recorded, stack.intrinsics
    return Batch(Clip(*arrays), {task: Target(*pair) for task, pair in pairs.items()})

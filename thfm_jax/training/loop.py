"""The loop: restore, step, log, evaluate, save; until the last step, a signal, or a failure.

The host works one step behind the devices: while they compute step n it fetches the batch of step
n + 1 and reads the figures of step n - 1, so that neither waits for the other.
"""

import dataclasses
import pickle
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import jax
import numpy as np
from absl import logging
from jax.experimental import multihost_utils
from jax.sharding import Mesh

from thfm_jax.sharding import batch_share
from thfm_jax.training.checkpoint import Checkpoints, Resumed
from thfm_jax.training.log import Log
from thfm_jax.training.meter import Meter
from thfm_jax.training.placing import place
from thfm_jax.training.recipe import Every
from thfm_jax.training.state import TrainState
from thfm_jax.types import Batch, Pytree

PROFILE = "profile"  # a file of this name in the working directory asks for a profile
PROFILED_STEPS = 5


class TrainingError(RuntimeError):
    """The training cannot go on; the message says at which step, and where to look."""


class Batches(Protocol):
    """What the loop needs of a loader."""

    def __next__(self) -> Batch: ...
    def get_state(self) -> dict[str, Any]: ...
    def set_state(self, state: dict[str, Any]) -> None: ...


@dataclasses.dataclass
class Hooks:
    """What the loop calls now and then.

    Attributes:
      evaluate: state -> figures; None for no evaluation.
      pictures: state -> name -> RGB picture [H, W, 3] uint8; None for none.
      progress: called after each step with its number and figures as they get known, among them
        "clips_per_second".
      flops: (this process's share of a batch, figures of its step) -> FLOPs that the step was worth
        on all devices together; None where unknown.
      peak_flops: of all devices together in a second; None where unknown.
    """

    evaluate: Callable[[TrainState], dict[str, float]] | None = None
    pictures: Callable[[TrainState], dict[str, np.ndarray]] | None = None
    progress: Callable[[int, dict[str, float]], None] | None = None
    flops: Callable[[Batch, dict[str, float]], float] | None = None
    peak_flops: float | None = None


@dataclasses.dataclass(frozen=True)
class Limits:
    """When a training gives up: see `recipe.Recipe`."""

    worst_loss: float = float("inf")
    failures: int = 10


def run(
    state: TrainState,
    step_fn: Callable[[TrainState, Batch], tuple[TrainState, dict[str, jax.Array]]],
    batches: Batches,
    mesh: Mesh,
    workdir: Path,
    steps: int,
    every: Every,
    limits: Limits = Limits(),
    hooks: Hooks | None = None,
) -> TrainState:
    """The state after `steps`, from the last checkpoint in `workdir` if there is one.

    Args:
      state: at step 0, placed on the mesh; its memory is given to the first step.
      step_fn: compiled when it is first called with a batch of a new shape.
      batches: this process's share of each batch.
      mesh: of all devices.
      workdir: holds checkpoints, metrics.jsonl, events, pictures and what went wrong.
      steps: at which to end.
      every: how often to do what.
      limits: when to give up.
      hooks: what to do besides.

    Raises:
      TrainingError: too many steps failed in a row.
      ResumeError: the working directory cannot be taken up, or not be written to.
    """
    hooks = hooks or Hooks()
    checkpoints = Checkpoints(workdir, keep=every.keep, keep_each=every.keep_each)
    log = Log(workdir)
    try:
        restored = checkpoints.restore(state)
        if restored:
            state = restored.state
            batches.set_state(restored.data)
            _tell(restored)
        with _Preemption() as preemption:
            loop = _Loop(state, step_fn, batches, mesh, workdir, every, limits, hooks, log)
            if not restored:
                loop.evaluate()  # what the training begins from
            while loop.step < steps:
                loop.advance()
                last = loop.step == steps or preemption.reached(loop.step)
                if last or (every.save and loop.step % every.save == 0):
                    loop.settle()
                    checkpoints.save(loop.state, batches.get_state(), wait=last)
                if last:
                    break
        return loop.state
    finally:
        log.close()
        checkpoints.close()


def _tell(resumed: Resumed) -> None:
    """Says where a training goes on, and what it cannot keep."""
    if jax.process_index() == 0:
        print(f"resumed at step {int(resumed.state.step)}", flush=True)
        if resumed.changed:
            print(
                f"changed since it was saved: {'; '.join(resumed.changed)}. Batches go on where "
                "they stood, but sums are done in another order: results equal those of a training "
                "that was not stopped up to rounding, not bit by bit",
                flush=True,
            )


class _Loop:
    """Steps, one after another, and the figures about them."""

    def __init__(self, state, step_fn, batches, mesh, workdir, every, limits, hooks, log):
        self.state, self.step = state, int(state.step)
        self._step_fn, self._batches, self._mesh = step_fn, batches, mesh
        self._workdir, self._every, self._limits = workdir, every, limits
        self._hooks, self._log = hooks, log
        self._pending: tuple[int, dict[str, jax.Array], Batch] | None = None
        shares = batch_share(mesh, jax.process_index())[1]
        self._meter = Meter(shares, hooks.flops, hooks.peak_flops)
        self._profiler = _Profiler(workdir)
        self._failures = 0

    def advance(self) -> None:
        """One more step."""
        with self._meter.waiting():
            batch = next(self._batches)
        with jax.profiler.StepTraceAnnotation("train", step_num=self.step):
            self.state, metrics = self._step_fn(self.state, place(batch, self._mesh))
        self.settle()
        self.step += 1
        self._pending = (self.step, metrics, batch)
        self._profiler.after(self.step, metrics)
        self._now_and_then()

    def settle(self) -> None:
        """Reads the figures of the step before, and judges them."""
        if self._pending is None:
            return
        (step, metrics, batch), self._pending = self._pending, None
        figures = {name: float(value) for name, value in jax.device_get(metrics).items()}
        self._meter.add(figures, batch)
        rate = self._meter.clips_per_second
        self._judge(step, figures, batch)
        if self._every.log and step % self._every.log == 0:
            self._log.scalars(step, "train", self._meter.read())
        if self._hooks.progress:
            self._hooks.progress(step, {**figures, "clips_per_second": rate})

    def _judge(self, step: int, figures: dict[str, float], batch: Batch) -> None:
        if figures["fine"] and figures["loss"] <= self._limits.worst_loss:
            self._failures = 0
            return
        self._failures += 1
        file = self._workdir / f"failed_step_{step}.process_{jax.process_index()}.pickle"
        file.write_bytes(pickle.dumps(jax.tree.map(np.asarray, batch)))
        logging.error(
            "step %d failed with loss %g and gradient norm %g; its batch is in %s",
            step,
            figures["loss"],
            figures["gradient_norm"],
            file,
        )
        if self._failures >= self._limits.failures:
            raise TrainingError(
                f"{self._failures} steps in a row failed, the last one number {step}, with loss "
                f"{figures['loss']:g}: look at {file}; the last checkpoint is as it was"
            )

    def evaluate(self) -> None:
        """Scores the state, if it is to be evaluated at all."""
        if self._hooks.evaluate and self._every.evaluate:
            self.settle()
            with self._meter.pausing():
                figures = self._hooks.evaluate(self.state)
                self._log.scalars(self.step, "evaluation", figures)

    def _now_and_then(self) -> None:
        every, hooks, state = self._every, self._hooks, self.state
        if every.evaluate and self.step % every.evaluate == 0:
            self.evaluate()
        if hooks.pictures and every.pictures and self.step % every.pictures == 0:
            self.settle()
            with self._meter.pausing():
                for name, picture in hooks.pictures(state).items():
                    self._log.picture(self.step, name, picture)


class _Profiler:
    """Traces a few steps when a file asks for it; the trace lies in `workdir`/profiles."""

    def __init__(self, workdir: Path):
        self._request, self._folder = workdir / PROFILE, workdir / "profiles"
        self._stop_at: int | None = None

    def after(self, step: int, metrics: Pytree) -> None:
        if self._stop_at is None and self._request.exists():
            self._request.unlink(missing_ok=True)
            jax.profiler.start_trace(str(self._folder))
            self._stop_at = step + PROFILED_STEPS
        elif self._stop_at is not None and step >= self._stop_at:
            jax.block_until_ready(metrics)
            jax.profiler.stop_trace()
            self._stop_at = None
            print(f"a profile of {PROFILED_STEPS} steps is in {self._folder}", flush=True)


class _Preemption:
    """Whether the machine is about to be taken away: SIGTERM, agreed on by all processes."""

    def __enter__(self):
        self._asked = False
        self._before = None
        if jax.process_count() == 1:
            self._before = signal.signal(signal.SIGTERM, self._note)
        return self

    def __exit__(self, *_):
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)

    def _note(self, *_) -> None:
        self._asked = True

    def reached(self, step: int) -> bool:
        # With several processes, JAX's own service hears the signal and names a common step.
        if jax.process_count() > 1:
            return multihost_utils.reached_preemption_sync_point(step)
        return self._asked

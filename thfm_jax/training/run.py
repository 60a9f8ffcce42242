"""From a recipe to a trained model directory: puts the parts of a training together."""

import contextlib
import dataclasses
import functools
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
from jax.sharding import Mesh

from thfm_jax.data import loader
from thfm_jax.sharding import batch_sharding, batch_share, make_mesh, state_sharding
from thfm_jax.training import autoencoder, caching, loop
from thfm_jax.training.claim import MODEL, claim
from thfm_jax.training.export import save_model
from thfm_jax.training.optimizer import make_optimizer, schedule
from thfm_jax.training.placing import place
from thfm_jax.training.recipe import Recipe
from thfm_jax.training.start import Start, start
from thfm_jax.training.state import TrainState, init_state
from thfm_jax.training.step import Builder, make_step
from thfm_jax.training.watch import watched
from thfm_jax.training.wordings import Wordings
from thfm_jax.types import Batch

_MEASURED = 32  # batches that the statistics of new latents are taken of

StepFn = Callable[[TrainState, Batch], tuple[TrainState, dict[str, jax.Array]]]


def train(given: Recipe, workdir: str | Path, progress=None) -> Path | None:
    """Trains, or goes on with it, and returns the folder of the finished model.

    None where SIGTERM stopped it before its last step; it has saved then, and can be gone on with.

    Args:
      given: the recipe; a working directory takes no other, but for `claim.FREE`.
      workdir: see `loop.run`; the model lies in its folder `MODEL` in the end.
      progress: called after each step with its number and figures.

    Raises:
      ResumeError: the working directory is another recipe's, or cannot be taken up.
      TrainingError: too many steps failed.
      ValueError: mesh, batch and devices do not fit; or as `loader.batches`, `start`
        and `caching.check`.
    """
    if "://" in str(workdir):
        raise ValueError(
            f"{workdir} is no path: mount the bucket on every host and give the path of the folder "
            "there, see docs/tpu_pods.md"
        )
    workdir = Path(workdir).absolute()
    for changed in claim(workdir, given):
        if jax.process_index() == 0:
            print(f"the recipe has changed: {changed}", flush=True)
    sizes: dict[str, Any] = given.mesh.sizes(jax.device_count())
    mesh = make_mesh(**sizes)
    _check_batches(given, mesh)
    batches = loader.batches(given.loader, *batch_share(mesh, jax.process_index()))
    try:
        with jax.set_mesh(mesh):
            if given.loader.latents:
                caching.check(given, mesh)
            begin = start(given, mesh)
            state, step_fn = prepare(given, begin, mesh)
            limits = loop.Limits(given.worst_loss, given.failures)
            with watched(given, begin, state.trained, mesh, progress) as hooks:
                state = loop.run(
                    state, step_fn, batches, mesh, workdir, given.steps, given.every, limits, hooks
                )
            if int(state.step) < given.steps:
                if jax.process_index() == 0:
                    print(f"stopped at step {int(state.step)}, which is saved", flush=True)
                return None
            if given.objective.stage == "vae":
                begin = _standardised(given, begin, state, mesh)
            save_model(workdir / MODEL, given, begin, state)
    finally:
        batches.close()
    return workdir / MODEL


def _standardised(given: Recipe, begin: Start, state: TrainState, mesh: Mesh) -> Start:
    """The model's configuration with the statistics of the latents of the first batches."""
    model = Builder(begin.config, given.compute).model(state.averaged_params)
    with contextlib.closing(
        loader.batches(given.loader, *batch_share(mesh, jax.process_index()))
    ) as batches:
        placed = (place(batch, mesh) for batch in itertools.islice(batches, _MEASURED))
        vae = autoencoder.standardised(begin.config.vae, model.vae, placed)
    return dataclasses.replace(begin, config=dataclasses.replace(begin.config, vae=vae))


def _check_batches(given: Recipe, mesh: Mesh) -> None:
    """ValueError where a bucket's batches do not divide, before the first of them is drawn."""
    for bucket in given.loader.buckets:
        batch_sharding(mesh, bucket.batch)
        if bucket.batch % given.accumulate:
            raise ValueError(
                f"a batch of {bucket.batch} clips does not divide into {given.accumulate} pieces: "
                "change accumulate, or the batch of that bucket"
            )


def prepare(given: Recipe, begin: Start, mesh: Mesh) -> tuple[TrainState, StepFn]:
    """The state at step 0 on the mesh, and the compiled step on it.

    The step's figures have the learning rate and the number of skipped steps besides.
    """
    optimizer = make_optimizer(given.optimizer, given.steps)
    initial = functools.partial(
        init_state,
        frozen=begin.frozen,
        optimizer=optimizer,
        key=jax.random.key(given.seed),
        average=bool(given.average_decay),
    )
    shardings = state_sharding(jax.eval_shape(initial, begin.params), mesh)
    state = jax.jit(initial, out_shardings=shardings)(begin.params)
    step = make_step(
        Builder(begin.config, given.compute, given.lora),
        given.objective,
        optimizer,
        accumulate=given.accumulate,
        average_decay=given.average_decay,
    )
    rate = schedule(given.optimizer, given.steps)

    def figured(state: TrainState, batch: Batch, wordings: Wordings):
        after, figures = step(state, batch, wordings)
        # A step that was skipped is none to the optimiser.
        now = {"learning_rate": rate(state.step - state.skipped), "skipped": after.skipped}
        return after, {**figures, **now}

    compiled = jax.jit(figured, donate_argnums=0, out_shardings=(shardings, None))
    return state, lambda state, batch: compiled(state, batch, begin.wordings)

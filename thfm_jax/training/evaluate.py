"""Evaluation while training: what the averaged weights predict for clips, and how good it is."""

import functools
import time
from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh
from jaxtyping import Bool, Float

from thfm_jax.data import loader
from thfm_jax.data.loader import LoaderConfig
from thfm_jax.models.thfm import Thfm
from thfm_jax.sharding import batch_sharding, batch_share
from thfm_jax.tasks import TASKS, losses
from thfm_jax.tasks.spec import TaskSpec
from thfm_jax.training.placing import own_share, place
from thfm_jax.training.recipe import Recipe
from thfm_jax.training.start import Start
from thfm_jax.training.state import TrainState, join
from thfm_jax.training.step import Builder
from thfm_jax.training.wordings import Wordings
from thfm_jax.types import Array, Batch, ModelOutput, Pytree, Target

Values = dict[str, np.ndarray]


class Perception(NamedTuple):
    """What is predicted for this process's part of a batch.

    Attributes:
      values: task -> [B, T, ...] float32, as its `decode` returns it without a foreground.
      losses: task -> [B] float32, each clip's loss as the recipe's stage has it.
    """

    values: Values
    losses: Values


class Perceiver:
    """The model of a training state, compiled once for each shape of batch."""

    def __init__(self, recipe: Recipe, begin: Start, mesh: Mesh):
        self._mesh = mesh
        # NumPy, since processes share no array that lies on a device of one of them.
        self._wordings = jax.tree.map(np.asarray, begin.wordings)
        self._builder = Builder(begin.config, recipe.compute, recipe.lora)
        self._stage = recipe.objective.stage
        self._trained = {name for name, share in recipe.objective.tasks.items() if share > 0}
        self._compiled = functools.cache(
            lambda clips: jax.jit(self._perceive, out_shardings=batch_sharding(mesh, clips))
        )

    def tasks(self, batch: Batch) -> list[str]:
        """The tasks that are trained and that the batch has targets of."""
        return [name for name in TASKS if name in self._trained and name in batch.targets]

    def __call__(self, state: TrainState, batch: Batch) -> Perception:
        """Of the averaged weights, for this process's part of a batch; all processes call it.

        In the stage "vae" there is no trunk to ask: see `_given_back`.
        """
        trained = state.trained if state.average is None else state.average
        placed = place(batch, self._mesh)
        run = self._compiled(len(placed.clip.frames))
        found = own_share(run(trained, state.frozen, self._wordings, placed))
        # JAX returns dicts in alphabetical order.
        return Perception(*({n: part[n] for n in TASKS if n in part} for part in found))

    def _perceive(self, trained: Pytree, frozen: Pytree, wordings: Wordings, batch: Batch):
        params = join(trained, frozen)
        model = self._builder.model(params)
        if self._stage == "vae":
            outputs = self._given_back(model, batch)
        else:
            outputs = self._predicted(model, params, wordings, batch)
        values, found = {}, {}
        for name, output in outputs.items():
            spec, target = TASKS[name], batch.targets[name]
            size = () if spec.kind == "dense" else (batch.clip.frames.shape[2:4],)
            raw = output.dense if spec.kind == "dense" else output.sparse
            values[name] = spec.decode(raw, *size)
            if spec.kind == "dense" and self._stage == "latent":
                found[name] = _latent_losses(model, spec, output.latents, target)
            else:
                clip = lambda ours, theirs, f=spec.loss, size=size: f(ours, theirs, *size)[0]
                found[name] = jax.vmap(clip)(raw, target)
        return values, found

    def _predicted(
        self, model: Thfm, params: Pytree, wordings: Wordings, batch: Batch
    ) -> dict[str, ModelOutput]:
        """What the model says, each task asked for by its own prompt."""
        names, every = list(TASKS), jnp.arange(len(TASKS))
        first = jnp.zeros_like(every)  # of the wordings: the prompt itself
        conditioning = self._builder.condition(model, params, wordings, every, first)
        dense = jnp.array([spec.kind == "dense" for spec in TASKS.values()])
        mine = self.tasks(batch)
        rows = jnp.array([names.index(name) for name in mine])
        output = model.perceive_tasks(
            batch.clip.frames, conditioning, dense, rows, jnp.array(len(mine))
        )
        return {
            name: jax.tree.map(lambda x, row=row: x[row], output) for row, name in enumerate(mine)
        }

    def _given_back(self, model: Thfm, batch: Batch) -> dict[str, ModelOutput]:
        """The true maps, after the VAE: the best that any trunk can do with it."""
        outputs = {}
        for name in self.tasks(batch):
            spec, target = TASKS[name], batch.targets[name]
            if spec.kind == "dense":
                latents = model.vae.encode(spec.encode(target.value, target.mask))
                outputs[name] = ModelOutput(latents, latents, model.decode(latents))
        return outputs


def _latent_losses(
    model: Thfm, spec: TaskSpec, latents: Float[Array, "B Tz Hz Wz Z"], target: Target
) -> Float[Array, "B"]:
    """Each clip's loss against the latents of the true map."""
    truth = model.vae.encode(spec.encode(target.value, target.mask))
    return jax.vmap(lambda a, b: losses.latent_loss(a[None], b[None])[0])(latents, truth)


class Evaluator:
    """Scores the averaged weights on all clips of a recipe's `evaluation`, read once each time."""

    def __init__(self, recipe: Recipe, config: LoaderConfig, perceive: Perceiver, mesh: Mesh):
        """Opens the clips.

        Raises:
          ValueError: they have no end, or batches of them do not divide; or as `loader.batches`.
        """
        if config.endless:
            raise ValueError("evaluation reads its clips once: set evaluation.endless to False")
        batch_sharding(mesh, config.buckets[0].batch)
        self._scale = recipe.objective.scale
        self._perceive = perceive
        part, self._parts = batch_share(mesh, jax.process_index())
        self._batches = loader.batches(config, part, self._parts)
        self._start = self._batches.get_state()

    def __call__(self, state: TrainState) -> dict[str, float]:
        """Means over the clips of all processes, as "depth/clip_rmse_m" and the like.

        A clip counts for a figure where it has labels for it. "TASK/loss" is the loss of the
        recipe's stage, "loss" their sum as training weighs them, "clips" how many there were and
        "seconds" what it took. A figure is infinite where a prediction is not finite.
        """
        start = time.perf_counter()
        tally = Tally()
        for batch in self._read():
            found = self._perceive(state, batch)
            for clip in range(len(batch.clip.frames)):
                tally.add(_scores(found, batch, clip))
        means, counts = tally.over_processes(self._parts)
        parts = [name for name in TASKS if np.isfinite(means.get(f"{name}/loss", np.nan))]
        total = sum(self._scale.get(name, 1.0) * means[f"{name}/loss"] for name in parts)
        passed = time.perf_counter() - start
        return {**means, "loss": total, "clips": counts["clips"], "seconds": passed}

    def first(self) -> Batch:
        """This process's part of the first batch."""
        batch = next(self._read())
        self._read()  # stops what makes the next ones
        return batch

    def close(self) -> None:
        """Stops the loader's workers."""
        self._batches.close()

    def _read(self) -> Iterator[Batch]:
        """The batches, from the first again."""
        self._batches.set_state(self._start)
        return self._batches


class Tally:
    """Sums of clips' figures, NaN not counted, in float64."""

    def __init__(self):
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def add(self, figures: dict[str, float]) -> None:
        """The figures of a clip; every clip has all of them, NaN where it has no label."""
        for name, value in figures.items():
            counts = not np.isnan(value)
            self._sums[name] = self._sums.get(name, 0.0) + (value if counts else 0.0)
            self._counts[name] = self._counts.get(name, 0) + counts

    def over_processes(self, parts: int) -> tuple[dict[str, float], dict[str, float]]:
        """Means and counts over all processes, which all call it and read `parts` between them."""
        totals = np.array([[*self._sums.values()], [*self._counts.values()]], np.float64)
        if jax.process_count() > 1:
            # As integers: JAX would round float64 to float32 on the way.
            every = multihost_utils.process_allgather(totals.view(np.uint32))
            totals = np.asarray(every).view(np.float64).sum(axis=0)
            # Processes that split a clip between them have all counted it.
            totals *= parts / jax.process_count()
        sums, counts = totals
        means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
        names = list(self._sums)
        return dict(zip(names, means.tolist(), strict=True)), dict(
            zip(names, counts.tolist(), strict=True)
        )


def _scores(found: Perception, batch: Batch, clip: int) -> dict[str, float]:
    """All figures of a clip of the batch."""
    figures = {}
    for name, values in found.values.items():
        prediction, (truth, mask) = values[clip], truth_of(batch, name, clip)
        whole = np.isfinite(prediction[mask]).all()
        scores = TASKS[name].metrics(np.nan_to_num(prediction), truth, mask)
        scores["loss"] = float(found.losses[name][clip]) if mask.any() else np.nan
        for figure, score in scores.items():
            figures[f"{name}/{figure}"] = score if whole or np.isnan(score) else np.inf
    recorded = batch.clip.frame_mask
    figures["clips"] = 1.0 if recorded is None or recorded[clip].any() else np.nan
    return figures


def truth_of(
    batch: Batch, name: str, clip: int
) -> tuple[Float[np.ndarray, "T ..."], Bool[np.ndarray, "T ..."]]:
    """(value, mask) of a clip's target, shaped as the task's prediction.

    Labels of less than half weight, as in soft hair, are left out.
    """
    target = batch.targets[name]
    value, mask = np.asarray(target.value[clip]), np.asarray(target.mask[clip]) > 0.5
    return value[..., 0] if value.shape[-1] == 1 else value, mask

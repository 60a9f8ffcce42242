"""What a training shows of itself: puts together what its loop calls now and then."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator

import jax
from jax.sharding import Mesh

from thfm_jax import flops
from thfm_jax.data import loader
from thfm_jax.sharding import batch_share
from thfm_jax.training.cost import StepCost
from thfm_jax.training.evaluate import Evaluator, Perceiver
from thfm_jax.training.loop import Hooks
from thfm_jax.training.pictures import Pictures
from thfm_jax.training.recipe import Recipe
from thfm_jax.training.start import Start
from thfm_jax.types import Batch, Pytree


@contextlib.contextmanager
def watched(
    recipe: Recipe,
    begin: Start,
    trained: Pytree,
    mesh: Mesh,
    progress: Callable[[int, dict[str, float]], None] | None = None,
) -> Iterator[Hooks]:
    """The hooks of a training with those trained parameters; its end stops the loaders.

    Raises ValueError as `Evaluator`: what is wrong with the clips is said before the first step.
    """
    share = batch_share(mesh, jax.process_index())
    perceive = Perceiver(recipe, begin, mesh)
    evaluator, first = None, None
    with contextlib.ExitStack() as stack:
        if recipe.evaluation:
            evaluator = Evaluator(recipe, recipe.evaluation, perceive, mesh)
            stack.callback(evaluator.close)
            first = evaluator.first
        elif not recipe.loader.latents:  # with latents in their place there are no frames to show
            first = lambda: _training_batch(recipe, share)
        peak = flops.peak(jax.devices()[0].device_kind)
        kept_tokens = begin.wordings.text.shape[2]
        yield Hooks(
            evaluate=evaluator,
            pictures=Pictures(perceive, first) if first else None,
            progress=progress,
            flops=StepCost(recipe, begin.config, trained, kept_tokens, share[1]),
            peak_flops=peak * jax.device_count() if peak else None,
        )


def _training_batch(recipe: Recipe, share: tuple[int, int]) -> Batch:
    """This process's part of the first training batch, made in this process."""
    batches = loader.batches(dataclasses.replace(recipe.loader, workers=0), *share)
    try:
        return next(batches)
    finally:
        batches.close()

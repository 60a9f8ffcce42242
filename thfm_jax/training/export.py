"""A trained state as a model directory that predicts, exports and trains further."""

import dataclasses
import json
import os
import shutil
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Sharding

from thfm_jax import checkpoints
from thfm_jax.config import ThfmConfig
from thfm_jax.data.prompts import save_features
from thfm_jax.tasks import TASKS
from thfm_jax.training import lora
from thfm_jax.training.recipe import Recipe
from thfm_jax.training.start import Start, load
from thfm_jax.training.state import TrainState
from thfm_jax.training.step import Builder
from thfm_jax.types import Pytree


def save_model(directory: Path, recipe: Recipe, begin: Start, state: TrainState) -> None:
    """Writes the model with averaged weights, whole or not at all; replaces an earlier one.

    Its manifest says that it was trained, unless only its VAE was. Adapters are merged into their
    matrices.
    """
    params = state.averaged_params
    if recipe.lora:
        params = jax.jit(lora.merge, static_argnums=1)(params, recipe.lora)
    partial = directory.with_name(directory.name + checkpoints.PARTIAL_SUFFIX)
    first = jax.process_index() == 0
    if first:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
    _meet("model directory")
    if checkpoints.VAE not in params:  # training from latents does without it
        lies: Any = state.step.sharding
        params |= load(recipe, (checkpoints.VAE,), lies.mesh)
    for part, arrays in params.items():
        checkpoints.save(partial, part, arrays)
    features = _features(recipe, begin, params, whole=state.step.sharding)
    if first:
        kept = _copy_rest(begin.directory, partial, params) if begin.directory else ()
        checkpoints.save_config(partial, config_of(recipe, begin), (*params, *kept))
        save_features(partial / checkpoints.PROMPTS, features)
        manifest = {
            "trained": recipe.objective.stage != "vae",
            "steps": int(state.step),
            "start": str(begin.directory or ""),
        }
        (partial / checkpoints.MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
        if directory.exists():
            shutil.rmtree(directory)
        os.replace(partial, directory)
    _meet("model written")


def _features(
    recipe: Recipe, begin: Start, params: Pytree, whole: Sharding
) -> dict[str, tuple[str, np.ndarray]]:
    """The features of each task's own prompt, the first of its wordings."""
    text, lengths = begin.wordings.text[:, 0], np.asarray(begin.wordings.lengths[:, 0])
    if recipe.train_text:
        builder = Builder(begin.config, recipe.compute)
        mask = jnp.arange(text.shape[1]) < lengths[:, None]
        encode = lambda params, ids: builder.text_encoder(params)(ids, mask)
        text = jax.jit(encode, out_shardings=whole)(params, np.asarray(text))
    rows = np.asarray(text, np.float32)
    return {
        name: (task.prompt, rows[index, : lengths[index]])
        for index, (name, task) in enumerate(TASKS.items())
    }


def config_of(recipe: Recipe, begin: Start) -> ThfmConfig:
    """The model's; a text encoder that was trained for the trunk's sake may confuse tasks again."""
    text = begin.config.text
    if recipe.train_text:
        text = dataclasses.replace(text, threshold=None)
    return dataclasses.replace(begin.config, text=text)


def _copy_rest(source: Path, target: Path, params: Pytree) -> tuple[str, ...]:
    """Copies the tokenizer, and a text encoder that was not trained; returns which parts."""
    if (source / checkpoints.TOKENIZER).is_dir():
        shutil.copytree(source / checkpoints.TOKENIZER, target / checkpoints.TOKENIZER)
    part = checkpoints.TEXT_ENCODER
    if part in params or not (source / part).is_dir():
        return ()
    shutil.copytree(source / part, target / part)
    return (part,)


def _meet(what: str) -> None:
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(what)

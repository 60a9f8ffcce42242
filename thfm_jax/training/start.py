"""The weights and prompts that a training starts from, each array made or read at its place."""

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from thfm_jax import checkpoints, config
from thfm_jax.asking import load_tokenizer
from thfm_jax.checkpoints import TEXT_ENCODER
from thfm_jax.config import ThfmConfig
from thfm_jax.data.prompts import Tokenizer, encode_prompts, load_features
from thfm_jax.models.thfm import Thfm
from thfm_jax.models.umt5 import Umt5Encoder
from thfm_jax.sharding import state_sharding
from thfm_jax.training import lora
from thfm_jax.training.recipe import Recipe
from thfm_jax.training.step import Builder
from thfm_jax.training.wordings import Wordings, task_texts, wordings
from thfm_jax.types import Pytree


@dataclasses.dataclass(frozen=True)
class Start:
    """Where a training begins.

    Attributes:
      config: of the model.
      params: nested dict of float32 parameters by part, on the mesh.
      wordings: the prompts.
      frozen: patterns of parameters that are not trained.
      directory: the model directory that gave weights, or None.
    """

    config: ThfmConfig
    params: Pytree
    wordings: Wordings
    frozen: tuple[str, ...]
    directory: Path | None


def start(recipe: Recipe, mesh: Mesh) -> Start:
    """The weights, random or read, with adapters if asked for.

    Raises:
      CheckpointError: the model directory is none, is damaged, or lacks its text encoder where that
        is to be trained, and where it is to make the features of a prompt that are not stored.
      ValueError: the preset is unknown.
    """
    directory = Path(recipe.start) if recipe.start else None
    c = config_of(recipe)
    params = load(recipe, recipe.parts, mesh)
    if recipe.lora:
        key = jax.random.fold_in(jax.random.key(recipe.seed), 1)
        make = functools.partial(lora.add, config=recipe.lora, key=key)
        abstract = jax.eval_shape(make, params)
        params = jax.jit(make, out_shardings=state_sharding(abstract, mesh))(params)
    prompts = _wordings(directory, c, recipe, mesh)
    return Start(c, params, prompts, recipe.fixed, directory)


def config_of(recipe: Recipe) -> ThfmConfig:
    """The sizes of a recipe's model; CheckpointError or ValueError where there is none such."""
    return checkpoints.load_config(recipe.start) if recipe.start else config.preset(recipe.model)


def load(recipe: Recipe, parts: Sequence[str], mesh: Mesh) -> Pytree:
    """The parameters of some parts of a recipe's model, read or random; raises as `start`."""
    directory, c = Path(recipe.start), config_of(recipe)
    present = checkpoints.present_parts(directory) if recipe.start else ()
    for part in parts:
        if recipe.start and part not in (*present, checkpoints.SPARSE):
            raise checkpoints.CheckpointError(f"{directory} has no {part}, which is to be trained")
    params = _random(c, [part for part in parts if part not in present], recipe.seed, mesh)
    for part in parts:
        if part in present:
            params[part] = checkpoints.restore(directory, part, _abstract(c, part, mesh))
    return params


def random_part(c: ThfmConfig, part: str, key: jax.Array) -> Pytree:
    """Random parameters of "dit", "vae", "sparse" or "text_encoder", float32, to train.

    The trunk's gates begin at 1: near 0, as Wan2.1 begins, a block says almost nothing, and its
    matrices have to learn through that. The decoder's last layer begins at 0: it would else first
    learn to silence what it makes of random features, and only then to use them.
    """
    if part == TEXT_ENCODER:
        return nnx.to_pure_dict(nnx.state(Umt5Encoder(c.text, rngs=nnx.Rngs(key))))
    params = nnx.to_pure_dict(nnx.state(getattr(Thfm(c, rngs=nnx.Rngs(key)), part)))
    if part == "dit":
        _, _, gate, _, _, ffn_gate = range(6)
        modulation = params["blocks"]["modulation"]
        params["blocks"]["modulation"] = modulation.at[:, [gate, ffn_gate]].add(1.0)
    if part == "vae":
        last = params["decoder"]["conv_out"]
        last["kernel"] = jnp.zeros_like(last["kernel"])
    return params


def _random(c: ThfmConfig, parts: list[str], seed: int, mesh: Mesh) -> Pytree:
    # XLA compiles this generator several times as fast as the default one.
    key = jax.random.key(seed, impl="rbg")
    make = lambda: {part: random_part(c, part, key) for part in parts}
    if not parts:
        return {}
    return jax.jit(make, out_shardings=state_sharding(jax.eval_shape(make), mesh))()


def _abstract(c: ThfmConfig, part: str, mesh: Mesh) -> Pytree:
    shapes = jax.eval_shape(lambda: {part: random_part(c, part, jax.random.key(0))})
    return jax.tree.map(
        lambda x, sharding: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding),
        shapes,
        state_sharding(shapes, mesh),
    )[part]


def _wordings(directory: Path | None, c: ThfmConfig, recipe: Recipe, mesh: Mesh) -> Wordings:
    limits = (c.dit.text_length, c.dit.text_padding)
    texts = task_texts(recipe.paraphrases, recipe.phrasings, c.dit.text_length - 1)
    tokenizer = load_tokenizer(directory, c)
    if recipe.train_text:
        return wordings(texts, functools.partial(_ids, tokenizer, c), *limits)
    known = _stored(directory)
    missing = list(dict.fromkeys(t for task in texts.values() for t in task if t not in known))
    if missing:
        if not directory or TEXT_ENCODER not in checkpoints.present_parts(directory):
            raise checkpoints.CheckpointError(
                f"{directory or recipe.model} has neither features of the prompt {missing[0]!r} "
                "nor a text encoder to make them: convert or train one, or set train_text"
            )
        known |= _features(recipe, c, tokenizer, missing, mesh)
    return wordings(texts, known.__getitem__, *limits)


def _features(
    recipe: Recipe, c: ThfmConfig, tokenizer: Tokenizer, texts: list[str], mesh: Mesh
) -> dict[str, np.ndarray]:
    """Text -> what the model's text encoder makes of it, [n, D] without padding."""
    encoder = Builder(c, recipe.compute).text_encoder(load(recipe, (TEXT_ENCODER,), mesh))
    graph, state = nnx.split(encoder)
    whole = NamedSharding(mesh, PartitionSpec())
    run = jax.jit(lambda s, ids, mask: nnx.merge(graph, s)(ids, mask), out_shardings=whole)
    features, lengths = encode_prompts(
        functools.partial(run, state), tokenizer, texts, c.dit.text_length
    )
    rows = np.asarray(features)
    return {text: row[:n] for text, row, n in zip(texts, rows, lengths, strict=True)}


def _ids(tokens: Tokenizer, c: ThfmConfig, text: str) -> np.ndarray:
    ids, mask = tokens([text], c.dit.text_length)
    return np.asarray(ids[0][np.asarray(mask[0])], np.int32)


def _stored(directory: Path | None) -> dict[str, np.ndarray]:
    path = directory / checkpoints.PROMPTS if directory else None
    if not path or not path.exists():
        return {}
    return dict(load_features(path).values())

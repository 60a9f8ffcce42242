"""The programs that training and prediction run on a mesh, with abstract arguments.

So they can be compiled, counted and looked at without weights, data or the devices.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from thfm_jax import config as config_lib
from thfm_jax.config import Compute, ThfmConfig, VaeConfig
from thfm_jax.data import examples
from thfm_jax.data.latents.plan import DTYPE
from thfm_jax.data.loader import Bucket
from thfm_jax.models.thfm import Thfm, fold_padding
from thfm_jax.sharding import batch_sharding, spec_of, state_sharding
from thfm_jax.tasks import TASKS
from thfm_jax.topology import Program
from thfm_jax.training import lora
from thfm_jax.training.optimizer import make_optimizer
from thfm_jax.training.recipe import Recipe
from thfm_jax.training.start import random_part
from thfm_jax.training.state import init_state, is_matrix
from thfm_jax.training.step import Builder, make_step
from thfm_jax.training.wordings import Wordings
from thfm_jax.types import Batch, Clip, Latents, Pytree, Target

PROMPT_TOKENS = 7  # of each task's prompt
_KEPT_TOKENS = 8  # with the one that stands for its padding


def train_step(recipe: Recipe, bucket: Bucket, mesh: Mesh) -> Program:
    """The step of a recipe on a batch of that shape, with a model of the preset `recipe.model`.

    Raises ValueError where the batch does not divide over the mesh.
    """
    c = config_lib.preset(recipe.model)
    optimizer = make_optimizer(recipe.optimizer, recipe.steps)

    def initial():
        params = {part: random_part(c, part, jax.random.key(0)) for part in recipe.parts}
        if recipe.lora:
            params = lora.add(params, recipe.lora, jax.random.key(0))
        return init_state(
            params, recipe.fixed, optimizer, jax.random.key(0), bool(recipe.average_decay)
        )

    step = make_step(
        Builder(c, recipe.compute, recipe.lora),
        recipe.objective,
        optimizer,
        accumulate=recipe.accumulate,
        average_decay=recipe.average_decay,
    )
    state = jax.eval_shape(initial)
    shardings = state_sharding(state, mesh)
    batch = _batch(recipe.loader.tasks, bucket)
    if recipe.loader.latents:
        batch = _cached(batch, c.vae)
    args = (
        _placed(state, shardings),
        _placed(batch, batch_sharding(mesh, bucket.batch)),
        _placed(jax.eval_shape(lambda: _wordings(c, recipe.train_text)), _whole(mesh)),
    )
    # The second result, a few figures, may lie as XLA likes.
    return Program(mesh, jax.jit(step, donate_argnums=0, out_shardings=(shardings, None)), args)


def forward(
    config: ThfmConfig, compute: Compute, bucket: Bucket, mesh: Mesh, tasks: int = len(TASKS)
) -> Program:
    """`Thfm.perceive_tasks` of that many tasks, on folded prompts."""
    graph, state = nnx.split(nnx.eval_shape(lambda: Thfm(config, compute, rngs=nnx.Rngs(0))))
    weights = jax.tree_util.tree_map_with_path(
        functools.partial(_narrow, compute), nnx.to_pure_dict(state)
    )

    def build(weights: Pytree) -> Thfm:
        filled = jax.tree.map(lambda x: x, state)
        nnx.replace_by_pure_dict(filled, weights)
        return nnx.merge(graph, filled)

    def condition(weights, text):
        return fold_padding(build(weights).condition(text), [PROMPT_TOKENS] * len(TASKS))

    def perceive(weights, conditioning, frames, rows, count):
        dense = jnp.array([spec.kind == "dense" for spec in TASKS.values()])
        return build(weights).perceive_tasks(frames, conditioning, dense, rows, count)

    text = _floats(len(TASKS), config.dit.text_length, config.dit.text_dim)
    small = jax.eval_shape(condition, weights, text), _integers(tasks), _integers()
    conditioning, rows, count = _placed(small, _whole(mesh))
    # Fewer clips than devices are no error here: the others share in tokens and space.
    by_clips = NamedSharding(mesh, spec_of(("batch",), (bucket.batch,), mesh))
    frames = _placed(_frames(bucket), by_clips)
    weights = _placed(weights, state_sharding(weights, mesh))
    args = weights, conditioning, frames, rows, count
    return Program(mesh, jax.jit(perceive), args, turns=-(-tasks // compute.tasks_at_once))


def _wordings(c: ThfmConfig, ids: bool) -> Wordings:
    shape = (len(TASKS), 1, _KEPT_TOKENS)
    text = jnp.zeros(shape, jnp.int32) if ids else jnp.zeros((*shape, c.dit.text_dim))
    return Wordings(text, jnp.zeros(shape[:2], jnp.int32), c.dit.padded_length)


def _batch(tasks: tuple[str, ...], bucket: Bucket) -> Batch:
    """As the loader makes them."""
    B, T = bucket.batch, bucket.frames
    clip = Clip(_frames(bucket), _floats(B), _array(bool, B, T), _floats(B, T, 3, 3))
    small = examples.Stack.empty(1, examples.Shape(1, 16, 16))

    def full(name: str, x: np.ndarray) -> Any:
        space = (bucket.height, bucket.width) if TASKS[name].kind == "dense" else ()
        return _array(x.dtype, B, T, *space, *x.shape[2 + len(space) :])

    pairs = {name: examples.TARGETS[name](small) for name in tasks}
    return Batch(
        clip, {name: Target(*(full(name, x) for x in pair)) for name, pair in pairs.items()}
    )


def _cached(batch: Batch, vae: VaeConfig) -> Batch:
    """The batch as it comes from cached latents."""
    B, *size, _ = batch.clip.frames.shape
    dense = [name for name in batch.targets if TASKS[name].kind == "dense"]
    latents = _array(DTYPE, B, *vae.latent_grid(*size), vae.z_dim)
    return Batch(
        dataclasses.replace(batch.clip, frames=_array(jnp.uint8, B, *size, 0)),
        {name: target for name, target in batch.targets.items() if name not in dense},
        Latents(latents, {name: Target(latents, _array(bool, B)) for name in dense}),
    )


def _frames(bucket: Bucket) -> Any:
    return _array(jnp.uint8, bucket.batch, bucket.frames, bucket.height, bucket.width, 3)


def _narrow(compute: Compute, path: tuple, x: Any) -> Any:
    """A weight as prediction holds it: a matrix in the dtype that it is used in."""
    dtype = compute.vae_dtype if path[0].key == "vae" else compute.dtype
    return _array(dtype if is_matrix(path) else x.dtype, *x.shape)


def _array(dtype: Any, *shape: int) -> Any:
    return jax.ShapeDtypeStruct(shape, dtype)


_floats = functools.partial(_array, jnp.float32)
_integers = functools.partial(_array, jnp.int32)


def _whole(mesh: Mesh) -> NamedSharding:
    return NamedSharding(mesh, PartitionSpec())


def _placed(tree: Any, sharding: Any) -> Any:
    """Abstract arrays that lie as `sharding` says, which is one for all or a tree of them."""
    if isinstance(sharding, NamedSharding):
        sharding = jax.tree.map(lambda _: sharding, tree)
    place = lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s)
    return jax.tree.map(place, tree, sharding)

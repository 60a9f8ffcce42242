"""What a training step is worth in FLOPs, against the operations that JAX traces of it."""

import jax
import jax.numpy as jnp
import optax
import pytest

from tests.unit import small_training
from tests.unit.small_training import SIZE, SMALL, B, T
from thfm_jax import flops, jaxpr_flops
from thfm_jax.config import Compute
from thfm_jax.tasks import TASKS
from thfm_jax.training import lora
from thfm_jax.training.cost import StepCost
from thfm_jax.training.lora import LoraConfig
from thfm_jax.training.recipe import from_config
from thfm_jax.training.state import init_state
from thfm_jax.training.step import Builder, make_step
from thfm_jax.training.wordings import Wordings

L = 8  # tokens kept of prompts
# One task, so that every row is of one kind.
DEPTH, POSE = {"depth": 1.0}, {"keypoints2d": 1.0}


def wordings(ids: bool) -> Wordings:
    shape = (len(TASKS), 1, L)
    text = jnp.zeros(shape, jnp.int32) if ids else jnp.zeros((*shape, SMALL.dit.text_dim))
    return Wordings(text, jnp.full(shape[:2], L - 1, jnp.int32), SMALL.dit.text_length)


def traced_and_said(tasks, stage="latent", adapters=None, frozen=("^vae/",), text=False):
    """FLOPs of a step in the jaxpr, and by `StepCost`."""
    objective = {"stage": stage, "tasks": tasks}
    recipe = from_config(
        {"loader": {"sources": [{"kind": "live"}]}, "objective": objective, "train_text": text}
    )
    # Not the cached function, which would keep what is traced.
    params = jax.eval_shape(small_training.parameters.__wrapped__)
    if not text:
        params = {part: arrays for part, arrays in params.items() if part != "text_encoder"}
    if adapters:
        params = jax.eval_shape(lambda p: lora.add(p, adapters, jax.random.key(0)), params)
        frozen = (*frozen, *lora.frozen_besides(adapters))
    optimizer = optax.sgd(1.0)
    state = jax.eval_shape(
        lambda p: init_state(p, frozen, optimizer, jax.random.key(0), average=False), params
    )
    compute = Compute(conv="native", vae_chunk=0)
    step = make_step(Builder(SMALL, compute, adapters), recipe.objective, optimizer)
    batch = small_training.a_batch()
    traced = jax.jit(step).trace(state, batch, wordings(ids=text)).jaxpr
    cost = StepCost(recipe, SMALL, state.trained, L, shares=1)
    return jaxpr_flops.count(traced), cost(batch, {f"{name}/rows": float(B) for name in tasks})


# The time path sees one token for the whole batch, and `StepCost` leaves it out: its first matrix
# forward and backward, the others with the gradient of their inputs too.
D = SMALL.dit.dim
TIME = 2 * (2 * SMALL.dit.freq_dim * D + 3 * 7 * D * D)


def test_the_latent_stage():
    traced, said = traced_and_said(DEPTH)
    assert traced - said == TIME


def test_a_row_of_keypoints_needs_no_target_from_the_vae():
    """The program encodes an empty video for it, which is worth nothing."""
    traced, said = traced_and_said(POSE)
    assert traced - said == TIME + B * flops.vae_encode(SMALL.vae, T, SIZE, SIZE)


def test_a_part_of_the_trunk_may_be_fixed():
    traced, said = traced_and_said(
        DEPTH, frozen=("^vae/", "^dit/(text|patch)_embedding", "^dit/blocks/ffn", "^sparse/linear")
    )
    assert traced - said == TIME


def test_the_text_encoder_counts_where_it_is_trained():
    traced, said = traced_and_said(DEPTH, text=True)
    assert traced - said == TIME


@pytest.mark.parametrize("text", [False, True])
def test_adapters_need_no_gradient_of_their_matrices(text):
    traced, said = traced_and_said(DEPTH, adapters=LoraConfig(rank=4), text=text)
    # The time path is fixed, and only computed.
    assert traced - said == TIME - 2 * (SMALL.dit.freq_dim * D + 2 * 7 * D * D)


@pytest.mark.parametrize("frozen", [("^vae/",), ("^vae/(encoder|quant)/",)])
def test_the_pixel_stage(frozen):
    """The decoder's matrices have gradients of their own only where it is trained."""
    traced, said = traced_and_said(DEPTH, stage="pixel", frozen=frozen)
    assert traced - said == TIME


def test_an_encoder_that_is_trained_has_gradients_too():
    """All but those of the pixels."""
    traced, said = traced_and_said(DEPTH, stage="pixel", frozen=())
    _, fixed = traced_and_said(DEPTH, stage="pixel", frozen=("^vae/(encoder|quant)/",))
    encode = B * flops.vae_encode(SMALL.vae, T, SIZE, SIZE)
    assert 2 * encode < said - fixed < 2.01 * encode  # and that of the patches
    assert 0 <= said + TIME - traced < 0.01 * encode

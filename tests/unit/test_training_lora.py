"""Facts about adapters: they begin as nothing, change only themselves, and can be merged."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from tests.unit import small_training
from tests.unit.small_training import SMALL, a_batch
from thfm_jax.config import Compute
from thfm_jax.training import lora
from thfm_jax.training.lora import LoraConfig
from thfm_jax.training.optimizer import OptimizerConfig, make_optimizer
from thfm_jax.training.state import init_state
from thfm_jax.training.step import Builder, Objective, make_step

CONFIG = LoraConfig(rank=4, alpha=8.0)


@pytest.fixture(scope="module")
def params():
    return small_training.parameters()


@pytest.fixture(scope="module")
def adapted(params):
    return lora.add(params, CONFIG, jax.random.key(3))


def perceive(of, params):
    model = of.model(params)
    latents = jax.random.normal(jax.random.key(0), (1, 2, 4, 4, 16))
    zero = jnp.zeros(1, int)
    conditioning = of.condition(model, params, small_training.prompts(), zero, zero)
    output = model.perceive(latents, conditioning)
    return output.latents, output.sparse


def test_an_adapter_begins_as_nothing_and_merges_exactly(params, adapted):
    builder = Builder(SMALL, Compute())
    with_adapters = Builder(SMALL, Compute(), CONFIG)
    before = perceive(builder, params)
    for a, b in zip(perceive(with_adapters, adapted), before, strict=True):
        np.testing.assert_array_equal(a, b)
    moved = jax.tree_util.tree_map_with_path(
        lambda path, x: x + 0.1 if path[-1].key == lora.B else x, adapted
    )
    after = perceive(with_adapters, moved)
    merged = perceive(builder, lora.merge(moved, CONFIG))
    for a, b, old in zip(after, merged, before, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4 * float(jnp.abs(b).max()))
        assert float(jnp.abs(a - old).max()) > 0.01


def test_training_changes_the_adapters_and_the_keypoints_and_nothing_else(adapted):
    optimizer = make_optimizer(OptimizerConfig(learning_rate=1e-2, warmup_steps=0), 10)
    frozen = ("^vae/", "^text_encoder/", *lora.frozen_besides(CONFIG))
    state = init_state(adapted, frozen, optimizer, jax.random.key(0), average=False)
    step = jax.jit(
        make_step(Builder(SMALL, Compute(), CONFIG), Objective(tasks_per_clip=3), optimizer)
    )
    after = state
    for seed in range(3):
        after, _ = step(after, a_batch(seed), small_training.prompts())
    before, now = flatten_dict(state.params), flatten_dict(after.params)
    changed = {path for path in before if (before[path] != now[path]).any()}
    allowed = {path for path in before if path[0] == "sparse" or path[-1] in (lora.A, lora.B)}
    assert changed == allowed


def test_a_pattern_that_finds_nothing_is_refused(params):
    with pytest.raises(ValueError, match="no matrix is called 'dat'"):
        lora.add(params, LoraConfig(targets="dat"), jax.random.key(0))

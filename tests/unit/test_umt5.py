"""What users of the UMT5 encoder rely on, without its original at hand."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from hypothesis import given
from hypothesis import strategies as st

from thfm_jax.config import Compute, TextConfig
from thfm_jax.models.umt5 import Umt5Encoder, encode, relative_buckets

SMALL = TextConfig(layers=3, dim=24, heads=3, head_dim=16, ffn_dim=40, vocab_size=50)


@pytest.fixture(scope="module")
def encoder():
    return Umt5Encoder(SMALL, rngs=nnx.Rngs(0))


def prompt(length: int, padding: int = 0, seed: int = 0):
    ids = np.random.default_rng(seed).integers(3, SMALL.vocab_size, (1, length))
    ids = np.pad(ids, ((0, 0), (0, padding)))
    return jnp.asarray(ids), jnp.arange(length + padding)[None] < length


def with_compute(encoder: Umt5Encoder, **options) -> Umt5Encoder:
    """The same weights, run in another way."""
    other = Umt5Encoder(SMALL, Compute(**options), rngs=nnx.Rngs(1))
    nnx.update(other, nnx.state(encoder))
    return other


def test_parameter_tree_at_full_size():
    model = jax.eval_shape(lambda: Umt5Encoder(TextConfig(), rngs=nnx.Rngs(0)))
    shapes = {
        ".".join(map(str, path)): leaf.shape for path, leaf in nnx.to_flat_state(nnx.state(model))
    }
    assert shapes == {
        "token_embedding.embedding": (256384, 4096),
        "blocks.attention_norm.scale": (24, 4096),
        "blocks.attention.q.kernel": (24, 4096, 4096),
        "blocks.attention.k.kernel": (24, 4096, 4096),
        "blocks.attention.v.kernel": (24, 4096, 4096),
        "blocks.attention.o.kernel": (24, 4096, 4096),
        "blocks.attention.relative_bias": (24, 32, 64),
        "blocks.ffn_norm.scale": (24, 4096),
        "blocks.ffn.gate.kernel": (24, 4096, 10240),
        "blocks.ffn.up.kernel": (24, 4096, 10240),
        "blocks.ffn.down.kernel": (24, 10240, 4096),
        "final_norm.scale": (4096,),
    }
    assert sum(map(math.prod, shapes.values())) == 5_680_910_336


def test_layers_start_different(encoder):
    """A stacked initialiser that reuses its key gives every layer the same weights."""
    kernel = encoder.blocks.attention.q.kernel[...]
    assert not np.allclose(kernel[0], kernel[1])


def test_features_of_a_fresh_model_have_unit_size(encoder):
    features = encoder(*prompt(40))
    assert features.shape == (1, 40, SMALL.dim)
    assert 0.8 < float(jnp.sqrt(jnp.mean(features**2))) < 1.2


@pytest.mark.parametrize("padding", [1, 20])
def test_padding_leaves_the_prompt_alone(encoder, padding):
    bare = encoder(*prompt(9))
    padded = encoder(*prompt(9, padding))
    np.testing.assert_allclose(padded[:, :9], bare, atol=2e-6)


def test_prompts_of_a_batch_do_not_mix(encoder):
    (ids, mask), (other_ids, other_mask) = prompt(12, 4), prompt(16, seed=1)
    both = encoder(jnp.concatenate([ids, other_ids]), jnp.concatenate([mask, other_mask]))
    np.testing.assert_allclose(both[:1], encoder(ids, mask), atol=2e-6)
    np.testing.assert_allclose(both[1:], encoder(other_ids, other_mask), atol=2e-6)


def test_word_order_matters(encoder):
    ids, mask = prompt(8)
    swapped = encoder(ids[:, ::-1], mask)[:, ::-1]
    assert float(jnp.abs(swapped - encoder(ids, mask)).max()) > 1e-3


def test_integer_and_boolean_masks_agree(encoder):
    ids, mask = prompt(5, 3)
    np.testing.assert_array_equal(encoder(ids, mask), encoder(ids, mask.astype(jnp.int32)))


def test_unrolled_blocks_equal_scanned_ones(encoder):
    ids, mask = prompt(10, 2)
    unrolled = with_compute(encoder, scan=False)
    np.testing.assert_allclose(unrolled(ids, mask), encoder(ids, mask), atol=2e-6)
    loops = lambda model: jax.jit(model.__call__).lower(ids, mask).as_text().count("while")
    assert loops(encoder) == 1 and loops(unrolled) == 0


def test_bfloat16_weights_are_converted_one_layer_at_a_time():
    """On CPUs XLA would hold all of them in float32, 19 GB more for UMT5-XXL."""
    config = dataclasses.replace(SMALL, layers=16, dim=256, ffn_dim=512)
    model = nnx.eval_shape(lambda: Umt5Encoder(config, rngs=nnx.Rngs(0)))
    narrow = lambda x: jax.ShapeDtypeStruct(x.shape, jnp.bfloat16)
    nnx.update(model, jax.tree.map(narrow, nnx.state(model)))
    memory = encode.lower(model, *prompt(32)).compile().memory_analysis()
    assert memory.temp_size_in_bytes < memory.argument_size_in_bytes / 4


def test_id_outside_the_vocabulary_is_not_silent(encoder):
    ids, mask = prompt(4)
    assert jnp.isnan(encoder(ids.at[0, 0].set(SMALL.vocab_size), mask)[0, 0]).all()


def test_bfloat16_keeps_a_float32_residual(encoder):
    """Rounding only the operands of matmuls costs less than one percent."""
    ids, mask = prompt(40)
    features = with_compute(encoder, dtype="bfloat16")(ids, mask)
    reference = encoder(ids, mask)
    assert features.dtype == jnp.float32
    assert jnp.linalg.norm(features - reference) < 0.01 * jnp.linalg.norm(reference)


@given(length=st.integers(1, 400), quarter=st.integers(1, 12), factor=st.integers(2, 40))
def test_buckets_follow_distance_and_direction(length, quarter, factor):
    buckets, max_distance = 4 * quarter, quarter * factor
    table = relative_buckets(length, buckets, max_distance)
    before, after = table[:, 0], table[0]
    np.testing.assert_array_equal(before[:quarter], np.arange(min(quarter, length)))
    assert (np.diff(before) >= 0).all()
    assert (before[max_distance:] == buckets // 2 - 1).all()
    assert before.max() < buckets // 2
    np.testing.assert_array_equal(after[1:], before[1:] + buckets // 2)
    np.testing.assert_array_equal(table[1:, 1:], table[:-1, :-1])

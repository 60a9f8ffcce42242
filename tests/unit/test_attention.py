"""Every backend of attention computes softmax(q k^T / sqrt(hd) + bias) v."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thfm_jax.ops import attention as lib


def random_qkv(B, S, T, heads, hd, seed=0):
    rng = np.random.default_rng(seed)
    shapes = [(B, S, heads, hd), (B, T, heads, hd), (B, T, heads, hd)]
    return [jnp.asarray(rng.standard_normal(shape), jnp.float32) for shape in shapes]


def naive(q, k, v, bias=None):
    q, k, v = (np.asarray(x, np.float64) for x in (q, k, v))
    logits = np.einsum("bshd,bthd->bhst", q, k) / np.sqrt(q.shape[-1])
    if bias is not None:
        logits = logits + bias[:, None, None]
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    return np.einsum("bhst,bthd->bshd", weights / weights.sum(-1, keepdims=True), v)


@settings(deadline=None, max_examples=12)
@given(st.integers(1, 70), st.integers(1, 40), st.booleans())
def test_chunks_of_any_size_give_the_whole(S, T, biased):
    q, k, v = random_qkv(2, S, T, 3, 8)
    bias = jnp.linspace(-2, 1, 2 * T).reshape(2, T) if biased else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lib, "LOGITS_BYTES", {"cpu": 1})  # the smallest chunk there is
        ours = lib.attention(q, k, v, bias, "xla")
    np.testing.assert_allclose(ours, naive(q, k, v, bias), atol=2e-6)


def test_memory_does_not_grow_with_the_square_of_the_sequence():
    """8,192 tokens: the logits of all heads together would take 1 GiB."""
    S = 8192
    shape = jax.ShapeDtypeStruct((1, S, 4, 16), jnp.float32)
    compiled = jax.jit(lambda q, k, v: lib.attention(q, k, v)).lower(shape, shape, shape).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 200 << 20


def test_the_gradient_of_chunks_is_that_of_the_whole(monkeypatch):
    q, k, v = random_qkv(1, 50, 20, 2, 8)

    def loss(q, k, v):
        return jnp.sum(jnp.sin(lib.attention(q, k, v, implementation="xla")))

    whole = jax.grad(loss, argnums=(0, 1, 2))(q, k, v)
    monkeypatch.setattr(lib, "LOGITS_BYTES", {"cpu": 1})
    for ours, theirs in zip(jax.grad(loss, argnums=(0, 1, 2))(q, k, v), whole, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_a_key_with_bias_log_n_weighs_as_much_as_n_keys():
    q, k, v = random_qkv(1, 5, 4, 2, 8)
    repeated = [jnp.concatenate([x, jnp.repeat(x[:, -1:], 6, axis=1)], axis=1) for x in (k, v)]
    bias = jnp.array([[0, 0, 0, np.log(7)]], jnp.float32)
    np.testing.assert_allclose(lib.attention(q, k, v, bias), lib.attention(q, *repeated), atol=1e-6)


@pytest.mark.parametrize("S, T", [(200, 200), (130, 70)])
def test_splash_with_padding_equals_the_reference(S, T):
    """The TPU kernel's arithmetic, interpreted; neither length fills its blocks."""
    q, k, v = random_qkv(2, S, T, 2, 128)
    ours = lib.splash(q, k, v, block=128, interpret=True)
    np.testing.assert_allclose(ours, naive(q, k, v), atol=2e-5)


def test_bfloat16_comes_back_as_bfloat16():
    q, k, v = (x.astype(jnp.bfloat16) for x in random_qkv(1, 9, 9, 2, 8))
    out = lib.attention(q, k, v)
    assert out.dtype == jnp.bfloat16
    exact = naive(*(np.asarray(x, np.float32) for x in (q, k, v)))
    np.testing.assert_allclose(np.asarray(out, np.float32), exact, atol=0.02)


def test_unknown_backend():
    q, k, v = random_qkv(1, 2, 2, 1, 8)
    with pytest.raises(ValueError, match="not 'flash'"):
        lib.attention(q, k, v, implementation="flash")

"""The VAE is causal, agrees with itself in chunks, and states what clips it takes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from thfm_jax.config import Compute, VaeConfig
from thfm_jax.models.vae import Vae
from thfm_jax.ops.convolution import conv3d

CONFIG = VaeConfig(
    base_dim=4, z_dim=3, multipliers=(1, 2, 2), res_blocks=1, temporal_down=(True, True),
    latent_mean=(0.1, -0.2, 0.3), latent_std=(1.0, 2.0, 0.5),
)  # fmt: skip


def make(chunk: int, dtype: str = "float32", remat: str = "none") -> Vae:
    """The same weights whatever the arguments."""
    compute = Compute(vae_chunk=chunk, vae_dtype=dtype, remat=remat)
    graph = nnx.graphdef(nnx.eval_shape(lambda: Vae(CONFIG, compute, rngs=nnx.Rngs(0))))
    return nnx.merge(graph, weights())


@functools.cache
def weights() -> nnx.State:
    key = jax.random.key(0, impl="rbg")  # compiles faster than the default
    state = nnx.state(nnx.jit(lambda: Vae(CONFIG, rngs=nnx.Rngs(key)))())
    # No bias is zero and no scale one, as in a trained model.
    return jax.tree.map(lambda x: x + 0.1, state)


def video(frames: int) -> jax.Array:
    return jax.random.uniform(jax.random.key(0), (1, frames, 8, 12, 3), minval=-1, maxval=1)


@jax.jit
def encode(vae, x):
    return vae.encode(x)


@jax.jit
def decode(vae, z):
    return vae.decode(z)


@pytest.mark.parametrize("frames, chunk", [(1, 1), (5, 1), (13, 2)])
def test_chunks_agree_with_the_whole_clip(frames, chunk):
    whole, chunked = make(0), make(chunk)
    x = video(frames)
    z = encode(whole, x)
    np.testing.assert_allclose(encode(chunked, x), z, atol=1e-5)
    y = decode(whole, z)
    assert y.shape == x.shape
    np.testing.assert_allclose(decode(chunked, z), y, atol=1e-5)


def test_a_decoder_that_forgets_has_the_same_gradient_in_less_memory():
    z = jax.random.normal(jax.random.key(1), (1, 6, 4, 6, 3))
    gradient = jax.jit(jax.grad(lambda z, vae: jnp.sin(vae.decode(z)).sum()))
    programs = {r: gradient.lower(z, make(1, remat=r)).compile() for r in ("none", "full")}
    whole, again = (program(z, make(1, remat=r)) for r, program in programs.items())
    np.testing.assert_allclose(again, whole, rtol=1e-5, atol=1e-4)
    kept, less = (program.memory_analysis().temp_size_in_bytes for program in programs.values())
    assert less < 0.6 * kept


def test_no_frame_sees_the_future():
    vae, x = make(0), video(13)
    later = x.at[:, 5:].add(0.5)
    z, changed = encode(vae, x), encode(vae, later)
    np.testing.assert_array_equal(z[:, :2], changed[:, :2])
    assert not np.allclose(z[:, 2], changed[:, 2])
    np.testing.assert_allclose(decode(vae, changed)[:, :5], decode(vae, z)[:, :5], atol=1e-6)


def test_memory_of_chunks_does_not_grow_with_the_clip():
    vae = make(1)
    graph, state = nnx.split(vae)
    run = jax.jit(lambda state, x: nnx.merge(graph, state).encode(x))

    def scratch(frames):
        shape = jax.ShapeDtypeStruct((1, frames, 32, 32, 3), jnp.float32)
        analysis = run.lower(state, shape).compile().memory_analysis()
        return analysis.temp_size_in_bytes - 2 * np.prod(shape.shape) * 4

    assert scratch(81) < 2 * scratch(21)


def test_latents_are_standardised():
    vae, x = make(0), video(5)
    mean, log_variance = jax.jit(Vae.moments)(vae, x)
    expected = (mean - np.array(CONFIG.latent_mean)) / np.array(CONFIG.latent_std)
    np.testing.assert_allclose(encode(vae, x), expected, atol=1e-5)
    assert (log_variance >= -30).all() and (log_variance <= 20).all()


def test_a_clip_that_does_not_fit():
    with pytest.raises(ValueError, match="a clip of 4 frames of 8x12 does not fit the VAE"):
        make(0).moments(video(4))


def test_gradients_pass_through_chunks_and_a_black_clip():
    vae = make(1)
    gradient = jax.jit(jax.grad(lambda x: jnp.sum(vae.encode(x) ** 2)))(jnp.zeros((1, 9, 8, 12, 3)))
    assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0


@given(
    taps=st.sampled_from([1, 3]),
    stride=st.sampled_from([1, 2]),
    before=st.integers(0, 2),
    frames=st.integers(1, 6),
)
@settings(deadline=None, max_examples=30)
def test_planes_are_the_3d_convolution(taps, stride, before, frames):
    assume(before < taps <= before + frames)
    x = jax.random.normal(jax.random.key(0), (2, frames, 6, 5, 3))
    kernel = jax.random.normal(jax.random.key(1), (taps, 3, 3, 3, 4))
    whole = conv3d(jnp.pad(x, ((0, 0), (before, 0), *[(0, 0)] * 3)), kernel, stride, "native")
    for implementation in ("native", "planes"):
        found = conv3d(x, kernel, stride, implementation, before)
        np.testing.assert_allclose(found, whole, atol=1e-4)


def test_an_unknown_convolution_is_refused():
    with pytest.raises(ValueError, match="not 'winograd'"):
        conv3d(jnp.zeros((1, 3, 4, 4, 1)), jnp.zeros((3, 3, 3, 1, 1)), 1, "winograd")


def test_bfloat16_stays_near_float32():
    x = video(5)
    z, rounded = encode(make(0), x), encode(make(0, "bfloat16"), x)
    assert rounded.dtype == jnp.float32
    assert np.linalg.norm(rounded - z) < 0.05 * np.linalg.norm(z)

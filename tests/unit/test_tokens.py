"""Patches, rotary positions, and the embedding of the diffusion time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thfm_jax.ops.embeddings import timestep_embedding
from thfm_jax.ops.patches import patch_grid, patchify, unpatchify
from thfm_jax.ops.rope import apply_rope, grid_positions, keypoint_positions, rope_table


@settings(deadline=None, max_examples=20)
@given(st.tuples(*[st.integers(1, 4)] * 3), st.tuples(*[st.integers(1, 3)] * 3))
def test_unpatchify_inverts_patchify(grid, patch):
    shape = [g * p for g, p in zip(grid, patch, strict=True)]
    latents = np.random.default_rng(0).standard_normal((2, *shape, 5))
    latents = jnp.asarray(latents, jnp.float32)
    tokens = patchify(latents, patch)
    assert tokens.shape == (2, np.prod(grid), np.prod(patch) * 5)
    np.testing.assert_array_equal(unpatchify(tokens, grid, patch), latents)


def test_tokens_go_row_by_row_and_channels_fastest():
    latents = jnp.arange(2.0 * 4 * 4 * 3).reshape(1, 2, 4, 4, 3)
    tokens = np.asarray(patchify(latents, (1, 2, 2)))
    np.testing.assert_array_equal(tokens[0, 1], latents[0, 0, :2, 2:].reshape(-1))


def test_a_grid_that_patches_do_not_tile():
    with pytest.raises(ValueError, match=r"\(3, 5, 4\) is no multiple of the patch \(1, 2, 2\)"):
        patch_grid((3, 5, 4), (1, 2, 2))


def scores(positions, head_dim=28):
    """q.k of two fixed vectors put at every pair of positions."""
    rng = np.random.default_rng(0)
    q, k = rng.standard_normal((2, 1, 1, 1, head_dim)).astype(np.float32)
    table = rope_table(positions, head_dim)
    n = len(positions)
    q, k = (apply_rope(jnp.tile(x, (1, n, 1, 1)), table)[0, :, 0] for x in (q, k))
    return np.asarray(q @ k.T)


def test_only_differences_of_positions_matter():
    positions = grid_positions((2, 3, 4))
    np.testing.assert_allclose(scores(positions), scores(positions + [5, 7, 11]), atol=1e-5)


def test_rotations_keep_lengths():
    x = jax.random.normal(jax.random.key(0), (1, 24, 2, 20))
    rotated = apply_rope(x, rope_table(grid_positions((2, 3, 4)), 20))
    np.testing.assert_allclose(
        np.linalg.norm(rotated, axis=-1), np.linalg.norm(x, axis=-1), rtol=1e-5
    )


def test_keypoint_tokens_share_their_frame_s_time_and_no_patch_s_place():
    video, joints = grid_positions((3, 2, 2)), keypoint_positions(3, 5)
    np.testing.assert_array_equal(joints[:, 0], np.repeat([0, 1, 2], 5))
    assert not joints[:, 1:].any() and (video[:, 1:] > 0).all()


def test_positions_beyond_the_table():
    with pytest.raises(ValueError, match="reach 1024; the rotary table ends at 1023"):
        rope_table(np.array([[1024, 0, 0]]), 12)


def test_time_embedding_is_cosines_then_sines():
    embedding = timestep_embedding(jnp.array([0.0, 500.0]), 8)
    np.testing.assert_allclose(embedding[0], [1, 1, 1, 1, 0, 0, 0, 0])
    angles = 500 * 10000.0 ** (-np.arange(4) / 4)
    expected = np.concatenate([np.cos(angles), np.sin(angles)])
    np.testing.assert_allclose(embedding[1], expected, atol=1e-4)

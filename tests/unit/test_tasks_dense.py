"""Depth, normals, matte and dense pose: their codes, ranges and conventions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thfm_jax.ops import geometry
from thfm_jax.tasks import densepose, depth, matte, normals
from thfm_jax.types import Target

examples = settings(deadline=None, max_examples=25)
seeds = st.integers(0, 2**32 - 1)

SHAPE = (2, 3, 6, 7)


def depth_clips(seed, spread=1.0):
    rng = np.random.default_rng(seed)
    centre = rng.uniform(1 + spread, 30, (2, 1, 1, 1, 1))
    value = centre + spread * rng.uniform(-1, 1, (*SHAPE, 1))
    mask = rng.uniform(size=SHAPE) > 0.4
    return jnp.asarray(value, jnp.float32), jnp.asarray(mask)


# Depth


@examples
@given(seeds, st.floats(0.05, 20))
def test_depth_round_trip_is_exact_inside_the_quantiles(seed, spread):
    value, mask = depth_clips(seed, spread)
    limits = depth.depth_range(value, mask)
    metres = depth.to_metres(depth.decode(depth.encode(value, mask)), limits)
    near, far = (limits[:, i, None, None, None] for i in (0, 1))
    expected = jnp.where(mask, jnp.clip(value[..., 0], near, far), far)
    # A few roundings of float32 at the distance of the person.
    assert jnp.all(jnp.abs(metres - expected) <= 5e-7 * far)
    inside = mask & (value[..., 0] >= near) & (value[..., 0] <= far)
    assert inside.sum() >= 0.9 * mask.sum()


@examples
@given(seeds)
def test_depth_range_is_the_quantiles_of_each_clips_foreground(seed):
    value, mask = depth_clips(seed)
    for clip in range(2):
        foreground = np.asarray(value)[clip, ..., 0][np.asarray(mask)[clip]]
        expected = np.quantile(foreground, [0.005, 0.995])
        np.testing.assert_allclose(depth.depth_range(value, mask)[clip], expected, rtol=1e-6)


@examples
@given(seeds, st.floats(0.1, 10), st.floats(0, 20))
def test_depth_code_does_not_see_scale_and_shift(seed, scale, shift):
    value, mask = depth_clips(seed)
    moved = depth.encode(scale * value + shift, mask)
    # Depths up to 320 m that spread over 0.2 m at least: eps * 320 / 0.2, some times over.
    np.testing.assert_allclose(moved, depth.encode(value, mask), atol=2e-3)


def test_depth_grows_away_from_the_camera_and_ends_at_the_background():
    value = jnp.linspace(2, 3, 12).reshape(1, 1, 3, 4, 1)
    mask = jnp.ones((1, 1, 3, 4), bool).at[0, 0, 0, 0].set(False)
    code = depth.encode(value, mask)
    assert jnp.all(code == code[..., :1])
    flat = code[0, 0, ..., 0].reshape(-1)
    assert flat[0] == 1
    assert flat[1] == -1 and flat[-1] == 1
    assert jnp.all(jnp.diff(flat[1:]) > 0)


def test_depth_of_an_empty_clip_is_background():
    code = depth.encode(jnp.full((*SHAPE, 1), jnp.nan), jnp.zeros(SHAPE, bool))
    assert jnp.all(code == 1)


def test_depth_of_a_flat_clip_is_the_middle():
    value = jnp.full((*SHAPE, 1), 2.5)
    code = depth.encode(value, jnp.ones(SHAPE, bool))
    np.testing.assert_allclose(code, np.zeros_like(code), atol=1e-3)
    near, far = depth.depth_range(value, jnp.ones(SHAPE, bool))[0]
    assert far - near == pytest.approx(depth.MIN_RANGE_M, rel=1e-3)


def test_decoded_depth_lies_between_zero_and_one_whatever_comes():
    raw = 3 * jax.random.normal(jax.random.key(0), (*SHAPE, 3))
    decoded = depth.decode(raw)
    assert decoded.min() == 0 and decoded.max() == 1
    np.testing.assert_allclose(depth.decode(jnp.array([[[-0.5, 0.0, 0.2]]])), [[0.45]], rtol=1e-6)


def test_depth_loss_is_on_the_foreground_and_nearly_free_of_scale():
    value, mask = depth_clips(0)
    goal = Target(value, mask)
    code = depth.encode(value, mask)
    raw = 0.5 * code + 0.2
    total, parts = depth.loss(raw, goal)
    assert parts["l1"] < 1e-6
    assert total == pytest.approx(0.1 * float(jnp.abs(raw - code)[mask].mean()), rel=1e-4)
    assert depth.loss(raw + 0.1 * jnp.sin(40 * value), goal)[0] > 0.01


@pytest.mark.parametrize("task", [depth, densepose])
def test_outside_the_foreground_is_nan(task):
    raw = jax.random.uniform(jax.random.key(0), (*SHAPE, 3))
    alpha = jax.random.uniform(jax.random.key(1), SHAPE)
    hidden = np.asarray(alpha <= 0.5)
    for foreground in (alpha, alpha > 0.5):
        decoded = np.asarray(task.decode(raw, foreground))
        assert np.isnan(decoded[hidden]).all()
        np.testing.assert_array_equal(decoded[~hidden], np.asarray(task.decode(raw))[~hidden])


# Normals


def test_normals_of_a_wall_ahead_are_the_channels_0_0_1():
    intrinsics = jnp.array([[100.0, 0, 4], [0, 100.0, 3], [0, 0, 1]])
    wall = geometry.depth_to_normals(jnp.full((1, 1, 6, 8), 2.0), intrinsics[None, None])
    code = normals.encode(geometry.opencv_to_viewer(wall), jnp.ones((1, 1, 6, 8), bool))
    np.testing.assert_allclose(code[0, 0, 3, 4], [0, 0, 1], atol=1e-5)


@examples
@given(seeds)
def test_decoded_normals_are_unit_or_zero(seed):
    raw = 0.2 * jax.random.normal(jax.random.key(seed), (*SHAPE, 3))
    length = jnp.linalg.norm(normals.decode(raw), axis=-1)
    short = jnp.linalg.norm(raw, axis=-1) < normals.MIN_LENGTH
    np.testing.assert_allclose(length, 1.0 - short, atol=1e-6)
    assert jnp.all(jnp.sum(normals.decode(raw) * raw, axis=-1) >= 0)


def test_normals_outside_the_foreground_are_zero():
    foreground = jnp.zeros(SHAPE, bool).at[0].set(True)
    raw = jnp.ones((*SHAPE, 3)).at[0, 0].set(0.01)
    decoded = normals.decode(raw, foreground)
    assert jnp.all(decoded[1] == 0)
    assert jnp.all(decoded[0, 0] == 0)  # too short to have a direction
    np.testing.assert_allclose(decoded[0, 1:], np.full_like(decoded[0, 1:], 3**-0.5), rtol=1e-6)


# Matte


def test_matte_code_by_hand():
    value = jnp.array([0.0, 0.25, 1.0]).reshape(1, 1, 1, 3, 1)
    code = matte.encode(value, jnp.ones((1, 1, 1, 3), bool))
    np.testing.assert_array_equal(code[0, 0, 0, :, 0], [-1, -0.5, 1])
    assert jnp.all(code == code[..., :1])


def test_matte_stays_between_zero_and_one_whatever_comes():
    decoded = matte.decode(3 * jax.random.normal(jax.random.key(0), (*SHAPE, 3)))
    assert decoded.min() == 0 and decoded.max() == 1


def test_matte_loss_still_sees_what_decode_clips():
    goal = Target(jnp.zeros((1, 1, 8, 8, 1)), jnp.ones((1, 1, 8, 8)))
    grad = jax.jit(jax.grad(lambda raw: matte.loss(raw, goal)[0]))(jnp.full((1, 1, 8, 8, 3), 1.5))
    assert jnp.all(grad > 0)


# Dense pose


@examples
@given(seeds)
def test_the_background_of_dense_pose_stands_apart_from_the_body(seed):
    rng = np.random.default_rng(seed)
    # The template's thickness, in metres, and the VAE's errors, generously.
    body = rng.uniform([-0.9, -0.9, -0.2], [0.9, 0.9, 0.4], (*SHAPE, 3))
    mask = jnp.asarray(rng.uniform(size=SHAPE) > 0.5)
    code = densepose.encode(jnp.asarray(body, jnp.float32), mask)
    noisy = code + jnp.asarray(rng.uniform(-0.25, 0.25, code.shape), jnp.float32)
    np.testing.assert_array_equal(densepose.on_body(noisy), mask)


def test_dense_pose_keeps_within_its_range():
    code = densepose.encode(jnp.full((1, 1, 1, 1, 3), 5.0), jnp.ones((1, 1, 1, 1), bool))
    np.testing.assert_allclose(code, np.full((1, 1, 1, 1, 3), densepose.USED), rtol=1e-6)


def test_nearest_vertices_equal_brute_force():
    rng = np.random.default_rng(0)
    vertices, points = rng.uniform(-1, 1, (50, 3)), rng.uniform(-1, 1, (4, 5, 3))
    points[1, 2] = np.nan
    found = densepose.to_vertices(points, vertices)
    distances = np.linalg.norm(points[..., None, :] - vertices, axis=-1)
    expected = np.argmin(np.nan_to_num(distances), axis=-1)
    expected[1, 2] = -1
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.int32


def test_iuv_is_the_nearest_vertex_and_zero_on_the_background():
    vertices = np.array([[0.0, 0.0, 0.0], [0.5, 0.0, 0.0]])
    iuv = np.array([[1.0, 0.2, 0.3], [24.0, 0.8, 0.9]])
    points = np.array([[0.1, 0.1, 0.0], [0.4, 0.0, 0.0], [np.nan] * 3])
    np.testing.assert_allclose(
        densepose.to_iuv(points, vertices, iuv), [*iuv, [0, 0, 0]], rtol=1e-6
    )

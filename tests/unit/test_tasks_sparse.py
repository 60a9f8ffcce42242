"""2-D and 3-D keypoints: pixels, confidence, roots and their metrics."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thfm_jax.joints import ROOT
from thfm_jax.tasks import keypoints2d, keypoints3d
from thfm_jax.types import Target

examples = settings(deadline=None, max_examples=25)
seeds = st.integers(0, 2**32 - 1)

SIZE = (480, 832)
SHAPE = (2, 3, 52)


def raw_values(seed):
    return jax.random.normal(jax.random.key(seed), (*SHAPE, 8))


def test_corners_of_the_frame_are_zero_and_one():
    raw = jnp.zeros((1, 1, 2, 8)).at[0, 0, 1, :2].set(1)
    np.testing.assert_array_equal(keypoints2d.decode(raw, SIZE)[0, 0, :, :2], [[0, 0], [832, 480]])


@examples
@given(seeds)
def test_a_joint_keeps_its_place_when_the_frame_is_resized(seed):
    value = jnp.asarray(
        np.random.default_rng(seed).uniform([-90, -90, 0], [900, 600, 1], (*SHAPE, 3)), jnp.float32
    )
    mask = jnp.ones(SHAPE, bool)
    half = value * jnp.array([0.5, 0.5, 1.0])
    np.testing.assert_allclose(
        keypoints2d.encode(half, mask, (240, 416)), keypoints2d.encode(value, mask, SIZE), rtol=1e-6
    )


def test_confidence_is_a_probability():
    raw = jnp.zeros((1, 1, 3, 8)).at[0, 0, :, 2].set(jnp.array([-50.0, 0.0, 50.0]))
    np.testing.assert_allclose(keypoints2d.decode(raw, SIZE)[0, 0, :, 2], [0, 0.5, 1], atol=1e-6)


def test_confidence_asks_for_visible_joints_inside_the_frame():
    value = jnp.array([[10.0, 10.0, 1.0], [10.0, 10.0, 0.0], [-1.0, 10.0, 1.0], [10.0, 481.0, 1.0]])
    code = keypoints2d.encode(value[None, None], jnp.ones((1, 1, 4), bool), SIZE)
    np.testing.assert_array_equal(code[0, 0, :, 2], [1, 0, 0, 0])


def test_a_joint_outside_the_frame_still_has_a_place():
    value = jnp.array([[[[-83.2, 10.0, 0.0]]]])
    mask = jnp.ones((1, 1, 1), bool)
    np.testing.assert_allclose(keypoints2d.encode(value, mask, SIZE)[0, 0, 0, 0], -0.1, rtol=1e-5)
    loss = lambda raw: keypoints2d.loss(raw, Target(value, mask), SIZE)[1]["position"]
    assert jax.grad(loss)(jnp.zeros((1, 1, 1, 8)))[0, 0, 0, 0] > 0


@examples
@given(seeds)
def test_joints_that_point_best_lie_where_they_are(seed):
    """Gradient descent on the cross-entropy ends at weights whose mean is the joint."""
    Hp, Wp = 3, 5
    low, high = [832 / 2 / Wp, 480 / 2 / Hp, 0], [832 - 832 / 2 / Wp, 480 - 480 / 2 / Hp, 1]
    value = np.random.default_rng(seed).uniform(low, high, (1, 1, 4, 3)).astype(np.float32)
    goal = Target(jnp.asarray(value), jnp.ones((1, 1, 4), bool))
    loss = lambda logits: keypoints2d.pointing_loss(
        jax.nn.log_softmax(logits.reshape(1, 1, 4, -1)).reshape(logits.shape), goal, SIZE
    )
    logits = jax.lax.fori_loop(
        0, 3000, lambda _, x: x - 10 * jax.grad(loss)(x), jnp.zeros((1, 1, 4, Hp, Wp))
    )
    shares = np.asarray(jax.nn.softmax(logits.reshape(4, -1))).reshape(4, Hp, Wp)
    y, x = np.mgrid[:Hp, :Wp] + 0.5
    found = np.stack([(shares * x).sum((1, 2)) / Wp * 832, (shares * y).sum((1, 2)) / Hp * 480], -1)
    np.testing.assert_allclose(found, value[0, 0, :, :2], atol=2.0)


def test_joints_outside_the_frame_or_without_label_need_not_point():
    value = jnp.array([[[[-5.0, 10.0, 1.0], [10.0, 10.0, 1.0]]]])
    goal = Target(value, jnp.array([[[True, False]]]))
    loss = lambda x: keypoints2d.pointing_loss(x, goal, SIZE)
    assert not jnp.any(jax.grad(loss)(jnp.zeros((1, 1, 2, 3, 5))))


@pytest.mark.parametrize(
    ("task", "own"), [(keypoints2d, {0, 1, 2, 6}), (keypoints3d, {3, 4, 5, 7})], ids=["2d", "3d"]
)
def test_each_task_trains_its_own_channels(task, own):
    goal = Target(jax.random.normal(jax.random.key(1), (*SHAPE, 3)), jnp.ones(SHAPE, bool))
    grad = jax.grad(lambda raw: task.loss(raw, goal, SIZE)[0])(raw_values(0))
    used = np.asarray(jnp.any(grad != 0, axis=(0, 1, 2)))
    assert set(np.flatnonzero(used).tolist()) == own


@examples
@given(seeds)
def test_root_is_the_origin_and_the_camera_does_not_matter(seed):
    value = jax.random.normal(jax.random.key(seed), (*SHAPE, 3))
    mask = jnp.ones(SHAPE, bool)
    code = keypoints3d.encode(value, mask, SIZE)
    assert jnp.all(code[..., ROOT, :] == 0)
    away = value + jnp.array([0.5, -1.0, 8.0])
    np.testing.assert_allclose(keypoints3d.encode(away, mask, SIZE), code, atol=5e-6)
    np.testing.assert_array_equal(keypoints3d.encode(code, mask, SIZE), code)
    assert jnp.all(keypoints3d.decode(raw_values(seed), SIZE)[..., ROOT, :] == 0)


def test_frames_without_a_root_do_not_count_in_3d():
    value = jax.random.normal(jax.random.key(0), (*SHAPE, 3))
    rootless = jnp.ones(SHAPE, bool).at[0, 1, ROOT].set(False)
    frame_out = jnp.ones(SHAPE, bool).at[0, 1].set(False)
    raw = raw_values(1)
    np.testing.assert_array_equal(
        keypoints3d.encode(value, rootless, SIZE), keypoints3d.encode(value, frame_out, SIZE)
    )
    losses = [keypoints3d.loss(raw, Target(value, mask), SIZE)[0] for mask in (rootless, frame_out)]
    assert losses[0] == losses[1]


def test_2d_metrics_by_hand():
    truth = np.zeros((1, 3, 3))
    truth[0, :, :2] = [[0, 0], [100, 0], [0, 60]]
    prediction = truth + [0, 4, 1]
    prediction[0, 2, 0] = 15
    found = keypoints2d.evaluate(prediction, truth, np.ones((1, 3), bool))
    error = (4 + 4 + np.hypot(15, 4)) / 3
    assert found == pytest.approx(
        {"pck@0.05": 2 / 3, "pck@0.1": 2 / 3, "pck@0.2": 1.0, "error_px": error}
    )


def test_3d_metrics_are_millimetres_about_the_root():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(4, 52, 3))
    mask = np.ones((4, 52), bool)
    # All joints but the root 10 mm to the right, seen from a camera one metre further away.
    prediction = truth + [0.01, 0, 1.0]
    prediction[:, ROOT] -= [0.01, 0, 0]
    found = keypoints3d.evaluate(prediction, truth, mask)
    assert found["mpjpe_mm"] == pytest.approx(10 * 51 / 52)
    assert found["pa_mpjpe_mm"] < 1
    assert found["acceleration_mm"] == pytest.approx(0, abs=1e-9)
    assert keypoints3d.evaluate(3 * truth, truth, mask)["n_mpjpe_mm"] < 1e-9

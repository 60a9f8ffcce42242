"""Loss formulas against slow independent ones, by hand, and at their edges."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from thfm_jax.tasks import losses

examples = settings(deadline=None, max_examples=20)
seeds = st.integers(0, 2**32 - 1)


latent_loss = jax.jit(losses.latent_loss)
laplacian_pyramid = jax.jit(losses.laplacian_pyramid)
scale_shift_invariant_l1 = jax.jit(losses.scale_shift_invariant_l1)


def normal(seed, *shape):
    return jnp.array(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def naive_latent_loss(prediction, target, weight):
    """Mean squared error and half the mean |difference of neighbours' errors|, by loops."""
    error = np.asarray(prediction, np.float64) - np.asarray(target, np.float64)
    sums = {name: [0.0, 0.0] for name in ("mse", "gradient_t", "gradient_h", "gradient_w")}
    for place in np.ndindex(error.shape[:-1]):
        for channel in range(error.shape[-1]):
            here = error[place][channel]
            sums["mse"][0] += weight[place] * here**2
            sums["mse"][1] += weight[place]
            for axis, name in ((1, "gradient_t"), (2, "gradient_h"), (3, "gradient_w")):
                following = tuple(np.add(place, np.eye(4, dtype=int)[axis]))
                if following[axis] < error.shape[axis]:
                    both = min(weight[place], weight[following])
                    sums[name][0] += 0.5 * both * abs(error[following][channel] - here)
                    sums[name][1] += both
    return {name: value / total if total else 0.0 for name, (value, total) in sums.items()}


@pytest.mark.parametrize("frames", [3, 1])
@pytest.mark.parametrize("weighted", [True, False])
def test_latent_loss_equals_loops(frames, weighted):
    shape = (2, frames, 4, 5, 2)
    prediction, target = normal(0, *shape), normal(1, *shape)
    weight = jnp.abs(normal(2, *shape[:-1])) * (normal(3, *shape[:-1]) > -1)
    total, parts = latent_loss(prediction, target, weight if weighted else None)
    used = np.asarray(weight, np.float64) if weighted else np.ones(shape[:-1])
    expected = naive_latent_loss(prediction, target, used)
    assert set(parts) == set(expected)
    for name, value in expected.items():
        assert parts[name] == pytest.approx(value, rel=1e-5, abs=1e-7)
    assert total == pytest.approx(sum(expected.values()), rel=1e-5)


def test_latent_loss_ignores_what_has_no_weight():
    target = normal(0, 1, 3, 4, 4, 2)
    weight = jnp.ones((1, 3, 4, 4)).at[0, 1, 2, 2].set(0)
    spoiled = target.at[0, 1, 2, 2].set(jnp.nan)
    grad = jax.grad(lambda x: latent_loss(x, spoiled, weight)[0])(target + 1)
    assert jnp.all(jnp.isfinite(grad))
    assert jnp.all(grad[0, 1, 2, 2] == 0)
    assert latent_loss(target, spoiled, weight)[0] == 0


def test_a_constant_error_has_no_gradient_parts():
    target = normal(0, 1, 3, 4, 4, 2)
    total, parts = latent_loss(target + 0.5, target)
    assert parts["mse"] == pytest.approx(0.25, rel=1e-5)
    assert total == pytest.approx(0.25, rel=1e-4)


def test_masked_mean_by_hand():
    value, weight = jnp.array([[1.0, 2.0], [jnp.nan, 5.0]]), jnp.array([[1.0, 3.0], [0.0, 2.0]])
    assert losses.masked_mean(value, weight) == pytest.approx(17 / 6)
    np.testing.assert_allclose(losses.masked_mean(value, weight, axis=(1,)), [1.75, 5.0])


def test_means_of_nothing_are_zero_with_zero_gradient():
    value = jnp.full((2, 3), jnp.nan)
    mean, grad = jax.value_and_grad(lambda x: losses.masked_mean(x, jnp.zeros((2, 3))))(value)
    assert mean == 0
    assert jnp.all(grad == 0)


@examples
@given(seeds, st.floats(-3, 3).filter(lambda a: abs(a) > 0.1), st.floats(-5, 5))
def test_depth_loss_does_not_see_scale_and_shift(seed, scale, shift):
    prediction, target = normal(seed, 2, 3, 4, 5), normal(seed + 1, 2, 3, 4, 5)
    weight = (normal(seed + 2, 2, 3, 4, 5) > -0.5).astype(jnp.float32)
    loss = scale_shift_invariant_l1(prediction, target, weight)
    moved = scale_shift_invariant_l1(scale * prediction + shift, target, weight)
    # The shift costs digits: eps * shift / (scale * spread) is 6e-6.
    assert moved == pytest.approx(float(loss), rel=1e-4)
    assert scale_shift_invariant_l1(target, target, weight) < 1e-6


def test_depth_loss_gradient_runs_through_the_fit():
    with jax.enable_x64(True):
        rng = np.random.default_rng(0)
        prediction, target = (jnp.array(rng.normal(size=(1, 2, 3, 4))) for _ in range(2))
        loss = lambda x: scale_shift_invariant_l1(x, target, jnp.ones_like(target))
        grad = jax.grad(loss)(prediction)
        step = jnp.array(rng.normal(size=prediction.shape))
        slope = (loss(prediction + 1e-6 * step) - loss(prediction - 1e-6 * step)) / 2e-6
        assert jnp.vdot(grad, step) == pytest.approx(float(slope), rel=1e-5)
        # No first-order change along what the fit removes.
        assert jnp.abs(jnp.sum(grad)) < 1e-12
        assert jnp.abs(jnp.vdot(grad, prediction)) < 1e-12


def test_depth_loss_of_a_constant_prediction_is_finite():
    loss = lambda x: scale_shift_invariant_l1(x, normal(0, 1, 2, 3, 4), jnp.ones_like(x))
    value, grad = jax.value_and_grad(loss)(jnp.full((1, 2, 3, 4), 0.3))
    assert jnp.isfinite(value)
    assert jnp.all(jnp.isfinite(grad))


@pytest.mark.parametrize(
    ("degrees", "expected"), [(0, 0.0), (60, 0.5), (90, 1.0), (180, 2.0)], ids=str
)
@pytest.mark.parametrize("length", [0.01, 1.0, 7.0])
def test_cosine_distance_by_hand(degrees, expected, length):
    angle = np.radians(degrees)
    prediction = jnp.array([[length * np.sin(angle), 0.0, length * np.cos(angle)]], jnp.float32)
    distance = losses.cosine_distance(prediction, jnp.array([[0.0, 0.0, 1.0]]), jnp.ones(1))
    assert distance == pytest.approx(expected, abs=1e-6)


def test_cosine_distance_at_zero_length_is_finite():
    loss = lambda x: losses.cosine_distance(x, jnp.array([[0.0, 0.0, 1.0]]), jnp.ones(1))
    value, grad = jax.value_and_grad(loss)(jnp.zeros((1, 3)))
    assert value == 1
    assert jnp.all(jnp.isfinite(grad))
    assert grad[0, 2] < 0  # towards the target


@pytest.mark.parametrize("size", [(32, 48), (17, 9), (1, 1)])
def test_laplacian_pyramid_equals_scipy(size):
    prediction, target = normal(0, 2, *size), normal(1, 2, *size)
    taps = np.array([1, 4, 6, 4, 1]) / 16
    level, expected = np.asarray(prediction - target, np.float64), 0.0
    for octave in range(5):
        blurred = level
        for axis in (1, 2):
            blurred = ndimage.correlate1d(blurred, taps, axis=axis, mode="nearest")
        expected += 2**octave * np.mean(np.abs(level - blurred))
        level = blurred[:, ::2, ::2]
    found = laplacian_pyramid(prediction, target, jnp.ones((2, *size)))
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-7)


def test_laplacian_pyramid_does_not_see_an_offset_but_a_line():
    target = normal(0, 1, 32, 32)
    offset = laplacian_pyramid(target + 0.5, target, jnp.ones_like(target))
    line = laplacian_pyramid(target.at[0, 16].add(0.5), target, jnp.ones_like(target))
    assert offset < 1e-5 < 1e-2 < line


def laplace(error, log_scale):
    """The parts for one clip of T frames, one joint and one coordinate."""
    prediction = jnp.asarray(error, jnp.float32)[None, :, None, None]
    log_scale = jnp.broadcast_to(jnp.asarray(log_scale, jnp.float32), prediction.shape[:-1])
    weight = jnp.ones(prediction.shape[:-1])
    return losses.laplace(prediction, jnp.zeros_like(prediction), log_scale, weight)


def test_laplace_by_hand():
    parts = laplace([0.2, -0.1], np.log(0.1 - losses.MIN_LAPLACE_SCALE))
    assert parts["position"] == pytest.approx(0.15 / np.sqrt(0.1), rel=1e-5)
    assert parts["velocity"] == pytest.approx(0.3 / np.sqrt(0.1), rel=1e-5)
    assert parts["scale"] == pytest.approx((2 + 1) / 2 + np.log(0.1), rel=1e-5)


@pytest.mark.parametrize("error", [0.003, 0.05, 2.0])
def test_the_best_laplace_scale_is_the_error(error):
    scales = np.geomspace(2e-3, 10, 200)
    values = jax.vmap(lambda s: laplace([error], s)["scale"])(
        jnp.log(scales - losses.MIN_LAPLACE_SCALE)
    )
    assert scales[jnp.argmin(values)] == pytest.approx(error, rel=0.03)
    assert jnp.min(values) == pytest.approx(1 + np.log(error), abs=1e-3)


def test_laplace_scale_has_a_floor():
    perfect = laplace([0.0, 0.0], -100.0)
    assert perfect["scale"] == pytest.approx(np.log(losses.MIN_LAPLACE_SCALE))
    assert perfect["position"] == perfect["velocity"] == 0


@pytest.mark.parametrize("part", ["position", "velocity"])
def test_the_scale_is_learned_from_its_own_part_alone(part):
    assert jax.grad(lambda s: laplace([0.2, -0.1], s)[part])(0.0) == 0
    assert jax.grad(lambda e: laplace([e, -0.1], 0.0)["scale"])(0.2) == 0


@pytest.mark.parametrize("scale", [1.0, 0.1, 0.01])
def test_joints_pull_by_the_root_of_their_precision(scale):
    log_scale = np.log(scale - 0.999 * losses.MIN_LAPLACE_SCALE)
    grad = jax.grad(lambda e: laplace([e], log_scale)["position"])(0.3)
    assert grad == pytest.approx(scale**-0.5, rel=1e-3)


def test_laplace_pulls_towards_the_target():
    grad = jax.grad(lambda e: laplace(e, 0.0)["position"])(jnp.array([0.3, -0.3]))
    assert grad[0] > 0 > grad[1]


def test_velocity_needs_both_frames():
    prediction = normal(0, 1, 4, 2, 3)
    weight = jnp.array([[[1.0, 1.0], [0.0, 1.0], [1.0, 0.0], [0.0, 0.0]]])
    parts = losses.laplace(
        prediction, jnp.zeros_like(prediction), jnp.full((1, 4, 2), -30.0), weight
    )
    # Only the second joint has two labelled frames running.
    change = jnp.mean(jnp.abs(prediction[0, 1, 1] - prediction[0, 0, 1]))
    expected = float(change) / losses.MIN_LAPLACE_SCALE**0.5
    assert parts["velocity"] == pytest.approx(expected, rel=1e-5)


def test_one_frame_has_no_velocity():
    assert laplace([0.4], 0.0)["velocity"] == 0

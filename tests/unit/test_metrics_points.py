"""PCKh, GPS, per-joint errors and robust depth: by hand, and what they must not see."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thfm_jax.tasks import metrics
from thfm_jax.tasks.metrics.similarity import gps, gpsm, oks

examples = settings(deadline=None, max_examples=25)
seeds = st.integers(0, 2**32 - 1)


def poses(seed, frames=5, joints=9):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(frames, joints, 3))
    mask = rng.uniform(size=(frames, joints)) > 0.2
    return truth + 0.1 * rng.normal(size=truth.shape), truth, mask


def test_pckh_by_hand():
    """A head of 30 x 40 pixels counts 0.6 * 50 = 30; half of that is 15."""
    truth = np.zeros((1, 4, 2))
    prediction = np.array([[[15.0, 0.0], [9.0, 12.1], [0.0, 0.0], [999.0, 0.0]]])
    mask = np.array([[True, True, True, False]])
    heads = np.array([[100.0, 50.0, 130.0, 90.0]])
    assert metrics.pckh(prediction, truth, mask, heads) == pytest.approx(2 / 3)
    assert metrics.pckh(prediction, truth, mask, heads, alpha=0.51) == 1


def test_correct_points_tell_joints_apart():
    truth = np.zeros((2, 3, 2))
    prediction = truth + np.array([1.0, 2.0, 3.0])[:, None] * [1, 0]
    mask = np.array([[True, True, True], [True, False, True]])
    found = metrics.correct_points(prediction, truth, mask, np.array([20.0, 10.0]), 0.1)
    np.testing.assert_array_equal(found, [[1, 1, 0], [1, np.nan, 0]])


@examples
@given(seeds)
def test_joint_errors_move_with_the_joints(seed):
    """Renumbering the joints renumbers their errors and changes no mean."""
    prediction, truth, mask = poses(seed)
    order = np.random.default_rng(seed).permutation(9)
    moved = [part[:, order] for part in (prediction, truth, mask)]
    before = metrics.position_errors(prediction, truth, mask)
    np.testing.assert_array_equal(metrics.position_errors(*moved), before[:, order])
    for mean in (metrics.mpjpe, metrics.n_mpjpe, metrics.pa_mpjpe, metrics.acceleration_error):
        expected = mean(prediction, truth, mask)
        assert mean(*moved) == pytest.approx(expected, nan_ok=True)


def test_joint_errors_average_to_mpjpe():
    prediction, truth, mask = poses(0)
    mask[3] = False
    errors = metrics.position_errors(prediction, truth, mask)
    np.testing.assert_array_equal(np.isnan(errors), ~mask)
    rows = [np.mean(errors[frame][mask[frame]]) for frame in (0, 1, 2, 4)]
    np.testing.assert_allclose(metrics.frame_means(errors)[[0, 1, 2, 4]], rows)
    assert metrics.mpjpe(prediction, truth, mask) == pytest.approx(np.mean(rows))


@examples
@given(seeds)
def test_normals_do_not_see_a_common_change_of_sign(seed):
    rng = np.random.default_rng(seed)
    prediction, truth = rng.normal(size=(2, 2, 4, 5, 3))
    mask = rng.uniform(size=(2, 4, 5)) > 0.5
    signs = rng.choice([-1.0, 1.0], 3)
    before = metrics.normal_angles(prediction, truth, mask)
    np.testing.assert_allclose(
        metrics.normal_angles(signs * prediction, signs * truth, mask), before
    )
    opposite = metrics.normal_angles(-prediction, truth, mask)
    np.testing.assert_allclose(opposite, 180 - before)


@examples
@given(seeds, st.floats(0.01, 100), st.floats(-100, 100))
def test_robust_depth_does_not_see_scale_and_shift(seed, scale, shift):
    rng = np.random.default_rng(seed)
    truth = rng.uniform(1, 5, (3, 6, 7))
    prediction = truth + 0.3 * rng.normal(size=truth.shape)
    mask = rng.uniform(size=truth.shape) > 0.3
    for align in ("image", "clip"):
        fit = (mask, align, metrics.median_spread)
        before = metrics.depth_errors(prediction, truth, *fit)
        after = metrics.depth_errors(scale * prediction + shift, truth, *fit)
        assert after == pytest.approx(before, rel=1e-6)


def test_robust_fit_by_hand():
    """Medians 3 and 30; mean distances 2 and 16 from them: scale 8, shift 30 - 8 * 3."""
    prediction = np.array([0.0, 2.0, 3.0, 4.0, 8.0])
    truth = np.array([10.0, 20.0, 30.0, 40.0, 70.0])
    assert metrics.median_spread(prediction, truth) == pytest.approx((8, 6))


def test_a_wild_pixel_flattens_least_squares_and_not_the_robust_fit():
    truth = np.linspace(1, 3, 101)
    prediction = truth.copy()
    prediction[50] = 60
    assert metrics.least_squares(prediction, truth)[0] < 0.02
    assert metrics.median_spread(prediction, truth)[0] > 0.4


def test_gps_by_hand():
    """At the spread of its part a point counts exp(-1/2); a missing one counts nothing."""
    # Part 1 is the torso (0.351 m), 3 a hand (0.107 m), 24 the head (0.150 m).
    distances = np.array([0.0, 0.351, 0.107, 0.300, np.inf])
    parts = np.array([2, 1, 3, 24, 10])
    expected = (1 + 2 * np.exp(-0.5) + np.exp(-2)) / 5
    assert gps(distances, parts) == pytest.approx(expected)
    assert gps(np.zeros(0), np.zeros(0, int)) == 0
    assert gpsm(0.64, 0.25) == pytest.approx(0.4)


@examples
@given(seeds, st.floats(0.1, 10))
def test_oks_does_not_see_the_resolution(seed, zoom):
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, 90, (3, 17, 2))
    truth = np.concatenate([rng.uniform(0, 90, (2, 17, 2)), rng.integers(0, 3, (2, 17, 1))], axis=2)
    truth[1, :, 2] = 0
    boxes, areas = rng.uniform(5, 60, (2, 4)), rng.uniform(500, 5000, 2)
    before = oks(points, truth, boxes, areas)
    after = oks(zoom * points, truth * [zoom, zoom, 1], zoom * boxes, zoom**2 * areas)
    np.testing.assert_allclose(after, before, atol=1e-12)

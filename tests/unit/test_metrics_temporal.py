"""Steadiness of predictions: by hand, and what it must not see."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thfm_jax.tasks import metrics

examples = settings(deadline=None, max_examples=25)
seeds = st.integers(0, 2**32 - 1)


def clip(seed, channels=3):
    rng = np.random.default_rng(seed)
    prediction, truth = rng.normal(size=(2, 4, 5, 6, channels))
    return prediction, truth, rng.uniform(size=(4, 5, 6)) > 0.3


@examples
@given(seeds, st.sampled_from([1, 3]))
def test_change_errors_equal_a_loop(seed, channels):
    prediction, truth, mask = clip(seed, channels)
    for frame, found in enumerate(metrics.change_errors(prediction, truth, mask)):
        errors = [
            np.linalg.norm(
                (prediction[frame + 1] - prediction[frame])[place]
                - (truth[frame + 1] - truth[frame])[place]
            )
            for place in np.ndindex(5, 6)
            if mask[frame][place] and mask[frame + 1][place]
        ]
        assert found == pytest.approx(np.mean(errors))


@examples
@given(seeds)
def test_a_constant_error_is_steady(seed):
    _, truth, mask = clip(seed)
    offset = np.random.default_rng(seed).normal(size=truth.shape[1:])
    assert metrics.change_errors(truth + offset, truth, mask).max() < 1e-14


def test_depth_that_breathes_by_a_centimetre_changes_by_two():
    truth = np.full((5, 4, 4, 1), 3.0)
    breath = 0.01 * (-1.0) ** np.arange(5)[:, None, None, None]
    whole = np.ones((5, 4, 4), bool)
    np.testing.assert_allclose(metrics.change_errors(truth + breath, truth, whole), 0.02)


def test_align_depth_gives_metres_by_one_fit_to_the_clip():
    rng = np.random.default_rng(0)
    truth = rng.uniform(2, 4, (3, 5, 6))
    mask = rng.uniform(size=truth.shape) > 0.3
    found = metrics.align_depth(np.where(mask, 5 * truth - 7, 99), truth, mask)
    np.testing.assert_allclose(found[mask], truth[mask])
    np.testing.assert_allclose(found[~mask], (99 + 7) / 5)


def test_resting_changes_by_hand():
    """Two of three pixels rest, within two levels; the prediction changes by 3 and by 1 there."""
    pictures = np.full((2, 1, 3, 3), 100, np.uint8)
    pictures[1, 0, 1] = [100, 100, 98]
    pictures[1, 0, 2] = [100, 103, 100]
    prediction = np.array([[[[0.0], [0.0], [0.0]]], [[[3.0], [-1.0], [50.0]]]])
    whole = np.ones((2, 1, 3), bool)
    assert metrics.resting_changes(prediction, pictures, whole) == pytest.approx([2])
    assert np.isnan(metrics.resting_changes(prediction, pictures, ~whole)[0])
    assert metrics.resting_changes(prediction, pictures, whole, tolerance=0) == pytest.approx([3])


def test_steadiness_needs_two_frames_running():
    prediction, truth, mask = clip(0)
    mask[1] = False
    found = metrics.change_errors(prediction, truth, mask)
    np.testing.assert_array_equal(np.isnan(found), [True, True, False])
    assert metrics.change_errors(prediction[:1], truth[:1], mask[:1]).shape == (0,)


def test_jitter_is_the_third_derivative():
    """x = t^3 / 6 metres at 30 fps has a third derivative of 1 m/s^3, anything of degree 2 none."""
    seconds = np.arange(8)[:, None] / 30
    points = np.stack([seconds**3 / 6, 4 * seconds**2 - seconds, 1 + 0 * seconds], axis=-1)
    mask = np.ones((8, 1), bool)
    np.testing.assert_allclose(metrics.jitters(points, mask, fps=30), np.ones((5, 1)))
    np.testing.assert_allclose(metrics.jitters(points, mask), np.full((5, 1), 30.0**-3), rtol=1e-6)


def test_jitter_needs_four_frames_running():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(6, 2, 2))
    mask = np.ones((6, 2), bool)
    mask[2, 1] = False
    points[2, 1] = np.nan
    np.testing.assert_array_equal(np.isnan(metrics.jitters(points, mask)), [[False, True]] * 3)
    expected = np.linalg.norm(np.diff(points[:, 0], 3, axis=0), axis=-1)
    np.testing.assert_allclose(metrics.jitters(points, mask)[:, 0], expected)

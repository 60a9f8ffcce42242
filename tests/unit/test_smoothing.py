"""Whittaker's smoother."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from thfm_jax.ops.smoothing import whittaker

NUMBERS = st.floats(-100, 100)


@given(
    arrays(float, (2, 3, 2), elements=NUMBERS),
    arrays(float, (9, 3), elements=st.floats(0.01, 1)),
    st.floats(0, 100),
)
def test_uniform_motion_is_kept_whatever_the_weights(line, weight, stiffness):
    values = line[0] + np.arange(9)[:, None, None] * line[1]
    np.testing.assert_allclose(whittaker(values, weight, stiffness), values, atol=1e-6)


@given(arrays(float, (9, 3, 2), elements=NUMBERS), arrays(float, (9, 3), elements=st.floats(0, 1)))
def test_no_series_bends_less_for_as_much_error(values, weight):
    """The sum of squares that it minimises is no less for the values themselves, or none."""
    smooth = whittaker(values, weight + 0.01, 2.0)

    def cost(x):
        error = (weight + 0.01)[..., None] * (x - values) ** 2
        return error.sum() + 2.0 * (np.diff(x, 2, axis=0) ** 2).sum()

    for other in (values, np.zeros_like(values), smooth + 0.1, smooth * 1.01):
        assert cost(smooth) <= cost(other) + 1e-6


@pytest.mark.parametrize("period", [4, 6, 12])
def test_the_period_that_is_damped_by_half(period):
    time = np.arange(240)
    sway = np.cos(2 * np.pi * time / period)[:, None, None]
    half = (2 * np.sin(np.pi / period)) ** -4
    smooth = whittaker(sway, np.ones((240, 1)), half)
    np.testing.assert_allclose(smooth[60:180], sway[60:180] / 2, atol=1e-3)


def test_what_has_no_weight_says_nothing_even_nan():
    values = np.arange(9.0)[:, None, None] * [1.0, 2.0]
    spoilt = values.copy()
    spoilt[3:6] = np.nan
    weight = np.isfinite(spoilt[..., 0]).astype(float)
    np.testing.assert_allclose(whittaker(spoilt, weight, 5.0), values, atol=1e-9)


def test_one_frame_is_itself():
    values = np.array([[[3.0, 4.0]]])
    np.testing.assert_array_equal(whittaker(values, np.ones((1, 1)), 5.0), values)

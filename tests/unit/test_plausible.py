"""Labels in other units or axes than said are noticed and explained; right ones never are."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.miniatures.balls import ball
from tests.unit import analytic_clip
from thfm_jax.data.benchmarks import plausible
from thfm_jax.data.benchmarks.goliath import LIMITS
from thfm_jax.data.benchmarks.sequence import BenchmarkError

FILE = Path("set/normal/000001.npy")
SWAPS = [
    (order, signs)
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
]


def test_normals_of_a_ball_are_plausible_in_one_of_48_ways_to_store_them():
    shown = ball(np.random.default_rng(0), 96, 80)
    accepted = []
    for order, signs in SWAPS:
        stored = np.empty_like(shown.normals)
        stored[..., list(order)] = shown.normals * signs
        try:
            plausible.check_normals(FILE, stored, shown.mask)
            accepted.append((order, signs))
        except BenchmarkError as error:
            names = [
                f"{'-' if s < 0 else ''}{'xyz'[at]}" for at, s in zip(order, signs, strict=True)
            ]
            assert f"in its axes that is ({', '.join(names)})" in str(error)
            assert str(error).startswith(str(FILE))
    assert accepted == [((0, 1, 2), (1, 1, 1))]


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(40, 120), st.integers(40, 120))
def test_right_labels_are_never_refused(seed, height, width):
    shown = ball(np.random.default_rng(seed), height, width)
    plausible.check_normals(FILE, shown.normals, shown.mask)
    plausible.check_depth(FILE, shown.depth_m, shown.mask, plausible.PEOPLE)
    for limits in LIMITS.values():
        plausible.check_depth(FILE, shown.depth_m - 1.8 + 0.2, shown.mask, limits)


@pytest.mark.parametrize("seed", range(5))
def test_a_body_that_the_picture_cuts_off_is_plausible(seed):
    labels = analytic_clip.make(seed, frames=1, size=(96, 128)).labels
    mask = labels.instance[0] > 0
    rows, columns = np.nonzero(mask)
    middle = (rows.min() + rows.max()) // 2, (columns.min() + columns.max()) // 2
    for part in (
        np.s_[: middle[0]],
        np.s_[middle[0] :],
        np.s_[:, : middle[1]],
        np.s_[:, middle[1] :],
    ):
        plausible.check_normals(FILE, labels.normals[0][part], mask[part])


def test_colours_instead_of_normals_are_named():
    shown = ball(np.random.default_rng(0))
    with pytest.raises(BenchmarkError, match=r"unit vectors.*are they colours"):
        plausible.check_normals(FILE, 0.5 * shown.normals + 0.5, shown.mask)


@pytest.mark.parametrize("said, meant", itertools.permutations(plausible.METRES, 2))
def test_units_of_rendered_scans_are_told_apart(said, meant):
    shown = ball(np.random.default_rng(0), distance_m=2.0, radius_m=0.3)
    stored = shown.depth_m / plausible.METRES[meant]
    with pytest.raises(BenchmarkError, match=f"taken to be in {said}.*plausible in .*{meant}"):
        plausible.check_depth(
            FILE, stored * plausible.METRES[said], shown.mask, plausible.SCANS, said
        )


def test_normalised_depth_fits_no_unit_of_a_dome():
    shown = ball(np.random.default_rng(0))
    values = shown.depth_m[shown.mask]
    normalised = (shown.depth_m - values.min()) / np.ptp(values)
    with pytest.raises(BenchmarkError, match="no unit makes it plausible"):
        plausible.check_depth(FILE, normalised, shown.mask, LIMITS["full_body"])


def test_a_few_pixels_are_not_judged():
    mask = np.ones((1, 4), bool)
    plausible.check_depth(FILE, np.full((1, 4), 1e6), mask, plausible.PEOPLE)
    plausible.check_normals(FILE, np.zeros((1, 4, 3)), mask)

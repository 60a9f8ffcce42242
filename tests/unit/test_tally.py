"""Tallies: sums are what pooling gives, whatever the order, and survive JSON."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thfm_jax.evaluation.detections import Detections, Matched
from thfm_jax.evaluation.tally import Histogram, Mean, from_json
from thfm_jax.tasks.metrics.matching import average_precision, match, outcomes

examples = settings(deadline=None, max_examples=50)
angles = st.lists(st.floats(0, 180), min_size=1, max_size=30)
quantiles = st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0])


def again(tally):
    return from_json(json.loads(json.dumps(tally.to_json())))


@examples
@given(angles, angles, quantiles)
def test_histogram_is_the_pooled_quantile_to_half_a_bin(first, second, quantile):
    parts = [
        again(Histogram.of(np.array(values), 0, 180, 1800, quantile)) for values in (first, second)
    ]
    expected = np.quantile(first + second, quantile)
    assert abs((parts[0] + parts[1]).value() - expected) <= 0.05 + 1e-9
    assert again(parts[0] + parts[1]).value() == (parts[1] + parts[0]).value()


def test_histogram_says_where_its_range_does_not_reach():
    assert Histogram.of(np.array([5.0, 11.0, 12.0]), 0, 10, 10).value() == np.inf
    assert Histogram.of(np.array([-5.0, -1.0, 5.0]), 0, 10, 10).value() == -np.inf
    assert Histogram.of(np.array([-5.0, 3.2, 11.0]), 0, 10, 10).value() == 3.5
    assert Histogram.of(np.array([10.0]), 0, 10, 10).value() == 9.5
    assert np.isnan(Histogram.of(np.array([np.nan]), 0, 10, 10).value())


def test_histograms_of_other_bins_do_not_add():
    with pytest.raises(ValueError, match="cannot be added"):
        Histogram.of(np.zeros(1), 0, 1, 10) + Histogram.of(np.zeros(1), 0, 1, 11)


def test_mean_pools_by_weight_and_keeps_infinite_errors():
    total = again(Mean.of(np.array([1.0, np.nan]))) + Mean.of(np.array([4.0]), np.array([2.0]))
    assert total.value() == 3
    assert Mean.of(np.array([1.0, np.inf])).value() == np.inf


def matched(picture, scores, outcomes, positives=2):
    return Matched(picture, np.array(scores), np.array([outcomes], np.int8), positives)


def test_precision_and_recall_by_hand():
    """Correct, wrong, not counted, correct, of 3: precision 1 to recall 1/3, then 2/3 to 2/3."""
    part = matched(1, [0.9, 0.8, 0.7, 0.6], [1, 0, -1, 1], positives=3)
    precision = again(Detections("precision", (part,))).value()
    assert precision == pytest.approx((34 * 1 + 33 * 2 / 3) / 101)
    assert again(Detections("recall", (part,))).value() == pytest.approx(2 / 3)


def test_equal_confidences_rank_by_picture_not_by_the_order_of_adding():
    parts = [matched(1, [0.5], [0], 1), matched(2, [0.5], [1], 1)]
    first, second = (Detections("precision", (part,)) for part in parts)
    assert (first + second).value() == (second + first).value() == pytest.approx(0.5 * 51 / 101)


def test_nothing_to_find_is_nan_and_nothing_found_is_0():
    assert np.isnan(Detections("precision", (matched(1, [0.5], [0], 0),)).value())
    nothing = Matched(1, np.zeros(0), np.zeros((1, 0), np.int8), 3)
    assert Detections("precision", (nothing,)).value() == 0
    assert Detections("recall", (nothing,)).value() == 0
    assert again(Detections("recall", (nothing, matched(2, [0.5], [1])))).value() == 0.2


def test_precision_and_recall_do_not_add():
    with pytest.raises(ValueError, match="cannot be added"):
        Detections("precision") + Detections("recall")


@examples
@given(st.integers(0, 2**32 - 1))
def test_the_order_of_people_and_of_wrong_detections_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    similarity = rng.uniform(size=(4, 3))
    none, nobody = np.zeros((1, 3), bool), np.zeros(3, bool)
    order = rng.permutation(3)
    before = match(similarity, none, nobody)
    after = match(similarity[:, order], none, nobody)
    np.testing.assert_array_equal(np.where(after < 0, -1, order[after]), before)


def test_a_perfect_ranking_has_precision_one():
    found = np.array([[1, 1, 0, 0]], np.int8)
    assert average_precision(np.array([4.0, 3, 2, 1]), found, 2) == pytest.approx(1)


def test_detections_where_nobody_is_are_wrong_unless_of_another_size():
    (matches,) = match(np.zeros((2, 0)), np.zeros((1, 0), bool), np.zeros(0, bool))
    assert (matches == -1).all()
    found = outcomes(matches, np.zeros(0, bool), np.array([False, True]))
    np.testing.assert_array_equal(found, [[0, -1]] * 10)

"""Cutting clips into windows and joining predictions again."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from thfm_jax.ops import windows

LENGTHS = st.integers(1, 25)
RNG = np.random.default_rng(0)


def offline_weights(plan, overlap):
    """[windows, T] share of each window in each frame, from the rule and not from the code.

    A window takes over along a ramp on the last `overlap` frames of what went before.
    """
    weights = np.zeros((len(plan), plan[-1].stop))
    for index, window in enumerate(plan):
        rising = np.zeros(weights.shape[1])
        rising[window.start : window.stop] = 1
        if index:
            joint = plan[index - 1].stop - overlap
            rising[:joint] = 0
            rising[joint : joint + overlap] = np.arange(1, overlap + 1) / (overlap + 1)
        weights[:index] *= 1 - rising
        weights[index] = rising
    return weights


def merge(plan, values, overlap, join=None, masks=None):
    """The streamed result of predictions of each window, [T, ...]."""
    blender = windows.Blender(overlap, join)
    masks = masks or [None] * len(plan)
    parts = [blender.add(*item) for item in zip(plan, values, masks, strict=True)]
    return np.concatenate([*parts, blender.finish()])


@given(st.integers(1, 120), LENGTHS, st.integers(0, 24))
def test_windows_cover_every_frame_and_have_one_length(frames, length, overlap):
    assume(overlap < length)
    plan = windows.plan(frames, length, overlap)
    assert plan[0].start == 0 and plan[-1].stop == frames
    assert {window.stop - window.start for window in plan} == {min(frames, length)}
    for before, after in itertools.pairwise(plan):
        assert before.start < after.start <= before.stop - overlap
        assert after.stop > before.stop


@given(st.integers(1, 60), LENGTHS, st.integers(0, 24))
def test_a_window_holds_its_frames(frames, length, overlap):
    assume(overlap < length)
    for window, block in windows.stream(np.arange(frames)[:, None], length, overlap):
        np.testing.assert_array_equal(block[:, 0], np.arange(window.start, window.stop))


@given(st.integers(1, 80), LENGTHS, st.integers(0, 24), st.integers(0, 2**32 - 1))
def test_streaming_equals_the_weighted_sum_of_all_windows(frames, length, overlap, seed):
    assume(overlap < length)
    plan = windows.plan(frames, length, overlap)
    weights = offline_weights(plan, overlap)
    np.testing.assert_allclose(weights.sum(axis=0), 1)
    rng = np.random.default_rng(seed)
    values = [rng.normal(size=(window.stop - window.start, 3)) for window in plan]
    expected = np.zeros((frames, 3))
    for window, value, weight in zip(plan, values, weights, strict=True):
        part = slice(window.start, window.stop)
        expected[part] += weight[part, None] * value
    np.testing.assert_allclose(merge(plan, values, overlap), expected, atol=1e-6)


@given(st.integers(1, 80), LENGTHS, st.integers(0, 24))
def test_windows_that_agree_come_out_as_they_are(frames, length, overlap):
    assume(overlap < length)
    truth = np.sin(np.arange(frames, dtype=np.float32))
    plan = windows.plan(frames, length, overlap)
    merged = merge(plan, [truth[w.start : w.stop] for w in plan], overlap)
    np.testing.assert_allclose(merged, truth, atol=1e-6)


def test_only_the_overlap_is_held():
    blender = windows.Blender(4)
    assert len(blender.add(windows.Window(0, 17), np.zeros((17, 2)))) == 13
    assert len(blender.add(windows.Window(13, 30), np.zeros((17, 2)))) == 13
    assert len(blender.finish()) == 4


def test_no_more_than_two_windows_of_frames_are_held():
    alive = 0

    class Counted:
        def __init__(self):
            nonlocal alive
            alive += 1

        def __del__(self):
            nonlocal alive
            alive -= 1

        def __array__(self, dtype=None, copy=None):
            return np.zeros(2)

    most = 0
    for _ in windows.stream((Counted() for _ in range(200)), 17, 4):
        most = max(most, alive)
    assert most <= 34


def test_a_frame_without_a_value_in_one_window_takes_the_other():
    first, second = np.full((5, 2), 1.0), np.full((5, 2), 3.0)
    first[4, 0] = second[0, 1] = np.nan
    merged = merge([windows.Window(0, 5), windows.Window(3, 8)], [first, second], 2)
    assert merged[4, 0] == 3 and merged[3, 1] == 1
    assert not np.isnan(merged).any()


def shaded(frames, offset=0):
    """A depth video [T, 12, 12] that moves."""
    t, y, x = np.indices((frames, 12, 12), dtype=np.float64)
    return np.sin(0.3 * (t + offset) + 0.4 * x) + 0.2 * y + 5


def test_depth_windows_of_other_scale_and_shift_join_without_a_seam():
    plan = windows.plan(40, 17, 5)
    truth = shaded(40)
    changes = [(1, 0), (1.3, -2), (0.8, 3), (1.1, 0.5)]
    values = [
        scale * truth[w.start : w.stop] + shift
        for w, (scale, shift) in zip(plan, changes, strict=False)
    ]
    merged = merge(plan, values, 5, windows.fade_depth)
    np.testing.assert_allclose(merged, truth, atol=1e-5)


def test_depth_is_aligned_on_the_foreground_alone():
    plan = windows.plan(30, 17, 4)
    truth = shaded(30)
    mask = np.zeros((30, 12, 12), bool)
    mask[:, 3:10, 2:9] = True
    values = [truth[:17].copy(), 1.2 * truth[13:] - 1]
    values[1][~mask[13:]] = RNG.normal(size=np.sum(~mask[13:]))
    masks = [mask[:17], mask[13:]]
    merged = merge(plan, values, 4, windows.fade_depth, masks)
    np.testing.assert_allclose(merged[mask], truth[mask], atol=1e-5)


@pytest.mark.parametrize(("factor", "clipped"), [(0.1, 1.5), (10.0, 0.7), (-1.0, 0.7)])
def test_the_scale_between_windows_is_limited(factor, clipped):
    plan = windows.plan(30, 17, 4)
    truth = shaded(30)
    merged = merge(plan, [truth[:17], factor * truth[13:]], 4, windows.fade_depth)
    change = np.diff(merged[20:], axis=0)
    np.testing.assert_allclose(change, clipped * factor * np.diff(truth[20:], axis=0), atol=1e-6)
    # The shift still brings the overlap's means together.
    aligned = clipped * factor * truth[13:17]
    shift = merged[25] - clipped * factor * truth[25]
    np.testing.assert_allclose(aligned.mean() + shift, truth[13:17].mean(), atol=1e-6)


def test_depth_stays_as_it_is_where_too_little_is_shared():
    plan = windows.plan(30, 17, 4)
    truth = shaded(30)
    nowhere = np.zeros((17, 12, 12), bool)
    values = [truth[:17], 2 * truth[13:]]
    merged = merge(plan, values, 4, windows.fade_depth, [nowhere, nowhere])
    np.testing.assert_allclose(merged[17:], 2 * truth[17:])


def test_joined_normals_are_unit_vectors_and_the_background_stays_zero():
    values = RNG.normal(size=(2, 10, 6, 6, 3)).astype(np.float32)
    values /= np.linalg.norm(values, axis=-1, keepdims=True)
    values[:, :, :2] = 0
    plan = [windows.Window(0, 10), windows.Window(6, 16)]
    merged = merge(plan, list(values), 4, windows.fade_normals)
    np.testing.assert_allclose(np.linalg.norm(merged[:, 2:], axis=-1), 1, atol=1e-5)
    assert (merged[:, :2] == 0).all()
    np.testing.assert_array_equal(merged[:6], values[0, :6])
    np.testing.assert_array_equal(merged[10:], values[1, 4:])


@pytest.mark.parametrize(("length", "overlap"), [(5, 5), (5, 9), (5, -1), (0, 0)])
def test_an_impossible_overlap_is_told(length, overlap):
    with pytest.raises(ValueError, match="expected 0 <= overlap < length"):
        windows.plan(10, length, overlap)


def test_a_clip_without_frames_is_told():
    with pytest.raises(ValueError, match="at least one frame"):
        windows.plan(0, 17, 4)
    with pytest.raises(ValueError, match="at least one window"):
        windows.Blender(4).finish()


def test_predictions_that_do_not_fit_their_window_are_told():
    blender = windows.Blender(4)
    with pytest.raises(ValueError, match="predictions for all of"):
        blender.add(windows.Window(0, 17), np.zeros((21, 2)))
    blender.add(windows.Window(0, 17), np.zeros((17, 2)))
    with pytest.raises(ValueError, match="does not reach back"):
        blender.add(windows.Window(14, 31), np.zeros((17, 2)))

"""Following people: where a rectangle is put about them, and that what is seen in it comes back."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.unit import bright_figures
from thfm_jax import following, predict
from thfm_jax.data.transforms import fit_map

WHOLE = fit_map(720, 1280, area=192 * 336)
SQUARE = 256
NO_JOINTS = np.zeros((9, 2, 3))


def matte(*rectangles: tuple[int, int, int, int], frames: slice = slice(None)) -> np.ndarray:
    """[9, 192, 336], 1 in rectangles (left, top, right, bottom) of some frames."""
    alpha = np.zeros((9, 192, 336))
    for left, top, right, bottom in rectangles:
        alpha[frames, top:bottom, left:right] = 1
    return alpha


def boxes(*centres: tuple[float, float], half=(20.0, 45.0)) -> np.ndarray:
    return np.array([[x - half[0], y - half[1], x + half[0], y + half[1]] for x, y in centres])


# Who counts.


def test_the_box_is_that_of_the_person_and_not_of_specks_and_flashes():
    speck, flash = matte((200, 20, 203, 24)), matte((5, 5, 30, 60), frames=slice(4, 6))
    found = following.people(matte((50, 60, 62, 90)) + speck + flash, NO_JOINTS)
    np.testing.assert_array_equal(found, [[50, 60, 62, 90]] * 9)


def test_someone_who_is_elsewhere_in_every_frame_is_found():
    alpha = sum(matte((20 * t, 60, 20 * t + 8, 90), frames=slice(t, t + 1)) for t in range(9))
    expected = [[20 * t, 60, 20 * t + 8, 90] for t in range(9)]
    np.testing.assert_array_equal(following.people(alpha, NO_JOINTS), expected)


def test_parts_of_one_person_are_one():
    """The head is less than a tenth of the body, and three pixels away."""
    found = following.people(matte((50, 60, 70, 90), (58, 54, 62, 57)), NO_JOINTS)
    np.testing.assert_array_equal(found, [[50, 54, 70, 90]] * 9)


def test_the_box_holds_several_people_but_no_far_ones_behind_a_subject():
    two = following.people(matte((50, 60, 62, 90), (150, 70, 160, 90)), NO_JOINTS)
    np.testing.assert_array_equal(two, [[50, 60, 160, 90]] * 9)
    subject = following.people(matte((50, 60, 90, 150), (150, 70, 156, 90)), NO_JOINTS)
    np.testing.assert_array_equal(subject, [[50, 60, 90, 150]] * 9)


def test_frames_without_anyone_have_no_box():
    found = following.people(matte((50, 60, 62, 90), frames=slice(2, 6)), NO_JOINTS)
    np.testing.assert_array_equal(np.isnan(found).all(axis=1), [1, 1, 0, 0, 0, 0, 1, 1, 1])
    assert np.isnan(following.people(matte(), NO_JOINTS)).all()


def test_a_still_is_enough():
    found = following.people(matte((50, 60, 62, 90))[:1], NO_JOINTS[:1])
    np.testing.assert_array_equal(found, [[50, 60, 62, 90]])


def test_joints_near_the_matte_extend_the_box_if_they_are_sure():
    joints = np.zeros((9, 4, 3))
    joints[:, 0] = 47.5, 70, 0.9
    joints[:, 1] = 60, 96, 0.4
    joints[:, 2] = 300, 70, 0.9
    found = following.people(matte((50, 60, 62, 90)), joints)
    np.testing.assert_array_equal(found, [[47.5, 60, 62, 90]] * 9)


# The rectangle.


@st.composite
def tracks(draw) -> np.ndarray:
    """Boxes [T, 4] in a frame of 720 x 1280, some NaN."""
    count = draw(st.integers(1, 20))
    element = st.floats(0, 1)
    x, y = (draw(arrays(float, count, elements=element)) * side for side in (1280, 720))
    size = draw(arrays(float, (count, 2), elements=st.floats(2, 300)))
    low = np.stack([x, y], axis=1) - size / 2
    track = np.clip(np.hstack([low, low + size]), 0, [1280, 720] * 2)
    track[draw(arrays(bool, count))] = np.nan
    return track


@given(tracks())
def test_a_rectangle_holds_all_boxes_in_the_frame_and_is_worth_it(track):
    crop = following.around(track, WHOLE, SQUARE)
    if crop is None:
        return
    rectangles = np.array(crop.boxes())
    assert crop.size in (WHOLE.size, (SQUARE, SQUARE)) and len(rectangles) == len(track)
    assert (rectangles[:, :2] >= 0).all() and (rectangles[:, 2:] <= [1280 + 1e-6, 720 + 1e-6]).all()
    known = np.isfinite(track).all(axis=1)
    assert (rectangles[known, :2] <= track[known, :2] + 1e-6).all()
    assert (rectangles[known, 2:] >= track[known, 2:] - 1e-6).all()
    assert crop.scale <= following.MAX_SCALE
    assert crop.extent.prod() <= following.WORTH * 1280 * 720


@pytest.mark.parametrize(
    "track",
    [
        np.full((5, 4), np.nan),
        boxes(*[(640, 360)] * 5, half=(100, 340)),
        boxes(*[(640, 360)] * 5, half=(620, 45)),
    ],
    ids=["nobody", "large", "far apart"],
)
def test_the_whole_frame_is_kept_where_a_rectangle_is_not_worth_it(track):
    assert following.around(track, WHOLE, SQUARE) is None


def test_people_fill_the_rectangle_but_for_the_margin():
    crop = following.around(boxes(*[(640, 360)] * 5), WHOLE, SQUARE)
    np.testing.assert_allclose(crop.extent[1], 90 * following.MARGIN)
    np.testing.assert_allclose(crop.corners + crop.extent / 2, [[640, 360]] * 5)


def test_a_square_is_about_someone_tall_and_the_shape_of_the_frame_about_a_group():
    tall = following.around(boxes(*[(640, 360)] * 5), WHOLE, SQUARE)
    group = following.around(boxes(*[(640, 360)] * 5, half=(300, 45)), WHOLE, SQUARE)
    assert tall.size == (SQUARE, SQUARE) and group.size == WHOLE.size


def test_someone_almost_as_tall_as_the_frame_is_shown_in_a_square_as_tall_as_it():
    crop = following.around(boxes(*[(640, 360)] * 5, half=(100, 320)), WHOLE, SQUARE)
    np.testing.assert_allclose(crop.boxes(), [(280, 0, 1000, 720)] * 5)


def test_very_small_people_are_not_enlarged_without_end():
    crop = following.around(boxes(*[(640, 360)] * 5, half=(2, 5)), WHOLE, SQUARE)
    assert crop.scale == following.MAX_SCALE


@settings(max_examples=50)
@given(arrays(float, (17, 2), elements=st.floats(-1, 1)), st.floats(0, 20))
def test_jitter_of_boxes_hardly_moves_the_rectangle(jitter, px):
    """By no more than 0.3 of it a frame, and a change of velocity by a twentieth at most."""
    crop = following.around(boxes(*(np.array([640, 360]) + px * jitter)), WHOLE, SQUARE)
    velocity = np.diff(crop.corners, axis=0)
    assert np.abs(velocity).max() <= 0.3 * px + 1e-6
    assert np.abs(np.diff(velocity, axis=0)).max() <= 0.051 * px + 1e-6


@given(st.floats(-15, 15), st.floats(-5, 5))
def test_uniform_motion_is_followed_without_lag_also_through_frames_without_anyone(vx, vy):
    centres = np.array([640, 360]) + (np.arange(17) - 8)[:, None] * [vx, vy]
    seen = centres.copy()
    seen[6:11] = np.nan
    for points in (centres, seen):
        crop = following.around(boxes(*points), WHOLE, SQUARE)
        lag = crop.corners + crop.extent / 2 - centres
        assert np.abs(lag).max() <= 0.05 * np.hypot(vx, vy) + 1e-6


# What is seen in it, from frames to predictions.


@pytest.fixture(scope="module")
def finder() -> bright_figures.Finder:
    return bright_figures.Finder()


def walk(frames: int, start, stop, height) -> np.ndarray:
    """(x, y, height) [T, 1, 3] of someone who walks in a line."""
    share = np.linspace(0, 1, frames)[:, None]
    path = np.array(start) * (1 - share) + np.array(stop) * share
    heights = np.broadcast_to(height, frames)[:, None]
    return np.concatenate([path, heights], axis=1)[:, None]


def iou(values, clip) -> np.ndarray:
    """[T] intersection over union of matte and figures."""
    person, truth = values["matte"] > 0.5, clip[..., :2].any(axis=-1)
    return (person & truth).sum(axis=(1, 2)) / (person | truth).sum(axis=(1, 2))


def error_px(values, clip) -> float:
    """The farthest that the head's and the body's middle are from those drawn, in source pixels."""
    truth = []
    for channel in range(2):
        t, y, x = np.nonzero(clip[..., channel])
        place = np.stack([x, y], axis=1) + 0.5
        truth.append([place[t == frame].mean(axis=0) for frame in range(len(clip))])
    error = values["keypoints2d"][:, :2, :2] - np.swapaxes(truth, 0, 1)
    return float(np.linalg.norm(error, axis=-1).max())


def test_someone_small_comes_back_at_the_right_pixels(finder):
    """An eighth of the frame's height, who walks through it; in two windows."""
    clip = bright_figures.clip(walk(12, (200, 380), (1000, 400), 90), size=(720, 1280))
    finder.calls.clear()
    followed = finder(clip, "matte,keypoints2d").values
    assert iou(followed, clip).min() > 0.92 and error_px(followed, clip) < 0.1
    assert finder.calls == [following.TASKS] * 4  # two looks at each window
    whole = finder(clip, "matte,keypoints2d", follow=False).values
    assert iou(whole, clip).max() < 0.85 and error_px(whole, clip) > 0.5
    assert finder.shapes == {(1, 9, 192, 336, 3), (1, 9, 256, 256, 3)}  # two programs


@pytest.mark.parametrize("height", [np.nan, 345.0], ids=["nobody", "large"])
def test_where_nothing_is_gained_everything_is_as_without(finder, height):
    clip = bright_figures.clip(walk(12, (300, 180), (340, 180), height))
    finder.calls.clear()
    followed = finder(clip).values
    assert [len(tasks) for tasks in finder.calls] == [2, 4] * 2
    for task, value in finder(clip, follow=False).values.items():
        np.testing.assert_array_equal(followed[task], value)


def test_two_people_are_both_found(finder):
    figures = np.concatenate(
        [walk(9, (200, 180), (260, 180), 50), walk(9, (300, 190), (320, 190), 40)], axis=1
    )
    clip = bright_figures.clip(figures)
    values = finder(clip, "matte").values
    for part in (np.s_[:, :, :280], np.s_[:, :, 280:]):
        assert iou({"matte": values["matte"][part]}, clip[part]).min() > 0.85


def test_someone_who_is_away_for_a_while_is_found_again(finder):
    figures = walk(9, (100, 180), (180, 180), 45)
    figures[3:6] = np.nan
    clip = bright_figures.clip(figures)
    values = finder(clip, "matte,keypoints2d").values
    away = np.isnan(figures[:, 0, 0])
    assert not values["matte"][away].any()
    assert (values["keypoints2d"][away, :2, 2] < 0.5).all()
    present = {task: value[~away] for task, value in values.items()}
    assert iou(present, clip[~away]).min() > 0.9 and error_px(present, clip[~away]) < 0.1


def test_someone_who_comes_close_and_leaves_is_joined_over_whole_frames_and_rectangles(finder):
    """Rectangles, whole frames, rectangles; nothing jumps, and the depth keeps its scale."""
    heights = np.interp(np.arange(34), [0, 7, 13, 19, 25, 33], [40, 40, 345, 345, 40, 40])
    clip = bright_figures.clip(walk(34, (250, 185), (400, 175), heights))
    finder.calls.clear()
    values = finder(clip, "depth,normals,matte,keypoints2d").values
    looks = "".join("L" if tasks == following.TASKS else " " for tasks in finder.calls).split()
    assert looks == ["LL", "L", "L", "LL"] + ["LL"] * (len(looks) - 4)
    assert iou(values, clip).min() > 0.8 and error_px(values, clip) < 1
    person = values["matte"] > 0.5
    blue = np.arange(360)[:, None] / 360
    error = np.abs(values["depth"] - blue)[person]
    assert error.max() < 0.02
    np.testing.assert_array_equal(np.isnan(values["depth"]), ~person)
    np.testing.assert_allclose(values["normals"], person[..., None] * [0.0, 0.0, 1.0], atol=1e-6)


def test_a_rectangle_is_predicted_in_it_and_nothing_outside(finder):
    clip = bright_figures.clip(walk(5, (100, 100), (100, 100), 45))
    values = finder(clip, "depth,densepose,matte,normals").values
    outside = np.ones(clip.shape[:3], bool)
    outside[:, 60:140, 60:140] = False
    assert not values["matte"][outside].any() and not values["normals"][outside].any()
    assert np.isnan(values["depth"][outside]).all()
    assert np.isnan(values["densepose"][outside]).all()


def test_everywhere_has_a_value_in_all_of_whole_frames(finder):
    clip = bright_figures.clip(walk(5, (100, 100), (100, 100), 45))
    for _, values in finder.stream(clip, "depth", everywhere=True, follow=False):
        assert np.isfinite(values["depth"]).all()


def test_everywhere_in_a_rectangle_has_a_value_in_all_of_it_and_none_outside(finder):
    clip = bright_figures.clip(walk(5, (100, 100), (100, 100), 45))
    for _, values in finder.stream(clip, "depth", everywhere=True):
        for frame in np.isfinite(values["depth"]):
            rows, columns = np.flatnonzero(frame.any(1)), np.flatnonzero(frame.any(0))
            assert 0 < len(rows) < frame.shape[0] and frame[np.ix_(rows, columns)].all()


def test_windows_without_overlap(finder):
    clip = bright_figures.clip(walk(6, (100, 180), (300, 180), 45))
    blocks = [values for _, values in finder.stream(clip, "matte", length=3, overlap=0)]
    matte = np.concatenate([block["matte"] for block in blocks])
    assert iou({"matte": matte}, clip).min() > 0.9


# A model that was made for single frames.


@pytest.fixture(scope="module")
def still() -> bright_figures.Finder:
    return bright_figures.Finder(frames=1)


def test_it_sees_each_frame_by_itself_and_people_are_followed_through_windows(still):
    clip = bright_figures.clip(walk(40, (100, 180), (500, 180), 45))
    values = still(clip, "matte,keypoints2d").values
    assert {shape[:2] for shape in still.shapes} == {(predict.STILLS, 1)}
    assert iou(values, clip).min() > 0.9 and error_px(values, clip) < 0.2
    still.calls.clear()
    alone = still(clip[:3], "matte,keypoints2d", length=1).values
    assert len(still.calls) == 6 and error_px(alone, clip[:3]) < 0.2


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_what_its_joints_shake_is_damped(still, seed):
    """Third differences to less than a third, and the whole error by no less than nothing."""
    noise = np.random.default_rng(seed).normal(size=(17, 2, 2))
    clip = bright_figures.clip(walk(17, (300, 180), (340, 180), 345.0))
    steady = still(clip, "keypoints2d").values["keypoints2d"]
    with mock.patch.object(still, "outputs", shaken(still.outputs, noise / [640, 360])):
        shaking = still(clip, "keypoints2d").values["keypoints2d"]
    error = (shaking - steady)[:, :2, :2]
    jerk, given = (np.abs(np.diff(x, 3, axis=0)).sum() for x in (error, noise))
    assert jerk <= given / 3
    assert np.linalg.norm(error) <= np.linalg.norm(noise)


def shaken(outputs, noise):
    """`outputs` with the first two joints moved in shares of width and height."""

    def shake(frames, tasks):
        output = outputs(frames, tasks)
        output.sparse[:, :, 0, :2, :2] += noise
        return output

    return shake

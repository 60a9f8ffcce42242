"""Squares about a person: what is cut out comes back to where it was."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thfm_jax.evaluation.crops import Crops

SIZE = (60, 80)


def frames(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, *SIZE, 3), np.uint8)


def test_squares_contain_their_boxes():
    crops = Crops.about(np.array([[10, 20, 30, 60], [50, 10, 70, 20]]), 1.5, SIZE)
    assert crops.sides.tolist() == [60, 30] and crops.shown == 45
    assert crops.corners.tolist() == [[-10, 10], [45, 0]]
    assert [square.shape for square in crops.cut(frames(2))] == [(45, 45, 3)] * 2


def test_a_square_of_its_own_size_shows_the_pixels():
    crops = Crops.about(np.array([[10, 20, 30, 40]]), 1.0, SIZE)
    video = frames(1)
    np.testing.assert_array_equal(next(crops.cut(video)), video[0, 20:40, 10:30])


def test_maps_go_back_to_their_pixels_and_the_rest_is_background():
    crops = Crops.about(np.array([[-6, 20, 14, 40]]), 1.0, SIZE)
    depth = np.random.default_rng(0).random((1, 20, 20)).astype(np.float32)
    normals = np.random.default_rng(1).random((1, 20, 20, 3)).astype(np.float32)
    pasted = crops.paste({"depth": depth, "normals": normals, "matte": depth}, 0)
    for task in ("depth", "normals", "matte"):
        value = {"depth": depth, "normals": normals, "matte": depth}[task]
        np.testing.assert_array_equal(pasted[task][0, 20:40, :14], value[0, :, 6:])
    outside = np.ones(SIZE, bool)
    outside[20:40, :14] = False
    assert (pasted["depth"][0][outside] == depth.max()).all()
    assert not pasted["normals"][0][outside].any() and not pasted["matte"][0][outside].any()


@given(
    st.floats(-20, 60), st.floats(-20, 60), st.floats(5, 90), st.floats(5, 90), st.floats(1, 2),
)  # fmt: skip
def test_points_come_back(left, top, width, height, margin):
    box = np.array([[left, top, left + width, top + height], [0, 0, 33, 21]])
    crops = Crops.about(box, margin, SIZE)
    points = np.random.default_rng(0).uniform(-10, 90, (52, 2))
    shown = (points - crops.corners[0]) * crops.shown / crops.sides[0]
    value = np.concatenate([shown, np.ones((52, 1))], axis=1)[None]
    pasted = crops.paste({"keypoints2d": value, "keypoints3d": value}, 0)
    np.testing.assert_allclose(pasted["keypoints2d"][0, :, :2], points, atol=1e-3)
    np.testing.assert_array_equal(pasted["keypoints3d"], value)


@pytest.mark.parametrize("gap", [slice(1, 3), slice(0, 2), slice(3, 5)])
def test_frames_without_a_box_take_the_nearest(gap):
    boxes = np.tile([10.0, 10, 30, 30], (5, 1)) + 4 * np.arange(5)[:, None]
    crops = Crops.about(boxes, 1.0, SIZE)
    boxes[gap] = np.nan
    filled = Crops.about(boxes, 1.0, SIZE)
    known = np.setdiff1d(np.arange(5), np.arange(5)[gap])
    np.testing.assert_array_equal(filled.corners[known], crops.corners[known])
    assert np.abs(filled.corners - crops.corners).max() <= 8


def test_without_any_box_the_square_holds_the_frame():
    crops = Crops.about(np.full((2, 4), np.nan), 1.0, SIZE)
    assert crops.sides.tolist() == [80, 80] and crops.corners.tolist() == [[0, -10]] * 2

"""Rectangles of frames: what is shown of them, and the way back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thfm_jax.data.crop_map import CropMap
from thfm_jax.data.transforms import fit_map

SOURCE = (90, 160)
SIZE = (48, 80)
RNG = np.random.default_rng(0)


@st.composite
def crops(draw) -> CropMap:
    """Two rectangles within the source, at 0.6 to 4 shown pixels for one."""
    scale = draw(st.floats(0.6, 4))
    room = np.array(SOURCE[::-1]) - np.array(SIZE[::-1]) / scale
    shares = draw(st.lists(st.floats(0, 1), min_size=4, max_size=4))
    return CropMap(SOURCE, np.reshape(shares, (2, 2)) * room, scale, SIZE)


def grid(height, width):
    """(x, y) of the pixel centres."""
    y, x = np.indices((height, width)) + 0.5
    return np.stack([x, y], axis=-1)


@given(crops(), st.integers(0, 2**32 - 1))
def test_points_survive_the_way_there_and_back(crop, seed):
    xy = np.random.default_rng(seed).uniform(-50, 200, (2, 5, 2))
    back = crop.restore_points(crop.fit_points(xy).astype(np.float32))
    np.testing.assert_allclose(back, xy, atol=1e-4)


@given(crops())
def test_the_corners_map_onto_the_corners_of_what_is_shown(crop):
    ends = np.stack([crop.corners, crop.corners + crop.extent], axis=1)
    expected = np.tile([[0, 0], SIZE[::-1]], (2, 1, 1))
    np.testing.assert_allclose(crop.fit_points(ends), expected, atol=1e-9)


@given(crops())
def test_linear_maps_come_back_exactly_inside(crop):
    """A map of each shown pixel's own place in the source, at the source's pixels."""
    shown = np.tile(grid(*SIZE).reshape(-1, 2), (2, 1, 1))
    maps = crop.restore_points(shown).reshape(2, *SIZE, 2).astype(np.float32)
    restored = crop.restore_maps(maps, np.nan)
    truth = grid(*SOURCE)
    for frame, (left, top, right, bottom) in enumerate(crop.boxes()):
        border = 0.51 / crop.scale
        inside = (truth >= [left + border, top + border]) & (
            truth < [right - border, bottom - border]
        )
        inside = inside.all(axis=-1)
        np.testing.assert_allclose(restored[frame][inside], truth[inside], atol=1e-4)


@given(crops())
def test_pixels_whose_centres_lie_in_the_rectangle_have_values_and_no_others(crop):
    restored = crop.restore_maps(np.ones((2, *SIZE), np.float32), -1)
    for frame, (left, top, right, bottom) in enumerate(crop.boxes()):
        for slack, value in ((-1e-6, 1), (1e-6, -1)):  # a centre on the border may be either
            low, high = [left - slack, top - slack], [right + slack, bottom + slack]
            inside = ((grid(*SOURCE) > low) & (grid(*SOURCE) < high)).all(axis=-1)
            chosen = inside == (value == 1)
            np.testing.assert_array_equal(restored[frame][chosen], value)


@settings(max_examples=50)
@given(crops())
def test_a_spot_is_shown_where_the_map_says_and_comes_back(crop):
    place = np.array([crop.corners[0] + 0.45 * crop.extent])
    spot = np.exp(-np.sum((grid(*SOURCE) - place[0]) ** 2, axis=-1) / 8)
    frame = np.repeat((255 * spot).astype(np.uint8)[..., None], 3, axis=-1)
    crop = CropMap(SOURCE, crop.corners[:1], crop.scale, SIZE)
    shown = crop.fit_frames(frame[None])[0, ..., 0].astype(np.float64)

    def centre(image):
        return np.tensordot(image / image.sum(), grid(*image.shape), 2)

    np.testing.assert_allclose(centre(shown), crop.fit_points(place[None])[0, 0], atol=0.1)
    restored = crop.restore_maps(shown[None], 0)[0]
    np.testing.assert_allclose(centre(restored), place[0], atol=0.1)


def test_the_whole_frame_as_a_rectangle_is_what_fitting_shows():
    frames = RNG.integers(0, 256, (2, *SOURCE, 3), np.uint8)
    whole = fit_map(*SOURCE, area=48 * 80)
    crop = CropMap(SOURCE, np.zeros((2, 2)), 0.5, (45, 80))
    np.testing.assert_array_equal(crop.fit_frames(frames), whole.fit_frames(frames)[:, :45])
    maps = RNG.normal(size=(2, *whole.size)).astype(np.float32)
    restored = crop.restore_maps(maps[:, :45], 0)
    np.testing.assert_allclose(restored, whole.restore_maps(maps), atol=1e-5)


@pytest.mark.parametrize("frames", [1, 3])
def test_a_rectangle_for_each_frame_is_needed(frames):
    crop = CropMap(SOURCE, np.zeros((2, 2)), 1.0, SIZE)
    with pytest.raises(ValueError, match="zip"):
        crop.fit_frames(np.zeros((frames, *SOURCE, 3), np.uint8))

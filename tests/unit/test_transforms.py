"""Fitting frames to the model's size and predictions back to the source's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thfm_jax.data import transforms

SIDES = st.integers(1, 4000)
RNG = np.random.default_rng(0)


def centroid(image):
    """(x, y) of the centre of brightness, pixel centres at +0.5."""
    weight = image.astype(np.float64)
    y, x = np.indices(weight.shape) + 0.5
    return np.array([np.sum(x * weight), np.sum(y * weight)]) / np.sum(weight)


def blob(height, width, xy, sigma):
    """A bright round spot at (x, y) on black, [H, W] in [0, 1]."""
    y, x = np.indices((height, width)) + 0.5
    return np.exp(-((x - xy[0]) ** 2 + (y - xy[1]) ** 2) / (2 * sigma**2))


@given(SIDES, SIDES, st.sampled_from([8, 16, 32]), st.integers(64 * 64, 1280 * 720))
def test_a_fitted_size_is_one_that_the_model_accepts_and_keeps_the_aspect(h, w, multiple, area):
    fit = transforms.fit_map(h, w, multiple, area)
    assert fit.size[0] % multiple == fit.size[1] % multiple == 0
    for content, size in zip(fit.content, fit.size, strict=True):
        assert 1 <= content <= size < content + multiple
    longer = int(w > h)
    assert fit.content[longer] == fit.size[longer]
    # The shorter side follows the longer one's scale to within half a pixel.
    exact = (h, w)[1 - longer] * fit.content[longer] / (h, w)[longer]
    assert abs(fit.content[1 - longer] - exact) <= 0.5 or fit.content[1 - longer] == 1


@pytest.mark.parametrize(
    ("source", "size"),
    [
        ((720, 1280), (480, 848)),
        ((540, 960), (480, 848)),
        ((512, 512), (624, 624)),
        ((1920, 1080), (848, 480)),
        ((480, 832), (480, 832)),
    ],
)
def test_common_sizes_come_near_to_the_area_asked_for(source, size):
    assert transforms.fit_map(*source).size == size


def test_a_size_that_fits_already_is_left_alone():
    frames = RNG.integers(0, 255, (2, 480, 832, 3), dtype=np.uint8)
    fitted, fit = transforms.fit(frames)
    np.testing.assert_array_equal(fitted, frames)
    np.testing.assert_array_equal(fit.scale_xy, [1, 1])
    maps = RNG.normal(size=(2, 480, 832)).astype(np.float32)
    np.testing.assert_array_equal(fit.restore_maps(maps), maps)


@given(SIDES, SIDES, st.integers(0, 2**32 - 1))
def test_points_survive_the_way_there_and_back(h, w, seed):
    fit = transforms.fit_map(h, w)
    xy = np.random.default_rng(seed).uniform(-1, 1, (5, 2)) * [2 * w, 2 * h]
    np.testing.assert_allclose(fit.restore_points(fit.fit_points(xy)), xy, atol=1e-4)


def test_the_image_borders_map_onto_the_borders_of_the_content():
    fit = transforms.fit_map(721, 1279)
    np.testing.assert_allclose(fit.fit_points(np.array([[0.0, 0.0]])), [[0, 0]])
    np.testing.assert_allclose(fit.fit_points(np.array([[1279.0, 721.0]])), [fit.content[::-1]])


@pytest.mark.parametrize("source", [(720, 1280), (361, 203), (90, 160)])
@pytest.mark.parametrize("place", [(0.3, 0.4), (0.71, 0.55)])
def test_a_spot_is_found_in_the_fitted_frame_where_the_map_says(source, place):
    xy = np.array(place) * source[::-1]
    picture = blob(*source, xy, sigma=min(source) / 40)
    frames = np.repeat((255 * picture).astype(np.uint8)[None, ..., None], 3, axis=-1)
    fitted, fit = transforms.fit(frames)
    inside = fitted[0, : fit.content[0], : fit.content[1], 0]
    np.testing.assert_allclose(centroid(inside), fit.fit_points(xy), atol=0.06)


@pytest.mark.parametrize("source", [(720, 1280), (361, 203), (90, 160)])
def test_a_spot_in_a_map_is_found_in_the_source_where_the_map_says(source):
    fit = transforms.fit_map(*source)
    xy = np.array([0.37, 0.58]) * fit.content[::-1]
    maps = blob(*fit.size, xy, sigma=20)[None].astype(np.float32)
    restored = fit.restore_maps(maps)
    assert restored.shape == (1, *source) and restored.dtype == np.float32
    np.testing.assert_allclose(centroid(restored[0]), fit.restore_points(xy), atol=0.03)


def test_shrinking_does_not_alias():
    stripes = np.zeros((1, 1600, 1600, 3), np.uint8)
    stripes[:, :, ::2] = 255
    fitted, _ = transforms.fit(stripes, area=320 * 320)
    assert fitted.shape == (1, 320, 320, 3)
    inner = fitted[:, :, 4:-4].astype(int)
    assert np.abs(inner - 127.5).max() < 3


def test_padding_repeats_the_last_row():
    frames = RNG.integers(0, 255, (1, 90, 160, 3), dtype=np.uint8)
    fitted, fit = transforms.fit(frames, area=160 * 90)
    assert (fit.content, fit.size) == ((90, 160), (96, 160))
    np.testing.assert_array_equal(fitted[0, 90:], np.repeat(fitted[0, 89:90], 6, axis=0))


def test_linear_maps_are_restored_exactly_inside():
    fit = transforms.fit_map(540, 960)
    y, x = np.indices(fit.size) + 0.5
    xy = fit.restore_points(np.stack([x, y], -1))
    restored = fit.restore_maps(xy[None].astype(np.float32))[0]
    y, x = np.indices((540, 960)) + 0.5
    np.testing.assert_allclose(restored[2:-2, 2:-2], np.stack([x, y], -1)[2:-2, 2:-2], atol=2e-3)


def test_values_beside_nan_are_not_touched_by_it():
    fit = transforms.fit_map(540, 960)
    maps = np.full((1, *fit.size), 3.0, np.float32)
    maps[:, :, :424] = np.nan  # the left half
    restored = fit.restore_maps(maps)[0]
    assert np.isnan(restored[:, :480]).all()
    np.testing.assert_allclose(restored[:, 480:], 3.0, rtol=1e-5)


def test_projection_commutes_with_fitting():
    fit = transforms.fit_map(720, 1280)
    matrix = np.array([[1000.0, 0, 640], [0, 1010, 360], [0, 0, 1]])
    points = RNG.normal(size=(20, 3)) + [0, 0, 5]

    def project(camera):
        image = points @ camera.T
        return image[:, :2] / image[:, 2:]

    fitted = fit.fit_intrinsics(np.stack([matrix] * 2))
    assert fitted.shape == (2, 3, 3)
    np.testing.assert_allclose(project(fitted[1]), fit.fit_points(project(matrix)))


@settings(max_examples=30)
@given(st.integers(1, 40))
def test_time_is_padded_to_four_n_plus_one_with_the_last_frame(length):
    frames = np.arange(length, dtype=np.uint8)[:, None, None, None] * np.ones(
        (1, 2, 3, 3), np.uint8
    )
    padded, mask = transforms.pad_frames(frames)
    assert len(padded) % 4 == 1 and length <= len(padded) < length + 4
    np.testing.assert_array_equal(padded[mask], frames)
    assert (padded[~mask] == length - 1).all()
    assert mask.sum() == length and mask[:length].all()


def test_a_size_without_pixels_is_told():
    with pytest.raises(ValueError, match=r"expected a positive size.* got 0x5"):
        transforms.fit_map(0, 5)

"""Cameras: they keep what a pixel shows, and record it with their own light, noise and storage."""

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from thfm_jax.data.synthetic.rendering import codec, sensor


def _scene(frames=3, size=(48, 64)):
    field = np.random.default_rng(0).standard_normal((*size, 3)).astype(np.float32)
    smooth = ndimage.gaussian_filter(field, (4, 4, 0))
    return np.repeat(np.exp(smooth * 4)[None] * 0.2, frames, axis=0)


def test_the_same_generator_gives_the_same_recording():
    one, two = (sensor.develop(np.random.default_rng(3), _scene(), 25.0) for _ in range(2))
    assert one[0].tobytes() == two[0].tobytes()
    assert one[1] == two[1]


@pytest.mark.parametrize("seed", range(12))
def test_recordings_are_exposed_and_stay_in_place(seed):
    colour = _scene()
    rgb, meta = sensor.develop(np.random.default_rng(seed), colour, 25.0)
    assert rgb.shape == colour.shape
    assert rgb.dtype == np.uint8
    assert 40 < rgb.mean() < 215
    assert set(meta) == {field.name for field in dataclasses.fields(sensor.Settings)}
    # Brighter stays brighter: the recording goes with what was there, pixel by pixel.
    shown = rgb.astype(float).mean(axis=(0, 3)), np.log(colour).mean(axis=(0, 3))
    assert np.corrcoef(shown[0].ravel(), shown[1].ravel())[0, 1] > 0.9


def test_exposure_makes_up_for_the_strength_of_light():
    dim, bright = (
        sensor.develop(np.random.default_rng(3), _scene() * s, 25.0)[0] for s in (0.1, 9)
    )
    assert abs(dim.astype(float).mean() - bright.astype(float).mean()) < 6


def test_black_scenes_are_recorded():
    rgb, _ = sensor.develop(np.random.default_rng(0), np.zeros((2, 16, 16, 3), np.float32), 25.0)
    assert rgb.mean() < 60


@pytest.mark.parametrize("compress", [lambda x: codec.jpeg(x, 95), lambda x: codec.h264(x, 10)])
def test_codecs_return_every_frame_in_order_also_of_odd_sizes(compress):
    ramp = np.indices((35, 47)).sum(axis=0)[..., None] * 2
    frames = np.stack([np.broadcast_to(ramp + 8 * t, (35, 47, 3)) for t in range(5)]).astype(
        np.uint8
    )
    recorded = compress(frames)
    assert recorded.shape == frames.shape
    assert np.abs(recorded.astype(int) - frames).mean() < 3


def test_stronger_compression_loses_more():
    frames = (np.random.default_rng(0).uniform(size=(4, 32, 32, 3)) * 255).astype(np.uint8)
    for compress, good, bad in ((codec.jpeg, 95, 20), (codec.h264, 12, 40)):
        errors = [np.abs(compress(frames, q).astype(int) - frames).mean() for q in (good, bad)]
        assert errors[0] < errors[1]

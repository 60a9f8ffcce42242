import numpy as np
import pytest

from thfm_jax.data.synthetic.places import lighting
from thfm_jax.data.synthetic.scene import Lighting

UP = np.array([0.0, 1.0, 0.0])


def _sky_with_disc(direction: np.ndarray, radiance: float) -> np.ndarray:
    """A dim panorama with a bright disc of 4 degrees' radius."""
    rays, _ = lighting.panorama_rays(256, 512)
    image = np.full((256, 512, 3), 0.2, np.float32)
    image[rays @ direction > np.cos(np.radians(4))] = radiance
    return image


def _irradiance(image: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """What a diffuse white surface shows, summed over the panorama."""
    rays, angles = lighting.panorama_rays(*image.shape[:2])
    cosine = np.maximum(rays @ normal, 0)
    return (image * (cosine * angles)[..., None]).sum(axis=(0, 1)) / np.pi


def test_panoramas_look_along_minus_z_in_their_middle_and_rightwards_along_x():
    rays, angles = lighting.panorama_rays(64, 128)
    np.testing.assert_allclose(rays[32, 64], (0, 0, -1), atol=0.05)
    np.testing.assert_allclose(rays[32, 96], (1, 0, 0), atol=0.05)
    np.testing.assert_allclose(rays[0, 0], (0, 1, 0), atol=0.05)
    assert (angles * np.ones((64, 128))).sum() == pytest.approx(4 * np.pi)


def test_white_in_even_light_shows_the_light():
    image = np.broadcast_to(np.float32([0.3, 0.5, 0.7]), (64, 128, 3))
    light = Lighting(lighting.project(image))
    for normal in (UP, -UP, np.array([0.6, 0.0, 0.8])):
        np.testing.assert_allclose(lighting.shown(light, normal), (0.3, 0.5, 0.7), atol=1e-3)


@pytest.mark.parametrize("direction", [(0.6, 0.8, 0.0), (-0.36, 0.48, 0.8)])
def test_the_brightest_spot_becomes_the_key_light(direction):
    image = _sky_with_disc(np.array(direction), 300.0)
    light = lighting.from_panorama(image)
    (key,) = light.suns
    assert key.shadow
    assert np.degrees(np.arccos(key.direction @ direction)) < 1.0
    assert 1.0 < key.softness_deg < 8.0


def test_light_is_neither_lost_nor_made_when_suns_are_taken_out():
    image = _sky_with_disc(np.array([0.6, 0.8, 0.0]), 300.0)
    light = lighting.from_panorama(image)
    for normal in (UP, np.array([0.6, 0.8, 0.0]), np.array([1.0, 0.0, 0.0])):
        np.testing.assert_allclose(
            lighting.shown(light, normal), _irradiance(image, normal), rtol=0.03
        )


def test_an_even_sky_has_no_key_light():
    rays, _ = lighting.panorama_rays(256, 512)
    image = np.repeat(1 + 0.5 * rays[..., 1:2], 3, axis=-1)
    assert lighting.from_panorama(image).suns == ()


def test_twice_the_light_shows_twice_as_bright():
    light = lighting.from_panorama(_sky_with_disc(UP, 100.0))
    np.testing.assert_allclose(
        lighting.shown(lighting.scaled(light, np.float32(2)), UP),
        2 * lighting.shown(light, UP),
        rtol=1e-6,
    )

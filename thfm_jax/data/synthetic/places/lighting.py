"""Light: taken from panoramas, or made up as skies, lamps and studios.

Ambient light is the panorama's radiance in real spherical harmonics of order 2. The brightest spots
are taken out first and become suns, so that they cast shadows.
"""

import dataclasses
import functools

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from thfm_jax.data.synthetic.rendering.shade import HARMONICS, ambient_light
from thfm_jax.data.synthetic.scene import Lighting, Sun

LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)

SUNS = 3
FAINTEST = 0.07  # share of all light that makes a bright spot a sun
_SPOT_DEG = 18.0  # within which one light gathers its brightness


def basis(directions: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 9"]:
    """The real spherical harmonics that `shade.ambient_light` lists, at unit vectors."""
    x, y, z = np.moveaxis(directions, -1, 0)
    terms = [np.ones_like(x), y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y]
    return np.stack(terms, axis=-1) * HARMONICS


@functools.lru_cache(maxsize=8)
def panorama_rays(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """(world directions [h, w, 3], solid angles [h, 1] in steradian) of a panorama's pixels."""
    polar = (np.arange(height) + 0.5) / height * np.pi
    azimuth = ((np.arange(width) + 0.5) / width - 0.5) * 2 * np.pi
    sine = np.sin(polar)[:, None]
    rays = np.stack(
        [
            sine * np.sin(azimuth),
            np.broadcast_to(np.cos(polar)[:, None], (height, width)),
            -sine * np.cos(azimuth),
        ],
        axis=-1,
    )
    edges = np.cos(np.arange(height + 1) / height * np.pi)
    return rays, ((edges[:-1] - edges[1:]) * 2 * np.pi / width)[:, None]


def project(panorama: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "9 3"]:
    """Spherical harmonics of the panorama's radiance, float32."""
    rays, angles = panorama_rays(*panorama.shape[:2])
    weighted = (panorama * angles[..., None]).reshape(-1, 3)
    return np.einsum("nk,nc->kc", basis(rays).reshape(-1, 9), weighted).astype(np.float32)


def shown(lighting: Lighting, normal: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3"]:
    """Colour of a diffuse white surface that nothing shades."""
    normal = np.asarray(normal, np.float64)
    colour = ambient_light(lighting.ambient, normal)
    for sun in lighting.suns:
        colour = colour + sun.colour * max(float(normal @ sun.direction), 0.0)
    return np.maximum(colour, 0)


def scaled(lighting: Lighting, factor: np.float32) -> Lighting:
    """The same light, so many times as strong."""
    suns = [dataclasses.replace(sun, colour=sun.colour * factor) for sun in lighting.suns]
    return dataclasses.replace(lighting, ambient=lighting.ambient * factor, suns=tuple(suns))


def from_panorama(panorama: Float[np.ndarray, "h w 3"]) -> Lighting:
    """The panorama's light: up to three bright spots as suns, the rest ambient.

    Its height and width are multiples of 64 and 128.
    """
    small = shrink(panorama)
    rays, angles = panorama_rays(*small.shape[:2])
    suns: list[Sun] = []
    for _ in range(SUNS):
        spot = _brightest(small, rays, angles)
        floor = np.median(small.reshape(-1, 3), axis=0)
        excess = np.where(spot[..., None], np.maximum(small - floor, 0), 0)
        power = (excess * angles[..., None]).sum(axis=(0, 1)) / np.pi
        total = (small * angles[..., None]).sum(axis=(0, 1)) / np.pi
        if power @ LUMINANCE < FAINTEST * (total @ LUMINANCE):
            break
        suns.append(_sun(rays, excess @ LUMINANCE * angles, power, shadow=not suns))
        small = small - excess
    return Lighting(project(small), tuple(suns))


def shrink(panorama: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "64 128 3"]:
    """Block means of 64 x 128 pixels, float32; height and width are multiples of those."""
    down, across = panorama.shape[0] // 64, panorama.shape[1] // 128
    total = np.zeros((64, 128, 3), np.float32)
    for row in range(down):
        for column in range(across):
            total += panorama[row::down, column::across]
    return total / np.float32(down * across)


def _brightest(panorama: np.ndarray, rays: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """[h, w] bool: the bright pixels about the direction that most light comes from."""
    bright = panorama @ LUMINANCE
    gathered = ndimage.gaussian_filter(bright * angles, 2.0, mode=("nearest", "wrap"))
    peak = rays[np.unravel_index(np.argmax(gathered), bright.shape)]
    near = rays @ peak > np.cos(np.radians(_SPOT_DEG))
    return near & (bright > 0.03 * bright[near].max())


def _sun(rays: np.ndarray, weight: np.ndarray, power: np.ndarray, shadow: bool) -> Sun:
    """The light whose energy `weight` spreads over the rays."""
    mean = np.einsum("hw,hwc->c", weight, rays) / weight.sum()
    length = float(np.linalg.norm(mean))
    spread = np.degrees(np.arccos(min(length, 1.0)))
    softness = float(np.clip(2 * spread, 0.5, 20.0))
    return Sun(mean / length, power.astype(np.float32), softness, shadow)

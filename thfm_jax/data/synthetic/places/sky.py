"""Made-up skies: panoramas with clouds, a sun and a far horizon, and their light."""

import dataclasses
import functools

import numpy as np
from jaxtyping import Float

from thfm_jax.data.synthetic.places import lighting, noise, surfaces
from thfm_jax.data.synthetic.scene import Lighting, Sun

Colour = Float[np.ndarray, "3"]
Range = tuple[float, float]

_SIZE = (256, 512)


@dataclasses.dataclass(frozen=True)
class Weather:
    """What the sky is like; ranges of what is drawn.

    Attributes:
      weight: how often, relative to the others.
      elevation_deg: of the sun, or the moon.
      cover: share of the sky in clouds.
      zenith, horizon, sun: hue, saturation and value of their colours in sRGB.
      sunlight: factor of the sun's colour: white that faces it shows this and the sky's light.
      softness_deg: see `scene.Sun`.
    """

    weight: float
    elevation_deg: Range
    cover: Range
    zenith: tuple[Range, Range, Range]
    horizon: tuple[Range, Range, Range]
    sun: tuple[Range, Range, Range]
    sunlight: Range
    softness_deg: float = 1.0


_BLUE = ((0.56, 0.62), (0.45, 0.75), (0.5, 0.75))
_PALE = ((0.57, 0.59), (0.05, 0.25), (0.75, 0.9))
_GREY = ((0.58, 0.62), (0.0, 0.12), (0.8, 0.92))
_WARM = ((0.1, 0.12), (0.05, 0.2), (1.0, 1.0))
_DUSK = ((0.58, 0.70), (0.3, 0.6), (0.45, 0.6))
_GLOW = ((0.03, 0.11), (0.15, 0.5), (0.7, 0.85))
_LOW_SUN = ((0.03, 0.1), (0.25, 0.55), (1.0, 1.0))
_NIGHT = ((0.6, 0.66), (0.4, 0.7), (0.08, 0.2))
_LAMP = ((0.05, 0.15), (0.2, 0.5), (0.9, 0.9))

WEATHERS: dict[str, Weather] = {
    "clear": Weather(0.34, (18, 75), (0.0, 0.25), _BLUE, _PALE, _WARM, (0.9, 2.0)),
    "cloudy": Weather(0.26, (18, 75), (0.3, 0.7), _BLUE, _PALE, _WARM, (0.6, 1.6)),
    "overcast": Weather(0.20, (25, 75), (0.9, 1.0), _GREY, _GREY, _GREY, (0.1, 0.25), 20.0),
    "evening": Weather(0.14, (4, 18), (0.1, 0.7), _DUSK, _GLOW, _LOW_SUN, (0.5, 1.4)),
    "night": Weather(0.06, (30, 70), (0.0, 0.3), _NIGHT, _NIGHT, _LAMP, (0.4, 0.9), 3.0),
}


def build(rng: np.random.Generator) -> tuple[Float[np.ndarray, "256 512 3"], Lighting, str]:
    """(panorama, light, name of the weather) of a sky over a hazy plain."""
    weights = [weather.weight for weather in WEATHERS.values()]
    name = str(rng.choice(list(WEATHERS), p=weights))
    weather = WEATHERS[name]
    zenith, horizon = _drawn(rng, weather.zenith), _drawn(rng, weather.horizon)
    sun = _drawn(rng, weather.sun) * np.float32(rng.uniform(*weather.sunlight))
    up = np.radians(rng.uniform(*weather.elevation_deg))
    azimuth = rng.uniform(-np.pi, np.pi)
    towards = np.array([np.cos(up) * np.sin(azimuth), np.sin(up), -np.cos(up) * np.cos(azimuth)])
    rays = _upper_rays()
    rise = rays[..., 1:2] ** np.float32(rng.uniform(0.35, 0.7))
    above = horizon + (zenith - horizon) * rise
    glow = np.maximum(rays @ towards.astype(np.float32), 0)[..., None] ** 8
    above += sun * (0.25 * glow + 0.6 * glow**25)
    _cloud_over(rng, above, rng.uniform(*weather.cover), horizon * 0.8 + 0.2 * sun)
    _stand_on_horizon(rng, above, horizon)
    image = np.concatenate([above, np.broadcast_to(horizon * np.float32(0.55), above.shape)])
    key = Sun(towards, sun, weather.softness_deg, shadow=weather.softness_deg < 10)
    return image, Lighting(lighting.project(lighting.shrink(image)), (key,)), name


def _drawn(rng: np.random.Generator, ranges: tuple[Range, Range, Range]) -> Colour:
    return surfaces.hsv(*(rng.uniform(*bounds) for bounds in ranges))


@functools.cache
def _upper_rays() -> Float[np.ndarray, "128 512 3"]:
    """Directions of the panorama's upper half, float32."""
    return lighting.panorama_rays(*_SIZE)[0][: _SIZE[0] // 2].astype(np.float32)


def _cloud_over(rng: np.random.Generator, above: np.ndarray, cover: float, light: Colour) -> None:
    """Adds clouds on a plane high above that fade into the haze."""
    rays = _upper_rays()
    up = np.maximum(rays[..., 1], 0.02)
    field = noise.cloud(noise.pick(rng), 0.8)
    plane = np.floor(rays[..., [0, 2]] / up[..., None] * np.float32(rng.uniform(25, 70)))
    column, row = np.moveaxis(plane.astype(np.int32) + rng.integers(noise.SIZE, size=2), -1, 0)
    puff = field[row % noise.SIZE, column % noise.SIZE]
    density = np.clip((puff - np.float32(1 - cover)) * 4, 0, 1) * np.clip(up * 8 - 0.4, 0, 1)
    above += (light * (0.75 + 0.5 * puff[..., None]) - above) * (0.9 * density[..., None])


def _stand_on_horizon(rng: np.random.Generator, above: np.ndarray, horizon: Colour) -> None:
    """Draws hills, woods or a town's outline along the horizon, in the haze, or nothing."""
    angle = np.arange(_SIZE[1]) / _SIZE[1]
    outline = np.zeros(_SIZE[1])
    style = rng.random()
    if style < 0.35:
        block = np.searchsorted(np.sort(rng.random(70)), angle)
        outline = (rng.uniform(0.5, 3.5, 71) * (rng.random(71) < 0.7))[block]
    elif style < 0.85:
        for octave in range(1, 8):
            turns = int(rng.integers(1, 4)) * 2**octave // 2 + octave
            outline += np.sin(2 * np.pi * (turns * angle + rng.random())) / octave
        outline = np.maximum(outline * rng.uniform(0.3, 2.5) + rng.uniform(0, 3), 0)
    rows = slice(-16, None)
    pitch_deg = np.degrees(np.arcsin(_upper_rays()[rows, :1, 1]))
    share = np.clip((outline - pitch_deg) / 0.35, 0, 1)[..., None].astype(np.float32)
    haze = np.float32(rng.uniform(0.3, 0.8))
    tone = surfaces.hsv(rng.uniform(0.2, 0.65), rng.uniform(0.05, 0.4), rng.uniform(0.25, 0.6))
    above[rows] += share * ((1 - haze) * tone + haze * horizon - above[rows])

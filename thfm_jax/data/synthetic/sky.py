"""Made-up skies: panoramas with clouds, a sun and a far horizon, and their light."""

import numpy as np
from jaxtyping import Float

from thfm_jax.data.synthetic import lighting, noise, surfaces
from thfm_jax.data.synthetic.scene import Lighting, Sun

_SIZE = (256, 512)


def build(rng: np.random.Generator) -> tuple[Float[np.ndarray, "256 512 3"], Lighting, str]:
    """(panorama, light, kind) of a sky over a hazy plain.

    The radiances are relative to the light: a white surface under all of it shows about 1.
    """
    kind = str(
        rng.choice(
            ("clear", "cloudy", "overcast", "evening", "night"), p=(0.34, 0.26, 0.2, 0.14, 0.06)
        )
    )
    zenith, horizon, sun = _colours(rng, kind)
    elevation = {"evening": rng.uniform(4, 18), "night": rng.uniform(30, 70)}.get(
        kind, rng.uniform(18, 75)
    )
    azimuth = rng.uniform(-np.pi, np.pi)
    flat = np.cos(np.radians(elevation))
    towards = np.array(
        [flat * np.sin(azimuth), np.sin(np.radians(elevation)), -flat * np.cos(azimuth)]
    )
    rays, _ = lighting.panorama_rays(*_SIZE)
    rays = rays.astype(np.float32)
    rise = np.clip(rays[..., 1], 0, 1)[..., None]
    image = horizon + (zenith - horizon) * rise ** np.float32(rng.uniform(0.35, 0.7))
    near_sun = np.maximum(rays @ towards.astype(np.float32), 0)[..., None]
    image = image + sun * (0.25 * near_sun**8 + 0.6 * near_sun**200)
    cover = {"clear": rng.uniform(0, 0.25), "overcast": 1.0, "night": 0.1}.get(
        kind, rng.uniform(0.3, 0.7)
    )
    image = _clouds(rng, image, rays, cover, horizon, sun)
    image = _far(rng, image, rays, horizon)
    shadow = kind != "overcast"
    suns = (Sun(towards, (sun * 1.0).astype(np.float32), 1.0 if shadow else 20.0, shadow),)
    return image, Lighting(lighting.project(lighting.shrink(image)), suns), kind


def _colours(rng: np.random.Generator, kind: str) -> tuple[np.ndarray, ...]:
    """(zenith, horizon, sun) linear RGB."""
    if kind == "night":
        blue = surfaces.hsv(0.63, 0.6, 0.3) * np.float32(rng.uniform(0.3, 1.5))
        return blue * 0.3, blue, surfaces.hsv(rng.uniform(0.05, 0.15), 0.4, 1.0) * np.float32(0.7)
    if kind == "overcast":
        grey = surfaces.hsv(0.6, rng.uniform(0, 0.12), 0.9)
        return grey * np.float32(0.9), grey * np.float32(0.8), grey * np.float32(0.12)
    if kind == "evening":
        glow = surfaces.hsv(rng.uniform(0.03, 0.11), rng.uniform(0.15, 0.5), 0.9)
        zenith = surfaces.hsv(rng.uniform(0.58, 0.7), rng.uniform(0.3, 0.6), 0.55)
        return zenith, glow * np.float32(0.7), glow * np.float32(rng.uniform(0.5, 1.4))
    zenith = surfaces.hsv(rng.uniform(0.56, 0.62), rng.uniform(0.45, 0.75), rng.uniform(0.5, 0.75))
    horizon = surfaces.hsv(0.58, rng.uniform(0.05, 0.25), rng.uniform(0.75, 0.9))
    warm = surfaces.hsv(0.11, rng.uniform(0.05, 0.2), 1.0)
    return zenith, horizon, warm * np.float32(rng.uniform(0.9, 2.0))


def _clouds(rng, image, rays, cover, horizon, sun) -> np.ndarray:
    """Clouds on a plane high above, fading into the haze."""
    up = np.maximum(rays[..., 1], 0.02)
    field = noise.cloud(noise.pick(rng), 0.8)
    scale, shift = rng.uniform(25, 70), rng.random(2) * noise.SIZE
    column = (rays[..., 0] / up * scale + shift[0]).astype(np.int64) % noise.SIZE
    row = (rays[..., 2] / up * scale + shift[1]).astype(np.int64) % noise.SIZE
    density = np.clip((field[row, column] - (1 - cover)) * 4, 0, 1) * np.clip(up * 8 - 0.4, 0, 1)
    light = horizon * 0.8 + 0.2 * sun
    return image + (light * (0.75 + 0.5 * field[row, column][..., None]) - image) * (
        0.9 * density[..., None]
    )


def _far(rng, image, rays, horizon) -> np.ndarray:
    """Hills, woods or a town's outline on the horizon, and haze below it."""
    width = image.shape[1]
    angle = np.arange(width) / width
    outline = np.zeros(width)
    if rng.random() < 0.35:
        edges = np.sort(rng.random(70))
        outline = rng.uniform(0.5, 3.5, 71)[np.searchsorted(edges, angle)]
        outline = outline * (rng.random(71) < 0.7)[np.searchsorted(edges, angle)]
    elif rng.random() < 0.8:
        for octave in range(1, 8):
            turns = int(rng.integers(1, 4)) * 2**octave // 2 + octave
            outline += np.sin(2 * np.pi * (turns * angle + rng.random())) / octave
        outline = np.maximum(outline * rng.uniform(0.3, 2.5) + rng.uniform(0, 3), 0)
    pitch = np.degrees(np.arcsin(np.clip(rays[:, 0, 1], -1, 1)))[:, None]
    share = np.clip((outline - pitch) / 0.35, 0, 1)[..., None]
    tone = surfaces.hsv(rng.uniform(0.2, 0.65), rng.uniform(0.05, 0.4), rng.uniform(0.25, 0.6))
    haze = rng.uniform(0.3, 0.8)
    image = image + share * ((1 - haze) * tone + haze * horizon - image)
    return np.where(pitch[..., None] < 0, 0.55 * horizon, image).astype(np.float32)

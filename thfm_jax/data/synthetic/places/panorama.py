"""Surroundings made of a panorama: its own picture laid on the ground, and things upon it."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from thfm_jax.data.synthetic.assets import Pack
from thfm_jax.data.synthetic.places import lighting, solids, surfaces
from thfm_jax.data.synthetic.places.space import Space
from thfm_jax.data.synthetic.rendering.shade import HARMONICS
from thfm_jax.data.synthetic.scene import Backdrop, Lighting, Material, Mesh

# What the pack's panoramas show. `OPEN` ones have a free horizon.
INDOORS = (
    *("apartment", "bridge", "esplanade", "hall", "lab", "lobby", "studio", "warehouse"),
    "workshop",
)
OUTDOORS = ("city", "dawn", "forest", "park", "sky", "sunrise", "sunset", "venice")
OPEN = ("city", "dawn", "park", "sky", "sunrise", "sunset", "venice", "night")

# What the ground of some is made of; others have any floor or ground.
_GROUNDS: dict[str, dict] = {
    "city": {surfaces.asphalt: 1.0},
    "dawn": {surfaces.earth: 1.0},
    "forest": {surfaces.earth: 1.0, surfaces.grass: 1.0},
    "hall": {surfaces.planks: 1.0},
    "lobby": {surfaces.planks: 1.0},
    "apartment": {surfaces.planks: 1.0},
    "night": {surfaces.earth: 1.0, surfaces.grass: 1.0},
    "park": {surfaces.grass: 1.0},
    "studio": {surfaces.concrete: 1.0},
    "sunrise": {surfaces.grass: 1.0},
    "sunset": {surfaces.tiles: 1.0},
    "venice": {surfaces.asphalt: 1.0, surfaces.earth: 1.0},
    "warehouse": {surfaces.concrete: 1.0},
    "workshop": {surfaces.concrete: 1.0},
}

# Degrees below the horizon of the rings that carry the ground's colours: dense where it is far.
_DOWN_DEG = np.array(
    (0.3, 0.7, 1.2, 1.8, 2.5, 3.4, 4.5, 5.8, 7.2, 8.7, 10.3, 12, 14, 16, 18.2, 20.5, 23, 26, 29)
    + (33, 37, 42, 48, 55, 63, 72, 81, 90)
)


def available(pack: Pack) -> bool:
    """Whether the pack was built with panoramas."""
    return any(name.startswith("hdri/") for name in pack.names)


def load(
    rng: np.random.Generator, pack: Pack, names: Sequence[str] | None = None
) -> tuple[str, Float[np.ndarray, "256 512 3"], Lighting]:
    """(name, linear radiance, light) of one of the pack's panoramas, turned at random.

    Exposed so that white in its light shows about 1, and balanced most of the way to neutral, as
    cameras do.
    """
    found = names or [name.removeprefix("hdri/") for name in pack.group("hdri")]
    name = str(rng.choice(found))
    image = pack[f"hdri/{name}"].astype(np.float32)
    if rng.random() < 0.5:
        image = image[:, ::-1]
    image = np.roll(image, int(rng.integers(image.shape[1])), axis=1)
    small = lighting.shrink(image)
    mean = lighting.project(small)[0] * HARMONICS[0]
    grey = mean @ lighting.LUMINANCE
    gain = ((grey / mean) ** rng.uniform(0.45, 0.95) / grey).astype(np.float32)
    light = lighting.from_panorama(small * gain)
    towards = light.suns[0].direction if light.suns else np.array([0.0, 1.0, 0.0])
    exposure = np.float32(1 / (lighting.shown(light, towards) @ lighting.LUMINANCE))
    for channel in range(3):
        image[..., channel] *= gain[channel] * exposure
    return name, image, lighting.scaled(light, exposure)


def ground(
    rng: np.random.Generator, name: str, image: np.ndarray, light: Lighting, space: Space
) -> Mesh:
    """The panorama's lower half laid on the plane y = 0.

    Seen from the camera's place at mid-clip it looks exactly like the panorama, so that there is no
    seam at the horizon; yet it moves as a ground does, and takes shadows. Its tint is the
    panorama's radiance over the light that arrives.
    """
    eye = space.camera.positions[len(space.camera.rotation) // 2]
    ahead = np.arctan2(space.ahead[0], -space.ahead[1])
    fine, coarse = np.arange(-46.5, 46.5, 1.5), np.linspace(46.5, 313.5, 25)
    azimuth = ahead + np.radians(np.concatenate([fine, coarse]))
    radius = eye[1] / np.tan(np.radians(_DOWN_DEG))[:, None]
    points = np.zeros((len(radius), len(azimuth), 3))
    points[..., 0] = eye[0] + radius * np.sin(azimuth)
    points[..., 2] = eye[2] - radius * np.cos(azimuth)

    material = _detail(rng, name)
    colour = _below(image, azimuth).reshape(-1, 3)
    arriving = lighting.shown(light, np.array([0.0, 1.0, 0.0])) * material.albedo.mean(axis=(0, 1))
    tint = np.clip(colour / np.maximum(arriving, 1e-3), 0, 6).astype(np.float32)
    mesh = solids.grid(points, points[..., [0, 2]]).mesh(material, shades=False)
    return dataclasses.replace(mesh, tint=tint)


def _below(image: np.ndarray, azimuth: Float[np.ndarray, "A"]) -> Float[np.ndarray, "R A 3"]:
    """The panorama's mean colours about each of `_DOWN_DEG` and the azimuths."""
    height, width = image.shape[:2]
    middles = (_DOWN_DEG[1:] + _DOWN_DEG[:-1]) / 2
    edges = ((0.5 + np.concatenate([[0.0], middles]) / 180) * height).astype(int)
    edges = np.maximum.accumulate(np.maximum(edges, height // 2 + np.arange(len(edges)) // 3))
    rings = np.add.reduceat(image, edges, axis=0)
    counts = np.maximum(np.diff(np.append(edges, height)), 1)
    rings = ndimage.uniform_filter1d(rings / counts[:, None, None], 3, axis=1, mode="wrap")
    place = (azimuth / (2 * np.pi) + 0.5) % 1 * width - 0.5
    left = np.floor(place).astype(int)
    share = (place - left)[:, None]
    return rings[:, left % width] * (1 - share) + rings[:, (left + 1) % width] * share


def _detail(rng: np.random.Generator, name: str) -> Material:
    """The grain of a ground whose colours are known only coarsely: grey, one half on average."""
    kinds = _GROUNDS.get(name, surfaces.FLOORS if name in INDOORS else surfaces.GROUNDS)
    ground = surfaces.draw(rng, kinds)
    grey = ground.albedo @ lighting.LUMINANCE
    grey = np.clip(grey * (0.5 / grey.mean()), 0, 1)
    contrast = np.float32(rng.uniform(0.5, 1.0))
    albedo = np.repeat((0.5 + contrast * (grey - 0.5))[..., None], 3, axis=-1)
    return dataclasses.replace(ground, albedo=albedo, specular=0.0, roughness=1.0)


def backdrop(image: np.ndarray, space: Space) -> Backdrop:
    """The panorama, as sharp as it is."""
    return Backdrop(image, panorama=True, blur_px=0.35 * texel_px(space, image.shape[0]))


def texel_px(space: Space, height: int = 256) -> float:
    """Size in the picture of a texel of a panorama of that height."""
    return float(space.camera.intrinsics[:, 0, 0].mean()) * np.pi / height

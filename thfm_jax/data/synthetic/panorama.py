"""Surroundings made of a panorama: its own picture laid on the ground, and things upon it."""

import numpy as np

from thfm_jax.data.synthetic import lighting, noise, solids
from thfm_jax.data.synthetic.assets import Pack
from thfm_jax.data.synthetic.scene import Backdrop, Lighting, Material, Mesh
from thfm_jax.data.synthetic.space import Space

INDOORS = ("apartment", "bridge", "hall", "lab", "lobby", "studio", "warehouse", "workshop")

# Degrees below the horizon at which the ground's picture is sampled: dense where it is far.
_DOWN_DEG = (0.3, 0.7, 1.3, 2.2, 3.5, 5, 7, 9, 12, 15, 19, 24, 29, 35, 42, 50, 59, 68, 78, 90)


def load(rng: np.random.Generator, pack: Pack, names: list[str] | None = None) -> tuple:
    """(name, [h, w, 3] float32 radiance) of a panorama turned and exposed at random.

    Exposed so that a white sphere in its light shows about 1 on average.
    """
    found = names or [name.removeprefix("hdri/") for name in pack.group("hdri")]
    name = str(rng.choice(found))
    image = np.maximum(pack[f"hdri/{name}"], 0).astype(np.float32)
    if rng.random() < 0.5:
        image = image[:, ::-1]
    image = np.roll(image, int(rng.integers(image.shape[1])), axis=1)
    mean = float(lighting.project(lighting.shrink(image))[0] @ lighting.LUMINANCE) * 0.282095
    return name, image * np.float32(0.8 / mean)


def ground(rng: np.random.Generator, image: np.ndarray, light: Lighting, space: Space) -> Mesh:
    """The panorama's lower half laid on the plane y = 0.

    Seen from the camera's place at mid-clip it looks exactly like the panorama, so that there is no
    seam at the horizon; yet it moves as a ground does, and takes shadows. Its tint is the
    panorama's radiance over the light that arrives.
    """
    frame = len(space.camera.rotation) // 2
    eye, ahead = space.camera.positions[frame], np.arctan2(space.ahead[0], -space.ahead[1])
    fine = np.radians(np.arange(-60, 60, 2.0))
    coarse = np.radians(np.arange(60, 301, 12.0))
    azimuth = ahead + np.concatenate([fine, coarse])
    down = np.radians(_DOWN_DEG)
    radius = eye[1] / np.tan(down)
    points = np.zeros((len(down), len(azimuth), 3))
    points[..., 0] = eye[0] + radius[:, None] * np.sin(azimuth)
    points[..., 2] = eye[2] - radius[:, None] * np.cos(azimuth)
    uv = points[..., [0, 2]]
    sheet = solids.grid(points, uv)

    height, width = image.shape[:2]
    row = np.minimum((0.5 + down / np.pi) * height, height - 1).astype(int)
    column = np.floor((azimuth / (2 * np.pi) + 0.5) % 1 * width).astype(int)
    colour = image[row[:, None], column].reshape(-1, 3)
    material = _detail(rng)
    arriving = lighting.shown(light, np.array([0.0, 1.0, 0.0])) * material.albedo.mean(axis=(0, 1))
    tint = np.clip(colour / np.maximum(arriving, 1e-3), 0, 6).astype(np.float32)
    flat = np.broadcast_to(sheet.vertices, (1, *sheet.vertices.shape)).astype(np.float32)
    return Mesh(
        flat, sheet.triangles, sheet.uv.astype(np.float32), material, tint=tint, shades=False
    )


def _detail(rng: np.random.Generator) -> Material:
    """Grain for a ground whose colours are known only coarsely."""
    fine = noise.cloud(noise.pick(rng), rng.uniform(-0.2, 0.8), 4.0)
    contrast = np.float32(rng.uniform(0.1, 0.5))
    albedo = np.repeat((0.5 + contrast * (fine - 0.5))[..., None], 3, axis=-1)
    repeat = rng.uniform(0.4, 1.2)
    height = fine * np.float32(rng.uniform(0.001, 0.008) / repeat)
    return Material(albedo, (repeat, repeat), height, specular=0.03, roughness=0.85)


def backdrop(image: np.ndarray, space: Space) -> Backdrop:
    """The panorama, out of focus by what a lens of that length would make of it."""
    focal = float(space.camera.intrinsics[:, 0, 0].mean())
    texel = focal * np.pi / image.shape[0]
    return Backdrop(image, panorama=True, blur_px=0.35 * texel)

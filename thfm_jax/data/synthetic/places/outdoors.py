"""Places under the open sky: a ground that fades into the haze, and what stands on it."""

import dataclasses

import numpy as np
from jaxtyping import Float

from thfm_jax.data.synthetic.places import clutter, lighting, plants, solids, street, surfaces
from thfm_jax.data.synthetic.places.solids import Part, assembled, box
from thfm_jax.data.synthetic.places.space import Space
from thfm_jax.data.synthetic.scene import Lighting, Material, Mesh

# Radii in metres of the rings whose corners carry the ground's haze.
_RINGS_M = (0.0, 2.0, 5.0, 9.0, 15.0, 24.0, 38.0, 60.0, 100.0, 170.0, 300.0, 600.0)
_FAR = (
    plants.tree,
    plants.tree,
    plants.bush,
    plants.hedge,
    street.building,
    street.car,
    street.wall,
)
_NEAR = (
    *(plants.bush, plants.grass_tuft, plants.tree, street.rock, street.bollard, street.bench),
    *(street.lamp_post, street.fence, street.car, plants.potted, street.wall, plants.hedge),
)


def build(
    rng: np.random.Generator,
    space: Space,
    light: Lighting,
    horizon: Float[np.ndarray, "3"],
    visibility_m: float,
) -> list[Mesh]:
    """A ground of one kind with paths, and things near and far on it.

    Args:
      rng: the only source of randomness.
      space: what is taken.
      light: under which the ground is to fade into `horizon`.
      horizon: linear RGB of the backdrop there.
      visibility_m: distance at which two thirds of a colour are the haze's.
    """
    material = surfaces.draw(rng, surfaces.GROUNDS)
    meshes = [_ground(space, material, light, horizon, visibility_m)]
    if rng.random() < 0.35:
        meshes += _road(rng, space)
    far = clutter.strew(rng, space, _FAR, int(rng.integers(2, 9)), (6.0, 45.0))
    meshes += [_hazed(mesh, space, light, horizon, visibility_m) for mesh in far]
    meshes += clutter.strew(rng, space, _NEAR, int(rng.integers(1, 8)), (-1.0, 8.0))
    return meshes


def _ground(
    space: Space,
    material: Material,
    light: Lighting,
    horizon: Float[np.ndarray, "3"],
    visibility_m: float,
) -> Mesh:
    """The plane y = 0 as far as one can see."""
    eye = space.eyes[len(space.eyes) // 2]
    angle = np.linspace(0, 2 * np.pi, 33)
    radius = np.array(_RINGS_M[::-1])[:, None]
    points = np.stack(
        [
            eye[0] + radius * np.sin(angle),
            np.zeros((len(radius), len(angle))),
            eye[2] - radius * np.cos(angle),
        ],
        axis=-1,
    )
    mesh = solids.grid(points, points[..., [0, 2]]).mesh(material, shades=False)
    return _hazed(mesh, space, light, horizon, visibility_m)


def _hazed(
    mesh: Mesh,
    space: Space,
    light: Lighting,
    horizon: Float[np.ndarray, "3"],
    visibility_m: float,
) -> Mesh:
    """The mesh with tints that turn its colour into the haze's with distance."""
    eye = space.eyes[len(space.eyes) // 2]
    far = np.linalg.norm(mesh.vertices[0] - eye, axis=-1)[:, None]
    haze = 1 - np.exp(-far / visibility_m)
    upwards = np.array([0.0, 1.0, 0.0])
    own = lighting.shown(light, upwards) * mesh.material.albedo.mean(axis=(0, 1))
    tint = 1 + haze * (horizon / np.maximum(own, 0.02) - 1)
    before = 1.0 if mesh.tint is None else mesh.tint
    return dataclasses.replace(mesh, tint=(before * np.clip(tint, 0, 8)).astype(np.float32))


def _road(rng: np.random.Generator, space: Space) -> list[Mesh]:
    """A straight path or road with kerbs or lines, near the subject."""
    width, length = rng.uniform(1.5, 7.0), 80.0
    kinds = {
        surfaces.asphalt: 3.0,
        surfaces.tiles: 2.0,
        surfaces.earth: 1.0,
        surfaces.concrete: 1.0,
    }
    material = surfaces.draw(rng, kinds)
    strip = solids.panel(width, length).moved(y=-length / 2).turned(pitch=-np.pi / 2)
    parts = [Part(strip, material)]
    if rng.random() < 0.5:
        stone = surfaces.concrete(rng)
        parts += [
            Part(box(0.15, rng.uniform(0.02, 0.1), length).moved(side * (width / 2 + 1.2)), stone)
            for side in (-1, 1)
            if width > 3.5
        ]
    else:
        white = surfaces.plain(surfaces.hsv(0.14, rng.uniform(0, 0.6), 0.85))
        dash = solids.panel(0.12, 2.0).moved(y=-1).turned(pitch=-np.pi / 2)
        parts += [Part(dash.moved(0, 0.004, z), white) for z in np.arange(-24.0, 24.0, 4.0)]
    x, z = space.centre[[0, 2]] + rng.normal(0, 1.5, 2)
    return assembled(parts, x, z, rng.uniform(-np.pi, np.pi), y=0.006, shades=False)

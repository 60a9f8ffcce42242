"""Rooms: floor, walls with windows, doors and pictures, a ceiling, furniture along the walls."""

import numpy as np

from thfm_jax.data.synthetic import lighting, solids, surfaces
from thfm_jax.data.synthetic.scene import Lighting, Mesh, Sun
from thfm_jax.data.synthetic.space import Space


def build(rng: np.random.Generator, space: Space) -> tuple[list[Mesh], Lighting]:
    yaw = rng.uniform(-np.pi, np.pi)
    turn = np.array([[np.cos(yaw), np.sin(yaw)], [-np.sin(yaw), np.cos(yaw)]])
    inside = np.concatenate([space.cloud, space.eyes])[:, [0, 2]] @ turn
    low = inside.min(axis=0) - rng.uniform(0.6, 3.5, 2)
    high = inside.max(axis=0) + rng.uniform(0.6, 3.5, 2)
    top = max(float(space.cloud[:, 1].max()), float(space.eyes[:, 1].max())) + rng.uniform(0.4, 1.2)
    top = max(top, rng.uniform(2.4, 3.2))
    (width, depth), (x, z) = high - low, (high + low) / 2
    floor, wall, ceiling = (
        surfaces.draw(rng, surfaces.FLOORS),
        surfaces.draw(rng, surfaces.WALLS),
        surfaces.plaster(rng),
    )
    panel = solids.panel
    flat = panel(width, depth).moved(y=-depth / 2)
    parts = [
        (flat.turned(pitch=-np.pi / 2), floor),
        (flat.turned(pitch=np.pi / 2).moved(y=top), ceiling),
        (panel(width, top).moved(z=-depth / 2), wall),
        (panel(width, top).moved(z=-depth / 2).turned(np.pi), wall),
        (panel(depth, top).moved(z=-width / 2).turned(np.pi / 2), wall),
        (panel(depth, top).moved(z=-width / 2).turned(-np.pi / 2), wall),
    ]
    meshes = [s.moved(x=x, z=z).turned(yaw).mesh(m, shades=False) for s, m in parts]
    colours = [m.albedo.mean(axis=(0, 1)) for m in (floor, ceiling, wall)]
    ambient = np.empty((16, 32, 3), np.float32)
    ambient[:] = 0.5 * colours[2]
    ambient[:5], ambient[11:] = 0.7 * colours[1], 0.4 * colours[0]
    direction = np.array([rng.normal(), rng.uniform(0.6, 2.0), rng.normal()])
    sun = Sun(direction / np.linalg.norm(direction), np.full(3, 0.5, np.float32), 8.0)
    return meshes, Lighting(lighting.project(ambient), (sun,))

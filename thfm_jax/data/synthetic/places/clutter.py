"""Things strewn about a place where the camera sees them and they are in nobody's way."""

from collections.abc import Sequence

import numpy as np

from thfm_jax.data.synthetic.places.furniture import Thing
from thfm_jax.data.synthetic.places.solids import assembled
from thfm_jax.data.synthetic.places.space import Space
from thfm_jax.data.synthetic.scene import Mesh

_TRIES = 4


def strew(
    rng: np.random.Generator,
    space: Space,
    things: Sequence[Thing],
    count: int,
    beyond_m: tuple[float, float],
    within: Sequence[np.ndarray] = (),
) -> list[Mesh]:
    """Up to `count` of the things on the ground within the camera's view.

    Args:
      rng: the only source of randomness.
      space: what is taken; the things found room for are taken from it too.
      things: what to draw from.
      count: how many to try to place.
      beyond_m: range of distances from the camera, beyond the subject's.
      within: planes [4] (a, b, c, d): a thing's middle must have a x + b y + c z + d >= 0.7 m.
    """
    meshes: list[Mesh] = []
    for _ in range(count):
        thing = things[int(rng.integers(len(things)))](rng)
        for _ in range(_TRIES):
            x, z = _spot(rng, space, beyond_m)
            if any(plane @ (x, 0.0, z, 1.0) < 0.7 for plane in within):
                continue
            yaw = rng.uniform(-np.pi, np.pi)
            placed = assembled(thing, x, z, yaw)
            if space.take(placed, yaw):
                meshes += placed
                break
    return meshes


def _spot(
    rng: np.random.Generator, space: Space, beyond_m: tuple[float, float]
) -> tuple[float, float]:
    """A place (x, z) on the ground in the picture's width, or a little outside of it."""
    eye, ray = space.ray(rng.uniform(-0.15, 1.15), 0.5)
    flat = ray[[0, 2]] / max(float(np.hypot(ray[0], ray[2])), 1e-6)
    reach = float(np.hypot(*(space.centre - eye)[[0, 2]])) + rng.uniform(*beyond_m)
    x, z = eye[[0, 2]] + flat * max(reach, 0.3)
    return float(x), float(z)

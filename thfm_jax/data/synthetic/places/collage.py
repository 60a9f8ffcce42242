"""Flat pictures made of nothing but noise, gradients and shapes: backdrops unlike any place."""

import numpy as np
from jaxtyping import Float

from thfm_jax.data.synthetic.places import noise, surfaces

_SIZE = 256


def draw(rng: np.random.Generator) -> Float[np.ndarray, "256 256 3"]:
    """Clouds of colours with a random number of shapes on them, float32 linear RGB."""
    picture = surfaces.blend(
        noise.cloud(noise.pick(rng), rng.uniform(0.2, 1.6)),
        surfaces.any_colour(rng),
        surfaces.any_colour(rng),
    )
    y, x = np.mgrid[:_SIZE, :_SIZE].astype(np.float32) / _SIZE
    for _ in range(int(rng.integers(0, 14))):
        inside = _shape(rng, x, y)[..., None]
        colour = surfaces.any_colour(rng, 0.9)
        grain = noise.cloud(noise.pick(rng), rng.uniform(-0.2, 1.5))[..., None]
        texture = colour * (1 - rng.uniform(0, 0.8) * grain)
        picture = np.where(inside, texture, picture)
    return picture.astype(np.float32)


def _shape(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """[R, R] bool: an ellipse, a turned rectangle, a band, or a patch of noise."""
    centre, size, angle = rng.random(2), rng.uniform(0.03, 0.35, 2), rng.uniform(0, np.pi)
    along = (x - centre[0]) * np.cos(angle) + (y - centre[1]) * np.sin(angle)
    across = (y - centre[1]) * np.cos(angle) - (x - centre[0]) * np.sin(angle)
    style = rng.integers(4)
    if style == 0:
        return (along / size[0]) ** 2 + (across / size[1]) ** 2 < 1
    if style == 1:
        return (np.abs(along) < size[0]) & (np.abs(across) < size[1])
    if style == 2:
        return np.abs(across) < size[1] * 0.3
    return noise.cloud(noise.pick(rng), 1.2) > 0.5 + size[0]

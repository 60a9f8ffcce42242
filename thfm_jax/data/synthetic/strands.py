"""Strands: the texture of hair, whose opacity thins out layers of surface into hairs.

Coordinates run along the hair in v. Opacity is even between 0 and 255, so that a cutoff c leaves
the share 1 - c / 255 of a layer.
"""

import functools

import numpy as np

from thfm_jax.data.synthetic import noise
from thfm_jax.data.synthetic.scene import Material

# How far a hair runs across the tile, as a multiple of its distance to the next: straight to frizzy.
STRETCH = {"straight": 24.0, "wavy": 10.0, "curly": 3.0, "frizzy": 1.2}


def material(
    rng: np.random.Generator,
    colour: np.ndarray,
    form: str = "straight",
    repeat: tuple[float, float] = (1.0, 1.0),
    gloss: float = 0.5,
) -> Material:
    """Hair of a linear `colour` [3]; `form` is a key of `STRETCH`."""
    variant = int(rng.integers(8))
    streaks = _rank(variant + 8, STRETCH[form]).astype(np.float32) / 255
    deep = _rank(variant, STRETCH[form]).astype(np.float32) / 255
    shade = (0.45 + 0.75 * streaks) * (0.7 + 0.45 * deep)
    return Material(
        albedo=np.minimum(colour * shade[..., None], 1).astype(np.float32),
        repeat=repeat,
        opacity=_rank(variant, STRETCH[form]),
        specular=0.25 * gloss,
        roughness=0.35,
        wrap=0.5,
        strand=True,
    )


@functools.lru_cache(maxsize=64)
def _rank(variant: int, stretch: float) -> np.ndarray:
    """[R, R] uint8 strands along rows (v), each value as frequent as any other."""
    field = noise.fibres(variant, stretch).T + 0.35 * (noise.cloud(variant, 0.0, 30.0) - 0.5)
    order = np.argsort(np.argsort(field, axis=None, kind="stable"), kind="stable")
    return (order * 256 // order.size).astype(np.uint8).reshape(field.shape)

"""Strands: the textures of hair, and layers of surface that their opacity thins out into hairs.

Coordinates run along the hair in v, one tile for 0.12 m each way. Opacity is even between 0 and
255, so that a cutoff c leaves the share 1 - c / 255 of a layer.
"""

import functools
from collections.abc import Sequence

import numpy as np

from thfm_jax.data.synthetic import parts
from thfm_jax.data.synthetic.scene import Material, Mesh

TILE_M = 0.12
_SIZE = 256
# How much longer a feature of the texture is along the hair than across it.
STRETCH = {"straight": 30.0, "wavy": 12.0, "curly": 4.0, "frizzy": 1.3}


def material(
    rng: np.random.Generator, colour: np.ndarray, form: str = "straight", gloss: float = 0.5
) -> Material:
    """Hair of a linear `colour` [3]; `form` is a key of `STRETCH`."""
    variant = int(rng.integers(8))
    hairs = _even(variant, STRETCH[form], 60.0).astype(np.float32) / 255
    locks = _even(variant + 8, STRETCH[form], 10.0).astype(np.float32) / 255
    shade = (0.55 + 0.6 * hairs) * (0.72 + 0.45 * locks)
    return Material(
        albedo=np.minimum(colour * shade[..., None], 1).astype(np.float32),
        opacity=_even(variant, STRETCH[form], 30.0),
        specular=0.16 * gloss,
        roughness=0.42,
        wrap=0.5,
        strand=True,
    )


@functools.lru_cache(maxsize=256)
def _even(variant: int, stretch: float, finest: float) -> np.ndarray:
    """[R, R] uint8 strands along rows (v), about `finest` across; each value as frequent as any."""
    rng = np.random.default_rng((variant, round(finest), 94))
    along, across = np.fft.fftfreq(_SIZE, 1 / _SIZE), np.fft.rfftfreq(_SIZE, 1 / _SIZE)
    frequency = np.hypot(along[:, None] * stretch, across)
    gain = np.exp(-(np.abs(np.log((frequency + 1e-3) / finest)) ** 2))
    field = np.fft.irfft2(
        np.fft.rfft2(rng.standard_normal((_SIZE, _SIZE))) * gain, s=(_SIZE, _SIZE)
    )
    order = np.argsort(np.argsort(field, axis=None, kind="stable"), kind="stable")
    return (order * 256 // order.size).astype(np.uint8).reshape(field.shape)


def layers(
    surfaces: Sequence[np.ndarray],
    cutoffs: Sequence[np.ndarray],
    shades: Sequence[float] | np.ndarray,
    triangles: np.ndarray,
    uv: np.ndarray,
    look: Material,
    template: np.ndarray,
    part: str,
    instance: int,
) -> Mesh:
    """One mesh of strands from `L` layers of one surface, from the skin outwards.

    Args:
      surfaces: L times [T, V, 3] metres.
      cutoffs: L times [V], 0 where hair is full to 255 and above where there is none.
      shades: L factors of the colour: the depth of hair is dark.
      triangles: [F, 3] of one layer.
      uv: [V, 2] in tiles; each layer shows another piece of the texture.
      look: from `material`.
      template: [V, 3].
      part: name of the part.
      instance: of the mesh.
    """
    count, number = len(uv), len(surfaces)
    shift = np.array([0.37, 0.61], np.float32)
    tint = np.repeat(np.asarray(shades, np.float32), count)[:, None] * np.ones(3, np.float32)
    return Mesh(
        np.concatenate(surfaces, axis=1).astype(np.float32),
        np.concatenate([triangles + k * count for k in range(number)]).astype(np.int32),
        np.concatenate([uv + k * shift for k in range(number)]).astype(np.float32),
        look,
        instance,
        np.tile(template, (number, 1)).astype(np.float32),
        np.full(len(triangles) * number, parts.INDEX[part], np.uint8),
        tint=tint,
        cutoff=np.concatenate(cutoffs).astype(np.float32),
        passes="seen",
        shades=False,
    )


def hull(
    surface: np.ndarray,
    triangles: np.ndarray,
    uv: np.ndarray,
    template: np.ndarray,
    part: str,
    instance: int,
) -> Mesh:
    """The smooth surface [T, V, 3] that stands for strands in depth and normals."""
    return Mesh(
        surface,
        triangles.astype(np.int32),
        uv.astype(np.float32),
        Material(np.full((1, 1, 3), 0.2, np.float32)),
        instance,
        template.astype(np.float32),
        np.full(len(triangles), parts.INDEX[part], np.uint8),
        passes="label",
        shades=True,
    )

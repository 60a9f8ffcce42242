"""Colours of what people wear, drawn as they occur: much black, grey, white and blue, little else.

All colours are linear RGB in [0, 1].
"""

import colorsys

import numpy as np
from numpy.typing import ArrayLike

# sRGB of common clothes, and how often they are drawn.
_COMMON = {
    (24, 24, 26): 0.16, (58, 60, 64): 0.06, (128, 128, 130): 0.06, (186, 186, 184): 0.05,
    (236, 235, 230): 0.12, (24, 32, 62): 0.11, (52, 76, 120): 0.06, (126, 160, 200): 0.05,
    (200, 182, 150): 0.07, (110, 84, 60): 0.05, (78, 84, 58): 0.04, (128, 28, 36): 0.04,
    (178, 40, 44): 0.03, (36, 78, 62): 0.03, (222, 176, 176): 0.03, (230, 196, 90): 0.02,
    (90, 60, 110): 0.02,
}  # fmt: skip
_DENIM = ((28, 38, 66), (48, 66, 104), (86, 112, 152), (140, 162, 190), (30, 30, 34), (78, 80, 84))
_LEATHER = ((20, 18, 18), (62, 38, 24), (104, 66, 38), (150, 108, 68), (222, 216, 206))


def linear(srgb: ArrayLike) -> np.ndarray:
    """float32 linear RGB of sRGB in [0, 255]."""
    unit = np.asarray(srgb, np.float64) / 255
    curve = np.where(unit <= 0.04045, unit / 12.92, ((unit + 0.055) / 1.055) ** 2.4)
    return curve.astype(np.float32)


def srgb(colour: ArrayLike) -> list[int]:
    """sRGB in [0, 255] of a linear colour, as plain numbers."""
    unit = np.clip(np.asarray(colour, np.float64), 0, 1)
    curve = np.where(unit <= 0.0031308, 12.92 * unit, 1.055 * unit ** (1 / 2.4) - 0.055)
    return [round(255 * float(x)) for x in curve]


def common(rng: np.random.Generator) -> np.ndarray:
    """A colour of everyday clothes."""
    listed = np.array(list(_COMMON))
    shares = np.array(list(_COMMON.values()))
    return _varied(rng, listed[rng.choice(len(listed), p=shares / shares.sum())], 9)


def wild(rng: np.random.Generator) -> np.ndarray:
    """A saturated colour of any hue."""
    hue, saturation, value = rng.uniform(), rng.uniform(0.55, 1), rng.uniform(0.35, 1)
    return linear(255 * np.array(colorsys.hsv_to_rgb(hue, saturation, value)))


def dull(rng: np.random.Generator) -> np.ndarray:
    """A colour of any hue, little saturated."""
    hue, saturation, value = rng.uniform(), rng.uniform(0.05, 0.5), rng.uniform(0.12, 0.9)
    return linear(255 * np.array(colorsys.hsv_to_rgb(hue, saturation, value)))


def cloth(rng: np.random.Generator, boldness: float = 0.2) -> np.ndarray:
    """A garment's colour; `boldness` is the chance of a saturated one."""
    draw = rng.uniform()
    if draw < boldness:
        return wild(rng)
    return dull(rng) if draw < boldness + 0.25 * (1 - boldness) else common(rng)


def denim(rng: np.random.Generator) -> np.ndarray:
    return _varied(rng, np.array(_DENIM[rng.integers(len(_DENIM))]), 8)


def leather(rng: np.random.Generator) -> np.ndarray:
    return _varied(rng, np.array(_LEATHER[rng.integers(len(_LEATHER))]), 8)


def palette(rng: np.random.Generator, base: np.ndarray, boldness: float = 0.2) -> np.ndarray:
    """[4, 3] float32: `base` and three colours that are worn with it."""
    contrast = linear((240, 238, 232)) if base.mean() < 0.2 else linear((26, 26, 30))
    others = [_shaded(rng, base), contrast if rng.uniform() < 0.5 else cloth(rng, boldness)]
    others.append(cloth(rng, boldness))
    return np.stack([base, *(others[i] for i in rng.permutation(3))]).astype(np.float32)


def _shaded(rng: np.random.Generator, base: np.ndarray) -> np.ndarray:
    """A lighter or darker tone of the same."""
    share = rng.uniform(0.25, 0.6)
    target = 0.9 if base.mean() < 0.35 else 0.01
    return (base * (1 - share) + target * share).astype(np.float32)


def _varied(rng: np.random.Generator, srgb_255: np.ndarray, spread: float) -> np.ndarray:
    return linear(np.clip(srgb_255 + rng.normal(0, spread, 3), 8, 247))

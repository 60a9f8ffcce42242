"""Tileable random fields: the raw material of procedural textures.

Fields come from banks: a field's index is the only thing that it depends on, so that processes may
keep it, while clips draw which index to use.
"""

import functools

import numpy as np
from jaxtyping import Float

SIZE = 256
BANK = 16  # indices that `pick` draws from


def pick(rng: np.random.Generator) -> int:
    """The index of a field of the bank."""
    return int(rng.integers(BANK))


@functools.lru_cache(maxsize=256)
def cloud(index: int, slope: float = 1.0, lowest: float = 1.0) -> Float[np.ndarray, "R R"]:
    """Fractal noise that repeats seamlessly, float32 in [0, 1], read-only.

    Args:
      index: which one.
      slope: amplitudes fall as frequency to the power -slope: 0 is grain, 1 clouds, 2 soft blobs.
      lowest: least frequency in cycles a tile; more makes finer, more even patterns.
    """
    rng = np.random.default_rng((index, 71))
    vertical, horizontal = np.fft.fftfreq(SIZE, 1 / SIZE), np.fft.rfftfreq(SIZE, 1 / SIZE)
    frequency = np.hypot(vertical[:, None], horizontal)
    gain = np.where(frequency < lowest, 0, np.maximum(frequency, 1) ** -(slope + 1))
    return _unit(_filtered(rng, gain))


@functools.lru_cache(maxsize=64)
def fibres(index: int, stretch: float = 12.0) -> Float[np.ndarray, "R R"]:
    """Noise drawn out along u (columns), as wood and brushed metal: float32 in [0, 1]."""
    rng = np.random.default_rng((index, 72))
    vertical, horizontal = np.fft.fftfreq(SIZE, 1 / SIZE), np.fft.rfftfreq(SIZE, 1 / SIZE)
    frequency = np.hypot(vertical[:, None] / stretch, horizontal)
    gain = np.where(np.hypot(vertical[:, None], horizontal) < 1, 0, (frequency + 0.3) ** -2)
    return _unit(_filtered(rng, gain))


def _filtered(rng: np.random.Generator, gain: np.ndarray) -> np.ndarray:
    white = rng.standard_normal((SIZE, SIZE))
    return np.fft.irfft2(np.fft.rfft2(white) * gain, s=(SIZE, SIZE))


def _unit(field: np.ndarray) -> np.ndarray:
    """Mean one half, and two standard deviations to either end."""
    field = field - field.mean()
    unit = np.clip(0.5 + field / (4 * field.std()), 0, 1).astype(np.float32)
    unit.flags.writeable = False
    return unit

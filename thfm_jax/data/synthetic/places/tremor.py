"""Small irregular movements, as hands, steps, wind and breath make them: band-limited noise."""

import numpy as np
from jaxtyping import Float

WAVES = 8


def wander(
    rng: np.random.Generator,
    times_s: Float[np.ndarray, "T"],
    axes: int,
    band_hz: tuple[float, float],
    slope: float = 1.0,
) -> Float[np.ndarray, "T axes"]:
    """Independent smooth random curves of root mean square 1 (over endless time), float64.

    Each is a sum of `WAVES` sines whose frequencies fill the band evenly in octaves, with
    amplitudes that fall as frequency to the power -`slope`: a hand moves far slowly and little
    fast.
    """
    low, high = np.log(band_hz)
    octave = (np.arange(WAVES) + rng.random((axes, WAVES))) / WAVES
    frequency = np.exp(low + (high - low) * octave)
    amplitude = frequency**-slope
    amplitude *= np.sqrt(2 / np.sum(amplitude**2, axis=-1, keepdims=True))
    phase = rng.uniform(0, 2 * np.pi, (axes, WAVES))
    waves = np.sin(2 * np.pi * frequency * times_s[:, None, None] + phase)
    return np.sum(amplitude * waves, axis=-1)

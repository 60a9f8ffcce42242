"""Whether joints can be those of a person in metres, seen by a camera."""

import numpy as np
from jaxtyping import Float

from thfm_jax.data.benchmarks.sequence import BenchmarkError

# Across: a crouching child spans more, a tall person with raised arms less.
PERSON_M = (0.2, 4.0)
_FARTHEST_M = 200.0
_UNITS = {-1: "decimetres", -2: "centimetres", -3: "millimetres"}


def span(points: Float[np.ndarray, "T K 3"]) -> float:
    """Median over frames of the diagonal of the box round the points."""
    return float(np.median(np.linalg.norm(np.ptp(points, axis=1), axis=-1)))


def unit_of(size: float) -> str:
    """The unit in which a person is so large: "millimetres", "a unit of 1e+02 m"."""
    power = -round(np.log10(size / 1.5))
    return _UNITS.get(power, f"a unit of {10.0**power:g} m")


def check_metres(points: Float[np.ndarray, "T K 3"], what: str) -> None:
    """Raises BenchmarkError unless the points are finite and span a person in metres."""
    missing = np.count_nonzero(~np.isfinite(points).all(axis=(1, 2)))
    if missing:
        raise BenchmarkError(f"{what}: {missing} of {len(points)} frames are not finite")
    if not len(points):
        return
    size = span(points)
    low, high = PERSON_M
    if not low <= size <= high:
        unit = f"it looks like {unit_of(size)}" if size > 0 else "all points coincide"
        raise BenchmarkError(
            f"{what}: expected a person in metres, {low:g} to {high:g} across, "
            f"got {size:.3g}: {unit}"
        )


def check_in_front(points: Float[np.ndarray, "T K 3"], what: str) -> None:
    """Raises BenchmarkError if the person is behind the camera, or farther off than 200 m."""
    if not len(points):
        return
    z = float(np.median(points[..., 2]))
    if not 0 < z < _FARTHEST_M:
        raise BenchmarkError(
            f"{what}: the person is at z = {z:.3g} m, expected 0 to {_FARTHEST_M:g}; cameras "
            "should take the world to the camera, not back, and translations should be in metres"
        )

"""Are labels in the units and axes that a set is said to have? What is not is named, and a guess.

The published tables of one set are in metres for some and in decimetres for others, and normal maps
come in several conventions. Neither shows in a score before it is compared with others. Readers
have an option `check` for sets that are right and yet refused.
"""

import dataclasses
import itertools
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from thfm_jax.data.benchmarks.sequence import BenchmarkError

METRES = {"m": 1.0, "dm": 0.1, "cm": 0.01, "mm": 0.001}

# Fewer pixels say nothing.
_ENOUGH = 50
_RIM_SIGMA_PX = 2.0
# Axes that are right agree by about 0.5 each, and no other order or sign of them by much more. A
# set is refused by one of its pictures, so these let pass what is odd, but not a whole wrong set.
_AGAINST, _FACING, _SHARE = -0.3, 0.0, 0.5


@dataclasses.dataclass(frozen=True)
class DepthLimits:
    """What depth of a foreground can be, in metres.

    Attributes:
      distance: least and greatest median.
      extent: least and greatest difference between the 5 % and the 95 % quantile.
    """

    distance: tuple[float, float]
    extent: tuple[float, float]

    def allow(self, distance: float, extent: float) -> bool:
        nearest, farthest = self.distance
        flattest, deepest = self.extent
        return nearest <= distance <= farthest and flattest <= extent <= deepest


# From a hand before a webcam to a group across a street.
PEOPLE = DepthLimits((0.15, 50.0), (0.005, 8.0))
# Renders of one or two scanned people.
SCANS = DepthLimits((0.4, 10.0), (0.03, 5.0))


def check_depth(
    file: Path,
    depth_m: Float[np.ndarray, "*B"],
    mask: Bool[np.ndarray, "*B"],
    limits: DepthLimits,
    unit: str = "m",
) -> None:
    """Raises BenchmarkError where the foreground lies or extends beyond the limits.

    Args:
      file: for the message.
      depth_m: z in metres, if the file is in `unit`.
      mask: foreground.
      limits: what is plausible.
      unit: what the file was taken to be in, one of `METRES`.
    """
    values = depth_m[mask]
    if values.size < _ENOUGH:
        return
    near, distance, far = np.quantile(values, (0.05, 0.5, 0.95))
    extent = far - near
    if limits.allow(distance, extent):
        return
    scales = {other: metres / METRES[unit] for other, metres in METRES.items()}
    fits = [
        other for other, scale in scales.items() if limits.allow(scale * distance, scale * extent)
    ]
    guess = (
        f"it would be plausible in {' or '.join(fits)}, see the reader's options"
        if fits
        else "no unit makes it plausible: is it disparity, or normalised?"
    )
    raise BenchmarkError(
        f"{file}: taken to be in {unit}, the foreground is {distance:.3g} m away and "
        f"{extent:.3g} m deep; expected {_range(limits.distance)} m and {_range(limits.extent)} m; "
        f"{guess}"
    )


def _range(limits: tuple[float, float]) -> str:
    return f"{limits[0]:g} to {limits[1]:g}"


def check_normals(
    file: Path, normals: Float[np.ndarray, "H W 3"], mask: Bool[np.ndarray, "H W"]
) -> None:
    """Raises BenchmarkError unless normals are unit vectors, x right, y up, z towards the viewer.

    Surfaces that are seen face the viewer on average, and along the silhouette they turn away from
    the person: to the left of the picture at its left, up at its top.
    """
    if np.count_nonzero(mask) < _ENOUGH:
        return
    length = float(np.median(np.linalg.norm(normals[mask], axis=-1)))
    if not 0.9 < length < 1.1:
        raise BenchmarkError(
            f"{file}: expected unit vectors, but their median length is {length:.3g}; "
            "are they colours, as (n + 1) / 2?"
        )
    agreement = _agreement(normals, mask)
    x, y, z = np.diagonal(agreement)
    axes, total = best_axes(agreement)
    weak = x < _AGAINST or y < _AGAINST or z < _FACING or x + y + z < _SHARE * total
    if weak and axes != "(x, y, z)":
        raise BenchmarkError(
            f"{file}: expected normals with x right, y up, z towards the viewer, but they agree "
            f"with that by {x:.2f}, {y:.2f}, {z:.2f}; in its axes that is {axes}"
        )


def _agreement(
    normals: Float[np.ndarray, "H W 3"], mask: Bool[np.ndarray, "H W"]
) -> Float[np.ndarray, "3 3"]:
    """How far channel j points right, up, towards the viewer (i) where the surface must; [-1, 1].

    0 for a direction in which too little silhouette is seen; the border of the picture is none.
    """
    soft = ndimage.gaussian_filter(mask.astype(np.float32), _RIM_SIGMA_PX, mode="nearest")
    down, right = np.gradient(soft)
    agreement = np.zeros((3, 3))
    for row, outwards in enumerate((-right, down)):
        rim = mask & (np.abs(outwards) > 0.05)
        if np.count_nonzero(rim) >= _ENOUGH:
            weights = outwards[rim]
            agreement[row] = weights @ normals[rim] / np.sum(np.abs(weights))
    agreement[2] = np.mean(normals[mask], axis=0)
    return agreement


def best_axes(agreement: Float[np.ndarray, "3 3"]) -> tuple[str, float]:
    """The signed channels that agree best, as "(x, -y, -z)", and by how much together."""
    totals = {
        order: float(np.sum(np.abs(agreement[range(3), order])))
        for order in itertools.permutations(range(3))
    }
    best = max(totals, key=lambda order: totals[order])
    names = ["-" * bool(agreement[i, j] < 0) + "xyz"[j] for i, j in enumerate(best)]
    return f"({', '.join(names)})", totals[best]

"""Labels as integers small enough to store, and what that costs.

| map      | stored as                       | largest error                                  |
|----------|---------------------------------|------------------------------------------------|
| alpha    | 8 bit                           | 1/510                                          |
| depth    | 16-bit logarithm                | 1.6e-5 of itself, if the clip's farthest point |
|          |                                 | is at most 7 times as far as its nearest;      |
|          |                                 | 6e-5 at 1,000 times                            |
| normals  | octahedral map, 10 bit each way | 0.25 degrees                                   |
| template | steps of 1/1024 m               | 0.5 mm in each coordinate                      |

Decoded depth is positive and decoded normals have unit length.
"""

import dataclasses
import math

import numba
import numpy as np
from jaxtyping import Float, UInt8, UInt16

_STEP = 2.0**-15  # of log depth: finer than the noise of float32 rendering over a pixel
_CODES = 2**16 - 1
_NORMAL_MAX = 2**10 - 1
_TEMPLATE_PER_M = 1024
TEMPLATE_LIMIT_M = 31.0


@dataclasses.dataclass(frozen=True)
class DepthScale:
    """Codes 0 to 65535 for log depth: code 0 is `nearest_m`, the next is `1 + step` times as far.

    Attributes:
      nearest_m: metres.
      step: of the natural logarithm.
    """

    nearest_m: float
    step: float

    @classmethod
    def of(cls, depth_m: Float[np.ndarray, "n"]) -> "DepthScale":
        """The finest scale that holds all these depths, which are positive."""
        if not depth_m.size:
            return cls(1.0, _STEP)
        nearest, farthest = float(depth_m.min()), float(depth_m.max())
        return cls(nearest, max(_STEP, float(np.log(farthest / nearest)) / _CODES))

    def encode(self, depth_m: Float[np.ndarray, "*n"]) -> UInt16[np.ndarray, "*n"]:
        """Codes of depths within the range that the scale was made of."""
        logarithm = np.log(depth_m.astype(np.float64) / self.nearest_m)
        return np.rint(logarithm / self.step).astype(np.uint16)

    def decode(self, code: UInt16[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
        """float32 metres."""
        logarithm = code * np.float32(self.step) + np.float32(np.log(self.nearest_m))
        return np.exp(logarithm)


def encode_alpha(alpha: Float[np.ndarray, "*n"]) -> UInt8[np.ndarray, "*n"]:
    """Alpha in [0, 1] as 0 to 255."""
    return np.rint(alpha * 255).astype(np.uint8)


def decode_alpha(code: UInt8[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """float32 in [0, 1]."""
    return code * np.float32(1 / 255)


@numba.njit(cache=True, nogil=True)
def encode_normals(normals: Float[np.ndarray, "n 3"]) -> UInt16[np.ndarray, "n 2"]:
    """Unit vectors on the unfolded octahedron, 0 to 1023 each way (Cigolle et al. 2014, "oct").

    A vector of zeros gets the code 0, which stands for another.
    """
    code = np.zeros((len(normals), 2), np.uint16)
    for i in range(len(normals)):
        x, y, z = normals[i]
        length = abs(x) + abs(y) + abs(z)
        if length == 0:
            continue
        u, v = x / length, y / length
        if z < 0:
            u, v = math.copysign(1 - abs(v), u), math.copysign(1 - abs(u), v)
        code[i, 0] = round((u + 1) * (_NORMAL_MAX / 2))
        code[i, 1] = round((v + 1) * (_NORMAL_MAX / 2))
    return code


@numba.njit(cache=True, nogil=True)
def decode_normals(code: UInt16[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 3"]:
    """float32 unit vectors."""
    normals = np.empty((len(code), 3), np.float32)
    for i in range(len(code)):
        u = code[i, 0] * (2 / _NORMAL_MAX) - 1
        v = code[i, 1] * (2 / _NORMAL_MAX) - 1
        z = 1 - abs(u) - abs(v)
        if z < 0:
            u, v = math.copysign(abs(u) + z, u), math.copysign(abs(v) + z, v)
        length = math.sqrt(u * u + v * v + z * z)
        normals[i] = u / length, v / length, z / length
    return normals


def encode_template(points: Float[np.ndarray, "*n 3"]) -> UInt16[np.ndarray, "*n 3"]:
    """Canonical positions within `TEMPLATE_LIMIT_M`; negative codes wrap around."""
    return np.rint(points * _TEMPLATE_PER_M).astype(np.int16).view(np.uint16)


def decode_template(code: UInt16[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """float32 metres."""
    return code.view(np.int16) * np.float32(1 / _TEMPLATE_PER_M)

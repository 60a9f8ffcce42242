"""What a kind of motion is: a posture at any time, and what it needs around it."""

import dataclasses
from collections.abc import Callable

import numpy as np

from thfm_jax.data.synthetic.motion.posture import Posture


@dataclasses.dataclass(frozen=True)
class Seat:
    """What a person sits or lies on.

    Attributes:
      position: [3] float64 world position of the middle of its top, metres.
      size: (width, depth) in metres, width along the seat's own x.
      height: of the top above the ground, metres; 0 for the ground itself.
      yaw: radians about y; 0 faces +z.
    """

    position: np.ndarray
    size: tuple[float, float]
    height: float
    yaw: float


@dataclasses.dataclass(frozen=True)
class Script:
    """A motion for ever.

    Attributes:
      posture: the pose at times [T] in seconds.
      seat: what carries the person, if not the ground.
    """

    posture: Callable[[np.ndarray], Posture]
    seat: Seat | None = None

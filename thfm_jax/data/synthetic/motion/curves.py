"""Functions of time that motion is made of: smooth noise, steps, pulses, key poses, time warps.

All take times in seconds [T] float64 and know nothing of frames: a clip at another frame rate
samples the same curves. They are once continuously differentiable at least.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

Times = Float[np.ndarray, "T"]


def smoothstep(x: np.ndarray) -> np.ndarray:
    """0 below 0, 1 above 1, in between with zero velocity and acceleration at both ends."""
    x = np.clip(x, 0.0, 1.0)
    return x**3 * (10 - 15 * x + 6 * x**2)


def softmin(*values: np.ndarray, width: float) -> np.ndarray:
    """At most the least of `values`, and less by no more than width * log(count)."""
    stack = np.stack(np.broadcast_arrays(*values))
    low = stack.min(0)
    return low - width * np.log(np.exp((low - stack) / width).sum(0))


def softplus(x: np.ndarray, width: float) -> np.ndarray:
    """max(x, 0) with a corner rounded over about `width`; never below it."""
    return width * np.logaddexp(0.0, x / width)


@dataclasses.dataclass(frozen=True)
class Noise:
    """Random smooth curves with mean 0 and standard deviation near 1, for ever.

    Attributes:
      frequency: [n, 5] hertz.
      phase: [n, 5] radians.
      weight: [n, 5]
    """

    frequency: np.ndarray
    phase: np.ndarray
    weight: np.ndarray

    @classmethod
    def draw(cls, rng: np.random.Generator, channels: int, hertz: float) -> "Noise":
        """`channels` curves that rarely move faster than `hertz`."""
        shape = (channels, 5)
        weight = rng.uniform(0.3, 1.0, shape)
        weight *= np.sqrt(2 / (weight**2).sum(-1, keepdims=True))
        return cls(hertz * rng.uniform(0.1, 1.0, shape), rng.uniform(0, 2 * np.pi, shape), weight)

    def __call__(self, time: Times) -> Float[np.ndarray, "T n"]:
        angle = 2 * np.pi * time[:, None, None] * self.frequency + self.phase
        return (self.weight * np.sin(angle)).sum(-1)


@dataclasses.dataclass(frozen=True)
class Keys:
    """A loop of values that are reached and held in turn.

    Attributes:
      starts: [k] seconds at which the move to value k begins; rising, first 0.
      moves: [k] seconds that it takes, at most the time to the next start.
      values: [k, ...]
      period: seconds of the loop.
    """

    starts: np.ndarray
    moves: np.ndarray
    values: np.ndarray
    period: float

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        values: np.ndarray,
        move: tuple[float, float],
        hold: tuple[float, float],
    ) -> "Keys":
        """Visits `values` [k, ...] in order, with times in seconds drawn from the two ranges."""
        moves = rng.uniform(*move, len(values))
        holds = rng.uniform(*hold, len(values))
        ends = np.cumsum(moves + holds)
        return cls(ends - moves - holds, moves, np.asarray(values, np.float64), float(ends[-1]))

    def __call__(self, time: Times) -> np.ndarray:
        time = np.mod(time, self.period)
        index = np.searchsorted(self.starts, time, side="right") - 1
        share = smoothstep((time - self.starts[index]) / self.moves[index])
        share = share.reshape(share.shape + (1,) * (self.values.ndim - 1))
        before, after = self.values[index - 1], self.values[index]
        return before + share * (after - before)


def cycle(phase: np.ndarray, times: Sequence[float], values: Sequence[float]) -> np.ndarray:
    """Value at `phase` (period 1) of a loop through `values` at `times`, at rest at each of them.

    `times` rise from 0 to 1, where the last value equals the first.
    """
    phase = np.mod(phase, 1.0)
    stops, levels = np.asarray(times), np.asarray(values, np.float64)
    index = np.clip(np.searchsorted(stops, phase, side="right") - 1, 0, len(stops) - 2)
    share = smoothstep((phase - stops[index]) / (stops[index + 1] - stops[index]))
    return levels[index] + share * (levels[index + 1] - levels[index])

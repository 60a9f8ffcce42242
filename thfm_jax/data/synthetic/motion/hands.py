"""Fingers: shapes of the hand, and how they pass into one another.

A shape is [5, 4] from thumb to little finger. Of a finger: bend at the knuckle, the middle and the
last joint, spread away from the middle finger. Of the thumb: opposition, bend of its two joints,
and lift away from the palm. Degrees in `SHAPES`, radians elsewhere; a straight finger has 0, the
thumb counts from rest.
"""

import numpy as np

from thfm_jax.data.synthetic.motion import rotations as rot
from thfm_jax.data.synthetic.motion.curves import Keys, Noise
from thfm_jax.data.synthetic.motion.limits import clamp
from thfm_jax.data.synthetic.motion.rig import FINGERS, SIDES, Rig


def _shape(thumb: tuple, *fingers: tuple) -> np.ndarray:
    return np.array([thumb, *fingers], np.float64)


SHAPES: dict[str, np.ndarray] = {
    "relaxed": _shape(
        (8, 8, 8, 0), (12, 18, 10, 2), (16, 24, 12, 0), (20, 28, 14, 0), (22, 28, 14, 2)
    ),
    "flat": _shape(
        (0, 0, 0, 0), (-6, -2, -2, 0), (-6, -2, -2, 0), (-6, -2, -2, 0), (-6, -2, -2, 0)
    ),
    "open": _shape(
        (-8, -6, -8, 20), (-12, 0, 0, 9), (-12, 0, 0, 0), (-12, 0, 0, 6), (-12, 2, 0, 14)
    ),
    "fist": _shape(
        (52, 42, 50, -18), (76, 92, 55, 0), (80, 95, 58, 0), (82, 95, 58, 0), (80, 92, 55, 0)
    ),
    "point": _shape(
        (50, 38, 46, -18), (-4, 2, 0, 0), (72, 92, 55, 0), (78, 94, 58, 0), (78, 92, 55, 0)
    ),
    "pinch": _shape(
        (36, 16, 22, 0), (42, 42, 18, 0), (30, 34, 16, 0), (24, 28, 12, 0), (20, 24, 10, 4)
    ),
    "grip": _shape(
        (36, 18, 28, 6), (48, 58, 32, 0), (52, 60, 34, 0), (54, 62, 34, 0), (54, 62, 34, 0)
    ),
    "hold": _shape(
        (30, 8, 14, 14), (26, 40, 24, 2), (30, 42, 24, 0), (32, 44, 24, 0), (32, 44, 24, 2)
    ),
    "two": _shape(
        (52, 40, 46, -18), (-4, 0, 0, 12), (-4, 0, 0, 0), (78, 94, 56, 0), (78, 92, 55, 0)
    ),
    "thumb_up": _shape(
        (-12, -10, -12, 35), (76, 92, 55, 0), (80, 95, 58, 0), (82, 95, 58, 0), (80, 92, 55, 0)
    ),
    "claw": _shape(
        (20, 25, 25, 20), (5, 55, 35, 8), (5, 58, 35, 0), (5, 58, 35, 4), (5, 55, 35, 10)
    ),
}
_IDLE = ("relaxed", "relaxed", "relaxed", "flat", "open", "fist", "hold", "claw")


class Fingers:
    """Both hands' fingers for ever: idle shapes that change now and then, never quite still."""

    def __init__(self, rng: np.random.Generator, shapes: tuple[str, ...] = _IDLE):
        self._keys = [
            Keys.draw(
                rng,
                np.stack([_vary(rng, name) for name in rng.choice(shapes, 3)]),
                (0.3, 0.9),
                (0.5, 3.0),
            )
            for _ in SIDES
        ]
        self._noise = Noise.draw(rng, 2 * 5, 0.7)
        self._offset = rng.uniform(0, 20)

    def __call__(self, time: np.ndarray) -> np.ndarray:
        """[2, T, 5, 4] radians."""
        shapes = np.stack([keys(time + self._offset) for keys in self._keys])
        wander = np.moveaxis(self._noise(time).reshape(-1, 2, 5), 0, 1)
        shapes[..., :3] += np.radians(3.0) * wander[..., None]
        return shapes


def shape(rng: np.random.Generator, name: str) -> np.ndarray:
    """[5, 4] radians of the named shape, with a person's own variation."""
    return _vary(rng, name)


def _vary(rng: np.random.Generator, name: str) -> np.ndarray:
    """Fingers curl together, and a little more or less each."""
    curl = rng.normal(0, 7) + rng.normal(0, 4, (5, 1)) + rng.normal(0, 2, (5, 3))
    shape = SHAPES[name].copy()
    shape[:, :3] += curl
    shape[:, 3] += rng.normal(0, 2, 5)
    return np.radians(shape)


def turn(rig: Rig, rotations: np.ndarray, fingers: np.ndarray) -> None:
    """Writes the fingers' bones of `rotations` [T, J, 3, 3] from `fingers` [2, T, 5, 4]."""
    back = rig.frames["hand"][..., 0]
    along = rig.frames["hand"][..., 1]
    for finger, bones in enumerate(FINGERS):
        angles = clamp("fingers" if finger else "thumb", fingers[:, :, finger])
        angles[..., :3] -= rig.finger_bends[:, None, finger]
        axes = rig.finger_axes[:, finger, :, None]
        if finger:
            spread = (0.0, 1.0, 0.0, -0.8, -1.0)[finger] * angles[..., 3, None] * -back[:, None]
            bends = [angles[..., 0, None] * axes[:, 0] + spread]
            bends += [angles[..., k, None] * axes[:, k] for k in (1, 2)]
        else:
            oppose = (
                angles[..., 0, None] * along[:, None] + angles[..., 3, None] * axes[:, 0] * -1.0
            )
            bends = [oppose, angles[..., 1, None] * axes[:, 1], angles[..., 2, None] * axes[:, 2]]
        for bone, bend in zip(bones, bends, strict=True):
            turns = rot.exp(bend)
            for side, letter in enumerate(SIDES):
                index = rig.bone[f"{bone}.{letter}"]
                rotations[:, index] = rot.mirror(turns[1]) if side else turns[0]

"""Joint tracks of people made of sticks, for tests that need no body."""

import numpy as np

from thfm_jax import joints

_MIDDLE = {
    "nose": (1.58, 0.12),
    "mid_hip": (0.92, 0.0),
    "pelvis": (0.98, -0.03),
    "spine1": (1.07, -0.03),
    "spine2": (1.20, -0.04),
    "spine3": (1.26, -0.04),
    "neck": (1.44, -0.02),
    "head": (1.54, 0.0),
    "head_top": (1.70, 0.0),
    "chin": (1.50, 0.09),
}
_LEFT = {
    "eye": (0.03, 1.62, 0.09),
    "ear": (0.07, 1.60, 0.0),
    "shoulder": (0.17, 1.40, 0.0),
    "elbow": (0.28, 1.14, 0.0),
    "wrist": (0.32, 0.90, 0.05),
    "hip": (0.09, 0.92, 0.0),
    "knee": (0.11, 0.50, 0.01),
    "ankle": (0.12, 0.08, 0.0),
    "big_toe": (0.12, 0.02, 0.19),
    "small_toe": (0.18, 0.02, 0.16),
    "heel": (0.12, 0.03, -0.05),
    "collar": (0.09, 1.42, 0.0),
    "hand": (0.33, 0.81, 0.07),
    "foot": (0.13, 0.03, 0.13),
    "thumb_tip": (0.29, 0.80, 0.12),
    "index_knuckle": (0.32, 0.81, 0.1),
    "index_tip": (0.33, 0.73, 0.12),
    "middle_tip": (0.34, 0.72, 0.1),
    "ring_tip": (0.34, 0.73, 0.08),
    "pinky_knuckle": (0.33, 0.82, 0.05),
    "pinky_tip": (0.34, 0.75, 0.06),
}


def _joint(joint: joints.Joint) -> tuple[float, float, float]:
    if joint.side == "middle":
        return (0.0, *_MIDDLE[joint.name])
    x, y, z = _LEFT[joint.name.removeprefix(joint.side + "_")]
    return (x if joint.side == "left" else -x, y, z)


STANDING = np.array([_joint(joint) for joint in joints.JOINTS])


def walking(
    frames: int = 9,
    fps: float = 24.0,
    yaw: float = 0.0,
    speed: float = 1.2,
    start: tuple[float, float, float] = (0.0, 0.0, 0.0),
    height: float = 1.70,
) -> np.ndarray:
    """[frames, 52, 3] metres: a stiff person who glides ahead."""
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    ahead = turn @ (0.0, 0.0, 1.0)
    steps = np.arange(frames)[:, None, None] / fps * speed
    return STANDING @ turn.T * (height / 1.70) + np.array(start) + steps * ahead

"""Arms: from what shoulders and hands are asked for to frames within human limits.

Everything is in the sides' frames (see `rig`), [2, T, ...]; angles in radians.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from thfm_jax.data.synthetic.motion import rotations as rot
from thfm_jax.data.synthetic.motion.curves import smoothstep
from thfm_jax.data.synthetic.motion.legs import bend
from thfm_jax.data.synthetic.motion.limits import clamp
from thfm_jax.data.synthetic.motion.posture import Arms
from thfm_jax.data.synthetic.motion.rig import Rig

# The middle of where the upper arm can point, and the axes that raise it from there and take it
# across the chest.
_CENTRE = rot.unit(np.array([0.80, -0.25, 0.55]))
_DOWN = np.array([0.0, -1.0, 0.0])
_CENTRE_FRAME = rot.swing(_DOWN, _CENTRE)
_RAISE = rot.unit(np.cross(_CENTRE, [0.0, 1.0, 0.0]))
_ACROSS = np.cross(_CENTRE, _RAISE)

# Takes elbows and wrists, [2, T, 3] in the world's sides' frames, out of what arms must not enter;
# called with shoulders, elbows, wrists.
Push = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclasses.dataclass
class Goal:
    """Where the hands are wanted, [2, T, ...] in the world's sides' frames.

    Attributes:
      weight: [2, T] 0 to 1.
      wrist: [2, T, 3]
      elbow: [2, T, 3] direction from the line shoulder-wrist to the elbow.
      hand: [2, T, 3, 3] frames.
      turn: [2, T] 0 to 1, how far forearm and wrist turn to `hand`.
    """

    weight: np.ndarray
    wrist: np.ndarray
    elbow: np.ndarray
    hand: np.ndarray
    turn: np.ndarray


def solve(
    rig: Rig,
    chest: np.ndarray,
    base: np.ndarray,
    arms: Arms,
    shrug: np.ndarray,
    goal: Goal,
    push: Push,
) -> dict[str, np.ndarray]:
    """Frames of the arms' bones, [2, T, 3, 3] in the world's sides' frames.

    Args:
      chest: [2, T, 3, 3]; base: [2, T, 3] place of the collar bones' heads.

    Returns:
      clavicle, scapula: turns against rest; upper_arm, forearm, hand: anatomical frames; pronation
      [2, T] of the forearm.
    """
    upper, fore = _hanging(chest, arms)
    lengths = (rig.lengths["upper_arm"][:, None], rig.lengths["forearm"][:, None])
    joints = rig.joints
    scapula = base + rot.apply(chest, (joints["scapula"] - joints["clavicle"])[:, None])
    shoulder = scapula + rot.apply(chest, (joints["shoulder"] - joints["scapula"])[:, None])
    hang = -lengths[0][..., None] * upper[..., 1] - lengths[1][..., None] * fore[..., 1]
    offset = hang + goal.weight[..., None] * (goal.wrist - shoulder - hang)
    pole = -upper[..., 2] + goal.weight[..., None] * (goal.elbow + upper[..., 2])
    elbow, _, _ = bend(shoulder, shoulder + offset, lengths, pole)
    clavicle, blade = _girdle(chest, rot.unit(elbow - shoulder), shrug)
    scapula = base + rot.apply(clavicle, (joints["scapula"] - joints["clavicle"])[:, None])
    shoulder, before = (
        scapula + rot.apply(blade, (joints["shoulder"] - joints["scapula"])[:, None]),
        shoulder,
    )
    # A hand that is wanted somewhere stays there; one that hangs moves with its shoulder.
    wrist = before + offset + (1 - goal.weight[..., None]) * (shoulder - before)
    pole = _natural(chest, rot.unit(wrist - shoulder), pole)
    elbow, _, _ = bend(shoulder, wrist, lengths, pole)
    elbow, wrist = push(shoulder, elbow, wrist)
    elbow, wrist, pole = bend(
        shoulder, wrist, lengths, elbow - 0.5 * (shoulder + wrist) + 1e-3 * pole
    )
    side = rot.unit(np.cross(wrist - shoulder, pole))
    upper = _hinged(shoulder - elbow, side)
    bent = rot.transpose(upper) @ _hinged(elbow - wrist, side)
    flexion = clamp("elbow", np.arctan2(-bent[..., 2, 1], bent[..., 1, 1])[..., None])[..., 0]
    upper = chest @ shoulder_turn(clamp("shoulder", shoulder_angles(rot.transpose(chest) @ upper)))
    fore = upper @ rot.about(0, -flexion)
    pronation, wrist_angles = _hand(fore, arms, goal)
    hand = fore @ hand_turn(pronation, wrist_angles)
    return {
        "clavicle": clavicle,
        "scapula": blade,
        "upper_arm": upper,
        "forearm": fore,
        "hand": hand,
        "pronation": pronation,
    }


def shoulder_angles(turn: np.ndarray) -> np.ndarray:
    """(raised, across, inward turn) [..., 3] of the upper arm's frame in the chest."""
    swing = rot.swing(np.broadcast_to(_CENTRE, turn.shape[:-1]), -turn[..., 1])
    vector = rot.log(swing)
    twist = rot.transpose(swing @ _CENTRE_FRAME) @ turn
    inward = -np.arctan2(twist[..., 0, 2], twist[..., 2, 2])
    return np.stack([(vector * _RAISE).sum(-1), (vector * _ACROSS).sum(-1), inward], -1)


def shoulder_turn(angles: np.ndarray) -> np.ndarray:
    """The frame of the upper arm in the chest that has `shoulder_angles`."""
    raised, across, inward = np.moveaxis(angles, -1, 0)
    swing = rot.exp(raised[..., None] * _RAISE + across[..., None] * _ACROSS)
    return swing @ _CENTRE_FRAME @ rot.about(1, -inward)


def hand_angles(turn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pronation [...] and wrist angles [..., 2] of the hand's frame in the forearm."""
    swing = rot.swing(np.broadcast_to(-_DOWN, turn.shape[:-1]), turn[..., 1])
    twist = rot.transpose(swing) @ turn
    pronation = -np.arctan2(twist[..., 0, 2], twist[..., 2, 2])
    # hand = pronation @ wrist: the wrist's axes turn with the forearm.
    vector = rot.log(rot.about(1, pronation) @ swing @ rot.about(1, -pronation))
    return pronation, np.stack([-vector[..., 2], -vector[..., 0]], -1)


def hand_turn(pronation: np.ndarray, wrist: np.ndarray) -> np.ndarray:
    """The frame of the hand in the forearm that has `hand_angles`."""
    zero = np.zeros_like(pronation)
    return rot.about(1, -pronation) @ rot.exp(np.stack([-wrist[..., 1], zero, -wrist[..., 0]], -1))


def _hanging(chest: np.ndarray, arms: Arms) -> tuple[np.ndarray, np.ndarray]:
    """Frames of upper arm and forearm that the joint angles mean, limits not yet applied."""
    upper = (
        chest
        @ rot.about(0, -arms.flexion)
        @ rot.about(2, arms.abduction)
        @ rot.about(1, -arms.rotation)
    )
    return upper, upper @ rot.about(0, -arms.elbow)


def _girdle(chest: np.ndarray, arm: np.ndarray, shrug: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turns of collar bone and shoulder blade that follow the upper arm's direction `arm`.

    About a third of an arm's elevation comes from the girdle. The rest pose has arms raised by
    nearly half a right angle.
    """
    out, up, front = np.moveaxis(rot.apply(rot.transpose(chest), arm), -1, 0)
    raised = 0.5 * (1 + up)
    elevation, forward = np.moveaxis(
        clamp("clavicle", np.stack([0.5 * (raised - 0.2) + shrug, 0.22 * front - 0.06 * out], -1)),
        -1,
        0,
    )
    zero = np.zeros_like(elevation)
    clavicle = chest @ rot.exp(np.stack([zero, -forward, 0.6 * elevation], -1))
    blade = clavicle @ rot.exp(np.stack([zero, -0.5 * forward, 0.5 * elevation], -1))
    return clavicle, blade


def _natural(chest: np.ndarray, line: np.ndarray, pole: np.ndarray) -> np.ndarray:
    """`pole` turned about the unit line shoulder-wrist to where a shoulder lets the elbow be.

    The elbow of an arm that swings from the middle of its range without turning is `natural`. Poles
    within 65 degrees of it stay; those further off come back, the opposite one all the way, so that
    nothing jumps where a hand passes behind its own shoulder.
    """
    local = rot.apply(rot.transpose(chest), line)
    frame = chest @ rot.swing(np.broadcast_to(_CENTRE, local.shape), local) @ _CENTRE_FRAME
    natural = -frame[..., 2]
    pole = rot.unit(pole - (pole * line).sum(-1, keepdims=True) * line)
    cosine = (natural * pole).sum(-1, keepdims=True)
    return pole + 2.2 * smoothstep((0.45 - cosine) / 1.45) * natural


def _hand(fore: np.ndarray, arms: Arms, goal: Goal) -> tuple[np.ndarray, np.ndarray]:
    """Pronation [2, T] and wrist [2, T, 2] between the arm's own and the goal's, clamped."""
    pronation, wrist = hand_angles(rot.transpose(fore) @ goal.hand)
    pronation = arms.forearm + goal.turn * (pronation - arms.forearm)
    wrist = arms.wrist + goal.turn[..., None] * (wrist - arms.wrist)
    return clamp("forearm", pronation[..., None])[..., 0], clamp("wrist", wrist)


def _hinged(along: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Frame with y along `along` and x along `side`, which is square to it."""
    y = rot.unit(along)
    return np.stack([side, y, np.cross(side, y)], -1)

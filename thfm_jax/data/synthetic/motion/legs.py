"""Legs: feet on the ground, and the two-bone chain that joins them to the hips."""

import dataclasses

import numpy as np

from thfm_jax.data.synthetic.motion import rotations as rot
from thfm_jax.data.synthetic.motion.curves import softmin, softplus
from thfm_jax.data.synthetic.motion.limits import LIMITS, clamp
from thfm_jax.data.synthetic.motion.posture import Feet
from thfm_jax.data.synthetic.motion.rig import Rig

# A leg is never stretched further than this share of its length: knees of people who stand are
# not quite straight, and a chain close to its full length jerks.
STRETCH = 0.996
# An ankle that bears weight bends so far; beyond, the heel rises.
_DORSIFLEXION = np.radians(LIMITS["ankle"][0][1] - 7.0)
_TOES = np.radians(LIMITS["toes"][0][1] - 7.0)


def bend(root: np.ndarray, tip: np.ndarray, lengths: tuple, pole: np.ndarray) -> tuple:
    """Middle joint of a two-bone chain, and the pole's part square to the line root-tip.

    Args:
      root, tip: [..., 3]; a tip out of reach is drawn in.
      lengths: of the upper and lower bone, each broadcastable to [...].
      pole: [..., 3] direction in which the middle joint stands off.

    Returns:
      (middle [..., 3], tip that is reached [..., 3], unit pole [..., 3]).
    """
    upper, lower = lengths
    span = tip - root
    line = rot.unit(span)
    longest = upper + lower
    distance = np.clip(rot.length(span), np.abs(upper - lower) + 0.02 * longest, STRETCH * longest)
    along = (upper**2 - lower**2 + distance**2) / (2 * distance)
    off = np.sqrt(np.maximum(upper**2 - along**2, 0.0))
    pole = rot.unit(pole - (pole * line).sum(-1, keepdims=True) * line)
    middle = root + along[..., None] * line + off[..., None] * pole
    return middle, root + distance[..., None] * line, pole


def place(
    rig: Rig, ground: np.ndarray, yaw: np.ndarray, pitch: np.ndarray, planted: np.ndarray
) -> Feet:
    """Feet that stand on the ground or roll on it.

    Args:
      ground: [2, T, 3] world point beneath each ankle while the foot is flat; y lifts the foot.
      yaw: [2, T] radians, 0 along z, positive to the left.
      pitch: [2, T] radians; above 0 the toes are up and the heel's edge stays where it is, below 0
        the heel is up and the ball stays, the toes flat on the ground.
      planted: [2, T] bool.
    """
    level = rot.about(1, yaw)
    rotation = level @ rot.about(0, -pitch)
    ankle = rig.joints["ankle"][:, None]
    drop = np.zeros_like(ankle)
    drop[..., 1] = rig.ankle_height[:, None]
    # The pivot counted from the ankle of a flat foot, in the foot's frame; sides turn outwards by
    # the rest pose's own toe-out, which frames take out.
    heel, ball = (_in_foot(rig, name) for name in ("heel", "ball"))
    pivot = np.where(pitch[..., None] > 0, heel[:, None], ball[:, None])
    place = ground + drop + rot.apply(level, pivot) - rot.apply(rotation, pivot)
    return Feet(
        ankle=place,
        rotation=rotation,
        toes=np.maximum(-pitch, 0.0),
        planted=planted,
        knee=np.zeros_like(place),
        slack=np.zeros(pitch.shape),
    )


def _in_foot(rig: Rig, name: str) -> np.ndarray:
    """[2, 3] offset from the ankle to a point of the sole, in the foot's axes in the world."""
    offset = rig.joints[name] - rig.joints["ankle"]
    local = rot.apply(rot.transpose(rig.frames["foot"]), offset)
    return _sided_points(local)


def reach_height(rig: Rig, feet: Feet, hips: np.ndarray, pelvis: np.ndarray) -> np.ndarray:
    """[T] greatest height of the middle of the hips at which both legs reach their feet.

    `hips` [T, 3] gives the place in the plane, `pelvis` [T, 3, 3] the way it is turned.
    """
    hip = rot.apply(pelvis, _sided_points(hip_offset(rig))[:, None])
    apart = feet.ankle - hips - hip
    longest = (STRETCH * rig.lengths["leg"][:, None] + feet.slack) ** 2
    height = np.sqrt(np.maximum(longest - apart[..., 0] ** 2 - apart[..., 2] ** 2, 0.02 * longest))
    return (feet.ankle[..., 1] - hip[..., 1] + height).min(0)


def lower(rig: Rig, feet: Feet, hips: np.ndarray, pelvis: np.ndarray) -> np.ndarray:
    """`hips` [T, 3], let down smoothly where a leg would not reach its foot."""
    limit = reach_height(rig, feet, hips, pelvis)
    height = softmin(hips[:, 1], limit, width=0.012 * rig.size)
    return np.stack([hips[:, 0], height, hips[:, 2]], -1)


def exchange(feet: Feet, other: Feet, side: int) -> Feet:
    """`feet` with `other`'s foot on one side."""
    mine = {field.name: getattr(feet, field.name).copy() for field in dataclasses.fields(Feet)}
    for name, value in mine.items():
        value[side] = getattr(other, name)[side]
    return Feet(**mine)


def solve(rig: Rig, hip: np.ndarray, pelvis: np.ndarray, feet: Feet) -> dict[str, np.ndarray]:
    """Anatomical frames of the legs in the world, seen from each side.

    Args:
      hip: [2, T, 3] world positions of the hip joints, side's frame (the right one mirrored).
      pelvis: [2, T, 3, 3] in the sides' frames.
      feet: in the world.

    Returns:
      thigh, shank, foot: [2, T, 3, 3]; toes: [2, T] radians.
    """
    ankle = _sided_points(feet.ankle)
    foot = _sided(feet.rotation)
    pole = (
        pelvis[..., 2]
        + 0.4 * pelvis[..., 1]
        + 0.25 * pelvis[..., 0]
        + 0.9 * foot[..., 2]
        + _sided_points(feet.knee)
    )
    lengths = (rig.lengths["thigh"][:, None], rig.lengths["shank"][:, None])
    ankle, foot, lift = _lift_heels(rig, hip, ankle, foot, lengths, pole, feet.slack)
    ankle = _on_tiptoe(rig, ankle, feet.toes + lift, feet.slack)
    knee, ankle, pole = bend(hip, ankle, lengths, pole)
    side = rot.unit(np.cross(ankle - hip, -pole))
    thigh = _hinged(hip - knee, side)
    shank = _hinged(knee - ankle, side)
    angles = joint_angles(pelvis, thigh, shank, foot)
    thigh = pelvis @ hip_turn(clamp("hip", angles["hip"]))
    shank = thigh @ rot.about(0, clamp("knee", angles["knee"])[..., 0])
    foot = shank @ ankle_turn(clamp("ankle", angles["ankle"]))
    toes = clamp("toes", (feet.toes + lift)[..., None])[..., 0]
    return {"thigh": thigh, "shank": shank, "foot": foot, "toes": toes}


def _lift_heels(
    rig: Rig,
    hip: np.ndarray,
    ankle: np.ndarray,
    foot: np.ndarray,
    lengths: tuple,
    pole: np.ndarray,
    slack: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ankles, frames of the feet, and radians by which heels rise where an ankle bends no further.

    Feet roll on their balls, which stay where they are; those in the air (`slack`) do not.
    """
    carries = np.maximum(1 - slack / (0.1 * lengths[1]), 0.0)
    ball = rot.apply(rot.transpose(rig.frames["foot"]), rig.joints["ball"] - rig.joints["ankle"])[
        :, None
    ]
    total = np.zeros(slack.shape)
    for _ in range(4):
        knee, end, _ = bend(hip, ankle, lengths, pole)
        shank = rot.transpose(foot) @ rot.unit(knee - end)[..., None]
        bent = np.arctan2(shank[..., 2, 0], shank[..., 1, 0])
        lift = carries * softplus(bent - _DORSIFLEXION, np.radians(1.0))
        rolled = foot @ rot.about(0, lift)
        ankle = ankle + rot.apply(foot, ball) - rot.apply(rolled, ball)
        foot, total = rolled, total + lift
    return ankle, foot, total


def _on_tiptoe(rig: Rig, ankle: np.ndarray, toes: np.ndarray, slack: np.ndarray) -> np.ndarray:
    """Ankles raised so that toes bent by `toes` [2, T] lie on the ground and not in it.

    The outer toes begin behind the ball; and where toes bend no further, their tips turn down.
    """
    tip = rot.length(rig.joints["toe"] - rig.joints["ball"])[:, None]
    beyond = softplus(toes - _TOES, np.radians(1.0))
    carries = np.maximum(1 - slack / tip, 0.0)
    raised = ankle.copy()
    raised[..., 1] += carries * tip * (0.16 * np.sin(toes) + np.sin(beyond))
    return raised


def joint_angles(
    pelvis: np.ndarray, thigh: np.ndarray, shank: np.ndarray, foot: np.ndarray
) -> dict[str, np.ndarray]:
    """Anatomical angles of hip [..., 3], knee [..., 1] and ankle [..., 3] from frames."""
    turn = rot.transpose(pelvis) @ thigh
    down = np.array([0.0, -1.0, 0.0])
    swing = rot.swing(np.broadcast_to(down, turn.shape[:-1]), -turn[..., 1])
    twist = rot.transpose(swing) @ turn
    direction = rot.log(swing)
    inward = -np.arctan2(twist[..., 0, 2], twist[..., 2, 2])
    bent = rot.transpose(thigh) @ shank
    flexion = np.arctan2(bent[..., 2, 1], bent[..., 1, 1])
    tilt = rot.log(rot.transpose(shank) @ foot)
    return {
        "hip": np.stack([-direction[..., 0], direction[..., 2], inward], -1),
        "knee": flexion[..., None],
        "ankle": np.stack([-tilt[..., 0], -tilt[..., 2], -tilt[..., 1]], -1),
    }


def hip_turn(angles: np.ndarray) -> np.ndarray:
    """Frame of the thigh in the pelvis from flexion, abduction, inward turn [..., 3]."""
    flexion, abduction, inward = np.moveaxis(angles, -1, 0)
    swing = rot.exp(np.stack([-flexion, np.zeros_like(flexion), abduction], -1))
    return swing @ rot.about(1, -inward)


def ankle_turn(angles: np.ndarray) -> np.ndarray:
    """Frame of the foot in the shank from dorsiflexion, sole inwards, toes inwards [..., 3]."""
    up, inwards, toes_in = np.moveaxis(angles, -1, 0)
    return rot.exp(np.stack([-up, -toes_in, -inwards], -1))


def hang(
    rig: Rig,
    hips: np.ndarray,
    pelvis: np.ndarray,
    hip: np.ndarray,
    knee: np.ndarray,
    ankle: np.ndarray,
) -> Feet:
    """Feet of legs whose joints are given: legs that carry nothing.

    Args:
      hips: [T, 3]
      pelvis: [T, 3, 3]
      hip: [2, T, 3] flexion, abduction, inward turn; knee: [2, T]; ankle: [2, T] dorsiflexion.
    """
    sides = np.stack([pelvis, rot.mirror(pelvis)])
    start = np.stack([hips, rot.mirror_points(hips)]) + rot.apply(sides, hip_offset(rig)[:, None])
    thigh = sides @ hip_turn(hip)
    shank = thigh @ rot.about(0, knee)
    zero = np.zeros_like(ankle)
    foot = shank @ ankle_turn(np.stack([ankle, zero, zero], -1))
    middle = start - rig.lengths["thigh"][:, None, None] * thigh[..., 1]
    end = middle - rig.lengths["shank"][:, None, None] * shank[..., 1]
    return Feet(
        ankle=_sided_points(end),
        rotation=_sided(foot),
        toes=np.zeros_like(ankle),
        planted=np.zeros(ankle.shape, bool),
        knee=8.0 * _sided_points(thigh[..., 2]),
        slack=np.full(ankle.shape, rig.lengths["leg"].mean()),
    )


def hip_offset(rig: Rig) -> np.ndarray:
    """[2, 3] of the hip joints from their middle, in the sides' frames."""
    return rig.joints["hip"] - np.stack([rig.hips, rot.mirror_points(rig.hips)])


def _hinged(along: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Frame with y along `along` and x nearest to `side`, which is square to it."""
    y = rot.unit(along)
    return np.stack([side, y, np.cross(side, y)], -1)


def _sided(matrix: np.ndarray) -> np.ndarray:
    """[2, ...] world rotations, the right one mirrored."""
    return np.stack([matrix[0], rot.mirror(matrix[1])])


def _sided_points(points: np.ndarray) -> np.ndarray:
    """[2, ..., 3] world vectors, the right one mirrored."""
    return np.stack([points[0], rot.mirror_points(points[1])])

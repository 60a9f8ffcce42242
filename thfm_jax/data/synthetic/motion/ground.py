"""Motions near the ground: sitting on it, kneeling, lying, crawling, push-ups.

Legs are posed by their joints here, and the whole body is set down on its lowest point.
"""

import dataclasses

import numpy as np

from thfm_jax.data.synthetic.motion import legs
from thfm_jax.data.synthetic.motion import rotations as rot
from thfm_jax.data.synthetic.motion.actor import Actor, tilt
from thfm_jax.data.synthetic.motion.curves import Keys, Noise
from thfm_jax.data.synthetic.motion.gestures import hand_frame
from thfm_jax.data.synthetic.motion.posture import Posture, Reach
from thfm_jax.data.synthetic.motion.script import Script, Seat


@dataclasses.dataclass(frozen=True)
class Pose:
    """A way to be on the ground, in degrees.

    Attributes:
      pelvis: forward tilt of the pelvis; 90 is face down, -90 face up.
      legs: ((flexion, abduction, inward turn, knee, dorsiflexion), the same of the other leg).
      spine, neck: forward bend.
      spread: standard deviation of what a person makes of it.
    """

    pelvis: float
    legs: tuple[tuple[float, ...], ...]
    spine: float = 0.0
    neck: float = 0.0
    spread: float = 5.0


def _same(*leg: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return leg, leg


_SITTING = {
    "cross": Pose(-8, _same(75, 66, -110, 140, -5), 22, 4, 3),
    "long": Pose(-14, _same(78, 8, -6, 12, -15), 12, 8),
    "bent": Pose(-14, _same(108, 10, -4, 98, -4), 26, 4),
    "hug": Pose(-12, _same(122, 6, 0, 128, -12), 38, 6),
}
_KNEELING = {
    "upright": Pose(4, _same(4, 6, 0, 95, -60), 0, 0, 2),
    "heels": Pose(-4, _same(68, 10, -4, 150, -60), 10, 4, 2),
    "one": Pose(4, ((92, 8, 0, 92, 2), (4, 8, 0, 94, -58)), 4, 0, 2),
    "bowed": Pose(28, _same(97, 12, -4, 150, -60), 40, 10, 2),
}


def _legs(rng: np.random.Generator, pose: Pose, moves: float = 1.0):
    """Joint angles [2, T, 5] in radians over time, near the pose's; sides may be exchanged."""
    base = np.array(pose.legs, np.float64)
    if rng.random() < 0.5:
        base = base[::-1]
    base = base + rng.normal(0, pose.spread, base.shape) * (1, 0.6, 0.6, 1, 1)
    wander = Noise.draw(rng, 10, 0.3)

    def angles(time: np.ndarray) -> np.ndarray:
        drift = 1.2 * moves * wander(time).reshape(-1, 2, 5)
        return np.radians(base[:, None] + np.moveaxis(drift, 0, 1))

    return angles


def _set_down(
    actor: Actor,
    time: np.ndarray,
    pelvis: np.ndarray,
    angles: np.ndarray,
    height: float,
    floor: float = 0.0,
    place: np.ndarray | float = 0.0,
) -> Posture:
    """The posture with legs at `angles` [2, T, 5], put on the `floor`, hips `height` above it."""
    hips = np.zeros((len(time), 3)) + place
    hips[:, 1] = floor + height
    feet = legs.hang(actor.rig, hips, pelvis, angles[..., :3], angles[..., 3], angles[..., 4])
    posture = actor.posture(time, hips, pelvis, feet)
    posture.grounded = np.ones(len(time))
    posture.floor = np.full(len(time), floor)
    return posture


def _upright(rng: np.random.Generator, actor: Actor, pose: Pose, height: float) -> Script:
    """Sits or kneels, trunk up."""
    angles = _legs(rng, pose)
    wander = Noise.draw(rng, 3, 0.25)
    spine, neck = np.radians([pose.spine, pose.neck]) + np.radians(rng.normal(0, (7, 5)))
    tip = np.radians(pose.pelvis + rng.normal(0, 4))

    def posture(time: np.ndarray) -> Posture:
        drift = np.radians(1.5) * wander(time)
        result = _set_down(
            actor, time, tilt(tip + drift[:, 0], drift[:, 1], drift[:, 2]), angles(time), height
        )
        result.spine[:, 0] += spine
        result.neck[:, 0] += neck
        # Arms hang down from a trunk that bends forward.
        result.arms.flexion = result.arms.flexion + max(0.9 * (tip + spine), 0.0)
        return result

    return Script(posture)


def sit(rng: np.random.Generator, actor: Actor) -> Script:
    """Sits on the ground: cross-legged, legs stretched out, bent, hugged or to one side."""
    name = str(rng.choice(list(_SITTING)))
    script = _upright(rng, actor, _SITTING[name], actor.rig.seat)
    if name == "hug":
        return _with_hands(script, [_on_shin(actor, side) for side in (0, 1)])
    if name == "long" or (name == "bent" and rng.random() < 0.5):
        return _with_hands(script, [_behind(rng, actor, side) for side in (0, 1)])
    return script


def kneel(rng: np.random.Generator, actor: Actor) -> Script:
    """Kneels on both knees or one, upright, on the heels or bowed."""
    name = str(rng.choice(list(_KNEELING)))
    rig = actor.rig
    low = name in ("heels", "bowed")
    height = (
        0.5 * float(rig.lengths["thigh"].mean())
        if low
        else float(rig.lengths["thigh"].mean()) + 0.05 * rig.size
    )
    return _upright(rng, actor, _KNEELING[name], height)


def _with_hands(script: Script, reaches) -> Script:
    def posture(time: np.ndarray) -> Posture:
        result = script.posture(time)
        result.reaches += [reach(time) for reach in reaches]
        return result

    return Script(posture)


def _on_shin(actor: Actor, side: int):
    """A hand in front of the drawn-up shins."""
    rig = actor.rig
    thigh = float(rig.lengths["thigh"].mean())
    place = np.array([0.05, 0.62 * thigh, 0.62 * thigh])
    frame = hand_frame((-0.9, -0.2, 0.2), (0.2, 0.3, 0.9))
    return lambda time: _still(time, side, "hips", place, np.array([0.9, -0.3, 0.2]), frame)


def _behind(rng: np.random.Generator, actor: Actor, side: int):
    """A hand that props the trunk from behind."""
    rig = actor.rig
    place = np.array([0.22 + rng.uniform(0, 0.12), 0.0, -0.3]) * rig.size
    place[1] = -rig.seat + 0.06 * rig.size
    frame = hand_frame((0.5, -0.2, -0.8), (0.2, 1.0, 0.0))
    return lambda time: _still(time, side, "hips", place, np.array([0.4, 0.0, -1.0]), frame)


def _still(time, side, anchor, place, elbow, hand=None) -> Reach:
    return Reach(side, np.ones(len(time)), anchor, np.tile(place, (len(time), 1)), elbow, hand)


def lie(rng: np.random.Generator, actor: Actor) -> Script:
    """Lies on the back, the belly or a side, on the ground or on a bed."""
    rig = actor.rig
    way = str(rng.choice(["back", "belly", "side"], p=[0.45, 0.3, 0.25]))
    bed = rng.random() < 0.5
    floor = rng.uniform(0.3, 0.6) if bed else 0.0
    seat = None
    if bed:
        long = 2.5 * rig.standing
        seat = Seat(
            np.array([0.0, floor, -0.1 * long]), (rng.uniform(0.9, 1.8), max(long, 1.2)), floor, 0.0
        )
    make = {"back": _on_back, "belly": _on_belly, "side": _on_side}[way]
    return dataclasses.replace(make(rng, actor, floor), seat=seat)


def _on_back(rng: np.random.Generator, actor: Actor, floor: float) -> Script:
    bent = rng.random(2) < rng.choice([0.05, 0.5, 0.95])
    pose = Pose(-90, tuple((48, 6, -6, 88, -30) if up else (2, 9, -14, 6, -32) for up in bent))
    angles = _legs(rng, pose)
    head = np.radians(rng.normal(0, (8, 5, 25)))
    hands = [_beside(rng, side, front=False) for side in (0, 1)]

    def posture(time: np.ndarray) -> Posture:
        pelvis = tilt(np.full(len(time), -np.pi / 2), 0 * time, 0 * time)
        result = _set_down(actor, time, pelvis, angles(time), actor.rig.seat, floor)
        result.spine[:, 0] *= 0.4
        result.neck += head + np.radians((10, 0, 0))
        result.reaches += [hand(time) for hand in hands]
        return result

    return Script(posture)


def _on_belly(rng: np.random.Generator, actor: Actor, floor: float) -> Script:
    bent = rng.random(2) < 0.25
    pose = Pose(90, tuple((-4, 9, 0, 80 if up else 8, -45) for up in bent))
    angles = _legs(rng, pose)
    propped = rng.random() < 0.5
    turn = np.radians(rng.choice([-1, 1]) * rng.uniform(35, 68)) * (not propped)
    rise = np.radians(rng.uniform(24, 34)) if propped else 0.0
    hands = [_beside(rng, side, front=True) for side in (0, 1)]
    if propped:
        hands = [_prop(rng, side) for side in (0, 1)]

    def posture(time: np.ndarray) -> Posture:
        pelvis = tilt(np.full(len(time), np.pi / 2), 0 * time, 0 * time)
        height = 0.75 * actor.rig.seat
        result = _set_down(actor, time, pelvis, angles(time), height, floor)
        result.spine[:, 0] = 0.3 * result.spine[:, 0] - rise
        result.neck[:, 0] -= np.radians(8) + 0.9 * rise
        result.neck[:, 2] += turn
        result.reaches += [hand(time) for hand in hands]
        return result

    return Script(posture)


def _on_side(rng: np.random.Generator, actor: Actor, floor: float) -> Script:
    """On the left or the right side, legs drawn up more or less."""
    side = int(rng.integers(2))
    drawn = rng.uniform(0.2, 1.0)
    below, above = (
        (drawn * rng.uniform(40, 75), 0, 0, drawn * rng.uniform(50, 105), -20) for _ in range(2)
    )
    angles = _legs_of(rng, (below, above) if side == 0 else (above, below))
    width = float(actor.rig.joints["hip"][:, 0].mean()) + 0.07 * actor.rig.size
    sign = (-1.0, 1.0)[side]
    low = np.array([-0.1, rng.uniform(-0.1, 0.45), rng.uniform(0.35, 0.6)])
    high = np.array([rng.uniform(-0.3, -0.1), rng.uniform(-0.5, -0.1), rng.uniform(0.35, 0.6)])

    def posture(time: np.ndarray) -> Posture:
        pelvis = np.tile(rot.about(2, np.array(sign * np.pi / 2)), (len(time), 1, 1))
        result = _set_down(actor, time, pelvis, angles(time), width, floor)
        result.spine[:, 0] += np.radians(18) * drawn
        result.neck[:, 0] += np.radians(12) * drawn
        # The head rests on what is beneath it.
        result.neck[:, 1] -= sign * np.radians(16)
        elbow = np.array([0.3, -0.6, 0.2])
        result.reaches.append(_still(time, side, "shoulder", low, elbow))
        result.reaches.append(_still(time, 1 - side, "shoulder", high, elbow))
        return result

    return Script(posture)


def _legs_of(rng: np.random.Generator, legs_deg):
    """Joint angles near `legs_deg`, left leg first."""
    base = np.array(legs_deg, np.float64)
    wander = Noise.draw(rng, 10, 0.2)
    return lambda time: np.radians(
        base[:, None] + np.moveaxis(1.0 * wander(time).reshape(-1, 2, 5), 0, 1)
    )


def _beside(rng: np.random.Generator, side: int, front: bool):
    """A hand that lies on the ground beside the body, from the hip to above the head."""
    angle = np.radians(rng.uniform(15, 165))
    length = rng.uniform(0.75, 0.95) if angle < 1.2 else rng.uniform(0.45, 0.9)
    depth = 0.14 if front else -0.2
    place = np.array([np.sin(angle) * length, -np.cos(angle) * length, depth])
    if front:
        return lambda time: _still(time, side, "shoulder", place, np.array([1.0, -0.2, 0.5]))
    return lambda time: _still(time, side, "shoulder", place, np.array([1.0, -0.3, -0.5]))


def _prop(rng: np.random.Generator, side: int):
    """A forearm on the ground in front of the chest."""
    place = np.array([rng.uniform(-0.2, 0.0), rng.uniform(0.05, 0.25), 0.62])
    return lambda time: _still(
        time,
        side,
        "shoulder",
        place,
        np.array([0.5, -0.7, 0.4]),
        hand_frame((-0.2, 1.0, 0.3), (0, -0.3, -1.0)),
    )


def crawl(rng: np.random.Generator, actor: Actor) -> Script:
    """On hands and knees, still or crawling."""
    rig = actor.rig
    moves = rng.random() < 0.6
    period = rng.uniform(0.9, 1.6)
    swing = np.radians(rng.uniform(12, 22)) if moves else 0.0
    thigh = float(rig.lengths["thigh"].mean())
    speed = 4 * thigh * np.sin(swing) / period
    spine = np.radians(rng.normal(4, 8))

    def posture(time: np.ndarray) -> Posture:
        angle = 2 * np.pi * time / period + np.array([[0.0], [np.pi]])
        angles = np.zeros((2, len(time), 5))
        angles[..., 0] = np.radians(84) + swing * np.sin(angle)
        angles[..., 1] = np.radians(5)
        angles[..., 3] = (
            np.radians(86)
            + 0.9 * swing * np.sin(angle)
            + 0.8 * swing * np.maximum(np.cos(angle), 0) ** 2
        )
        angles[..., 4] = np.radians(-50)
        pelvis = tilt(np.full(len(time), np.radians(80)), 0 * time, 0.25 * swing * np.sin(angle[0]))
        place = np.stack([0 * time, 0 * time, speed * time], -1)
        result = _set_down(actor, time, pelvis, angles, thigh + 0.05 * rig.size, place=place)
        result.spine[:, 0] = spine
        result.neck[:, 0] -= np.radians(28)
        for side in (0, 1):
            fore = 0.9 * swing * np.sin(angle[1 - side])
            lift = 0.25 * swing * np.maximum(np.cos(angle[1 - side]), 0) ** 2
            target = np.stack([0 * time + 0.02, 0.05 + np.sin(fore), 0.93 - lift], -1)
            frame = hand_frame((0.1, 1.0, 0.0), (0.0, 0.0, -1.0))
            result.reaches.append(
                Reach(
                    side, np.ones(len(time)), "shoulder", target, np.array([0.6, -1.0, 0.0]), frame
                )
            )
        return result

    return Script(posture)


def push_up(rng: np.random.Generator, actor: Actor) -> Script:
    """Push-ups, or a plank."""
    rig = actor.rig
    arm = float(rig.lengths["arm"].mean())
    leg = float(rig.lengths["leg"].mean())
    trunk = float(rig.joints["shoulder"][0, 1] - rig.hips[1])
    foot = float((rig.joints["ball"] - rig.joints["ankle"])[:, 2].mean())
    low = rng.uniform(0.3, 0.6) if rng.random() < 0.75 else 0.93
    height = Keys.draw(rng, arm * np.array([0.95, low]), (0.5, 1.1), (0.0, 0.5))
    out = float(rig.joints["shoulder"][:, 0].mean()) * rng.uniform(1.0, 1.6)
    sag = np.radians(rng.normal(3, 5))

    def posture(time: np.ndarray) -> Posture:
        shoulder = height(time) + 0.05 * rig.size
        rise = np.arcsin((shoulder - foot) / (leg + trunk))
        along = np.stack([0 * time, np.sin(rise), np.cos(rise)], -1)
        angles = np.zeros((2, len(time), 5))
        angles[..., 0] = sag
        angles[..., 1] = np.radians(2)
        angles[..., 3] = np.radians(4)
        angles[..., 4] = np.radians(8)
        pelvis = tilt(np.pi / 2 - rise, 0 * time, 0 * time)
        result = _set_down(actor, time, pelvis, angles, 0.0, place=leg * along)
        result.hips[:, 1] = foot + leg * along[:, 1]
        result.feet = legs.hang(
            rig, result.hips, pelvis, angles[..., :3], angles[..., 3], angles[..., 4]
        )
        result.feet.toes = np.full(result.feet.toes.shape, np.radians(58))
        result.spine[:, 0] = -sag
        result.neck[:, 0] -= np.radians(12)
        for side in (0, 1):
            place = np.array(
                [
                    out,
                    0.055 * rig.size,
                    np.cos(np.arcsin((0.95 * arm - foot) / (leg + trunk))) * (leg + trunk),
                ]
            )
            frame = hand_frame((0.1, -0.25, 1.0), (0.0, 1.0, 0.25))
            result.reaches.append(
                _still(time, side, "world", place, np.array([0.9, -0.8, -0.6]), frame)
            )
        return result

    return Script(posture)

"""Sitting: on chairs, stools and the ground, sitting down and getting up."""

import numpy as np

from thfm_jax.data.synthetic.motion import gestures, legs
from thfm_jax.data.synthetic.motion.actor import Actor, tilt
from thfm_jax.data.synthetic.motion.curves import Keys, Noise, smoothstep, softplus
from thfm_jax.data.synthetic.motion.posture import Feet, Posture, Reach
from thfm_jax.data.synthetic.motion.script import Script, Seat


def _seat(actor: Actor, height: float, rng: np.random.Generator) -> Seat:
    """A seat under hips above the origin."""
    size = actor.rig.size
    depth = size * rng.uniform(0.4, 0.5)
    middle = 0.32 * depth
    return Seat(
        np.array([0.0, height, middle - 0.08 * size]),
        (size * rng.uniform(0.42, 0.6), depth),
        height,
        0.0,
    )


def _seat_height(rng: np.random.Generator, actor: Actor) -> float:
    """Of a chair that is a little low or high for the person's lower legs."""
    rig = actor.rig
    return float((rig.lengths["shank"] + rig.ankle_height).mean()) * rng.uniform(0.78, 1.02)


def _sitting_feet(rng: np.random.Generator, actor: Actor) -> tuple[np.ndarray, np.ndarray]:
    """Ground points [2, 1, 3] and yaw [2, 1] of feet in front of a seat."""
    rig = actor.rig
    half = float(rig.joints["hip"][:, 0].mean())
    thigh, shank = (float(rig.lengths[name].mean()) for name in ("thigh", "shank"))
    wide = half * rng.uniform(0.6, 2.2)
    fore = 0.9 * thigh + shank * (np.sin(np.radians(rng.uniform(-22, 22))) + rng.normal(0, 0.06, 2))
    out = wide + rng.normal(0, 0.02, 2)
    ground = np.array([[[out[0], 0.0, fore[0]]], [[-out[1], 0.0, fore[1]]]])
    splay = np.radians(rng.uniform(0, 14) + rng.normal(0, 4, 2))
    return ground, np.array([[splay[0]], [-splay[1]]])


def sit(rng: np.random.Generator, actor: Actor) -> Script:
    """Sits on a seat, upright, bent forward or leaning back, the feet down or the legs crossed."""
    rig = actor.rig
    height = _seat_height(rng, actor)
    ground, yaw = _sitting_feet(rng, actor)
    back = np.radians(rng.choice([rng.uniform(-4, 8), rng.uniform(8, 24), rng.uniform(-32, -12)]))
    shift = Noise.draw(rng, 3, 0.25)
    style = rng.choice(["down", "crossed", "ankle", "heels"], p=[0.55, 0.2, 0.1, 0.15])
    over = int(rng.integers(2))
    lift = -np.radians(rng.uniform(15, 40)) if style == "heels" else 0.0

    def posture(time: np.ndarray) -> Posture:
        shape = (2, len(time))
        drift = shift(time)
        hips = np.stack([0.004 * drift[:, 0], 0 * time + height + rig.seat, 0 * time], -1)
        pelvis = tilt(
            -0.8 * back - np.radians(6) + np.radians(1.5) * drift[:, 1],
            0 * time,
            np.radians(2) * drift[:, 2],
        )
        feet = legs.place(
            rig,
            np.broadcast_to(ground, (*shape, 3)),
            np.broadcast_to(yaw, shape),
            np.broadcast_to(lift, shape),
            np.ones(shape, bool),
        )
        if style in ("crossed", "ankle"):
            feet = _crossed(actor, feet, hips, pelvis, over, style, drift)
        pose = actor.posture(time, hips, pelvis, feet)
        pose.spine[:, 0] += np.radians(10) + 0.5 * np.abs(back) - 0.15 * back
        pose.neck[:, 0] += 0.6 * back
        return pose

    return Script(posture, seat=_seat(actor, height, rng))


def _crossed(
    actor: Actor,
    feet: Feet,
    hips: np.ndarray,
    pelvis: np.ndarray,
    over: int,
    style: str,
    drift: np.ndarray,
) -> Feet:
    """One leg laid over the other: knee on knee, or ankle on knee."""
    count = len(hips)
    swing = np.radians(3) * drift[:, 1]
    if style == "crossed":
        hip, knee, ankle = (104, -17, 6), 78, -25
    else:
        hip, knee, ankle = (92, 34, -45), 100, 0
    ones = np.ones((2, count))
    angles = np.radians(np.array(hip)) * ones[..., None]
    free = legs.hang(
        actor.rig,
        hips,
        pelvis,
        angles,
        np.radians(knee) * ones + swing,
        np.radians(ankle) * ones + 2 * swing,
    )
    # Toes that hang stay above the ground beneath a low seat.
    clear = (actor.rig.ankle_height + 0.12 * actor.rig.size)[:, None]
    free.ankle[..., 1] = clear + softplus(free.ankle[..., 1] - clear, 0.01)
    return legs.exchange(feet, free, over)


def sit_down(rng: np.random.Generator, actor: Actor) -> Script:
    """Sits down and gets up."""
    rig = actor.rig
    height = _seat_height(rng, actor)
    ground, yaw = _sitting_feet(rng, actor)
    ground[:, :, 2] = np.minimum(ground[:, :, 2], 0.95 * rig.lengths["thigh"].mean())
    down = Keys.draw(rng, np.array([0.0, 1.0]), (1.0, 1.8), (0.4, 1.5))
    thigh = float(rig.lengths["thigh"].mean())
    lean = np.radians(rng.uniform(28, 45))

    def posture(time: np.ndarray) -> Posture:
        shape = (2, len(time))
        share = down(time)
        middle = 4 * share * (1 - share)
        feet = legs.place(
            rig,
            np.broadcast_to(ground, (*shape, 3)),
            np.broadcast_to(yaw, shape),
            np.zeros(shape),
            np.ones(shape, bool),
        )
        stand_z = float(ground[..., 2].mean()) - 0.02 * thigh
        back = smoothstep(1.25 * share)
        hips = np.stack(
            [
                0 * time,
                rig.standing + share * (height + rig.seat - rig.standing),
                stand_z * (1 - back),
            ],
            -1,
        )
        pelvis = tilt(0.6 * lean * middle - np.radians(8) * share, 0 * time, 0 * time)
        hips = legs.lower(rig, feet, hips, pelvis)
        pose = actor.posture(time, hips, pelvis, feet)
        pose.spine[:, 0] += 0.7 * lean * middle + np.radians(8) * share
        pose.neck[:, 0] -= 0.5 * lean * middle
        pose.arms.flexion = pose.arms.flexion + np.radians(40) * middle + np.radians(15) * share
        pose.arms.elbow = pose.arms.elbow + np.radians(35) * share
        return pose

    return Script(posture, seat=_seat(actor, height, rng))


def lap(rng: np.random.Generator, actor: Actor) -> list[gestures.Gesture]:
    """Hands on the thighs or knees of someone who sits."""
    rig = actor.rig
    out = float(rig.joints["hip"][:, 0].mean())
    thigh = float(rig.lengths["thigh"].mean())
    result = []
    for side in (0, 1):
        fore = rng.uniform(0.5, 0.85) * thigh
        place = np.array([out * rng.uniform(0.6, 1.2), 0.11 * rig.size, fore - 0.08 * rig.size])
        frame = gestures.hand_frame((-0.3, -0.15, 1.0), (0.15, 1.0, 0.1))
        result.append(_resting(rng, side, place, frame))
    return result


def _resting(rng, side: int, place: np.ndarray, frame: np.ndarray) -> gestures.Gesture:
    wander = Noise.draw(rng, 3, 0.2)

    def gesture(time: np.ndarray, pose: Posture) -> None:
        target = place + 0.004 * wander(time)
        # The thighs stay when the pelvis rolls: places count from upright hips.
        world = pose.hips + target * ((1.0, -1.0)[side], 1.0, 1.0)
        if side:
            world = world * (-1.0, 1.0, 1.0)
        pose.reaches.append(
            Reach(side, np.ones(len(time)), "world", world, np.array([0.8, -0.5, -0.3]), frame)
        )

    return gesture

"""Vigorous and balancing motions: jumps, kicks, throws, exercises, held poses."""

import numpy as np

from thfm_jax.data.synthetic.motion import legs
from thfm_jax.data.synthetic.motion.actor import Actor, tilt
from thfm_jax.data.synthetic.motion.curves import Keys, Noise, smoothstep
from thfm_jax.data.synthetic.motion.posture import Posture, Reach
from thfm_jax.data.synthetic.motion.script import Script
from thfm_jax.data.synthetic.motion.standing import Stance, crouch

_GRAVITY = 9.81


def jump(rng: np.random.Generator, actor: Actor) -> Script:
    """Jumps up from a crouch and lands in one, again and again."""
    rig = actor.rig
    leg = float(rig.lengths["leg"].mean())
    stance = Stance.draw(rng, actor, (0.8, 1.6), 0.02)
    high = leg * rng.uniform(0.1, 0.45)
    speed = np.sqrt(2 * _GRAVITY * high)
    flight, ground = 2 * speed / _GRAVITY, rng.uniform(0.7, 1.3)
    # Seconds after landing, and before take-off, at which the crouch is deepest.
    give = min(rng.uniform(0.14, 0.3) * leg * np.e / speed, 0.2 * ground)
    swing = np.radians(rng.uniform(20, 70))
    tucked = leg * rng.uniform(0.0, 0.25)

    def posture(time: np.ndarray) -> Posture:
        within = np.mod(time, flight + ground)
        air = np.clip(within / flight, 0, 1)
        since = np.maximum(within - flight, 0.0)
        left = np.where(within > flight, ground - since, ground)
        # Speeds meet at landing and take-off, so that flight and crouch are one movement.
        drop = speed * (since * np.exp(-since / give) + left * np.exp(-left / give))
        rise = 4 * high * air * (1 - air)
        result = crouch(actor, stance, time, drop / (0.66 * leg), np.radians(38), 0.3, 0.0)
        result.hips[:, 1] += rise
        aloft = smoothstep(air / 0.35) * smoothstep((1 - air) / 0.35)
        tiptoe = np.where(
            within < flight, 1.0, smoothstep(1 - left / 0.18) + smoothstep(1 - since / 0.1)
        )
        pitch = -np.radians(34) * tiptoe
        feet = stance.feet(time, np.stack([pitch, pitch]))
        lift = rise**2 / (rise + 0.03 * leg) + tucked * aloft
        feet.ankle[..., 1] += lift
        feet.planted[:] = lift < 1e-3
        feet.slack[:] = 0.3 * leg * smoothstep(lift / (0.05 * leg))
        result.feet = feet
        result.arms.flexion = result.arms.flexion + swing * (1.4 * aloft - drop / (0.4 * leg))
        result.hips = legs.lower(rig, feet, result.hips, result.pelvis)
        return result

    return Script(posture)


def jumping_jack(rng: np.random.Generator, actor: Actor) -> Script:
    """Legs and arms apart and together with small jumps."""
    rig = actor.rig
    leg = float(rig.lengths["leg"].mean())
    period = rng.uniform(0.9, 1.4) * np.sqrt(rig.size)
    narrow, wide = (
        Stance.draw(rng, actor, (0.7, 1.0), 0.0),
        Stance.draw(rng, actor, (2.2, 3.4), 0.0),
    )
    high = np.radians(rng.uniform(120, 165))

    def posture(time: np.ndarray) -> Posture:
        phase = np.mod(time / period, 1.0)
        # Two hops a period; a fifth of the time on the ground between them.
        apart = smoothstep(phase / 0.4) - smoothstep((phase - 0.5) / 0.4)
        hop = np.sin(np.pi * np.clip(np.mod(phase, 0.5) / 0.4, 0, 1)) ** 2
        feet = narrow.feet(time, -np.radians(24) * np.stack([hop, hop]))
        feet.ankle += apart[:, None] * (wide.ground - narrow.ground)
        feet.ankle[..., 1] += 0.05 * leg * hop
        feet.planted = np.stack([hop, hop]) == 0
        hips = np.zeros((len(time), 3))
        hips[:, 1] = rig.standing - 0.05 * leg + 0.06 * leg * hop
        pelvis = tilt(0 * time, 0 * time, 0 * time)
        result = actor.posture(time, legs.lower(rig, feet, hips, pelvis), pelvis, feet)
        result.arms.abduction = result.arms.abduction + high * apart
        result.arms.elbow = result.arms.elbow + np.radians(15) * apart
        return result

    return Script(posture)


def lunge(rng: np.random.Generator, actor: Actor) -> Script:
    """Steps apart and sinks on the front knee; warriors and fencers too."""
    rig = actor.rig
    leg = float(rig.lengths["leg"].mean())
    side = int(rng.integers(2))
    sign = (1.0, -1.0)[side]
    stance = Stance(
        actor, rng.uniform(0.6, 1.2), sign * rng.uniform(0.75, 1.1), np.radians(rng.normal(4, 4, 2))
    )
    still = rng.random() < 0.4
    deep = rng.uniform(0.55, 1.0)
    depth = Keys.draw(rng, deep * np.array([1.0, 0.95 if still else 0.15]), (0.7, 1.3), (0.1, 0.8))
    arms = Keys.draw(
        rng, rng.choice([0.0, 90.0, 165.0], 2) + rng.normal(0, 8, 2), (0.8, 1.6), (0.5, 2.0)
    )
    forward = rng.random() < 0.5
    lean = np.radians(rng.normal(6, 8))

    def posture(time: np.ndarray) -> Posture:
        share = depth(time)
        pitch = np.zeros((2, len(time)))
        pitch[1 - side] = -np.radians(24 + 16 * share)
        feet = stance.feet(time, pitch)
        hips = np.stack(
            [0 * time, rig.standing - leg * (0.14 + 0.30 * share), 0.06 * leg * share], -1
        )
        pelvis = tilt(lean + np.radians(6) * share, 0 * time, 0 * time)
        hips = legs.lower(rig, feet, hips, pelvis)
        result = actor.posture(time, hips, pelvis, feet)
        raised = np.radians(np.maximum(arms(time), 0))
        if forward:
            result.arms.flexion = result.arms.flexion + raised
        else:
            result.arms.abduction = result.arms.abduction + raised
        return result

    return Script(posture)


# Leg in the air: (flexion, abduction, inward turn, knee, dorsiflexion) in degrees, key by key, and
# (forward tilt, tilt to the standing side) of the pelvis with it.
_AIR: dict[str, tuple[list[tuple[float, ...]], list[tuple[float, float]], bool]] = {
    "kick": (
        [(-22, 8, 0, 78, -10), (84, 6, 0, 14, -35), (48, 8, 0, 70, -5)],
        [(8, 0), (-16, 4), (0, 2)],
        True,
    ),
    "side_kick": (
        [(70, 30, 0, 110, 10), (40, 62, 20, 10, 10), (60, 25, 0, 95, 0)],
        [(4, 6), (4, 26), (4, 6)],
        True,
    ),
    "knee": ([(112, 6, 0, 115, 0), (100, 4, 0, 108, 5)], [(-4, 2), (0, 2)], False),
    "tree": ([(68, 52, -30, 128, -20), (64, 55, -30, 126, -20)], [(0, 0), (0, 2)], False),
    "quad": ([(-4, 4, 0, 132, -30), (-8, 4, 0, 138, -30)], [(6, 2), (8, 2)], False),
    "airplane": ([(-14, 2, 0, 8, -30), (-6, 4, 0, 4, -30)], [(72, 0), (58, 0)], False),
    "flamingo": ([(30, 6, 0, 80, -20), (55, 10, 0, 70, -10)], [(2, 3), (0, 3)], False),
}


def one_leg(rng: np.random.Generator, actor: Actor) -> Script:
    """Kicks, or balances on one leg."""
    rig = actor.rig
    leg = float(rig.lengths["leg"].mean())
    keys, tilts, fast = _AIR[str(rng.choice(list(_AIR)))]
    up = int(rng.integers(2))
    sign = (1.0, -1.0)[up]
    values = np.array([(*key, *tip) for key, tip in zip(keys, tilts, strict=True)])
    values = np.radians(values + rng.normal(0, 4, values.shape))
    times = ((0.2, 0.4), (0.1, 0.6)) if fast else ((0.8, 1.5), (0.8, 2.0))
    path = Keys.draw(rng, values, *times)
    stance = Stance(actor, 0.15, 0.0, np.radians(rng.uniform(2, 14, 2)))
    wobble = Noise.draw(rng, 2, 0.8)
    arms = np.radians(rng.choice([10.0, 45.0, 85.0, 160.0]) + rng.normal(0, 8, 2))

    def posture(time: np.ndarray) -> Posture:
        angles, shake = path(time), wobble(time)
        feet = stance.feet(time)
        tip, aside = angles[:, 5], angles[:, 6]
        pelvis = tilt(tip, -sign * aside, np.radians(2) * shake[:, 0])
        hips = np.stack(
            [
                0.008 * shake[:, 1] * leg - sign * 0.02 * leg,
                0 * time + rig.standing - 0.03 * leg,
                -0.12 * leg * np.sin(np.maximum(tip, 0)),
            ],
            -1,
        )
        both = np.tile(angles[:, :5], (2, 1, 1))
        free = legs.hang(rig, hips, pelvis, both[..., :3], both[..., 3], both[..., 4])
        hips = legs.lower(rig, legs.exchange(feet, free, up), hips, pelvis)
        free = legs.hang(rig, hips, pelvis, both[..., :3], both[..., 3], both[..., 4])
        feet = legs.exchange(feet, free, up)
        result = actor.posture(time, hips, pelvis, feet)
        result.spine[:, 0] -= 0.35 * tip
        result.spine[:, 1] += 0.5 * sign * aside
        result.neck[:, 0] -= 0.4 * np.maximum(tip, 0)
        result.arms.abduction = result.arms.abduction + arms[:, None] + np.radians(4) * shake.T
        return result

    return Script(posture)


# Hand places in arm lengths from the shoulder (outwards, up, front), key by key: the hand that
# strikes, the other hand; turn of the trunk to the striking side in degrees, forward bend.
_STRIKES: dict[str, tuple] = {
    "throw": (
        [(0.6, 0.35, -0.35), (0.35, 0.75, 0.35), (-0.3, -0.35, 0.7)],
        [(0.0, -0.1, 0.8), (0.2, -0.5, 0.3), (0.4, -0.5, -0.1)],
        [(38, -6), (-10, 6), (-36, 24)],
    ),
    "punch": (
        [(0.0, -0.2, 0.45), (-0.25, -0.02, 0.94), (0.0, -0.2, 0.45)],
        [(-0.1, -0.15, 0.45), (-0.05, -0.12, 0.4), (-0.25, -0.02, 0.9)],
        [(14, 4), (-24, 8), (22, 6)],
    ),
    "racket": (
        [(0.75, -0.15, -0.4), (0.6, -0.2, 0.6), (-0.55, 0.25, 0.55)],
        [(0.2, -0.2, 0.7), (0.5, -0.4, 0.2), (0.4, -0.5, -0.1)],
        [(40, 4), (0, 8), (-38, 4)],
    ),
    "swing": (
        [(0.35, 0.3, 0.1), (-0.3, -0.75, 0.5), (-0.6, 0.35, 0.35)],
        [(-0.6, 0.2, 0.4), (-0.3, -0.72, 0.5), (0.35, 0.35, 0.1)],
        [(44, 18), (0, 26), (-44, 10)],
    ),
    "push": (
        [(0.05, -0.15, 0.35), (0.0, -0.05, 0.92), (0.05, -0.15, 0.4)],
        [(0.05, -0.15, 0.35), (0.0, -0.05, 0.92), (0.05, -0.15, 0.4)],
        [(0, -2), (0, 14), (0, 2)],
    ),
    "lift": (
        [(0.1, -0.9, 0.3), (0.05, -0.2, 0.4), (0.1, 0.9, 0.2)],
        [(0.1, -0.9, 0.3), (0.05, -0.2, 0.4), (0.1, 0.9, 0.2)],
        [(0, 28), (0, 2), (0, -6)],
    ),
    "dig": (
        [(-0.15, -0.7, 0.55), (0.1, -0.35, 0.5), (0.3, -0.1, 0.4)],
        [(-0.2, -0.85, 0.4), (-0.2, -0.6, 0.5), (-0.3, -0.3, 0.55)],
        [(0, 34), (10, 14), (34, 6)],
    ),
}


def strike(rng: np.random.Generator, actor: Actor) -> Script:
    """Throws, punches, swings rackets and bats, pushes, lifts, digs."""
    rig = actor.rig
    leg = float(rig.lengths["leg"].mean())
    first, second, trunk = _STRIKES[str(rng.choice(list(_STRIKES)))]
    side = int(rng.random() < 0.75)
    sign = (1.0, -1.0)[side]
    stance = Stance(
        actor,
        rng.uniform(1.3, 2.2),
        -sign * rng.uniform(0.1, 0.45),
        np.radians(rng.uniform(4, 16, 2)),
    )
    spread = rng.normal(0, 0.06, (2, 3, 3))
    values = np.concatenate(
        [np.array(first) + spread[0], np.array(second) + spread[1], np.radians(trunk)], axis=1
    )
    path = Keys.draw(rng, values, (0.22, 0.6), (0.0, 0.35))
    low = rng.uniform(0.02, 0.1)
    elbow = np.array([0.8, -0.45, -0.3])

    def posture(time: np.ndarray) -> Posture:
        state = path(time)
        turn, bow = sign * state[:, 6], state[:, 7]
        feet = stance.feet(time)
        hips = np.stack(
            [
                sign * 0.18 * leg * np.sin(0.6 * sign * turn) * 0.5,
                0 * time + rig.standing - leg * (low + 0.1 * np.maximum(bow, 0)),
                -0.12 * leg * np.maximum(bow, 0) - 0.08 * leg * sign * np.sin(turn),
            ],
            -1,
        )
        pelvis = tilt(0.5 * bow, 0 * time, 0.4 * turn)
        hips = legs.lower(rig, feet, hips, pelvis)
        result = actor.posture(time, hips, pelvis, feet)
        result.spine[:, 0] += 0.6 * bow
        result.spine[:, 2] += 0.6 * turn
        result.neck[:, 2] -= 0.8 * turn
        result.neck[:, 0] -= 0.4 * bow
        ones = np.ones(len(time))
        result.reaches.append(Reach(side, ones, "shoulder", state[:, :3], elbow))
        result.reaches.append(Reach(1 - side, ones, "shoulder", state[:, 3:6], elbow))
        return result

    return Script(posture)


def variety(rng: np.random.Generator, actor: Actor) -> Script:
    """From one random pose to another: whatever joints allow on two planted feet."""
    rig = actor.rig
    leg = float(rig.lengths["leg"].mean())
    stance = Stance.draw(rng, actor, (0.7, 3.6), 0.2)
    stance.yaw = stance.yaw + np.radians(rng.normal(0, 7, (2, 1)))
    count = 3
    hips = np.stack(
        [
            rng.normal(0, 0.12, count) * leg + rng.uniform(-0.3, 0.3, count) * stance.half_width,
            rng.uniform(-0.5, 0.0, count) * leg * rng.uniform(0, 1),
            rng.normal(0, 0.08, count) * leg,
        ],
        -1,
    )
    pelvis = np.radians(rng.normal(0, (14, 8, 18), (count, 3)))
    spine = np.radians(rng.normal((10, 0, 0), (20, 13, 16), (count, 3)))
    neck = np.radians(rng.normal(0, (16, 12, 26), (count, 3)))
    arms = rng.normal((45, 40, 0, 55, 10, 0, 0) * 2, (50, 40, 30, 40, 45, 22, 10) * 2, (count, 14))
    arms[:, [3, 10]] = np.abs(arms[:, [3, 10]])
    path = Keys.draw(
        rng,
        np.concatenate([hips, pelvis, spine, neck, np.radians(arms)], 1),
        (0.7, 1.8),
        (0.0, 1.0),
    )
    pitch = -np.radians(rng.choice([0.0, rng.uniform(10, 50)], 2, p=[0.75, 0.25]))

    def posture(time: np.ndarray) -> Posture:
        state = path(time)
        # Knees that bend far lift the heels.
        low = smoothstep(-2.2 * state[:, 1] / leg)
        feet = stance.feet(time, pitch[:, None] - np.radians(42) * low)
        place = state[:, :3] + (0.0, rig.standing - 0.02 * leg, 0.0)
        turn = tilt(state[:, 3], state[:, 4], state[:, 5])
        result = actor.posture(time, legs.lower(rig, feet, place, turn), turn, feet)
        result.spine += state[:, 6:9]
        result.neck += state[:, 9:12]
        limb = np.moveaxis(state[:, 12:].reshape(-1, 2, 7), 1, 0)
        arms = result.arms
        arms.flexion, arms.abduction, arms.rotation = (limb[..., k] for k in range(3))
        arms.elbow, arms.forearm, arms.wrist = limb[..., 3], limb[..., 4], limb[..., 5:7]
        return result

    return Script(posture)

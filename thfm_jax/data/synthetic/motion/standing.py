"""Motions on feet that stay where they are: standing, squatting, bending, reaching out."""

import numpy as np

from thfm_jax.data.synthetic.motion import legs
from thfm_jax.data.synthetic.motion.actor import Actor, tilt
from thfm_jax.data.synthetic.motion.curves import Keys, Noise, smoothstep
from thfm_jax.data.synthetic.motion.posture import Feet
from thfm_jax.data.synthetic.motion.script import Script


class Stance:
    """Two feet on the ground.

    Args:
      width: distance of the ankles, in distances of the hip joints.
      stagger: by which the left foot stands in front of the right, in leg lengths.
      splay: radians by which toes point outwards.
    """

    def __init__(self, actor: Actor, width: float, stagger: float, splay: np.ndarray):
        rig = actor.rig
        half = float(rig.joints["hip"][:, 0].mean())
        out = width * half
        fore = 0.5 * stagger * float(rig.lengths["leg"].mean())
        self.rig = rig
        self.ground = np.array([[[out, 0.0, fore]], [[-out, 0.0, -fore]]])
        self.yaw = np.array([[splay[0]], [-splay[1]]])
        self.half_width = out

    @classmethod
    def draw(cls, rng: np.random.Generator, actor: Actor, width: tuple, stagger: float) -> "Stance":
        """`width` a range, `stagger` a standard deviation."""
        return cls(
            actor,
            rng.uniform(*width),
            rng.normal(0, stagger),
            np.radians(rng.uniform(0, 16) + rng.normal(0, 4, 2)),
        )

    def feet(self, time: np.ndarray, pitch: np.ndarray | float = 0.0) -> Feet:
        """The feet, planted; `pitch` [2, T] below 0 lifts the heels."""
        shape = (2, len(time))
        return legs.place(
            self.rig,
            np.broadcast_to(self.ground, (*shape, 3)),
            np.broadcast_to(self.yaw, shape),
            np.broadcast_to(pitch, shape),
            np.ones(shape, bool),
        )


def stand(rng: np.random.Generator, actor: Actor) -> Script:
    """Shifts weight from leg to leg, turns a little, is never quite still."""
    stance = Stance.draw(rng, actor, (0.7, 1.7), 0.1)
    shifts = Keys.draw(rng, rng.uniform(-0.75, 0.75, 5), (0.8, 1.6), (1.0, 4.0))
    wander = Noise.draw(rng, 5, 0.3)
    slack = rng.uniform(0.985, 1.0)
    turn = np.radians(rng.normal(0, 6))

    def posture(time):
        weight, drift = shifts(time), wander(time)
        feet = stance.feet(time)
        size = actor.rig.size
        hips = np.stack(
            [
                weight * 0.6 * stance.half_width + 0.006 * size * drift[:, 0],
                np.full(len(time), slack * actor.rig.standing),
                0.008 * size * drift[:, 1] + 0.01 * size,
            ],
            -1,
        )
        # The pelvis sinks over the leg that carries less.
        drop = np.radians(4.5) * weight
        pelvis = tilt(np.radians(2 * drift[:, 2]), -drop, turn + np.radians(2.5) * drift[:, 3])
        hips = legs.lower(actor.rig, feet, hips, pelvis)
        pose = actor.posture(time, hips, pelvis, feet)
        pose.spine[:, 1] += 1.15 * drop
        return pose

    return Script(posture)


def squat(rng: np.random.Generator, actor: Actor) -> Script:
    """Goes down and up, or stays down, flat on the feet or on the toes."""
    stance = Stance.draw(rng, actor, (1.2, 2.4), 0.03)
    stance.yaw *= 1.5
    deep = rng.uniform(0.4, 0.97)
    toes = rng.uniform(0.0, 1.0) if rng.random() < 0.5 else 0.0
    repeats = rng.random() < 0.6
    stops = np.array([0.0, deep]) if repeats else deep * np.array([1.0, 0.85, 0.95])
    depth = Keys.draw(rng, stops, (0.6, 1.4), (0.0, 0.6))
    lean = np.radians(rng.uniform(18, 40))
    raise_arms = rng.choice([0.0, 0.3, 1.0], p=[0.4, 0.2, 0.4])

    def posture(time):
        return crouch(actor, stance, time, depth(time), lean, toes, raise_arms)

    return Script(posture)


def crouch(
    actor: Actor,
    stance: Stance,
    time: np.ndarray,
    depth: np.ndarray,
    lean: float,
    toes: float,
    raise_arms: float,
):
    """The posture with hips let down by `depth` (0 standing, 1 on the heels), balanced."""
    rig = actor.rig
    leg = float(rig.lengths["leg"].mean())
    # Past half way the heels come up, more so on the toes.
    pitch = -np.radians(48) * toes * smoothstep((depth - 0.25) / 0.6)
    feet = stance.feet(time, np.stack([pitch, pitch]))
    low = 0.30 + 0.12 * toes
    bent = np.sin(np.pi * np.minimum(depth, 1.0))
    hips = np.stack(
        [
            np.zeros_like(depth),
            rig.standing - (1 - low) * leg * depth,
            -(0.17 * (1 - 0.8 * toes) * leg) * (0.6 * depth + 0.4 * bent),
        ],
        -1,
    )
    forward = lean * (1 - 0.6 * toes) * (0.6 * depth + 0.4 * bent)
    zero = np.zeros_like(depth)
    pelvis = tilt(0.7 * forward - np.radians(20) * smoothstep((depth - 0.7) / 0.3), zero, zero)
    hips = legs.lower(rig, feet, hips, pelvis)
    pose = actor.posture(time, hips, pelvis, feet)
    pose.spine[:, 0] += 0.6 * forward + np.radians(18) * smoothstep((depth - 0.6) / 0.4)
    pose.neck[:, 0] -= 0.7 * forward
    pose.arms.flexion = pose.arms.flexion + np.radians(20 + 65 * raise_arms) * depth
    pose.arms.elbow = pose.arms.elbow + np.radians(25) * depth * (1 - raise_arms)
    # Knees go over the toes.
    pose.feet.knee += 0.8 * depth[None, :, None] * pose.feet.rotation[..., 2]
    return pose


def bend(rng: np.random.Generator, actor: Actor) -> Script:
    """Bends down to the ground, or to one side of the feet, as if to pick something up."""
    stance = Stance.draw(rng, actor, (0.9, 2.0), 0.12)
    deep = rng.uniform(0.4, 1.0)
    down = Keys.draw(
        rng, np.array([0.0, deep, deep * rng.uniform(0.6, 1.0)]), (0.7, 1.4), (0.1, 0.8)
    )
    turn, knees = np.radians(rng.normal(0, 14)), rng.uniform(0.05, 0.5)
    used = rng.choice([(1.0, 0.1), (0.1, 1.0), (1.0, 1.0)])
    rig = actor.rig
    leg = float(rig.lengths["leg"].mean())

    def posture(time):
        share = down(time)
        feet = stance.feet(time)
        hips = np.stack(
            [
                np.zeros_like(share),
                rig.standing - (0.01 + 0.45 * knees * share) * leg,
                -(0.16 - 0.02 * knees) * leg * share,
            ],
            -1,
        )
        pelvis = tilt(np.radians(52) * share, 0 * share, 0.3 * turn * share)
        hips = legs.lower(rig, feet, hips, pelvis)
        pose = actor.posture(time, hips, pelvis, feet)
        pose.spine[:, 0] += np.radians(55) * share
        pose.spine[:, 2] += turn * share
        pose.neck[:, 0] -= np.radians(15) * share
        active = np.array(used)[:, None] * share
        pose.arms.flexion = pose.arms.flexion + np.radians(85) * active
        pose.arms.elbow = pose.arms.elbow * (1 - 0.6 * active) + np.radians(20) * (share - active)
        return pose

    return Script(posture)

"""Dancing: steps, bounces, sways and arms in time with a beat."""

import numpy as np

from thfm_jax.data.synthetic.motion import legs
from thfm_jax.data.synthetic.motion import rotations as rot
from thfm_jax.data.synthetic.motion.actor import Actor, tilt
from thfm_jax.data.synthetic.motion.curves import Keys
from thfm_jax.data.synthetic.motion.locomotion import Gait
from thfm_jax.data.synthetic.motion.posture import Posture, Reach
from thfm_jax.data.synthetic.motion.script import Script
from thfm_jax.data.synthetic.motion.standing import Stance


def _groove(rng: np.random.Generator, beat: float, size: np.ndarray):
    """[T, n] periodic over one, two or four beats, with standard deviations near `size`."""
    n = len(size)
    beats = rng.choice([1, 2, 4], n, p=[0.3, 0.5, 0.2])
    phase, second = rng.uniform(0, 2 * np.pi, (2, n))
    amplitude = size * np.sqrt(2) * rng.uniform(0.4, 1.2, n)

    def curve(time: np.ndarray) -> np.ndarray:
        angle = 2 * np.pi * time[:, None] / (beat * beats)
        return amplitude * (np.sin(angle + phase) + 0.3 * np.sin(2 * angle + second))

    return curve


def dance(rng: np.random.Generator, actor: Actor) -> Script:
    """Dances on the spot or with steps, wildly or hardly."""
    rig = actor.rig
    beat = rng.uniform(0.38, 0.75)
    leg = float(rig.lengths["leg"].mean())
    wild = actor.energy * rng.uniform(0.4, 1.3)
    steps = rng.random() < 0.6
    gait = Gait(
        speed=0.0,
        travel=0.0,
        turn=rng.normal(0, 0.6) if rng.random() < 0.5 else 0.0,
        period=2 * beat * rng.choice([1, 2]),
        duty=rng.uniform(0.6, 0.75),
        width=float(rig.joints["hip"][:, 0].mean()) * rng.uniform(0.9, 1.8),
        splay=np.radians(rng.uniform(0, 18)),
        strike=0.0,
        push=np.radians(rng.uniform(5, 30)),
        lift=leg * rng.uniform(0.03, 0.16),
    )
    stance = Stance.draw(rng, actor, (1.0, 2.6), 0.08)
    trunk = _groove(rng, beat, np.radians([5, 6, 9, 5, 5, 9]) * wild)
    pelvic = _groove(rng, beat, np.radians([4, 5, 9]) * wild)
    shift = _groove(rng, beat, leg * np.array([0.035, 0.03]) * wild)
    bounce, low = rng.uniform(0.01, 0.05) * wild, rng.uniform(0.0, 0.08)
    arms = [_arm(rng, beat, wild) for _ in range(2)]
    if rng.random() < 0.4:
        arms[1] = arms[0]
    nod = np.radians(rng.uniform(0, 7))

    def posture(time: np.ndarray) -> Posture:
        feet = gait.feet(rig, time) if steps else stance.feet(time)
        heading = gait.turn * time if steps else 0 * time
        hop = np.cos(2 * np.pi * time / beat)
        sway = shift(time)
        if steps:
            sway[:, 0] += (
                0.5 * gait.width * np.cos(2 * np.pi * time / gait.period - np.pi * gait.duty)
            )
        bend, rock = trunk(time), pelvic(time)
        hips = rot.apply(rot.about(1, heading), np.stack([sway[:, 0], 0 * time, sway[:, 1]], -1))
        hips[:, 1] = rig.standing - leg * (low + bounce * (1 - hop) + 0.01)
        pelvis = tilt(rock[:, 0], rock[:, 1], heading + rock[:, 2])
        hips = legs.lower(rig, feet, hips, pelvis)
        pose = actor.posture(time, hips, pelvis, feet)
        pose.spine += bend[:, :3] - 0.6 * np.stack([rock[:, 0], rock[:, 1], rock[:, 2]], -1)
        pose.neck += 0.5 * bend[:, 3:]
        pose.neck[:, 0] += nod * hop
        for side, arm in enumerate(arms):
            arm(side, time, pose)
        return pose

    return Script(posture)


def _arm(rng: np.random.Generator, beat: float, wild: float):
    """One arm that visits a few places in time with the beat."""
    centre = np.array([rng.uniform(0.05, 0.5), rng.uniform(-0.6, 0.5), rng.uniform(0.2, 0.5)])
    count = int(rng.choice([2, 4]))
    places = rot.unit(centre + rng.normal(0, 0.22 * wild, (count, 3))) * rng.uniform(
        0.5, 0.95, (count, 1)
    )
    beats = rng.choice([1, 2]) * beat
    path = Keys(np.arange(count) * beats, np.full(count, 0.95 * beats), places, count * beats)
    elbow = rot.unit(np.array([0.8, -0.5, -0.2]) + rng.normal(0, 0.25, 3))
    forearm = np.radians(rng.uniform(-40, 60))

    def move(side: int, time: np.ndarray, pose: Posture) -> None:
        pose.reaches.append(Reach(side, np.ones(len(time)), "shoulder", path(time), elbow))
        pose.arms.forearm[side] = forearm

    return move

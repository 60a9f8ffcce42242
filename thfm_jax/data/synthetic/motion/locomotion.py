"""Motions from place to place: walking any way, running, marching, turning on the spot.

A gait lays its steps out beforehand: each foot stands on a spot of the path for its share of the
cycle, rolls from heel to ball, and swings to the next spot. Nothing slides, whatever the speed.
"""

import dataclasses

import numpy as np

from thfm_jax.data.synthetic.motion import legs
from thfm_jax.data.synthetic.motion import rotations as rot
from thfm_jax.data.synthetic.motion.actor import Actor, tilt
from thfm_jax.data.synthetic.motion.curves import cycle, smoothstep
from thfm_jax.data.synthetic.motion.posture import Feet, Posture
from thfm_jax.data.synthetic.motion.script import Script

_GRAVITY = 9.81


@dataclasses.dataclass(frozen=True)
class Gait:
    """A way to go along an arc.

    Attributes:
      speed: metres per second.
      travel: radians from where the person faces to where they go: 0 forward, pi backwards.
      turn: radians per second by which the person turns to the left.
      period: seconds of two steps.
      duty: share of the period in which a foot is on the ground.
      width: metres of each foot from the path.
      splay: radians by which the toes point outwards.
      strike, push: radians of heel strike and heel-off.
      lift: metres by which the foot rises in its swing, beyond rolling.
      kick: radians by which the heel rises behind in the swing.
    """

    speed: float
    travel: float
    turn: float
    period: float
    duty: float
    width: float
    splay: float
    strike: float
    push: float
    lift: float
    kick: float = 0.0

    def path(self, time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Place [..., 3] on the ground and heading [...] at `time`."""
        heading = self.turn * time
        middle = 0.5 * heading + self.travel
        # An arc's chord; sinc keeps the straight line as its limit.
        chord = self.speed * time * np.sinc(0.5 * heading / np.pi)
        zero = np.zeros_like(time)
        return np.stack([chord * np.sin(middle), zero, chord * np.cos(middle)], -1), heading

    def phase(self, time: np.ndarray) -> np.ndarray:
        """[2, T] of left and right foot; whole numbers are the beginnings of stance."""
        return time / self.period + np.array([[0.0], [0.5]])

    def spot(self, step: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Ground point [2, T, 3] and yaw [2, T] of the feet in their `step`-th stance [2, T]."""
        time = (step + 0.5 * self.duty - np.array([[0.0], [0.5]])) * self.period
        place, heading = self.path(time)
        side = np.array([[1.0], [-1.0]])
        out = np.stack([self.width * side + 0 * time, 0 * time, 0 * time], -1)
        return place + rot.apply(rot.about(1, heading), out), heading + side * self.splay

    def feet(self, rig, time: np.ndarray) -> Feet:
        """The feet at `time`."""
        phase = self.phase(time)
        step = np.floor(phase)
        within = phase - step
        planted = within <= self.duty
        swing = np.clip((within - self.duty) / (1 - self.duty), 0, 1)
        share = swing**2 * (3 - 2 * swing)
        here, yaw = self.spot(step)
        there, next_yaw = self.spot(step + 1)
        pitch = self._pitch(within)
        yaw = yaw + share * (next_yaw - yaw)
        before = legs.place(rig, here, yaw, pitch, planted)
        after = legs.place(rig, there, yaw, pitch, planted)
        ankle = before.ankle + share[..., None] * (after.ankle - before.ankle)
        aloft = np.sin(np.pi * swing) ** 2
        ankle[..., 1] += self.lift * aloft
        toes = before.toes * (1 - 0.7 * aloft)
        slack = 0.35 * rig.lengths["leg"][:, None] * smoothstep(4 * np.minimum(swing, 1 - swing))
        return dataclasses.replace(before, ankle=ankle, toes=toes, slack=slack)

    def _pitch(self, within: np.ndarray) -> np.ndarray:
        """[2, T] of the feet at `within` [2, T], the share of the cycle since the strike."""
        duty = self.duty
        stops = (
            0,
            0.22 * duty,
            0.5 * duty,
            duty,
            duty + 0.4 * (1 - duty),
            duty + 0.8 * (1 - duty),
            1,
        )
        levels = (
            self.strike,
            0.0,
            0.0,
            -self.push,
            -0.3 * self.push - self.kick,
            self.strike,
            self.strike,
        )
        if np.cos(self.travel) < -0.3:
            return cycle(1 + duty - within, stops, levels)
        return cycle(within, stops, levels)


def walk(rng: np.random.Generator, actor: Actor) -> Script:
    """Walks forward at any pace, straight or in an arc."""
    return _walk(
        rng,
        actor,
        travel=rng.normal(0, 0.05),
        pace=rng.uniform(0.22, 0.68),
        turn=rng.normal(0, 0.25),
    )


def walk_back(rng: np.random.Generator, actor: Actor) -> Script:
    """Walks backwards."""
    return _walk(
        rng,
        actor,
        travel=np.pi + rng.normal(0, 0.1),
        pace=rng.uniform(0.15, 0.35),
        turn=rng.normal(0, 0.15),
    )


def sidestep(rng: np.random.Generator, actor: Actor) -> Script:
    """Goes sideways."""
    travel = rng.choice([-1, 1]) * np.pi / 2 + rng.normal(0, 0.15)
    return _walk(rng, actor, travel=travel, pace=rng.uniform(0.1, 0.22), turn=0.0)


def turn(rng: np.random.Generator, actor: Actor) -> Script:
    """Turns on the spot with small steps."""
    rate = rng.choice([-1, 1]) * rng.uniform(0.5, 1.8)
    return _walk(rng, actor, travel=0.0, pace=rng.uniform(0.0, 0.08), turn=rate)


def march(rng: np.random.Generator, actor: Actor) -> Script:
    """High steps, as on stairs or on the spot."""
    return _walk(
        rng,
        actor,
        travel=0.0,
        pace=rng.uniform(0.0, 0.3),
        turn=rng.normal(0, 0.15),
        lift=rng.uniform(0.15, 0.42),
    )


def run(rng: np.random.Generator, actor: Actor) -> Script:
    """Jogs or runs."""
    return _walk(
        rng, actor, travel=0.0, pace=rng.uniform(0.7, 1.5), turn=rng.normal(0, 0.2), runs=True
    )


def _walk(
    rng: np.random.Generator,
    actor: Actor,
    travel: float,
    pace: float,
    turn: float,
    lift: float | None = None,
    runs: bool = False,
) -> Script:
    """`pace` is the speed over sqrt(gravity * leg), `lift` the height of steps in leg lengths."""
    rig = actor.rig
    leg = float(rig.lengths["leg"].mean())
    speed = pace * np.sqrt(_GRAVITY * leg)
    # Step length grows with pace as people's does; its floor keeps the cadence of slow steps.
    if runs:
        period = 2 * np.clip(0.34 - 0.05 * (pace - 0.7), 0.26, 0.36) * np.sqrt(leg / 0.85)
    else:
        step = 1.08 * leg * max(pace, 0.08) ** 0.45
        period = 2 * step / (max(pace, 0.08) * np.sqrt(_GRAVITY * leg))
        period = min(period, 1.5 * np.sqrt(leg / 0.85))
    period *= rng.uniform(0.93, 1.08)
    forward = max(np.cos(travel), 0.0)
    vigour = min(pace / 0.45, 1.3)
    hip_width = float(rig.joints["hip"][:, 0].mean())
    gait = Gait(
        speed=speed,
        travel=travel,
        turn=turn,
        period=period,
        duty=(0.42 - 0.08 * (pace - 0.7)) if runs else 0.66 - 0.06 * vigour,
        width=hip_width * (rng.uniform(0.3, 0.6) if runs else rng.uniform(0.5, 1.0))
        # Feet that go sideways must not pass through each other.
        + 0.27 * speed * period * abs(np.sin(travel)),
        splay=np.radians(rng.normal(6, 5)),
        strike=np.radians(rng.uniform(10, 20) * vigour * forward * (0.5 if runs else 1.0)),
        push=np.radians(12 + 30 * min(vigour, 1.1) * max(abs(np.cos(travel)), 0.3)),
        lift=leg * (lift if lift is not None else 0.035 + (0.09 if runs else 0.01) * vigour),
        kick=np.radians(60 * min(pace, 1.2)) if runs else np.radians(12 * vigour),
    )
    swing = np.radians(rng.uniform(8, 30)) * vigour * actor.energy * (1.0 if not runs else 0.8)
    bob = (0.035 if runs else 0.016) * leg * min(vigour, 1.0)
    crouch = rng.uniform(0.0, 0.02) + (0.035 if runs else 0.004)
    lean = np.radians(rng.normal(2, 2) + (7 if runs else 2) * vigour * np.cos(travel))
    yaw_swing = np.radians(rng.uniform(3, 7)) * vigour
    list_swing = np.radians(rng.uniform(2, 4.5))
    sway = rng.uniform(0.15, 0.35) * hip_width
    elbows = np.radians(rng.uniform(70, 100)) if runs else np.radians(rng.uniform(0, 14))

    def posture(time: np.ndarray) -> Posture:
        feet = gait.feet(rig, time)
        place, heading = gait.path(time)
        angle = 2 * np.pi * (time / gait.period)
        mid = angle - np.pi * gait.duty
        hips = place + rot.apply(
            rot.about(1, heading),
            np.stack([sway * np.cos(mid), 0 * time, 0.015 * leg + 0 * time], -1),
        )
        beat = -np.cos(2 * mid) if runs else np.cos(2 * mid)
        hips[:, 1] = rig.standing - crouch * leg - bob + bob * beat
        pelvis = tilt(
            0.5 * lean + 0 * time,
            -list_swing * np.cos(mid),
            heading - yaw_swing * np.cos(angle) * np.cos(travel),
        )
        hips = legs.lower(rig, feet, hips, pelvis)
        pose = actor.posture(time, hips, pelvis, feet)
        pose.spine[:, 0] += 0.5 * lean
        pose.spine[:, 1] += list_swing * np.cos(mid)
        pose.spine[:, 2] += 1.7 * yaw_swing * np.cos(angle) * np.cos(travel)
        pose.neck[:, 2] -= 0.7 * yaw_swing * np.cos(angle) * np.cos(travel)
        pose.neck[:, 0] -= 0.5 * lean
        swinging = np.stack([-np.cos(angle - 0.2), np.cos(angle - 0.2)]) * np.cos(travel)
        pose.arms.flexion = pose.arms.flexion + swing * (swinging + 0.15)
        pose.arms.elbow = pose.arms.elbow + elbows + 0.5 * swing * (1 + swinging)
        return pose

    return Script(posture)

"""Draws a motion and reads it at a clip's frames."""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from thfm_jax.data.synthetic.motion import (
    collide,
    dancing,
    gestures,
    locomotion,
    sitting,
    skeleton,
    standing,
)
from thfm_jax.data.synthetic.motion import (
    rig as rigs,
)
from thfm_jax.data.synthetic.motion import rotations as rot
from thfm_jax.data.synthetic.motion.actor import Actor
from thfm_jax.data.synthetic.motion.script import Script, Seat

# name -> (script, share of clips)
_KINDS: dict[str, tuple[Callable[[np.random.Generator, Actor], Script], float]] = {
    "stand": (standing.stand, 10),
    "walk": (locomotion.walk, 10),
    "walk_back": (locomotion.walk_back, 2),
    "sidestep": (locomotion.sidestep, 2),
    "turn": (locomotion.turn, 3),
    "march": (locomotion.march, 2),
    "run": (locomotion.run, 4),
    "squat": (standing.squat, 4),
    "bend": (standing.bend, 4),
    "sit": (sitting.sit, 10),
    "sit_down": (sitting.sit_down, 3),
    "dance": (dancing.dance, 8),
}
_Gesture = Callable[[np.random.Generator, Actor], list[gestures.Gesture]]
# What hands do over the motion of a kind, and its share; what is left does nothing more.
_GESTURES: dict[str, tuple[_Gesture, float]] = {
    "talk": (gestures.talk, 10),
    "wave": (gestures.wave, 5),
    "point": (gestures.point, 5),
    "clap": (gestures.clap, 3),
    "phone": (gestures.phone, 4),
    "hips": (gestures.hips, 5),
    "crossed": (gestures.crossed, 4),
    "front": (gestures.front, 4),
    "behind": (gestures.behind, 2),
    "drink": (gestures.drink, 3),
    "hair": (gestures.hair, 3),
    "chin": (gestures.chin, 3),
    "stretch": (gestures.stretch, 3),
    "wander": (gestures.wander, 6),
}
_BUSY = {
    "stand": 0.75,
    "walk": 0.35,
    "turn": 0.4,
    "march": 0.2,
    "sit": 0.6,
    "walk_back": 0.3,
    "sidestep": 0.3,
}
KINDS: tuple[str, ...] = tuple(_KINDS)


@dataclasses.dataclass(frozen=True)
class Motion:
    """A body's motion in T frames.

    Attributes:
      rotations: [T, J, 3, 3] float64, each bone against its parent in rest-world axes, as
        `BodyModel.pose` takes them.
      translation: [T, 3] float64 metres, added to the root's rest position.
      expression: [T, E] float32 in [0, 1], weights of the face's units.
      kind: one of `KINDS`, "+" and the gesture if there is one.
      contact: [T, 2] bool, left and right foot planted.
      seat: what the person sits or lies on, None if the ground or nothing.
    """

    rotations: np.ndarray
    translation: np.ndarray
    expression: np.ndarray
    kind: str
    contact: np.ndarray
    seat: Seat | None


def sample(
    rng: np.random.Generator,
    model,
    shape,
    frames: int,
    fps: float,
    kind: str | None = None,
    held: str | None = None,
) -> Motion:
    """A random motion of `shape`, a body of `model`, in `frames` frames.

    Args:
      kind: one of `KINDS`; drawn by their shares if None.
      held: what a hand holds.

    Raises:
      ValueError: for a kind that does not exist.
    """
    if kind is None:
        kind = _draw(rng, _KINDS)
    if kind not in _KINDS:
        raise ValueError(f"no kind of motion is called {kind!r}; there are {', '.join(KINDS)}")
    rig = rigs.measure(model, shape)
    actor = Actor.draw(rng, rig, model.expressions)
    script = _KINDS[kind][0](rng, actor)
    start, yaw = rng.uniform(2, 20), rng.uniform(-np.pi, np.pi)
    time = start + np.arange(frames) / fps
    posture = script.posture(time)
    if kind == "sit":
        for gesture in sitting.lap(rng, actor):
            gesture(time, posture)
    label = kind
    if rng.random() < _BUSY.get(kind, 0.0):
        name = _draw(rng, _GESTURES)
        label = f"{kind}+{name}"
        for gesture in _GESTURES[name][0](rng, actor):
            gesture(time, posture)
    rotations, translation = skeleton.solve(rig, collide.measure(rig, model, shape), posture)
    return _placed(rig, rotations, translation, yaw, posture, label, script.seat)


def _placed(rig, rotations, translation, yaw, posture, kind, seat) -> Motion:
    """The motion turned about the vertical by `yaw` and begun above the origin."""
    turn = rot.about(1, yaw)
    root = rig.head_of("root")
    place = rot.apply(turn, root + translation)
    begin = place[0] * (1.0, 0.0, 1.0)
    rotations[:, 0] = turn @ rotations[:, 0]
    if seat is not None:
        position = rot.apply(turn, seat.position) - begin
        seat = dataclasses.replace(seat, position=position, yaw=seat.yaw + yaw)
    return Motion(
        rotations=rotations,
        translation=place - begin - root,
        expression=posture.expression.astype(np.float32),
        kind=kind,
        contact=posture.feet.planted.T,
        seat=seat,
    )


def _draw(rng: np.random.Generator, table: Mapping[str, tuple[Callable, float]]) -> str:
    """A name of `table`, drawn by its share."""
    shares = np.array([share for _, share in table.values()])
    return str(rng.choice(list(table), p=shares / shares.sum()))

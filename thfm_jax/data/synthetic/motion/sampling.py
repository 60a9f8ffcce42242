"""Draws a motion and reads it at a clip's frames."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from thfm_jax.data.synthetic.motion import (
    collide,
    dancing,
    gestures,
    ground,
    locomotion,
    sitting,
    skeleton,
    sport,
    standing,
)
from thfm_jax.data.synthetic.motion import (
    rig as rigs,
)
from thfm_jax.data.synthetic.motion import rotations as rot
from thfm_jax.data.synthetic.motion.actor import Actor
from thfm_jax.data.synthetic.motion.script import Script, Seat

_Gesture = Callable[[np.random.Generator, Actor], list[gestures.Gesture]]


class _Kind(NamedTuple):
    """How a motion is made, its share of clips, and how often hands do something else meanwhile."""

    script: Callable[[np.random.Generator, Actor], Script]
    share: float
    busy: float = 0.0


_KINDS: dict[str, _Kind] = {
    "stand": _Kind(standing.stand, 12, 0.8),
    "walk": _Kind(locomotion.walk, 10, 0.35),
    "walk_back": _Kind(locomotion.walk_back, 1.5, 0.3),
    "sidestep": _Kind(locomotion.sidestep, 1.5, 0.3),
    "turn": _Kind(locomotion.turn, 3, 0.5),
    "march": _Kind(locomotion.march, 2, 0.3),
    "run": _Kind(locomotion.run, 4, 0.05),
    "squat": _Kind(standing.squat, 3, 0.3),
    "bend": _Kind(standing.bend, 4),
    "sit": _Kind(sitting.sit, 10, 0.65),
    "sit_down": _Kind(sitting.sit_down, 3, 0.15),
    "sit_ground": _Kind(ground.sit, 4, 0.4),
    "kneel": _Kind(ground.kneel, 3, 0.5),
    "lie": _Kind(ground.lie, 6, 0.1),
    "crawl": _Kind(ground.crawl, 1.5),
    "push_up": _Kind(ground.push_up, 1.5),
    "dance": _Kind(dancing.dance, 8, 0.05),
    "jump": _Kind(sport.jump, 2.5, 0.1),
    "jumping_jack": _Kind(sport.jumping_jack, 1.5),
    "lunge": _Kind(sport.lunge, 2.5, 0.15),
    "one_leg": _Kind(sport.one_leg, 3, 0.2),
    "strike": _Kind(sport.strike, 4),
    "variety": _Kind(sport.variety, 7, 0.1),
}
KINDS: tuple[str, ...] = tuple(_KINDS)
_ON_HANDS = ("crawl", "push_up")

# What hands do, and how often.
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
GESTURES: tuple[str, ...] = tuple(_GESTURES)


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
      hand: 0 left or 1 right, the hand that holds something, None if nothing is held.
    """

    rotations: np.ndarray
    translation: np.ndarray
    expression: np.ndarray
    kind: str
    contact: np.ndarray
    seat: Seat | None
    hand: int | None


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
      kind: one of `KINDS`, for the hands' sake perhaps with "+" and one of `GESTURES` as in
        "walk+wave"; drawn by their shares if None.
      held: what a hand holds: "phone" and "cup" are used, "bag" hangs, all else is gripped and
        perhaps waved about. `Motion.hand` says which hand.

    Raises:
      ValueError: for a kind that does not exist.
    """
    kind, gesture = _choose(rng, kind)
    rig = rigs.measure(model, shape)
    actor = Actor.draw(rng, rig, model.expressions)
    script = _KINDS[kind].script(rng, actor)
    start, yaw = rng.uniform(2, 20), rng.uniform(-np.pi, np.pi)
    time = start + np.arange(frames) / fps
    posture = script.posture(time)
    if kind == "sit":
        for move in sitting.lap(rng, actor):
            move(time, posture)
    moves = _GESTURES[gesture][0](rng, actor) if gesture else []
    hand = None
    if held:
        hand, holding = gestures.hold(rng, actor, held, leaning=kind in _ON_HANDS)
        moves += holding
    for move in moves:
        move(time, posture)
    label = f"{kind}+{gesture}" if gesture else kind
    rotations, translation = skeleton.solve(rig, collide.measure(rig), posture)
    return _placed(rig, rotations, translation, yaw, posture, label, script.seat, hand)


def _placed(rig, rotations, translation, yaw, posture, kind, seat, hand) -> Motion:
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
        hand=hand,
    )


def _choose(rng: np.random.Generator, kind: str | None) -> tuple[str, str | None]:
    """(kind, gesture or None) that `kind` names, the rest drawn by its share."""
    if kind is None:
        kind = _draw(rng, {name: kind.share for name, kind in _KINDS.items()})
    kind, _, gesture = kind.partition("+")
    if kind not in _KINDS:
        raise ValueError(f"no kind of motion is called {kind!r}; there are {', '.join(KINDS)}")
    if gesture and gesture not in _GESTURES:
        raise ValueError(f"no gesture is called {gesture!r}; there are {', '.join(GESTURES)}")
    if not gesture and rng.random() < _KINDS[kind].busy:
        gesture = _draw(rng, {name: share for name, (_, share) in _GESTURES.items()})
    return kind, gesture or None


def _draw(rng: np.random.Generator, shares: Mapping[str, float]) -> str:
    """A name, drawn by its share."""
    values = np.array(list(shares.values()))
    return str(rng.choice(list(shares), p=values / values.sum()))

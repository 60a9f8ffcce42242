"""What hands do while the rest of the body does something else.

A gesture changes a posture in place. Places of hands are given in the side's frame (see
`posture.Reach`): outwards, up, to the front.
"""

from collections.abc import Callable, Sequence

import numpy as np

from thfm_jax.data.synthetic.motion import hands
from thfm_jax.data.synthetic.motion import rotations as rot
from thfm_jax.data.synthetic.motion.actor import Actor
from thfm_jax.data.synthetic.motion.curves import Keys, Noise
from thfm_jax.data.synthetic.motion.posture import Anchor, Posture, Reach

Gesture = Callable[[np.ndarray, Posture], None]

_LOW_ELBOW = np.array([0.55, -0.8, -0.35])
_OUT_ELBOW = np.array([0.9, -0.45, -0.25])
_HANGING_ELBOW = np.array([0.6, -0.9, 0.0])


def hand_frame(fingers: tuple, back: tuple) -> np.ndarray:
    """[3, 3] frame of a hand whose fingers point along `fingers` and whose back faces `back`."""
    y = -rot.unit(np.asarray(fingers, np.float64))
    out = np.asarray(back, np.float64)
    x = rot.unit(out - (out * y).sum() * y)
    return np.stack([x, y, np.cross(x, y)], -1)


def _raised(rng: np.random.Generator, always: float = 0.6) -> Callable:
    """Weight over time of a hand that is raised, held there and perhaps taken down again."""
    if rng.random() < always:
        return lambda time: np.ones(len(time))
    return Keys.draw(rng, np.array([1.0, 0.0]), (0.5, 0.9), (0.8, 3.0))


def _hold(
    rng: np.random.Generator,
    side: int,
    anchor: Anchor,
    place: Sequence[float] | np.ndarray,
    elbow: np.ndarray,
    hand: np.ndarray | None,
    shape: str,
    spread: float = 0.02,
    always: float = 0.6,
) -> Gesture:
    """A hand that stays at a place of the body."""
    weight = _raised(rng, always)
    wander = Noise.draw(rng, 3, 0.5)
    centre = np.asarray(place) + rng.normal(0, spread, 3)
    fingers = hands.shape(rng, shape)

    def gesture(time: np.ndarray, pose: Posture) -> None:
        share = weight(time)
        target = centre + 0.25 * spread * wander(time)
        pose.reaches.append(Reach(side, share, anchor, target, elbow, hand))
        set_fingers(pose, side, fingers, share)

    return gesture


def set_fingers(pose: Posture, side: int, fingers: np.ndarray, weight: np.ndarray) -> None:
    """Blends one hand's fingers towards `fingers` [5, 4]."""
    weight = np.broadcast_to(weight, pose.fingers.shape[1:2])[:, None, None]
    pose.fingers[side] += weight * (fingers - pose.fingers[side])


def _one(rng: np.random.Generator) -> int:
    """The side of a gesture with one hand; most people are right-handed."""
    return int(rng.random() < 0.7)


def talk(rng: np.random.Generator, actor: Actor) -> list[Gesture]:
    """Beats and sweeps of both hands in front of the body, as speakers make them."""
    sides = [0, 1] if rng.random() < 0.7 else [_one(rng)]
    gestures = []
    shared = rng.random() < 0.5
    seed = int(rng.integers(1 << 30))
    for side in sides:
        own = np.random.Generator(np.random.PCG64(seed + (0 if shared else side)))
        centre = np.array(
            [own.uniform(-0.15, 0.25), own.uniform(-0.55, -0.2), own.uniform(0.35, 0.6)]
        )
        places = centre + own.normal(0, (0.12, 0.09, 0.08), (5, 3))
        path = Keys.draw(own, places, (0.3, 0.7), (0.0, 0.7))
        beat = Noise.draw(own, 3, 1.6)
        up = own.uniform(-0.3, 0.9)
        frames = hand_frame((-0.4, 0.25, 1.0), (0.8, -up, 0.1))
        weight = _raised(own, 0.75)
        gestures.append(_talking(side, path, beat, weight, frames, actor.energy))
    return gestures


def _talking(side, path, beat, weight, frames, energy) -> Gesture:
    def gesture(time: np.ndarray, pose: Posture) -> None:
        place = path(time) + 0.025 * energy * beat(time)
        turn = rot.exp(0.18 * energy * beat(time + 0.1))
        pose.reaches.append(Reach(side, weight(time), "shoulder", place, _LOW_ELBOW, turn @ frames))

    return gesture


def wave(rng: np.random.Generator, actor: Actor) -> list[Gesture]:
    """Waves with a raised hand."""
    side = _one(rng)
    rate, width = rng.uniform(1.0, 2.4), np.radians(rng.uniform(14, 32))
    place = np.array([rng.uniform(0.25, 0.6), rng.uniform(0.1, 0.75), rng.uniform(0.15, 0.4)])
    weight, fingers = _raised(rng, 0.8), hands.shape(rng, "open" if rng.random() < 0.6 else "flat")
    frame = hand_frame((0.1, 1.0, 0.1), (0.1, 0.0, -1.0))

    def gesture(time: np.ndarray, pose: Posture) -> None:
        swing = width * np.sin(2 * np.pi * rate * time)
        target = place + 0.35 * np.stack([-np.sin(swing), np.cos(swing) - 1, 0 * swing], -1)
        pose.reaches.append(
            Reach(side, weight(time), "shoulder", target, _OUT_ELBOW, rot.about(2, swing) @ frame)
        )
        set_fingers(pose, side, fingers, weight(time))

    return [gesture]


def point(rng: np.random.Generator, actor: Actor) -> list[Gesture]:
    """Points at something, and at something else; the head looks there."""
    side = _one(rng)
    targets = rot.unit(rng.normal((0.35, -0.05, 0.8), (0.5, 0.3, 0.3), (3, 3)))
    path = Keys.draw(rng, targets, (0.4, 0.8), (0.6, 2.0))
    stretch, weight, fingers = rng.uniform(0.75, 0.97), _raised(rng, 0.6), hands.shape(rng, "point")
    look = rng.uniform(0, 0.7)

    def gesture(time: np.ndarray, pose: Posture) -> None:
        direction = rot.unit(path(time))
        back = np.broadcast_to([0.5, 0.85, 0.0], direction.shape)
        frame = rot.frame(-direction, np.cross(back, -direction))
        pose.reaches.append(
            Reach(side, weight(time), "shoulder", stretch * direction, _LOW_ELBOW, frame)
        )
        set_fingers(pose, side, fingers, weight(time))
        outwards = np.arctan2(direction[:, 0], direction[:, 2]) * (1.0, -1.0)[side]
        pose.neck[:, 2] += look * weight(time) * outwards

    return [gesture]


def clap(rng: np.random.Generator, actor: Actor) -> list[Gesture]:
    """Claps in front of the chest or overhead."""
    rate = rng.uniform(1.2, 3.2)
    middle = float(actor.rig.joints["shoulder"][:, 0].mean() / actor.rig.lengths["arm"].mean())
    high = rng.random() < 0.15
    place = np.array([-middle, 0.55 if high else rng.uniform(-0.35, 0.05), rng.uniform(0.35, 0.55)])
    frame = hand_frame((-0.15, 0.7, 0.7), (1.0, 0.0, 0.1))
    gap = rng.uniform(0.12, 0.3)

    def gesture(side: int) -> Gesture:
        def move(time: np.ndarray, pose: Posture) -> None:
            open_share = np.sin(np.pi * rate * time) ** 2
            target = place + np.stack([0.055 + gap * open_share, 0 * time, 0 * time], -1)
            pose.reaches.append(
                Reach(side, np.ones(len(time)), "shoulder", target, _LOW_ELBOW, frame)
            )
            set_fingers(pose, side, np.radians(hands.SHAPES["flat"]), np.ones(len(time)))

        return move

    return [gesture(0), gesture(1)]


def phone(rng: np.random.Generator, actor: Actor, side: int | None = None) -> list[Gesture]:
    """Holds a telephone to the ear."""
    side = _one(rng) if side is None else side
    place = _at_head(actor, 1.3, -0.35, 0.45)
    return [
        _hold(
            rng,
            side,
            "head",
            place,
            _HANGING_ELBOW,
            hand_frame((-0.15, 0.9, -0.35), (0.9, -0.1, 0.3)),
            "hold",
            0.01,
            0.8,
        )
    ]


def _at_head(actor: Actor, out: float, up: float, front: float) -> np.ndarray:
    """A place near the head, in head heights from its joint."""
    rig = actor.rig
    height = rig.head_size
    return np.array([0.5 * out, up, front]) * height


def hips(rng: np.random.Generator, actor: Actor) -> list[Gesture]:
    """One or both hands on the hips."""
    rig = actor.rig
    place = np.array([rig.waist[0] + 0.035 * rig.size, rig.waist[1], 0.02])
    frame = hand_frame((-0.55, -0.25, 0.8), (0.85, 0.35, 0.5))
    sides = [0, 1] if rng.random() < 0.7 else [_one(rng)]
    elbow = np.array([1.0, 0.0, -0.6])
    return [_hold(rng, side, "hips", place, elbow, frame, "relaxed", 0.012) for side in sides]


def crossed(rng: np.random.Generator, actor: Actor) -> list[Gesture]:
    """Arms crossed in front of the chest, one above the other."""
    rig = actor.rig
    middle = float(rig.joints["shoulder"][:, 0].mean() / rig.lengths["arm"].mean())
    above = int(rng.integers(2))
    depth = (rig.chest_depth + 0.05 * rig.size) / float(rig.lengths["arm"].mean())
    gestures = []
    for side in (0, 1):
        over = 1.0 if side == above else 0.0
        place = (-middle - 0.16, -0.40 + 0.09 * over, depth + 0.075 * over)
        frame = hand_frame((-1.0, 0.25, -0.15), (0.0, 0.25, 1.0))
        gestures.append(
            _hold(
                rng,
                side,
                "shoulder",
                place,
                np.array([0.8, -0.6, 0.1]),
                frame,
                "relaxed",
                0.008,
                0.9,
            )
        )
    return gestures


def front(rng: np.random.Generator, actor: Actor) -> list[Gesture]:
    """Both hands together in front of belly or chest."""
    rig = actor.rig
    middle = float(rig.joints["shoulder"][:, 0].mean() / rig.lengths["arm"].mean())
    height = rng.uniform(-0.75, -0.3)
    depth = (rig.belly_depth + 0.03 * rig.size) / float(rig.lengths["arm"].mean()) + rng.uniform(
        0, 0.1
    )
    gestures = []
    for side in (0, 1):
        place = (-middle + 0.11, height + 0.01 * side, depth + 0.05 * side)
        frame = hand_frame((-0.9, -0.25, 0.35), (0.35, 0.1, 0.9))
        gestures.append(
            _hold(rng, side, "shoulder", place, _OUT_ELBOW, frame, "relaxed", 0.008, 0.85)
        )
    return gestures


def behind(rng: np.random.Generator, actor: Actor) -> list[Gesture]:
    """Hands on the back."""
    place = (-0.02, actor.rig.waist[1] - 0.02, -actor.rig.back_depth - 0.03)
    frame = hand_frame((-0.9, -0.4, 0.0), (0.0, 0.2, 1.0))
    return [
        _hold(rng, side, "hips", place, np.array([1.0, 0.0, -0.6]), frame, "relaxed", 0.01, 0.9)
        for side in (0, 1)
    ]


def drink(rng: np.random.Generator, actor: Actor, side: int | None = None) -> list[Gesture]:
    """Takes a cup to the mouth and away."""
    side = _one(rng) if side is None else side
    weight = Keys.draw(rng, np.array([1.0, 0.0]), (0.7, 1.1), (0.6, 2.0))
    mouth = _at_head(actor, 1.2, -0.4, 1.3)
    frame = hand_frame((-0.75, 0.3, 0.45), (0.75, -0.1, 0.65))
    low = np.array([0.0, -0.45, 0.42]) + rng.normal(0, 0.05, 3)
    fingers = hands.shape(rng, "hold")
    level = hand_frame((-0.4, 0.1, 0.9), (0.9, 0.0, 0.4))

    def gesture(time: np.ndarray, pose: Posture) -> None:
        share = weight(time)
        ones = np.ones(len(time))
        pose.reaches.append(
            Reach(side, ones, "shoulder", np.tile(low, (len(time), 1)), _LOW_ELBOW, level)
        )
        pose.reaches.append(
            Reach(side, share, "head", np.tile(mouth, (len(time), 1)), _HANGING_ELBOW, frame)
        )
        set_fingers(pose, side, fingers, ones)
        pose.neck[:, 0] -= np.radians(10) * share

    return [gesture]


def hair(rng: np.random.Generator, actor: Actor) -> list[Gesture]:
    """Pushes hair back, scratches the head, hands behind the head."""
    place = _at_head(actor, rng.uniform(1.2, 1.6), rng.uniform(0.3, 0.9), rng.uniform(-0.3, 0.4))
    frame = hand_frame((-0.7, 0.5, -0.5), (0.5, 0.8, 0.1))
    sides = [0, 1] if rng.random() < 0.35 else [_one(rng)]
    return [
        _hold(rng, side, "head", place, np.array([1.0, 0.3, 0.3]), frame, "relaxed", 0.02, 0.5)
        for side in sides
    ]


def chin(rng: np.random.Generator, actor: Actor) -> list[Gesture]:
    """A hand at chin or cheek, thinking."""
    place = _at_head(actor, rng.uniform(0.3, 0.8), -1.1, rng.uniform(0.9, 1.1))
    frame = hand_frame((-0.3, 1.0, -0.1), (0.6, -0.1, 0.75))
    return [
        _hold(
            rng,
            _one(rng),
            "head",
            place,
            _LOW_ELBOW,
            frame,
            str(rng.choice(["fist", "relaxed", "pinch"])),
            0.01,
            0.7,
        )
    ]


def stretch(rng: np.random.Generator, actor: Actor) -> list[Gesture]:
    """Stretches both arms up or out."""
    high = rng.uniform(0.2, 1.0)
    weight = Keys.draw(rng, np.array([1.0, 0.6, 0.0]), (0.9, 1.6), (0.3, 1.2))
    lean = Noise.draw(rng, 1, 0.25)
    target = rot.unit(np.array([0.9 - 0.9 * high, high, 0.15])) * 0.97

    def gesture(time: np.ndarray, pose: Posture) -> None:
        for side in (0, 1):
            pose.reaches.append(
                Reach(
                    side,
                    weight(time),
                    "shoulder",
                    np.tile(target, (len(time), 1)),
                    np.array([1.0, 0.0, 0.4]),
                )
            )
        pose.spine[:, 0] -= np.radians(12) * weight(time)
        pose.spine[:, 1] += np.radians(8) * lean(time)[:, 0] * weight(time)

    return [gesture]


def wander(rng: np.random.Generator, actor: Actor) -> list[Gesture]:
    """Hands anywhere that arms reach: sheer variety."""
    gestures = []
    for side in (0, 1) if rng.random() < 0.7 else (_one(rng),):
        directions = rot.unit(rng.normal((0.5, 0.0, 0.6), (0.5, 0.7, 0.5), (4, 3)))
        places = directions * rng.uniform(0.35, 0.98, (4, 1))
        path = Keys.draw(rng, places, (0.5, 1.2), (0.0, 0.8))
        elbow = rot.unit(rng.normal((0.6, -0.6, -0.2), 0.4))
        gestures.append(_wandering(side, path, elbow, np.radians(rng.uniform(-70, 70))))
    return gestures


def _wandering(side: int, path: Keys, elbow: np.ndarray, pronation: float) -> Gesture:
    def gesture(time: np.ndarray, pose: Posture) -> None:
        pose.reaches.append(Reach(side, np.ones(len(time)), "shoulder", path(time), elbow))
        pose.arms.forearm[side] = pronation

    return gesture


def hold(
    rng: np.random.Generator, actor: Actor, held: str, leaning: bool
) -> tuple[int, list[Gesture]]:
    """The hand, 0 left or 1 right, that holds something, and what it does with it.

    A hand on which the body leans stays where it is.
    """
    side = _one(rng)
    if leaning:
        return side, [_carry(rng, side)]
    if held == "phone":
        moves = phone if rng.random() < 0.5 else look_at_phone
        return side, moves(rng, actor, side)
    if held == "cup":
        return side, drink(rng, actor, side)
    if held == "bag" or rng.random() < 0.3:
        return side, [_carry(rng, side)]
    return side, [_brandish(rng, side)]


def look_at_phone(rng: np.random.Generator, actor: Actor, side: int) -> list[Gesture]:
    """Reads a telephone held in front of the chest."""
    place = np.array([rng.uniform(-0.2, -0.05), rng.uniform(-0.5, -0.25), rng.uniform(0.38, 0.5)])
    frame = hand_frame((-0.35, 0.75, 0.6), (0.3, -0.6, 0.75))
    down = np.radians(rng.uniform(12, 28))
    rest = _hold(rng, side, "shoulder", place, _LOW_ELBOW, frame, "hold", 0.02, 1.0)

    def gesture(time: np.ndarray, pose: Posture) -> None:
        rest(time, pose)
        pose.neck[:, 0] += down

    return [gesture]


def _carry(rng: np.random.Generator, side: int) -> Gesture:
    """A closed hand on a hanging arm."""
    fingers = hands.shape(rng, "grip")

    def gesture(time: np.ndarray, pose: Posture) -> None:
        set_fingers(pose, side, fingers, np.ones(len(time)))
        pose.arms.abduction[side] += np.radians(4)
        pose.arms.flexion[side] *= 0.4
        pose.arms.elbow[side] *= 0.6

    return gesture


def _brandish(rng: np.random.Generator, side: int) -> Gesture:
    """A closed hand in front of the body that moves something about."""
    fingers = hands.shape(rng, "grip")
    centre = np.array([rng.uniform(0.0, 0.3), rng.uniform(-0.5, 0.0), rng.uniform(0.4, 0.6)])
    path = Keys.draw(rng, centre + rng.normal(0, 0.1, (4, 3)), (0.4, 1.0), (0.0, 1.0))
    frame = hand_frame((-0.3, 0.1, 1.0), (0.9, 0.3, 0.2))

    def gesture(time: np.ndarray, pose: Posture) -> None:
        ones = np.ones(len(time))
        pose.reaches.append(Reach(side, ones, "shoulder", path(time), _LOW_ELBOW, frame))
        set_fingers(pose, side, fingers, ones)

    return gesture

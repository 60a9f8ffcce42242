"""From a posture to the rotations of all bones, inside joint limits."""

import numpy as np

from thfm_jax.data.synthetic.motion import arms, collide, hands, legs
from thfm_jax.data.synthetic.motion import rotations as rot
from thfm_jax.data.synthetic.motion.limits import clamp
from thfm_jax.data.synthetic.motion.posture import Posture
from thfm_jax.data.synthetic.motion.rig import NECK, SIDES, SPINE, TOES, Rig

# Shares of forward bend, bend to the left and turn to the left that the bones from pelvis to chest
# and from chest to head take: the loins bend, the chest turns. Columns add up to 1.
_SPINE_SHARES = np.array(
    [
        [0.26, 0.16, 0.08],
        [0.22, 0.20, 0.12],
        [0.20, 0.24, 0.20],
        [0.20, 0.24, 0.32],
        [0.12, 0.16, 0.28],
    ]
)
_NECK_SHARES = np.array(
    [[0.20, 0.20, 0.15], [0.22, 0.25, 0.20], [0.26, 0.27, 0.30], [0.32, 0.28, 0.35]]
)
# How much of a limb's twist its first bone already shows; the second has all of it.
_UPPER_ARM_SHARE, _THIGH_SHARE = 0.4, 0.5

# Every so many points of the skin tell which is the lowest.
_EVERY = 8


class Pose:
    """Bones turned so far: global rotations [T, 3, 3] and heads [T, 3], by name.

    Bones that nobody turns move with their parent.
    """

    def __init__(self, rig: Rig, hips: np.ndarray, pelvis: np.ndarray):
        self.rig = rig
        self.names = {index: name for name, index in rig.bone.items()}
        self.globals = {"root": pelvis}
        self.places = {"root": hips + rot.apply(pelvis, rig.head_of("root") - rig.hips)}

    def parent(self, name: str) -> str:
        """The nearest bone above that has been turned."""
        name = self.names[self.rig.parents[self.rig.bone[name]]]
        while name not in self.globals:
            name = self.names[self.rig.parents[self.rig.bone[name]]]
        return name

    def locate(self, name: str) -> np.ndarray:
        """[T, 3] world position of a bone's head; the bones above it must have been turned."""
        parent = self.parent(name)
        offset = self.rig.head_of(name) - self.rig.head_of(parent)
        return self.places[parent] + rot.apply(self.globals[parent], offset)

    def set(self, name: str, turn: np.ndarray) -> None:
        """Gives a bone its global rotation."""
        self.places[name] = self.locate(name)
        self.globals[name] = turn

    def turn(self, name: str, turn: np.ndarray) -> None:
        """Turns a bone against its parent."""
        self.set(name, self.globals[self.parent(name)] @ turn)

    def local(self) -> np.ndarray:
        """[T, J, 3, 3] rotations against the parents."""
        count = len(self.globals["root"])
        rotations = np.tile(np.eye(3), (count, len(self.names), 1, 1))
        for name, turn in self.globals.items():
            above = rot.transpose(self.globals[self.parent(name)]) if name != "root" else np.eye(3)
            rotations[:, self.rig.bone[name]] = above @ turn
        return rotations


def solve(rig: Rig, solids: collide.Solids, posture: Posture) -> tuple[np.ndarray, np.ndarray]:
    """(rotations [T, J, 3, 3], translation [T, 3]) of `posture`, as `BodyModel.pose` takes them."""
    pose = Pose(rig, posture.hips, posture.pelvis)
    for bone, share in zip(SPINE, _SPINE_SHARES, strict=True):
        pose.turn(bone, column_turn(share * clamp("spine", posture.spine)))
    for bone, share in zip(NECK, _NECK_SHARES, strict=True):
        pose.turn(bone, column_turn(share * clamp("neck", posture.neck)))
    _turn_legs(pose, posture)
    _turn_arms(pose, solids, posture)
    _turn_eyes(pose, clamp("eyes", posture.gaze))
    rotations = pose.local()
    hands.turn(rig, rotations, posture.fingers)
    translation = pose.places["root"] - rig.head_of("root")
    return rotations, _settle(rig, rotations, posture, translation)


def column_turn(angles: np.ndarray) -> np.ndarray:
    """Turn of a vertebra by angles (forward, to the left, turn to the left) [T, 3]."""
    forward, left, turn = np.moveaxis(angles, -1, 0)
    return rot.exp(np.stack([forward, turn, -left], -1))


def _turn_legs(pose: Pose, posture: Posture) -> None:
    rig = pose.rig
    pelvis = _both(posture.pelvis)
    hip = _both_points(posture.hips) + rot.apply(pelvis, legs.hip_offset(rig)[:, None])
    solved = legs.solve(rig, hip, pelvis, posture.feet)
    thigh, shank, foot = (
        _against_rest(rig, name, solved[name]) for name in ("thigh", "shank", "foot")
    )
    line = rig.joints["hip"] - rig.joints["knee"]
    upper, rest = _split(pelvis, thigh, line, _THIGH_SHARE)
    toes = rot.exp(-solved["toes"][..., None] * rig.frames["foot"][:, None, :, 0])
    for side, letter in enumerate(SIDES):
        pose.set(f"upperleg01.{letter}", _unsided(upper, side))
        # The second bone turns about its own line to the knee, which therefore stays in place.
        own = rot.unit(rig.head_of(f"upperleg02.{letter}") - rig.head_of(f"lowerleg01.{letter}"))
        own = rot.mirror_points(own) if side else own
        pose.turn(f"upperleg02.{letter}", _unsided(rot.exp(rest[..., None] * own), side))
        pose.set(f"lowerleg01.{letter}", _unsided(shank, side))
        pose.set(f"foot.{letter}", _unsided(foot, side))
        for toe in TOES:
            pose.turn(f"{toe}.{letter}", _unsided(toes, side))


def _turn_arms(pose: Pose, solids: collide.Solids, posture: Posture) -> None:
    rig = pose.rig
    chest = _both(pose.globals["spine01"])
    base = np.stack([pose.locate("clavicle.L"), rot.mirror_points(pose.locate("clavicle.R"))])
    goal = _goal(pose, posture, base)
    push = collide.Obstacles(solids, pose.globals, pose.places).push
    solved = arms.solve(rig, chest, base, posture.arms, posture.shrug, goal, push)
    upper = _against_rest(rig, "upper_arm", solved["upper_arm"])
    line = rig.joints["shoulder"] - rig.joints["elbow"]
    first, _ = _split(solved["scapula"], upper, line, _UPPER_ARM_SHARE)
    # The forearm's twist from the rest pose's grows evenly from elbow to wrist.
    rest_pronation, _ = arms.hand_angles(rot.transpose(rig.frames["forearm"]) @ rig.frames["hand"])
    twist = solved["pronation"] - rest_pronation[:, None]
    lower = [
        _against_rest(rig, "forearm", solved["forearm"] @ rot.about(1, -share * twist))
        for share in (0.3, 0.7)
    ]
    bones = {
        "clavicle": solved["clavicle"],
        "shoulder01": solved["scapula"],
        "upperarm01": first,
        "upperarm02": upper,
        "lowerarm01": lower[0],
        "lowerarm02": lower[1],
        "wrist": _against_rest(rig, "hand", solved["hand"]),
    }
    for bone, turns in bones.items():
        for side, letter in enumerate(SIDES):
            pose.set(f"{bone}.{letter}", _unsided(turns, side))


def _goal(pose: Pose, posture: Posture, base: np.ndarray) -> arms.Goal:
    """All reaches of both hands, laid over one another, in the world's sides' frames."""
    rig, shape = pose.rig, posture.arms.elbow.shape
    goal = arms.Goal(
        weight=np.zeros(shape),
        wrist=np.zeros((*shape, 3)),
        elbow=np.zeros((*shape, 3)),
        hand=np.tile(np.eye(3), (*shape, 1, 1)),
        turn=np.zeros(shape),
    )
    chest = pose.globals["spine01"]
    shoulder = rig.joints["shoulder"] - rig.joints["clavicle"]
    anchors = {
        "head": (pose.globals["head"], _both_points(pose.places["head"])),
        "hips": (posture.pelvis, _both_points(posture.hips)),
        "world": (np.eye(3), np.zeros((2, 1, 3))),
        "shoulder": (chest, base + rot.apply(_both(chest), shoulder[:, None])),
    }
    for reach in posture.reaches:
        side, weight = reach.side, reach.weight
        axes, origin = anchors[reach.anchor]
        axes = _both(axes)[side]
        scale = rig.lengths["arm"][side] if reach.anchor == "shoulder" else 1.0
        wrist = origin[side] + rot.apply(axes, scale * reach.place)
        # What lies beneath keeps the share that this reach leaves to it.
        total = weight + goal.weight[side] * (1 - weight)
        share = weight / np.maximum(total, 1e-9)
        goal.weight[side] = total
        goal.wrist[side] += share[:, None] * (wrist - goal.wrist[side])
        pole = rot.apply(_both(chest)[side], rot.unit(reach.elbow))
        goal.elbow[side] += share[:, None] * (pole - goal.elbow[side])
        if reach.hand is not None:
            hand = np.broadcast_to(axes @ reach.hand, goal.hand[side].shape)
            mixed = goal.hand[side] + share[:, None, None] * (hand - goal.hand[side])
            goal.hand[side] = rot.frame(mixed[..., 1], mixed[..., 2])
        turn = weight if reach.hand is not None else np.zeros_like(weight)
        goal.turn[side] = turn + goal.turn[side] * (1 - weight)
    return goal


def _turn_eyes(pose: Pose, gaze: np.ndarray) -> None:
    up, left = np.moveaxis(gaze, -1, 0)
    turn = rot.exp(np.stack([-up, left, np.zeros_like(up)], -1))
    for letter in SIDES:
        pose.turn(f"eye.{letter}", turn)


def _settle(
    rig: Rig, rotations: np.ndarray, posture: Posture, translation: np.ndarray
) -> np.ndarray:
    """`translation`, moved up or down as far as `posture.grounded` asks for."""
    if not posture.grounded.any():
        return translation
    low = lowest(rig, rotations, translation)
    settled = translation.copy()
    settled[:, 1] += posture.grounded * (posture.floor - low)
    return settled


def lowest(rig: Rig, rotations: np.ndarray, translation: np.ndarray) -> np.ndarray:
    """[T] height of the lowest point of the skin in the world."""
    turns, places = forward(rig, rotations, translation)
    bones, weights = rig.skin.bones[::_EVERY], rig.skin.weights[::_EVERY]
    points = rig.skin.points[::_EVERY]
    height = np.zeros((len(turns), len(points)))
    for k in range(bones.shape[1]):
        bone = bones[:, k]
        offset = points - rig.heads[bone]
        height += weights[:, k] * (places[:, bone, 1] + (turns[:, bone, 1] * offset).sum(-1))
    return height.min(1)


def forward(
    rig: Rig, rotations: np.ndarray, translation: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Global rotations [T, J, 3, 3] and heads [T, J, 3] of all bones."""
    turns = np.empty_like(rotations)
    places = np.empty(rotations.shape[:-1])
    for bone, parent in enumerate(rig.parents):
        if parent < 0:
            turns[:, bone] = rotations[:, bone]
            places[:, bone] = rig.heads[bone] + translation
        else:
            turns[:, bone] = turns[:, parent] @ rotations[:, bone]
            offset = rig.heads[bone] - rig.heads[parent]
            places[:, bone] = places[:, parent] + rot.apply(turns[:, parent], offset)
    return turns, places


def _against_rest(rig: Rig, name: str, frames: np.ndarray) -> np.ndarray:
    """Global rotations [2, T, 3, 3], sides' frames, of bones whose anatomical frames are given."""
    return frames @ rot.transpose(rig.frames[name])[:, None]


def _split(
    parent: np.ndarray, turn: np.ndarray, line: np.ndarray, share: float
) -> tuple[np.ndarray, np.ndarray]:
    """`turn` without part of its twist about `line` against `parent`, and what is missing.

    Args:
      parent, turn: [2, T, 3, 3] global rotations.
      line: [2, 3] along the bone at rest.
      share: of the twist that stays.

    Returns:
      global rotations [2, T, 3, 3]; the missing angles [2, T] about `line`.
    """
    local = rot.transpose(parent) @ turn
    axis = rot.unit(line)[:, None]
    twist = twist_about(local, axis)
    missing = (1 - share) * twist
    return turn @ rot.exp(-missing[..., None] * axis), missing


def twist_about(turn: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """[...] angle of the part of `turn` about unit `axis` that a least swing leaves over."""
    swing = rot.swing(np.broadcast_to(axis, turn.shape[:-1]), rot.apply(turn, axis))
    return (rot.log(rot.transpose(swing) @ turn) * axis).sum(-1)


def _both(matrix: np.ndarray) -> np.ndarray:
    """[2, ..., 3, 3] rotations of a middle bone in the two sides' frames."""
    return np.stack([matrix, rot.mirror(matrix)])


def _both_points(points: np.ndarray) -> np.ndarray:
    """[2, ..., 3] of a middle point in the two sides' frames."""
    return np.stack([points, rot.mirror_points(points)])


def _unsided(turns: np.ndarray, side: int) -> np.ndarray:
    """[T, 3, 3] of one side out of [2, T, 3, 3] in sides' frames, in the world."""
    return rot.mirror(turns[1]) if side else turns[0]

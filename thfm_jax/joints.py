"""The joints that THFM predicts, in their fixed order, and how other joint sets map onto them.

52 joints: COCO's 17, the six points of COCO-WholeBody's feet, the spine and limbs of a kinematic
skeleton, and the hands' tips and knuckles. The first 17 are `coco17`, the first 23 `coco23`. Left
and right are the person's own. Points inside the body are joint centres, the others lie on the
skin. 3-D positions are relative to `ROOT`, the middle of the hip joints.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np


class Joint(NamedTuple):
    """One joint.

    Attributes:
      name: unique; starts with "left_" or "right_" unless the joint lies in the middle plane.
      parent: the joint that it hangs from, None for the root of the tree.
      definition: where it is on the body.
    """

    name: str
    parent: str | None
    definition: str

    @property
    def side(self) -> str:
        """ "left", "right" or "middle"."""
        prefix = self.name.split("_")[0]
        return prefix if prefix in ("left", "right") else "middle"

    @property
    def mirror(self) -> str:
        """The name of the joint on the other side; its own in the middle plane."""
        other = {"left": "right", "right": "left"}.get(self.side)
        return other + self.name.removeprefix(self.side) if other else self.name


_PARENTS = {
    "nose": "head",
    "left_eye": "nose",
    "right_eye": "nose",
    "left_ear": "left_eye",
    "right_ear": "right_eye",
    "left_shoulder": "left_collar",
    "right_shoulder": "right_collar",
    "left_elbow": "left_shoulder",
    "right_elbow": "right_shoulder",
    "left_wrist": "left_elbow",
    "right_wrist": "right_elbow",
    "left_hip": "mid_hip",
    "right_hip": "mid_hip",
    "left_knee": "left_hip",
    "right_knee": "right_hip",
    "left_ankle": "left_knee",
    "right_ankle": "right_knee",
    "left_big_toe": "left_foot",
    "left_small_toe": "left_foot",
    "left_heel": "left_ankle",
    "right_big_toe": "right_foot",
    "right_small_toe": "right_foot",
    "right_heel": "right_ankle",
    "mid_hip": None,
    "pelvis": "mid_hip",
    "spine1": "pelvis",
    "spine2": "spine1",
    "spine3": "spine2",
    "neck": "spine3",
    "head": "neck",
    "head_top": "head",
    "chin": "head",
    "left_collar": "spine3",
    "right_collar": "spine3",
    "left_hand": "left_wrist",
    "right_hand": "right_wrist",
    "left_foot": "left_ankle",
    "right_foot": "right_ankle",
    "left_thumb_tip": "left_wrist",
    "left_index_knuckle": "left_wrist",
    "left_index_tip": "left_index_knuckle",
    "left_middle_tip": "left_hand",
    "left_ring_tip": "left_hand",
    "left_pinky_knuckle": "left_wrist",
    "left_pinky_tip": "left_pinky_knuckle",
    "right_thumb_tip": "right_wrist",
    "right_index_knuckle": "right_wrist",
    "right_index_tip": "right_index_knuckle",
    "right_middle_tip": "right_hand",
    "right_ring_tip": "right_hand",
    "right_pinky_knuckle": "right_wrist",
    "right_pinky_tip": "right_pinky_knuckle",
}

_DEFINITIONS = {
    "nose": "tip of the nose",
    "eye": "centre of the eyeball",
    "ear": "opening of the ear canal",
    "shoulder": "centre of the shoulder joint, the head of the upper-arm bone",
    "elbow": "centre of the elbow joint",
    "wrist": "centre of the wrist joint",
    "hip": "centre of the hip joint, the head of the thigh bone",
    "knee": "centre of the knee joint",
    "ankle": "centre of the ankle joint, between the two malleoli",
    "big_toe": "tip of the big toe",
    "small_toe": "tip of the small toe",
    "heel": "rearmost point of the heel",
    "mid_hip": "middle of the two hip joints; the origin of 3-D positions",
    "pelvis": "centre of the pelvis, on the spine at the top of the sacrum",
    "spine1": "on the lumbar spine, a fifth of the way from pelvis to neck",
    "spine2": "on the spine, half of the way from pelvis to neck",
    "spine3": "on the thoracic spine, three fifths of the way from pelvis to neck",
    "neck": "on the spine at the base of the neck, level with the tops of the shoulders",
    "head": "where the spine meets the skull, between the lower ends of the ears",
    "head_top": "highest point of the skull when the head is upright, without hair",
    "chin": "foremost point of the chin",
    "collar": "on the collar bone, half of the way from the middle plane to the shoulder",
    "hand": "knuckle of the middle finger",
    "foot": "ball of the foot, the joint of the middle toe",
    "thumb_tip": "tip of the thumb",
    "index_knuckle": "knuckle of the index finger",
    "index_tip": "tip of the index finger",
    "middle_tip": "tip of the middle finger",
    "ring_tip": "tip of the ring finger",
    "pinky_knuckle": "knuckle of the little finger",
    "pinky_tip": "tip of the little finger",
}


def _joint(name: str, parent: str | None) -> Joint:
    part = name.removeprefix("left_").removeprefix("right_")
    return Joint(name, parent, _DEFINITIONS[part])


JOINTS: tuple[Joint, ...] = tuple(_joint(*item) for item in _PARENTS.items())
NAMES: tuple[str, ...] = tuple(joint.name for joint in JOINTS)
INDEX: dict[str, int] = {name: index for index, name in enumerate(NAMES)}
ROOT: int = INDEX["mid_hip"]


def indices(names: Iterable[str]) -> np.ndarray:
    """int32 positions of the named joints; KeyError for a name that is none."""
    return np.array([INDEX[name] for name in names], np.int32)


# points[..., MIRROR, :] swaps left and right, which a horizontal flip of the image asks for.
MIRROR: np.ndarray = indices(joint.mirror for joint in JOINTS)

# (parent, child) positions of the lines that draw a skeleton.
EDGES: tuple[tuple[int, int], ...] = tuple(
    (INDEX[joint.parent], index) for index, joint in enumerate(JOINTS) if joint.parent
)

# sRGB 0-255 of the joints of a side and of the lines that end in them.
COLOURS: dict[str, tuple[int, int, int]] = {
    "left": (255, 128, 0),
    "right": (0, 128, 255),
    "middle": (64, 200, 64),
}


class Match(NamedTuple):
    """One joint of another set, and ours that stands for it.

    Attributes:
      theirs: its name in that set.
      joint: the name of ours.
      exact: both definitions mean the same anatomical point. Two ways of labelling one point may
        still differ by a centimetre or two.
      note: how they differ where `exact` is False, else empty.
    """

    theirs: str
    joint: str
    exact: bool
    note: str


def _match(pairs: Mapping[str, str], notes: Mapping[str, str]) -> tuple[Match, ...]:
    """Matches of {theirs: ours}; `notes` says for the approximate ones how they differ."""
    return tuple(
        Match(theirs, ours, theirs not in notes, notes.get(theirs, ""))
        for theirs, ours in pairs.items()
    )


_COCO_HIP = "annotated by eye on the picture, some centimetres above and beside the joint centre"
_COCO_NOTES = {"left_hip": _COCO_HIP, "right_hip": _COCO_HIP}

_H36M = {
    "pelvis": "mid_hip",
    "rhip": "right_hip",
    "rknee": "right_knee",
    "rfoot": "right_ankle",
    "lhip": "left_hip",
    "lknee": "left_knee",
    "lfoot": "left_ankle",
    "spine": "spine2",
    "thorax": "neck",
    "neck_base": "chin",
    "head": "head_top",
    "lsho": "left_shoulder",
    "lelb": "left_elbow",
    "lwri": "left_wrist",
    "rsho": "right_shoulder",
    "relb": "right_elbow",
    "rwri": "right_wrist",
}
_H36M_NOTES = {
    "spine": "half way between Human3.6M's own pelvis and thorax, not on the spine",
    "thorax": "the motion-capture skeleton's middle of the shoulders, near the base of the neck",
    "neck_base": "called neck or nose elsewhere; lies between the two, inside the jaw",
    "head": "inside the skull, below its highest point",
}

_LSP = {
    "right_ankle": "right_ankle",
    "right_knee": "right_knee",
    "right_hip": "right_hip",
    "left_hip": "left_hip",
    "left_knee": "left_knee",
    "left_ankle": "left_ankle",
    "right_wrist": "right_wrist",
    "right_elbow": "right_elbow",
    "right_shoulder": "right_shoulder",
    "left_shoulder": "left_shoulder",
    "left_elbow": "left_elbow",
    "left_wrist": "left_wrist",
    "neck": "neck",
    "head": "head_top",
}
_LSP_NOTES = {
    "neck": "Human3.6M's thorax: middle of the shoulders, near the base of the neck",
    "head": "Human3.6M's head: inside the skull, below its highest point",
}

_SMPL = {
    "pelvis": "pelvis",
    "l_hip": "left_hip",
    "r_hip": "right_hip",
    "spine1": "spine1",
    "l_knee": "left_knee",
    "r_knee": "right_knee",
    "spine2": "spine2",
    "l_ankle": "left_ankle",
    "r_ankle": "right_ankle",
    "spine3": "spine3",
    "l_foot": "left_foot",
    "r_foot": "right_foot",
    "neck": "neck",
    "l_collar": "left_collar",
    "r_collar": "right_collar",
    "head": "head",
    "l_shoulder": "left_shoulder",
    "r_shoulder": "right_shoulder",
    "l_elbow": "left_elbow",
    "r_elbow": "right_elbow",
    "l_wrist": "left_wrist",
    "r_wrist": "right_wrist",
    "l_hand": "left_hand",
    "r_hand": "right_hand",
}
_SMPL_SPINE = "regressed from SMPL's vertices; no vertebra defines it"
_SMPL_COLLAR = "regressed from SMPL's vertices, below and inwards of the collar bone's middle"
_SMPL_FOOT = "regressed from SMPL's vertices, inside the front of the foot"
_SMPL_HAND = "regressed from SMPL's vertices, inside the palm near the knuckles"
_SMPL_NOTES = {
    **dict.fromkeys(("pelvis", "spine1", "spine2", "spine3", "neck"), _SMPL_SPINE),
    **dict.fromkeys(("l_collar", "r_collar"), _SMPL_COLLAR),
    **dict.fromkeys(("l_foot", "r_foot"), _SMPL_FOOT),
    **dict.fromkeys(("l_hand", "r_hand"), _SMPL_HAND),
    "head": "regressed from SMPL's vertices, inside the skull's base",
}

# coco17, coco23: COCO, and COCO-WholeBody's body and feet. h36m17: Human3.6M as mmpose orders it.
# h36m14: LSP's order with Human3.6M's head, which Human3.6M P2 and 3DPW are scored on (4D-Humans
# hmr2/configs/datasets_eval.yaml). smpl24: SMPL's kinematic joints, for EMDB and RICH.
SUBSETS: dict[str, tuple[Match, ...]] = {
    "coco17": _match({name: name for name in NAMES[:17]}, _COCO_NOTES),
    "coco23": _match({name: name for name in NAMES[:23]}, _COCO_NOTES),
    "h36m17": _match(_H36M, _H36M_NOTES),
    "h36m14": _match(_LSP, _LSP_NOTES),
    "smpl24": _match(_SMPL, _SMPL_NOTES),
}
SUBSET_INDICES: dict[str, np.ndarray] = {
    name: indices(match.joint for match in matches) for name, matches in SUBSETS.items()
}

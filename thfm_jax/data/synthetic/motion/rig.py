"""What motion knows of a body: where its joints are and which way its bones point at rest.

Pairs of limbs are arrays [2, ...], left then right, in the *side's frame*: chest or pelvis axes,
x pointing outwards, y up and z to the front. The right side's frame is the mirror image of the
left's, so that one line of code moves both sides. A bone's *anatomical frame* has y along the bone
towards the body, x along the axis about which it bends, outwards, and z to the front; its columns
stand in the side's frame. A person at attention has all of them near identity.
"""

import dataclasses
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from thfm_jax.data.synthetic.motion import rotations as rot

SIDES = ("L", "R")
SPINE = ("spine05", "spine04", "spine03", "spine02", "spine01")
NECK = ("neck01", "neck02", "neck03", "head")
TRUNK = ("root", *SPINE, "pelvis.L", "pelvis.R", "breast.L", "breast.R")
FINGERS = tuple(tuple(f"finger{finger}-{k}" for k in (1, 2, 3)) for finger in (1, 2, 3, 4, 5))
TOES = tuple(f"toe{toe}-1" for toe in (1, 2, 3, 4, 5))

_JOINTS = {
    "clavicle": "clavicle",
    "scapula": "shoulder01",
    "shoulder": "upperarm01",
    "elbow": "lowerarm01",
    "wrist": "wrist",
    "knuckle": "finger3-1",
    "hip": "upperleg01",
    "knee": "lowerleg01",
    "ankle": "foot",
}
_UP = np.array([0.0, 1.0, 0.0])


class Skin(NamedTuple):
    """The body's skin at rest, one row per vertex.

    Attributes:
      points: [V, 3] float64 metres.
      owner: [V] index of the bone that moves it most.
      bones, weights: [V, K] skin weights.
    """

    points: np.ndarray
    owner: np.ndarray
    bones: np.ndarray
    weights: np.ndarray


@dataclasses.dataclass(frozen=True)
class Rig:
    """Measures of one body at rest: metres, float64.

    Attributes:
      bone: bone name -> index.
      parents: [J] int, -1 for the root; parents come before children.
      heads: [J, 3] in rest-world axes.
      hips: [3] middle of the hip joints.
      joints: name -> [2, 3] rest positions in the side's frame: those of `_JOINTS`, and heel, ball
        and toe, which lie on the ground beneath the foot.
      frames: name -> [2, 3, 3] anatomical frames at rest: upper_arm, forearm, hand, thigh, shank,
        foot.
      finger_axes: [2, 5, 3, 3] axes about which each finger's bones bend towards the palm.
      finger_bends: [2, 5, 3] radians by which they are bent at rest; 0 for the thumb.
      lengths: name -> [2]: thigh, shank, leg, upper_arm, forearm, arm.
      head_size: height of the head above its joint.
      waist: (half width, height above the hips) of the trunk above the hip bones.
      chest_depth, belly_depth, back_depth: from the shoulders' (chest) or the hips' plane to the
        front of chest and belly and to the back of the loins.
      seat: height of the hip joints above what one sits on.
      skin: the surface.
    """

    bone: dict[str, int]
    parents: np.ndarray
    heads: np.ndarray
    hips: np.ndarray
    joints: dict[str, np.ndarray]
    frames: dict[str, np.ndarray]
    finger_axes: np.ndarray
    finger_bends: np.ndarray
    lengths: dict[str, np.ndarray]
    head_size: float
    waist: tuple[float, float]
    chest_depth: float
    belly_depth: float
    back_depth: float
    seat: float
    skin: Skin

    @property
    def size(self) -> float:
        """Length of the legs relative to an adult's 0.85 m: the scale of steps."""
        return float(self.lengths["leg"].mean()) / 0.85

    @property
    def ankle_height(self) -> np.ndarray:
        """[2] of the ankle joints above the sole."""
        return self.joints["ankle"][:, 1] - self.joints["heel"][:, 1]

    @property
    def standing(self) -> float:
        """Height of the middle of the hips with straight legs, feet beneath the hips."""
        return float((self.lengths["leg"] + self.ankle_height).min())

    def head_of(self, name: str) -> np.ndarray:
        """[3] rest position of a bone's head."""
        return self.heads[self.bone[name]]

    def skin_of(self, *names: str) -> np.ndarray:
        """[n, 3] points of the skin that the named bones move most."""
        return _owned(self.skin, self.bone, names)


def measure(model, shape) -> Rig:
    """The rig of `shape`, a body of `model` (see `thfm_jax.data.synthetic.bodies.body`)."""
    heads = np.asarray(shape.heads, np.float64)
    joints = {
        name: _sides(np.stack([heads[model.bone[f"{bone}.{side}"]] for side in SIDES]))
        for name, bone in _JOINTS.items()
    }
    skin = _skin(model, shape)
    joints |= _soles(model, skin, heads, joints["ankle"])
    frames = _limb_frames(joints) | {"hand": _hand_frame(model, heads, joints)}
    lengths = {
        "thigh": rot.length(joints["hip"] - joints["knee"]),
        "shank": rot.length(joints["knee"] - joints["ankle"]),
        "upper_arm": rot.length(joints["shoulder"] - joints["elbow"]),
        "forearm": rot.length(joints["elbow"] - joints["wrist"]),
    }
    lengths["leg"] = lengths["thigh"] + lengths["shank"]
    lengths["arm"] = lengths["upper_arm"] + lengths["forearm"]
    axes, bends = _fingers(model, shape, frames["hand"])
    hips = 0.5 * (heads[model.bone["upperleg01.L"]] + heads[model.bone["upperleg01.R"]])
    return Rig(
        bone=model.bone,
        parents=np.asarray(model.parents),
        heads=heads,
        hips=hips,
        joints=joints,
        frames=frames,
        finger_axes=axes,
        finger_bends=bends,
        lengths=lengths,
        **_trunk(model, skin, heads, hips, joints),
        skin=skin,
    )


def _sides(points: np.ndarray) -> np.ndarray:
    """[2, ...] points in rest-world axes, each in its own side's frame."""
    return np.stack([points[0], rot.mirror_points(points[1])])


def _skin(model, shape) -> Skin:
    bones, weights = model.weights
    ids = model.patches["body"].vertex_ids
    bones, weights = bones[ids], weights[ids].astype(np.float64)
    owner = bones[np.arange(len(ids)), weights.argmax(1)]
    return Skin(shape.vertices[ids].astype(np.float64), owner, bones, weights)


def _owned(skin: Skin, bone: dict[str, int], names: Iterable[str]) -> np.ndarray:
    return skin.points[np.isin(skin.owner, [bone[name] for name in names])]


def _soles(model, skin: Skin, heads: np.ndarray, ankle: np.ndarray) -> dict[str, np.ndarray]:
    """Points of the feet on the ground: rearmost heel, ball (middle toes' joint), foremost toe."""
    points = []
    for letter in SIDES:
        toes = [f"toe{toe}-{k}.{letter}" for toe in (1, 2, 3, 4, 5) for k in (1, 2)]
        foot = _owned(skin, model.bone, [f"foot.{letter}", *toes])
        ground = foot[:, 1].min()
        low = foot[foot[:, 1] < ground + 0.3 * (foot[:, 1].max() - ground)]
        ball = heads[[model.bone[f"{toe}.{letter}"] for toe in TOES[:3]]].mean(0)
        heel, toe = low[low[:, 2].argmin()], low[low[:, 2].argmax()]
        points.append([_on(heel, ground), _on(ball, ground), _on(toe, ground)])
    heel, ball, toe = np.swapaxes(_sides(np.array(points)), 0, 1)
    # The line on which a foot rolls runs beneath the ankle.
    heel[:, 0] = ankle[:, 0]
    return {"heel": heel, "ball": ball, "toe": toe}


def _on(point: np.ndarray, height: float) -> np.ndarray:
    return np.array([point[0], height, point[2]])


def _limb_frames(joints: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    front = joints["ball"] - joints["heel"]
    upper = joints["shoulder"] - joints["elbow"]
    fore = joints["elbow"] - joints["wrist"]
    # Arms are half bent at rest; the elbow's axis stands on the plane in which they bend.
    hinge = np.cross(fore, upper)
    return {
        "thigh": rot.frame(joints["hip"] - joints["knee"], front),
        "shank": rot.frame(joints["knee"] - joints["ankle"], front),
        "foot": rot.frame(np.broadcast_to(_UP, (2, 3)), front),
        "upper_arm": rot.frame(upper, np.cross(hinge, upper)),
        "forearm": rot.frame(fore, np.cross(hinge, fore)),
    }


def _hand_frame(model, heads: np.ndarray, joints: dict[str, np.ndarray]) -> np.ndarray:
    """y from the middle knuckle to the wrist, z from the little finger to the index, x the back."""
    index, little = (
        _sides(np.stack([heads[model.bone[f"finger{k}-1.{side}"]] for side in SIDES]))
        for k in (2, 5)
    )
    return rot.frame(joints["wrist"] - joints["knuckle"], index - little)


def _fingers(model, shape, hand: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Axes [2, 5, 3, 3] about which finger bones bend, and their bends [2, 5, 3] at rest.

    Fingers bend about the hand's -z, made square to the bone; the thumb bends across the palm.
    """
    axes, bends = np.zeros((2, 5, 3, 3)), np.zeros((2, 5, 3))
    for finger, bones in enumerate(FINGERS):
        before = -hand[..., 1]
        for k, bone in enumerate(bones):
            ids = [model.bone[f"{bone}.{side}"] for side in SIDES]
            along = rot.unit(_sides((shape.tails - shape.heads)[ids].astype(np.float64)))
            # The thumb's own plane of bending stands half way between palm and side.
            across = -hand[..., 2] if finger else rot.unit(hand[..., 0] - 0.6 * hand[..., 1])
            axis = rot.unit(across - (across * along).sum(-1, keepdims=True) * along)
            axes[:, finger, k] = axis
            if finger:
                sine = (np.cross(before, along) * axis).sum(-1)
                bends[:, finger, k] = np.arctan2(sine, (before * along).sum(-1))
            before = along
    return axes, bends


def _trunk(
    model, skin: Skin, heads: np.ndarray, hips: np.ndarray, joints: dict[str, np.ndarray]
) -> dict[str, Any]:
    """Measures of head and trunk that hands need to find them, by `Rig`'s names."""
    trunk = _owned(skin, model.bone, TRUNK)
    bone = {name: heads[model.bone[name]] for name in ("spine04", "spine03", "spine01", "head")}
    shoulder = joints["shoulder"].mean(0)

    def slab(height: float) -> np.ndarray:
        thickness = 0.01 + 0.03 * (bone["spine01"][1] - hips[1])
        return trunk[np.abs(trunk[:, 1] - height) < thickness]

    buttocks, waist, belly = slab(hips[1]), slab(bone["spine04"][1]), slab(bone["spine03"][1])
    chest = slab(0.8 * bone["spine01"][1] + 0.2 * shoulder[1])
    return {
        "head_size": float(skin.points[:, 1].max() - bone["head"][1]),
        "waist": (float(np.abs(waist[:, 0]).max()), float(bone["spine04"][1] - hips[1])),
        "chest_depth": float(chest[:, 2].max() - shoulder[2]),
        "belly_depth": float(belly[:, 2].max() - shoulder[2]),
        "back_depth": float(hips[2] - waist[:, 2].min()),
        # Flesh gives way under the weight.
        "seat": 0.8 * float(hips[2] - buttocks[:, 2].min()),
    }

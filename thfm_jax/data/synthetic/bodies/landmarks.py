"""Where the joints of `thfm_jax.joints` are on the body model.

Joints inside the body are points of bones: weighted means of bones' heads at rest, each carried by
its bone. Joints on the skin are vertices, so that they follow shape, pose and expression.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from thfm_jax import joints

# Vertices of MakeHuman's base mesh hm08; those of the right side are found by mirroring.
_SKIN = {
    "nose": (297, 5054),
    "chin": (5162,),
    "head_top": (881,),
    "left_ear": (12184,),
    "left_heel": (12442,),
    "left_big_toe": (11551,),
    "left_small_toe": (13280,),
    "left_thumb_tip": (9348,),
    "left_index_tip": (8595,),
    "left_middle_tip": (8787,),
    "left_ring_tip": (8982,),
    "left_pinky_tip": (9171,),
}
_BONES = {
    "left_eye": {"eye.L": 1.0},
    "left_shoulder": {"upperarm01.L": 1.0},
    "left_elbow": {"lowerarm01.L": 1.0},
    "left_wrist": {"wrist.L": 1.0},
    "left_hip": {"upperleg01.L": 1.0},
    "left_knee": {"lowerleg01.L": 1.0},
    "left_ankle": {"foot.L": 1.0},
    "mid_hip": {"upperleg01.L": 0.5, "upperleg01.R": 0.5},
    # Heights on the spine between the top of the sacrum (spine04) and the base of the neck.
    "pelvis": {"spine04": 1.0},
    "spine1": {"spine03": 0.72, "spine02": 0.28},
    "spine2": {"spine02": 0.51, "spine01": 0.49},
    "spine3": {"spine02": 0.19, "spine01": 0.81},
    "neck": {"neck01": 1.0},
    "head": {"head": 1.0},
    "left_collar": {"clavicle.L": 0.37, "shoulder01.L": 0.63},
    "left_hand": {"finger3-1.L": 1.0},
    "left_foot": {"toe3-1.L": 1.0},
    "left_index_knuckle": {"finger2-1.L": 1.0},
    "left_pinky_knuckle": {"finger5-1.L": 1.0},
}


class Landmarks(NamedTuple):
    """Rows of both tables are joints.

    Attributes:
      vertices: float32 [K, 2] weights of vertex_ids; 0 for joints of bones.
      vertex_ids: int32 [K, 2].
      bones: float64 [K, J] weights of the bones' heads; 0 for joints on the skin.
    """

    vertices: np.ndarray
    vertex_ids: np.ndarray
    bones: np.ndarray


def find(
    rest: Float[np.ndarray, "V 3"], body_ids: Int[np.ndarray, " N"], bone: dict[str, int]
) -> Landmarks:
    """The joints on a base mesh `rest` whose skin are the rows `body_ids`."""
    count = len(joints.NAMES)
    weights, ids = np.zeros((count, 2), np.float32), np.zeros((count, 2), np.int32)
    bones = np.zeros((count, len(bone)))
    tree = cKDTree(rest[body_ids])
    for row, joint in enumerate(joints.JOINTS):
        right = joint.side == "right"
        name = joint.mirror if right else joint.name
        if name in _SKIN:
            found = np.array(_SKIN[name])
            if right:
                found = body_ids[tree.query(rest[found] * [-1, 1, 1])[1]]
            ids[row, : len(found)] = found
            weights[row, : len(found)] = 1 / len(found)
        else:
            for part, weight in _BONES[name].items():
                bones[row, bone[part.replace(".L", ".R") if right else part]] = weight
    return Landmarks(weights, ids, bones)


def place(
    landmarks: Landmarks,
    vertices: Float[np.ndarray, "T V 3"],
    heads: Float[np.ndarray, "T J 3"],
) -> Float[np.ndarray, "T K 3"]:
    """float64 joints of posed vertices and bones' heads."""
    on_skin = vertices[:, landmarks.vertex_ids].astype(np.float64)
    return np.einsum("kn,tkni->tki", landmarks.vertices, on_skin) + np.einsum(
        "kj,tji->tki", landmarks.bones, heads
    )

"""Anatomical joint angles of any pose of the rig, read back from bone rotations."""

import numpy as np

from thfm_jax.data.synthetic.motion import arms, legs
from thfm_jax.data.synthetic.motion import rotations as rot
from thfm_jax.data.synthetic.motion.rig import FINGERS, NECK, SIDES, SPINE, Rig
from thfm_jax.data.synthetic.motion.skeleton import forward


def measure(rig: Rig, rotations: np.ndarray) -> dict[str, np.ndarray]:
    """Angles in radians by the names and axes of `limits.LIMITS`.

    Args:
      rotations: [T, J, 3, 3] as `BodyModel.pose` takes them.

    Returns:
      [T, axes] for spine, neck; [2, T, axes] for the joints of limbs, left then right.
    """
    turns, _ = forward(rig, rotations, np.zeros((len(rotations), 3)))
    frames = {
        name: _sided(rig, turns, bone) @ rig.frames[name][:, None]
        for name, bone in (
            ("thigh", "upperleg02"),
            ("shank", "lowerleg01"),
            ("foot", "foot"),
            ("upper_arm", "upperarm02"),
            ("hand", "wrist"),
        )
    }
    pelvis, chest = _both(turns[:, rig.bone["root"]]), _both(turns[:, rig.bone["spine01"]])
    leg = legs.joint_angles(pelvis, frames["thigh"], frames["shank"], frames["foot"])
    return {
        "spine": _column(rig, rotations, SPINE),
        "neck": _column(rig, rotations, NECK),
        "shoulder": arms.shoulder_angles(rot.transpose(chest) @ frames["upper_arm"]),
        **_lower_arm(rig, turns, frames),
        **leg,
        **_digits(rig, rotations),
    }


def _column(rig: Rig, rotations: np.ndarray, bones: tuple[str, ...]) -> np.ndarray:
    """Forward bend, bend and turn to the left: sums over vertebrae."""
    vectors = np.stack([rot.log(rotations[:, rig.bone[bone]]) for bone in bones])
    forward, turn, right = vectors.sum(0).T
    return np.stack([forward, -right, turn], -1)


def _lower_arm(rig: Rig, turns: np.ndarray, frames: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Elbow, forearm and wrist; the forearm's first bone already has a share of the twist."""
    fore = _sided(rig, turns, "lowerarm01") @ rig.frames["forearm"][:, None]
    down = fore[..., 1]
    bend = rot.transpose(frames["upper_arm"]) @ down[..., None]
    flexion = np.arctan2(-bend[..., 2, 0], bend[..., 1, 0])
    straight = frames["upper_arm"] @ rot.about(0, -flexion)
    pronation, wrist = arms.hand_angles(rot.transpose(straight) @ frames["hand"])
    return {"elbow": flexion[..., None], "forearm": pronation[..., None], "wrist": wrist}


def _digits(rig: Rig, rotations: np.ndarray) -> dict[str, np.ndarray]:
    """Bends [2, T, 4, 3] of the fingers' joints, without their spread."""
    bends = np.zeros((2, len(rotations), 4, 3))
    for finger in range(1, 5):
        for k, bone in enumerate(FINGERS[finger]):
            local = _local(rig, rotations, bone)
            axis = rig.finger_axes[:, finger, k][:, None]
            bends[:, :, finger - 1, k] = (rot.log(local) * axis).sum(-1)
            bends[:, :, finger - 1, k] += rig.finger_bends[:, finger, k][:, None]
    return {"fingers": bends}


def _local(rig: Rig, rotations: np.ndarray, bone: str) -> np.ndarray:
    left, right = (rotations[:, rig.bone[f"{bone}.{side}"]] for side in SIDES)
    return np.stack([left, rot.mirror(right)])


def _sided(rig: Rig, turns: np.ndarray, bone: str) -> np.ndarray:
    """[2, T, 3, 3] of a pair of bones in the sides' frames."""
    return _local(rig, turns, bone)


def _both(matrix: np.ndarray) -> np.ndarray:
    return np.stack([matrix, rot.mirror(matrix)])

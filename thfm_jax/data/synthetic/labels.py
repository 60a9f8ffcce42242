"""Keypoints of the subjects: where their joints appear, and which of them can be seen."""

import numpy as np
from jaxtyping import Bool, Float

from thfm_jax import joints
from thfm_jax.data.synthetic import parts
from thfm_jax.data.synthetic.clip import Labels
from thfm_jax.data.synthetic.scene import Camera

# Cloth stands off the skin by up to this much.
CLOTH_M = 0.05

# The parts of the body that a joint lies in or on, without their sides: a joint is seen where one
# of them covers it. Another part in front of it, an arm before the hip, hides it.
_COVER: dict[str, tuple[str, ...]] = {
    "nose": ("face",),
    "eye": ("face",),
    "ear": ("face", "scalp"),
    "shoulder": ("torso", "upper_arm"),
    "elbow": ("upper_arm", "lower_arm"),
    "wrist": ("lower_arm", "hand"),
    "hip": ("torso", "pelvis", "upper_leg"),
    "knee": ("upper_leg", "lower_leg"),
    "ankle": ("lower_leg", "foot"),
    "big_toe": ("foot",),
    "small_toe": ("foot",),
    "heel": ("foot", "lower_leg"),
    "mid_hip": ("pelvis", "torso", "upper_leg"),
    "pelvis": ("pelvis", "torso"),
    "spine1": ("pelvis", "torso"),
    "spine2": ("torso",),
    "spine3": ("torso",),
    "neck": ("neck", "torso", "scalp"),
    "head": ("face", "scalp", "neck"),
    "head_top": ("face", "scalp"),
    "chin": ("face", "neck"),
    "collar": ("neck", "torso"),
    "hand": ("hand",),
    "foot": ("foot",),
    "thumb_tip": ("hand",),
    "index_knuckle": ("hand",),
    "index_tip": ("hand",),
    "middle_tip": ("hand",),
    "ring_tip": ("hand",),
    "pinky_knuckle": ("hand",),
    "pinky_tip": ("hand",),
}


def _covers() -> np.ndarray:
    """[K, parts] bool: whether the part may cover the joint."""
    table = np.zeros((len(joints.JOINTS), len(parts.NAMES)), bool)
    for row, joint in zip(table, joints.JOINTS, strict=True):
        sides = ("left_", "right_") if joint.side == "middle" else (f"{joint.side}_",)
        for part in _COVER[joint.name.removeprefix("left_").removeprefix("right_")]:
            for name in (part, *(side + part for side in sides)):
                row[parts.INDEX.get(name, 0)] = True
        row[0] = False
    return table


COVERS = _covers()


def to_camera(camera: Camera, points: Float[np.ndarray, "*P T K 3"]) -> Float[np.ndarray, "..."]:
    """World points of each frame in that frame's camera axes, float64."""
    turned = np.einsum("tij,...tkj->...tki", camera.rotation, points, optimize=False)
    return turned + camera.translation[:, None]


def project(camera: Camera, points: Float[np.ndarray, "*P T K 3"]) -> Float[np.ndarray, "..."]:
    """Image points (x, y) in pixels of camera-frame points; meaningless where z <= 0."""
    focal = camera.intrinsics[:, None, [0, 1], [0, 1]]
    return points[..., :2] / points[..., 2:] * focal + camera.intrinsics[:, None, :2, 2]


def visibility(
    labels: Labels,
    instance: int,
    xy: Float[np.ndarray, "T K 2"],
    depth_m: Float[np.ndarray, "T K"],
    radius_m: Float[np.ndarray, "K"],
) -> Bool[np.ndarray, "T K"]:
    """Which joints of one subject can be seen.

    A joint is seen where, within a pixel of it, the subject's own surface covers it: a part of the
    body to which the joint belongs, no farther from the joint in depth than the flesh and the cloth
    about it are thick. Its own pixel must show some of the foreground.

    Args:
      labels: the clip's maps.
      instance: the subject in `labels.instance`.
      xy, depth_m: the joints in the image, in pixels, and their z in the camera frame.
      radius_m: distance of each joint from the skin.
    """
    frames, height, width = labels.instance.shape
    column, row = np.floor(np.where(np.isfinite(xy), xy, -1)).astype(np.int64).T
    column, row = column.T, row.T
    frame = np.arange(frames)[:, None]
    joint = np.arange(xy.shape[1])[None]
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height) & (depth_m > 0)

    slack = 2 * radius_m + CLOTH_M
    seen = np.zeros(inside.shape, bool)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            at = (frame, np.clip(row + down, 0, height - 1), np.clip(column + right, 0, width - 1))
            own = (labels.instance[at] == instance) & COVERS[joint, labels.part[at]]
            seen |= own & (np.abs(depth_m - labels.depth_m[at]) <= slack)
    centre = (frame, np.clip(row, 0, height - 1), np.clip(column, 0, width - 1))
    return inside & seen & (labels.alpha[centre] > 0)


def keypoints(
    labels: Labels,
    camera: Camera,
    instance: int,
    world: Float[np.ndarray, "T K 3"],
    radius_m: Float[np.ndarray, "K"],
) -> tuple[Float[np.ndarray, "T K 3"], Float[np.ndarray, "T K 3"]]:
    """One subject's (keypoints2d, keypoints3d), as `SyntheticClip` holds them, float32."""
    local = to_camera(camera, world)
    # What is not in front of the camera is nowhere in the image; far outside stands for that.
    ahead = np.concatenate([local[..., :2], np.maximum(local[..., 2:], 1e-3)], axis=-1)
    xy = project(camera, ahead)
    seen = visibility(labels, instance, xy, local[..., 2], radius_m)
    flat = np.concatenate([xy, seen[..., None]], axis=-1)
    return flat.astype(np.float32), local.astype(np.float32)

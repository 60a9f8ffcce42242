"""What somebody says who looks at no picture: the row that gives the others a meaning.

Depth is constant, normals face the camera, the matte is the whole frame, dense pose is the middle
of the body, and keypoints are the mean of the training clips', wherever the person is.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from jaxtyping import Float, UInt8

from thfm_jax import joints
from thfm_jax.tasks import lookup

# Of 64 clips of the split "train", seed 5, averaged with their mirror images: x and y as shares of
# the frame; X, Y and Z in metres from the middle of the hips along the camera's axes. People face
# every way, so that left and right nearly cancel.
MEAN_POSE: dict[str, tuple[float, float, float, float, float]] = {
    "nose": (0.50, 0.35, 0.000, -0.476, -0.076),
    "left_eye": (0.51, 0.33, 0.003, -0.510, -0.078),
    "right_eye": (0.49, 0.33, -0.003, -0.510, -0.078),
    "left_ear": (0.51, 0.34, 0.007, -0.494, -0.073),
    "right_ear": (0.49, 0.34, -0.007, -0.494, -0.073),
    "left_shoulder": (0.52, 0.46, 0.019, -0.341, -0.048),
    "right_shoulder": (0.48, 0.46, -0.019, -0.341, -0.048),
    "left_elbow": (0.53, 0.56, 0.038, -0.207, -0.028),
    "right_elbow": (0.47, 0.56, -0.038, -0.207, -0.028),
    "left_wrist": (0.53, 0.58, 0.048, -0.148, -0.027),
    "right_wrist": (0.47, 0.58, -0.048, -0.148, -0.027),
    "left_hip": (0.51, 0.67, 0.011, 0.000, 0.000),
    "right_hip": (0.49, 0.67, -0.011, 0.000, 0.000),
    "left_knee": (0.50, 0.72, 0.017, 0.224, 0.025),
    "right_knee": (0.50, 0.72, -0.017, 0.224, 0.025),
    "left_ankle": (0.50, 0.76, 0.015, 0.510, 0.075),
    "right_ankle": (0.50, 0.76, -0.015, 0.510, 0.075),
    "left_big_toe": (0.51, 0.78, 0.011, 0.548, 0.076),
    "left_small_toe": (0.51, 0.78, 0.020, 0.552, 0.079),
    "left_heel": (0.50, 0.76, 0.015, 0.544, 0.082),
    "right_big_toe": (0.49, 0.78, -0.011, 0.548, 0.076),
    "right_small_toe": (0.49, 0.78, -0.020, 0.552, 0.079),
    "right_heel": (0.50, 0.76, -0.015, 0.544, 0.082),
    "mid_hip": (0.50, 0.67, 0.000, 0.000, 0.000),
    "pelvis": (0.50, 0.63, 0.000, -0.071, -0.007),
    "spine1": (0.50, 0.59, 0.000, -0.138, -0.019),
    "spine2": (0.50, 0.54, 0.000, -0.235, -0.036),
    "spine3": (0.50, 0.51, 0.000, -0.270, -0.042),
    "neck": (0.50, 0.40, 0.000, -0.417, -0.057),
    "head": (0.50, 0.34, 0.000, -0.488, -0.070),
    "head_top": (0.50, 0.25, 0.000, -0.602, -0.088),
    "chin": (0.50, 0.39, 0.000, -0.435, -0.068),
    "left_collar": (0.51, 0.44, 0.008, -0.368, -0.052),
    "right_collar": (0.49, 0.44, -0.008, -0.368, -0.052),
    "left_hand": (0.53, 0.58, 0.052, -0.127, -0.028),
    "right_hand": (0.47, 0.58, -0.052, -0.127, -0.028),
    "left_foot": (0.51, 0.77, 0.016, 0.544, 0.077),
    "right_foot": (0.49, 0.77, -0.016, 0.544, 0.077),
    "left_thumb_tip": (0.53, 0.58, 0.047, -0.129, -0.028),
    "left_index_knuckle": (0.53, 0.58, 0.051, -0.129, -0.028),
    "left_index_tip": (0.54, 0.59, 0.053, -0.115, -0.032),
    "left_middle_tip": (0.54, 0.59, 0.057, -0.109, -0.032),
    "left_ring_tip": (0.54, 0.60, 0.058, -0.108, -0.030),
    "left_pinky_knuckle": (0.54, 0.58, 0.054, -0.124, -0.028),
    "left_pinky_tip": (0.54, 0.59, 0.058, -0.112, -0.030),
    "right_thumb_tip": (0.47, 0.58, -0.047, -0.129, -0.028),
    "right_index_knuckle": (0.47, 0.58, -0.051, -0.129, -0.028),
    "right_index_tip": (0.46, 0.59, -0.053, -0.115, -0.032),
    "right_middle_tip": (0.46, 0.59, -0.057, -0.109, -0.032),
    "right_ring_tip": (0.46, 0.60, -0.058, -0.108, -0.030),
    "right_pinky_knuckle": (0.46, 0.58, -0.054, -0.124, -0.028),
    "right_pinky_tip": (0.46, 0.59, -0.058, -0.112, -0.030),
}


class Trivial:
    """Predicts the same for every frame; to be called like `predict.Predictor.stream`."""

    name = "trivial"
    trained = True

    def stream(
        self,
        frames: Iterable[UInt8[np.ndarray, "H W 3"]],
        tasks: str | Sequence[str] = "all",
        **_: object,
    ) -> Iterator[tuple[UInt8[np.ndarray, "t H W 3"], dict[str, np.ndarray]]]:
        """Each frame by itself, and what is said of it; other options of a window are ignored."""
        wanted = lookup(tasks)
        for frame in frames:
            height, width = frame.shape[:2]
            yield frame[None], {task: _value(task, height, width)[None] for task in wanted}


def _value(task: str, height: int, width: int) -> Float[np.ndarray, "..."]:
    pose = np.array([MEAN_POSE[name] for name in joints.NAMES], np.float32)
    match task:
        case "depth":
            return np.zeros((height, width), np.float32)
        case "normals":
            return np.tile(np.array([0, 0, 1], np.float32), (height, width, 1))
        case "matte":
            return np.ones((height, width), np.float32)
        case "densepose":
            return np.zeros((height, width, 3), np.float32)
        case "keypoints2d":
            size = np.array([width, height], np.float32)
            return np.concatenate([pose[:, :2] * size, np.ones((len(pose), 1), np.float32)], -1)
        case "keypoints3d":
            return pose[:, 2:]
    raise ValueError(f"no trivial prediction of {task!r}")

"""What the generator makes: a clip with the ground truth of every frame."""

import dataclasses
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Labels:
    """Ground truth at the centre of each pixel and the middle of the shutter's time.

    `T` frames of `H` x `W` pixels. Where instance is 0 the other maps are 0, but for alpha.

    Attributes:
      alpha: [T, H, W] float32 in [0, 1], share of the pixel that people and animals, with their
        hair, clothes and what they hold, cover; over the whole shutter's time. Whatever stands in
        front of them takes its share away.
      depth_m: [T, H, W] float32, z in the camera frame.
      normals: [T, H, W, 3] float32 unit vectors towards the camera in viewer axes (x right, y up,
        z towards the viewer), of the smooth surface without its material's relief.
      template: [T, H, W, 3] float32 canonical dense-pose position in metres: see
        `thfm_jax.tasks.densepose`. Clothes and hair show the point of the body beneath them.
      part: [T, H, W] uint8 of `parts.NAMES`.
      instance: [T, H, W] uint8; subjects count from 1, in the order of `keypoints2d`.
      valid: [T, H, W] bool, True where depth and normals are those of a solid surface: not in soft
        hair, where they are those of its hull, and not where instance is 0.
      posed: [T, H, W] bool, True where `template` has a meaning: on people, not on animals or on
        what is held.
    """

    alpha: np.ndarray
    depth_m: np.ndarray
    normals: np.ndarray
    template: np.ndarray
    part: np.ndarray
    instance: np.ndarray
    valid: np.ndarray
    posed: np.ndarray


@dataclasses.dataclass(frozen=True)
class SyntheticClip:
    """A rendered clip: `T` frames of `H` x `W` pixels with `P` subjects and `K` joints.

    Subject 0 is the main one: the largest person in the picture.

    Attributes:
      rgb: [T, H, W, 3] uint8 sRGB.
      labels: maps.
      keypoints2d: [P, T, K, 3] float32 (x_px, y_px, visibility 0 or 1), joints as in
        `thfm_jax.joints`; positions outside the image are kept.
      keypoints3d: [P, T, K, 3] float32 metres in the camera frame.
      keypoints_known: [P] bool, False for a subject without such joints: an animal.
      intrinsics: [T, 3, 3] float32 pixels.
      extrinsics: [T, 3, 4] float32 [R|t], world to camera, metres.
      fps: frames per second.
      meta: what made it, plain values for JSON: seed, index, split, generator and pack version,
        and one entry per subject.
    """

    rgb: np.ndarray
    labels: Labels
    keypoints2d: np.ndarray
    keypoints3d: np.ndarray
    keypoints_known: np.ndarray
    intrinsics: np.ndarray
    extrinsics: np.ndarray
    fps: float
    meta: dict[str, Any]

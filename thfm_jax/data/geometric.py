"""Crops, zooms, stretches and mirrors a clip, and all its labels with it.

What comes out is as true as what goes in: a joint of the camera frame that is projected with the
new intrinsics lies on its image point, a depth back-projects onto the surface, a normal stands on
it, and left and right are the person's own.
"""

import dataclasses

import numpy as np
from jaxtyping import Float

from thfm_jax import joints
from thfm_jax.data import resample
from thfm_jax.data.synthetic.clip import Labels, SyntheticClip

Windows = Float[np.ndarray, "T 4"]

# Reflects a camera frame, and with it the world.
_REFLECT = np.diag([-1.0, 1.0, 1.0])


def warp(
    clip: SyntheticClip,
    windows: Windows,
    size: tuple[int, int],
    flip: bool = False,
    fill: tuple[int, int, int] = (0, 0, 0),
    out: Labels | None = None,
) -> SyntheticClip:
    """The clip as seen through its windows.

    Args:
      clip: source of `T` frames.
      windows: (left, top, width, height) of each frame in source pixels. What lies outside the
        source has the colour `fill` and belongs to the background.
      size: (height, width) of the new frames.
      flip: whether to mirror them, and the world: left joints and parts become right ones.
      fill: sRGB 0-255.
      out: maps to write the new ones into, all 0; None makes some.

    Returns:
      The new clip, with intrinsics, extrinsics and keypoints to suit. Joints that leave the picture
      are no longer visible.
    """
    rgb = np.empty((len(clip.rgb), *size, 3), np.uint8)
    labels = out or empty_labels((len(clip.rgb),), size)
    colour = np.array(fill, np.uint8)
    for t, (left, top, width, height) in enumerate(windows):
        rows = resample.axis(top, height, clip.rgb.shape[1], size[0])
        columns = resample.axis(left, width, clip.rgb.shape[2], size[1], flip)
        resample.filter_picture(
            *(clip.rgb[t], clip.labels.alpha[t], rows, columns, colour, rgb[t], labels.alpha[t])
        )
        resample.sample(
            [getattr(clip.labels, name)[t] for name in resample.SAMPLED],
            *(rows, columns, clip.intrinsics[t, 0, 0], flip),
            [getattr(labels, name)[t] for name in resample.SAMPLED],
        )
    clip = dataclasses.replace(_look(clip, windows, size), rgb=rgb, labels=labels)
    return _hide_outside(_mirror(clip) if flip else clip)


def flipped(clip: SyntheticClip) -> SyntheticClip:
    """The clip in a mirror."""
    size = clip.rgb.shape[1], clip.rgb.shape[2]
    return warp(clip, whole(len(clip.rgb), size), size, flip=True)


def whole(frames: int, size: tuple[int, int]) -> Windows:
    """Windows that show all of each frame of (height, width) pixels."""
    return np.tile([0.0, 0.0, size[1], size[0]], (frames, 1))


def empty_labels(leading: tuple[int, ...], size: tuple[int, int]) -> Labels:
    """Labels of frames of (height, width) `size` that show nobody, with these leading axes."""
    shape = (*leading, *size)
    return Labels(
        alpha=np.zeros(shape, np.float32),
        depth_m=np.zeros(shape, np.float32),
        normals=np.zeros((*shape, 3), np.float32),
        template=np.zeros((*shape, 3), np.float32),
        part=np.zeros(shape, np.uint8),
        instance=np.zeros(shape, np.uint8),
        valid=np.zeros(shape, bool),
        posed=np.zeros(shape, bool),
    )


def _look(clip: SyntheticClip, windows: Windows, size: tuple[int, int]) -> SyntheticClip:
    """The clip with intrinsics and image points in pixels of the windows."""
    scale = np.array(size[::-1]) / windows[:, 2:]
    matrix = clip.intrinsics.astype(np.float64)
    matrix[:, :2, 2] -= windows[:, :2]
    matrix[:, :2] *= scale[..., None]
    points = clip.keypoints2d.astype(np.float64)
    points[..., :2] = (points[..., :2] - windows[:, None, :2]) * scale[:, None]
    return dataclasses.replace(
        clip, intrinsics=matrix.astype(np.float32), keypoints2d=points.astype(np.float32)
    )


def _mirror(clip: SyntheticClip) -> SyntheticClip:
    """The clip with cameras and keypoints mirrored; its maps are left as they are."""
    width = clip.rgb.shape[2]
    intrinsics, points = clip.intrinsics.copy(), clip.keypoints2d[:, :, joints.MIRROR]
    intrinsics[:, 0, 2] = width - intrinsics[:, 0, 2]
    points[..., 0] = width - points[..., 0]
    rotation, translation = clip.extrinsics[..., :3], clip.extrinsics[..., 3:]
    extrinsics = np.concatenate([_REFLECT @ rotation @ _REFLECT, _REFLECT @ translation], axis=-1)
    return dataclasses.replace(
        clip,
        intrinsics=intrinsics,
        extrinsics=extrinsics.astype(np.float32),
        keypoints2d=points,
        keypoints3d=clip.keypoints3d[:, :, joints.MIRROR] * np.array([-1, 1, 1], np.float32),
    )


def _hide_outside(clip: SyntheticClip) -> SyntheticClip:
    """The clip with no joint visible beyond the borders of the picture."""
    xy, limits = clip.keypoints2d[..., :2], (clip.rgb.shape[2], clip.rgb.shape[1])
    inside = np.all((xy >= 0) & (xy < limits), axis=-1)
    points = np.concatenate([xy, np.where(inside, clip.keypoints2d[..., 2], 0)[..., None]], -1)
    return dataclasses.replace(clip, keypoints2d=points)

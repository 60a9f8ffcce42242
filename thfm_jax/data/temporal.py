"""Which frames of a clip a training example shows: a part of it, faster or backwards."""

import dataclasses

import numpy as np

from thfm_jax.data.synthetic.clip import Labels, SyntheticClip


def choose(
    rng: np.random.Generator, available: int, wanted: int, max_stride: int, reverse: float
) -> slice:
    """`wanted` frames at equal distances out of those available, or all where they do not suffice.

    Args:
      rng: source of chance.
      available: how many frames there are.
      wanted: how many to choose.
      max_stride: the largest distance between two chosen frames.
      reverse: chance that time runs backwards.
    """
    largest = min((available - 1) // (wanted - 1), max_stride) if wanted > 1 else 1
    stride = int(rng.integers(1, max(largest, 1) + 1))
    span = min(stride * (wanted - 1) + 1, available)
    start = int(rng.integers(0, available - span + 1))
    if rng.random() < reverse:
        return slice(start + span - 1, start - 1 if start else None, -stride)
    return slice(start, start + span, stride)


def take(clip: SyntheticClip, frames: slice) -> SyntheticClip:
    """Those frames of the clip, in arrays that it shares; `fps` is left as it is."""
    maps = {f.name: getattr(clip.labels, f.name)[frames] for f in dataclasses.fields(Labels)}
    return dataclasses.replace(
        clip,
        rgb=clip.rgb[frames],
        labels=Labels(**maps),
        keypoints2d=clip.keypoints2d[:, frames],
        keypoints3d=clip.keypoints3d[:, frames],
        intrinsics=clip.intrinsics[frames],
        extrinsics=clip.extrinsics[frames],
    )

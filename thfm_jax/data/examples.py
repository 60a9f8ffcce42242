"""Makes a clip into a training example: arrays of a declared shape, in the units of the tasks.

An example is a dictionary of what `types.Batch` holds, without the batch axis, and `skipped`, the
number of damaged records in whose place it stands. It needs no JAX, since workers make it.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from absl import logging

from thfm_jax.data import augment
from thfm_jax.data.augment import AugmentConfig
from thfm_jax.data.datasets.container import RecordError
from thfm_jax.data.sources import Source
from thfm_jax.data.synthetic.clip import SyntheticClip

Example = dict[str, Any]
Pair = tuple[np.ndarray, np.ndarray]

# Soft hair has depth and normals of its hull. They are no background, but no surface either.
SOFT_WEIGHT = 0.1
# Joints are labelled in the image up to this share of its size beyond its borders.
BEYOND = 0.5


@dataclasses.dataclass(frozen=True)
class Shape:
    """What an example looks like: `frames` pictures of `height` x `width` pixels."""

    frames: int
    height: int
    width: int


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How clips become examples.

    Attributes:
      tasks: names of the targets.
      augment: how examples differ from their clips; None for not at all.
      seed: of everything random.
      skip_damaged: whether the next record takes the place of one that cannot be read.
    """

    tasks: tuple[str, ...]
    augment: AugmentConfig | None
    seed: int
    skip_damaged: bool


def make(
    source: Source, record: int, shape: Shape, recipe: Recipe, number: tuple[int, ...]
) -> Example:
    """The example that a record becomes, a pure function of the arguments.

    Args:
      source, record: what to read.
      shape: of the example. A clip with fewer frames is filled up with its last one, masked.
      recipe: how.
      number: of the example; no two have the same random numbers.

    Raises:
      RecordError: the record cannot be read, nor, where the recipe says skip, any other.
    """
    skipped = 0
    while True:
        rng = np.random.default_rng([recipe.seed, *number])
        try:
            clip = _read(rng, source, (record + skipped) % len(source), shape, recipe)
        except RecordError as error:
            skipped += 1
            if not recipe.skip_damaged or skipped == len(source):
                raise
            logging.warning("skipped: %s", error)
        else:
            return {**example(clip, shape.frames, recipe.tasks), "skipped": np.int32(skipped)}


def _read(
    rng: np.random.Generator, source: Source, index: int, shape: Shape, recipe: Recipe
) -> SyntheticClip:
    record, size = source[index], (shape.height, shape.width)
    if recipe.augment is None:
        return augment.fit(record.read(slice(0, shape.frames)), size)
    frames = augment.choose_frames(rng, record.frames, shape.frames, recipe.augment)
    clip = record.read(frames)
    clip = dataclasses.replace(clip, fps=clip.fps / abs(frames.step))
    return augment.augment(rng, clip, size, recipe.augment)


def example(clip: SyntheticClip, frames: int, tasks: tuple[str, ...]) -> Example:
    """The clip as `types.Clip` and `types.Target`s hold it, filled up to `frames` frames.

    Raises:
      KeyError: there is no target of that name.
    """
    recorded = np.arange(frames) < len(clip.rgb)
    targets = {}
    for task in tasks:
        value, mask = TARGETS[task](clip)
        targets[task] = {"value": _filled(value, frames), "mask": _blanked(mask, frames)}
    return {
        "clip": {
            "frames": _filled(clip.rgb, frames),
            "fps": np.float32(clip.fps),
            "frame_mask": recorded,
            "intrinsics": _filled(clip.intrinsics, frames),
        },
        "targets": targets,
    }


def blank(example: Example) -> Example:
    """The example with all its masks 0, so that it counts for nothing."""
    clip = {**example["clip"], "frame_mask": np.zeros_like(example["clip"]["frame_mask"])}
    targets = {
        task: {**target, "mask": np.zeros_like(target["mask"])}
        for task, target in example["targets"].items()
    }
    return {"clip": clip, "targets": targets, "skipped": np.int32(0)}


def _filled(array: np.ndarray, frames: int) -> np.ndarray:
    """The array with its last frame repeated."""
    missing = frames - len(array)
    return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)]) if missing else array


def _blanked(mask: np.ndarray, frames: int) -> np.ndarray:
    """The mask with frames of 0 at its end."""
    missing = np.zeros((frames - len(mask), *mask.shape[1:]), mask.dtype)
    return np.concatenate([mask, missing]) if len(missing) else mask


def _surface_weight(clip: SyntheticClip) -> np.ndarray:
    """1 on solid surfaces, `SOFT_WEIGHT` in soft hair, 0 on the background."""
    weight = np.where(clip.labels.instance > 0, np.float32(SOFT_WEIGHT), np.float32(0))
    weight[clip.labels.valid] = 1
    return weight


def _depth(clip: SyntheticClip) -> Pair:
    return clip.labels.depth_m[..., None], _surface_weight(clip)


def _normals(clip: SyntheticClip) -> Pair:
    return clip.labels.normals, _surface_weight(clip)


def _matte(clip: SyntheticClip) -> Pair:
    return clip.labels.alpha[..., None], np.ones(clip.labels.alpha.shape, bool)


def _densepose(clip: SyntheticClip) -> Pair:
    return clip.labels.template, clip.labels.posed


def _keypoints2d(clip: SyntheticClip) -> Pair:
    points = clip.keypoints2d[0]
    size = np.array([clip.rgb.shape[2], clip.rgb.shape[1]])
    near = np.all(np.abs(points[..., :2] / size - 0.5) <= 0.5 + BEYOND, axis=-1)
    before_camera = clip.keypoints3d[0, ..., 2] > 0
    return points, near & before_camera & _shows_main(clip)


def _keypoints3d(clip: SyntheticClip) -> Pair:
    points = clip.keypoints3d[0]
    return points, np.broadcast_to(_shows_main(clip), points.shape[:-1])


def _shows_main(clip: SyntheticClip) -> np.bool_:
    """Whether the main subject has joints, and is seen anywhere in the clip."""
    return clip.keypoints_known[0] & np.any(clip.labels.instance == 1)


TARGETS: dict[str, Callable[[SyntheticClip], Pair]] = {
    "depth": _depth,
    "normals": _normals,
    "matte": _matte,
    "densepose": _densepose,
    "keypoints2d": _keypoints2d,
    "keypoints3d": _keypoints3d,
}

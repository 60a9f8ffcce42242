"""Makes clips into batches: arrays of a declared shape, in the units of the tasks.

A batch is a dictionary of what `types.Batch` holds, and `skipped`: how many damaged records were
passed over for it. Maps are written where they stay, since to move them takes as long as to make
them. Nothing here needs JAX: workers make batches.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from absl import logging
from jaxtyping import Bool, Float, Shaped, UInt8

from thfm_jax import joints
from thfm_jax.data import augment, geometric
from thfm_jax.data.augment import AugmentConfig
from thfm_jax.data.datasets.container import RecordError
from thfm_jax.data.sources import Record, Records
from thfm_jax.data.synthetic.clip import Labels, SyntheticClip

T = TypeVar("T")
Pair = tuple[Shaped[np.ndarray, "B T *S"], Shaped[np.ndarray, "B T *R"]]

# Soft hair has depth and normals of its hull. They are no background, but no surface either.
SOFT_WEIGHT = 0.1
# Joints are labelled in the image up to this share of its size beyond its borders.
BEYOND = 0.5


@dataclasses.dataclass(frozen=True)
class Shape:
    """What a clip of a batch looks like: `frames` pictures of `height` x `width` pixels."""

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


class Draw(NamedTuple):
    """A record that is to become an example.

    Attributes:
      number: of the example in its series; -1 leaves its place in the batch empty.
      source, record: what to read.
    """

    number: int
    source: Records[Any]
    record: int


@dataclasses.dataclass(frozen=True)
class Stack:
    """Clips of one shape, in arrays of their own: what of `SyntheticClip` targets are made of.

    Attributes:
      rgb: [B, T, H, W, 3] uint8.
      labels: maps [B, T, H, W, ...].
      keypoints2d, keypoints3d: [B, T, K, 3] float32 of the main subjects.
      known: [B] bool, whether these have joints.
      intrinsics: [B, T, 3, 3] float32.
      fps: [B] float32.
      recorded: [B, T] bool, False where a frame only fills the clip up.
    """

    rgb: UInt8[np.ndarray, "B T H W 3"]
    labels: Labels
    keypoints2d: Float[np.ndarray, "B T K 3"]
    keypoints3d: Float[np.ndarray, "B T K 3"]
    known: Bool[np.ndarray, "B"]
    intrinsics: Float[np.ndarray, "B T 3 3"]
    fps: Float[np.ndarray, "B"]
    recorded: Bool[np.ndarray, "B T"]

    @classmethod
    def empty(cls, clips: int, shape: Shape) -> "Stack":
        """Black pictures of nobody, not recorded."""
        leading, size = (clips, shape.frames), (shape.height, shape.width)
        return cls(
            rgb=np.zeros((*leading, *size, 3), np.uint8),
            labels=geometric.empty_labels(leading, size),
            keypoints2d=np.zeros((*leading, len(joints.JOINTS), 3), np.float32),
            keypoints3d=np.zeros((*leading, len(joints.JOINTS), 3), np.float32),
            known=np.zeros(clips, bool),
            intrinsics=np.tile(np.eye(3, dtype=np.float32), (*leading, 1, 1)),
            fps=np.ones(clips, np.float32),
            recorded=np.zeros(leading, bool),
        )

    @functools.cached_property
    def solidity(self) -> Float[np.ndarray, "B T H W"]:
        """1 on solid surfaces, `SOFT_WEIGHT` in soft hair, 0 on the background; read-only."""
        table = np.array([0, SOFT_WEIGHT, 1], np.float32)
        weight = table[(self.labels.instance > 0).view(np.uint8) + self.labels.valid]
        weight.flags.writeable = False
        return weight

    def maps(self, place: int, frames: int) -> Labels:
        """Where the labels of the first frames of a clip belong."""
        return Labels(**{name: array[place, :frames] for name, array in vars(self.labels).items()})

    def put(self, place: int, clip: SyntheticClip) -> None:
        """Fills in a clip whose labels are in their place, and repeats its last frame."""
        frames = len(clip.rgb)
        for whole, own in (
            (self.rgb, clip.rgb),
            (self.keypoints2d, clip.keypoints2d[0]),
            (self.keypoints3d, clip.keypoints3d[0]),
            (self.intrinsics, clip.intrinsics),
        ):
            whole[place, :frames], whole[place, frames:] = own, own[-1]
        self.known[place], self.fps[place] = clip.keypoints_known[0], clip.fps
        self.recorded[place, :frames] = True


def make(shape: Shape, recipe: Recipe, stream: int, draws: Sequence[Draw]) -> dict[str, Any]:
    """The batch of these records: a pure function of the arguments.

    Args:
      shape: of its clips. One with fewer frames is filled up with its last one, which is masked.
      recipe: how.
      stream: the series that the draws' numbers belong to.
      draws: what to read; an empty place has masks of 0 throughout.

    Raises:
      RecordError: a record cannot be read, nor, where the recipe says skip, any of its source.
    """
    stack, skipped = Stack.empty(len(draws), shape), 0
    for place, draw in enumerate(draws):
        if draw.number >= 0:
            skipped += _fill(stack, place, draw, recipe, stream)
    clip = {
        "frames": stack.rgb,
        "fps": stack.fps,
        "frame_mask": stack.recorded,
        "intrinsics": stack.intrinsics,
    }
    targets = {}
    for task in recipe.tasks:
        value, mask = TARGETS[task](stack)
        targets[task] = {"value": value, "mask": mask}
    return {"clip": clip, "targets": targets, "skipped": np.int64(skipped)}


def _fill(stack: Stack, place: int, draw: Draw, recipe: Recipe, stream: int) -> int:
    """Puts an example into its place; returns how many damaged records it stands for."""
    frames, size = stack.rgb.shape[1], stack.rgb.shape[2:4]

    def read(record: Record) -> SyntheticClip:
        rng = np.random.default_rng([recipe.seed, stream, draw.number])
        if recipe.augment is None:
            clip = record.read(slice(0, frames))
            return augment.fit(clip, size, stack.maps(place, len(clip.rgb)))
        chosen = augment.choose_frames(rng, record.frames, frames, recipe.augment)
        clip = record.read(chosen)
        clip = dataclasses.replace(clip, fps=clip.fps / abs(chosen.step))
        return augment.augment(rng, clip, size, recipe.augment, stack.maps(place, len(clip.rgb)))

    clip, skipped = first_whole(draw, recipe.skip_damaged, read)
    stack.put(place, clip)
    return skipped


def first_whole(draw: Draw, skip_damaged: bool, read: Callable[[Any], T]) -> tuple[T, int]:
    """(what `read` makes of a record, damaged records before it).

    The record is the one drawn or, with `skip_damaged`, the next of its source that is whole.
    """
    for skipped in range(len(draw.source)):
        try:
            return read(draw.source[(draw.record + skipped) % len(draw.source)]), skipped
        except RecordError as error:
            if not skip_damaged:
                raise
            logging.warning("skipped: %s", error)
    raise RecordError(f"all {len(draw.source)} records of {draw.source.name} are damaged")


def _depth(stack: Stack) -> Pair:
    return stack.labels.depth_m[..., None], stack.solidity


def _normals(stack: Stack) -> Pair:
    return stack.labels.normals, stack.solidity


def _matte(stack: Stack) -> Pair:
    alpha = stack.labels.alpha
    return alpha[..., None], np.broadcast_to(stack.recorded[..., None, None], alpha.shape).copy()


def _densepose(stack: Stack) -> Pair:
    return stack.labels.template, stack.labels.posed


def _keypoints2d(stack: Stack) -> Pair:
    size = np.array(stack.rgb.shape[3:1:-1])
    near = np.all(np.abs(stack.keypoints2d[..., :2] / size - 0.5) <= 0.5 + BEYOND, axis=-1)
    before_camera = stack.keypoints3d[..., 2] > 0
    return stack.keypoints2d, near & before_camera & _shows_main(stack)


def _keypoints3d(stack: Stack) -> Pair:
    labelled = _shows_main(stack)
    return stack.keypoints3d, np.repeat(labelled, stack.keypoints3d.shape[2], axis=2)


def _shows_main(stack: Stack) -> Bool[np.ndarray, "B T 1"]:
    """Recorded frames of clips whose main subject has joints, and is seen anywhere in the clip."""
    seen = np.any(stack.labels.instance == 1, axis=(1, 2, 3))
    return (stack.recorded & (stack.known & seen)[:, None])[..., None]


TARGETS: dict[str, Callable[[Stack], Pair]] = {
    "depth": _depth,
    "normals": _normals,
    "matte": _matte,
    "densepose": _densepose,
    "keypoints2d": _keypoints2d,
    "keypoints3d": _keypoints3d,
}

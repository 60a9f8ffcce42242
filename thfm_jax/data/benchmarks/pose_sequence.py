"""What the sets of 3-D poses share: a person in pictures that lie one by one in a folder."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, UInt8

from thfm_jax.data.benchmarks.files import rgb
from thfm_jax.data.benchmarks.persons import check_in_front, check_metres
from thfm_jax.data.benchmarks.sequence import BenchmarkError
from thfm_jax.types import Target

Points = Float[np.ndarray, "T K 3"]

_BLOCK = 32  # frames whose boxes are made at a time


@dataclasses.dataclass(frozen=True, eq=False)
class PoseSequence:
    """A `Sequence` of one person; labels are made when they are first asked for.

    Attributes:
      name, groups, height, width, fps: see `Sequence`.
      files: the pictures, one per frame.
      scored: [T] frames that are scored; the others have no person, or none that can be seen.
      label: () -> [T, K, 3] joints in metres along the camera's axes.
      label_file: the file, or the folder, that they come from, for messages.
      box: frames -> [t, 4] box round the person, (x0, y0, x1, y1) in pixels of the picture.
      rooted: whether the joints are relative to one of them, or to the world, not to the camera.
    """

    name: str
    groups: Mapping[str, str]
    height: int
    width: int
    fps: float
    files: tuple[Path, ...]
    scored: Bool[np.ndarray, "T"]
    label: Callable[[], Points]
    label_file: Path
    box: Callable[[slice], Float[np.ndarray, "t 4"]]
    rooted: bool = False

    def __post_init__(self):
        if len(self.files) != len(self.scored):
            raise BenchmarkError(
                f"{self.label_file}: labels of {len(self.scored)} frames, "
                f"but {self.files[0].parent if self.files else 'the set'} has {len(self.files)}"
            )

    @property
    def frames(self) -> int:
        return len(self.files)

    @functools.cached_property
    def joints(self) -> Points:
        """The labels, checked."""
        joints = self.label()
        what = f"{self.label_file}: joints of {self.name}"
        check_metres(joints[self.scored], what)
        if not self.rooted:
            check_in_front(joints[self.scored], what)
        return joints

    def pictures(self, frames: slice) -> UInt8[np.ndarray, "t H W 3"]:
        files = self.files[frames]
        pictures = np.empty((len(files), self.height, self.width, 3), np.uint8)
        for picture, file in zip(pictures, files, strict=True):
            found = rgb(file)
            if found.shape != picture.shape:
                raise BenchmarkError(
                    f"{file}: expected a picture {self.width} wide and {self.height} high, as "
                    f"others of {self.name}, got {found.shape[1]} by {found.shape[0]}"
                )
            picture[:] = found
        return pictures

    def truth(self, frames: slice) -> dict[str, Target]:
        joints = self.joints[frames].astype(np.float32)
        mask = np.broadcast_to(self.scored[frames, None], joints.shape[:2])
        labels: Any = (joints, mask)  # NumPy, which a Target of the loader also holds
        return {"keypoints3d": Target(*labels)}

    def boxes(self, frames: slice) -> Float[np.ndarray, "t 4"]:
        """Tight boxes round the person, (x0, y0, x1, y1) in pixels; NaN in frames without one."""
        start, stop, _ = frames.indices(self.frames)
        # Some are round all vertices of a body, which take too much memory for many frames.
        blocks = [self.box(slice(at, min(at + _BLOCK, stop))) for at in range(start, stop, _BLOCK)]
        boxes = np.concatenate([np.zeros((0, 4)), *blocks])
        return np.where(self.scored[start:stop, None], boxes, np.nan)


def numbered_pictures(folder: Path, names: list[str], label_file: Path) -> tuple[Path, ...]:
    """The pictures of these names; `BenchmarkError` where the folder has others, or lacks some."""
    there = {path.name for path in folder.glob("*") if path.suffix.lower() in _SUFFIXES}
    for difference, word in (
        (sorted(set(names) - there), "lacks"),
        (sorted(there - set(names)), "has, but should not,"),
    ):
        if difference:
            raise BenchmarkError(
                f"{folder}: {word} {len(difference)} pictures, {difference[0]} the first; "
                f"{label_file} has labels of {len(names)} frames"
            )
    return tuple(folder / name for name in names)


_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")


def to_camera(points: Points, extrinsics: Float[np.ndarray, "#T 4 4"]) -> Points:
    """World points along the camera's axes; `extrinsics` take the world to the camera."""
    return points @ extrinsics[:, :3, :3].mT + extrinsics[:, None, :3, 3]


def box_round(points: Points, intrinsics: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "T 4"]:
    """Boxes (x0, y0, x1, y1) in pixels round points in front of the camera."""
    image = points @ intrinsics.T
    xy = image[..., :2] / image[..., 2:]
    return np.concatenate([xy.min(axis=1), xy.max(axis=1)], axis=-1)


def check_shape(value: object, shape: tuple[int, ...], what: str) -> np.ndarray:
    """The value as float64 of that shape; `BenchmarkError` for another shape or no numbers."""
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError) as error:
        raise BenchmarkError(f"{what}: expected numbers: {error}") from error
    if array.shape != shape:
        raise BenchmarkError(f"{what}: expected the shape {shape}, got {array.shape}")
    return array


def check_names(sequences: list[PoseSequence]) -> None:
    """Raises BenchmarkError for a name that stands twice."""
    seen: dict[str, PoseSequence] = {}
    for sequence in sequences:
        if seen.setdefault(sequence.name, sequence) is not sequence:
            raise BenchmarkError(
                f"{sequence.label_file}: the sequence {sequence.name} is also in "
                f"{seen[sequence.name].label_file}"
            )


def check_count(root: Path, found: list[str], expected: int, what: str) -> None:
    """Raises BenchmarkError unless so many were found; 0 takes what is there, but not nothing."""
    if not found or (expected and len(found) != expected):
        raise BenchmarkError(
            f"{root}: expected {expected or 'the'} {what}, found {len(found)} "
            f"({', '.join(sorted(found)) or 'none'}); the option sequences=0 takes what is there"
        )

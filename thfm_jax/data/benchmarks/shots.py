"""A `Sequence` whose frames are files of their own: stills, views of a rig, frames of a video."""

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import jax
import numpy as np
from jaxtyping import Bool, Float, UInt8

from thfm_jax.data.benchmarks.sequence import BenchmarkError
from thfm_jax.types import Target

# The key of `truth` under which stands what a set calls foreground, whether or not it has labels
# there: [t, H, W, 1], 1 or 0; it is no task's.
FOREGROUND = "foreground"
# task, or that key -> (value, where it is known)
Labels = dict[str, tuple[Float[np.ndarray, "H W C"], Bool[np.ndarray, "H W"]]]


def foreground(inside: Bool[np.ndarray, "H W"]) -> Labels:
    """What stands under `FOREGROUND`."""
    return {FOREGROUND: (inside[..., None].astype(np.float32), np.ones_like(inside))}


class Frame(Protocol):
    """One picture and its labels, read when they are asked for."""

    @property
    def file(self) -> Path:
        """What the frame is called in messages."""
        ...

    def size(self) -> tuple[int, int]:
        """Height and width, without decoding the picture."""
        ...

    def picture(self) -> UInt8[np.ndarray, "H W 3"]: ...

    def labels(self) -> Labels: ...


@dataclasses.dataclass(frozen=True)
class Shot:
    """Frames of one size, in order; a `Sequence`.

    Attributes:
      name, groups, fps: see `Sequence`.
      shown: the frames.
    """

    name: str
    shown: tuple[Frame, ...]
    groups: Mapping[str, str] = dataclasses.field(default_factory=dict)
    fps: float = 0.0

    @property
    def frames(self) -> int:
        return len(self.shown)

    @property
    def height(self) -> int:
        return self._size[0]

    @property
    def width(self) -> int:
        return self._size[1]

    @functools.cached_property
    def _size(self) -> tuple[int, int]:
        return self.shown[0].size()

    def pictures(self, frames: slice) -> UInt8[np.ndarray, "t H W 3"]:
        pictures = [frame.picture() for frame in self.shown[frames]]
        for frame, picture in zip(self.shown[frames], pictures, strict=True):
            self._check(frame, "the picture", picture)
        return np.stack(pictures)

    def truth(self, frames: slice) -> dict[str, Target]:
        labels = [frame.labels() for frame in self.shown[frames]]
        for frame, found in zip(self.shown[frames], labels, strict=True):
            for task, (value, _) in found.items():
                self._check(frame, f"its label of {task}", value)
        stacked = jax.tree.map(lambda *parts: np.stack(parts), *labels)
        return {task: Target(*parts) for task, parts in stacked.items()}

    def _check(self, frame: Frame, what: str, values: np.ndarray) -> None:
        if values.shape[:2] != self._size:
            raise BenchmarkError(
                f"{frame.file}: {what} is of {_by(values.shape)} pixels, "
                f"but {self.name} of {_by(self._size)}"
            )


def _by(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} x {shape[1]}"

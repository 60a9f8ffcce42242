"""Squares about a person, cut out of frames, and what is predicted in them put back.

A benchmark with a person's box in every frame is scored on what a detector would hand over. Squares
have whole pixels, so that cutting and putting back move nothing.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from jaxtyping import Float, Int, UInt8

from thfm_jax.data.crop_map import Box, cut, place
from thfm_jax.tasks import TASKS
from thfm_jax.tasks.densepose import BACKGROUND, BOX_M


@dataclasses.dataclass(frozen=True)
class Crops:
    """One square for each frame of a sequence.

    Attributes:
      corners: [T, 2] (left, top) in pixels of the frame; may lie outside it.
      sides: [T] in pixels.
      size: (height, width) of the frames.
      shown: side in pixels at which all squares are shown.
    """

    corners: Int[np.ndarray, "T 2"]
    sides: Int[np.ndarray, "T"]
    size: tuple[int, int]
    shown: int

    @classmethod
    def about(
        cls, boxes: Float[np.ndarray, "T 4"], margin: float, size: tuple[int, int]
    ) -> "Crops":
        """Squares about boxes (left, top, right, bottom) in pixels, `margin` times as large.

        Where a box is not finite the frame has nobody to score, and the nearest one's is taken.
        """
        boxes = np.asarray(boxes, np.float64)
        known = np.flatnonzero(np.isfinite(boxes).all(axis=-1))
        if not known.size:
            boxes, known = np.tile([0, 0, size[1], size[0]], (len(boxes), 1)), np.arange(len(boxes))
        nearest = np.abs(np.arange(len(boxes))[:, None] - known).argmin(axis=1)
        boxes = boxes[known[nearest]]
        low, high = boxes[:, :2], boxes[:, 2:]
        sides = np.maximum(np.rint(margin * np.max(high - low, axis=1)), 16).astype(int)
        corners = np.rint((low + high) / 2 - sides[:, None] / 2).astype(int)
        return cls(corners, sides, size, int(np.median(sides)))

    def cut(
        self, frames: Iterable[UInt8[np.ndarray, "H W 3"]]
    ) -> Iterator[UInt8[np.ndarray, "s s 3"]]:
        """The squares of successive frames, all at one size; black outside the frame."""
        for frame, box in zip(frames, self._boxes(), strict=False):
            yield cut(frame, box, (self.shown, self.shown))

    def paste(self, values: Mapping[str, np.ndarray], start: int) -> dict[str, np.ndarray]:
        """Predictions of the squares of frames from `start` on as predictions of the frames.

        Outside the square depth is the farthest in it, dense pose says background, all else is 0.
        Joints in space stay as they are: relative to the root, along the axes of a camera that
        looks at the square's middle.
        """
        boxes = self._boxes()[start:]
        return {
            task: np.stack(
                [self._paste(task, x, box) for x, box in zip(value, boxes, strict=False)]
            )
            for task, value in values.items()
        }

    def _boxes(self) -> list[Box]:
        return [tuple(box) for box in np.hstack([self.corners, self.corners + self.sides[:, None]])]

    def _paste(self, task: str, value: np.ndarray, box: Box) -> np.ndarray:
        if task == "keypoints2d":
            scale = (box[2] - box[0]) / self.shown
            return (value * [scale, scale, 1] + [*box[:2], 0]).astype(np.float32)
        if TASKS[task].kind == "sparse":
            return value
        channels = value.reshape(*value.shape[:2], -1)
        whole = np.empty((*self.size, channels.shape[-1]), np.float32)
        for channel in range(channels.shape[-1]):
            layer = channels[..., channel]
            fill = {"depth": float(layer.max()), "densepose": BACKGROUND * BOX_M}.get(task, 0.0)
            whole[..., channel] = place(layer, box, self.size, fill)
        return whole.reshape(*self.size, *value.shape[2:])

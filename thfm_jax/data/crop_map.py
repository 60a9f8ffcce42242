"""Rectangles of frames, shown at a size that the model accepts, and the exact way back.

Pixel centres are at +0.5: a point (x, y) of the source lies at ((x, y) - corner) * scale in what
is shown. Corners are real numbers, so that a rectangle can move by less than a pixel.
"""

import dataclasses
import math

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels of the frame


@dataclasses.dataclass(frozen=True)
class CropMap:
    """How rectangles of source frames, all of one size, lie in the frames that the model sees.

    Attributes:
      source: (height, width) of the source in pixels.
      corners: [T, 2] left and top of the rectangle in each frame, in source pixels.
      scale: shown pixels per source pixel.
      size: (height, width) of what is shown.
    """

    source: tuple[int, int]
    corners: Float[np.ndarray, "T 2"]
    scale: float
    size: tuple[int, int]

    @property
    def extent(self) -> Float[np.ndarray, "2"]:
        """Width and height of the rectangles in source pixels."""
        return np.array(self.size[::-1]) / self.scale

    def boxes(self) -> list[Box]:
        """The rectangle in each frame."""
        return [tuple(box) for box in np.hstack([self.corners, self.corners + self.extent])]

    def fit_frames(self, frames: UInt8[np.ndarray, "T H W 3"]) -> UInt8[np.ndarray, "T h w 3"]:
        """The rectangles of source frames as the model sees them (bicubic)."""
        pairs = zip(frames, self.boxes(), strict=True)
        return np.stack([cut(frame, box, self.size) for frame, box in pairs])

    def fit_points(self, xy: Float[np.ndarray, "T K 2"]) -> Float[np.ndarray, "T K 2"]:
        """Source pixels (x, y) in pixels of what is shown."""
        return (xy - self.corners[:, None]) * self.scale

    def restore_points(self, xy: Float[np.ndarray, "T K 2"]) -> Float[np.ndarray, "T K 2"]:
        """Pixels (x, y) of what is shown in source pixels; the inverse of `fit_points`."""
        return xy / self.scale + self.corners[:, None]

    def restore_maps(
        self, maps: Float[np.ndarray, "T h w *C"], outside: float
    ) -> Float[np.ndarray, "T H W *C"]:
        """Dense maps of what is shown as float32 maps of the source; see `place`."""
        flat = maps.reshape(*maps.shape[:3], -1)
        restored = np.empty((len(maps), *self.source, flat.shape[-1]), np.float32)
        for frame, box in enumerate(self.boxes()):
            for channel in range(flat.shape[-1]):
                layer = place(flat[frame, ..., channel], box, self.source, outside)
                restored[frame, ..., channel] = layer
        return restored.reshape(len(maps), *self.source, *maps.shape[3:])


def cut(
    frame: UInt8[np.ndarray, "H W 3"], box: Box, size: tuple[int, int]
) -> UInt8[np.ndarray, "h w 3"]:
    """A rectangle of a frame at (height, width) `size` (bicubic); black outside the frame."""
    left, top, right, bottom = box
    x, y = math.floor(left), math.floor(top)
    part = Image.fromarray(frame).crop((x, y, math.ceil(right), math.ceil(bottom)))
    inner = left - x, top - y, right - x, bottom - y
    return np.asarray(part.resize(size[::-1], Image.Resampling.BICUBIC, box=inner))


def place(
    layer: Float[np.ndarray, "h w"], box: Box, source: tuple[int, int], outside: float
) -> Float[np.ndarray, "H W"]:
    """A map that shows a rectangle of a frame as a float32 map of the frame.

    Its values are taken as samples at pixel centres and interpolated (bilinear) at the frame's, so
    what is linear in position comes back exactly, but for half a pixel along the map's border.

    Args:
      layer: the map, without NaN.
      box: the rectangle; it may reach beyond the frame.
      source: (height, width) of the frame.
      outside: value of the pixels whose centres lie outside the rectangle.
    """
    low, high = np.array(box[:2]), np.array(box[2:])
    first = np.clip(np.ceil(low - 0.5), 0, source[::-1]).astype(int)
    last = np.clip(np.ceil(high - 0.5), first, source[::-1]).astype(int)
    placed = np.full(source, outside, np.float32)
    if (first < last).all():
        x_scale, y_scale = np.array(layer.shape[::-1]) / (high - low)
        x, y = (first - low) * (x_scale, y_scale)
        part = Image.fromarray(layer.astype(np.float32)).transform(
            tuple(last - first),
            Image.Transform.AFFINE,
            (x_scale, 0, x, 0, y_scale, y),
            Image.Resampling.BILINEAR,
            fillcolor=outside,
        )
        placed[first[1] : last[1], first[0] : last[0]] = np.asarray(part)
    return placed

"""Fits frames to a size and length that the model accepts, and maps what it predicts back.

Pixel centres are at +0.5: a point (x, y) of the source lies at (x * scale_x, y * scale_y) in the
fitted frame, with no offset, and the resampler (Pillow's, which widens its filter where it shrinks
and so does not alias) keeps to the same convention.
"""

import dataclasses
import math

import numpy as np
from jaxtyping import Bool, Float, Shaped, UInt8
from PIL import Image

AREA = 480 * 832  # pixels at which Wan2.1-T2V-1.3B was trained


@dataclasses.dataclass(frozen=True)
class FitMap:
    """How source frames lie in the frames that the model sees: scaled, then padded on two sides.

    Attributes:
      source: (height, width) of the source in pixels.
      content: (height, width) of the scaled source, at the top left of the fitted frame.
      size: (height, width) of the fitted frame; beyond `content` it repeats the last row, column.
    """

    source: tuple[int, int]
    content: tuple[int, int]
    size: tuple[int, int]

    @property
    def scale_xy(self) -> Float[np.ndarray, "2"]:
        """Fitted pixels per source pixel, along x and y."""
        return np.array(self.content[::-1]) / np.array(self.source[::-1])

    def fit_frames(self, frames: UInt8[np.ndarray, "T H W 3"]) -> UInt8[np.ndarray, "T h w 3"]:
        """Source frames [T, H, W, 3] uint8 as the model sees them (bicubic)."""
        height, width = self.content
        pad = [(0, 0), (0, self.size[0] - height), (0, self.size[1] - width), (0, 0)]
        scaled = np.empty((len(frames), height, width, 3), np.uint8)
        for index, frame in enumerate(frames):
            image = Image.fromarray(frame)
            scaled[index] = np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))
        return np.pad(scaled, pad, mode="edge")

    def fit_points(self, xy: Float[np.ndarray, "*K 2"]) -> Float[np.ndarray, "*K 2"]:
        """Source pixels (x, y) in pixels of the fitted frame."""
        return xy * self.scale_xy

    def fit_intrinsics(self, matrix: Float[np.ndarray, "*T 3 3"]) -> Float[np.ndarray, "*T 3 3"]:
        """Camera matrices of the source, in pixels, as those of the fitted frames."""
        return np.append(self.scale_xy, 1.0)[:, None] * matrix

    def restore_points(self, xy: Float[np.ndarray, "*K 2"]) -> Float[np.ndarray, "*K 2"]:
        """Fitted pixels (x, y) in pixels of the source; the inverse of `fit_points`."""
        return xy / self.scale_xy

    def restore_maps(self, maps: Float[np.ndarray, "T h w *C"]) -> Float[np.ndarray, "T H W *C"]:
        """Dense maps of the fitted frames as float32 maps of the source (bilinear).

        NaN marks pixels without a value: it does not bleed into its neighbours, and a restored
        pixel is NaN where the greater part of what it stands for is. Unit vectors come back shorter
        than one where they change; their task normalises them.
        """
        height, width = self.content
        channels = math.prod(maps.shape[3:])
        flat = maps[:, :height, :width].reshape(len(maps), height, width, channels)
        restored = np.empty((len(maps), *self.source, channels), np.float32)
        for frame, channel in np.ndindex(len(maps), channels):
            restored[frame, ..., channel] = _resize_nan(flat[frame, ..., channel], self.source)
        return restored.reshape(len(maps), *self.source, *maps.shape[3:])


def fit_map(height: int, width: int, multiple: int = 16, area: int = AREA) -> FitMap:
    """The map of a source of this size to one of about `area` pixels that the model accepts.

    The longer side goes to the nearest multiple of `multiple`, the shorter one follows the aspect
    ratio to within half a pixel and is padded to the next multiple.

    Raises:
      ValueError: a size or area that is not positive.
    """
    if min(height, width, multiple, area) < 1:
        raise ValueError(
            f"expected a positive size, multiple and area, got {height}x{width}, {multiple}, {area}"
        )
    longer = max(height, width)
    wanted = longer * math.sqrt(area / (height * width))
    scale = max(round(wanted / multiple), 1) * multiple / longer
    content = max(round(height * scale), 1), max(round(width * scale), 1)
    padded = [-(-side // multiple) * multiple for side in content]
    return FitMap(source=(height, width), content=content, size=(padded[0], padded[1]))


def fit(
    frames: UInt8[np.ndarray, "T H W 3"], multiple: int = 16, area: int = AREA
) -> tuple[UInt8[np.ndarray, "T h w 3"], FitMap]:
    """Frames at a size that the model accepts, see `fit_map`, and the way back."""
    mapping = fit_map(frames.shape[1], frames.shape[2], multiple, area)
    return mapping.fit_frames(frames), mapping


def pad_frames(
    frames: Shaped[np.ndarray, "T *S"], stride: int = 4
) -> tuple[Shaped[np.ndarray, "t *S"], Bool[np.ndarray, "t"]]:
    """Frames padded to `stride * n + 1` by repeating the last, and a mask that is False there."""
    padding = -(len(frames) - 1) % stride
    mask = np.arange(len(frames) + padding) < len(frames)
    return np.concatenate([frames, np.repeat(frames[-1:], padding, axis=0)]), mask


def _resize_nan(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """[h, w] resized to `size`, averaging over the pixels that are not NaN."""
    valid = ~np.isnan(image)
    if valid.all():
        return _resize(image, size)
    weight = _resize(valid, size)
    total = _resize(np.where(valid, image, 0), size)
    return np.divide(total, weight, out=np.full(size, np.nan, np.float32), where=weight > 0.5)


def _resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    channel = Image.fromarray(image.astype(np.float32))
    return np.asarray(channel.resize(size[::-1], Image.Resampling.BILINEAR))

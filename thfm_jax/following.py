"""Finds the people of a window, and a rectangle that follows them for the model to look closer.

matte and joints of the whole frames -> people's box in each frame -> a steady rectangle -> what the
model sees there, from which the rectangle is set once more

The rectangle has the shape of the fitted frame, for which the program is compiled already, or is a
square, whichever shows people larger; within a window it keeps its size and moves smoothly.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from thfm_jax.data.crop_map import CropMap
from thfm_jax.data.transforms import FitMap
from thfm_jax.ops.smoothing import whittaker

TASKS = ("matte", "keypoints2d")  # what finds people

# The rectangle.
MARGIN = 1.4  # its extent, in that of the people in it ...
LEAST = 1.1  # ... or no less than this where the frame ends
WORTH = 0.6  # a larger share of the frame than this is not worth the lost surroundings
MAX_SCALE = 4.0  # shown pixels per source pixel: beyond, there is nothing more to see
ROUNDS = 2  # times that it is set
SETTLED = 0.6  # intersection over union with the one before: as much is the same
STIFFNESS = 200.0  # of its path against bending: sways of 24 frames are damped by half
TENSION = 0.1  # of its path against moving: leads it through frames where nobody is seen

# Who counts: each is connected in space and time.
REACH_PX = 2  # parts of the matte up to twice this far apart are one
SPECK_PX = 16.0  # in the frames that the model sees; someone smaller is not believed
FEWEST_FRAMES = 3  # nor someone who is seen in fewer, unless nobody is seen in more
SUBJECT = 0.1  # nor is someone followed who covers less than this share of the largest's area
CONFIDENT = 0.5  # joints that count as well ...
NEAR = 0.25  # ... if they lie no farther from the box than this share of its sides

View = FitMap | CropMap
Values = dict[str, np.ndarray]


def find(whole: FitMap, square: int, look: Callable[[View], Values]) -> tuple[View, Values]:
    """What the model should see of a window, and what it predicts there of `TASKS`.

    Args:
      whole: the whole frames, which are returned where nothing else is worth it.
      square: side of the squares that the model accepts, of about as many pixels.
      look: gives the matte [T, h, w] and keypoints2d [T, K, 3] of a view, in its pixels.
    """
    view: View = whole
    seen = look(view)
    for _ in range(ROUNDS):
        boxes = people(seen["matte"], seen["keypoints2d"])
        closer = around(_in_source(boxes, view), whole, square) or whole
        if _shared(view, closer, len(boxes)) >= SETTLED:
            break
        view, seen = closer, look(closer)
    return view, seen


def people(
    matte: Float[np.ndarray, "T h w"], keypoints: Float[np.ndarray, "T K 3"]
) -> Float[np.ndarray, "T 4"]:
    """The box (left, top, right, bottom) in pixels round all people of each frame; NaN for none.

    Where one of them is clearly the subject, being ten times as large as others (`SUBJECT`), those
    do not count; nor do specks, and what flashes up for a frame or two. Someone too fast to be
    connected from frame to frame counts if nobody lasts.

    Args:
      matte: alpha in [0, 1].
      keypoints: x, y in the matte's pixels, and confidence; those near the box extend it.
    """
    low, high = _extents(_counting(matte > 0.5))
    reach = NEAR * (high - low)
    xy = keypoints[..., :2]
    near = (xy >= (low - reach)[:, None]) & (xy <= (high + reach)[:, None])
    counts = (near.all(axis=-1) & (keypoints[..., 2] > CONFIDENT))[..., None]
    low = np.minimum(low, np.min(xy, axis=1, where=counts, initial=np.inf))
    high = np.maximum(high, np.max(xy, axis=1, where=counts, initial=-np.inf))
    return np.concatenate([low, high], axis=1)


def around(boxes: Float[np.ndarray, "T 4"], whole: FitMap, square: int) -> CropMap | None:
    """Rectangles that hold the boxes, in source pixels; None where they are not worth it.

    They stay within the frame and show no more than `MAX_SCALE` pixels for one, so that people who
    are very small stay small. Of both shapes the one that shows more pixels for one is chosen.
    """
    if not np.isfinite(boxes).any():
        return None
    low, high = boxes[:, :2], boxes[:, 2:]
    centres = (low + high) / 2
    known = np.isfinite(centres).all(axis=1, keepdims=True).astype(float)
    path = whittaker(centres[:, None], known, STIFFNESS, TENSION)[:, 0]
    size = 2 * np.nanmax(np.maximum(path - low, high - path), axis=0)
    shapes = whole.size, (square, square)
    found = [crop for shape in shapes if (crop := _rectangle(path, size, whole, shape))]
    return max(found, key=lambda crop: crop.scale, default=None)


def _rectangle(
    path: Float[np.ndarray, "T 2"],
    size: Float[np.ndarray, "2"],
    whole: FitMap,
    shape: tuple[int, int],
) -> CropMap | None:
    """Rectangles about people of a width and height, shown at `shape`; None if not worth it."""
    shown, frame = np.array(shape[::-1]), np.array(whole.source[::-1])
    within = np.max(shown / frame)  # at this scale it is as large as the frame allows
    scale = min(max(np.min(shown / (MARGIN * size)), within), MAX_SCALE)
    extent = shown / scale
    if (extent < LEAST * size).any() or extent.prod() > WORTH * frame.prod():
        return None
    if (extent > frame).any():  # MAX_SCALE
        return None
    corners = np.clip(path - extent / 2, 0, frame - extent)
    return CropMap(whole.source, corners, float(scale), shape)


def _counting(person: Bool[np.ndarray, "T h w"]) -> Bool[np.ndarray, "T h w"]:
    """The pixels of those who count."""
    plane, cube = np.ones((1, 3, 3)), np.ones((3, 3, 3))
    joined = ndimage.binary_dilation(person, plane, iterations=REACH_PX)
    label, count = ndimage.label(joined, cube)
    label *= person
    area = np.stack([np.bincount(x.ravel(), minlength=count + 1) for x in label])[:, 1:]
    frames = np.count_nonzero(area, axis=0)
    mean = area.sum(axis=0) / frames
    counts = mean >= SPECK_PX
    lasting = counts & (frames >= FEWEST_FRAMES)
    counts = lasting if lasting.any() else counts
    counts &= mean >= SUBJECT * np.max(mean, where=counts, initial=0)
    return np.append(False, counts)[label]


def _extents(person: Bool[np.ndarray, "T h w"]) -> tuple[np.ndarray, np.ndarray]:
    """Left top and right bottom [T, 2] of the pixels that are True; NaN for none."""
    none = ~np.any(person, axis=(1, 2))[:, None]
    lines = np.any(person, axis=1), np.any(person, axis=2)  # columns, rows
    low = np.stack([line.argmax(axis=1) for line in lines], axis=1)
    high = np.stack([line.shape[1] - line[:, ::-1].argmax(axis=1) for line in lines], axis=1)
    return np.where(none, np.nan, low), np.where(none, np.nan, high)


def _in_source(boxes: Float[np.ndarray, "T 4"], view: View) -> Float[np.ndarray, "T 4"]:
    """Boxes in a view's pixels in those of the source, cut at the frame."""
    corners = view.restore_points(boxes.reshape(-1, 2, 2))
    return np.clip(corners, 0, view.source[::-1]).reshape(-1, 4)


def _shared(view: View, other: View, frames: int) -> float:
    """Intersection over union of what two views show, mean over frames."""
    (low, high), (low2, high2) = (_corners(v, frames) for v in (view, other))
    both = np.clip(np.minimum(high, high2) - np.maximum(low, low2), 0, None).prod(axis=1)
    either = (high - low).prod(axis=1) + (high2 - low2).prod(axis=1) - both
    return float(np.mean(both / either))


def _corners(view: View, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Left top and right bottom [T, 2] of what a view shows, in source pixels."""
    if isinstance(view, CropMap):
        return view.corners, view.corners + view.extent
    return np.zeros((frames, 2)), np.tile(view.source[::-1], (frames, 1))

"""Where an example looks: windows of the source, about people, that move a little."""

import numpy as np
from jaxtyping import Bool, Int

from thfm_jax.data.geometric import Windows
from thfm_jax.data.synthetic.clip import SyntheticClip

# The point that a window is chosen about lies in the middle part of it, this far from its sides.
_MARGIN = 0.1
# Whoever is seen fills no more than this multiple of the window's shorter side by being enlarged.
_LARGEST = 1.5
# Shown pixels for one of the source, at most, in a window that holds them all.
_CLOSEST = 4.0
# Of the room round people in a window that holds them all, each side gets at least this share.
_UNEVEN = 0.15


def centred(frames: int, source: tuple[int, int], size: tuple[int, int]) -> Windows:
    """The largest windows in the middle of `source` pixels that have the shape of `size`."""
    height, width = _fitted(source, size)
    window = [(source[1] - width) / 2, (source[0] - height) / 2, width, height]
    return np.tile(window, (frames, 1))


def about_somebody(
    rng: np.random.Generator,
    clip: SyntheticClip,
    size: tuple[int, int],
    zoom: tuple[float, float],
    stretch: float,
    drift: float,
) -> Windows:
    """Windows about a random point of a person or an animal, like a hand-held camera's.

    Args:
      rng: source of chance.
      clip: the source.
      size: (height, width) of the pictures to come.
      zoom: range of the enlargement; 1 shows as much as fits into the source. People that fill the
        picture already are enlarged less.
      stretch: the most by which the ratio of the sides may change, as a share.
      drift: standard deviation of the change of place and scale over the clip, as a share.
    """
    source = clip.rgb.shape[1], clip.rgb.shape[2]
    height, width = _fitted(source, size)
    low, high = _box(_middle(clip) > 0)
    room = _LARGEST * min(height, width) / np.max(high - low)
    largest = max(min(zoom[1], max(room, 1.0)), zoom[0])
    scale = np.exp(rng.uniform(*np.log([zoom[0], largest])))
    ratio = np.exp(rng.uniform(-1, 1) * np.log1p(stretch) / 2)
    extent = np.array([width * ratio, height / ratio]) / scale
    corner = _focus(rng, clip) - extent * rng.uniform(_MARGIN, 1 - _MARGIN, 2)
    return _held(rng, corner, extent, clip, drift)


def about_everybody(
    rng: np.random.Generator,
    clip: SyntheticClip,
    size: tuple[int, int],
    margin: tuple[float, float],
    stretch: float,
    drift: float,
) -> Windows:
    """Windows that hold all people and animals of the clip, as prediction follows them.

    Where nobody is seen it holds the whole source, and no more than that in any case. People who
    are very small stay small.

    Args:
      rng: source of chance.
      clip: the source.
      size: (height, width) of the pictures to come.
      margin: range of the window's extent, in that of the people in it.
      stretch, drift: see `about_somebody`.
    """
    source = clip.rgb.shape[1], clip.rgb.shape[2]
    whole = np.array(_fitted(source, size)[::-1])
    low, high = _box(np.any(clip.labels.instance > 0, axis=0))
    room = np.exp(rng.uniform(*np.log(margin))) * np.max((high - low) / whole)
    ratio = np.exp(rng.uniform(-1, 1) * np.log1p(stretch) / 2)
    closest = np.max(size[::-1] / whole) / _CLOSEST
    extent = whole * min(max(room, closest), 1.0) * [ratio, 1 / ratio]
    corner = low - (extent - (high - low)) * rng.uniform(_UNEVEN, 1 - _UNEVEN, 2)
    return _held(rng, corner, extent, clip, drift)


def _held(
    rng: np.random.Generator,
    corner: np.ndarray,
    extent: np.ndarray,
    clip: SyntheticClip,
    drift: float,
) -> Windows:
    """Windows from (left, top) and (width, height), as a hand holds a camera, within the source."""
    source = np.array(clip.rgb.shape[2:0:-1])
    ends = []
    for amount in (0.0, drift):
        grown = extent * np.exp(amount * rng.normal())
        moved = corner - (grown - extent) / 2 + amount * extent * rng.normal(size=2)
        slack = source - grown  # negative where the window is the larger one
        moved = np.clip(moved, np.minimum(slack, 0), np.maximum(slack, 0))
        ends.append(np.concatenate([moved, grown]))
    first, last = ends
    return np.linspace(first, last, len(clip.rgb))


def _box(seen: Bool[np.ndarray, "H W"]) -> tuple[np.ndarray, np.ndarray]:
    """(left, top) and (right, bottom) round what is seen; all of the picture where nothing is."""
    if not seen.any():
        return np.zeros(2), np.array(seen.shape[::-1], float)
    sides = [np.flatnonzero(seen.any(axis=axis)) for axis in (0, 1)]
    return np.array([s[0] for s in sides], float), np.array([s[-1] + 1 for s in sides], float)


def _middle(clip: SyntheticClip) -> Int[np.ndarray, "H W"]:
    """The instances of the middle frame."""
    return clip.labels.instance[len(clip.rgb) // 2]


def _fitted(source: tuple[int, int], size: tuple[int, int]) -> tuple[float, float]:
    """(height, width) of the largest rectangle within `source` that has the shape of `size`."""
    scale = min(source[0] / size[0], source[1] / size[1])
    return scale * size[0], scale * size[1]


def _focus(rng: np.random.Generator, clip: SyntheticClip) -> np.ndarray:
    """(x, y) of a random pixel of the foreground of the middle frame; its centre without one."""
    instance = _middle(clip)
    pixels = np.flatnonzero(instance)
    if not len(pixels):
        return np.array(instance.shape[::-1]) / 2
    y, x = divmod(int(rng.choice(pixels)), instance.shape[1])
    return np.array([x + 0.5, y + 0.5])

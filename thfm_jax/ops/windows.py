"""Cuts a clip of any length into windows that the model takes, and joins what it predicts for them.

Both ways are streams: of the input one window is in memory, of the output the frames that a later
window may still change. Window k starts at k * (length - overlap); the last is shifted back so that
it ends with the clip. At every joint the last `overlap` frames of what went before fade into the
new window, whatever else of it overlaps, so each frame's weights are fixed, and sum to one.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from jaxtyping import Bool, Float, Shaped

from thfm_jax.ops import geometry

# (tail of what went before, new window from the first frame of the tail on, their foregrounds)
# -> the new window with its first frames joined to the tail.
Join = Callable[[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray | None], np.ndarray]

SCALE_RANGE = (0.7, 1.5)  # DVD, test_single_video.py: a fit beyond this is not believed
_MIN_FOREGROUND = 64  # pixels; a line through fewer says little


@dataclasses.dataclass(frozen=True)
class Window:
    """The frames [start, stop) of a clip."""

    start: int
    stop: int


def stream(
    frames: Iterable[Shaped[np.ndarray, "*S"]], length: int, overlap: int
) -> Iterator[tuple[Window, Shaped[np.ndarray, "t *S"]]]:
    """Windows of `length` frames in order; a clip shorter than that is one shorter window.

    Needs no frame count ahead, and holds fewer frames than two windows have.

    Raises:
      ValueError: `overlap` is not in [0, length), or there are no frames.
    """
    if not 0 <= overlap < length:
        raise ValueError(f"expected 0 <= overlap < length, got overlap {overlap}, length {length}")
    frames = iter(frames)
    block = list(itertools.islice(frames, length))
    if not block:
        raise ValueError("expected at least one frame, got none")
    stop = len(block)
    while block:
        yield Window(stop - len(block), stop), np.stack(block)
        new = list(itertools.islice(frames, length - overlap))
        stop += len(new)
        block = (block + new)[-length:] if new else []


def plan(frames: int, length: int, overlap: int) -> list[Window]:
    """The windows that `stream` makes of a clip of that many frames."""
    return [window for window, _ in stream(np.empty((frames, 0)), length, overlap)]


class Blender:
    """Joins the windows' predictions of one task; windows must come in order.

    `join` says how: `fade`, `fade_depth` or `fade_normals`.
    """

    def __init__(self, overlap: int, join: Join | None = None):
        self._overlap = overlap
        self._join = join or fade
        self._stop = 0
        self._tail: np.ndarray | None = None
        self._tail_mask: np.ndarray | None = None

    def add(
        self,
        window: Window,
        values: Shaped[np.ndarray, "t *S"],
        mask: Bool[np.ndarray, "t H W"] | None = None,
    ) -> Shaped[np.ndarray, "f *S"]:
        """Frames that no later window can change, perhaps none.

        Args:
          window: where `values` belong; frames that only pad it must have been cut off.
          values: float predictions of the window's frames.
          mask: foreground, which `fade_depth` needs.
        """
        if len(values) != window.stop - window.start:
            raise ValueError(f"expected predictions for all of {window}, got {len(values)}")
        if self._tail is not None:
            skip = self._stop - len(self._tail) - window.start
            if skip < 0:
                raise ValueError(f"{window} does not reach back to the frames before it")
            values, mask = values[skip:], None if mask is None else mask[skip:]
            values = self._join(self._tail, values, self._tail_mask, mask)
        ready = max(len(values) - self._overlap, 0)
        self._stop = window.stop
        self._tail = values[ready:].copy()
        self._tail_mask = None if mask is None else mask[ready:].copy()
        return values[:ready]

    def replace(
        self, values: Shaped[np.ndarray, "f *S"], mask: Bool[np.ndarray, "f H W"] | None = None
    ) -> None:
        """Takes the frames that are held, and their foreground, in another form.

        The windows to come must have that form too.
        """
        self._tail, self._tail_mask = values, mask

    def finish(self) -> Shaped[np.ndarray, "f *S"]:
        """The frames that are held."""
        if self._tail is None:
            raise ValueError("expected at least one window, got none")
        return self._tail


def fade(
    tail: Float[np.ndarray, "o *S"],
    values: Float[np.ndarray, "t *S"],
    tail_mask: Bool[np.ndarray, "o H W"] | None = None,
    mask: Bool[np.ndarray, "t H W"] | None = None,
) -> Float[np.ndarray, "t *S"]:
    """`values` with its first frames cross-faded linearly from `tail`.

    Where one of both is NaN the other stands alone.
    """
    overlap = len(tail)
    ramp = (np.arange(1, overlap + 1, dtype=np.float32) / (overlap + 1)).reshape(
        -1, *[1] * (values.ndim - 1)
    )
    head = values[:overlap]
    mixed = tail + ramp * (head - tail)
    mixed = np.where(np.isnan(mixed), np.where(np.isnan(head), tail, head), mixed)
    return np.concatenate([mixed, values[overlap:]])


def fade_depth(
    tail: Float[np.ndarray, "o H W"],
    values: Float[np.ndarray, "t H W"],
    tail_mask: Bool[np.ndarray, "o H W"] | None = None,
    mask: Bool[np.ndarray, "t H W"] | None = None,
) -> Float[np.ndarray, "t H W"]:
    """`fade` after bringing the window to the scale and shift of what went before.

    Both are fitted in closed form to the pixels that are foreground, and a number, on both sides;
    with too few of them the window stays as it is.
    """
    head = values[: len(tail)]
    shared = np.isfinite(tail) & np.isfinite(head)
    if tail_mask is not None and mask is not None:
        shared &= tail_mask & mask[: len(tail)]
    if np.count_nonzero(shared) >= _MIN_FOREGROUND:
        source, target = (side[shared].astype(np.float64) for side in (head, tail))
        scale, _ = geometry.fit_scale_shift(source, target, np.ones_like(source), axis=(0,))
        factor = np.clip(scale[0] or 1.0, *SCALE_RANGE)  # 0 where the depth is constant
        shift = np.mean(target - factor * source)
        values = values.dtype.type(factor) * values + values.dtype.type(shift)
    return fade(tail, values)


def fade_normals(
    tail: Float[np.ndarray, "o H W 3"],
    values: Float[np.ndarray, "t H W 3"],
    tail_mask: Bool[np.ndarray, "o H W"] | None = None,
    mask: Bool[np.ndarray, "t H W"] | None = None,
) -> Float[np.ndarray, "t H W 3"]:
    """`fade` of unit vectors, with the faded frames normalised; zero vectors stay zero."""
    faded = fade(tail, values)
    head = faded[: len(tail)]
    norm = np.linalg.norm(head, axis=-1, keepdims=True)
    faded[: len(tail)] = np.divide(head, norm, out=np.zeros_like(head), where=norm > 1e-6)
    return faded

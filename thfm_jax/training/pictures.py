"""Pictures of a training: what the model predicts for a few clips beside what is true."""

import functools
from collections.abc import Callable

import jax
import numpy as np
from jaxtyping import Bool, Float
from PIL import Image

from thfm_jax import joints, viz
from thfm_jax.joints import ROOT
from thfm_jax.ops.geometry import fit_scale_shift
from thfm_jax.tasks import TASKS
from thfm_jax.training.evaluate import Perceiver, Values, truth_of
from thfm_jax.training.state import TrainState
from thfm_jax.types import Batch
from thfm_jax.viz import Picture

CLIPS = 4
MOMENTS = 2  # of each clip
TILE = 256  # pixels of the longer side of a picture
CAPTION = 22  # pixels above it
_INK = (225, 225, 232)


class Pictures:
    """Draws the same clips again and again, as the model gets better at them."""

    def __init__(self, perceive: Perceiver, first: Callable[[], Batch]):
        """`first` makes this process's part of the batch whose first clips are drawn."""
        self._perceive, self._batch = perceive, functools.cache(first)

    def __call__(self, state: TrainState) -> dict[str, Picture]:
        """The first process's sheets, "clip_0" and so on; all processes call it."""
        batch = self._batch()
        values = self._perceive(state, batch).values
        count = min(CLIPS, len(batch.clip.frames)) if jax.process_index() == 0 else 0
        return {f"clip_{clip}": sheet(batch, values, clip) for clip in range(count)}


def sheet(batch: Batch, values: Values, clip: int) -> Picture:
    """A clip's frame, prediction and truth, side by side: a row for each task.

    So for several moments of the clip, each to the right of the one before. Predictions are not cut
    out by the matte, so that it shows what they are elsewhere. Depth is fitted to the truth by a
    scale and a shift for the clip, and both have the same colours.
    """
    frames = np.asarray(batch.clip.frames[clip])
    skeleton = viz.Skeleton(
        joints.EDGES, tuple(joints.COLOURS[joint.side] for joint in joints.JOINTS)
    )
    painter, tiles = viz.Painter(skeleton), []
    moments = _moments(len(frames))
    for name, predicted in values.items():
        truth, mask = truth_of(batch, name, clip)
        prediction, known = predicted[clip], _known(name, truth, mask)
        if name == "depth":
            prediction = _fitted(prediction, truth, mask)
            painter.depth_limits = viz.depth_limits(known) or painter.depth_limits
        for t in moments:
            tiles += [
                _tile(_scaled(frames[t]), f"{name}, frame {t}"),
                _tile(_drawn(painter, name, prediction[t], frames[t]), "prediction"),
                _tile(_drawn(painter, name, known[t], frames[t]), "truth" * bool(mask[t].any())),
            ]
    return viz.contact_sheet(tiles, columns=3 * len(moments))


def _moments(frames: int) -> list[int]:
    """Frames in the middle of equal parts of the clip."""
    middles = (2 * np.arange(MOMENTS) + 1) * frames // (2 * MOMENTS)
    return sorted(set(middles.tolist()))


def _known(
    name: str, truth: Float[np.ndarray, "T ..."], mask: Bool[np.ndarray, "T ..."]
) -> Float[np.ndarray, "T ..."]:
    """The truth where there is a label; elsewhere what a picture shows as nothing."""
    if name == "keypoints3d":
        anchored = mask & mask[:, ROOT, None]
        truth, mask = truth - truth[:, ROOT, None], anchored
    nothing = 0 if name == "normals" else np.nan
    return np.where(mask.reshape(mask.shape + (1,) * (truth.ndim - mask.ndim)), truth, nothing)


def _fitted(
    depth: Float[np.ndarray, "T H W"],
    truth: Float[np.ndarray, "T H W"],
    mask: Bool[np.ndarray, "T H W"],
) -> Float[np.ndarray, "T H W"]:
    """Depth in metres by the clip's least-squares scale and shift, as metrics have it."""
    wide, weight = depth.astype(np.float64), mask.astype(np.float64)
    scale, shift = fit_scale_shift(wide, truth.astype(np.float64), weight, axis=(0, 1, 2))
    return scale * wide + shift


def _drawn(
    painter: viz.Painter, name: str, value: Float[np.ndarray, "..."], frame: Picture
) -> Picture:
    """A frame's prediction or truth; joints on the scaled frame, so that lines are fine."""
    if TASKS[name].kind == "dense":
        return _scaled(painter.picture(name, value, frame))
    scaled = _scaled(frame)
    if name == "keypoints2d":
        share = np.array(scaled.shape[1::-1]) / frame.shape[1::-1]
        value = value * np.array([*share, 1])
    return painter.picture(name, value, scaled)


def _scaled(picture: Picture) -> Picture:
    """The picture, `TILE` pixels along its longer side."""
    height, width = picture.shape[:2]
    share = TILE / max(height, width)
    size = round(width * share), round(height * share)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


def _tile(picture: Picture, caption: str) -> Picture:
    """The picture under a caption."""
    band = np.full((CAPTION, picture.shape[1], 3), viz.DARK, np.uint8)
    return np.concatenate([viz.label(band, caption, _INK), picture])

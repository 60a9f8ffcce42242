"""Puts shapes in front of people: what they hide is no longer labelled, as behind a real thing."""

import dataclasses

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw

from thfm_jax.data import resample
from thfm_jax.data.synthetic.clip import SyntheticClip

_FINE = 4  # shapes are drawn at this multiple of the resolution and averaged
_MOST = 3


def occlude(rng: np.random.Generator, clip: SyntheticClip) -> SyntheticClip:
    """The clip with one to three shapes that pass before its people.

    Writes into the maps and pictures of `clip`. Where shapes cover a pixel, alpha loses that share;
    where they cover more than half of it the other labels are those of the background, and a joint
    there is no longer visible. Positions of joints stay.
    """
    clear = np.ones(clip.labels.alpha.shape, np.float32)  # the share that no shape covers
    for _ in range(rng.integers(1, _MOST + 1)):
        _draw(rng, clip, clear)
    return dataclasses.replace(clip, keypoints2d=_hidden(clip.keypoints2d, clear))


def _draw(rng: np.random.Generator, clip: SyntheticClip, clear: Float[np.ndarray, "T H W"]) -> None:
    """Moves a shape through the clip, and takes what it covers from `clear`."""
    size = min(clip.rgb.shape[1:3])
    cover = shape(rng, max(int(size * rng.uniform(0.1, 0.4)), 2))
    texture = _texture(rng, clip.rgb, cover.shape)
    centre = _somewhere(rng, clip)
    velocity = rng.normal(0, 0.015 * size, 2)
    for t in range(len(clip.rgb)):
        middle = centre + velocity * (t - len(clip.rgb) / 2)
        left, top = np.round(middle - np.array(cover.shape[::-1]) / 2).astype(int)
        _put(clip, clear, t, left, top, cover, texture)


def shape(rng: np.random.Generator, size_px: int) -> Float[np.ndarray, "h w"]:
    """Coverage in [0, 1] of a random polygon: round or jagged, squat or slender."""
    corners = int(rng.integers(3, 24))
    angles = 2 * np.pi * (np.arange(corners) + rng.uniform(0, 0.9, corners)) / corners
    radii = rng.uniform(rng.uniform(0.2, 1), 1, corners)
    points = radii * np.array([np.cos(angles), rng.uniform(0.15, 1) * np.sin(angles)])
    turn = rng.uniform(0, np.pi)
    x, y = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ points
    outline = _FINE * size_px / 2 * (np.stack([x, y], axis=-1) + 1)
    canvas = Image.new("L", (_FINE * size_px, _FINE * size_px))
    ImageDraw.Draw(canvas).polygon(outline.ravel().tolist(), fill=255)
    return np.asarray(canvas.reduce(_FINE), np.float32) / 255


def _texture(
    rng: np.random.Generator, rgb: UInt8[np.ndarray, "T H W 3"], size: tuple[int, int]
) -> Float[np.ndarray, "h w 3"]:
    """A piece of the clip's own picture, or clouds of colour."""
    if rng.random() < 0.5:
        top, left = (int(rng.integers(0, n)) for n in np.array(rgb.shape[1:3]) // 2)
        piece = rgb[0, top : top + rgb.shape[1] // 2, left : left + rgb.shape[2] // 2]
    else:
        cells, base = rng.integers(1, 9, 2), rng.integers(0, 256, 3)
        piece = np.clip(base + rng.normal(0, 60, (*cells, 3)), 0, 255).astype(np.uint8)
    return np.asarray(Image.fromarray(piece).resize(size[::-1], Image.Resampling.BICUBIC), "f4")


def _somewhere(rng: np.random.Generator, clip: SyntheticClip) -> Float[np.ndarray, "2"]:
    """(x, y) near a random pixel of the foreground of the middle frame, or of the picture."""
    instance = clip.labels.instance[len(clip.rgb) // 2]
    pixels = np.flatnonzero(instance)
    chosen = rng.choice(pixels) if len(pixels) else rng.integers(instance.size)
    y, x = divmod(int(chosen), instance.shape[1])
    return np.array([x, y]) + rng.normal(0, 0.1 * min(instance.shape), 2)


def _put(clip: SyntheticClip, clear, t: int, left: int, top: int, cover, texture) -> None:
    """Draws the shape into frame `t` of the picture and its maps."""
    height, width = clip.rgb.shape[1:3]
    rows = slice(max(top, 0), min(top + cover.shape[0], height))
    columns = slice(max(left, 0), min(left + cover.shape[1], width))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    own = np.s_[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    here, share = (t, rows, columns), cover[own]
    picture = clip.rgb[here]
    picture[:] = picture + share[..., None] * (texture[own] - picture) + np.float32(0.5)
    clip.labels.alpha[here] *= 1 - share
    clear[here] *= 1 - share
    for name in resample.SAMPLED:
        getattr(clip.labels, name)[here][clear[here] < 0.5] = 0


def _hidden(
    points: Float[np.ndarray, "P T K 3"], clear: Float[np.ndarray, "T H W"]
) -> Float[np.ndarray, "P T K 3"]:
    """The points, of which those that something covers cannot be seen."""
    x, y = np.floor(points[..., 0]), np.floor(points[..., 1])
    inside = (x >= 0) & (x < clear.shape[2]) & (y >= 0) & (y < clear.shape[1])
    column, row = (np.where(inside, place, 0).astype(int) for place in (x, y))
    covered = inside & (clear[np.arange(len(clear))[:, None], row, column] < 0.5)
    points = points.copy()
    points[..., 2][covered] = 0
    return points

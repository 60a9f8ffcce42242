"""Makes the pictures of a clip look as other cameras, lenses and codecs would have made them.

What is drawn at random holds for the whole clip, or changes slowly over it. None of it moves
anything; blur also softens alpha, which is a share of the pixel. Sizes in pixels are those of a
picture whose shorter side has 256, and grow with it.
"""

import functools
import io

import numba
import numpy as np
from jaxtyping import Float, Int, Shaped, UInt8
from PIL import Image

Frames = UInt8[np.ndarray, "T H W 3"]

_LUMA = np.array([0.299, 0.587, 0.114])
_GAMMA = 2.2
_NOISES = 2**16  # independent random numbers, used again and again
_UP = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)
_DOWN = (*_UP, Image.Resampling.BOX, Image.Resampling.LANCZOS)


def graded(
    rng: np.random.Generator, frames: Frames, colour: bool, grey: bool, noise: bool
) -> Frames:
    """The frames in other light: exposure, white balance, tone curve, saturation, hue; noise."""
    tables = _tone_tables(rng, len(frames)) if colour else np.tile(range(256), (len(frames), 3, 1))
    matrix = _saturation_and_hue(rng) if colour else np.eye(3)
    if grey:
        matrix = np.tile(_LUMA, (3, 1))
    strength = np.exp(rng.uniform(np.log(1), np.log(16))) if noise else 0.0
    # Photons come at random, so that bright pixels have more noise.
    amplitude = strength * np.sqrt(0.25 + 0.75 * np.arange(256) / 255)
    starts = rng.integers(0, _NOISES, frames.shape[:2])
    out = np.empty_like(frames)
    for t, frame in enumerate(frames):
        _grade(
            *(frame, tables[t].astype(np.float32), matrix.astype(np.float32)),
            *(_noise(), starts[t], amplitude.astype(np.float32), out[t]),
        )
    return out


def _tone_tables(rng: np.random.Generator, frames: int) -> Float[np.ndarray, "T 3 256"]:
    """What becomes of each value 0-255 of red, green and blue, in each frame."""
    stops = rng.normal(0, 0.5) + np.linspace(0, rng.normal(0, 0.15), frames)
    balance = rng.normal(0, 0.12, 3)
    gain = 2 ** (stops[:, None] + balance - balance.mean())
    linear = gain[..., None] * (np.arange(256) / 255) ** _GAMMA
    encoded = linear ** (np.exp(rng.normal(0, 0.12)) / _GAMMA)
    return 255 * (0.5 + np.exp(rng.normal(0, 0.15)) * (encoded - 0.5))


def _saturation_and_hue(rng: np.random.Generator) -> Float[np.ndarray, "3 3"]:
    """Scales and turns colours about the axis of greys."""
    angle, saturation = rng.normal(0, 0.06), rng.uniform(0.4, 1.5)
    grey = np.ones(3) / np.sqrt(3)
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    onto = np.outer(grey, grey)
    turn = np.cos(angle) * (np.eye(3) - onto) + np.sin(angle) * cross + onto
    luma = np.tile(_LUMA, (3, 1))
    return (luma + saturation * (np.eye(3) - luma)) @ turn


@functools.cache
def _noise() -> Float[np.ndarray, "n"]:
    """Standard normal numbers, the same in every process; a little correlated along a row."""
    white = np.random.default_rng(0).standard_normal((_NOISES, 1)).astype(np.float32)
    return ((white + 0.5 * np.roll(white, 3)) / np.sqrt(1.25, dtype=np.float32))[:, 0]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _grade(frame, tables, matrix, noise, starts, amplitude, out):
    last = np.int64(len(noise) - 1)
    half, zero, most = np.float32(0.5), np.float32(0), np.float32(255)
    for y in range(frame.shape[0]):
        for x in range(frame.shape[1]):
            r = tables[0, frame[y, x, 0]]
            g = tables[1, frame[y, x, 1]]
            b = tables[2, frame[y, x, 2]]
            loud = amplitude[frame[y, x, 1]]
            at = starts[y] + 3 * x
            for c in range(3):
                value = matrix[c, 0] * r + matrix[c, 1] * g + matrix[c, 2] * b
                value += loud * noise[(at + c) & last]
                out[y, x, c] = np.uint8(min(max(value, zero), most) + half)


def blurred(
    rng: np.random.Generator, frames: Frames, alpha: Float[np.ndarray, "T H W"]
) -> tuple[Frames, Float[np.ndarray, "T H W"]]:
    """Frames and alpha out of focus, or shaken along a line."""
    unit = min(frames.shape[1:3]) / 256
    if rng.random() < 0.5:
        offsets, weights = disc(unit * rng.uniform(0.7, 2.5))
    else:
        offsets, weights = line(unit * rng.uniform(2, 9), rng.uniform(0, np.pi))
    soft_frames, soft_alpha = np.empty_like(frames), np.empty_like(alpha)
    for t in range(len(frames)):
        soft_frames[t] = _convolved(frames[t], offsets, weights) + np.float32(0.5)
        soft_alpha[t] = np.minimum(_convolved(alpha[t, ..., None], offsets, weights)[..., 0], 1)
    return soft_frames, soft_alpha


def disc(radius_px: float) -> tuple[Int[np.ndarray, "n 2"], Float[np.ndarray, "n"]]:
    """(x, y) offsets and weights of a lens out of focus: a disc with a soft rim."""
    reach = int(np.ceil(radius_px))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return _taps(x, y, np.clip(radius_px + 0.5 - np.hypot(x, y), 0, 1))


def line(length_px: float, angle: float) -> tuple[Int[np.ndarray, "n 2"], Float[np.ndarray, "n"]]:
    """(x, y) offsets and weights of a camera that moves along a line."""
    along = np.linspace(-length_px / 2, length_px / 2, 8 * int(np.ceil(length_px)))
    reach = int(np.ceil(length_px / 2))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    near_x = np.clip(1 - np.abs(x[..., None] - np.cos(angle) * along), 0, 1)
    near_y = np.clip(1 - np.abs(y[..., None] - np.sin(angle) * along), 0, 1)
    return _taps(x, y, np.sum(near_x * near_y, axis=-1))


def _taps(x, y, weights) -> tuple[Int[np.ndarray, "n 2"], Float[np.ndarray, "n"]]:
    used = weights > 1e-3 * weights.max()
    weights = weights[used].astype(np.float32)
    return np.stack([x[used], y[used]], axis=-1), weights / weights.sum()


def _convolved(
    frame: Shaped[np.ndarray, "H W C"],
    offsets: Int[np.ndarray, "n 2"],
    weights: Float[np.ndarray, "n"],
) -> Float[np.ndarray, "H W C"]:
    """The weighted sum of shifted frames, whose border pixels go on beyond the border."""
    reach = int(np.abs(offsets).max())
    padded = np.pad(frame, ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    rows = padded.astype(np.float32).reshape(len(padded), -1)
    out = np.zeros((frame.shape[0], frame.shape[1] * frame.shape[2]), np.float32)
    _add_shifted(rows, (offsets + reach) * [frame.shape[2], 1], weights, out)
    return out.reshape(frame.shape)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _add_shifted(rows, offsets, weights, out):
    for y in range(out.shape[0]):
        for k in range(len(weights)):
            source = rows[y + offsets[k, 1], offsets[k, 0] :]
            for x in range(out.shape[1]):
                out[y, x] += weights[k] * source[x]


def coarsened(rng: np.random.Generator, frames: Frames) -> Frames:
    """The frames as they were in a smaller format, enlarged."""
    height, width = frames.shape[1:3]
    factor = np.exp(rng.uniform(np.log(1.3), np.log(4)))
    small = max(round(width / factor), 1), max(round(height / factor), 1)
    down, up = _DOWN[rng.integers(len(_DOWN))], _UP[rng.integers(len(_UP))]
    out = np.empty_like(frames)
    for t, frame in enumerate(frames):
        out[t] = Image.fromarray(frame).resize(small, down).resize((width, height), up)
    return out


def compressed(rng: np.random.Generator, frames: Frames) -> Frames:
    """The frames after JPEG compression."""
    quality = int(rng.integers(20, 95))
    out = np.empty_like(frames)
    for t, frame in enumerate(frames):
        file = io.BytesIO()
        Image.fromarray(frame).save(file, "JPEG", quality=quality)
        out[t] = Image.open(file)
    return out

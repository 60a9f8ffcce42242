"""What a camera records of the light that reaches it: exposure, colour, noise, compression."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from thfm_jax.data.synthetic.rendering import codec
from thfm_jax.data.synthetic.rendering.jit import kernel

# The tone curve is a table over the square root of exposed light from 0 to this.
BRIGHTEST = 12.0
LEVELS = 4096
# The same noise, differently placed, serves all frames: its field is larger by this.
SPARE = 96
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)


@dataclasses.dataclass(frozen=True)
class Settings:
    """One camera and one way of storing its pictures.

    Attributes:
      middle: the linear value that exposure gives to the middle of the clip's brightness; 0.18 is a
        grey card.
      drift: change of exposure over the clip, in stops.
      balance: (red, blue) gains that are left when white balance has done what it can.
      vignette: share of the light lost in the corners.
      blur_px: standard deviation of the lens's and the sensor's blur.
      shot: noise variance for each unit of exposed light; read: noise variance in the dark.
      grain: 0 for noise that differs from pixel to pixel, 1 for one smoothed by the camera.
      shoulder: exposed light at which highlights clip; 1 clips them hard.
      contrast: strength of the S in the tone curve.
      lift: sRGB value of black.
      saturation: factor of colourfulness.
      sharpening: how much of the difference to a blurred picture is added.
      compression: "none", "jpeg" or "h264"; quality: JPEG's quality or H.264's rate factor.
    """

    middle: float
    drift: float
    balance: tuple[float, float]
    vignette: float
    blur_px: float
    shot: float
    read: float
    grain: float
    shoulder: float
    contrast: float
    lift: float
    saturation: float
    sharpening: float
    compression: str
    quality: int


def sample(rng: np.random.Generator) -> Settings:
    """A camera drawn at random: from a good one to an old telephone at night."""
    compression = str(rng.choice(["none", "jpeg", "h264"], p=[0.15, 0.25, 0.6]))
    low, high = {"none": (0, 1), "jpeg": (45, 96), "h264": (18, 33)}[compression]
    noise = 10 ** rng.uniform(-5, -3)
    return Settings(
        middle=float(0.22 * 2 ** np.clip(rng.normal(0, 0.35), -0.9, 0.7)),
        drift=float(rng.normal(0, 0.15) * (rng.random() < 0.3)),
        balance=(float(np.exp(rng.normal(0, 0.06))), float(np.exp(rng.normal(0, 0.08)))),
        vignette=float(rng.uniform(0, 0.35) * (rng.random() < 0.6)),
        blur_px=float(rng.uniform(0.3, 0.75)),
        shot=float(noise),
        read=float(noise * rng.uniform(0.002, 0.03)),
        grain=float(rng.uniform(0, 1)),
        shoulder=float(rng.uniform(1.5, 7)),
        contrast=float(rng.uniform(-0.1, 0.5)),
        lift=float(max(rng.normal(0, 0.02), 0)),
        saturation=float(rng.uniform(0.8, 1.2)),
        sharpening=float(rng.uniform(0, 0.9)),
        compression=compression,
        quality=int(rng.integers(low, high)),
    )


def develop(
    rng: np.random.Generator, colour: Float[np.ndarray, "T H W 3"], fps: float
) -> tuple[UInt8[np.ndarray, "T H W 3"], dict[str, Any]]:
    """A camera's recording of linear RGB, as uint8 sRGB, and the settings that it was made with.

    Geometry stays: a pixel shows what it showed. `fps` says how fast exposure drifts.
    """
    settings = sample(rng)
    frames, height, width = colour.shape[:3]
    gains = _exposure(colour, settings, fps)
    vignette = _vignette(height, width, settings.vignette)
    curve = _tone_curve(settings)
    field = _noise(rng, height + SPARE, width + SPARE, settings.grain)
    places = rng.integers(0, SPARE, (frames, 3, 2))
    taps = _gaussian(settings.blur_px)
    rgb = np.empty(colour.shape, np.uint8)
    light, turned, toned = (np.empty((height, width, 3), np.float32) for _ in range(3))
    noise = (np.float32(settings.shot), np.float32(settings.read))
    for frame in range(frames):
        _blur(np.ascontiguousarray(colour[frame], np.float32), taps, turned, light)
        _expose(light, gains[frame], vignette, noise, field, places[frame], curve, toned)
        _finish(toned, np.float32(settings.saturation), np.float32(settings.sharpening), rgb[frame])
    return _compress(rgb, settings), dataclasses.asdict(settings)


def _exposure(colour: np.ndarray, settings: Settings, fps: float) -> Float[np.ndarray, "T 3"]:
    """Gain of each frame and channel."""
    light = np.einsum("thwc,c->thw", np.maximum(colour[:, ::8, ::8], 0), LUMA).astype(np.float64)
    # Between the mean of the logarithm, which dark corners pull down, and the mean.
    middle = np.sqrt(np.exp(np.log(light + 1e-3).mean()) * (light.mean() + 1e-3))
    seconds = np.arange(len(colour)) / fps
    stops = settings.drift * (seconds - seconds.mean())
    red, blue = settings.balance
    gain = settings.middle / middle * 2**stops
    return _settled(gain[:, None] * np.array([red, 1, blue]))


def _vignette(height: int, width: int, loss: float) -> Float[np.ndarray, "H W"]:
    y, x = np.mgrid[:height, :width] + 0.5
    square = ((x / width - 0.5) ** 2 + (y / height - 0.5) ** 2) * 2
    return (1 - loss * square).astype(np.float32)


def _tone_curve(settings: Settings) -> Float[np.ndarray, "N"]:
    """sRGB value in [0, 1] over the square root of exposed light."""
    light = np.linspace(0, np.sqrt(BRIGHTEST), LEVELS) ** 2
    white = settings.shoulder
    # Extended Reinhard: slope 1 at black, 1 at `white`; a grey card comes out a little darker.
    soft = np.minimum(light * (1 + light / white**2) / (1 + light), 1) if white > 1 else light
    light = 0.5 * np.minimum(light, 1) + 0.5 * np.minimum(1.25 * soft, 1)
    value = np.where(light < 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    value = value + settings.contrast * (value * value * (3 - 2 * value) - value)
    return _settled(settings.lift + (1 - settings.lift) * value)


def _noise(
    rng: np.random.Generator, height: int, width: int, grain: float
) -> Float[np.ndarray, "h w"]:
    """Normal noise of variance 1, a share `grain` of it smooth."""
    white = rng.standard_normal((height, width), np.float32)
    across = white + np.roll(white, 1, axis=1)
    smooth = across + np.roll(across, 1, axis=0)
    field = (1 - grain) * white + grain * smooth / 2
    return field / np.float32(np.hypot(1 - grain / 2, grain * np.sqrt(3) / 2))


def _gaussian(sigma: float) -> tuple[np.float32, np.float32, np.float32]:
    """Weights of the middle, its neighbours and theirs."""
    weights = np.exp(-0.5 * (np.arange(3) / sigma) ** 2)
    middle, near, far = _settled(weights / (weights[0] + 2 * weights[1:].sum()))
    return middle, near, far


def _settled(values: np.ndarray) -> np.ndarray:
    """float32 without the last digits, in which versions of NumPy differ over powers and logs."""
    return np.round(values, 5).astype(np.float32)


def _compress(rgb: np.ndarray, settings: Settings) -> np.ndarray:
    if settings.compression == "jpeg":
        return codec.jpeg(rgb, settings.quality)
    if settings.compression == "h264":
        return codec.h264(rgb, settings.quality)
    return rgb


@kernel
def _blur(image, taps, turned, out):
    """Blurs rows into `turned` and its columns into `out`; edges repeat."""
    middle, near, far = taps
    rows, columns, _ = image.shape
    for row in range(rows):
        for column in range(columns):
            a, b = max(column - 1, 0), min(column + 1, columns - 1)
            c, d = max(column - 2, 0), min(column + 2, columns - 1)
            for k in range(3):
                turned[row, column, k] = (
                    middle * image[row, column, k]
                    + near * (image[row, a, k] + image[row, b, k])
                    + far * (image[row, c, k] + image[row, d, k])
                )
    for row in range(rows):
        a, b = max(row - 1, 0), min(row + 1, rows - 1)
        c, d = max(row - 2, 0), min(row + 2, rows - 1)
        for column in range(columns):
            for k in range(3):
                out[row, column, k] = (
                    middle * turned[row, column, k]
                    + near * (turned[a, column, k] + turned[b, column, k])
                    + far * (turned[c, column, k] + turned[d, column, k])
                )


@kernel
def _expose(light, gain, vignette, noise, field, places, curve, out):
    """Exposed, noisy light through the tone curve."""
    shot, read = noise
    scale = np.float32((LEVELS - 1) / np.sqrt(BRIGHTEST))
    rows, columns, _ = light.shape
    for row in range(rows):
        for column in range(columns):
            for k in range(3):
                value = (
                    max(light[row, column, k], np.float32(0.0)) * gain[k] * vignette[row, column]
                )
                grain = field[row + places[k, 0], column + places[k, 1]]
                value = max(value + np.sqrt(shot * value + read) * grain, np.float32(0.0))
                index = int(np.sqrt(value) * scale + np.float32(0.5))
                out[row, column, k] = curve[min(index, LEVELS - 1)]


@kernel
def _finish(toned, saturation, sharpening, out):
    """Sharpened, more or less colourful, and rounded to 8 bits."""
    rows, columns, _ = toned.shape
    quarter = np.float32(0.25)
    for row in range(rows):
        a, b = max(row - 1, 0), min(row + 1, rows - 1)
        for column in range(columns):
            c, d = max(column - 1, 0), min(column + 1, columns - 1)
            red, green, blue = toned[row, column, 0], toned[row, column, 1], toned[row, column, 2]
            grey = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
            for k in range(3):
                around = toned[a, column, k] + toned[b, column, k]
                around = (around + toned[row, c, k] + toned[row, d, k]) * quarter
                edge = sharpening * (toned[row, column, k] - around)
                value = grey + saturation * (toned[row, column, k] - grey) + edge
                value = min(max(value, np.float32(0.0)), np.float32(1.0))
                out[row, column, k] = np.uint8(value * np.float32(255.0) + np.float32(0.5))

"""Random changes that make many training examples of one clip, and keep every label right.

The order is that of the world: time, the view of the camera, things in the way, lens, sensor,
codec. Everything is drawn from the generator that is passed in.
"""

import dataclasses

import numpy as np

from thfm_jax.data import framing, geometric, occluders, photometric, temporal
from thfm_jax.data.synthetic.clip import Labels, SyntheticClip

_NOT_CHANCES = ("max_stride", "margin", "zoom", "stretch", "drift")


@dataclasses.dataclass(frozen=True)
class AugmentConfig:
    """How much examples differ from their clips; what is called a chance is one, for each clip.

    Attributes:
      max_stride: the frames of an example are up to this many frames of the clip apart.
      reverse: chance that time runs backwards.
      whole: chance of a view that holds all of the people, as prediction shows those who are small.
      margin: range of its extent, in that of the people. See `framing.about_everybody`.
      zoom: of the other views: range of the enlargement; 1 shows as much of the clip as has the
        shape of the example. See `framing.about_somebody`.
      stretch: the most by which the ratio of width and height changes, as a share.
      drift: how far the view moves and zooms over the clip, as a share of itself.
      flip: chance of a mirror image.
      occluders: chance of shapes in front of people.
      blur: chance of a lens out of focus or a shaken camera.
      colour: chance of other light, white balance, tone curve and saturation.
      grey: chance of a picture without colour.
      noise: chance of noise.
      coarse: chance of a low resolution, enlarged.
      compression: chance of JPEG compression.
    """

    max_stride: int = 3
    reverse: float = 0.1
    whole: float = 0.25
    margin: tuple[float, float] = (1.05, 2.0)
    zoom: tuple[float, float] = (0.85, 2.5)
    stretch: float = 0.15
    drift: float = 0.05
    flip: float = 0.5
    occluders: float = 0.3
    blur: float = 0.15
    colour: float = 0.8
    grey: float = 0.05
    noise: float = 0.3
    coarse: float = 0.15
    compression: float = 0.3

    def __post_init__(self) -> None:
        if self.max_stride < 1:
            raise ValueError(f"max_stride is at least 1, not {self.max_stride}")
        for name in ("margin", "zoom"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ValueError(
                    f"{name} is a range (from, to) of positive numbers, not {low, high}"
                )
        if min(self.stretch, self.drift) < 0:
            raise ValueError("stretch and drift are not negative")
        for name, value in vars(self).items():
            if name not in _NOT_CHANCES and not 0 <= value <= 1:
                raise ValueError(f"{name} is a chance in [0, 1], not {value}")


def choose_frames(
    rng: np.random.Generator, available: int, wanted: int, config: AugmentConfig
) -> slice:
    """Which frames of a clip become an example; see `temporal.choose`."""
    return temporal.choose(rng, available, wanted, config.max_stride, config.reverse)


def augment(
    rng: np.random.Generator,
    clip: SyntheticClip,
    size: tuple[int, int],
    config: AugmentConfig,
    out: Labels | None = None,
) -> SyntheticClip:
    """A random example of the clip, of (height, width) `size`, with as many frames.

    Its labels are written into `out`, which comes all 0, where that is given.
    """
    moves = config.stretch, config.drift
    if rng.random() < config.whole:
        windows = framing.about_everybody(rng, clip, size, config.margin, *moves)
    else:
        windows = framing.about_somebody(rng, clip, size, config.zoom, *moves)
    fill = tuple(rng.integers(0, 256, 3)) if rng.random() < 0.5 else (0, 0, 0)
    clip = geometric.warp(clip, windows, size, rng.random() < config.flip, fill, out)
    if rng.random() < config.occluders:
        clip = occluders.occlude(rng, clip)
    return _photograph(rng, clip, config)


def fit(clip: SyntheticClip, size: tuple[int, int], out: Labels | None = None) -> SyntheticClip:
    """The middle of the clip's picture, at (height, width) `size`; see `augment` for `out`."""
    windows = framing.centred(len(clip.rgb), (clip.rgb.shape[1], clip.rgb.shape[2]), size)
    return geometric.warp(clip, windows, size, out=out)


def _photograph(
    rng: np.random.Generator, clip: SyntheticClip, config: AugmentConfig
) -> SyntheticClip:
    """The clip as another camera might have recorded it; writes into its alpha."""
    rgb = clip.rgb
    if rng.random() < config.blur:
        rgb, clip.labels.alpha[...] = photometric.blurred(rng, rgb, clip.labels.alpha)
    colour, grey, noise = rng.random(3) < (config.colour, config.grey, config.noise)
    if colour or grey or noise:
        rgb = photometric.graded(rng, rgb, colour, grey, noise)
    if rng.random() < config.coarse:
        rgb = photometric.coarsened(rng, rgb)
    if rng.random() < config.compression:
        rgb = photometric.compressed(rng, rgb)
    return dataclasses.replace(clip, rgb=rgb)

"""Clips that are rendered when they are asked for, and never stored.

`generate` is a function of a seed and an index, so this is a source like any other: endless, the
same for whoever reads it, and resumed by going on with the next index. Each clip takes one core for
about a second; the loader's workers render as many at a time as there are of them.
"""

import dataclasses
import sys

from thfm_jax.data import temporal
from thfm_jax.data.synthetic import assets
from thfm_jax.data.synthetic.clip import SyntheticClip
from thfm_jax.data.synthetic.generator import Settings, generate


@dataclasses.dataclass(frozen=True)
class LiveSource:
    """All clips of a seed and of settings, by index.

    Attributes:
      seed: of the clips.
      settings: of all clips.
      pack: file of the asset pack, None for the default.
      endless: True.
    """

    seed: int
    settings: Settings
    pack: str | None = None
    endless: bool = True

    def __post_init__(self) -> None:
        """Raises AssetError where there is no asset pack, before any worker needs it."""
        assets.load(self.pack)

    @property
    def name(self) -> str:
        """For messages."""
        return f"live clips of {self.settings.split}, seed {self.seed}"

    @property
    def frames(self) -> int:
        """Of every clip."""
        return self.settings.frames

    def __len__(self) -> int:
        return sys.maxsize

    def __getitem__(self, index: int) -> "Unrendered":
        return Unrendered(self, index, self.frames)


@dataclasses.dataclass(frozen=True)
class Unrendered:
    """A clip that has not been rendered yet."""

    source: LiveSource
    index: int
    frames: int

    def read(self, frames: slice = slice(None)) -> SyntheticClip:
        """Renders it, and returns those of its frames."""
        pack = assets.load(self.source.pack)
        clip = generate(pack, self.source.seed, self.index, self.source.settings)
        return temporal.take(clip, frames)

"""Where training clips come from: things with records that are read by number, lazily."""

import dataclasses
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from thfm_jax.config import build
from thfm_jax.data.synthetic.clip import SyntheticClip

T = TypeVar("T", covariant=True)


class Record(Protocol):
    """A clip that has not been decoded yet."""

    @property
    def frames(self) -> int:
        """How many it has."""

    def read(self, frames: slice) -> SyntheticClip:
        """Those of its frames, with `fps` of the whole; RecordError where they cannot be read."""


class Records(Protocol[T]):
    """Records by number, from any process and in any order; can be pickled."""

    @property
    def name(self) -> str:
        """For messages."""

    @property
    def frames(self) -> int:
        """The most that a record has."""

    @property
    def endless(self) -> bool:
        """Whether there are more numbers than anybody reads, so that none comes twice."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int, /) -> T:
        """Raises RecordError where the record is damaged."""


Source = Records[Record]


@dataclasses.dataclass(frozen=True)
class SourceConfig:
    """Which source, and its share.

    Attributes:
      kind: "humans" for clips or stills that experiments/generate.py stored, "synth_human" for the
        stills of SynthHuman, "live" for clips rendered on the fly.
      path: folder of the data; for "live" the asset pack, empty for the default.
      split: of the data.
      weight: how often examples come from it, relative to the other sources.
      first: only so many records of it, the first ones; 0 for all.
      seed: of live clips.
      settings: of live clips: fields of `generator.Settings` but for the split.
    """

    kind: str
    path: str = ""
    split: str = "train"
    weight: float = 1.0
    first: int = 0
    seed: int = 0
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in OPENERS:
            raise ValueError(f"no source of kind {self.kind!r}: there are {', '.join(OPENERS)}")
        if not self.weight > 0:
            raise ValueError(f"a source's weight is positive, not {self.weight}")
        if self.first < 0:
            raise ValueError(f"a source's first records are at least 0, not {self.first}")


@dataclasses.dataclass(frozen=True)
class First:
    """The first records of a source: a few live clips can be read once, or again and again."""

    source: Source
    count: int
    endless: bool = False

    @property
    def name(self) -> str:
        return f"the first {len(self)} of {self.source.name}"

    @property
    def frames(self) -> int:
        return self.source.frames

    def __len__(self) -> int:
        return min(self.count, len(self.source))

    def __getitem__(self, number: int, /) -> Record:
        return self.source[number]


# A kind's module is imported when it is used: live clips bring the generator along.
def _open_humans(config: SourceConfig) -> Source:
    from thfm_jax.data.datasets import reading

    return reading.open(config.path, config.split)


def _open_synth_human(config: SourceConfig) -> Source:
    from thfm_jax.data.datasets.synth_human import SynthHuman

    return SynthHuman(config.path)


def _open_live(config: SourceConfig) -> Source:
    from thfm_jax.data.synthetic.generator import Settings
    from thfm_jax.data.synthetic.live import LiveSource

    settings = build(Settings, {**config.settings, "split": config.split})
    return LiveSource(config.seed, settings, config.path or None)


OPENERS: dict[str, Callable[[SourceConfig], Source]] = {
    "humans": _open_humans,
    "synth_human": _open_synth_human,
    "live": _open_live,
}


def open_source(config: SourceConfig) -> Source:
    """The source; raises ValueError or its subclasses where there is none such."""
    source = OPENERS[config.kind](config)
    return First(source, config.first) if config.first else source

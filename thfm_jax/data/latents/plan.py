"""What a cache of latents consists of, and from what it was made: `latents.json` in its folder.

Each host writes the clips that it loads, an equal run of every batch, to files of its own. Clips
are numbered as the loader draws them, whatever the number of hosts.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from thfm_jax.config import build
from thfm_jax.data.datasets import container, shards
from thfm_jax.data.datasets.shards import Layout
from thfm_jax.data.examples import Shape

NAME = "latents"
FILE = f"{NAME}.json"
DTYPE = "float16"  # of the latents where nobody says


class CacheError(ValueError):
    """A folder is no cache of latents, is not complete, or is not of what is asked for."""


@dataclasses.dataclass(frozen=True)
class Stream:
    """The clips of one shape: `batches` of `batch` clips, over all hosts."""

    frames: int
    height: int
    width: int
    batch: int
    batches: int

    @property
    def shape(self) -> Shape:
        return Shape(self.frames, self.height, self.width)


@dataclasses.dataclass(frozen=True)
class Plan:
    """A cache.

    Attributes:
      made_of: plain values that decide what its clips show: sources, seed, augmentation.
      tasks: whose targets it holds.
      streams: what it holds, one of each shape.
      vae: checksum of the VAE: see `training.caching.checksum`.
      vae_dtype: in which that computed.
      dtype: of the stored latents.
      hosts: that write it.
      file_batches: batches that go into a file of each host.
      version: of the records' format.
    """

    made_of: Mapping[str, Any]
    tasks: tuple[str, ...]
    streams: tuple[Stream, ...]
    vae: int
    vae_dtype: str
    dtype: str
    hosts: int
    file_batches: int
    version: int = container.VERSION

    def __post_init__(self) -> None:
        shapes = [stream.shape for stream in self.streams]
        for stream in self.streams:
            if shapes.count(stream.shape) > 1:
                raise ValueError(f"a cache has one bucket of a shape, not two of {_name(stream)}")
            if not stream.batches:
                raise ValueError(f"there is no batch of {_name(stream)} among so few: ask for more")
        if self.file_batches < 1:
            raise ValueError(f"a file holds at least one batch, not {self.file_batches}")

    def run(self, stream: Stream) -> int:
        """Clips of each batch that a host writes."""
        return stream.batch // self.hosts

    def layouts(self, stream: Stream) -> list[Layout]:
        """The files of each host."""
        clips = self.run(stream)
        return [
            Layout(
                f"{_name(stream)}-host{host}",
                clips * stream.batches,
                clips * self.file_batches,
                NAME,
            )
            for host in range(self.hosts)
        ]

    def missing(self, folder: Path, stream: Stream) -> list[int]:
        """The files of a stream that not every host has stored yet."""
        return sorted({i for host in self.layouts(stream) for i in host.missing(folder)})

    def begin(self, folder: Path) -> None:
        """Stores the plan; raises CacheError where the folder has another."""
        if not (folder / FILE).exists():
            text = json.dumps(dataclasses.asdict(self), indent=2, sort_keys=True)
            shards.write_text(folder / FILE, text + "\n")
        elif differing := differences(dataclasses.asdict(read(folder)), dataclasses.asdict(self)):
            raise CacheError(
                f"{folder} holds latents that were made otherwise: {differing}. Go on with the "
                "same, or choose another folder"
            )


def read(folder: Path) -> Plan:
    """The plan of a cache; CacheError where the folder is none."""
    file = folder / FILE
    try:
        plain = json.loads(file.read_text())
        streams = tuple(build(Stream, stream) for stream in plain.pop("streams"))
        return build(Plan, {**plain, "streams": streams})
    except OSError as error:
        raise CacheError(
            f"{folder} is no cache of latents: there is no {FILE}. Make one with "
            "experiments.cache_latents"
        ) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CacheError(f"{file} is damaged: {error!r}") from error


def differences(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """In what two trees of plain values differ, "seed 1, not 0"; empty where they are the same."""
    found, asked = _flat(there), _flat(wanted)
    names = [name for name in {**found, **asked} if found.get(name) != asked.get(name)]
    return ", ".join(f"{name} {found.get(name)}, not {asked.get(name)}" for name in names)


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    """The leaves of plain data by their path, "sources.0.kind"."""
    if isinstance(value, Mapping):
        items = list(value.items())
    elif isinstance(value, Sequence) and not isinstance(value, str):
        items = list(enumerate(value))
    else:
        return {name: value}
    flat: dict[str, Any] = {}
    for key, inner in items:
        flat |= _flat(inner, f"{name}.{key}" if name else str(key))
    return flat


def _name(stream: Stream) -> str:
    return f"{stream.frames}x{stream.height}x{stream.width}"

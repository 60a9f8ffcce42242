"""Opens a cache of latents, and makes batches of its clips."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from thfm_jax.data import examples
from thfm_jax.data.datasets.reading import Shard
from thfm_jax.data.datasets.shards import Layout
from thfm_jax.data.examples import Draw, Shape
from thfm_jax.data.latents import plan, record
from thfm_jax.data.latents.plan import CacheError

Arrays = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class CachedClips:
    """The clips of one shape by number, in the order of the loader that they come from.

    Attributes:
      folder: where they are.
      shape: of their frames.
      hosts: the files of each host that wrote them.
      run: clips of each batch that a host wrote.
      endless: False.
    """

    folder: Path
    shape: Shape
    hosts: tuple[Layout, ...]
    run: int
    endless: bool = dataclasses.field(default=False, init=False)

    @property
    def name(self) -> str:
        """For messages."""
        size = f"{self.shape.frames}x{self.shape.height}x{self.shape.width}"
        return f"{self.folder} ({size})"

    @property
    def frames(self) -> int:
        """Of each clip."""
        return self.shape.frames

    def __len__(self) -> int:
        return sum(host.clips for host in self.hosts)

    def __getitem__(self, number: int, /) -> Arrays:
        """The arrays of a clip; RecordError, which names file and record, where it is damaged."""
        batch, place = divmod(number, self.run * len(self.hosts))
        host, offset = divmod(place, self.run)
        layout = self.hosts[host]
        shard, position = divmod(batch * self.run + offset, layout.shard_clips)
        file = Shard(layout.path(self.folder, shard), len(layout.indices(shard)))
        return file.decoded(position, record.decode)


def open(folder: str | Path, made_of: Mapping[str, Any], tasks: Sequence[str]) -> list[CachedClips]:
    """The clips of a cache, one entry for each shape.

    Args:
      folder: where it is.
      made_of: what its clips are to be made of: see `Plan`.
      tasks: whose targets it is to have.

    Raises:
      CacheError: there is no cache, it is not complete, or it is one of other clips; the message
        says in what they differ.
    """
    folder = Path(folder)
    there = plan.read(folder)
    differing = plan.differences(there.made_of, made_of)
    if differing:
        raise CacheError(
            f"{folder} holds latents of other clips: {differing}. Make a cache with this "
            'configuration, or set loader.latents to ""'
        )
    lacking = [task for task in tasks if task not in there.tasks]
    if lacking:
        raise CacheError(f"{folder} has no targets of {', '.join(lacking)}")
    files = sum(len(there.missing(folder, stream)) for stream in there.streams)
    if files:
        raise CacheError(
            f"{folder} is not complete, {files} files are missing: the same "
            "experiments.cache_latents goes on"
        )
    return [
        CachedClips(folder, stream.shape, tuple(there.layouts(stream)), there.run(stream))
        for stream in there.streams
    ]


def clips_for(cached: Sequence[CachedClips], shape: Shape, batch: int) -> CachedClips:
    """The clips of a bucket; CacheError where there are none, or too few for a batch."""
    found = next((clips for clips in cached if clips.shape == shape), None)
    if found is None:
        known = ", ".join(clips.name for clips in cached)
        raise CacheError(
            f"no latents of a bucket of {shape.frames}x{shape.height}x{shape.width}: there are "
            f"{known}"
        )
    if len(found) < batch:
        raise CacheError(
            f"{found.name} has {len(found)} clips, too few for a batch of {batch}: cache more"
        )
    return found


def make(tasks: tuple[str, ...], skip_damaged: bool, draws: Sequence[Draw]) -> dict[str, Any]:
    """The batch of these clips, as `examples.make` but with latents: see `record` for its entries.

    Raises:
      RecordError: a record cannot be read, nor, with `skip_damaged`, any of its source.
    """
    found = [examples.first_whole(draw, skip_damaged, lambda clip: clip) for draw in draws]
    clips = [clip for clip, _ in found]
    chosen = [name for name in clips[0] if _is_of(name, tasks)]
    batch = record.nest({name: np.stack([clip[name] for clip in clips]) for name in chosen})
    return {"targets": {}, **batch, "skipped": np.int64(sum(skipped for _, skipped in found))}


def _is_of(name: str, tasks: tuple[str, ...]) -> bool:
    """Whether an array belongs to a batch with the targets of those tasks."""
    *_, owner, task, _ = ("", "", *name.split("/"))
    return owner != "targets" or task in tasks

"""Stores a split of synthetic clips with all cores; goes on where an earlier run was stopped."""

import collections
import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path

import tqdm

from thfm_jax.data.datasets import envelope, metadata, plan, shards, workers
from thfm_jax.data.datasets.container import RecordError
from thfm_jax.data.datasets.plan import Plan
from thfm_jax.data.datasets.reading import Shard
from thfm_jax.data.datasets.series import Series
from thfm_jax.data.datasets.shards import Layout


@dataclasses.dataclass(frozen=True)
class ShardWriter:
    """Stores a shard of a series, with a step for each clip: the work of a process."""

    folder: Path
    layout: Layout
    series: Series

    def __call__(self, shard: int) -> Iterator[None]:
        records = (
            envelope.wrap(self.series.key(index), self.series.record(index))
            for index in self.layout.indices(shard)
        )
        return shards.write(self.layout.path(self.folder, shard), records)


def build(folder: str | Path, task: Plan, series: Series, processes: int) -> None:
    """Stores what is missing of a split, and lists it in the folder's metadata once it is whole.

    Shows a bar on stderr, with notes of what went wrong and was mended.

    Raises:
      BusyError: another process writes the folder.
      PlanError: the folder was begun with another plan.
      JobError: a clip cannot be made, or processes die again and again.
    """
    folder, layout = Path(folder), task.layout
    with shards.lock(folder):
        task.begin(folder)
        shards.remove_partial(folder)
        discard_damaged(folder, layout)
        missing = layout.missing(folder)
        if processes > len(missing) > 0:
            _note(
                f"{len(missing)} shards of {layout.shard_clips} clips are left to make, so only "
                f"{len(missing)} of {processes} processes are used"
            )
        try:
            _store(ShardWriter(folder, layout, series), missing, processes)
        finally:
            shards.remove_partial(folder)
        metadata.write(folder, plan.layouts(folder))


def verify(folder: str | Path, task: Plan) -> list[str]:
    """Reads every record of a split; a sentence for each file or record that is not as planned."""
    shards_of = _shards(Path(folder), task.layout)
    faults = []
    for number, shard in enumerate(tqdm.tqdm(shards_of, unit="shard", dynamic_ncols=True)):
        try:
            shard.check()
        except RecordError as error:
            faults.append(str(error))
            continue
        for position, index in enumerate(task.layout.indices(number)):
            try:
                key, expected = shard.read(position)[0], task.key(index)
                if key != expected:
                    faults.append(f"{shard.path}, record {position}: is {key}, not {expected}")
            except RecordError as error:
                faults.append(str(error))
    return faults


def _shards(folder: Path, layout: Layout) -> list[Shard]:
    return [
        Shard(layout.path(folder, number), len(layout.indices(number)))
        for number in range(len(layout))
    ]


def discard_damaged(folder: Path, layout: Layout) -> None:
    """Removes stored shards that cannot be opened, to make them again."""
    for shard in _shards(folder, layout):
        try:
            if shard.path.is_file():
                shard.check()
        except RecordError as error:
            _note(f"{error}; it is made again")
            shard.path.unlink()


def _note(text: str) -> None:
    """Shows a line above the bar."""
    tqdm.tqdm.write(f"note: {text}", file=sys.stderr)


def _store(work: ShardWriter, missing: list[int], processes: int) -> None:
    layout = work.layout
    left = sum(len(layout.indices(shard)) for shard in missing)
    steps: collections.Counter[int] = collections.Counter()
    with tqdm.tqdm(
        total=layout.clips, initial=layout.clips - left, unit="clip", dynamic_ncols=True
    ) as bar:
        for event in workers.run(work, missing, processes):
            if event.kind == "step":
                steps[event.job] += 1
                bar.update()
            elif event.kind == "lost":
                _note(f"{event.reason}; another makes its shard again")
                bar.update(-steps.pop(event.job, 0))

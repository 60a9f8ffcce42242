"""Opens a folder of stored clips, whoever wrote it: any record of a split by its number.

A folder holds ArrayRecord files, "shards", and `dataset_info.json`, TFDS's list of them.
"""

import dataclasses
import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, SupportsIndex, TypeVar

import numpy as np
from absl import logging
from array_record.python.array_record_module import ArrayRecordReader

from thfm_jax.data.datasets import envelope, shards
from thfm_jax.data.datasets.container import RecordError
from thfm_jax.data.datasets.encoding import Record
from thfm_jax.data.datasets.envelope import Key

INFO = "dataset_info.json"
T = TypeVar("T")

_OPEN_SHARDS = 256  # in each process; systems often allow 1024 open files


class DatasetError(ValueError):
    """A folder that is no complete dataset; the message says what is wrong with which file."""


@dataclasses.dataclass(frozen=True)
class Shard:
    """A file of a dataset, and how many clips it should hold."""

    path: Path
    clips: int

    def read(self, position: int) -> tuple[Key, Record]:
        """The clip at a position; raises RecordError where it or the whole file is damaged."""
        return self.decoded(position, _unwrapped)

    def decoded(self, position: int, decode: Callable[[bytes], T]) -> T:
        """What `decode` makes of the record at a position; raises RecordError as `read`."""
        try:
            reader = _reader(str(self.path), self.clips)
            # ArrayRecord compares a checksum of its own, and says so with a RuntimeError.
            return decode(reader.read([position])[0])
        except (RecordError, RuntimeError) as error:
            raise RecordError(f"{self.path}, record {position}: {error}") from error

    def check(self) -> None:
        """Raises RecordError where the file is missing, cut off, or of another length."""
        try:
            _reader(str(self.path), self.clips)
        except RecordError as error:
            raise RecordError(f"{self.path}: {error}") from error


@dataclasses.dataclass(frozen=True)
class Dataset:
    """The clips of a split, by their number; can be pickled, and read from many threads.

    Attributes:
      folder: where they are.
      split: its name.
      shards: its files.
      endless: False: there are `len(dataset)` clips and no more.
    """

    folder: Path
    split: str
    shards: tuple[Shard, ...]
    endless: bool = dataclasses.field(default=False, init=False)

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.folder} ({self.split})"

    @functools.cached_property
    def frames(self) -> int:
        """How many frames its clips have; raises RecordError where none can be read."""
        return next(self.records("skip")).frames

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, number: SupportsIndex) -> Record:
        """A clip, not decoded yet.

        Raises:
          IndexError: there is none of that number.
          RecordError: it is damaged; the message names file and record.
        """
        shard, position = self._place(number)
        return shard.read(position)[1]

    def key(self, number: SupportsIndex) -> Key:
        """Which clip it is; raises as reading it does."""
        shard, position = self._place(number)
        return shard.read(position)[0]

    def records(self, on_damage: Literal["raise", "skip"] = "raise") -> Iterator[Record]:
        """All clips in order.

        "skip" goes on after a damaged one, logs its name, and in the end how many there were.

        Raises:
          RecordError: one is damaged, and `on_damage` is "raise"; or all are.
        """
        skipped = 0
        for number in range(len(self)):
            try:
                yield self[number]
            except RecordError as error:
                skipped += 1
                if on_damage == "raise" or skipped == len(self):
                    raise
                logging.warning("skipped: %s", error)
        if skipped:
            logging.warning("skipped %d of %d records of %s", skipped, len(self), self.name)

    @functools.cached_property
    def _ends(self) -> np.ndarray:
        return np.cumsum([shard.clips for shard in self.shards])

    def _place(self, number: SupportsIndex) -> tuple[Shard, int]:
        index = number.__index__()
        if not 0 <= index < len(self):
            raise IndexError(f"{self.name} has {len(self)} records, none of number {index}")
        shard = int(np.searchsorted(self._ends, index, side="right"))
        return self.shards[shard], index - int(self._ends[shard]) + self.shards[shard].clips


def open(folder: str | Path, split: str = "train") -> Dataset:
    """The clips of a split.

    Raises:
      DatasetError: the folder is no dataset, is not complete, lacks a file or has no such split.
    """
    folder = Path(folder)
    splits = list_splits(folder)
    if split not in splits:
        raise DatasetError(f"{folder} has no split {split!r}: there are {', '.join(splits)}")
    missing = [shard.path.name for shard in splits[split] if not shard.path.is_file()]
    if missing:
        raise DatasetError(f"{folder}: {len(missing)} files are missing, {missing[0]} among them")
    return Dataset(folder, split, splits[split])


def list_splits(folder: Path) -> dict[str, tuple[Shard, ...]]:
    """The files of each split, as `dataset_info.json` lists them; DatasetError without one."""
    file = folder / INFO
    try:
        info = json.loads(file.read_text())
        return {split["name"]: _shards(folder, info["name"], split) for split in info["splits"]}
    except FileNotFoundError as error:
        raise DatasetError(
            f"{folder} is no dataset, or not a complete one: there is no {INFO}. Where "
            "experiments.generate was stopped, the same command goes on"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{file} is damaged: {error!r}") from error


def _shards(folder: Path, name: str, split: dict) -> tuple[Shard, ...]:
    lengths = [int(length) for length in split["shardLengths"]]
    return tuple(
        Shard(folder / shards.file_name(name, split["name"], number, len(lengths)), length)
        for number, length in enumerate(lengths)
    )


def _unwrapped(example: bytes) -> tuple[Key, Record]:
    key, data = envelope.unwrap(example)
    return key, Record(data)


@functools.lru_cache(_OPEN_SHARDS)
def _reader(path: str, clips: int) -> ArrayRecordReader:
    """The open file, kept by this process; RecordError where it is no whole file of so many."""
    reader = ArrayRecordReader(path, "readahead_buffer_size:0")
    try:
        if not reader.ok():
            reader.read([0])  # fails, and says why
    except RuntimeError as error:
        raise RecordError(str(error)) from error
    if reader.num_records() != clips:
        raise RecordError(f"expected {clips} records, got {reader.num_records()}")
    return reader

"""The files of a dataset: each is complete or not there, and only one program writes a folder.

A file is written under another name and gets its own when it is whole and on the disk. So what has
been done can be read from the names of the files, whenever a program was stopped.
"""

import contextlib
import dataclasses
import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from array_record.python.array_record_module import ArrayRecordWriter

NAME = "thfm_humans"
_PARTIAL = ".partial"


class BusyError(ValueError):
    """Another program writes the folder; the message says which."""


@dataclasses.dataclass(frozen=True)
class Layout:
    """Which clips of a split go into which shard: equal runs of them, the last may be shorter.

    Attributes:
      split: its name.
      clips: how many there are.
      shard_clips: how many go into a shard.
      dataset: with which the files' names begin.
    """

    split: str
    clips: int
    shard_clips: int
    dataset: str = NAME

    def __post_init__(self) -> None:
        if self.clips < 1 or self.shard_clips < 1:
            raise ValueError(
                f"a dataset has at least one clip, and a shard too: not {self.clips} "
                f"and {self.shard_clips}"
            )

    def __len__(self) -> int:
        return -(-self.clips // self.shard_clips)

    def path(self, folder: Path, shard: int) -> Path:
        """Where a shard is stored."""
        return folder / file_name(self.dataset, self.split, shard, len(self))

    def indices(self, shard: int) -> range:
        """The clips of a shard."""
        start = shard * self.shard_clips
        return range(start, min(start + self.shard_clips, self.clips))

    def missing(self, folder: Path) -> list[int]:
        """The shards that are not stored yet."""
        return [i for i in range(len(self)) if not self.path(folder, i).is_file()]


def file_name(dataset: str, split: str, shard: int, shards: int) -> str:
    """TFDS's name of a shard's file."""
    return f"{dataset}-{split}.array_record-{shard:05d}-of-{shards:05d}"


def write(path: Path, records: Iterable[bytes]) -> Iterator[None]:
    """Stores a shard; yields after each record. Left early or by an exception, stores nothing."""
    partial = path.with_name(f".{path.name}.{os.getpid()}{_PARTIAL}")
    # Records are compressed already. Groups of one let each be read by itself.
    writer = ArrayRecordWriter(str(partial), "group_size:1,uncompressed")
    try:
        for record in records:
            writer.write(record)
            yield
        writer.close()
        publish(partial, path)
    finally:
        if writer.is_open():
            writer.close()
        partial.unlink(missing_ok=True)


def publish(partial: Path, path: Path) -> None:
    """Gives a finished file its name, in one step that a crash of the machine does not undo."""
    _sync(partial)
    os.replace(partial, path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Writes or replaces a small file in one step."""
    partial = path.with_name(f".{path.name}.{os.getpid()}{_PARTIAL}")
    try:
        partial.write_text(text)
        publish(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def remove_partial(folder: Path) -> None:
    """Removes what programs left that were killed while they wrote."""
    for partial in folder.glob(f".*{_PARTIAL}"):
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Makes the folder and keeps others from writing it; raises BusyError where another does.

    The system takes the lock off when this process ends, however it ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise BusyError(
                f"process {file.read() or 'of another machine'} is writing {folder}: wait for it, "
                "or choose another folder"
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield

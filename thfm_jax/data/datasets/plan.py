"""What a split is to consist of; stored beside it, so that only the same is gone on with."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from thfm_jax.data.datasets import container, shards
from thfm_jax.data.datasets.envelope import Key
from thfm_jax.data.datasets.reading import INFO
from thfm_jax.data.datasets.shards import Layout


class PlanError(ValueError):
    """A folder was begun with another plan; the message says in what it differs."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """Clips 0 to `layout.clips` of one seed.

    Attributes:
      layout: how many, and how they are spread over files.
      seed: of the generator.
      made_with: plain values that decide what a clip shows besides: the generator's settings, its
        version and that of its assets.
    """

    layout: Layout
    seed: int
    made_with: dict[str, Any]

    def key(self, index: int) -> Key:
        """The name of a clip."""
        return Key(self.layout.split, self.seed, index)

    def begin(self, folder: Path) -> None:
        """Stores the plan; raises PlanError where the folder has another for this split."""
        file, plan = _file(folder, self.layout.split), self._json()
        if (folder / INFO).exists() and not layouts(folder):
            raise PlanError(f"{folder} holds a dataset that something else made: choose another")
        if not file.exists():
            shards.write_text(file, json.dumps(plan, indent=2) + "\n")
            return
        begun = _read(file)
        differing = [key for key in {**begun, **plan} if begun.get(key) != plan.get(key)]
        if differing:
            raise PlanError(
                f"{folder} holds {self.layout.split} with other settings: "
                + ", ".join(f"{key} {begun.get(key)}, not {plan.get(key)}" for key in differing)
                + ". Go on with the same, or choose another folder"
            )

    def _json(self) -> dict[str, Any]:
        values = {
            "split": self.layout.split,
            "clips": self.layout.clips,
            "shard_clips": self.layout.shard_clips,
            "seed": self.seed,
            "record_version": container.VERSION,
            **self.made_with,
        }
        return json.loads(json.dumps(values))  # lists where tuples were, as a file has them


def layouts(folder: Path) -> list[Layout]:
    """Of all splits that were begun in the folder, by name."""
    files = sorted(folder.glob(_file(folder, "*").name))
    return [Layout(p["split"], p["clips"], p["shard_clips"]) for p in map(_read, files)]


def shard_clips(clips: int) -> int:
    """How many clips go into a shard where nobody says: 64 or more shards, of 64 clips at most."""
    return min(-(-clips // 64), 64)


def _file(folder: Path, split: str) -> Path:
    return folder / f"{shards.NAME}-{split}.plan.json"


def _read(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text())
    except ValueError as error:
        raise PlanError(f"{file} is damaged: remove {file.parent} and begin anew") from error

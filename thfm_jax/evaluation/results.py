"""Results of single sequences on disk: where processes meet, and where a stopped run goes on.

    OUTPUT/plan.json                what is evaluated; a folder takes one evaluation
    OUTPUT/sequences/<name>.json    the tallies of one sequence
    OUTPUT/gallery/*.png            pictures of the worst frames so far

Files appear whole or not at all.
"""

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from thfm_jax.evaluation.tally import Tally, from_json


class ResultError(ValueError):
    """A folder that holds other results, or damaged ones; the message names it."""


@dataclasses.dataclass(frozen=True)
class Result:
    """What one sequence scores.

    Attributes:
      name, groups: of the sequence.
      frames: how many it has.
      scored: how many have a label for the first measure.
      tallies: measure -> its tally.
      worst: (frame, its score) of the worst frames, the worst first.
      trained: False where the predictions are those of random weights.
    """

    name: str
    groups: Mapping[str, str]
    frames: int
    scored: int
    tallies: Mapping[str, Tally]
    worst: Sequence[tuple[int, float]] = ()
    trained: bool = True


@dataclasses.dataclass(frozen=True)
class Folder:
    """The results of an evaluation, by sequence."""

    root: Path

    def claim(self, plan: Mapping[str, Any]) -> None:
        """Writes down what is evaluated here; ResultError where it is something else already."""
        if not self._plan.exists():
            write_text(self._plan, _text(plan))
        self.check(plan)

    def check(self, plan: Mapping[str, Any]) -> None:
        """ResultError where something else is evaluated here."""
        if not self._plan.exists():
            return
        there, wanted = json.loads(self._plan.read_text()), json.loads(_text(plan))
        differing = sorted(key for key in {*there, *wanted} if there.get(key) != wanted.get(key))
        if differing:
            key = differing[0]
            raise ResultError(
                f"{self.root} holds another evaluation: {key} was {there.get(key)!r} and is "
                f"{wanted.get(key)!r} now; name another folder"
            )

    @property
    def _plan(self) -> Path:
        return self.root / "plan.json"

    def file(self, name: str) -> Path:
        """Where the result of a sequence is."""
        return self.root / "sequences" / f"{name}.json"

    def picture(self, name: str, frame: int) -> Path:
        """Where the picture of a bad frame is."""
        return self.root / "gallery" / f"{name.replace('/', '__')}.{frame:06d}.png"

    def write_picture(self, name: str, frame: int, picture: UInt8[np.ndarray, "H W 3"]) -> None:
        file = self.picture(name, frame)
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(f".{os.getpid()}.partial")
        Image.fromarray(picture).save(partial, format="png", compress_level=1)  # ten times faster
        os.replace(partial, file)

    def has(self, name: str) -> bool:
        return self.file(name).exists()

    def write(self, result: Result) -> None:
        data = {
            **{field.name: getattr(result, field.name) for field in dataclasses.fields(result)},
            "tallies": {key: tally.to_json() for key, tally in result.tallies.items()},
        }
        write_text(self.file(result.name), json.dumps(data, indent=1) + "\n")

    def read(self, name: str) -> Result:
        """The result of a sequence; ResultError where it is damaged."""
        file = self.file(name)
        try:
            data = json.loads(file.read_text())
            tallies = {key: from_json(tally) for key, tally in data["tallies"].items()}
            worst = [(int(frame), float(score)) for frame, score in data["worst"]]
            return Result(**{**data, "tallies": tallies, "worst": worst})
        except (ValueError, KeyError, TypeError) as error:
            raise ResultError(f"{file} is damaged: {error!r}; remove it, and go on") from error


def _text(plan: Mapping[str, Any]) -> str:
    return json.dumps(plan, indent=2, sort_keys=True, default=str) + "\n"


def write_text(file: Path, text: str) -> None:
    """Writes a file so that it is there whole or not at all, whoever writes it besides."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f"{file.name}.{os.getpid()}.partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, file)

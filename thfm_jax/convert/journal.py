"""What a conversion has done so far, on disk, so that the next run goes on where this one ended."""

import json
import os
from pathlib import Path
from typing import Any

from thfm_jax.convert.errors import ConversionError


class Journal:
    """`journal.json` in the folder that a conversion builds: the task, and pieces written by part.

    Every change replaces the file in one step, so that it is never half written.
    """

    def __init__(self, folder: Path, task: dict[str, Any]):
        """Opens the journal in `folder`, or begins one where there is neither.

        Args:
          task: source files with their hashes, and the options, as JSON; ConversionError where the
            journal is of another task.
        """
        self._file = folder / "journal.json"
        self._task, self._pieces = task, dict[str, int]()
        if self._file.is_file():
            begun, self._pieces = _read(self._file)
            _check_same_task(folder, begun, task)
        elif folder.is_dir() and any(folder.iterdir()):
            raise ConversionError(f"{folder} is in the way, and no conversion began it: remove it")
        else:
            folder.mkdir(parents=True, exist_ok=True)
            self._write()

    def pieces(self, part: str) -> int | None:
        """How many pieces of a part are on disk; None where it has not begun."""
        return self._pieces.get(part)

    def record(self, part: str, pieces: int) -> None:
        """Notes that so many pieces of a part are on disk."""
        self._pieces[part] = pieces
        self._write()

    def _write(self) -> None:
        temporary = self._file.with_suffix(".tmp")
        with open(temporary, "w") as stream:
            json.dump({"task": self._task, "pieces": self._pieces}, stream, indent=2)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, self._file)


def _read(file: Path) -> tuple[dict[str, Any], dict[str, int]]:
    try:
        content = json.loads(file.read_text())
        return content["task"], content["pieces"]
    except (ValueError, KeyError, TypeError) as error:
        raise ConversionError(
            f"{file} cannot be read: remove {file.parent} to begin anew"
        ) from error


def _check_same_task(folder: Path, begun: dict[str, Any], asked: dict[str, Any]) -> None:
    differing = [key for key in asked if begun.get(key) != asked[key]]
    if differing:
        raise ConversionError(
            f"{folder} was begun with another {' and another '.join(differing)}. Go on with the "
            f"same, or remove {folder} to begin anew"
        )

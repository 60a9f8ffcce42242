"""Converts a folder of released weights into a model directory: streaming, resumable, atomic.

Everything is built in OUTPUT.partial and moved to OUTPUT at the end, so OUTPUT is there completely
or not at all. One piece of a parameter is in memory at a time, at most one layer of a stacked one.
"""

import dataclasses
import datetime
import json
import math
import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from thfm_jax import checkpoints
from thfm_jax import config as config_lib
from thfm_jax.convert import assemble, disk, hashes
from thfm_jax.convert.errors import ConversionError
from thfm_jax.convert.journal import Journal
from thfm_jax.convert.plan import Plan
from thfm_jax.convert.progress import progress
from thfm_jax.convert.source import Source, open_source
from thfm_jax.convert.writer import PartWriter

# Rises with every change of the tables, the layouts, the pieces or the model directory.
VERSION = 1


@dataclasses.dataclass(frozen=True)
class PartReport:
    """What became of one part.

    Attributes:
      part, layout: what it is and how it was stored.
      tensors, matched: PyTorch tensors in the source, and those that the table names: all of them,
        since a conversion stops at the first that is unknown or missing.
      unmatched: the difference.
      parameters: number of weights.
      bytes: what they take, in the model directory and in memory.
      dtypes: how many arrays of ours have each dtype.
      seconds: of this run; 0 where an earlier run had written the part.
      largest: bytes of the largest array.
    """

    part: str
    layout: str
    tensors: int
    matched: int
    unmatched: int
    parameters: int
    bytes: int
    dtypes: dict[str, int]
    seconds: float
    largest: int


def convert(
    source: str | Path,
    output: str | Path,
    *,
    parts: Iterable[str] | None = None,
    dtype: str = assemble.SOURCE,
    overwrite: bool = False,
) -> list[PartReport]:
    """Writes the model directory `output` from the released weights in `source`.

    A run that was stopped goes on where it ended when it is started again with the same arguments.

    Args:
      source: a folder, or one file, as `convert.source` describes.
      output: the model directory; it must not exist unless `overwrite`, which replaces it only
        when the new one is complete.
      parts: those wanted, None for all that are there.
      dtype: "source", "bfloat16" or "float32"; see `assemble.stored_dtype`.

    Raises ConversionError where source, output or options cannot be used, or the disk is full.
    """
    output = Path(output).absolute()
    partial = output.with_name(output.name + checkpoints.PARTIAL_SUFFIX)
    _check_output(output, overwrite)
    opened = open_source(source, parts)
    config = _config(opened)
    plans = {part: Plan(found, dtype) for part, found in opened.parts.items()}
    task = {
        "version": VERSION,
        "source": hashes.source_files(opened),
        "parts": list(plans),
        "dtype": dtype,
    }
    kept = f"{partial} keeps what has been written; run the same command again to go on"
    with disk.full_disk_explained(kept):
        journal = Journal(partial, task)
        model = partial / "model"
        disk.check_space(partial, _bytes_to_write(model, plans, journal))
        reports = [_convert_part(model, part, plan, journal) for part, plan in plans.items()]
        _complete(model, opened, config, task, reports)
        _move(model, output, partial)
    return reports


def _check_output(output: Path, overwrite: bool) -> None:
    if not output.exists():
        return
    if not overwrite:
        raise ConversionError(f"{output} exists already: remove it, or give --overwrite")
    if not (output / checkpoints.MANIFEST).is_file():
        raise ConversionError(f"{output} is no converted model: --overwrite does not replace it")


def _config(source: Source) -> dict[str, Any]:
    """Content of config.json: the parts that are there, and the model's name."""
    entries = {
        checkpoints.CONFIG_ENTRIES[part]: dataclasses.asdict(found.config)
        for part, found in source.parts.items()
    }
    dit = source.parts[checkpoints.DIT].config if checkpoints.DIT in source.parts else None
    presets = (name for name, preset in config_lib.PRESETS.items() if preset.dit == dit)
    config = {"name": next(presets, "custom"), **entries}
    try:
        checkpoints.parse_config(config)
    except ValueError as error:
        raise ConversionError(f"the parts of {source.root} do not fit together: {error}") from error
    return config


def _begun(model: Path, part: str, journal: Journal) -> int | None:
    """Pieces of a part that are on disk, None where it must begin anew."""
    return journal.pieces(part) if (model / part).is_dir() else None


def _bytes_to_write(model: Path, plans: dict[str, Plan], journal: Journal) -> int:
    return sum(
        piece.nbytes
        for part, plan in plans.items()
        for piece in plan.pieces[_begun(model, part, journal) or 0 :]
    )


def _convert_part(model: Path, part: str, plan: Plan, journal: Journal) -> PartReport:
    started = time.monotonic()
    _write_part(model, part, plan, journal)
    tensors = len(plan.source.tensors)
    matched = sum(len(row.tensors(plan.source.layout)) for row in plan.source.rows)
    return PartReport(
        part=part,
        layout=plan.source.layout,
        tensors=tensors,
        matched=matched,
        unmatched=tensors - matched,
        parameters=sum(math.prod(row.target_shape) for row in plan.source.rows),
        bytes=sum(piece.nbytes for piece in plan.pieces),
        dtypes=plan.dtypes(),
        seconds=round(time.monotonic() - started, 3),
        largest=max(plan.nbytes(row) for row in plan.source.rows),
    )


def _write_part(model: Path, part: str, plan: Plan, journal: Journal) -> None:
    writer, done = PartWriter(model / part), _begun(model, part, journal)
    if done is None:
        writer.create(plan)
        journal.record(part, 0)
    done = done or 0
    total = sum(piece.nbytes for piece in plan.pieces)
    written = sum(piece.nbytes for piece in plan.pieces[:done])
    with progress(total, part, written) as bar:
        for n, piece in enumerate(plan.pieces[done:], start=done + 1):
            writer.write(piece, plan.array(piece))
            journal.record(part, n)
            bar.update(piece.nbytes)


def _complete(
    model: Path, source: Source, config: dict, task: dict, reports: list[PartReport]
) -> None:
    """Writes what makes `model` a model directory."""
    if checkpoints.TEXT_ENCODER in source.parts and source.tokenizer:
        (model / checkpoints.TOKENIZER).mkdir(exist_ok=True)
        for file in source.tokenizer:
            shutil.copyfile(file, model / checkpoints.TOKENIZER / file.name)
    manifest = {
        "converter": VERSION,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "dtype": task["dtype"],
        "source": task["source"],
        "parts": [dataclasses.asdict(report) for report in reports],
    }
    (model / checkpoints.MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
    (model / checkpoints.CONFIG).write_text(json.dumps(config, indent=2) + "\n")


def _move(model: Path, output: Path, partial: Path) -> None:
    """Puts the finished model in its place; each step leaves something to go on from."""
    if output.exists():
        replaced = partial / "replaced"
        shutil.rmtree(replaced, ignore_errors=True)
        os.replace(output, replaced)
    os.replace(model, output)
    shutil.rmtree(partial)

"""Whose working directory it is: a training goes on only with the recipe that it began with.

What changes neither the training's data nor its mathematics may change between two starts.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax

from thfm_jax.training import recipe
from thfm_jax.training.checkpoint import ResumeError
from thfm_jax.training.recipe import Recipe

RECIPE = "recipe.json"
MODEL = "model"  # folder in the working directory

# Entries, each with all that is in it, that a training may be resumed with other values of.
FREE = (
    "mesh",
    "every",
    "evaluation",
    "worst_loss",
    "failures",
    "compute.attention",
    "compute.conv",
    "compute.remat",
    "compute.scan",
    "compute.vae_chunk",
    "compute.tasks_at_once",
    "loader.workers",
    "loader.threads",
    "loader.buffer",
    "loader.skip_damaged",
)


def claim(workdir: Path, given: Recipe) -> list[str]:
    """Makes `workdir` that of `given`; returns what is new about it, "entry: old -> new".

    The first process writes recipe.json, whole or not at all. Before the first checkpoint all may
    change.

    Raises:
      ResumeError: it is another recipe's: it differs in more than `FREE`, and than `steps` where
        the learning rate does not depend on their number; or its recipe cannot be read.
    """
    file, text = workdir / RECIPE, recipe.to_json(given)
    changed = _changes(_read(file), json.loads(text)) if file.exists() else {}
    free = FREE + (("steps",) if given.optimizer.decay == "constant" else ())
    fixed = [line for entry, line in changed.items() if not _within(entry, free)]
    if fixed and _begun(workdir):
        more = f"; and {len(fixed) - 6} more" if len(fixed) > 6 else ""
        raise ResumeError(
            f"{workdir} is the working directory of another recipe: {'; '.join(fixed[:6])}{more}. "
            "Give another --workdir, or the same recipe"
        )
    if jax.process_index() == 0:
        workdir.mkdir(parents=True, exist_ok=True)
        partial = workdir / f"{RECIPE}.{os.getpid()}"
        partial.write_text(text)
        os.replace(partial, file)
    return list(changed.values())


def _begun(workdir: Path) -> bool:
    saved = workdir.glob("checkpoints/*")
    return (workdir / MODEL).exists() or any(folder.name.isdigit() for folder in saved)


def _read(file: Path) -> dict[str, Any]:
    """A recipe's plain data; entries that are younger than the file have their defaults."""
    try:
        return json.loads(recipe.to_json(recipe.from_config(json.loads(file.read_text()))))
    except (ValueError, TypeError) as error:
        raise ResumeError(f"{file} cannot be read as a recipe: {error}") from error


def _changes(old: dict[str, Any], new: dict[str, Any]) -> dict[str, str]:
    before, after = dict(_entries(old)), dict(_entries(new))
    return {
        entry: f"{entry}: {before.get(entry, 'absent')} -> {after.get(entry, 'absent')}"
        for entry in sorted(before | after)
        if before.get(entry, ...) != after.get(entry, ...)
    }


def _entries(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of plain data by their dotted names."""
    if isinstance(value, list):
        value = dict(enumerate(value))
    if not isinstance(value, dict) or not value:
        yield name, value
        return
    for key, inner in value.items():
        yield from _entries(inner, f"{name}.{key}" if name else str(key))


def _within(entry: str, names: tuple[str, ...]) -> bool:
    return any(entry == name or entry.startswith(f"{name}.") for name in names)

"""The model directory: what lies where in it, and how its arrays are read and written.

    DIR/config.json     {"name", "dit", "vae", "text", "sparse", "timestep", "reading"}; an entry
                        that is absent takes its default
    DIR/manifest.json   where the weights came from: written by the converter
    DIR/dit/  vae/  text_encoder/  sparse/    one Orbax checkpoint for each part that is present
    DIR/tokenizer/      tokenizer.json or spiece.model
    DIR/prompts.npz     text features of the tasks' prompts

A part is a nested dict of arrays. Integer keys, which name the members of a list of modules, are
stored as strings and come back as the integers of the target.
"""

import contextlib
import dataclasses
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import jax
import tensorstore
from orbax.checkpoint import v1 as ocp

from thfm_jax import config as config_lib
from thfm_jax.config import ThfmConfig

CONFIG = "config.json"
MANIFEST = "manifest.json"
TOKENIZER = "tokenizer"
PROMPTS = "prompts.npz"
DIT, VAE, TEXT_ENCODER, SPARSE = "dit", "vae", "text_encoder", "sparse"
# Part -> its entry in config.json, which is the field of `ThfmConfig`.
CONFIG_ENTRIES = {DIT: "dit", VAE: "vae", TEXT_ENCODER: "text", SPARSE: "sparse"}
# While a model directory is built it lies in a sibling with this suffix.
PARTIAL_SUFFIX = ".partial"

_CHUNK_BYTES = 64 << 20

StoredPath = tuple[str, ...]


class CheckpointError(ValueError):
    """A directory is no model, is not finished, or does not hold what was asked of it."""


def load_config(directory: str | Path) -> ThfmConfig:
    """The configuration of the model in `directory`."""
    file = _model_directory(directory) / CONFIG
    try:
        return parse_config(json.loads(file.read_text()))
    except (ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"{file} cannot be read: {error}") from error


def parse_config(given: dict[str, Any]) -> ThfmConfig:
    """The configuration that the content of config.json stands for.

    Entries that it lacks are those of the preset of that name, or of wan_1_3b; where they would
    contradict the parts that are there, they take their widths.
    """
    fallback = config_lib.PRESETS.get(given["name"], config_lib.PRESETS["wan_1_3b"])
    parts = {
        entry: config_lib.from_json(type(getattr(fallback, entry)), json.dumps(given[entry]))
        for entry in CONFIG_ENTRIES.values()
        if entry in given
    }
    if "dit" in parts:
        absent = {
            "vae": dataclasses.replace(fallback.vae, z_dim=parts["dit"].channels),
            "text": dataclasses.replace(fallback.text, dim=parts["dit"].text_dim),
        }
    else:
        vae, text = parts.get("vae", fallback.vae), parts.get("text", fallback.text)
        dit = dataclasses.replace(fallback.dit, channels=vae.z_dim, text_dim=text.dim)
        absent = {"dit": dit}
    return dataclasses.replace(fallback, **{**given, **absent, **parts})


def save_config(directory: str | Path, config: ThfmConfig, parts: Iterable[str]) -> None:
    """Writes config.json with the entries of `parts` and what the whole model needs besides."""
    absent = set(CONFIG_ENTRIES.values()) - {CONFIG_ENTRIES[part] for part in parts}
    entries = dataclasses.asdict(config)
    kept = {name: value for name, value in entries.items() if name not in absent}
    (Path(directory) / CONFIG).write_text(json.dumps(kept, indent=2) + "\n")


def present_parts(directory: str | Path) -> tuple[str, ...]:
    """The parts whose weights are in `directory`."""
    directory = _model_directory(directory)
    return tuple(part for part in CONFIG_ENTRIES if (directory / part).is_dir())


def stored(directory: str | Path, part: str) -> dict[StoredPath, jax.ShapeDtypeStruct]:
    """Shape and dtype of every array of a part, without reading them."""
    tree = ocp.metadata(_part_directory(directory, part)).metadata
    return {path: jax.ShapeDtypeStruct(x.shape, x.dtype) for path, x in _leaves(tree)}


def restore(directory: str | Path, part: str, target: dict) -> dict:
    """The arrays of a part, each read straight into the sharding and dtype that `target` says.

    Args:
      directory: the model directory.
      part: "dit", "vae", "text_encoder" or "sparse".
      target: nested dict of `jax.ShapeDtypeStruct`; a leaf without sharding goes to the default
        device. Its keys and shapes must be those stored; CheckpointError names the others.
    """
    folder = _part_directory(directory, part)
    wanted = dict(_leaves(target))
    _check_same(folder, stored(directory, part), wanted)
    here = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    abstract = {
        path: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding or here)
        for path, leaf in wanted.items()
    }
    return _like(target, ocp.load(folder, nest(abstract)))


def open_array(directory: str | Path, part: str, path: StoredPath) -> tensorstore.TensorStore:
    """One array of a part, of which any slice can be read: `array[3].read().result()`."""
    state = _part_directory(directory, part) / "state"
    described = json.loads((state / "_METADATA").read_text())
    name = ".".join(path)
    if described["use_ocdbt"]:
        place = {"driver": "ocdbt", "base": f"file://{state}/", "path": f"{name}/"}
    else:
        place = {"driver": "file", "path": f"{state / name}/"}
    spec = {
        "driver": "zarr3" if described["use_zarr3"] else "zarr",
        "kvstore": place,
        "fill_missing_data_reads": False,
    }
    return tensorstore.open(spec, open=True, read=True).result()


def save(directory: str | Path, part: str, params: dict) -> None:
    """Writes the arrays of a part; it is there completely or not at all, also after a kill.

    Raises CheckpointError where the part exists already.
    """
    folder = Path(directory).absolute() / part
    if folder.exists():
        raise CheckpointError(f"{folder} exists already; remove it to write it again")
    folder.parent.mkdir(parents=True, exist_ok=True)
    context = ocp.Context()
    # Weights hardly compress, and nobody changes them before this returns.
    context.array.saving.use_compression = False
    context.memory.deepcopy_host_arrays = False
    context.array.saving.scoped_storage_options_creator = _storage
    with context:
        ocp.save(folder, nest(dict(_leaves(params))))


@contextlib.contextmanager
def changed(source: Path | None, output: Path, parts: Iterable[str]) -> Iterator[Path]:
    """A folder with all of the model directory `source` but `parts`, to write these to.

    It becomes `output` in the end, whole or not at all.
    """
    partial = output.with_name(output.name + PARTIAL_SUFFIX)
    shutil.rmtree(partial, ignore_errors=True)
    if source:
        shutil.copytree(source, partial, ignore=shutil.ignore_patterns(*parts))
    yield partial
    os.replace(partial, output)


def nest(leaves: dict[tuple, Any]) -> dict:
    """{("a", "b"): x} as {"a": {"b": x}}."""
    tree: dict = {}
    for path, leaf in leaves.items():
        node = tree
        for key in path[:-1]:
            node = node.setdefault(key, {})
        node[path[-1]] = leaf
    return tree


def _storage(_, array) -> ocp.options.ArrayOptions.Saving.StorageOptions:
    """Large arrays in chunks, one for each layer of a stacked one, which are read one by one."""
    options = ocp.options.ArrayOptions.Saving.StorageOptions()
    if array.nbytes > _CHUNK_BYTES and array.ndim > 2:
        options.shard_axes = (0,)
    elif array.nbytes > _CHUNK_BYTES:
        options.chunk_byte_size = _CHUNK_BYTES
    return options


def _model_directory(directory: str | Path) -> Path:
    directory = Path(directory).absolute()
    unfinished = directory.with_name(directory.name + PARTIAL_SUFFIX)
    if not directory.is_dir():
        hint = "experiments.convert makes one of released weights: docs/convert.md"
        if unfinished.is_dir():
            hint = f"{unfinished} is an unfinished conversion"
        raise CheckpointError(f"there is no model directory {directory}; {hint}")
    if directory.name.endswith(PARTIAL_SUFFIX):
        raise CheckpointError(f"{directory} is unfinished: run the same conversion again")
    if not (directory / CONFIG).is_file():
        raise CheckpointError(f"{directory} is no model directory: it has no {CONFIG}")
    return directory


def _part_directory(directory: str | Path, part: str) -> Path:
    if part not in CONFIG_ENTRIES:
        raise CheckpointError(f"no part {part!r}; there are {', '.join(CONFIG_ENTRIES)}")
    there = present_parts(directory)
    if part not in there:
        raise CheckpointError(
            f"{directory} has no {part}; it holds {', '.join(there) or 'no weights'}"
        )
    return Path(directory).absolute() / part


def _leaves(tree: dict, prefix: StoredPath = ()) -> Iterator[tuple[StoredPath, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*prefix, str(key)))
        else:
            yield (*prefix, str(key)), value


def _like(target: dict, tree: dict) -> dict:
    return {
        key: _like(value, tree[str(key)]) if isinstance(value, dict) else tree[str(key)]
        for key, value in target.items()
    }


def _check_same(folder: Path, there: dict[StoredPath, Any], wanted: dict[StoredPath, Any]) -> None:
    problems = [f"{'.'.join(path)} is not stored" for path in wanted.keys() - there.keys()]
    problems += [f"{'.'.join(path)} is not in the model" for path in there.keys() - wanted.keys()]
    problems += [
        f"{'.'.join(path)} is stored as {there[path].shape}, the model has {wanted[path].shape}"
        for path in wanted.keys() & there.keys()
        if there[path].shape != wanted[path].shape
    ]
    if problems:
        shown = "; ".join(sorted(problems)[:8])
        more = f"; and {len(problems) - 8} more" if len(problems) > 8 else ""
        raise CheckpointError(f"{folder} does not fit the model: {shown}{more}")

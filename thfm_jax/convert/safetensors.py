"""Reads safetensors files: a length, a JSON header, then the tensors' bytes.

The header is checked in full before any tensor is believed, so that a file which was cut off, or
damaged where it matters, is refused by name and not converted into noise.
Format: https://github.com/huggingface/safetensors#format
"""

import json
import math
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from thfm_jax.convert.errors import ConversionError, listed
from thfm_jax.convert.stored import StoredTensor

DTYPES = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "F8_E4M3": np.dtype(ml_dtypes.float8_e4m3fn),
    "F8_E5M2": np.dtype(ml_dtypes.float8_e5m2),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
METADATA = "__metadata__"
INDEX_SUFFIX = ".safetensors.index.json"

# The reference reader refuses longer headers too.
_MAX_HEADER = 100_000_000


def open_file(file: Path) -> dict[str, StoredTensor]:
    """The tensors of one file by name; raises ConversionError where the file is damaged."""
    size = file.stat().st_size
    header, start = _header(file, size)
    entries = {name: entry for name, entry in header.items() if name != METADATA}
    tensors, spans = {}, []
    for name, entry in entries.items():
        tensor, begin, end = _entry(file, name, entry, start)
        tensors[name] = tensor
        spans.append((begin, end, name))
    _check_spans(file, sorted(spans), size - start)
    return tensors


def open_sharded(index: Path) -> dict[str, StoredTensor]:
    """The tensors of all shards that an `.index.json` names.

    Raises ConversionError where a shard is missing or does not hold what the index says.
    """
    places = _weight_map(index)
    shards = sorted(set(places.values()))
    missing = [shard for shard in shards if not (index.parent / shard).is_file()]
    if missing:
        raise ConversionError(
            f"{index} names {len(shards)} shards; missing: {listed(missing)}. Download them again"
        )
    tensors: dict[str, StoredTensor] = {}
    for shard in shards:
        found = open_file(index.parent / shard)
        promised = {name for name, place in places.items() if place == shard}
        if absent := promised - found.keys():
            raise ConversionError(f"{index} says that {shard} holds {listed(absent)}; it does not")
        if extra := found.keys() - promised:
            raise ConversionError(f"{shard} holds {listed(extra)}, which {index} does not list")
        tensors.update(found)
    return tensors


def shard_files(index: Path) -> list[Path]:
    """The shards that an index names."""
    return [index.parent / shard for shard in sorted(set(_weight_map(index).values()))]


def _weight_map(index: Path) -> dict[str, str]:
    try:
        places = json.loads(index.read_text())["weight_map"]
        plain = all(Path(shard).name == shard for shard in places.values())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConversionError(f"{index} is no index of shards: {error!r}") from error
    if not plain or not places:
        raise ConversionError(f"{index} must name files beside it, and names {places}")
    return places


def _header(file: Path, size: int) -> tuple[dict[str, Any], int]:
    with open(file, "rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or length > _MAX_HEADER or length < 2:
            raise ConversionError(f"{file} is no safetensors file ({size} bytes)")
        if 8 + length > size:
            raise ConversionError(
                f"{file} is truncated: its header alone needs {8 + length - size} bytes more"
            )
        text = stream.read(length)
    try:
        header = json.loads(text, object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise ConversionError(f"{file} has a corrupt header: {error}") from error
    if not isinstance(header, dict):
        raise ConversionError(f"{file} has a corrupt header: not a JSON object")
    return header, 8 + length


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name occurs twice")
    return result


def _entry(file: Path, name: str, entry: Any, start: int) -> tuple[StoredTensor, int, int]:
    try:
        shape = tuple(entry["shape"])
        begin, end = entry["data_offsets"]
        kind = entry["dtype"]
        numbers = all(type(n) is int and n >= 0 for n in (*shape, begin, end))
    except (TypeError, KeyError, ValueError) as error:
        raise ConversionError(f"{file}: the header entry of {name} is corrupt") from error
    if kind not in DTYPES:
        raise ConversionError(f"{file}: {name} has the unknown dtype {kind}")
    if not numbers:
        raise ConversionError(f"{file}: the header entry of {name} is corrupt: {entry}")
    dtype = DTYPES[kind]
    if end - begin != math.prod(shape) * dtype.itemsize:
        raise ConversionError(
            f"{file}: {name} has {end - begin} bytes, but {kind} of shape {shape} needs "
            f"{math.prod(shape) * dtype.itemsize}"
        )
    return StoredTensor(file, start + begin, shape, dtype), begin, end


def _check_spans(file: Path, spans: list[tuple[int, int, str]], available: int) -> None:
    expected = 0
    for begin, end, name in spans:
        if begin != expected:
            raise ConversionError(
                f"{file}: {name} begins at byte {begin}, the tensor before it ends at {expected}"
            )
        expected = end
    if expected > available:
        raise ConversionError(f"{file} is truncated: {expected - available} bytes are missing")
    if expected < available:
        raise ConversionError(f"{file} has {available - expected} bytes that no tensor claims")

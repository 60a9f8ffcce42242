"""Reads released weights into arrays without writing a model directory in between."""

import functools
from collections.abc import Callable
from pathlib import Path

import jax

from thfm_jax import checkpoints
from thfm_jax.convert import assemble
from thfm_jax.convert.configs import PartConfig
from thfm_jax.convert.source import open_source

ShardingOf = Callable[[tuple[str | int, ...], tuple[int, ...]], jax.sharding.Sharding]


def load(source: str | Path, part: str, dtype: str | None = None) -> tuple[PartConfig, dict]:
    """A part's configuration and its parameters as a nested dict of arrays on the default device.

    Args:
      source: the released folder, or one file of it.
      part: "dit", "vae" or "text_encoder".
      dtype: as `assemble.stored_dtype`; None keeps what is stored.
    """
    device = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    return load_onto_mesh(source, part, lambda path, shape: device, dtype)


def load_onto_mesh(
    source: str | Path, part: str, sharding_of: ShardingOf, dtype: str | None = None
) -> tuple[PartConfig, dict]:
    """Like `load`, with each array placed as `sharding_of(path, shape)` says.

    Every process reads the rows that its devices hold and no others, one shard at a time, so that
    host memory holds one shard of one parameter besides what is on the devices.
    """
    found = open_source(source, (part,)).parts[part]
    dtype = dtype or assemble.SOURCE
    arrays = {}
    for row in found.rows:
        stored = assemble.stored_dtype(found, row, dtype)
        arrays[row.path] = jax.make_array_from_callback(
            row.target_shape,
            sharding_of(row.path, row.target_shape),
            functools.partial(assemble.assemble, found, row, stored),
            dtype=stored,
        )
    return found.config, checkpoints.nest(arrays)

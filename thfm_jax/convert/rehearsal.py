"""Writes random weights in the released formats, to rehearse a conversion before the download."""

import json
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from thfm_jax import checkpoints
from thfm_jax.config import ThfmConfig
from thfm_jax.convert import configs
from thfm_jax.convert.progress import progress
from thfm_jax.convert.shards import ShardWriter, Tensor
from thfm_jax.convert.tables import DIFFUSERS, FOLDERS, ORIGINAL, TABLES

_STD = 0.02


def write_random_weights(
    output: str | Path,
    config: ThfmConfig,
    *,
    layout: str = DIFFUSERS,
    parts: Iterable[str] = tuple(TABLES),
    dtype: np.dtype | type = np.float32,
    max_shard_bytes: int = 5_000_000_000,
    seed: int = 0,
) -> None:
    """Writes a folder of safetensors as it is released, except that the numbers are noise.

    Args:
      output: the folder; files in it are overwritten.
      config: the sizes of the model.
      layout: `DIFFUSERS`, or `ORIGINAL` for the transformer, the only part that is released as
        safetensors in it.
      parts: those to write.
      dtype: of every tensor; float16, float32, float64 or bfloat16.
      max_shard_bytes: no file gets longer, unless one tensor is.
      seed: each tensor's noise follows from it and the tensor's name.
    """
    parts = tuple(parts)
    if layout == ORIGINAL and parts != (checkpoints.DIT,):
        raise ValueError("only the transformer is released as safetensors in the original layout")
    for part in parts:
        folder = Path(output) / (FOLDERS[part][0] if layout == DIFFUSERS else "")
        folder.mkdir(parents=True, exist_ok=True)
        part_config = getattr(config, checkpoints.CONFIG_ENTRIES[part])
        tensors = [
            Tensor(name, row.shape, np.dtype(dtype))
            for row in TABLES[part](part_config)
            for name in row.tensors(layout)
        ]
        writer = ShardWriter(folder, FOLDERS[part][1], tensors, max_shard_bytes)
        with progress(writer.nbytes, part) as bar:
            for tensor in tensors:
                writer.write(tensor.name, _noise(tensor, seed))
                bar.update(tensor.nbytes)
        described = configs.released(part, layout, part_config)
        (folder / "config.json").write_text(json.dumps(described, indent=2) + "\n")


def _noise(tensor: Tensor, seed: int) -> np.ndarray:
    generator = np.random.default_rng([seed, zlib.crc32(tensor.name.encode())])
    noise = generator.standard_normal(tensor.shape, np.float32)
    noise *= _STD
    return noise.astype(tensor.dtype, copy=False)

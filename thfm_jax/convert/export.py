"""Writes a model directory back as a diffusers folder, which `WanPipeline.from_pretrained` reads.

One layer of a parameter is in memory at a time. What was converted with dtype "source" comes back
bit for bit.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from thfm_jax import checkpoints
from thfm_jax.config import ThfmConfig
from thfm_jax.convert import configs, disk
from thfm_jax.convert.errors import ConversionError, listed
from thfm_jax.convert.progress import progress
from thfm_jax.convert.shards import ShardWriter, Tensor
from thfm_jax.convert.tables import DIFFUSERS, FOLDERS, TABLES, Row

_PIPELINE = {
    "_class_name": "WanPipeline",
    "scheduler": ["diffusers", "UniPCMultistepScheduler"],
    "text_encoder": ["transformers", "UMT5EncoderModel"],
    "tokenizer": ["transformers", "T5TokenizerFast"],
    "transformer": ["diffusers", "WanTransformer3DModel"],
    "vae": ["diffusers", "AutoencoderKLWan"],
}
# Wan2.1's sampler at 480p.
_SCHEDULER = {
    "_class_name": "UniPCMultistepScheduler",
    "flow_shift": 3.0,
    "num_train_timesteps": 1000,
    "prediction_type": "flow_prediction",
    "use_flow_sigmas": True,
}


def export(
    model: str | Path, output: str | Path, *, max_shard_bytes: int = 5_000_000_000
) -> dict[str, int]:
    """Writes `output` from the model directory `model`; returns the tensors written of each part.

    Everything is built in a sibling folder and renamed at the end. Parts that Wan2.1 has not, such
    as the keypoint tokens, are not written.

    Raises ConversionError where `output` exists or the disk is full, and
    `checkpoints.CheckpointError` where `model` is no model directory.
    """
    model, output = Path(model).absolute(), Path(output).absolute()
    if output.exists():
        raise ConversionError(f"{output} exists already: remove it first")
    config = checkpoints.load_config(model)
    parts = [part for part in checkpoints.present_parts(model) if part in TABLES]
    if not parts:
        raise ConversionError(f"{model} holds no part of Wan2.1")
    rows = {part: TABLES[part](_part_config(config, part)) for part in parts}
    tensors = {part: _tensors(model, part, rows[part]) for part in parts}
    building = output.with_name(f"{output.name}.exporting")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    with disk.full_disk_explained("then run the same command again"):
        disk.check_space(building, sum(t.nbytes for group in tensors.values() for t in group))
        for part in parts:
            folder, stem = building / FOLDERS[part][0], FOLDERS[part][1]
            folder.mkdir()
            writer = ShardWriter(folder, stem, tensors[part], max_shard_bytes)
            _write_part(model, part, rows[part], writer)
            _write_json(folder / "config.json", _part_json(config, part))
        _write_rest(model, building, parts)
    os.replace(building, output)
    return {part: len(tensors[part]) for part in parts}


def _part_config(config: ThfmConfig, part: str) -> Any:
    return getattr(config, checkpoints.CONFIG_ENTRIES[part])


def _tensors(model: Path, part: str, rows: list[Row]) -> list[Tensor]:
    """What the files will hold, after a check that it is what the configuration says."""
    stored = checkpoints.stored(model, part)
    found = {path: array.shape for path, array in stored.items()}
    expected = {row.stored_path: row.target_shape for row in rows}
    if found != expected:
        wrong = {".".join(path) for path, _ in found.items() ^ expected.items()}
        raise ConversionError(f"{model}: the {part} does not fit config.json: {listed(wrong)}")
    return [
        Tensor(name, row.shape, np.dtype(stored[row.stored_path].dtype))
        for row in rows
        for name in row.tensors(DIFFUSERS)
    ]


def _write_part(model: Path, part: str, rows: list[Row], writer: ShardWriter) -> None:
    with progress(writer.nbytes, part) as bar:
        for row in rows:
            array = checkpoints.open_array(model, part, row.stored_path)
            layers = [array[n] for n in range(row.layers)] if row.layers else [array]
            for name, layer in zip(row.tensors(DIFFUSERS), layers, strict=True):
                content = layer.read().result()
                writer.write(name, row.layout.inverse(content, row.shape))
                bar.update(content.nbytes)


def _part_json(config: ThfmConfig, part: str) -> dict[str, Any]:
    """The part's config.json: what the weights imply, and what the loading class wants besides."""
    described = configs.released(part, DIFFUSERS, _part_config(config, part))
    if part == checkpoints.VAE:
        vae = config.vae
        scales = {"spatial": vae.spatial_stride, "temporal": vae.temporal_stride}
        described |= {f"scale_factor_{axis}": scale for axis, scale in scales.items()}
    if part == checkpoints.TEXT_ENCODER:
        described |= {"architectures": ["UMT5EncoderModel"], "tie_word_embeddings": False}
    return described


def _write_rest(model: Path, output: Path, parts: list[str]) -> None:
    """The tokenizer where the model has one; the pipeline's own files where all parts are there."""
    tokenizer = model / checkpoints.TOKENIZER
    if tokenizer.is_dir():
        shutil.copytree(tokenizer, output / "tokenizer")
        if len(parts) == len(TABLES):
            _write_json(output / "model_index.json", _PIPELINE)
            (output / "scheduler").mkdir()
            _write_json(output / "scheduler" / "scheduler_config.json", _SCHEDULER)


def _write_json(file: Path, content: dict[str, Any]) -> None:
    file.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")

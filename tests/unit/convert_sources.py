"""Small checkpoints in the released formats, for the tests of the conversion."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from thfm_jax.config import DitConfig, TextConfig, ThfmConfig, VaeConfig
from thfm_jax.convert import configs, rehearsal
from thfm_jax.convert.shards import ShardWriter, Tensor
from thfm_jax.convert.source import open_source
from thfm_jax.convert.tables import DIFFUSERS, ORIGINAL

# Sizes that meet in one tensor differ, so that no wrong transpose fits by chance.
CONFIG = ThfmConfig(
    name="custom",
    dit=DitConfig(layers=3, heads=2, head_dim=12, ffn_dim=40, text_dim=20, freq_dim=16),
    vae=VaeConfig(base_dim=6, multipliers=(1, 2, 2), res_blocks=1, temporal_down=(False, True)),
    text=TextConfig(layers=2, dim=20, heads=2, head_dim=6, ffn_dim=28, vocab_size=50, buckets=8),
)
FILES = {"vae": "Wan2.1_VAE.pth", "text_encoder": "models_t5_umt5-xxl-enc-bf16.pth"}


def write_diffusers(folder: Path, max_shard_bytes: int = 20_000, **options) -> Path:
    """All parts in the diffusers layout, in several shards, with a tokenizer."""
    rehearsal.write_random_weights(folder, CONFIG, max_shard_bytes=max_shard_bytes, **options)
    (folder / "tokenizer").mkdir(exist_ok=True)
    (folder / "tokenizer" / "tokenizer.json").write_text('{"version": "1.0"}')
    return folder


def write_original(folder: Path, diffusers: Path) -> Path:
    """The same weights in Wan's own layout: safetensors and two `.pth`."""
    folder.mkdir(exist_ok=True)
    for part, source in open_source(diffusers).parts.items():
        state = {
            original: source.tensors[name].read()
            for row in source.rows
            for original, name in zip(row.tensors(ORIGINAL), row.tensors(DIFFUSERS), strict=True)
        }
        if part in FILES:
            torch.save({k: torch.from_numpy(v) for k, v in state.items()}, folder / FILES[part])
        else:
            write_safetensors(folder / "diffusion_pytorch_model.safetensors", state)
            described = configs.released(part, ORIGINAL, source.config)
            (folder / "config.json").write_text(json.dumps(described))
    return folder


def write_safetensors(file: Path, state: dict[str, np.ndarray]) -> Path:
    """One file with the arrays of a dict."""
    tensors = [Tensor(name, array.shape, array.dtype) for name, array in state.items()]
    writer = ShardWriter(file.parent, file.stem, tensors, max_bytes=1 << 40)
    for name, array in state.items():
        writer.write(name, array)
    return file


def read_state(root: Path, part: str) -> dict[str, np.ndarray]:
    """The tensors of one part of a source."""
    tensors = open_source(root, (part,)).parts[part].tensors
    return {name: tensor.read() for name, tensor in tensors.items()}


def run_python(code: str, *arguments: object, devices: int = 1) -> subprocess.CompletedProcess:
    """Runs Python code in a process of its own, with so many fake CPU devices."""
    environment = {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
    }
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True)

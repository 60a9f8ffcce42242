"""SHA-256 of a source's files: for the manifest, and to know the source again when resuming."""

import hashlib
from pathlib import Path
from typing import Any

import tqdm

from thfm_jax import checkpoints
from thfm_jax.convert.progress import progress
from thfm_jax.convert.source import Source

_BLOCK_BYTES = 4 << 20


def source_files(source: Source) -> list[dict[str, Any]]:
    """Name, size and hash of every file that a conversion of `source` reads, in one pass."""
    files = [file for found in source.parts.values() for file in found.files]
    if checkpoints.TEXT_ENCODER in source.parts:
        files += source.tokenizer
    root = source.root if source.root.is_dir() else source.root.parent
    with progress(sum(file.stat().st_size for file in files), "hashing the source") as bar:
        return [
            {
                "file": str(file.relative_to(root)),
                "bytes": file.stat().st_size,
                "sha256": _sha256(file, bar),
            }
            for file in files
        ]


def _sha256(file: Path, bar: tqdm.tqdm) -> str:
    digest = hashlib.sha256()
    with open(file, "rb", buffering=0) as stream:
        while block := stream.read(_BLOCK_BYTES):
            digest.update(block)
            bar.update(len(block))
    return digest.hexdigest()

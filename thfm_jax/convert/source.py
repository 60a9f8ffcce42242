"""Finds the parts of Wan2.1 in a folder, in either released layout, and accounts for each tensor.

    original    diffusion_pytorch_model*.safetensors, config.json, Wan2.1_VAE.pth,
                models_t5_umt5-xxl-enc-bf16.pth, google/umt5-xxl/
    diffusers   transformer/, vae/, text_encoder/, each with *.safetensors and config.json;
                tokenizer/

What a file is follows from the names of its tensors, so a folder may hold any subset, or one part
alone, or parts in different layouts.
"""

import dataclasses
import re
from collections.abc import Iterable
from pathlib import Path

from thfm_jax import checkpoints
from thfm_jax.convert import configs, others, pth, safetensors
from thfm_jax.convert.configs import PartConfig
from thfm_jax.convert.errors import ConversionError, listed
from thfm_jax.convert.stored import StoredTensor
from thfm_jax.convert.tables import DIFFUSERS, FOLDERS, ORIGINAL, TABLES, Row

PARTS = tuple(TABLES)
_TOKENIZER_FILES = (
    "tokenizer.json",
    "spiece.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
)

# Names that only this part in this layout has.
_SIGNATURES = {
    (checkpoints.DIT, ORIGINAL): ("text_embedding.0.weight",),
    (checkpoints.DIT, DIFFUSERS): ("condition_embedder.text_embedder.linear_1.weight",),
    (checkpoints.VAE, ORIGINAL): ("encoder.conv1.weight",),
    (checkpoints.VAE, DIFFUSERS): ("encoder.conv_in.weight",),
    (checkpoints.TEXT_ENCODER, ORIGINAL): ("token_embedding.weight",),
    (checkpoints.TEXT_ENCODER, DIFFUSERS): ("shared.weight", "encoder.embed_tokens.weight"),
}
_PART_OF_FOLDER = {folder: part for part, (folder, _) in FOLDERS.items()}
_PART_OF_FILE = {"Wan2.1_VAE": checkpoints.VAE, "models_t5": checkpoints.TEXT_ENCODER}
_TOKENIZERS = ("tokenizer", "google/umt5-xxl")
# Community files of the transformer put this before every name.
_PREFIX = "model.diffusion_model."
_SHARED, _EMBED = "shared.weight", "encoder.embed_tokens.weight"


@dataclasses.dataclass(frozen=True)
class PartSource:
    """One part of a source: every row of the table with its tensors, and no tensor left over."""

    layout: str
    config: PartConfig
    rows: list[Row]
    tensors: dict[str, StoredTensor]
    files: tuple[Path, ...]


@dataclasses.dataclass(frozen=True)
class Source:
    """A folder of released weights."""

    root: Path
    parts: dict[str, PartSource]
    tokenizer: tuple[Path, ...]


def open_source(root: str | Path, parts: Iterable[str] | None = None) -> Source:
    """The parts in a folder, or in one file; only headers are read.

    Args:
      root: the folder, or one `.safetensors` or `.pth` file.
      parts: those wanted, all of which must be there; None takes what there is.

    Raises ConversionError where a file is damaged, of another model, or holds tensors that are
    unknown, missing, or of another shape than the rest says.
    """
    root = Path(root).absolute()
    wanted = PARTS if parts is None else tuple(parts)
    if unknown := set(wanted) - set(PARTS):
        raise ConversionError(f"no part {listed(unknown)}; there are {', '.join(PARTS)}")
    if not root.exists():
        raise ConversionError(f"there is no {root}")
    if root.is_dir():
        others.refuse_folder(root)
    found: dict[str, PartSource] = {}
    for file in _tensor_files(root):
        if _expected_part(file) not in (None, *wanted):
            continue
        part, source = _open_part(file)
        if part in found:
            both = f"{found[part].files[0]} and {source.files[0]}"
            raise ConversionError(f"{both} are both a {part}: keep one of them")
        found[part] = source
    missing = set() if parts is None else set(wanted) - found.keys()
    if missing or not found:
        names = listed(missing) or "the weights of Wan2.1"
        raise ConversionError(f"{root} holds {', '.join(found) or 'no weights'}, not {names}")
    chosen = {part: found[part] for part in PARTS if part in found and part in wanted}
    return Source(root, chosen, _tokenizer(root))


def _tensor_files(root: Path) -> list[Path]:
    """Each file, or each index of a sharded set, that may be a part."""
    if root.is_file():
        return [root]
    files: list[Path] = []
    for folder in (root, *(root / name for name in _PART_OF_FOLDER)):
        indices = sorted(folder.glob(f"*{safetensors.INDEX_SUFFIX}"))
        sharded = {file for index in indices for file in safetensors.shard_files(index)}
        single = [*sorted(folder.glob("*.safetensors")), *sorted(folder.glob("*.pth"))]
        files += [*indices, *(file for file in single if file not in sharded)]
    return files


def _expected_part(file: Path) -> str | None:
    """What a file is by its name, so that a broken one does not stop the parts beside it."""
    named = (part for start, part in _PART_OF_FILE.items() if file.name.startswith(start))
    return _PART_OF_FOLDER.get(file.parent.name) or next(named, None)


def _open_part(file: Path) -> tuple[str, PartSource]:
    files: tuple[Path, ...] = (file,)
    if file.name.endswith(safetensors.INDEX_SUFFIX):
        tensors, files = safetensors.open_sharded(file), (*safetensors.shard_files(file), file)
    elif file.suffix == ".safetensors":
        _refuse_lone_shard(file)
        tensors = safetensors.open_file(file)
    else:
        tensors = pth.open_file(file)
    if tensors and all(name.startswith(_PREFIX) for name in tensors):
        tensors = {name.removeprefix(_PREFIX): tensor for name, tensor in tensors.items()}
    others.refuse_tensors(file, tensors)
    part, layout = _recognise(file, tensors)
    if part == checkpoints.TEXT_ENCODER:
        tensors = _with_one_embedding(file, tensors)
    described = _described(file, part, layout)
    config = configs.derive(part, layout, file, tensors, described)
    rows = TABLES[part](config)
    _account(file, part, layout, rows, tensors)
    return part, PartSource(layout, config, rows, tensors, files)


def _refuse_lone_shard(file: Path) -> None:
    numbered = re.search(r"-of-(\d+)\.", file.name)
    if numbered and int(numbered[1]) > 1:
        raise ConversionError(
            f"{file} is one of {int(numbered[1])} shards, and the {safetensors.INDEX_SUFFIX} file "
            "that lists them is not beside it"
        )


def _recognise(file: Path, tensors: dict[str, StoredTensor]) -> tuple[str, str]:
    for kind, names in _SIGNATURES.items():
        if any(name in tensors for name in names):
            return kind
    raise ConversionError(
        f"{file} is no part of Wan2.1 text-to-video; its tensors are {listed(tensors)}"
    )


def _with_one_embedding(file: Path, tensors: dict[str, StoredTensor]) -> dict[str, StoredTensor]:
    """The embedding under one name: transformers ties two and may store either or both."""
    if _EMBED not in tensors:
        return tensors
    rest = {name: tensor for name, tensor in tensors.items() if name != _EMBED}
    if _SHARED in rest and not _same_bytes(rest[_SHARED], tensors[_EMBED]):
        raise ConversionError(f"{file}: {_SHARED} and {_EMBED} differ; they must be one matrix")
    return {_SHARED: tensors[_EMBED], **rest}


def _same_bytes(one: StoredTensor, other: StoredTensor, rows: int = 4096) -> bool:
    if (one.shape, one.dtype) != (other.shape, other.dtype):
        return False
    starts = range(0, one.shape[0], rows)
    return all(one.read(n, n + rows).tobytes() == other.read(n, n + rows).tobytes() for n in starts)


def _described(file: Path, part: str, layout: str) -> dict:
    """The part's config.json. The one of the original layout is the transformer's."""
    described = file.parent / "config.json"
    if (layout == ORIGINAL and part != checkpoints.DIT) or not described.is_file():
        return {}
    return others.read_json(described)


def _account(
    file: Path, part: str, layout: str, rows: list[Row], tensors: dict[str, StoredTensor]
) -> None:
    """Raises ConversionError unless the tensors are those of the table, one to one."""
    expected = {name: row.shape for row in rows for name in row.tensors(layout)}
    if unknown := tensors.keys() - expected.keys():
        raise ConversionError(
            f"{file}: {len(unknown)} tensors are unknown to the {part} of Wan2.1: {listed(unknown)}"
        )
    if missing := expected.keys() - tensors.keys():
        raise ConversionError(f"{file} lacks {len(missing)} tensors: {listed(missing)}")
    wrong = [
        f"{name} has the shape {tensor.shape}, expected {expected[name]}"
        for name, tensor in tensors.items()
        if tensor.shape != expected[name]
    ]
    if wrong:
        raise ConversionError(f"{file}: {listed(wrong)}")


def _tokenizer(root: Path) -> tuple[Path, ...]:
    folders = (root / name for name in _TOKENIZERS)
    found = (tuple(f / n for n in _TOKENIZER_FILES if (f / n).is_file()) for f in folders)
    return next((files for files in found if files), ())

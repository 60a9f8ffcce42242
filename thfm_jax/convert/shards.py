"""Writes safetensors files whose tensors come in any order: the headers first, then each in place.

File names and index are those that `from_pretrained` of diffusers and transformers looks for.
"""

import dataclasses
import json
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from thfm_jax.convert import safetensors

_DTYPE_NAMES = {dtype: name for name, dtype in safetensors.DTYPES.items()}
# The reference writer aligns the data to this.
_ALIGNMENT = 8


@dataclasses.dataclass(frozen=True)
class Tensor:
    """A tensor that is to be written."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


class ShardWriter:
    """A set of safetensors files of known content, filled one tensor at a time."""

    def __init__(self, folder: Path, stem: str, tensors: Iterable[Tensor], max_bytes: int):
        """Creates the files at full length, and their index where there are several.

        Args:
          folder: where they go; it must exist.
          stem: "diffusion_pytorch_model" or "model".
          tensors: all that will be written, in the order that they get in the files.
          max_bytes: no file gets longer than this, except for one tensor that does.
        """
        self._places: dict[str, tuple[Path, int, Tensor]] = {}
        groups = _groups(tensors, max_bytes)
        files = [folder / _file_name(stem, n, len(groups)) for n in range(len(groups))]
        for file, group in zip(files, groups, strict=True):
            self._create(file, group)
        if len(files) > 1:
            index = {
                "metadata": {"total_size": self.nbytes},
                "weight_map": {name: place[0].name for name, place in self._places.items()},
            }
            path = folder / f"{stem}{safetensors.INDEX_SUFFIX}"
            path.write_text(json.dumps(index, indent=2, sort_keys=True) + "\n")

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors."""
        return sum(tensor.nbytes for _, _, tensor in self._places.values())

    def write(self, name: str, array: np.ndarray) -> None:
        """Writes one tensor into its place."""
        file, offset, tensor = self._places[name]
        if array.shape != tensor.shape or array.dtype != tensor.dtype:
            raise ValueError(
                f"{name} is {tensor.dtype}{tensor.shape}, not {array.dtype}{array.shape}"
            )
        with open(file, "r+b") as stream:
            stream.seek(offset)
            stream.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)

    def _create(self, file: Path, group: list[Tensor]) -> None:
        header: dict[str, dict] = {safetensors.METADATA: {"format": "pt"}}
        end = 0
        # The widest first, as in the reference writer: each begins at a multiple of its item size.
        for tensor in sorted(group, key=lambda tensor: -tensor.dtype.itemsize):
            header[tensor.name] = {
                "dtype": _DTYPE_NAMES[tensor.dtype],
                "shape": list(tensor.shape),
                "data_offsets": [end, end + tensor.nbytes],
            }
            end += tensor.nbytes
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % _ALIGNMENT)
        with open(file, "wb") as stream:
            stream.write(len(text).to_bytes(8, "little") + text)
            stream.truncate(8 + len(text) + end)
        for tensor in group:
            begin = header[tensor.name]["data_offsets"][0]
            self._places[tensor.name] = (file, 8 + len(text) + begin, tensor)


def _groups(tensors: Iterable[Tensor], max_bytes: int) -> list[list[Tensor]]:
    groups: list[list[Tensor]] = [[]]
    room = max_bytes
    for tensor in tensors:
        if tensor.nbytes > room and groups[-1]:
            groups.append([])
            room = max_bytes
        groups[-1].append(tensor)
        room -= tensor.nbytes
    return groups


def _file_name(stem: str, n: int, count: int) -> str:
    numbered = f"-{n + 1:05d}-of-{count:05d}" if count > 1 else ""
    return f"{stem}{numbered}.safetensors"

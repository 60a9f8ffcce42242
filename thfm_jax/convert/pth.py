"""Reads PyTorch's `.pth` files without PyTorch and without executing what is pickled in them.

Such a file is a zip: `data.pkl` describes the tensors, `data/N` are their bytes, stored without
compression. The unpickler here knows the few names that describe tensors; any other name, which
could run code, stops it before anything has been called.
Format: torch/serialization.py::_save, torch/_utils.py::_rebuild_tensor_v2.
"""

import collections
import io
import math
import pickle
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from thfm_jax.convert.errors import ConversionError
from thfm_jax.convert.stored import StoredTensor

_STORAGES = {
    "DoubleStorage": np.dtype("<f8"),
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("i1"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
    "Float8_e4m3fnStorage": np.dtype(ml_dtypes.float8_e4m3fn),
    "Float8_e5m2Storage": np.dtype(ml_dtypes.float8_e5m2),
}
# Names under which training scripts wrap the one dict of tensors.
_WRAPPERS = ("state_dict", "model")
_LEGACY_MAGIC = bytes.fromhex("8a0a6cfc9c46f9206aa850")


class _Storage(NamedTuple):
    """A block of bytes of the file: its name, and `length` elements of `dtype`."""

    key: str
    dtype: np.dtype
    length: int


class _Tensor(NamedTuple):
    """What the pickle says of one tensor; offset and strides count elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def open_file(file: Path) -> dict[str, StoredTensor]:
    """The tensors of a state dict by name.

    Raises ConversionError where the file holds anything but tensors, is truncated, or is of the
    format that PyTorch wrote before 1.6.
    """
    with open(file, "rb") as stream:
        start = stream.read(2 + len(_LEGACY_MAGIC))
    if start.startswith(b"\x80") and start[2:] == _LEGACY_MAGIC:
        raise ConversionError(
            f"{file} has the format that PyTorch wrote before version 1.6. Write it again with "
            "torch.save(torch.load(FILE, weights_only=True, map_location='cpu'), FILE)"
        )
    try:
        with zipfile.ZipFile(file) as archive:
            return _tensors(file, archive)
    except ConversionError:
        raise
    except Exception as error:  # zipfile raises errors of many kinds for a damaged archive
        raise ConversionError(
            f"{file} is no PyTorch file, or it is truncated ({file.stat().st_size} bytes): {error}"
        ) from error


def _tensors(file: Path, archive: zipfile.ZipFile) -> dict[str, StoredTensor]:
    members = {info.filename: info for info in archive.infolist()}
    pickles = [name for name in members if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise ConversionError(f"{file} is a zip without a PyTorch state dict in it")
    root = pickles[0].removesuffix("data.pkl")
    order = f"{root}byteorder"
    if order in members and archive.read(order) != b"little":
        raise ConversionError(f"{file} was written on a big-endian machine")
    state = _unwrapped(file, _unpickle(file, archive.read(pickles[0])))
    found: dict[str, StoredTensor] = {}
    for name, tensor in state.items():
        key = f"{root}data/{tensor.storage.key}"
        if key not in members:
            raise ConversionError(f"{file} has no data for {name} ({key})")
        found[name] = _stored(file, name, tensor, members[key])
    return found


def _unwrapped(file: Path, state: Any) -> dict[str, _Tensor]:
    if isinstance(state, dict) and len(state) == 1 and next(iter(state)) in _WRAPPERS:
        (state,) = state.values()
    if not isinstance(state, dict):
        raise ConversionError(f"{file} holds a {type(state).__name__}, not a dict of tensors")
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, _Tensor):
            raise ConversionError(
                f"{file} holds more than tensors: {name!r} is a {type(value).__name__}. Save the "
                "state dict alone"
            )
    return state


def _stored(file: Path, name: str, tensor: _Tensor, member: zipfile.ZipInfo) -> StoredTensor:
    dtype, length = tensor.storage.dtype, tensor.storage.length
    if member.compress_type != zipfile.ZIP_STORED:
        raise ConversionError(f"{file}: {name} is compressed; write the file again with torch.save")
    reach = tensor.offset + sum(
        (n - 1) * step for n, step in zip(tensor.shape, tensor.strides, strict=True)
    )
    empty = math.prod(tensor.shape) == 0
    if member.file_size != length * dtype.itemsize or not (empty or 0 <= reach < length):
        raise ConversionError(
            f"{file}: {name} of shape {tensor.shape} does not fit its {member.file_size} bytes"
        )
    offset = _data_offset(file, member) + tensor.offset * dtype.itemsize
    strides = None if _is_contiguous(tensor) else tensor.strides
    return StoredTensor(file, offset, tensor.shape, dtype, strides)


def _data_offset(file: Path, member: zipfile.ZipInfo) -> int:
    """Where a member's bytes begin; the local header's own lengths count, not the directory's.

    Raises ConversionError where they do not all lie in the file.
    """
    with open(file, "rb") as stream:
        stream.seek(member.header_offset)
        header = stream.read(30)
    if len(header) < 30 or header[:4] != b"PK\x03\x04":
        raise ConversionError(f"{file} is a corrupt zip at byte {member.header_offset}")
    name, extra = (int.from_bytes(header[i : i + 2], "little") for i in (26, 28))
    start = member.header_offset + 30 + name + extra
    if start + member.compress_size > file.stat().st_size:
        raise ConversionError(f"{file} is a corrupt zip: {member.filename} reaches beyond its end")
    return start


def _is_contiguous(tensor: _Tensor) -> bool:
    step = 1
    for length, stride in zip(reversed(tensor.shape), reversed(tensor.strides), strict=True):
        if length != 1 and stride != step:
            return False
        step *= length
    return True


def _unpickle(file: Path, data: bytes) -> Any:
    try:
        return _Unpickler(file, data).load()
    except ConversionError:
        raise
    except Exception as error:
        raise ConversionError(
            f"{file} has a corrupt description of its tensors: {error}"
        ) from error


class _Unpickler(pickle.Unpickler):
    """Unpickles descriptions of tensors; every other name raises ConversionError."""

    def __init__(self, file: Path, data: bytes):
        super().__init__(io.BytesIO(data))
        self._file = file

    def find_class(self, module: str, name: str) -> Any:
        match module, name:
            case "collections", "OrderedDict":
                return collections.OrderedDict
            case "torch._utils", "_rebuild_tensor_v2":
                return self._rebuild_tensor
            case "torch._utils", "_rebuild_parameter":
                return self._rebuild_parameter
            case "torch", storage if storage in _STORAGES:
                return storage
        raise ConversionError(
            f"{self._file} holds more than tensors: it asks for {module}.{name}. Nothing of it "
            "was executed. Such a file can run any code; get the weights as safetensors"
        )

    def persistent_load(self, pid: Any) -> _Storage:
        kind, storage, key, _, length = pid
        if kind != "storage" or storage not in _STORAGES or type(length) is not int:
            raise ValueError(f"an unknown storage {pid}")
        return _Storage(str(key), _STORAGES[storage], length)

    # Methods and not functions: what a pickle gets here it could otherwise also change.
    def _rebuild_tensor(self, storage, offset, shape, strides, *_) -> _Tensor:
        numbers = (offset, *shape, *strides)
        counts = all(type(n) is int and n >= 0 for n in numbers) and len(shape) == len(strides)
        if not counts or not isinstance(storage, _Storage):
            raise ValueError(f"a tensor of shape {shape} and strides {strides}")
        return _Tensor(storage, offset, tuple(shape), tuple(strides))

    def _rebuild_parameter(self, tensor, *_) -> _Tensor:
        return tensor

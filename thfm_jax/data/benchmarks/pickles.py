"""Pickles of evaluation sets and body models, read without running what they say.

A pickle can name any function to be called. Here only NumPy's arrays and plain containers are made
as they are; chumpy's and SciPy's objects, which body models of SMPL hold, become NumPy arrays and
SciPy sparse arrays with neither package asked for; any other name is refused.
"""

import collections
import io
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy._core import multiarray, numeric
from scipy import sparse

from thfm_jax.data.benchmarks.sequence import BenchmarkError

_BUILTINS = {"object": object, "set": set, "list": list, "dict": dict, "tuple": tuple}
_KNOWN: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("collections", "OrderedDict"): collections.OrderedDict,
    # Python 3 writes bytes so into pickles that Python 2 can read.
    ("_codecs", "encode"): lambda text, encoding: str(text).encode(encoding),
    **{
        (f"numpy.{core}.{module}", name): function
        for core in ("core", "_core")
        for module, name, function in (
            ("multiarray", "_reconstruct", multiarray._reconstruct),
            ("multiarray", "scalar", multiarray.scalar),
            ("numeric", "_frombuffer", numeric._frombuffer),  # type: ignore[attr-defined]
        )
    },
    **{
        (module, name): kind
        for name, kind in _BUILTINS.items()
        for module in ("builtins", "__builtin__")
    },
    # How protocols below 2 make an object of a class.
    ("copyreg", "_reconstructor"): lambda kind, base, state: kind(),
    ("copy_reg", "_reconstructor"): lambda kind, base, state: kind(),
}


def read_pickle(path: Path) -> Any:
    """What a pickle of Python 2 or 3 holds; raises `BenchmarkError` for a damaged or unsafe one."""
    try:
        with path.open("rb") as file:
            return _plain(_Unpickler(file, encoding="latin1").load())
    except FileNotFoundError as error:
        raise BenchmarkError(f"{path}: not found") from error
    except _FAULTS as error:
        raise BenchmarkError(f"{path}: expected a pickle of arrays: {error}") from error


def read_torch(path: Path) -> Any:
    """What `torch.save` wrote: tensors as NumPy arrays, sparse ones as SciPy sparse arrays."""
    try:
        with zipfile.ZipFile(path) as archive:
            (index,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
            folder = index.removesuffix("data.pkl")
            read = lambda key: archive.read(f"{folder}data/{key}")
            return _TorchUnpickler(io.BytesIO(archive.read(index)), read).load()
    except FileNotFoundError as error:
        raise BenchmarkError(f"{path}: not found") from error
    except (*_FAULTS, zipfile.BadZipFile) as error:
        raise BenchmarkError(f"{path}: expected a file of torch.save: {error}") from error


# What a pickle with missing, changed or foreign bytes raises.
_FAULTS = (
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    UnicodeError,
    ImportError,
    MemoryError,
    OverflowError,
)


class _StandIn:
    """Holds the state of an object whose class is not loaded."""

    state: Any = MappingProxyType({})

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Chumpy(_StandIn):
    """Of chumpy: an array in its state's "x", or an expression, which is of no use here."""


class _Sparse(_StandIn):
    """Of scipy.sparse; its state says no more than its class of what it holds."""


class _Columns(_Sparse):
    """A csc_matrix or csc_array."""


class _Rows(_Sparse):
    """A csr_matrix or csr_array."""


_STAND_INS = {
    "csc_matrix": _Columns,
    "csc_array": _Columns,
    "csr_matrix": _Rows,
    "csr_array": _Rows,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _KNOWN:
            return _KNOWN[module, name]
        if module.split(".")[0] == "chumpy":
            return _Chumpy
        if module.startswith("scipy.sparse") and name in _STAND_INS:
            return _STAND_INS[name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not loaded from here")


class _TorchUnpickler(_Unpickler):
    _STORAGES: Mapping[str, type] = {
        "FloatStorage": np.float32,
        "DoubleStorage": np.float64,
        "HalfStorage": np.float16,
        "LongStorage": np.int64,
        "IntStorage": np.int32,
        "BoolStorage": np.bool_,
    }

    def __init__(self, file: io.BytesIO, read: Callable[[str], bytes]):
        super().__init__(file)
        self._read = read

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in self._STORAGES:
            return self._STORAGES[name]
        makers = {
            "torch.Size": tuple,
            "torch.serialization._get_layout": str,
            "torch._utils._rebuild_tensor_v2": _dense_tensor,
            "torch._utils._rebuild_sparse_tensor": _sparse_tensor,
        }
        return makers.get(f"{module}.{name}") or super().find_class(module, name)

    def persistent_load(self, pid: tuple) -> np.ndarray:
        _, dtype, key, *_ = pid
        return np.frombuffer(self._read(key), dtype)


def _dense_tensor(
    storage: np.ndarray, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any
) -> np.ndarray:
    last = offset + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
    if all(shape) and not 0 <= offset <= last < storage.size:
        raise ValueError(f"a tensor of shape {shape} lies outside of its storage")
    steps = tuple(stride * storage.itemsize for stride in strides)
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, steps).copy()


def _sparse_tensor(layout: str, parts: tuple) -> sparse.csr_array:
    if layout != "torch.sparse_coo":
        raise ValueError(f"expected a tensor of layout torch.sparse_coo, got {layout}")
    indices, values, shape, *_ = parts
    return sparse.csr_array((values, tuple(indices)), shape=shape)


def _plain(value: Any) -> Any:
    """The value with stand-ins turned into arrays, wherever they lie in its containers."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(item) for item in value)
    if isinstance(value, _Chumpy) and "x" in value.state:
        return np.asarray(_plain(value.state["x"]))
    if isinstance(value, _Sparse):
        kind = sparse.csc_array if isinstance(value, _Columns) else sparse.csr_array
        parts = tuple(value.state[part] for part in ("data", "indices", "indptr"))
        return kind(parts, shape=value.state["_shape"])
    return value

"""Builds one of our parameters, or any slice of it, from the tensors in a source.

Besides the result a few megabytes of one PyTorch tensor are in memory at a time, and only rows of
it that the slice needs are read.
"""

from collections.abc import Sequence

import ml_dtypes
import numpy as np

from thfm_jax.convert.errors import ConversionError
from thfm_jax.convert.source import PartSource
from thfm_jax.convert.stored import StoredTensor
from thfm_jax.convert.tables import Row

SOURCE = "source"
DTYPES = (SOURCE, "bfloat16", "float32")

_BLOCK_BYTES = 16 << 20

Index = tuple[slice, ...]


def stored_dtype(source: PartSource, row: Row, dtype: str = SOURCE) -> np.dtype:
    """The dtype that a parameter gets.

    Args:
      dtype: "source" keeps what is stored (float32 where the layers of one parameter differ);
        "float32" is float32 throughout; "bfloat16" holds for the matrices whose products are taken
        in bfloat16. Norms, biases, modulation, the time path, the head and the whole VAE keep what
        is stored, since their rounding costs accuracy and gains no memory to speak of.
    """
    if dtype not in DTYPES:
        raise ConversionError(f"no dtype {dtype!r}; there are {', '.join(DTYPES)}")
    if dtype == "float32":
        return np.dtype(np.float32)
    if dtype == "bfloat16" and row.is_matrix:
        return np.dtype(ml_dtypes.bfloat16)
    dtypes = {tensor.dtype for tensor in _tensors(source, row)}
    return dtypes.pop() if len(dtypes) == 1 else np.dtype(np.float32)


def assemble(
    source: PartSource, row: Row, dtype: np.dtype, index: Sequence[slice] | None = None
) -> np.ndarray:
    """A parameter, or the slice of it at `index` (one slice of step one for each axis)."""
    index = tuple(index) if index is not None else (slice(None),) * len(row.target_shape)
    shape = [len(range(*s.indices(n))) for s, n in zip(index, row.target_shape, strict=True)]
    result, tensors = np.empty(shape, dtype), _tensors(source, row)
    if not row.layers:
        _fill(result, tensors[0], row, index)
        return result
    for out, tensor in zip(result, tensors[index[0]], strict=True):
        _fill(out, tensor, row, index[1:])
    return result


def _tensors(source: PartSource, row: Row) -> list[StoredTensor]:
    return [source.tensors[name] for name in row.tensors(source.layout)]


def _fill(out: np.ndarray, tensor: StoredTensor, row: Row, index: Index) -> None:
    """Writes one tensor in our layout, cut at `index`, into `out`, some of its rows at a time."""
    outer = row.layout.outer
    if outer is None:
        out[...] = row.layout.forward(tensor.read())[index]
        return
    start, stop, _ = index[outer].indices(tensor.shape[0])
    before, after = index[:outer], index[outer + 1 :]
    step = tensor.shape[0] if tensor.strides else _rows_of(_BLOCK_BYTES, tensor)
    for first in range(start, stop, step):
        last = min(first + step, stop)
        block = row.layout.forward(tensor.read(first, last))[(*before, slice(None), *after)]
        whole = (slice(None),) * outer
        out[(*whole, slice(first - start, last - start))] = block


def _rows_of(size: int, tensor: StoredTensor) -> int:
    return max(1, size * tensor.shape[0] // tensor.nbytes)

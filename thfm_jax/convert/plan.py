"""The pieces in which a part is converted: what is in memory, and written, one after the other."""

import collections
import dataclasses
import functools
import math

import numpy as np

from thfm_jax.convert import assemble
from thfm_jax.convert.layouts import Shape
from thfm_jax.convert.source import PartSource
from thfm_jax.convert.tables import Row

# An array up to this size is one piece; a longer one is cut along its first axis where it can be.
_PIECE_BYTES = 64 << 20


@dataclasses.dataclass(frozen=True)
class Piece:
    """A slice of one parameter, which is one chunk of its array on disk.

    Attributes:
      row: the parameter.
      index: the slice; only its first axis may be cut.
      chunk: the chunk's key in Zarr.
      nbytes: bytes of the slice.
      chunk_nbytes: bytes of the chunk, more than the slice's where the array ends within it.
    """

    row: Row
    index: tuple[slice, ...]
    chunk: str
    nbytes: int
    chunk_nbytes: int


class Plan:
    """How one part is converted: every parameter once, in pieces of at most one layer."""

    def __init__(self, source: PartSource, dtype: str):
        """Plans the conversion of a part to `dtype`, as `assemble.stored_dtype` reads it."""
        self.source = source
        self._dtypes = {row: assemble.stored_dtype(source, row, dtype) for row in source.rows}

    @functools.cached_property
    def pieces(self) -> list[Piece]:
        """All pieces, in the order of the table."""
        return [piece for row in self.source.rows for piece in self._pieces(row)]

    def array(self, piece: Piece) -> np.ndarray:
        """The content of a piece."""
        return assemble.assemble(self.source, piece.row, self.dtype_of(piece.row), piece.index)

    def dtype_of(self, row: Row) -> np.dtype:
        """The dtype that a parameter gets."""
        return self._dtypes[row]

    def chunk_shape(self, row: Row) -> Shape:
        """The shape of a piece of a parameter; the last one may be shorter."""
        shape = row.target_shape
        if self.nbytes(row) <= _PIECE_BYTES:
            return shape
        if row.layers:
            return (1, *shape[1:])
        # Where our first axis is not PyTorch's, a slice of it is scattered over the whole file.
        if row.layout.outer != 0:
            return shape
        return (max(1, _PIECE_BYTES * shape[0] // self.nbytes(row)), *shape[1:])

    def nbytes(self, row: Row) -> int:
        """Bytes of a parameter."""
        return math.prod(row.target_shape) * self.dtype_of(row).itemsize

    def dtypes(self) -> dict[str, int]:
        """How many parameters have each dtype."""
        return dict(collections.Counter(dtype.name for dtype in self._dtypes.values()))

    def _pieces(self, row: Row) -> list[Piece]:
        length, step = row.target_shape[0], self.chunk_shape(row)[0]
        row_bytes = self.nbytes(row) // length
        rest = row.target_shape[1:]
        return [
            Piece(
                row=row,
                index=(slice(first, min(first + step, length)), *(slice(0, n) for n in rest)),
                chunk=".".join([str(number), *("0" for _ in rest)]),
                nbytes=(min(first + step, length) - first) * row_bytes,
                chunk_nbytes=step * row_bytes,
            )
            for number, first in enumerate(range(0, length, step))
        ]

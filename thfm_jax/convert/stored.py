"""A tensor that still lies in its file: what both readers of checkpoint formats return."""

import dataclasses
import math
from pathlib import Path

import numpy as np

from thfm_jax.convert.errors import ConversionError


@dataclasses.dataclass(frozen=True)
class StoredTensor:
    """Where a tensor's bytes are; nothing of them is kept in memory.

    Attributes:
      file: the file.
      offset: byte at which the first element lies.
      shape: its shape, PyTorch's order of axes.
      dtype: little-endian NumPy dtype, also bfloat16 of ml_dtypes.
      strides: elements from one index of an axis to the next; None where the order is C.
    """

    file: Path
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype
    strides: tuple[int, ...] | None = None

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    def read(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Rows [start, stop) along the outermost axis; the others are not read."""
        if not self.shape:
            return self._contiguous(0, ())
        start, stop, _ = slice(start, stop).indices(self.shape[0])
        shape = (max(stop - start, 0), *self.shape[1:])
        if self.strides is None:
            return self._contiguous(start * math.prod(self.shape[1:]), shape)
        return self._strided()[start:stop]

    def _contiguous(self, first: int, shape: tuple[int, ...]) -> np.ndarray:
        out = np.empty(shape, self.dtype)
        view = out.reshape(-1).view(np.uint8).data
        with open(self.file, "rb", buffering=0) as file:
            file.seek(self.offset + first * self.dtype.itemsize)
            done = 0
            while done < len(view):
                count = file.readinto(view[done:])
                if not count:
                    raise ConversionError(
                        f"{self.file} ended {len(view) - done} bytes early: it changed while it "
                        "was read, or it is truncated"
                    )
                done += count
        return out

    def _strided(self) -> np.ndarray:
        assert self.strides is not None
        span = 1 + sum(
            (n - 1) * step for n, step in zip(self.shape, self.strides, strict=True) if n
        )
        flat = self._contiguous(0, (span if self.size else 0,))
        steps = [step * self.dtype.itemsize for step in self.strides]
        return np.lib.stride_tricks.as_strided(flat, self.shape, steps)

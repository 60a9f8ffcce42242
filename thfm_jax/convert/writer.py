"""Writes one part as an Orbax checkpoint piece by piece, so that no array need be in memory whole.

Orbax itself writes the checkpoint, with placeholders of one element. Then TensorStore, which Orbax
stores arrays with, puts an empty array of the true shape in the place of each: uncompressed Zarr,
whose chunks are files with the bytes of one piece. These files are all that is left to write. A
piece that is written twice is the same, so a run that was killed only has to know where it was.

Measured and not taken: Orbax's own partial saves, which hold copies of what they write and cannot
resume their last step; and TensorStore for the chunks, whose threads keep the memory of theirs.
"""

import os
import shutil
from pathlib import Path

import numpy as np
import tensorstore
from orbax.checkpoint import v1 as ocp

from thfm_jax import checkpoints
from thfm_jax.convert.plan import Piece, Plan
from thfm_jax.convert.tables import Row

# Where Orbax puts the arrays of a pytree inside a checkpoint.
_STATE = "state"


class PartWriter:
    """The checkpoint at `folder`, which is complete when every piece of the plan was written."""

    def __init__(self, folder: Path):
        self._folder = folder

    def create(self, plan: Plan) -> None:
        """Begins anew, with arrays that have their shapes and no content."""
        # Also what Orbax leaves beside it when it is killed.
        for path in self._folder.parent.glob(f"{self._folder.name}*"):
            shutil.rmtree(path)
        placeholders = {row.stored_path: np.zeros(1, np.float32) for row in plan.source.rows}
        context = ocp.Context()
        # Plain Zarr of version 2: a folder for each array, and in it a file for each chunk.
        context.array.saving.use_ocdbt = False
        context.array.saving.use_zarr3 = False
        with context:
            ocp.save(self._folder, checkpoints.nest(placeholders))
        for row in plan.source.rows:
            self._make_array(row, plan)

    def write(self, piece: Piece, array: np.ndarray) -> None:
        """Fills one piece; it is on disk when this returns."""
        file = self._place(piece.row) / piece.chunk
        temporary = file.with_name(f"{file.name}.tmp")
        with open(temporary, "wb") as stream:
            stream.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
            # The last chunk has the full length, also where the array ends within it.
            stream.truncate(piece.chunk_nbytes)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, file)

    def _make_array(self, row: Row, plan: Plan) -> None:
        spec = {
            "driver": "zarr",
            "kvstore": {"driver": "file", "path": f"{self._place(row)}/"},
            "dtype": plan.dtype_of(row).name,
            "metadata": {
                "shape": row.target_shape,
                "chunks": plan.chunk_shape(row),
                "dimension_separator": ".",
                "compressor": None,
            },
        }
        tensorstore.open(spec, create=True, delete_existing=True).result()

    def _place(self, row: Row) -> Path:
        return self._folder / _STATE / ".".join(row.stored_path)

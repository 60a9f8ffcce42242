"""Writes one part as an Orbax checkpoint piece by piece, so that no array need be in memory whole.

Orbax itself writes the checkpoint, with placeholders of one element; then TensorStore, which Orbax
stores arrays with, replaces each placeholder by an array of the true shape and fills its chunks.
A piece that is written twice is the same, so a run that was killed only has to know where it was.

Orbax's own partial saves were measured and not taken: with chunks of one layer they hold a copy of
each array that they write, and their last step cannot be resumed.
"""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import tensorstore
from orbax.checkpoint import v1 as ocp

from thfm_jax import checkpoints
from thfm_jax.convert.plan import Piece, Plan

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
        # Plain Zarr files: one file is one chunk, which TensorStore replaces in one step.
        context.array.saving.use_ocdbt = False
        context.array.saving.use_zarr3 = False
        with context:
            ocp.save(self._folder, checkpoints.nest(placeholders))
        for row in plan.source.rows:
            metadata = {
                "shape": row.target_shape,
                "chunks": plan.chunk_shape(row),
                "compressor": None,
            }
            spec = {"metadata": metadata, "dtype": plan.dtype_of(row).name}
            self._open(row.stored_path, create=spec)

    def write(self, piece: Piece, array: np.ndarray) -> None:
        """Fills one piece; it is on disk when this returns."""
        store = self._open(piece.row.stored_path)
        store[piece.index].write(array, can_reference_source_data_indefinitely=True).result()

    def _open(
        self, path: tuple[str, ...], create: dict[str, Any] | None = None
    ) -> tensorstore.TensorStore:
        place = self._folder / _STATE / ".".join(path)
        spec = {
            "driver": "zarr",
            "kvstore": {"driver": "file", "path": f"{place}/"},
            # Else a layer of zeros would not be stored, and count as missing when it is read.
            "store_data_equal_to_fill_value": True,
            **(create or {}),
        }
        anew = create is not None
        return tensorstore.open(spec, open=not anew, create=anew, delete_existing=anew).result()

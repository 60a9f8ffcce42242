"""Batches between processes and the mesh."""

import jax
import numpy as np
from jax.sharding import Mesh

from thfm_jax.sharding import batch_sharding, batch_share
from thfm_jax.types import Batch, Pytree


def place(batch: Batch, mesh: Mesh) -> Batch:
    """The global batch on the mesh, of each process's own share."""
    _, count = batch_share(mesh, jax.process_index())
    sharding = lambda x: batch_sharding(mesh, len(x) * count)
    if jax.process_count() == 1:
        # All arrays in one call, which takes the host a fraction of the time.
        return jax.device_put(batch, jax.tree.map(sharding, batch))

    def one(x):
        shape = (len(x) * count, *x.shape[1:])
        return jax.make_array_from_process_local_data(sharding(x), np.asarray(x), shape)

    return jax.tree.map(one, batch)


def own_share(batch: Pytree) -> Pytree:
    """This process's share of arrays that lie on the mesh as a batch does: undoes `place`."""

    def one(x: jax.Array) -> np.ndarray:
        # Devices that split no clips have copies of the same part.
        parts = {shard.index[0].start or 0: shard.data for shard in x.addressable_shards}
        return np.concatenate([np.asarray(parts[start]) for start in sorted(parts)])

    return jax.tree.map(one, batch)

"""One of two processes with two devices each, started by `test_training_processes.py`.

Its arguments are the port and the number of the process. It prints, as its last line, a JSON object
of what it found out.
"""

import json
import sys
from typing import Any

import jax
import numpy as np

from thfm_jax.sharding import batch_share, make_mesh
from thfm_jax.training.evaluate import Tally
from thfm_jax.training.placing import own_share, place
from thfm_jax.types import Batch, Clip

CLIPS = 4
# Clips split between the processes, and clips that both have whole.
MESHES: tuple[dict[str, int], ...] = ({"data": 2, "tensor": 2}, {"tensor": 4}, {"data": 4})


def found(sizes: dict[str, int], process: int) -> dict[str, Any]:
    """What becomes of a batch on a mesh of those sizes, and of figures of its clips."""
    mesh = make_mesh(**sizes)
    part, parts = batch_share(mesh, process)
    mine = np.arange(CLIPS, dtype=np.float32)[part::parts]
    batch: Any = Batch(Clip(np.repeat(mine[:, None], 3, axis=1), mine), {})
    placed = place(batch, mesh)
    back = own_share(jax.jit(lambda batch: jax.tree.map(lambda x: x + 1, batch))(placed))
    tally = Tally()
    for number in mine:
        tally.add({"number": 0.1 + float(number), "odd": 1.0 if number % 2 else np.nan})
    means, counts = tally.over_processes(parts)
    return {
        "shape": list(placed.clip.frames.shape),
        "returned": bool((back.clip.frames == batch.clip.frames + 1).all()),
        "means": means,
        "counts": counts,
    }


if __name__ == "__main__":
    port, process = map(int, sys.argv[1:])
    jax.distributed.initialize(f"localhost:{port}", 2, process)
    print(json.dumps([found(sizes, process) for sizes in MESHES]))

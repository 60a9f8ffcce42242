"""The record of a cached clip: what a batch holds of it, arrays by their path.

clip/frames                        [T, H, W, 0] uint8: only how large they were
clip/fps, frame_mask, intrinsics   as in `types.Clip`
targets/TASK/value, mask           of the keypoint tasks, as in `types.Target`
latents/clip                       [Tz, Hz, Wz, Z] float16 or float32
latents/targets/TASK/value, mask   of the dense tasks: [Tz, Hz, Wz, Z] likewise, and [] bool
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from thfm_jax.data.datasets.container import Bytes, Container, pack

Tree = Mapping[str, Any]  # of arrays, and of trees of them


def encode(clip: Tree) -> bytes:
    """The record of a tree of arrays."""
    arrays = flatten(clip)
    header = {name: [array.dtype.str, array.shape] for name, array in arrays.items()}
    return pack(header, {name: [array.tobytes()] for name, array in arrays.items()})


def decode(data: Bytes) -> dict[str, np.ndarray]:
    """The arrays of a record by their path, read-only; RecordError as `Container`."""
    container = Container(data)
    return {
        name: np.frombuffer(container.chunk(name), dtype, math.prod(shape)).reshape(shape)
        for name, (dtype, shape) in container.header.items()
    }


def flatten(tree: Tree, prefix: str = "") -> dict[str, np.ndarray]:
    """{"a": {"b": x}} as {"a/b": x}."""
    flat: dict[str, np.ndarray] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}/")
        else:
            flat[prefix + name] = np.asarray(value)
    return flat


def nest(flat: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The inverse of `flatten`."""
    tree: dict[str, Any] = {}
    for name, array in flat.items():
        *path, last = name.split("/")
        node = tree
        for key in path:
            node = node.setdefault(key, {})
        node[last] = array
    return tree

"""The device mesh, and which axis of it each axis of a parameter is split over."""

import re
from collections.abc import Sequence

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

AXES = ("data", "fsdp", "tensor", "sequence")

# Logical axis of a parameter -> mesh axis. Stacked layers are never split: the scan takes them one
# by one.
RULES = {"layers": None, "embed": "fsdp", "heads": "tensor", "mlp": "tensor", "vocab": "tensor"}

# Path of a parameter -> its logical axes, counted from the last; parameters of no entry, all of
# them small, are replicated.
_PARAMETERS = (
    (r"blocks/.*attention/[qkv]/kernel", ("embed", "heads")),
    (r"blocks/.*attention/o/kernel", ("heads", "embed")),
    (r"blocks/ffn/(gate|up)/kernel", ("embed", "mlp")),
    (r"blocks/ffn/down/kernel", ("mlp", "embed")),
    (r"token_embedding/embedding", ("vocab", "embed")),
    (r"text_embedding/linear_1/kernel", ("embed", "mlp")),
    (r"text_embedding/linear_2/kernel", ("mlp", "embed")),
    (r"time_embedding/linear_2/kernel", ("embed", "mlp")),
    (r"time_projection/kernel", ("embed", "mlp")),
)


def make_mesh(
    data: int = 1,
    fsdp: int = 1,
    tensor: int = 1,
    sequence: int = 1,
    devices: Sequence[jax.Device] | None = None,
) -> Mesh:
    """A mesh over `devices` (default: all); ValueError where the sizes do not multiply up."""
    devices = list(jax.devices() if devices is None else devices)
    shape = (data, fsdp, tensor, sequence)
    if np.prod(shape) != len(devices):
        sizes = ", ".join(f"{axis} {size}" for axis, size in zip(AXES, shape, strict=True))
        raise ValueError(f"a mesh of {sizes} needs {np.prod(shape)} devices, not {len(devices)}")
    return jax.make_mesh(shape, AXES, axis_types=(AxisType.Auto,) * len(AXES), devices=devices)


def parameter_spec(path: Sequence[str | int], shape: Sequence[int], mesh: Mesh) -> PartitionSpec:
    """How to split the parameter at `path`; an axis that does not divide evenly stays whole."""
    name = "/".join(map(str, path))
    logical: tuple[str, ...] = ()
    for pattern, axes in _PARAMETERS:
        if re.search(pattern + "$", name):
            logical = axes
    spec: list[str | None] = [None] * (len(shape) - len(logical))
    for axis, size in zip(logical, shape[len(shape) - len(logical) :], strict=True):
        mesh_axis = RULES[axis]
        fits = mesh_axis is not None and size % mesh.shape[mesh_axis] == 0
        spec.append(mesh_axis if fits else None)
    return PartitionSpec(*spec)


def parameter_sharding(
    path: Sequence[str | int], shape: Sequence[int], mesh: Mesh
) -> NamedSharding:
    """`parameter_spec` on its mesh."""
    return NamedSharding(mesh, parameter_spec(path, shape, mesh))

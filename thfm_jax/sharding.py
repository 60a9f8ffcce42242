"""The device mesh, and which of its axes each axis of a parameter or an activation is split over.

A mesh reaches the model through JAX: inside `with jax.set_mesh(make_mesh(...)):` the model's calls
of `constrain` split its activations; without it they do nothing. Parameters and what follows them
(gradients, moments, averages) are placed with `state_sharding`, a batch with `batch_sharding`.
"""

import math
import re
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import mesh_utils
from jax.sharding import AbstractMesh, AxisType, Mesh, NamedSharding, PartitionSpec

AXES = ("data", "fsdp", "tensor", "sequence")

# Logical axis -> the mesh axes that it may be split over; what is not here stays whole. The axes of
# an array choose in this order, each from what those before it left.
RULES = {
    "batch": ("data", "fsdp"),
    "tokens": ("sequence",),
    "heads": ("tensor",),
    "mlp": ("tensor",),
    "vocab": ("tensor",),
    # Devices that share a clip's tokens need no copies of the weights either.
    "embed": ("fsdp", "sequence"),
    # Of the VAE. Width first: XLA for TPUs folds the width of some convolutions into the batch,
    # which gathers what is split by height.
    "width": ("sequence", "tensor", "fsdp", "data"),
    "height": ("sequence", "tensor", "fsdp", "data"),
}

# End of a matrix's path -> logical names of its last two axes; other parameters, all of them small,
# are replicated.
_MATRICES = (
    (r"blocks/.*attention/[qkv]", ("embed", "heads")),
    (r"blocks/.*attention/o", ("heads", "embed")),
    (r"blocks/ffn/(gate|up)", ("embed", "mlp")),
    (r"blocks/ffn/down", ("mlp", "embed")),
    (r"token_embedding", ("vocab", "embed")),
    (r"text_embedding/linear_1", ("embed", "mlp")),
    (r"text_embedding/linear_2", ("mlp", "embed")),
    (r"time_embedding/linear_2", ("embed", "mlp")),
    (r"time_projection", ("embed", "mlp")),
)
# Name of an array -> which of its matrix's axes it has; of a low-rank change, one.
_AXES = {
    "kernel": (True, True),
    "embedding": (True, True),
    "lora_a": (True, False),
    "lora_b": (False, True),
}


def make_mesh(
    data: int = 1,
    fsdp: int = 1,
    tensor: int = 1,
    sequence: int = 1,
    devices: Sequence[jax.Device] | None = None,
) -> Mesh:
    """A mesh over `devices`: default all; those of a topology serve for compiling.

    Several TPU slices share the data axis, so that only gradients cross the slow network between
    them. Raises ValueError where the sizes do not multiply up, or slices do not divide `data`.
    """
    devices = list(jax.devices() if devices is None else devices)
    shape = (data, fsdp, tensor, sequence)
    if math.prod(shape) != len(devices):
        sizes = ", ".join(f"{axis} {size}" for axis, size in zip(AXES, shape, strict=True))
        raise ValueError(f"a mesh of {sizes} needs {math.prod(shape)} devices, not {len(devices)}")
    tpus = [device for device in devices if device.platform == "tpu"]
    slices = len({getattr(device, "slice_index", 0) for device in tpus})
    if slices > 1:
        grid = _over_slices(shape, slices, devices)
    else:
        grid = mesh_utils.create_device_mesh(shape, devices, allow_split_physical_axes=True)
    return Mesh(grid, AXES, axis_types=(AxisType.Auto,) * len(AXES))


def _over_slices(shape: Sequence[int], slices: int, devices: list[jax.Device]) -> np.ndarray:
    data, *rest = shape
    if data % slices:
        raise ValueError(f"{slices} slices need a data axis that they divide, not {data}")
    return mesh_utils.create_hybrid_device_mesh(
        (data // slices, *rest), (slices, 1, 1, 1), devices, allow_split_physical_axes=True
    )


def ambient_mesh() -> AbstractMesh | None:
    """The mesh of `jax.set_mesh` where it is one of ours and has more than one device.

    None inside `shard_map`, where every array is one device's already.
    """
    mesh = jax.sharding.get_abstract_mesh()
    ours = mesh.axis_names == AXES and mesh.are_all_axes_auto
    return mesh if ours and mesh.size > 1 else None


def platform() -> str:
    """ "cpu", "gpu" or "tpu": what the program being traced will run on.

    That of the ambient mesh, which may be of devices that this machine lacks; else JAX's default.
    """
    device = jax.sharding.get_abstract_mesh().abstract_device
    return device.platform if device else jax.default_backend()


def spec_of(
    axes: Sequence[str | None], shape: Sequence[int], mesh: Mesh | AbstractMesh
) -> PartitionSpec:
    """How to split an array of that shape whose first axes have those logical names.

    Each takes the mesh axes of its rule that are left and divide it.
    """
    free = set(mesh.axis_names)
    entries: list[Any] = [None] * len(axes)
    for name, rule in RULES.items():
        if name not in axes:
            continue
        place = axes.index(name)
        size, mine = shape[place], []
        for axis in rule:
            if axis in free and size % mesh.shape[axis] == 0:
                mine.append(axis)
                size //= mesh.shape[axis]
        free.difference_update(mine)
        entries[place] = tuple(mine) if len(mine) > 1 else mine[0] if mine else None
    return PartitionSpec(*entries)


def constrain(x: jax.Array, *axes: str | None, like: Sequence[int] | None = None) -> jax.Array:
    """`x` split over the ambient mesh, if any, by the logical names of its first axes.

    `like` is a shape to judge divisibility by instead of that of `x`, so that arrays of several
    resolutions are split alike.
    """
    mesh = ambient_mesh()
    if mesh is None:
        return x
    return jax.lax.with_sharding_constraint(x, spec_of(axes, like or x.shape, mesh))


def ways(axis: str) -> int:
    """Into how many parts the ambient mesh splits a logical axis, if it divides."""
    mesh = ambient_mesh()
    return math.prod(mesh.shape[axis] for axis in RULES[axis]) if mesh else 1


def parameter_spec(
    path: Sequence[str | int], shape: Sequence[int], mesh: Mesh | AbstractMesh
) -> PartitionSpec:
    """How to split the parameter whose path ends in `path`; what does not divide stays whole."""
    matrix, _, array = "/".join(map(str, path)).rpartition("/")
    axes: tuple[str | None, ...] = ()
    for pattern, names in _MATRICES:
        if array in _AXES and len(shape) > 1 and re.search(pattern + "$", matrix):
            axes = tuple(n if has else None for n, has in zip(names, _AXES[array], strict=True))
    stacked = len(shape) - len(axes)
    return spec_of((None,) * stacked + axes, shape, mesh)


def parameter_sharding(
    path: Sequence[str | int], shape: Sequence[int], mesh: Mesh
) -> NamedSharding:
    """`parameter_spec` on its mesh."""
    return NamedSharding(mesh, parameter_spec(path, shape, mesh))


def state_sharding(tree: Any, mesh: Mesh) -> Any:
    """`NamedSharding`s in the structure of `tree`: each leaf lies as the parameter it is named for.

    The leaves are arrays or `jax.ShapeDtypeStruct`s, the paths those of a pytree: parameters,
    moments of an optimiser and moving averages all end in the path of their parameter. Leaves that
    are named for none are replicated.
    """

    def leaf(path, x):
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        # An `nnx.Variable` is a node of the tree, its array the child "value".
        return parameter_sharding([name.removesuffix("/value")], x.shape, mesh)

    return jax.tree_util.tree_map_with_path(leaf, tree)


def batch_sharding(mesh: Mesh, size: int) -> NamedSharding:
    """The sharding of arrays whose leading axis is a batch of `size` clips.

    Raises ValueError where the clips cannot be shared out evenly.
    """
    spec = spec_of(("batch",), (size,), mesh)
    parts = math.prod(mesh.shape[axis] for axis in RULES["batch"])
    if size % parts:
        sizes = " x ".join(f"{axis} {mesh.shape[axis]}" for axis in RULES["batch"])
        raise ValueError(
            f"a batch of {size} clips does not divide over {sizes}: let it be a multiple of their "
            "product, or give mesh.sequence or mesh.tensor some of the devices"
        )
    return NamedSharding(mesh, spec)


def batch_share(mesh: Mesh, process: int) -> tuple[int, int]:
    """(index, count): of `count` equal parts of each batch that process loads part `index`.

    Processes between which a clip's tokens or heads are split load the same part. Raises ValueError
    where a process shares some of its clips, but not all, with another.
    """
    parts = math.prod(mesh.shape[axis] for axis in RULES["batch"])
    clips: dict[int, set[int]] = {}
    for part, devices in enumerate(mesh.devices.reshape(parts, -1)):
        for device in devices:
            clips.setdefault(device.process_index, set()).add(part)
    shares = sorted({tuple(sorted(mine)) for mine in clips.values()})
    if sum(map(len, shares)) != parts or len({len(share) for share in shares}) > 1:
        raise ValueError(
            "some processes share a part of their clips: let data x fsdp be a multiple of the "
            "number of processes, or divide it"
        )
    return shares.index(tuple(sorted(clips[process]))), len(shares)

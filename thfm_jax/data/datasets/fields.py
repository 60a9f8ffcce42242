"""What a stored clip consists of: names, shapes and types of its arrays, and what they promise."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from thfm_jax import joints
from thfm_jax.data.datasets.quantize import TEMPLATE_LIMIT_M
from thfm_jax.data.synthetic.clip import SyntheticClip

Dims = tuple[str | int, ...]

# T frames of H x W pixels, P subjects.
PICTURES: dict[str, tuple[Dims, type]] = {
    "rgb": (("T", "H", "W", 3), np.uint8),
    "alpha": (("T", "H", "W"), np.float32),
    "depth_m": (("T", "H", "W"), np.float32),
    "normals": (("T", "H", "W", 3), np.float32),
    "template": (("T", "H", "W", 3), np.float32),
    "part": (("T", "H", "W"), np.uint8),
    "instance": (("T", "H", "W"), np.uint8),
    "valid": (("T", "H", "W"), np.bool_),
    "posed": (("T", "H", "W"), np.bool_),
}
TABLES: dict[str, tuple[Dims, type]] = {
    "keypoints2d": (("P", "T", len(joints.JOINTS), 3), np.float32),
    "keypoints3d": (("P", "T", len(joints.JOINTS), 3), np.float32),
    "keypoints_known": (("P",), np.bool_),
    "intrinsics": (("T", 3, 3), np.float32),
    "extrinsics": (("T", 3, 4), np.float32),
}
MAPS: tuple[str, ...] = tuple(name for name in PICTURES if name != "rgb")
FIELDS: tuple[str, ...] = (*PICTURES, *TABLES)

_ROUNDING = 1e-6  # of float32 sums that should be 1


def shape(dims: Dims, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """`dims` with numbers for the letters."""
    return tuple(sizes[dim] if isinstance(dim, str) else dim for dim in dims)


def of(clip: SyntheticClip) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """All of `FIELDS`, and the sizes "T", "H", "W" and "P".

    Raises:
      ValueError: one is not what `SyntheticClip` and `Labels` promise.
    """
    values = {**vars(clip), **vars(clip.labels)}
    T, H, W = clip.labels.instance.shape
    sizes = {"T": T, "H": H, "W": W, "P": len(clip.keypoints_known)}
    for name, (dims, dtype) in {**PICTURES, **TABLES}.items():
        _check_type(name, values[name], shape(dims, sizes), dtype)
    _check_maps(values)
    return {name: values[name] for name in FIELDS}, sizes


def _check_type(name: str, array: np.ndarray, expected: tuple[int, ...], dtype: type) -> None:
    if array.shape != expected or array.dtype != dtype:
        raise ValueError(
            f"{name}: expected {np.dtype(dtype)} {expected}, got {array.dtype} {array.shape}"
        )


def _check_maps(maps: Mapping[str, Any]) -> None:
    inside = maps["instance"] > 0
    squared = {
        name: np.einsum("thwc,thwc->thw", maps[name], maps[name])
        for name in ("normals", "template")
    }
    for name in set(MAPS) - {"alpha"}:
        if np.any(squared.get(name, maps[name]), where=~inside):
            raise ValueError(f"{name}: expected 0 where instance is 0")
    alpha, depth_m = maps["alpha"], maps["depth_m"][inside]
    if not (alpha.min() >= 0 and alpha.max() <= 1 + _ROUNDING):
        raise ValueError(f"alpha: expected 0 to 1, got {alpha.min()} to {alpha.max()}")
    if not np.all((depth_m > 0) & np.isfinite(depth_m)):
        raise ValueError("depth_m: expected positive numbers where instance is not 0")
    if not np.all(np.abs(squared["normals"] - 1) < 1e-3, where=inside):
        raise ValueError("normals: expected unit vectors where instance is not 0")
    if not squared["template"].max() < TEMPLATE_LIMIT_M**2:
        raise ValueError(f"template: expected points within {TEMPLATE_LIMIT_M} m")

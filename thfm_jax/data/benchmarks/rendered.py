"""Pictures with rendered geometry, in the folders that Sapiens2 keeps them in.

    rgb/NAME.png       8-bit sRGB
    mask/NAME.png      the first channel is not 0 on the foreground
    normal/NAME.npy    or .npz with the key "normal": H x W x 3, of any length but 0
    depth/NAME.npy     or .npz with the key "depth": H x W or H x W x 1, z along the camera's axis

`normal` and `depth` are only needed for the labels that are asked for. Pixels of the mask without a
label, NaN or depth 0, are not scored; `shots.FOREGROUND` tells of them.

Source: facebookresearch/sapiens2 sapiens/dense/src/datasets/normal/normal_base_dataset.py for rgb,
mask and normal; the depth folder is Sapiens' (facebookresearch/sapiens). That code does not say
which way the axes of the normals point, nor in which unit depth is: options of the readers that use
this layout, checked by `plausible`.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, UInt8

from thfm_jax.data.benchmarks import files, plausible
from thfm_jax.data.benchmarks.sequence import BenchmarkError
from thfm_jax.data.benchmarks.shots import Labels, foreground

LABELS = ("depth", "normals")
# Signs that turn normals into x right, y up, z towards the viewer.
AXES = {"viewer": (1, 1, 1), "opencv": (1, -1, -1)}
_FOLDERS = {"depth": "depth", "normals": "normal"}


@dataclasses.dataclass(frozen=True)
class Conventions:
    """How a set stores its geometry.

    Attributes:
      unit: of depth, one of `plausible.METRES`.
      axes: of normals, one of `AXES`.
      limits: what depth is plausible; None takes all depth and all normals as they come.
    """

    unit: str = "m"
    axes: str = "viewer"
    limits: plausible.DepthLimits | None = plausible.PEOPLE

    def __post_init__(self) -> None:
        for name, value, known in (
            ("unit", self.unit, plausible.METRES),
            ("axes", self.axes, AXES),
        ):
            if value not in known:
                raise ValueError(f"expected {name} to be one of {', '.join(known)}, got {value!r}")


@dataclasses.dataclass(frozen=True)
class Rendered:
    """A picture of such folders; a `Frame`.

    Attributes:
      file, mask: the picture and its mask.
      geometry: label -> its file.
      conventions: how the labels are stored.
    """

    file: Path
    mask: Path
    geometry: dict[str, Path]
    conventions: Conventions

    def size(self) -> tuple[int, int]:
        return files.size(self.file)

    def picture(self) -> UInt8[np.ndarray, "H W 3"]:
        return files.rgb(self.file)

    def labels(self) -> Labels:
        inside = files.mask(self.mask)
        geometry = {
            label: _READERS[label](file, inside, self.conventions)
            for label, file in self.geometry.items()
        }
        return geometry | foreground(inside)


def open_folder(
    folder: Path, labels: Sequence[str], conventions: Conventions
) -> dict[str, Rendered]:
    """The pictures of a folder in this layout, by name; BenchmarkError where files are missing."""
    if not labels or set(labels) - set(LABELS):
        raise ValueError(f"expected labels out of {LABELS}, got {labels}")
    found = files.matched(
        rgb=files.by_stem(folder / "rgb", files.PICTURES),
        mask=files.by_stem(folder / "mask", files.PICTURES),
        **{label: files.by_stem(folder / _FOLDERS[label], files.ARRAYS) for label in labels},
    )
    return {
        name: Rendered(
            sample["rgb"], sample["mask"], {label: sample[label] for label in labels}, conventions
        )
        for name, sample in found.items()
    }


def known_depth(
    file: Path,
    depth: Float[np.ndarray, "H W"],
    inside: Bool[np.ndarray, "H W"],
    conventions: Conventions,
) -> tuple[Float[np.ndarray, "H W 1"], Bool[np.ndarray, "H W"]]:
    """Depth in metres, 0 where it is not known, and where it is known; checked."""
    known = inside & np.isfinite(depth) & (depth > 0)
    check_known(file, inside, known, "are no numbers above 0")
    metres = np.where(known, depth * plausible.METRES[conventions.unit], 0).astype(np.float32)
    if conventions.limits:
        plausible.check_depth(file, metres, known, conventions.limits, conventions.unit)
    return metres[..., None], known


def known_normals(
    file: Path,
    normals: Float[np.ndarray, "H W 3"],
    inside: Bool[np.ndarray, "H W"],
    conventions: Conventions,
) -> tuple[Float[np.ndarray, "H W 3"], Bool[np.ndarray, "H W"]]:
    """Unit normals in our axes, 0 where they are not known, and where they are known; checked."""
    turned = np.asarray(normals, np.float32) * np.array(AXES[conventions.axes], np.float32)
    length = np.linalg.norm(turned, axis=-1)
    known = inside & np.isfinite(length) & (length > 1e-6)
    check_known(file, inside, known, "have no direction")
    if conventions.limits:
        plausible.check_normals(file, turned, known)
    unit = turned / np.where(known, length, 1)[..., None]
    return np.where(known[..., None], unit, 0), known


def check_known(file: Path, inside: np.ndarray, known: np.ndarray, why: str) -> None:
    """Raises BenchmarkError where most of a mask has no label.

    A few holes of a scan are usual, but that is a broken file or one of other conventions.
    """
    masked, labelled = np.count_nonzero(inside), np.count_nonzero(known)
    if 2 * labelled < masked:
        raise BenchmarkError(f"{file}: {masked - labelled} of {masked} values in the mask {why}")


def _depth(file: Path, inside: Bool[np.ndarray, "H W"], conventions: Conventions):
    depth = files.array(file, "depth")
    if depth.ndim == 3 and depth.shape[-1] == 1:
        depth = depth[..., 0]
    _check_shape(file, depth.shape, inside.shape)
    return known_depth(file, depth, inside, conventions)


def _normals(file: Path, inside: Bool[np.ndarray, "H W"], conventions: Conventions):
    normals = files.array(file, "normal")
    _check_shape(file, normals.shape, (*inside.shape, 3))
    return known_normals(file, normals, inside, conventions)


_READERS = {"depth": _depth, "normals": _normals}


def _check_shape(file: Path, found: tuple[int, ...], expected: tuple[int, ...]) -> None:
    if found != expected:
        raise BenchmarkError(f"{file}: expected the shape {expected} of its mask, got {found}")

"""Reads renders of THuman2.x, 526 (2.0) and 2,445 (2.1) textured scans of people.

Yu et al., "Function4D", CVPR 2021. Gated, research only: ytrock/THuman2.0-Dataset has the
agreement. Scans, no pictures: whoever evaluates renders them, and Sapiens' renders (random
perspective cameras) were not released, so figures of different authors are not of the same
pictures. Two layouts are read.

`open_thuman2`: the folders of `rendered`, as Sapiens2 keeps its renders,

    rgb/NAME.png, mask/NAME.png, normal/NAME.npy, depth/NAME.npy

`open_thuman2_views`: per scan, views as avatar papers render them with ICON's scripts,

    SUBJECT/render/VIEW.png     8-bit RGBA
    SUBJECT/norm_F/VIEW.png     8-bit RGBA, rgb = (n / 2 + 0.5) * 255 where opaque

with x right, y up, z towards the viewer, of length 0.98 (both measured on published renders, whose
other folders are not read: `depth_F` is relative and nobody says which end of it is near). The
names of the two folders differ between authors and are options.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from thfm_jax.data.benchmarks import files
from thfm_jax.data.benchmarks.plausible import SCANS
from thfm_jax.data.benchmarks.rendered import LABELS, Conventions, known_normals, open_folder
from thfm_jax.data.benchmarks.sequence import BenchmarkError
from thfm_jax.data.benchmarks.shots import Labels, Shot, foreground

# Behind the person, where the render is transparent.
GREY = 127
_OPAQUE = 128


def open_thuman2(
    root: Path,
    labels: Sequence[str] = LABELS,
    images: int | None = None,
    unit: str = "m",
    axes: str = "viewer",
    check: bool = True,
) -> list[Shot]:
    """The renders in Sapiens2's folders, each a picture by itself; arguments as of `open_hi4d`."""
    found = open_folder(root, labels, Conventions(unit, axes, SCANS if check else None))
    files.check_count(root / "rgb", "pictures", len(found), images)
    return [Shot(name, (frame,)) for name, frame in found.items()]


def open_thuman2_views(
    root: Path,
    render: str = "render",
    normals: str = "norm_F",
    subjects: int | None = None,
    axes: str = "viewer",
    check: bool = True,
) -> list[Shot]:
    """The views of all scans, each a picture by itself, with normals.

    Args:
      root: holds a folder per scan.
      render, normals: names of the folders of the pictures and of their normals.
      subjects: how many scans there must be; None for any number.
      axes: "viewer" or "opencv".
      check: whether normals must point that way.

    Raises:
      BenchmarkError: a scan lacks a folder, or a view its normals.
    """
    conventions = Conventions(axes=axes, limits=SCANS if check else None)
    scans = sorted(path for path in root.glob("*") if path.is_dir())
    if not scans:
        raise BenchmarkError(f"{root}: expected a folder per scan")
    files.check_count(root, "scans", len(scans), subjects)
    shots = []
    for scan in scans:
        views = files.matched(
            picture=files.by_stem(scan / render, (".png",)),
            normals=files.by_stem(scan / normals, (".png",)),
        )
        for name, view in views.items():
            frame = View(view["picture"], view["normals"], conventions)
            shots.append(Shot(f"{scan.name}/{name}", (frame,), {"subject": scan.name}))
    return shots


@dataclasses.dataclass(frozen=True)
class View:
    """A view of a scan; a `Frame`.

    Attributes:
      file, normals: its picture and its map of normals.
      conventions: the axes of the normals.
    """

    file: Path
    normals: Path
    conventions: Conventions

    def size(self) -> tuple[int, int]:
        return files.size(self.file)

    def picture(self) -> UInt8[np.ndarray, "H W 3"]:
        colour, alpha = np.split(files.rgba(self.file).astype(np.float32), (3,), axis=-1)
        return np.round(GREY + (colour - GREY) * alpha / 255).astype(np.uint8)

    def labels(self) -> Labels:
        stored = files.rgba(self.normals)
        vectors = stored[..., :3].astype(np.float32) * (2 / 255) - 1
        inside = stored[..., 3] >= _OPAQUE
        normals = known_normals(self.normals, vectors, inside, self.conventions)
        return {"normals": normals, **foreground(inside)}

"""Reads Hi4D as Sapiens scores it: 1,195 pictures of pairs 28, 32 and 37 in close contact.

Yin et al., "Hi4D: 4D Instance Segmentation of Close Human Interaction", CVPR 2023. Gated, research
only: ask for it at yifeiyin04.github.io/Hi4D. It holds video of 8 cameras and a textured scan per
frame; normals and depth have to be rendered from the scans by whoever evaluates. The list of the
sequences that Sapiens took is in facebookresearch/sapiens, issue 194.

The folder is in the layout of `rendered`, all pictures together:

    rgb/NAME.png, mask/NAME.png, normal/NAME.npy, depth/NAME.npy

NAME is free, but where it has "pair28" in it the results are told apart by pair, and other pairs
are refused. Not verified on released files: how Sapiens named its own, and along which axes its
normals are; they are taken as x right, y up, z towards the viewer unless `axes` says "opencv".
"""

import itertools
import re
from collections.abc import Sequence
from pathlib import Path

from thfm_jax.data.benchmarks import files
from thfm_jax.data.benchmarks.plausible import SCANS
from thfm_jax.data.benchmarks.rendered import LABELS, Conventions, Rendered, open_folder
from thfm_jax.data.benchmarks.sequence import BenchmarkError
from thfm_jax.data.benchmarks.shots import Shot

PAIRS = ("28", "32", "37")
IMAGES = 1195
FPS = 30.0
_PAIR = re.compile(r"pair_?0*(\d+)", re.IGNORECASE)
_NUMBERED = re.compile(r"(.*\D)(\d+)$")


def open_hi4d(
    root: Path,
    labels: Sequence[str] = LABELS,
    clips: bool = False,
    images: int | None = IMAGES,
    unit: str = "m",
    axes: str = "viewer",
    check: bool = True,
) -> list[Shot]:
    """The pictures below `root`.

    Args:
      root: holds rgb, mask, normal and depth.
      labels: some of "depth" and "normals": which are read, and have to be there.
      clips: False takes every picture by itself, as Sapiens does. True joins pictures whose names
        differ only in the number at the end, as "pair28_dance28_c4_000012", into video.
      images: how many there must be; None for any number.
      unit: of depth.
      axes: of normals, "viewer" or "opencv".
      check: whether labels must be plausible for people in that unit and along those axes.

    Raises:
      BenchmarkError: files are missing, too many, or of another pair.
    """
    conventions = Conventions(unit, axes, SCANS if check else None)
    found = open_folder(root, labels, conventions)
    files.check_count(root / "rgb", "pictures", len(found), images)
    groups = {name: _group(root, name) for name in found}
    if not clips:
        return [Shot(name, (frame,), groups[name]) for name, frame in found.items()]
    joined: dict[str, list[tuple[int, Rendered]]] = {}
    for frame in found.values():
        clip, number = _place(frame.file)
        joined.setdefault(clip, []).append((number, frame))
    return [
        Shot(clip, tuple(_in_order(clip, frames)), _group(root, clip), FPS)
        for clip, frames in joined.items()
    ]


def _group(root: Path, name: str) -> dict[str, str]:
    match = _PAIR.search(name)
    if match and match[1] not in PAIRS:
        raise BenchmarkError(
            f"{root}: {name} is of pair {match[1]}; expected {', '.join(PAIRS)} only"
        )
    return {"pair": match[1]} if match else {}


def _place(file: Path) -> tuple[str, int]:
    """The clip that a picture belongs to, and its number in it."""
    match = _NUMBERED.match(file.stem)
    if not match:
        raise BenchmarkError(f"{file}: expected a name and then the number of the frame")
    return match[1].rstrip("_-."), int(match[2])


def _in_order(clip: str, frames: list[tuple[int, Rendered]]) -> list[Rendered]:
    frames = sorted(frames, key=lambda numbered: numbered[0])
    for (number, first), (following, second) in itertools.pairwise(frames):
        if number == following:
            raise BenchmarkError(f"{second.file}: frame {number} of {clip}, as is {first.file}")
    return [frame for _, frame in frames]

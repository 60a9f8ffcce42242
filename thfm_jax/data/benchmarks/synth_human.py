"""Reads SynthHuman's stills as a benchmark of depth, normals and matting; CDLA-Permissive-2.0.

Saleh et al., "DAViD", ICCV 2025: github.com/microsoft/DAViD has the download script and the layout,
which `thfm_jax.data.datasets.synth_human` describes: rgb_0000012.png, alpha_, depth_ (EXR, cm),
normal_ (EXR) and cam_ beside it, at any depth. 298,008 samples, all meant for training: no part is
released as held out. Hold some back by keeping their chunks out of the training folder, or by
`first` and `last`, and say in a report which.
"""

import dataclasses
import re
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from thfm_jax.data.benchmarks import files
from thfm_jax.data.benchmarks.plausible import PEOPLE, check_depth, check_normals
from thfm_jax.data.benchmarks.rendered import check_known
from thfm_jax.data.benchmarks.sequence import BenchmarkError
from thfm_jax.data.benchmarks.shots import Labels, Shot, foreground
from thfm_jax.data.datasets.container import RecordError
from thfm_jax.data.datasets.synth_human import Still
from thfm_jax.data.synthetic.clip import SyntheticClip

_FILES = ("rgb_{}.png", "alpha_{}.png", "depth_{}.exr", "normal_{}.exr", "cam_{}.txt")
_FILE = re.compile(r"(?:rgb|alpha|depth|normal|cam)_(\d+)\.(?:png|exr|txt)")


def open_synth_human(
    root: Path,
    first: int = 0,
    last: int | None = None,
    images: int | None = None,
    check: bool = True,
) -> list[Shot]:
    """The samples below `root`, each a picture by itself.

    Args:
      root: a folder as the download script leaves it, or above such.
      first, last: numbers of the first and the last sample that count.
      images: how many there must be; None for any number.
      check: whether depth and normals must be plausible for people.

    Raises:
      BenchmarkError: there is none, a sample lacks a file or lies there twice.
    """
    found: dict[str, Path] = {}
    for folder, number in sorted(_samples(root)):
        if int(number) < first or (last is not None and int(number) > last):
            continue
        for name in _FILES:
            if not (folder / name.format(number)).is_file():
                raise BenchmarkError(f"{folder}: sample {number} has no {name.format(number)}")
        picture = folder / f"rgb_{number}.png"
        if number in found:
            raise BenchmarkError(f"{picture}: the same sample as {found[number]}")
        found[number] = picture
    if not found:
        raise BenchmarkError(f"{root}: expected rgb_0000000.png and its labels, at any depth")
    files.check_count(root, "samples", len(found), images)
    return [Shot(number, (Sample(picture, number, check),)) for number, picture in found.items()]


def _samples(root: Path) -> set[tuple[Path, str]]:
    """Folder and number of all samples of which there is any file."""
    matches = ((path.parent, _FILE.fullmatch(path.name)) for path in root.rglob("*_*.*"))
    return {(folder, match[1]) for folder, match in matches if match}


@dataclasses.dataclass(frozen=True)
class Sample:
    """A still; a `Frame`.

    Attributes:
      file, number: its picture, and the number in that file's name.
      check: whether its geometry must be plausible for people.
    """

    file: Path
    number: str
    check: bool

    def size(self) -> tuple[int, int]:
        return files.size(self.file)

    def picture(self) -> UInt8[np.ndarray, "H W 3"]:
        return files.rgb(self.file)

    def labels(self) -> Labels:
        maps = self._clip().labels
        alpha, depth, normals = maps.alpha[0], maps.depth_m[0], maps.normals[0]
        inside = maps.instance[0] > 0
        check_known(self._beside("depth"), alpha >= 0.5, inside, "have no depth or no normal")
        if self.check:
            check_depth(self._beside("depth"), depth, inside, PEOPLE, "cm")
            check_normals(self._beside("normal"), normals, inside)
        return {
            "depth": (depth[..., None], inside),
            "normals": (normals, inside),
            "matte": (alpha[..., None], np.ones_like(inside)),
            **foreground(alpha >= 0.5),
        }

    def _beside(self, kind: str) -> Path:
        return self.file.with_name(f"{kind}_{self.number}.exr")

    def _clip(self) -> SyntheticClip:
        try:
            return Still(self.file.parent, self.number).read()
        except RecordError as error:
            raise BenchmarkError(str(error)) from error

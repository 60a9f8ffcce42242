"""Reads rendered depth and normals of Goliath: 4 subjects, 12 cameras, 16 frames, three framings.

Martinez et al., "Codec Avatar Studio: Paired Human Captures for Complete, Driveable, and
Generalizable Avatars", 2024. Gated, CC BY-NC 4.0: facebookresearch/goliath says whom to ask. The
release holds, per capture, zipped AVIF pictures of each camera (image/cam400944.zip), masks
(segmentation_fgbg/), camera_calibration.json and meshes (scan_mesh/, kinematic_tracking/), but no
depth: whoever evaluates renders it from the meshes. Nobody has published which cameras and frames
were taken, or how Face and UpperBody were cropped. So this layout is ours:

    SPLIT/SUBJECT/CAMERA/rgb/FRAME.png
                         mask/FRAME.png
                         depth/FRAME.npy
                         normal/FRAME.npy

with SPLIT face, upper_body or full_body, any names of subjects and cameras, and numbers as FRAME;
the four folders are as in `rendered`. A camera's frames, in the order of their numbers, are a
sequence.

Units: DAViD's published depth errors on Goliath are consistent with decimetres only (RMSE .334 at
AbsRel .009 asks for people 30 units away), and its authors and THFM's found each other a factor of
ten apart (microsoft/DAViD, issue 22). Scores here are in metres: `unit` says what the files are in,
and each split has its limits of what is plausible in a capture dome, tight enough to tell metres
from decimetres. Divide DAViD's RMSE by 10 to compare.
"""

from collections.abc import Sequence
from pathlib import Path

from thfm_jax.data.benchmarks import files
from thfm_jax.data.benchmarks.plausible import DepthLimits
from thfm_jax.data.benchmarks.rendered import LABELS, Conventions, open_folder
from thfm_jax.data.benchmarks.sequence import BenchmarkError
from thfm_jax.data.benchmarks.shots import Shot

# A head seen from 1 m, a body from 3 m; each alone.
LIMITS = {
    "face": DepthLimits((0.3, 5.0), (0.04, 0.6)),
    "upper_body": DepthLimits((0.4, 6.0), (0.05, 1.2)),
    "full_body": DepthLimits((0.8, 8.0), (0.08, 1.8)),
}
# What is evaluated of each split, and the pictures' rate.
PROTOCOL_SIZE = {"subjects": 4, "cameras": 12, "frames": 16, "fps": 30.0}


def open_goliath(
    root: Path,
    split: str,
    labels: Sequence[str] = LABELS,
    unit: str = "m",
    axes: str = "viewer",
    subjects: int | None = 4,
    cameras: int | None = 12,
    frames: int | None = 16,
    fps: float = 30.0,
    check: bool = True,
) -> list[Shot]:
    """What each camera saw of each subject.

    Args:
      root: holds the folders of the splits.
      split: "face", "upper_body" or "full_body".
      labels: some of "depth" and "normals": which are read, and have to be there.
      unit: of depth: "m", "dm", "cm" or "mm".
      axes: of normals, "viewer" or "opencv".
      subjects, cameras, frames: how many subjects there must be, cameras of each and frames of each
        camera; None for any number.
      fps: of the frames; 0 where they do not follow each other.
      check: whether labels must be plausible for the split in that unit and along those axes.

    Raises:
      BenchmarkError: folders or files are missing or too many.
    """
    if split not in LIMITS:
        raise ValueError(f"expected split to be one of {', '.join(LIMITS)}, got {split!r}")
    conventions = Conventions(unit, axes, LIMITS[split] if check else None)
    people = _folders(root / split)
    files.check_count(root / split, "subjects", len(people), subjects)
    shots = []
    for person in people:
        views = _folders(person)
        files.check_count(person, "cameras", len(views), cameras)
        for view in views:
            found = open_folder(view, labels, conventions)
            files.check_count(view, "frames", len(found), frames)
            ordered = [found[name] for name in sorted(found, key=lambda name: _number(view, name))]
            groups = {"subject": person.name, "camera": view.name}
            shots.append(Shot(f"{person.name}/{view.name}", tuple(ordered), groups, fps))
    return shots


def _folders(parent: Path) -> list[Path]:
    if not parent.is_dir():
        raise BenchmarkError(f"{parent}: expected a folder")
    return sorted(path for path in parent.iterdir() if path.is_dir())


def _number(view: Path, name: str) -> int:
    if not name.isdecimal():
        raise BenchmarkError(f"{view / 'rgb' / name}: expected the number of the frame as its name")
    return int(name)

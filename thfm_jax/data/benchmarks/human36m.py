"""Human3.6M: actors with markers in a studio, seen by four cameras.

Ionescu et al., "Human3.6M: Large Scale Datasets and Predictive Methods for 3D Human Sensing in
Natural Environments", TPAMI 2014. For academic research, after registration at
vision.imar.ro/human3.6m. Videos and poses as released have to be unpacked first, by either of two
published scripts.

As open-mmlab/mmpose does (tools/dataset_converters/preprocess_h36m.py), every fifth frame:

    annotation_body3d/fps10/h36m_test.npz
    annotation_body3d/cameras.pkl            {(subject, camera): f, c, ...}; used to check labels
    images/S9/S9_Directions_1.60457274/S9_Directions_1.60457274_000001.jpg

As nkolot/SPIN does (datasets/preprocess/h36m.py); name the file by the option `annotations`:

    h36m_valid_protocol1.npz, h36m_valid_protocol2.npz
    images/S9_Directions_1.60457274_000001.jpg

Both are arrays with one row per picture: `imgname`; `center` [N, 2] and `scale` [N], the square box
in pixels, its side divided by 200; and `S`, joints along the camera's axes in metres with a
confidence: mmpose's [N, 17, 4] from the camera's centre, SPIN's [N, 24, 4] from the pelvis.
mmpose's also has `part` [N, 17, 3], pixels of the same joints. mmpose's layout is verified, on
samples of it; SPIN's is by its code.

`S` is not in the world. Those who turn world positions by cameras.pkl themselves: its `R` takes the
camera's axes to the world's, the transpose of what other files of these cameras call R.

Protocol 1 takes all cameras of the subjects S9 and S11, protocol 2 the frontal one, 60457274.
Joints are LSP's 14 with Human3.6M's head. The middle of the hips is the pelvis: in Human3.6M's
skeleton the hips lie opposite each other about it.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from thfm_jax.data.benchmarks.files import size
from thfm_jax.data.benchmarks.pickles import read_pickle
from thfm_jax.data.benchmarks.pose_sequence import (
    PoseSequence,
    check_shape,
)
from thfm_jax.data.benchmarks.sequence import BenchmarkError

FPS = 10.0
SUBJECTS = ("S9", "S11")
FRONTAL = "60457274"
# LSP's 14 joints, right ankle first, among mmpose's 17 and SPIN's 24.
_LSP = {
    17: [3, 2, 1, 4, 5, 6, 16, 15, 14, 11, 12, 13, 8, 10],
    24: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 18],
}
_NAME = re.compile(r"(S\d+)_(.+)\.(\d{8})_(\d{6})\.jpg")
_REPROJECTION = 0.01  # of the focal length; a tenth of that is what labels are off by


def open_human36m(root: Path, protocol: int = 2, annotations: str = "") -> list[PoseSequence]:
    """The sequences of protocol 1 or 2, one per camera.

    Args:
      root: the folder that holds images.
      protocol: 1 or 2.
      annotations: the file of labels; annotation_body3d/fps10/h36m_test.npz below `root` by
        default.
    """
    if protocol not in (1, 2):
        raise BenchmarkError(
            f"{root}: Human3.6M is scored by the protocols 1 and 2, not {protocol}"
        )
    default = root / "annotation_body3d" / "fps10" / "h36m_test.npz"
    path = Path(annotations) if annotations else default
    table = _read(path)
    cameras = _cameras(root / "annotation_body3d" / "cameras.pkl")
    chosen = {key: rows for key, rows in _grouped(path, table).items() if _in(protocol, key)}
    missing = [subject for subject in SUBJECTS if subject not in {key[0] for key in chosen}]
    if missing:
        raise BenchmarkError(f"{path}: no pictures of {' and '.join(missing)} for the protocol")
    return [_sequence(root, path, table, cameras, key, rows) for key, rows in chosen.items()]


class _Key(NamedTuple):
    subject: str
    action: str
    camera: str


class _Table(NamedTuple):
    """The arrays of an annotation file; `pixels` is None for SPIN's."""

    names: list[str]
    centres: Float[np.ndarray, "N 2"]
    sides: Float[np.ndarray, "N"]
    joints: Float[np.ndarray, "N 14 3"]
    labelled: Bool[np.ndarray, "N 14"]
    pixels: Float[np.ndarray, "N 14 2"] | None


def _in(protocol: int, key: _Key) -> bool:
    return key.subject in SUBJECTS and (protocol == 1 or key.camera == FRONTAL)


def _read(path: Path) -> _Table:
    try:
        with np.load(path, allow_pickle=False) as file:
            content = {key: file[key] for key in file.files}
        names, joints = [str(name) for name in content["imgname"]], content["S"]
        count, rows = joints.shape[1], len(names)
        lsp = _LSP[count]
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise BenchmarkError(
            f"{path}: expected imgname, center, scale and S of 17 or 24 joints: {error}"
        ) from error
    read = lambda key, *shape: check_shape(content.get(key), (rows, *shape), f"{path}: {key}")
    joints = read("S", count, 4)[:, lsp]
    return _Table(
        names=names,
        centres=read("center", 2),
        sides=200 * read("scale"),
        joints=joints[..., :3],
        labelled=joints[..., 3] > 0,
        pixels=read("part", count, 3)[:, lsp, :2] if count == 17 else None,
    )


def _cameras(path: Path) -> Mapping[tuple[str, str], Mapping[str, np.ndarray]]:
    return read_pickle(path) if path.is_file() else {}


def _grouped(path: Path, table: _Table) -> dict[_Key, Int[np.ndarray, "n"]]:
    """Rows of each subject, action and camera in the order of their frames."""
    groups: dict[_Key, dict[int, int]] = {}
    for row, name in enumerate(table.names):
        match = _NAME.fullmatch(name.split("/")[-1])
        if not match:
            raise BenchmarkError(
                f"{path}: expected names like S9_Eating.60457274_000001.jpg, {name}"
            )
        rows = groups.setdefault(_Key(*match.groups()[:3]), {})
        if rows.setdefault(int(match[4]), row) != row:
            raise BenchmarkError(f"{path}: {name} stands twice in it")
    return {key: np.array([row for _, row in sorted(rows.items())]) for key, rows in groups.items()}


def _sequence(
    root: Path,
    path: Path,
    table: _Table,
    cameras: Mapping[tuple[str, str], Mapping[str, np.ndarray]],
    key: _Key,
    rows: Int[np.ndarray, "n"],
) -> PoseSequence:
    files = tuple(_picture(root, table.names[row]) for row in rows)
    missing = [file for file in files if not file.is_file()]
    if missing:
        raise BenchmarkError(f"{missing[0]}: not found, nor {len(missing) - 1} other pictures")
    name = f"{key.subject}/{key.action}.{key.camera}"
    half = table.sides[rows, None] / 2
    boxes = np.concatenate([table.centres[rows] - half, table.centres[rows] + half], axis=1)

    def joints() -> np.ndarray:
        if table.pixels is not None and (key.subject, key.camera) in cameras:
            camera = cameras[key.subject, key.camera]
            _check_camera_frame(table.joints[rows], table.pixels[rows], camera, f"{path}: {name}")
        return table.joints[rows]

    height, width = size(files[0])
    return PoseSequence(
        name=name,
        groups={"subject": key.subject, "action": key.action.split("_")[0], "camera": key.camera},
        height=height,
        width=width,
        fps=FPS,
        files=files,
        scored=table.labelled[rows].all(axis=1),
        label=joints,
        label_file=path,
        box=lambda frames: boxes[frames],
        rooted=table.pixels is None,
    )


def _picture(root: Path, name: str) -> Path:
    """SPIN's names start with the folder images, mmpose's do not."""
    return root / name if name.startswith("images/") else root / "images" / name


def _check_camera_frame(
    joints: Float[np.ndarray, "n 14 3"],
    pixels: Float[np.ndarray, "n 14 2"],
    camera: Mapping[str, np.ndarray],
    what: str,
) -> None:
    """Raises BenchmarkError unless the joints fall onto their pixels."""
    focal, centre = (np.asarray(camera[part], np.float64).reshape(2) for part in ("f", "c"))
    projected = focal * joints[..., :2] / joints[..., 2:] + centre
    error = float(np.median(np.linalg.norm(projected - pixels, axis=-1)))
    if not error < _REPROJECTION * focal.mean():
        raise BenchmarkError(
            f"{what}: S falls {error:.0f} px beside part; it is not along the camera's axes"
        )

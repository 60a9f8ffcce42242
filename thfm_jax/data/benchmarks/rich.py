"""RICH: people who train, cook and climb among scanned places, filmed by fixed cameras.

Huang et al., "Capturing and Inferring Dense Full-Body Human-Scene Contact", CVPR 2022. For research
that is not commercial, after registration: rich.is.tue.mpg.de. Layout, by the data set's own tools
(paulchhuang/rich_toolkit README.md, smplx2images.py, resource/meta):

    bodies/test/SEQUENCE/00017/009.pkl         SMPL-X of person 009 in frame 17
    images/test/SEQUENCE/cam_03/00017_03.png   .bmp in some places, .jpeg where reduced
    scan_calibration/PLACE/calibration/003.xml of OpenCV: CameraMatrix [3, 4] from the world to the
                                               camera, Intrinsics [3, 3], Distortion
    meta/test.txt                              from the tools' resource/meta: a table with the
                                               columns sequence_name, capture_name, id, gender and
                                               view_id, the last like 0,3,4,5

    SMPL-X: transl, global_orient [1, 3], body_pose [1, 63], betas, expression [1, 10], jaw_pose,
            leye_pose, reye_pose [1, 3], left_hand_pose, right_hand_pose [1, 12] components

The world is the first camera's frame. A sequence here is one person before one camera of `view_id`.
Frames are those that have a picture; where the person has no body in one, it is not scored.
Published evaluations (yohanshin/WHAM, zju3dv/GVHMR) take sequences with one person before these
cameras, and so does this reader; whether they leave out some, and which frames of each they take,
was not verified. Layout and keys were checked against the tools' code, not against the data.

Joints are SMPL's 24: SMPL-X's vertices are taken to SMPL's, to which SMPL_NEUTRAL's regressor is
applied (zju3dv/GVHMR hmr4d/model/gvhmr/callbacks/metric_rich.py).
"""

import dataclasses
import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from jaxtyping import Float, Int

from thfm_jax.data.benchmarks.files import size
from thfm_jax.data.benchmarks.joint_regressors import GenderedLandmarks
from thfm_jax.data.benchmarks.pickles import read_pickle
from thfm_jax.data.benchmarks.pose_sequence import (
    PoseSequence,
    box_round,
    check_names,
    check_shape,
    to_camera,
)
from thfm_jax.data.benchmarks.sequence import BenchmarkError
from thfm_jax.data.benchmarks.smpl import Bodies, BodyModel, vertices

FPS = 30.0
_COLUMNS = ("sequence_name", "capture_name", "id", "gender", "view_id")
# Of a body, in the order of SMPL-X's joints, with their sizes; hands are components.
_POSE = {"global_orient": 3, "body_pose": 63, "jaw_pose": 3, "leye_pose": 3, "reye_pose": 3}
_HANDS = ("left_hand_pose", "right_hand_pose")
_COMPONENTS = 12


def open_rich(
    root: Path,
    split: str = "test",
    smpl: str = "",
    smplx_to_smpl: str = "",
    regressor: str = "",
) -> list[PoseSequence]:
    """The sequences of a split in which there is one person.

    Args:
      root: the folder that holds bodies, images, scan_calibration and meta.
      split: "test", "val" or "train".
      smpl: folder of the body models, SMPL_NEUTRAL and SMPL-X of the genders that occur;
        `root/smpl` by default.
      smplx_to_smpl: file of a matrix [6890, 10475]; smplx_to_smpl.pkl beside the body models by
        default.
      regressor: file of a matrix [24, 6890]; SMPL_NEUTRAL's own by default.
    """
    folder = Path(smpl) if smpl else root / "smpl"
    landmarks = GenderedLandmarks(
        folder,
        24,
        Path(regressor) if regressor else None,
        family="SMPLX",
        to_smpl=Path(smplx_to_smpl) if smplx_to_smpl else folder / "smplx_to_smpl.pkl",
    )
    found = [
        _sequence(root, split, camera, _Person(_folder(root, split, row), row, landmarks))
        for row in _single(_table(root / "meta" / f"{split}.txt"))
        for camera in row["view_id"].split(",")
    ]
    check_names(found)
    return found


def _table(path: Path) -> Iterator[dict[str, str]]:
    if not path.is_file():
        raise BenchmarkError(f"{path}: not found; it is resource/meta/{path.name} of rich_toolkit")
    header, *rows = (line.split() for line in path.read_text().splitlines() if line.strip())
    missing = [name for name in _COLUMNS if name not in header]
    if missing:
        raise BenchmarkError(f"{path}: lacks the columns {', '.join(missing)}")
    for row in rows:
        if len(row) != len(header):
            raise BenchmarkError(f"{path}: expected {len(header)} columns, got {' '.join(row)!r}")
        yield dict(zip(header, row, strict=True))


def _single(rows: Iterator[dict[str, str]]) -> list[dict[str, str]]:
    """Those whose name, PLACE_PERSON_ACTION, has one person."""
    return [row for row in rows if len(row["sequence_name"].split("_")) == 3]


def _folder(root: Path, split: str, row: Mapping[str, str]) -> Path:
    return root / "bodies" / split / row["sequence_name"]


class _Person:
    """The bodies of one person, read once for all cameras."""

    def __init__(self, folder: Path, row: Mapping[str, str], landmarks: GenderedLandmarks):
        self.folder, self.row = folder, row
        self._landmarks = landmarks

    @functools.cached_property
    def files(self) -> dict[int, Path]:
        """By frame."""
        found = self.folder.glob(f"*/{self.row['id']}.pkl")
        files = {int(path.parent.name): path for path in sorted(found)}
        if not files:
            raise BenchmarkError(f"{self.folder}: no body */{self.row['id']}.pkl in it")
        return files

    @property
    def model(self) -> BodyModel:
        return self._landmarks.model(self.row["gender"])

    @functools.cached_property
    def bodies(self) -> Bodies:
        """Of all files."""
        parts = [_body(path, self.model) for path in self.files.values()]
        join = lambda name: np.concatenate([getattr(part, name) for part in parts])
        return Bodies(join("pose"), join("shape"), join("translation"))

    @functools.cached_property
    def joints(self) -> Float[np.ndarray, "N 24 3"]:
        """Of all files, in the world."""
        return self._landmarks(self.row["gender"])(self.bodies)

    def places(self, numbers: Int[np.ndarray, "T"]) -> Int[np.ndarray, "T"]:
        """Where each frame's body is in `bodies`; -1 for none."""
        place = {number: index for index, number in enumerate(self.files)}
        return np.array([place.get(int(number), -1) for number in numbers])


def _body(path: Path, model: BodyModel) -> Bodies:
    content = read_pickle(path)
    missing = [
        key for key in (*_POSE, *_HANDS, "transl", "betas", "expression") if key not in content
    ]
    if missing:
        raise BenchmarkError(f"{path}: lacks {', '.join(missing)}")
    read = lambda key, count: check_shape(content[key], (1, count), f"{path}: {key}")
    if model.hands is None:
        raise BenchmarkError(f"{path}: the body is of SMPL-X, but the model has no hands")
    means, components = model.hands
    hands = [
        means[side] + (read(key, _COMPONENTS) @ components[side, :_COMPONENTS])[0]
        for side, key in enumerate(_HANDS)
    ]
    pose = np.concatenate([*(read(key, count)[0] for key, count in _POSE.items()), *hands])
    shape = np.concatenate([read("betas", 10), read("expression", 10)], axis=1)
    return Bodies(pose.reshape(1, -1, 3), shape, read("transl", 3))


@dataclasses.dataclass(frozen=True)
class _Camera:
    """A camera: [1, 4, 4] from the world in metres, and [3, 3] in pixels of its full pictures."""

    extrinsics: Float[np.ndarray, "1 4 4"]
    intrinsics: Float[np.ndarray, "3 3"]


def _camera(path: Path) -> _Camera:
    try:
        tree = ElementTree.parse(path)
        numbers = lambda name: np.array(tree.findtext(f"{name}/data", "").split(), np.float64)
        extrinsics = np.vstack([numbers("CameraMatrix").reshape(3, 4), [0, 0, 0, 1]])
        return _Camera(extrinsics[None], numbers("Intrinsics").reshape(3, 3))
    except (OSError, ElementTree.ParseError, ValueError) as error:
        raise BenchmarkError(f"{path}: expected a camera's calibration: {error}") from error


def _sequence(root: Path, split: str, camera_id: str, person: _Person) -> PoseSequence:
    row, number = person.row, int(camera_id)
    camera = _camera(
        root / "scan_calibration" / row["capture_name"] / "calibration" / f"{number:03d}.xml"
    )
    folder = root / "images" / split / row["sequence_name"] / f"cam_{number:02d}"
    pictures = _pictures(folder, number)
    places = person.places(np.array(list(pictures)))
    scored = places >= 0
    lost = sorted(set(person.files) - set(pictures))
    if lost:
        raise BenchmarkError(
            f"{folder}: lacks {len(lost)} pictures that have bodies, {lost[0]:05d} the first"
        )
    height, width = size(next(iter(pictures.values())))

    def joints() -> np.ndarray:
        return to_camera(person.joints[places], camera.extrinsics)

    def boxes(frames: slice) -> np.ndarray:
        at = places[frames]
        bodies = person.bodies
        part = Bodies(bodies.pose[at], bodies.shape[at], bodies.translation[at])
        points = to_camera(vertices(person.model, part), camera.extrinsics)
        return box_round(points, camera.intrinsics) / _reduction(camera, width)

    return PoseSequence(
        name=f"{row['sequence_name']}/cam_{number:02d}",
        groups={
            "place": row["capture_name"],
            "subject": row["id"],
            "camera": f"{row['capture_name']} {number}",
        },
        height=height,
        width=width,
        fps=FPS,
        files=tuple(pictures.values()),
        scored=scored,
        label=joints,
        label_file=person.folder,
        box=boxes,
    )


def _pictures(folder: Path, camera: int) -> dict[int, Path]:
    """Pictures by frame, in their order."""
    pattern = re.compile(rf"(\d+)_{camera:02d}\.(png|bmp|jpe?g)", re.IGNORECASE)
    found: dict[int, Path] = {}
    for path in sorted(folder.glob("*")):
        match = pattern.fullmatch(path.name)
        if match and found.setdefault(int(match[1]), path) != path:
            raise BenchmarkError(f"{path}: the frame is also in {found[int(match[1])].name}")
    if not found:
        raise BenchmarkError(f"{folder}: expected pictures like 00017_{camera:02d}.png in it")
    return dict(sorted(found.items()))


def _reduction(camera: _Camera, width: int) -> int:
    """How many times smaller pictures are than the calibration's, whose centre is near theirs."""
    return max(1, round(2 * camera.intrinsics[0, 2] / width))

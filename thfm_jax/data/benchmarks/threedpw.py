"""3DPW: people out of doors, one or two of them wearing sensors, filmed by a phone.

von Marcard et al., "Recovering Accurate 3D Human Pose in The Wild Using IMUs and a Moving Camera",
ECCV 2018. For research that is not commercial: virtualhumans.mpi-inf.mpg.de/3DPW. Layout, by the
data set's readme and published loaders (nkolot/SPIN datasets/preprocess/pw3d.py, zju3dv/GVHMR
hmr4d/dataset/threedpw/utils.py); it was not checked against the data:

    imageFiles/SEQUENCE/image_00000.jpg ...
    sequenceFiles/test/SEQUENCE.pkl               a pickle of Python 2

    sequence, genders ["m" or "f"], betas [at least 10], poses [N, 72], trans [N, 3]
    cam_poses [N, 4, 4] from the world to the camera, cam_intrinsics [3, 3]
    campose_valid [N]                             0: the camera is not aligned to the picture

`genders`, `betas`, `poses`, `trans` and `campose_valid` are lists with an entry per person, and
each person is a sequence here. Frames with `campose_valid` are scored, as SPIN does; GVHMR and WHAM
score those of them that TCMR kept.

Joints are LSP's 14 from the vertices of the person's own gender, by the regressor for Human3.6M
(J_regressor_h36m.npy, of which rows are taken, or one with 14 rows).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from thfm_jax.data.benchmarks.files import size
from thfm_jax.data.benchmarks.joint_regressors import GenderedLandmarks
from thfm_jax.data.benchmarks.pickles import read_pickle
from thfm_jax.data.benchmarks.pose_sequence import (
    PoseSequence,
    box_round,
    check_count,
    check_shape,
    numbered_pictures,
    to_camera,
)
from thfm_jax.data.benchmarks.sequence import BenchmarkError
from thfm_jax.data.benchmarks.smpl import Bodies, vertices

FPS = 30.0
_SEQUENCES = {"train": 24, "validation": 12, "test": 24}
_LISTS = ("genders", "betas", "poses", "trans", "campose_valid")
_GENDERS = {"m": "male", "f": "female"}


def open_threedpw(
    root: Path,
    split: str = "test",
    smpl: str = "",
    regressor: str = "",
    sequences: int = -1,
) -> list[PoseSequence]:
    """Each person of the sequences of a split.

    Args:
      root: the folder that holds imageFiles and sequenceFiles.
      split: "test", "validation" or "train".
      smpl: folder of SMPL_MALE and SMPL_FEMALE; `root/smpl` by default.
      regressor: file of a matrix [17 or 14, 6890]; J_regressor_h36m.npy beside the body models by
        default.
      sequences: how many files of labels there have to be; below 0 as many as were released, 24
        in the test split, 0 takes what is there.
    """
    folder = Path(smpl) if smpl else root / "smpl"
    matrix = Path(regressor) if regressor else folder / "J_regressor_h36m.npy"
    landmarks = GenderedLandmarks(folder, 14, matrix)
    paths = sorted((root / "sequenceFiles" / split).glob("*.pkl"))
    expected = _SEQUENCES.get(split, 0) if sequences < 0 else sequences
    check_count(root, [path.stem for path in paths], expected, f"sequences of 3DPW's {split} split")
    return [
        _sequence(root, path, labels, person, landmarks)
        for path, labels in zip(paths, map(_labels, paths), strict=True)
        for person in range(len(labels["poses"]))
    ]


def _labels(path: Path) -> Mapping[str, Any]:
    labels = read_pickle(path)
    missing = [
        key for key in (*_LISTS, "sequence", "cam_poses", "cam_intrinsics") if key not in labels
    ]
    if missing:
        raise BenchmarkError(f"{path}: lacks {', '.join(missing)}")
    if labels["sequence"] != path.stem:
        raise BenchmarkError(f"{path}: holds the labels of {labels['sequence']}")
    people = {key: len(labels[key]) for key in _LISTS}
    if len(set(people.values())) != 1:
        raise BenchmarkError(f"{path}: expected one entry per person, got {people}")
    return labels


def _sequence(
    root: Path, path: Path, labels: Mapping[str, Any], person: int, landmarks: GenderedLandmarks
) -> PoseSequence:
    frames = len(labels["poses"][person])
    array = lambda key, *shape: check_shape(labels[key][person], shape, f"{path}: {key}[{person}]")
    shape = np.asarray(labels["betas"][person], np.float64).reshape(-1)[:10]
    bodies = Bodies(
        array("poses", frames, 72).reshape(frames, 24, 3),
        check_shape(shape, (10,), f"{path}: betas[{person}]")[None],
        array("trans", frames, 3),
    )
    extrinsics = check_shape(labels["cam_poses"], (frames, 4, 4), f"{path}: cam_poses")
    intrinsics = check_shape(labels["cam_intrinsics"], (3, 3), f"{path}: cam_intrinsics")
    scored = array("campose_valid", frames) > 0
    gender = _GENDERS.get(labels["genders"][person])
    if gender is None:
        raise BenchmarkError(f"{path}: expected the genders m and f, got {labels['genders']}")

    def joints() -> np.ndarray:
        return to_camera(landmarks(gender)(bodies), extrinsics)

    def boxes(part: slice) -> np.ndarray:
        some = Bodies(bodies.pose[part], bodies.shape, bodies.translation[part])
        skin = vertices(landmarks.model(gender), some)
        return box_round(to_camera(skin, extrinsics[part]), intrinsics)

    names = [f"image_{frame:05d}.jpg" for frame in range(frames)]
    files = numbered_pictures(root / "imageFiles" / path.stem, names, path)
    height, width = size(files[0])
    return PoseSequence(
        name=f"{path.stem}_{person}",
        groups={"place": path.stem.split("_")[0]},
        height=height,
        width=width,
        fps=FPS,
        files=files,
        scored=scored,
        label=joints,
        label_file=path,
        box=boxes,
    )

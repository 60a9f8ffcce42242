"""EMDB: walks, climbs and workouts out of doors and in, filmed by a hand-held camera.

Kaufmann et al., "EMDB: the Electromagnetic Database of Global 3D Human Pose and Shape in the Wild",
ICCV 2023. For research that is not commercial, after registration: eth-ait.github.io/emdb. Layout,
by the data set's own description (eth-ait/emdb dataset.md):

    P0 ... P9/
      SEQUENCE/                           24_outdoor_long_walk
        images/00000.jpg ...              numbered from 0
        P2_24_outdoor_long_walk_data.pkl

    gender, name, emdb1, emdb2, n_frames
    good_frames_mask [N] bool             False: the person is out of view or wholly hidden
    camera: intrinsics [3, 3], extrinsics [N, 4, 4] from the world to the camera, width, height
    smpl: poses_root [N, 3], poses_body [N, 69], trans [N, 3], betas [10], in the world
    bboxes: bboxes [N, 4] (x0, y0, x1, y1), invalid_idxs
    kp2d [N, 24, 2]                       not read

The flags `emdb1` and `emdb2` say which of the two evaluation sets a sequence is in; 17 are in EMDB
1, for poses seen from the camera, and 25 in EMDB 2, for paths in the world. Layout and keys were
checked against that description and published loaders, not against the data.

Joints are SMPL's 24, by SMPL_NEUTRAL's regressor from the posed vertices of the person's own gender
(zju3dv/GVHMR hmr4d/model/gvhmr/callbacks/metric_emdb.py).
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
    check_count,
    check_shape,
    numbered_pictures,
    to_camera,
)
from thfm_jax.data.benchmarks.sequence import BenchmarkError
from thfm_jax.data.benchmarks.smpl import Bodies

FPS = 30.0
_COUNTS = {1: 17, 2: 25}


def open_emdb(
    root: Path,
    split: int = 1,
    smpl: str = "",
    regressor: str = "",
    sequences: int = -1,
    world: bool = False,
) -> list[PoseSequence]:
    """The sequences of EMDB 1 or 2.

    Args:
      root: the folder that holds P0 to P9.
      split: 1 or 2.
      smpl: folder of the body models, SMPL_NEUTRAL and those of the genders that occur; `root/smpl`
        by default.
      regressor: file of a matrix [24, 6890]; SMPL_NEUTRAL's own by default.
      sequences: how many there have to be; below 0 the 17 or 25 that were released, 0 takes what
        is there.
      world: whether joints are along the axes of the world, in which the person walks about, not
        of the camera.
    """
    if split not in _COUNTS:
        raise BenchmarkError(f"{root}: EMDB has the splits 1 and 2, not {split}")
    folder = Path(smpl) if smpl else root / "smpl"
    landmarks = GenderedLandmarks(folder, 24, Path(regressor) if regressor else None)
    labels = [(path, _labels(path)) for path in sorted(root.glob("P*/*/*_data.pkl"))]
    found = [_sequence(*item, landmarks, world) for item in labels if item[1][f"emdb{split}"]]
    names = [sequence.name for sequence in found]
    expected = _COUNTS[split] if sequences < 0 else sequences
    check_count(root, names, expected, f"sequences of EMDB {split}")
    return found


def _labels(path: Path) -> Mapping[str, Any]:
    labels = read_pickle(path)
    wanted = ("gender", "name", "emdb1", "emdb2", "n_frames", "good_frames_mask", "camera", "smpl")
    missing = [key for key in (*wanted, "bboxes") if key not in labels]
    if missing:
        raise BenchmarkError(f"{path}: lacks {', '.join(missing)}")
    folder = f"{path.parts[-3]}_{path.parts[-2]}"
    if labels["name"] != folder:
        raise BenchmarkError(f"{path}: holds the labels of {labels['name']}")
    return labels


def _sequence(
    path: Path, labels: Mapping[str, Any], landmarks: GenderedLandmarks, world: bool
) -> PoseSequence:
    frames = int(labels["n_frames"])
    camera, person = labels["camera"], labels["smpl"]
    array = lambda owner, key, *shape: check_shape(owner[key], shape, f"{path}: {key}")
    extrinsics = array(camera, "extrinsics", frames, 4, 4)
    pose = np.concatenate(
        [array(person, "poses_root", frames, 3), array(person, "poses_body", frames, 69)], axis=1
    )
    bodies = Bodies(
        pose.reshape(frames, 24, 3),
        array(person, "betas", 10)[None],
        array(person, "trans", frames, 3),
    )
    scored = array(labels, "good_frames_mask", frames) > 0
    boxes = array(labels["bboxes"], "bboxes", frames, 4)

    def joints() -> np.ndarray:
        points = landmarks(labels["gender"])(bodies)
        return points if world else to_camera(points, extrinsics)

    names = [f"{frame:05d}.jpg" for frame in range(frames)]
    files = numbered_pictures(path.parent / "images", names, path)
    height, width = int(camera["height"]), int(camera["width"])
    if size(files[0]) != (height, width):
        raise BenchmarkError(
            f"{files[0]}: {path.name} says {width} by {height} pixels, "
            f"the picture has {size(files[0])[1]} by {size(files[0])[0]}"
        )
    return PoseSequence(
        name="/".join(path.parts[-3:-1]),
        groups={"subject": path.parts[-3]},
        height=height,
        width=width,
        fps=FPS,
        files=files,
        scored=scored,
        label=joints,
        label_file=path,
        box=lambda part: boxes[part],
        rooted=world,
    )

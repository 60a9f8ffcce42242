"""RICH in miniature: one person before two cameras, and a sequence of two people."""

import pickle
from pathlib import Path

import numpy as np

from tests.miniatures import bodies
from tests.miniatures.pictures import write_picture

HEIGHT, WIDTH = 30, 40
SEQUENCE, PERSON, CAMERAS = "Gym_013_burpee4", "013", (0, 4)
FRAMES = range(11, 17)
NO_BODY = 14  # the frame with pictures, but no body
_TABLE = (
    "sequence_name\tcapture_name\tscan_name\tid\tmoving_cam\tgender\tscene\t"
    "action/scene-interaction\tsubjects\tview_id\n"
    f"{SEQUENCE}\tGym\tscan_camcoord\t{PERSON}\tX\tfemale\tX\tV\tV\t0,4\n"
    "LectureHall_009_021_reparingprojector1\tLectureHall\tscan\t009\tX\tfemale\tV\tX\tX\t0,3\n"
)
_CAMERA = """<?xml version="1.0"?>
<opencv_storage>
<CameraMatrix type_id="opencv-matrix">
  <rows>3</rows>
  <cols>4</cols>
  <dt>d</dt>
  <data>
    {extrinsics}</data></CameraMatrix>
<Intrinsics type_id="opencv-matrix">
  <rows>3</rows>
  <cols>3</cols>
  <dt>d</dt>
  <data>
    {intrinsics}</data></Intrinsics>
<Distortion type_id="opencv-matrix">
  <rows>8</rows>
  <cols>1</cols>
  <dt>d</dt>
  <data>0. 0. 0. 0. 0. 0. 0. 0.</data></Distortion>
</opencv_storage>
"""


def write(root: Path, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Writes the set, and body models to root/smpl; 24 joints [T, 24, 3] along each camera's axes.

    NaN in the frame without a body.
    """
    neutral = bodies.write_smpl(root / "smpl", rng)["neutral"]
    models = bodies.write_smplx(root / "smpl", rng)
    regressor = neutral["J_regressor"] @ models["map"]
    (root / "meta").mkdir()
    (root / "meta" / "test.txt").write_text(_TABLE)
    world = {}
    for frame in FRAMES:
        if frame != NO_BODY:
            person = _person(rng)
            path = root / "bodies" / "test" / SEQUENCE / f"{frame:05d}" / f"{PERSON}.pkl"
            path.parent.mkdir(parents=True)
            path.write_bytes(pickle.dumps(person))
            world[frame] = regressor @ _skin(models["female"], person)
    truth = {}
    for camera in CAMERAS:
        matrix = np.eye(4) if camera == 0 else bodies.random_camera(rng, 1)[0]
        matrix[2, 3] = 4
        _write_camera(root, camera, matrix)
        for frame in FRAMES:
            folder = root / "images" / "test" / SEQUENCE / f"cam_{camera:02d}"
            write_picture(folder / f"{frame:05d}_{camera:02d}.png", HEIGHT, WIDTH, 9 * frame)
        nobody = np.full((24, 3), np.nan)
        truth[f"{SEQUENCE}/cam_{camera:02d}"] = np.stack(
            [bodies.to_camera(world.get(frame, nobody), matrix) for frame in FRAMES]
        )
    return truth


def _person(rng) -> dict[str, np.ndarray]:
    """SMPL-X parameters as they are released, with hands as 12 components."""
    pose = bodies.random_pose(rng, 55).astype(np.float32)
    small = lambda size: rng.normal(0, 0.3, (1, size)).astype(np.float32)
    return {
        "transl": small(3),
        "global_orient": pose[:1],
        "body_pose": pose[1:22].reshape(1, 63),
        "betas": small(10),
        "expression": small(10),
        "jaw_pose": pose[22:23],
        "leye_pose": pose[23:24],
        "reye_pose": pose[24:25],
        "left_hand_pose": small(12),
        "right_hand_pose": small(12),
    }


def _skin(model, person) -> np.ndarray:
    parts = [person[key][0] for key in ("global_orient", "body_pose", "jaw_pose")]
    parts += [person["leye_pose"][0], person["reye_pose"][0]]
    for side, name in (("l", "left"), ("r", "right")):
        hand = model[f"hands_mean{side}"].copy()
        for factor, component in zip(
            person[f"{name}_hand_pose"][0], model[f"hands_components{side}"][:12], strict=True
        ):
            hand = hand + factor * component
        parts.append(hand)
    pose = np.concatenate(parts).astype(np.float64).reshape(55, 3)
    shape = np.concatenate([person["betas"][0], person["expression"][0]])
    directions = [*range(10), *range(300, 310)]
    return bodies.skin(model, pose, shape, person["transl"][0], directions)


def _write_camera(root: Path, camera: int, matrix: np.ndarray) -> None:
    # The calibration is of pictures four times as large as those that are here.
    intrinsics = np.array([[160.0, 0, 4 * WIDTH / 2], [0, 160, 4 * HEIGHT / 2], [0, 0, 1]])
    path = root / "scan_calibration" / "Gym" / "calibration" / f"{camera:03d}.xml"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = lambda values: " ".join(f"{value:.17g}" for value in values.flat)
    path.write_text(_CAMERA.format(extrinsics=text(matrix[:3]), intrinsics=text(intrinsics)))

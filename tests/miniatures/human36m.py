"""Human3.6M in miniature, as mmpose lays it out, and SPIN's file of the same labels."""

import pickle
from pathlib import Path

import numpy as np

from tests.miniatures import bodies
from tests.miniatures.pictures import write_picture

HEIGHT, WIDTH = 50, 50
CAMERAS = ("54138969", "60457274")
ACTIONS = {"S9": ("Directions_1", "Eating"), "S11": ("Walking",), "S5": ("Eating",)}
FRAMES = (1, 6, 11, 16)
# SMPL's joints that stand for Human3.6M's 17 in mmpose's order, whose right leg comes first.
_JOINTS = [0, 2, 5, 8, 1, 4, 7, 6, 12, 15, 22, 16, 18, 20, 17, 19, 21]
# Where these 17 are among SPIN's 24.
_SPIN = [14, 2, 1, 0, 3, 4, 5, 16, 12, 17, 18, 9, 10, 11, 8, 7, 6]
_LSP = [3, 2, 1, 4, 5, 6, 16, 15, 14, 11, 12, 13, 8, 10]
_FOCAL, _CENTRE = np.array([45.0, 46.0]), np.array([25.0, 24.0])


def write(root: Path, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Writes the set; 14 joints [T, 14, 3] along the camera's axes, by SUBJECT/ACTION.CAMERA."""
    rows, truth = [], {}
    for subject, actions in ACTIONS.items():
        for action in actions:
            for camera in CAMERAS:
                sequence = f"{subject}_{action}.{camera}"
                joints = np.stack([_joints(rng) for _ in FRAMES])
                truth[f"{subject}/{action}.{camera}"] = joints[:, _LSP]
                for frame, points in zip(FRAMES, joints, strict=True):
                    name = f"{sequence}_{frame:06d}.jpg"
                    rows.append((f"{subject}/{sequence}/{name}", points))
                    path = root / "images" / subject / sequence / name
                    write_picture(path, HEIGHT, WIDTH, 8 * frame)
    rng.shuffle(rows)
    names, joints = zip(*rows, strict=True)
    _write_labels(root / "annotation_body3d" / "fps10" / "h36m_test.npz", names, np.stack(joints))
    cameras = {
        (subject, camera): {
            "R": bodies.rotation(rng.normal(size=3)),
            "T": rng.normal(size=(3, 1)),
            "f": _FOCAL[:, None],
            "c": _CENTRE[:, None],
            "k": np.zeros((3, 1)),
            "p": np.zeros((2, 1)),
            "w": WIDTH,
            "h": HEIGHT,
        }
        for subject in ACTIONS
        for camera in CAMERAS
    }
    (root / "annotation_body3d" / "cameras.pkl").write_bytes(pickle.dumps(cameras))
    return truth


def _joints(rng) -> np.ndarray:
    """[17, 3] of somebody who stands 4 m away, the hips opposite each other about the pelvis."""
    turn = bodies.rotation([np.pi, 0, 0]) @ bodies.rotation(rng.normal(0, 0.3, 3))
    points = (bodies.PLACES[_JOINTS] + rng.normal(0, 0.03, (17, 3))) @ turn.T + [0, 0, 4]
    points[0] = (points[1] + points[4]) / 2
    return points


def _write_labels(path: Path, names, joints) -> None:
    path.parent.mkdir(parents=True)
    pixels = joints[..., :2] / joints[..., 2:] * _FOCAL + _CENTRE
    ones = np.ones((*joints.shape[:2], 1))
    np.savez(
        path,
        imgname=np.array(names),
        center=pixels.mean(axis=1),
        scale=np.full(len(names), 30 / 200),
        part=np.concatenate([pixels, ones], axis=-1),
        S=np.concatenate([joints, ones], axis=-1),
    )


def write_spin(root: Path) -> Path:
    """SPIN's files of protocol 2, from what `write` wrote."""
    with np.load(root / "annotation_body3d" / "fps10" / "h36m_test.npz") as file:
        content = {key: file[key] for key in file.files}
    chosen = [
        row
        for row, name in enumerate(content["imgname"])
        if "60457274" in name and not name.startswith("S5/")
    ]
    joints = np.zeros((len(chosen), 24, 4))
    joints[:, _SPIN] = content["S"][chosen]
    joints[:, _SPIN, :3] -= content["S"][chosen, :1, :3]
    names = [f"images/{content['imgname'][row].split('/')[-1]}" for row in chosen]
    for name in names:
        write_picture(root / name, HEIGHT, WIDTH, 77)
    path = root / "h36m_valid_protocol2.npz"
    np.savez(
        path, imgname=names, center=content["center"][chosen], scale=content["scale"][chosen],
        S=joints,
    )  # fmt: skip
    return path

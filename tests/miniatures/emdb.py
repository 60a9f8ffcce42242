"""EMDB in miniature: three sequences, of which two are in EMDB 1 and two in EMDB 2."""

import pickle
from pathlib import Path

import numpy as np

from tests.miniatures import bodies
from tests.miniatures.pictures import write_picture

FRAMES, HEIGHT, WIDTH = 7, 48, 36
SEQUENCES = {
    ("P1", "14_outdoor_climb"): ("female", True, False),
    ("P2", "24_outdoor_long_walk"): ("male", False, True),
    ("P8", "64_outdoor_skateboard"): ("male", True, True),
}
HIDDEN = 4  # the frame in which nobody is seen


def write(root: Path, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Writes the set, and body models to root/smpl; 24 joints [T, 24, 3] in the camera."""
    models = bodies.write_smpl(root / "smpl", rng)
    regressor = models["neutral"]["J_regressor"]
    truth = {}
    for (subject, name), (gender, first, second) in SEQUENCES.items():
        folder = root / subject / name
        for frame in range(FRAMES):
            write_picture(folder / "images" / f"{frame:05d}.jpg", HEIGHT, WIDTH, 30 * frame)
        pose = np.stack([bodies.random_pose(rng) for _ in range(FRAMES)])
        trans, betas = rng.normal(0, 0.1, (FRAMES, 3)), rng.normal(0, 1, 10)
        extrinsics = bodies.random_camera(rng, FRAMES)
        truth[f"{subject}/{name}"] = np.stack(
            [
                bodies.to_camera(regressor @ bodies.skin(models[gender], *person), matrix)
                for *person, matrix in zip(pose, [betas] * FRAMES, trans, extrinsics, strict=True)
            ]
        )
        data = {
            "gender": gender,
            "name": f"{subject}_{name}",
            "emdb1": first,
            "emdb2": second,
            "n_frames": FRAMES,
            "good_frames_mask": np.arange(FRAMES) != HIDDEN,
            "camera": {
                "intrinsics": np.array([[40.0, 0, WIDTH / 2], [0, 40, HEIGHT / 2], [0, 0, 1]]),
                "extrinsics": extrinsics,
                "width": WIDTH,
                "height": HEIGHT,
            },
            "smpl": {
                "poses_root": pose[:, 0],
                "poses_body": pose[:, 1:].reshape(FRAMES, 69),
                "trans": trans,
                "betas": betas,
            },
            "kp2d": np.zeros((FRAMES, 24, 2)),
            "bboxes": {
                "bboxes": np.tile([8.0, 4, 28, 44], (FRAMES, 1)),
                "invalid_idxs": np.array([HIDDEN]),
            },
        }
        (folder / f"{subject}_{name}_data.pkl").write_bytes(pickle.dumps(data))
    return truth

"""3DPW in miniature: a sequence of two people and one of a single person."""

from pathlib import Path

import numpy as np

from tests.miniatures import bodies
from tests.miniatures.pictures import write_picture

FRAMES, HEIGHT, WIDTH = 6, 36, 64
SEQUENCES = {"downtown_bar_00": "mf", "office_phoneCall_00": "f"}
INVALID = 2  # the frame in which the camera of the first person of a sequence is not valid


def write(root: Path, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Writes the set, and body models to root/smpl; 14 joints [T, 14, 3] in the camera."""
    models = bodies.write_smpl(root / "smpl", rng)
    regressor = bodies.write_h36m_regressor(root / "smpl")
    (root / "sequenceFiles" / "test").mkdir(parents=True)
    truth = {}
    for name, genders in SEQUENCES.items():
        for frame in range(FRAMES):
            path = root / "imageFiles" / name / f"image_{frame:05d}.jpg"
            write_picture(path, HEIGHT, WIDTH, 20 * frame)
        cameras = bodies.random_camera(rng, FRAMES)
        people = len(genders)
        pose = [np.stack([bodies.random_pose(rng) for _ in range(FRAMES)]) for _ in genders]
        betas = [rng.normal(0, 1, 10) for _ in genders]
        trans = [rng.normal(0, 0.1, (FRAMES, 3)) for _ in genders]
        valid = np.ones((people, FRAMES), int)
        valid[0, INVALID] = 0
        for person, letter in enumerate(genders):
            model = models[{"m": "male", "f": "female"}[letter]]
            truth[f"{name}_{person}"] = np.stack(
                [
                    bodies.to_camera(
                        regressor
                        @ bodies.skin(model, pose[person][t], betas[person], trans[person][t]),
                        cameras[t],
                    )
                    for t in range(FRAMES)
                ]
            )
        content = {
            "sequence": name,
            "genders": list(genders),
            "betas": betas,
            "poses": [part.reshape(FRAMES, 72) for part in pose],
            "trans": trans,
            "poses2d": [np.zeros((FRAMES, 3, 18))] * people,
            "jointPositions": [np.zeros((FRAMES, 72))] * people,
            "img_frame_ids": np.arange(0, 2 * FRAMES, 2),
            "cam_poses": cameras,
            "campose_valid": list(valid),
            "cam_intrinsics": np.array([[60.0, 0, WIDTH / 2], [0, 60, HEIGHT / 2], [0, 0, 1]]),
        }
        path = root / "sequenceFiles" / "test" / f"{name}.pkl"
        path.write_bytes(bodies.python2_pickle(content))
    return truth

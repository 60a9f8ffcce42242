"""Predictions of the clips that `stored_clips` writes, perfect or spoilt, in files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.unit import analytic_clip
from thfm_jax import joints


def perfect(clip: int, frames: int = 5, size: tuple[int, int] = (32, 48)) -> dict[str, np.ndarray]:
    """What is true of a clip, by task, as `types.Predictions` holds it."""
    made = analytic_clip.make(clip, frames, size)
    points = made.keypoints3d[0]
    return {
        "depth": made.labels.depth_m,
        "normals": made.labels.normals,
        "matte": made.labels.alpha,
        "densepose": made.labels.template,
        "keypoints2d": made.keypoints2d[0],
        "keypoints3d": points - points[:, joints.ROOT : joints.ROOT + 1],
    }


def write(
    root: Path,
    clips: int = 3,
    spoil: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]] = lambda values: values,
    split: str = "test",
) -> Path:
    """Writes `root/split/<clip>/<task>.npy`; returns `root`."""
    for clip in range(clips):
        folder = root / split / f"{clip:05d}"
        folder.mkdir(parents=True, exist_ok=True)
        for task, value in spoil(perfect(clip)).items():
            np.save(folder / f"{task}.npy", value.astype(np.float32))
    return root

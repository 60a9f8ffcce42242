"""Clips of noise to store: every map keeps its promises, and none is smooth.

    python -m tests.unit.dataset_blobs FOLDER CLIPS SHARD_CLIPS PROCESSES

stores some of them, and can be killed.
"""

import dataclasses
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from thfm_jax import joints
from thfm_jax.data.datasets import building
from thfm_jax.data.datasets.plan import Plan
from thfm_jax.data.datasets.series import Series
from thfm_jax.data.datasets.shards import Layout
from thfm_jax.data.synthetic.clip import Labels, SyntheticClip

SIZES = (2, 9, 14, 2)


def clip(
    seed: int, sizes: tuple[int, int, int, int] = SIZES, inside: float = 0.5, spread: float = 3.0
) -> SyntheticClip:
    """T frames of H x W pixels with P subjects, (T, H, W, P) = `sizes`.

    `inside` is the foreground's share; its farthest point is `spread` times as far as its nearest.
    """
    rng = np.random.default_rng(seed)
    T, H, W, P = sizes
    instance = np.where(rng.random((T, H, W)) < inside, rng.integers(1, P + 1, (T, H, W)), 0)
    mask = instance > 0
    normals, template = rng.normal(size=(2, T, H, W, 3))
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    labels = Labels(
        alpha=rng.random((T, H, W), np.float32),
        depth_m=(mask * spread ** rng.random((T, H, W))).astype(np.float32),
        normals=(mask[..., None] * normals).astype(np.float32),
        template=(mask[..., None] * template).astype(np.float32),
        part=(mask * rng.integers(1, 20, (T, H, W))).astype(np.uint8),
        instance=instance.astype(np.uint8),
        valid=mask & (rng.random((T, H, W)) < 0.8),
        posed=mask & (rng.random((T, H, W)) < 0.8),
    )
    K = len(joints.JOINTS)
    return SyntheticClip(
        rgb=rng.integers(0, 256, (T, H, W, 3), np.uint8),
        labels=labels,
        keypoints2d=rng.normal(size=(P, T, K, 3)).astype(np.float32),
        keypoints3d=rng.normal(size=(P, T, K, 3)).astype(np.float32),
        keypoints_known=rng.random(P) < 0.5,
        intrinsics=rng.normal(size=(T, 3, 3)).astype(np.float32),
        extrinsics=rng.normal(size=(T, 3, 4)).astype(np.float32),
        fps=23.976,
        meta={"seed": 0, "index": seed, "split": "train", "subjects": [{"kind": "blob"}] * P},
    )


@dataclasses.dataclass(frozen=True)
class Blobs:
    """A source of such clips.

    Attributes:
      seconds: that each takes.
      fails: number of one that cannot be made.
      kills: a file; making number 3 kills the process as long as the file is there, and removes it
        unless `always`.
    """

    seconds: float = 0.0
    fails: int | None = None
    kills: Path | None = None
    always: bool = False
    name: str = "blobs"
    frames: int = SIZES[0]
    endless: bool = True

    def __len__(self) -> int:
        return sys.maxsize

    def __getitem__(self, index: int) -> "Blob":
        return Blob(self, index, self.frames)


@dataclasses.dataclass(frozen=True)
class Blob:
    source: Blobs
    index: int
    frames: int

    def read(self, frames: slice) -> SyntheticClip:
        source = self.source
        time.sleep(source.seconds)
        if self.index == source.fails:
            raise ZeroDivisionError("nobody to divide by")
        if self.index == 3 and source.kills and source.kills.exists():
            if not source.always:
                source.kills.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return clip(self.index)


def store(folder: Path, clips: int, shard_clips: int, processes: int, source: Blobs) -> Plan:
    """Stores clips 0, 1, 2 ... as the split "train"."""
    plan = Plan(Layout("train", clips, shard_clips), seed=0, made_with={"size": SIZES[1:3]})
    building.build(folder, plan, Series("train", 0, source), processes)
    return plan


if __name__ == "__main__":
    store(Path(sys.argv[1]), *map(int, sys.argv[2:5]), Blobs(seconds=0.05))

"""Drawn people, and a stand-in for the network that finds them wherever they are shown.

Red and green are black but for the figures: a red head on a green body. Blue grows downwards, for
the depth. The stand-in sees no more than the mean of `GRAIN` x `GRAIN` pixels, so that what is
small in the frames that it is shown is seen coarsely, as by a real one.
"""

import dataclasses

import numpy as np
from flax import nnx

from thfm_jax import config, predict
from thfm_jax.models.thfm import Thfm
from thfm_jax.tasks import TASKS
from thfm_jax.types import ModelOutput

GRAIN = 4
SIZE = (360, 640)


def figure(frame: np.ndarray, x: float, y: float, height: float) -> None:
    """Draws someone whose middle is at (x, y), an ellipse a third as wide as high."""
    rows, columns = np.indices(frame.shape[:2]) + 0.5
    inside = ((columns - x) / (height / 6)) ** 2 + ((rows - y) / (height / 2)) ** 2 < 1
    head = inside & (rows < y - height / 4)
    frame[inside, :2] = (0, 255)
    frame[head, :2] = (255, 0)


def clip(figures: np.ndarray, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Frames [T, H, W, 3] of people whose (x, y, height) [T, people, 3] are given, NaN if away."""
    frames = np.zeros((len(figures), *size, 3), np.uint8)
    frames[..., 2] = (np.arange(size[0]) * 255 / size[0])[:, None]
    for frame, people in zip(frames, figures, strict=True):
        for x, y, height in people[np.isfinite(people).all(axis=1)]:
            figure(frame, x, y, height)
    return frames


class Finder(predict.Predictor):
    """Perceives figures where the real one runs its network; counts what it is asked.

    The matte is what is red or green. Joint 0 is the middle of the head, 1 that of the body; others
    are not believed. Depth is blue, normals face the camera.
    """

    def __init__(self, frames: int = 9):
        small = dataclasses.replace(config.preset("tiny"), clip_area=192 * 336, clip_frames=frames)
        model = nnx.eval_shape(lambda: Thfm(small, rngs=nnx.Rngs(0)))
        width = small.dit.text_dim
        prompts = {task: (task, np.zeros((1, width), np.float32)) for task in TASKS}
        super().__init__(model, prompts, name="finder", trained=True, fold=False)
        self.calls: list[tuple[str, ...]] = []
        self.shapes: set[tuple[int, ...]] = set()

    def outputs(self, frames, tasks):
        """See `Predictor.outputs`."""
        self.calls.append(tuple(tasks))
        self.shapes.add(frames.shape)
        red, green, blue = np.moveaxis(_coarse(np.asarray(frames) / 255), -1, 0)
        matte = np.clip(red + green, 0, 1)
        dense = np.stack([self._dense(task, matte, blue) for task in tasks]).astype(np.float32)
        joints = np.full((*matte.shape[:2], 52, 8), -9.0, np.float32)
        for joint, weight in enumerate((red, green)):
            joints[:, :, joint, :2], seen = _centres(weight)
            joints[:, :, joint, 2] = np.where(seen, 9, -9)
        return ModelOutput(dense[..., :1], np.stack([joints] * len(tasks)), dense)

    def _dense(self, task: str, matte: np.ndarray, blue: np.ndarray) -> np.ndarray:
        if task == "normals":
            return np.broadcast_to([0.0, 0.0, 1.0], (*matte.shape, 3))
        value = {"matte": matte, "depth": blue}.get(task, np.zeros_like(matte))
        return np.stack([2 * value - 1] * 3, axis=-1)


def _coarse(pictures: np.ndarray) -> np.ndarray:
    """[B, T, h, w, C], each value the mean of its block."""
    *lead, height, width, channels = pictures.shape
    blocks = pictures.reshape(*lead, height // GRAIN, GRAIN, width // GRAIN, GRAIN, channels)
    return np.repeat(np.repeat(blocks.mean(axis=(-4, -2)), GRAIN, axis=-3), GRAIN, axis=-2)


def _centres(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centres of mass of [B, T, h, w] as shares of width and height, and whether there is one."""
    height, width = weight.shape[-2:]
    mass = weight.sum(axis=(-2, -1))
    y = (weight.sum(axis=-1) * (np.arange(height) + 0.5)).sum(axis=-1) / height
    x = (weight.sum(axis=-2) * (np.arange(width) + 0.5)).sum(axis=-1) / width
    return np.stack([x, y], axis=-1) / np.maximum(mass, 1e-6)[..., None], mass > GRAIN**2

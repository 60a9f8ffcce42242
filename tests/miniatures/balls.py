"""Pictures of a ball before a wall, with depth, normals and alpha by formula."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Ball:
    """A picture and its labels.

    Attributes:
      rgb: [H, W, 3] uint8.
      mask: [H, W] bool, the ball.
      depth_m: [H, W] z in metres; 0 outside the ball.
      normals: [H, W, 3] unit vectors, x right, y up, z towards the viewer; 0 outside.
      alpha: [H, W] uint8, 255 on the ball and soft at its rim.
    """

    rgb: np.ndarray
    mask: np.ndarray
    depth_m: np.ndarray
    normals: np.ndarray
    alpha: np.ndarray


def ball(rng, height=64, width=48, distance_m=3.0, radius_m=0.4) -> Ball:
    """A ball somewhere in the picture; `distance_m` is that of its nearest point."""
    radius = 0.35 * min(height, width)
    centre_x = rng.uniform(radius + 2, width - radius - 2)
    centre_y = rng.uniform(radius + 2, height - radius - 2)
    rows, columns = np.mgrid[:height, :width] + 0.5
    x, y = (columns - centre_x) / radius, (centre_y - rows) / radius
    mask = x**2 + y**2 < 0.98
    z = np.sqrt(np.where(mask, 1 - x**2 - y**2, 0))
    normals = np.where(mask[..., None], np.stack([x, y, z], axis=-1), 0)
    depth_m = np.where(mask, distance_m + radius_m * (1 - z), 0)
    alpha = np.clip((1 - np.hypot(x, y)) * radius + 0.5, 0, 1)
    wall = rng.integers(0, 256, (height, width, 3))
    colour = 255 * (0.3 + 0.7 * z[..., None]) * rng.uniform(0.5, 1, 3)
    rgb = np.where(mask[..., None], colour, wall).astype(np.uint8)
    return Ball(rgb, mask, depth_m, normals, np.round(255 * alpha).astype(np.uint8))


def labels(*balls: Ball) -> dict[str, np.ndarray]:
    """What perfect predictions of these frames are, by task."""
    return {
        "depth": np.stack([each.depth_m for each in balls]).astype(np.float32),
        "normals": np.stack([each.normals for each in balls]).astype(np.float32),
        "matte": np.stack([each.alpha / 255 for each in balls]).astype(np.float32),
    }

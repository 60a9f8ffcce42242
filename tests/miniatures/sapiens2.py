"""Folders rgb, mask, normal and depth, as Sapiens2 reads them."""

from pathlib import Path

import numpy as np
from PIL import Image

from tests.miniatures.balls import Ball


def write(folder: Path, name: str, ball: Ball, *, depth_scale=1.0, opencv=False, npz=False):
    """A picture and its labels; outside the mask they hold what renderers leave there.

    `depth_scale` is the stored unit per metre; `opencv` stores normals y down, z forward.
    """
    for kind in ("rgb", "mask", "normal", "depth"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    Image.fromarray(ball.rgb).save(folder / "rgb" / f"{name}.png")
    Image.fromarray(np.uint8(255 * ball.mask)).save(folder / "mask" / f"{name}.png")
    normals = ball.normals * (np.array([1, -1, -1]) if opencv else 1)
    normals = np.where(ball.mask[..., None], normals, np.nan).astype(np.float32)
    depth = np.where(ball.mask, ball.depth_m * depth_scale, 0).astype(np.float32)
    if npz:
        np.savez(folder / "normal" / f"{name}.npz", normal=normals)
        np.savez(folder / "depth" / f"{name}.npz", depth=depth[..., None])
    else:
        np.save(folder / "normal" / f"{name}.npy", normals)
        np.save(folder / "depth" / f"{name}.npy", depth)

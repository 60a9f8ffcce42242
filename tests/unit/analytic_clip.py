"""A clip of an ellipsoid that drifts through the view of a moving camera, with labels by formula.

The "body" is an ellipsoid; dense pose is the point of the ellipsoid in its own frame, the parts are
its left and its right half, and its "joints" are points of its surface and inside it.
"""

import dataclasses

import numpy as np
from scipy.spatial.transform import Rotation

from thfm_jax import joints
from thfm_jax.data.synthetic import parts
from thfm_jax.data.synthetic.clip import Labels, SyntheticClip

AXES_M = np.array([0.35, 0.85, 0.25])
LEFT, RIGHT = parts.INDEX["left_hand"], parts.INDEX["right_hand"]


def make(seed: int = 0, frames: int = 5, size: tuple[int, int] = (48, 64)) -> SyntheticClip:
    """The clip; its meta is {"seed": seed}."""
    rng = np.random.default_rng(seed)
    intrinsics = _intrinsics(rng, frames, size)
    rotation, translation = _camera(rng, frames)
    centre = translation + [*rng.normal(0, 0.1, 2), 0]
    maps = [_render(intrinsics[t], rotation[t], centre[t], size) for t in range(frames)]
    labels = Labels(**{name: np.stack([m[name] for m in maps]) for name in maps[0]})
    world = AXES_M * _unit(rng.normal(size=(len(joints.JOINTS), 3))) * rng.uniform(0.3, 1, (52, 1))
    points = np.einsum("tij,kj->tki", rotation, world) + centre[:, None]
    image = np.einsum("tij,tkj->tki", intrinsics, points)
    xy = image[..., :2] / image[..., 2:]
    clip = SyntheticClip(
        rgb=_picture(rng, labels.alpha),
        labels=labels,
        keypoints2d=np.concatenate([xy, np.ones((*xy.shape[:2], 1))], -1)[None].astype(np.float32),
        keypoints3d=points[None].astype(np.float32),
        keypoints_known=np.ones(1, bool),
        intrinsics=intrinsics.astype(np.float32),
        extrinsics=np.concatenate([rotation, centre[..., None]], -1).astype(np.float32),
        fps=24.0,
        meta={"seed": seed},
    )
    return dataclasses.replace(clip, keypoints2d=_only_on_body(clip))


def positions(clip: SyntheticClip) -> np.ndarray:
    """[T, H, W, 3] float64 camera-frame points that the depth map stands for."""
    height, width = clip.rgb.shape[1:3]
    y, x = np.mgrid[:height, :width] + 0.5
    pixels = np.stack([x, y, np.ones_like(x)], axis=-1)
    rays = np.einsum("tij,hwj->thwi", np.linalg.inv(clip.intrinsics.astype(np.float64)), pixels)
    return rays * clip.labels.depth_m[..., None]


def reprojected(clip: SyntheticClip) -> np.ndarray:
    """[P, T, K, 2] float64 image points of the 3-D joints."""
    image = np.einsum("tij,ptkj->ptki", clip.intrinsics.astype(np.float64), clip.keypoints3d)
    return image[..., :2] / image[..., 2:]


def _intrinsics(rng, frames, size) -> np.ndarray:
    focal = max(size) * rng.uniform(1, 1.5)
    matrix = np.array([[focal, 0, size[1] / 2], [0, focal * 1.05, size[0] / 2], [0, 0, 1]])
    return np.tile(matrix, (frames, 1, 1))


def _camera(rng, frames) -> tuple[np.ndarray, np.ndarray]:
    yaw = rng.uniform(-0.6, 0.6) + np.linspace(0, 0.3, frames)
    upside_down = Rotation.from_euler("x", np.pi)  # the body's y is up, the camera's is down
    rotation = (upside_down * Rotation.from_rotvec(np.outer(yaw, [0, 1, 0]))).as_matrix()
    return rotation, np.stack([np.linspace(-0.2, 0.2, frames), 0 * yaw, 3 + yaw], axis=-1)


def _render(intrinsics, rotation, centre, size) -> dict[str, np.ndarray]:
    """Labels of one frame: the nearer intersection of each pixel's ray with the ellipsoid."""
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    rays = np.stack([x, y, np.ones_like(x)], -1) @ np.linalg.inv(intrinsics).T
    along, start = rays @ rotation / AXES_M, -rotation.T @ centre / AXES_M
    a, b, c = np.sum(along**2, -1), along @ start, start @ start - 1
    root = b**2 - a * c
    hit = root > 0
    depth = np.where(hit, (-b - np.sqrt(np.maximum(root, 0))) / a, 0)
    body = np.where(hit[..., None], (along * depth[..., None] + start) * AXES_M, 0)
    normals = _unit(np.where(hit[..., None], body / AXES_M**2, 1)) @ rotation.T * [1, -1, -1]
    return {
        "alpha": hit.astype(np.float32),
        "depth_m": depth.astype(np.float32),
        "normals": np.where(hit[..., None], normals, 0).astype(np.float32),
        "template": body.astype(np.float32),
        "part": np.where(hit, np.where(body[..., 0] > 0, LEFT, RIGHT), 0).astype(np.uint8),
        "instance": hit.astype(np.uint8),
        "valid": hit & (body[..., 1] < 0.7),
        "posed": hit,
    }


def _picture(rng, alpha) -> np.ndarray:
    noise = rng.integers(0, 120, (*alpha.shape, 3))
    return (noise + 120 * alpha[..., None]).astype(np.uint8)


def _only_on_body(clip: SyntheticClip) -> np.ndarray:
    """Image points, visible where alpha is 1."""
    points = clip.keypoints2d.copy()
    height, width = clip.rgb.shape[1:3]
    x, y = np.floor(points[0, ..., 0]).astype(int), np.floor(points[0, ..., 1]).astype(int)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    frame = np.arange(len(clip.rgb))[:, None]
    alpha = clip.labels.alpha[frame, np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    points[0, ..., 2] = inside & (alpha > 0.5)
    return points


def _unit(vectors) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)

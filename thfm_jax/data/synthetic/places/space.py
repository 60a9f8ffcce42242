"""Where things may stand: clear of the subjects and the camera, and not between them."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from thfm_jax import joints
from thfm_jax.data.synthetic.scene import Camera, Mesh

BODY_M = 0.28  # kept free about joints and the bones between them: flesh, clothes and hair
EYE_M = 0.35  # kept free about the camera
_NEAR_M = 0.05
_FRAMES = 5  # of a clip that are looked at


class Space:
    """The room that a clip's subjects and camera leave to other things.

    Attributes:
      camera: of the clip.
      eyes: [n, 3] float64 camera positions.
      cloud: [N, 3] float64 points along everything that the subjects' bones sweep.
      body: [T, n, 3] float64 points along the bones of the first subject.
      centre: [3] middle of the first subject.
      ahead: [2] unit vector (x, z) from the camera to it, on the ground.
      distance_m: of the first subject from the camera.
    """

    def __init__(self, camera: Camera, subjects: Sequence[Float[np.ndarray, "T n 3"]]):
        frames = len(camera.rotation)
        self._frames = np.unique(np.linspace(0, frames - 1, _FRAMES).astype(int))
        self.camera = camera
        self.eyes = camera.positions[self._frames]
        swept = [_dense(points[:: max(1, frames // 12)]) for points in subjects]
        self.cloud = np.concatenate(swept)
        self.centre = subjects[0][frames // 2].mean(axis=0)
        line = self.centre - camera.positions[frames // 2]
        self.distance_m = float(np.linalg.norm(line))
        flat = line[[0, 2]]
        # A camera straight above looks "ahead" along the top of its picture.
        if np.linalg.norm(flat) < 0.2:
            flat = -camera.rotation[frames // 2, 1, [0, 2]]
        self.ahead = flat / np.linalg.norm(flat)
        self.body = np.stack([_dense(subjects[0][f : f + 1]) for f in range(frames)])
        self._taken: list[tuple[np.ndarray, float]] = []
        self._views = [
            self._box_on_screen(_dense(np.concatenate([p[f : f + 1] for p in subjects], axis=1)), f)
            for f in self._frames
        ]

    def reserve(self, meshes: Sequence[Mesh]) -> None:
        """Keeps the place of things that stand where they must."""
        if meshes:
            points = np.concatenate([mesh.vertices.reshape(-1, 3) for mesh in meshes])
            low, high = points.min(axis=0), points.max(axis=0)
            self._taken.append(((low + high) / 2, float(np.hypot(*(high - low)[[0, 2]]) / 2)))

    def take(self, meshes: Sequence[Mesh], yaw: float = 0.0) -> bool:
        """Whether things may stand where they are; if so, nothing else may from then on."""
        vertices = np.concatenate([mesh.vertices.reshape(-1, 3) for mesh in meshes])
        low, high = _bounds(vertices, yaw)
        middle = (low + high) / 2 @ _turn(yaw).T
        radius = float(np.hypot(*(high - low)[[0, 2]]) / 2)
        apart = all(np.hypot(*(middle - m)[[0, 2]]) > radius + r for m, r in self._taken)
        if not apart or not self.fits(meshes, yaw):
            return False
        self._taken.append((middle, radius * 0.7))
        return True

    def fits(self, meshes: Sequence[Mesh], yaw: float = 0.0) -> bool:
        """Whether things may stand where they are: see `clear` and `blocks`.

        `yaw` is the direction in which they are boxes, in radians.
        """
        vertices = np.concatenate([mesh.vertices.reshape(-1, 3) for mesh in meshes])
        low, high = _bounds(vertices, yaw)
        return self.clear(low, high, yaw) and not self.blocks(low, high, yaw)

    def clear(
        self, low: Float[np.ndarray, "3"], high: Float[np.ndarray, "3"], yaw: float = 0.0
    ) -> bool:
        """Whether the box touches no subject and not the camera.

        The box reaches from `low` to `high` in the axes that result from turning by -`yaw`.
        """
        return bool(
            (_distance(self.cloud, low, high, yaw) > BODY_M).all()
            and (_distance(self.eyes, low, high, yaw) > EYE_M).all()
        )

    def blocks(
        self, low: Float[np.ndarray, "3"], high: Float[np.ndarray, "3"], yaw: float = 0.0
    ) -> bool:
        """Whether the box may hide some of a subject in one of the frames looked at."""
        pick = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
        corners = np.where(pick, high, low) @ _turn(yaw).T
        for frame, (left, top, right, bottom, _, farthest) in zip(
            self._frames, self._views, strict=True
        ):
            box = self._box_on_screen(corners, frame)
            apart = box[2] < left or box[0] > right or box[3] < top or box[1] > bottom
            if not apart and box[4] < farthest and box[5] > _NEAR_M:
                return True
        return False

    def ray(self, u: float, v: float) -> tuple[np.ndarray, np.ndarray]:
        """(position, unit direction) of the ray through the share (u, v) of mid-clip's picture."""
        frame = len(self.camera.rotation) // 2
        height, width = self.camera.size
        intrinsics = self.camera.intrinsics[frame]
        local = np.array(
            [
                (u * width - intrinsics[0, 2]) / intrinsics[0, 0],
                (v * height - intrinsics[1, 2]) / intrinsics[1, 1],
                1.0,
            ]
        )
        ray = self.camera.rotation[frame].T @ local
        return self.camera.positions[frame], ray / np.linalg.norm(ray)

    def _box_on_screen(self, points: np.ndarray, frame: int) -> tuple[float, ...]:
        """(left, top, right, bottom) pixels and (nearest, farthest) metres of the points."""
        local = points @ self.camera.rotation[frame].T + self.camera.translation[frame]
        depth = np.maximum(local[:, 2], _NEAR_M)
        intrinsics = self.camera.intrinsics[frame]
        xy = local[:, :2] / depth[:, None] * intrinsics[[0, 1], [0, 1]] + intrinsics[:2, 2]
        return *xy.min(axis=0), *xy.max(axis=0), local[:, 2].min(), local[:, 2].max()


def _dense(points: Float[np.ndarray, "T n 3"]) -> Float[np.ndarray, "N 3"]:
    """The points, and more of them along the bones; for other than people, about the middle."""
    if points.shape[1] % len(joints.JOINTS) == 0:
        people = points.reshape(len(points), -1, len(joints.JOINTS), 3)
        start, end = (people[:, :, [edge[side] for edge in joints.EDGES]] for side in (0, 1))
    else:
        start = np.broadcast_to(points.mean(axis=1, keepdims=True), points.shape)
        end = points
    steps = [start + (end - start) * share for share in (0.0, 0.33, 0.67, 1.0)]
    return np.concatenate([step.reshape(-1, 3) for step in steps])


def _turn(yaw: float) -> Float[np.ndarray, "3 3"]:
    cosine, sine = np.cos(yaw), np.sin(yaw)
    return np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])


def _bounds(vertices: np.ndarray, yaw: float) -> tuple[np.ndarray, np.ndarray]:
    local = vertices @ _turn(yaw)
    return local.min(axis=0), local.max(axis=0)


def _distance(points: np.ndarray, low: np.ndarray, high: np.ndarray, yaw: float) -> np.ndarray:
    """[N] distances of the points from the box, 0 inside."""
    local = points @ _turn(yaw)
    outside = np.maximum(np.maximum(low - local, local - high), 0)
    return np.linalg.norm(outside, axis=-1)

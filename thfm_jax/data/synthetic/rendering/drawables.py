"""Meshes as the renderer's kernels take them: checked, with normals, moved to a frame."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from thfm_jax.data.synthetic import scene
from thfm_jax.data.synthetic.rendering import mipmaps, raster
from thfm_jax.data.synthetic.rendering.jit import kernel

_TYPES = {
    "vertices": np.float32,
    "triangles": np.int32,
    "uv": np.float32,
    "template": np.float32,
    "part": np.uint8,
    "tint": np.float32,
    "cutoff": np.float32,
    "normal_ids": np.int32,
}


class Posed(NamedTuple):
    """A drawable in one frame.

    Attributes:
      corners: [K, V, 5] float64 image points at K times while the shutter is open: see
        `raster.project`.
      lattice: (rows, columns), K their product: the sample in row i and column j of the image is
        taken at time (i mod rows) columns + j mod columns.
      world: [V, 3] float32 metres in the middle of the shutter's time.
      normals: [V, 3] float32 smooth unit normals in the world at that time.
      triangles, uv, tint, albedo, height: the drawable's.
    """

    corners: np.ndarray
    lattice: tuple[int, int]
    world: np.ndarray
    normals: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray
    tint: np.ndarray
    albedo: np.ndarray
    height: np.ndarray


@dataclasses.dataclass(frozen=True)
class Drawable:
    """A mesh whose vertices carry their own normals.

    Attributes:
      mesh: the mesh; of a faceted one, each triangle has its own three vertices.
      first_id: number of its first triangle among those of all drawables.
      normal_ids: [V] int32, vertices of equal id share their normal.
      tint, cutoff: as in the mesh, never None.
      albedo, height: pyramids; height is [0, 1] for None.
      opacity: [R, R] uint8, [0, 0] for None.
    """

    mesh: scene.Mesh
    first_id: int
    normal_ids: np.ndarray
    tint: np.ndarray
    cutoff: np.ndarray
    albedo: np.ndarray
    height: np.ndarray
    opacity: np.ndarray

    @property
    def moves(self) -> bool:
        return len(self.mesh.vertices) > 1

    def posed(
        self, view: "View", frame: int, offsets: Sequence[float], lattice: tuple[int, int] = (1, 1)
    ) -> Posed:
        """The drawable at `frame`, its corners at `offsets`, in frames, from it."""
        mesh, world = self.mesh, self.mesh.at(frame)
        return Posed(
            corners=self.corners(view, frame, offsets),
            lattice=lattice,
            world=world,
            normals=vertex_normals(world, mesh.triangles, self.normal_ids),
            triangles=mesh.triangles,
            uv=mesh.uv,
            tint=self.tint,
            albedo=self.albedo,
            height=self.height,
        )

    def corners(
        self, view: "View", frame: int, offsets: Sequence[float]
    ) -> Float[np.ndarray, "K V 5"]:
        """Image points at times: see `raster.project`."""
        corners = np.empty((len(offsets), self.mesh.vertices.shape[1], 5))
        for row, offset in zip(corners, offsets, strict=True):
            raster.project(self.mesh.at(frame, offset), view.matrix(frame, offset), row)
        return corners


class View:
    """A camera that remembers its matrices: many meshes ask for the same."""

    def __init__(self, camera: scene.Camera):
        self.camera = camera
        self.positions = camera.positions
        self.moves = len(camera.rotation) > 1
        self._known: dict[tuple[int, float], np.ndarray] = {}

    def matrix(self, frame: int, offset: float) -> Float[np.ndarray, "3 4"]:
        """K [R | t] at a time, float64."""
        if (frame, offset) not in self._known:
            intrinsics, rotation, translation = self.camera.at(frame, offset)
            outer = np.concatenate([rotation, translation[:, None]], axis=1)
            self._known[frame, offset] = intrinsics @ outer
        return self._known[frame, offset]


def prepare(meshes: Sequence[scene.Mesh]) -> list[Drawable]:
    """Drawables of a scene's meshes, in their order.

    Raises:
      ValueError: naming the mesh whose arrays do not fit together or are not finite.
    """
    drawables, first_id = [], 0
    for index, mesh in enumerate(meshes):
        _check(index, mesh)
        drawables.append(_prepare(mesh, first_id))
        first_id += len(mesh.triangles)
    return drawables


def vertex_normals(
    vertices: Float[np.ndarray, "V 3"],
    triangles: Int[np.ndarray, "F 3"],
    normal_ids: Int[np.ndarray, "V"],
) -> Float[np.ndarray, "V 3"]:
    """Unit normals, float32: the mean of the faces around, by the sine of their angle there.

    The sine, unlike the area, does not let long thin triangles outweigh their neighbours, and
    unlike the angle it costs no arc cosine. A vertex without faces gets (0, 1, 0).
    """
    normals = np.empty(vertices.shape, np.float32)
    sums = np.zeros((int(normal_ids.max(initial=-1)) + 1, 3), np.float32)
    _add_face_normals(vertices, triangles, normal_ids, sums)
    _normalise(sums, normal_ids, normals)
    return normals


def _prepare(mesh: scene.Mesh, first_id: int) -> Drawable:
    mesh = _normal_form(mesh if mesh.smooth_normals else _split(mesh))
    count, material = mesh.vertices.shape[1], mesh.material
    own = np.arange(count, dtype=np.int32)
    height, opacity = material.height, material.opacity
    return Drawable(
        mesh=mesh,
        first_id=first_id,
        normal_ids=own if mesh.normal_ids is None else mesh.normal_ids,
        tint=np.ones((count, 3), np.float32) if mesh.tint is None else mesh.tint,
        cutoff=np.zeros(count, np.float32) if mesh.cutoff is None else mesh.cutoff,
        albedo=mipmaps.build(material.albedo),
        height=np.zeros((0, 1), np.float32) if height is None else mipmaps.build(height[..., None]),
        opacity=_plain(np.zeros((0, 0)) if opacity is None else opacity, np.uint8),
    )


def _split(mesh: scene.Mesh) -> scene.Mesh:
    """The mesh with three vertices of its own for each triangle."""
    corners = mesh.triangles.reshape(-1)
    changes: dict[str, Any] = {"normal_ids": None, "vertices": mesh.vertices[:, corners]}
    changes["triangles"] = np.arange(len(corners), dtype=np.int32).reshape(-1, 3)
    for name in ("uv", "template", "tint", "cutoff"):
        if (value := getattr(mesh, name)) is not None:
            changes[name] = value[corners]
    return dataclasses.replace(mesh, **changes)


def _normal_form(mesh: scene.Mesh) -> scene.Mesh:
    """The mesh with arrays of the types and layout that the kernels are compiled for."""
    changes: dict[str, Any] = {}
    for name, dtype in _TYPES.items():
        if (value := getattr(mesh, name)) is not None:
            changes[name] = _plain(value, dtype)
    return dataclasses.replace(mesh, **changes)


def _plain(array: np.ndarray, dtype) -> np.ndarray:
    return np.require(array, dtype, ["C_CONTIGUOUS", "WRITEABLE"])


def _check(index: int, mesh: scene.Mesh) -> None:
    where = f"mesh {index} of instance {mesh.instance}"
    count = mesh.vertices.shape[1]
    if not np.isfinite(mesh.vertices).all():
        raise ValueError(f"{where}: vertices must be finite")
    if mesh.triangles.size and not 0 <= mesh.triangles.min() <= mesh.triangles.max() < count:
        raise ValueError(f"{where}: triangles must name vertices 0 to {count - 1}")
    shapes = {
        "uv": (count, 2),
        "template": (count, 3),
        "part": (len(mesh.triangles),),
        "tint": (count, 3),
        "cutoff": (count,),
        "normal_ids": (count,),
    }
    for name, shape in shapes.items():
        value = getattr(mesh, name)
        if value is not None and value.shape != shape:
            raise ValueError(f"{where}: {name} must be {shape}, not {value.shape}")
    if mesh.instance and mesh.part is None:
        raise ValueError(f"{where}: people and animals need parts")
    for name in ("albedo", "height", "opacity"):
        texture = getattr(mesh.material, name)
        if texture is not None:
            side = len(texture)
            if texture.shape[:2] != (side, side) or side & (side - 1) or not side:
                raise ValueError(f"{where}: {name} must be square, its side a power of two")


@kernel
def _add_face_normals(points, triangles, ids, sums):
    for f in range(len(triangles)):
        for corner in range(3):
            i = triangles[f, corner]
            j = triangles[f, (corner + 1) % 3]
            k = triangles[f, (corner + 2) % 3]
            ax, bx = points[j, 0] - points[i, 0], points[k, 0] - points[i, 0]
            ay, by = points[j, 1] - points[i, 1], points[k, 1] - points[i, 1]
            az, bz = points[j, 2] - points[i, 2], points[k, 2] - points[i, 2]
            lengths = math.sqrt((ax * ax + ay * ay + az * az) * (bx * bx + by * by + bz * bz))
            if lengths > 0.0:
                scale = np.float32(1.0 / lengths)
                sums[ids[i], 0] += (ay * bz - az * by) * scale
                sums[ids[i], 1] += (az * bx - ax * bz) * scale
                sums[ids[i], 2] += (ax * by - ay * bx) * scale


@kernel
def _normalise(sums, ids, normals):
    for i in range(len(ids)):
        x, y, z = sums[ids[i], 0], sums[ids[i], 1], sums[ids[i], 2]
        length = math.sqrt(x * x + y * y + z * z)
        if length > 0.0:
            scale = np.float32(1.0 / length)
            normals[i, 0], normals[i, 1], normals[i, 2] = x * scale, y * scale, z * scale
        else:
            normals[i, 0], normals[i, 1], normals[i, 2] = 0.0, 1.0, 0.0

"""Simple solids from which furniture, buildings and plants are put together."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from thfm_jax.data.synthetic.scene import Material, Mesh


@dataclasses.dataclass(frozen=True)
class Solid:
    """Triangles without a material.

    Attributes:
      vertices: [V, 3] float64 metres.
      triangles: [F, 3] int32, counter-clockwise from outside.
      uv: [V, 2] float64 metres along the surface.
    """

    vertices: Float[np.ndarray, "V 3"]
    triangles: Int[np.ndarray, "F 3"]
    uv: Float[np.ndarray, "V 2"]

    def moved(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> "Solid":
        return dataclasses.replace(self, vertices=self.vertices + (x, y, z))

    def turned(self, yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> "Solid":
        """Turned about z by `roll`, then about x by `pitch`, then about y by `yaw`, radians."""
        turn = _about(1, yaw) @ _about(0, pitch) @ _about(2, roll)
        return dataclasses.replace(self, vertices=self.vertices @ turn.T)

    def scaled(self, x: float, y: float, z: float) -> "Solid":
        return dataclasses.replace(self, vertices=self.vertices * (x, y, z))

    def mesh(self, material: Material, smooth: bool = False, shades: bool = True) -> Mesh:
        """The solid as a thing of the surroundings that stands still."""
        return Mesh(
            self.vertices[None].astype(np.float32),
            self.triangles,
            self.uv.astype(np.float32),
            material,
            cutoff=None
            if material.opacity is None
            else np.full(len(self.vertices), 128, np.float32),
            smooth_normals=smooth,
            shades=shades,
        )


def _about(axis: int, angle: float) -> np.ndarray:
    cosine, sine = np.cos(angle), np.sin(angle)
    first, second = (axis + 1) % 3, (axis + 2) % 3
    turn = np.eye(3)
    turn[first, first] = turn[second, second] = cosine
    turn[second, first], turn[first, second] = sine, -sine
    return turn


def joined(solids: Sequence[Solid]) -> Solid:
    """All of them as one."""
    starts = np.cumsum([0, *(len(solid.vertices) for solid in solids)])
    return Solid(
        np.concatenate([solid.vertices for solid in solids]),
        np.concatenate([s.triangles + n for s, n in zip(solids, starts, strict=False)]).astype(
            np.int32
        ),
        np.concatenate([solid.uv for solid in solids]),
    )


def grid(points: Float[np.ndarray, "R C 3"], uv: Float[np.ndarray, "R C 2"]) -> Solid:
    """A sheet; its outside is where columns run rightwards and rows downwards."""
    rows, columns = points.shape[:2]
    index = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    triangles = np.stack([a, c, d, a, d, b], axis=-1).reshape(-1, 3)
    return Solid(points.reshape(-1, 3), triangles, uv.reshape(-1, 2))


def panel(width: float, height: float) -> Solid:
    """An upright rectangle that faces +z, standing on the origin."""
    x, y = np.meshgrid([-width / 2, width / 2], [height, 0.0])
    return grid(np.stack([x, y, np.zeros((2, 2))], -1), np.stack([x + width / 2, height - y], -1))


def box(width: float, height: float, depth: float) -> Solid:
    """A box that stands on the origin, x by y by z metres."""
    size = np.array([width, height, depth])
    return Solid(_CUBE.vertices * size, _CUBE.triangles, _CUBE.uv * size[_CUBE_AXES])


def _cube() -> Solid:
    """A box of one metre."""
    face, quarter = panel(1.0, 1.0).moved(z=0.5), np.pi / 2
    flat = face.moved(y=-0.5)
    sides = [face.turned(turn * quarter) for turn in (0, 2, 1, -1)]
    ends = [flat.turned(pitch=turn * quarter).moved(y=0.5) for turn in (-1, 1)]
    solid = joined(sides + ends)
    return dataclasses.replace(solid, vertices=np.round(solid.vertices, 12))


_CUBE = _cube()
# The axes [V, 2] along which u and v of its faces run.
_CUBE_AXES = np.repeat([(0, 1), (0, 1), (2, 1), (2, 1), (0, 2), (0, 2)], 4, axis=0)


def lathe(
    radii: Sequence[float] | np.ndarray,
    heights: Sequence[float] | np.ndarray,
    sides: int = 12,
) -> Solid:
    """A profile turned about y, from the top down."""
    radius, height = np.asarray(radii, float)[:, None], np.asarray(heights, float)[:, None]
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    points = np.stack(
        [
            radius * np.sin(angle),
            np.broadcast_to(height, radius.shape) + 0 * angle,
            radius * np.cos(angle),
        ],
        axis=-1,
    )
    along = np.concatenate([[0], np.cumsum(np.hypot(np.diff(radius[:, 0]), np.diff(height[:, 0])))])
    widest = float(radius.max())
    u, v = np.meshgrid(angle * widest, along)
    return grid(points, np.stack([u, v], axis=-1))


def cylinder(radius: float, height: float, sides: int = 12, top: float | None = None) -> Solid:
    """A closed cylinder that stands on the origin; a cone's stump if `top` is its upper radius."""
    top = radius if top is None else top
    return lathe([0.0, top, top, radius, radius, 0.0], [height, height, height, 0, 0, 0], sides)


def ball(radius: float = 1.0, sides: int = 12) -> Solid:
    """A sphere about the origin."""
    angle = np.linspace(0, np.pi, sides // 2 + 2)
    return lathe(radius * np.sin(angle), radius * np.cos(angle), sides)


def cushion(
    width: float, height: float, depth: float, softness: float = 0.35, sides: int = 12
) -> Solid:
    """A rounded box that stands on the origin: a superellipsoid."""
    solid = ball(1.0, sides)
    rounded = np.sign(solid.vertices) * np.abs(solid.vertices) ** softness
    sized = rounded / np.abs(rounded).max(axis=0) * (width / 2, height / 2, depth / 2)
    return Solid(sized + (0, height / 2, 0), solid.triangles, solid.uv * max(width, depth) / 2)


def pole(start: Sequence[float], end: Sequence[float], radius: float, sides: int = 8) -> Solid:
    """A round bar from one point to another, without its ends."""
    first, last = np.asarray(start, float), np.asarray(end, float)
    along = last - first
    length = float(np.linalg.norm(along))
    tilt = np.arctan2(np.hypot(along[0], along[2]), along[1])
    yaw = np.arctan2(along[0], along[2])
    bar = lathe([radius, radius], [length, 0.0], sides)
    return bar.turned(pitch=tilt).turned(yaw).moved(*first)


def bar(start: Sequence[float], end: Sequence[float], width: float) -> Solid:
    """A square bar from one point to another, without its ends."""
    return pole(start, end, width * 0.707, sides=4)


def rough(solid: Solid, rng: np.random.Generator, strength: float, waves: int = 4) -> Solid:
    """The solid with its points moved along smooth random waves: rocks, crowns of trees."""
    extent = float(np.ptp(solid.vertices, axis=0).max())
    frequency = rng.normal(0, 6 / extent, (waves, 3))
    phase = rng.uniform(0, 2 * np.pi, waves)
    push = rng.normal(0, strength * extent / np.sqrt(waves), (waves, 3))
    moved = np.sin(solid.vertices @ frequency.T + phase) @ push
    return dataclasses.replace(solid, vertices=solid.vertices + moved)


@dataclasses.dataclass(frozen=True)
class Part:
    """A solid made of a material.

    Attributes:
      solid: in the axes of the thing that it is part of: standing on the origin, facing +z.
      material: what it is made of.
      smooth: whether it is round, so that its normals are smooth.
      tint: [V, 3] factors of the albedo, or None.
    """

    solid: Solid
    material: Material
    smooth: bool = False
    tint: Float[np.ndarray, "V 3"] | None = None


def assembled(
    parts: Sequence[Part],
    x: float = 0.0,
    z: float = 0.0,
    yaw: float = 0.0,
    y: float = 0.0,
    shades: bool = True,
) -> list[Mesh]:
    """The thing at a place: one mesh for each material and kind of normals."""
    groups: dict[tuple[int, bool, bool], list[Part]] = {}
    for part in parts:
        key = (id(part.material), part.smooth, part.tint is None)
        groups.setdefault(key, []).append(part)
    meshes = []
    for group in groups.values():
        solid = joined([part.solid for part in group]).turned(yaw).moved(x, y, z)
        mesh = solid.mesh(group[0].material, group[0].smooth, shades)
        if group[0].tint is not None:
            tint = np.concatenate([part.tint for part in group]).astype(np.float32)
            mesh = dataclasses.replace(mesh, tint=tint)
        meshes.append(mesh)
    return meshes

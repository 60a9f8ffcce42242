"""Rooms: floor, walls with windows and doors, a ceiling, and furniture along the walls.

The camera and the subjects are inside of one box, so that no wall can stand between them.
"""

import dataclasses

import numpy as np
from jaxtyping import Float

from thfm_jax.data.synthetic.places import clutter, furniture, lamps, plants, solids, surfaces
from thfm_jax.data.synthetic.places.solids import Part, assembled, box, panel
from thfm_jax.data.synthetic.places.space import Space
from thfm_jax.data.synthetic.scene import Lighting, Material, Mesh

# A room is made for cameras that are no farther from the subject, and no higher above the floor.
FARTHEST_M = 13.0
HIGHEST_M = 5.0

_ABOUT = (*furniture.ABOUT, plants.potted, plants.potted)


@dataclasses.dataclass(frozen=True)
class Wall:
    """One wall of a room, seen from inside.

    Attributes:
      middle: [2] (x, z) of its foot.
      yaw: the direction that it faces.
      length: in metres.
      height: in metres.
    """

    middle: Float[np.ndarray, "2"]
    yaw: float
    length: float
    height: float

    def place(self, parts: list[Part], along: float, off: float, y: float = 0.0) -> list[Mesh]:
        """The thing with its origin `along` the wall from its middle and `off` it, in metres."""
        cosine, sine = np.cos(self.yaw), np.sin(self.yaw)
        x = self.middle[0] + along * cosine + off * sine
        z = self.middle[1] - along * sine + off * cosine
        return assembled(parts, float(x), float(z), self.yaw, y)

    @property
    def plane(self) -> Float[np.ndarray, "4"]:
        """Its plane (a, b, c, d) with a x + b y + c z + d >= 0 inside of the room."""
        normal = np.array([np.sin(self.yaw), 0.0, np.cos(self.yaw)])
        return np.append(normal, -normal[[0, 2]] @ self.middle)


def build(rng: np.random.Generator, space: Space) -> tuple[list[Mesh], Lighting, dict[str, object]]:
    """A furnished room about the camera and the subjects, and its light."""
    walls, height, yaw = _walls(rng, space)
    floor, paint = surfaces.draw(rng, surfaces.FLOORS), surfaces.draw(rng, surfaces.WALLS)
    accent = surfaces.draw(rng, surfaces.WALLS) if rng.random() < 0.3 else paint
    ceiling, trim = surfaces.plaster(rng), surfaces.lacquer(rng)

    meshes = _floor_and_ceiling(walls, height, yaw, floor, ceiling)
    window = int(rng.integers(4)) if rng.random() < 0.7 else -1
    skirting = rng.random() < 0.8
    for index, wall in enumerate(walls):
        material = accent if index == 0 else paint
        openings = _openings(rng, wall, index == window)
        meshes += _wall(wall, material, openings)
        if skirting:
            strip = [Part(box(wall.length, 0.08, 0.02), trim)]
            meshes += wall.place(strip, 0.0, 0.01)
        for opening in openings:
            meshes += _framed(rng, wall, opening, trim)
        if index != window:
            meshes += _hung(rng, wall, space)
        meshes += _furnished(rng, wall, space)
    if rng.random() < 0.4:
        meshes += _rug(rng, space)
    planes = [wall.plane for wall in walls]
    meshes += clutter.strew(rng, space, _ABOUT, int(rng.integers(0, 7)), (-0.5, 5.0), planes)
    meshes += _lamps(rng, walls, height)

    colours = [m.albedo.mean(axis=(0, 1)) for m in (floor, paint, ceiling)]
    side = walls[window].yaw if window >= 0 else None
    light = lamps.room(rng, (colours[0], colours[1], colours[2]), side)
    return meshes, light, {"windows": window >= 0}


def _walls(rng: np.random.Generator, space: Space) -> tuple[list[Wall], float, float]:
    """(four walls that enclose camera and subjects, height of the ceiling, yaw of the room)."""
    ahead = np.arctan2(space.ahead[0], space.ahead[1])
    yaw = ahead + (rng.uniform(-np.pi, np.pi) if rng.random() < 0.5 else rng.normal(0, 0.15))
    cosine, sine = np.cos(yaw), np.sin(yaw)
    # Columns are the room's own x and z axes in the world.
    axes = np.array([[cosine, sine], [-sine, cosine]])
    inside = np.concatenate([space.cloud, space.eyes])[:, [0, 2]] @ axes
    low = inside.min(axis=0) - rng.uniform(0.7, 4.0, 2) * rng.random(2) - 0.45
    high = inside.max(axis=0) + rng.uniform(0.7, 4.0, 2) * rng.random(2) + 0.45
    top = max(float(space.cloud[:, 1].max()), float(space.eyes[:, 1].max())) + rng.uniform(0.35, 1)
    height = max(top, rng.uniform(2.4, 3.3))
    width, depth = high - low
    middle = (low + high) / 2
    walls = []
    for turn, offset, length in (
        (0.0, (0.0, -depth / 2), width),
        (np.pi, (0.0, depth / 2), width),
        (np.pi / 2, (-width / 2, 0.0), depth),
        (-np.pi / 2, (width / 2, 0.0), depth),
    ):
        walls.append(Wall(axes @ (middle + offset), yaw + turn, float(length), height))
    return walls, height, float(yaw)


def _floor_and_ceiling(
    walls: list[Wall], height: float, yaw: float, floor: Material, ceiling: Material
) -> list[Mesh]:
    width, depth = walls[0].length, walls[2].length
    x, z = (walls[0].middle + walls[1].middle) / 2
    flat = panel(width, depth).moved(y=-depth / 2)
    below = assembled([Part(flat.turned(pitch=-np.pi / 2), floor)], x, z, yaw, shades=False)
    above = [Part(flat.turned(pitch=np.pi / 2), ceiling)]
    return below + assembled(above, x, z, yaw, height, shades=False)


@dataclasses.dataclass(frozen=True)
class Opening:
    """A hole in a wall: its middle along the wall, its size, and the height of its sill."""

    along: float
    width: float
    sill: float
    top: float
    door: bool


def _openings(rng: np.random.Generator, wall: Wall, windows: bool) -> list[Opening]:
    """Windows in a row, or a door, that do not overlap."""
    if windows:
        count = max(1, min(5, int(wall.length / rng.uniform(1.6, 3.0))))
        width = wall.length / count * rng.uniform(0.45, 0.8)
        sill = rng.choice((0.0, rng.uniform(0.6, 1.1)), p=(0.2, 0.8))
        top = wall.height - rng.uniform(0.15, 0.5)
        places = ((np.arange(count) + 0.5) / count - 0.5) * wall.length
        return [Opening(float(at), width, float(sill), top, False) for at in places]
    if rng.random() < 0.35 and wall.length > 2.0:
        at = rng.uniform(-0.5, 0.5) * (wall.length - 1.4)
        return [Opening(float(at), rng.uniform(0.8, 1.0), 0.0, min(2.05, wall.height - 0.1), True)]
    return []


def _wall(wall: Wall, material: Material, openings: list[Opening]) -> list[Mesh]:
    """The wall's surface around its windows; doors are closed and need no hole."""
    pieces, left = [], -wall.length / 2
    for opening in [o for o in openings if not o.door]:
        start, end = opening.along - opening.width / 2, opening.along + opening.width / 2
        pieces.append((left, start, 0.0, wall.height))
        pieces.append((start, end, 0.0, opening.sill))
        pieces.append((start, end, opening.top, wall.height))
        left = end
    pieces.append((left, wall.length / 2, 0.0, wall.height))
    parts = []
    for start, end, low, high in pieces:
        if high - low > 0.01:
            piece = panel(end - start, high - low).moved((start + end) / 2, low)
            # One texture runs over all pieces.
            uv = np.stack([piece.vertices[:, 0], -piece.vertices[:, 1]], axis=-1)
            parts.append(Part(dataclasses.replace(piece, uv=uv), material))
    return [dataclasses.replace(mesh, shades=False) for mesh in wall.place(parts, 0.0, 0.0)]


def _framed(rng: np.random.Generator, wall: Wall, opening: Opening, trim: Material) -> list[Mesh]:
    """Frame, bars and curtains of a window, or a door's leaf."""
    width, tall = opening.width, opening.top - opening.sill
    edge = rng.uniform(0.04, 0.09)
    parts = [Part(box(edge, tall, 0.06).moved(side * (width + edge) / 2), trim) for side in (-1, 1)]
    parts.append(Part(box(width + 2 * edge, edge, 0.06).moved(y=tall), trim))
    if opening.door:
        leaf, metal = surfaces.draw(rng, surfaces.FURNITURE), surfaces.metal(rng)
        parts.append(Part(box(width, tall, 0.03), leaf))
        for y in (0.1, tall * 0.55):
            parts.append(Part(box(width * 0.7, tall * 0.35, 0.015).moved(y=y, z=0.02), leaf))
        parts.append(Part(box(0.12, 0.02, 0.06).moved(width * 0.38, 1.0, 0.04), metal))
    else:
        parts.append(Part(box(width + 2 * edge, edge, 0.16).moved(y=-edge), trim))
        for share in np.linspace(0, 1, int(rng.integers(2, 5)))[1:-1] - 0.5:
            parts.append(Part(box(0.04, tall, 0.04).moved(share * width), trim))
        if rng.random() < 0.5:
            parts.append(Part(box(width, 0.04, 0.04).moved(y=tall * rng.uniform(0.4, 0.75)), trim))
        if rng.random() < 0.4:
            parts += _curtains(rng, width, tall + min(opening.sill, 0.15))
    return wall.place(parts, opening.along, 0.02, opening.sill)


def _curtains(rng: np.random.Generator, width: float, tall: float) -> list[Part]:
    """Two wavy sheets on either side of a window."""
    cloth = surfaces.fabric(rng)
    wide, folds = width * rng.uniform(0.15, 0.4), int(rng.integers(3, 7))
    share = np.linspace(0, 1, folds * 4 + 1)
    wave = 0.04 * np.sin(2 * np.pi * folds * share)
    parts = []
    for side in (-1, 1):
        x = side * (width / 2 + 0.05) + (share - 0.5) * wide
        rows = [np.stack([x, np.full_like(x, y), 0.12 + wave], -1) for y in (tall, -0.1)]
        uv = np.stack(np.broadcast_arrays(share * wide * 1.5, np.array([[0.0], [tall]])), -1)
        parts.append(Part(solids.grid(np.stack(rows), uv), cloth, True))
    return parts


def _hung(rng: np.random.Generator, wall: Wall, space: Space) -> list[Mesh]:
    """Pictures, mirrors and boards on a wall."""
    meshes: list[Mesh] = []
    for _ in range(int(rng.integers(0, 4))):
        width, tall = rng.uniform(0.25, 1.3), rng.uniform(0.25, 1.0)
        room = wall.length / 2 - width / 2 - 0.1
        if room <= 0:
            continue
        edge = surfaces.draw(rng, surfaces.FURNITURE)
        kinds = {surfaces.wallpaper: 2.0, surfaces.rug: 2.0, surfaces.lacquer: 1.0}
        art = surfaces.draw(rng, kinds)
        art = dataclasses.replace(art, repeat=(1.0, 1.0), height=None)
        face = panel(width, tall)
        uv = face.vertices[:, :2] / (width, tall)
        parts = [
            Part(box(width + 0.06, tall + 0.06, 0.03).moved(y=-0.03), edge),
            Part(dataclasses.replace(face, uv=uv).moved(z=0.017), art),
        ]
        placed = wall.place(parts, rng.uniform(-room, room), 0.02, rng.uniform(0.9, 1.6))
        if space.take(placed, wall.yaw):
            meshes += placed
    return meshes


def _furnished(rng: np.random.Generator, wall: Wall, space: Space) -> list[Mesh]:
    """Furniture with its back to the wall."""
    meshes: list[Mesh] = []
    for _ in range(int(rng.integers(0, 3))):
        thing = furniture.ALONG_WALLS[rng.integers(len(furniture.ALONG_WALLS))](rng)
        points = np.concatenate([part.solid.vertices for part in thing])
        if points[:, 1].max() > wall.height or np.ptp(points[:, 0]) > wall.length:
            continue
        room = (wall.length - np.ptp(points[:, 0])) / 2
        placed = wall.place(thing, rng.uniform(-room, room), 0.06 - float(points[:, 2].min()))
        if space.take(placed, wall.yaw):
            meshes += placed
    return meshes


def _rug(rng: np.random.Generator, space: Space) -> list[Mesh]:
    """A rug, somewhere about the subject."""
    width, depth = rng.uniform(1.0, 3.0, 2)
    face = panel(width, depth).moved(y=-depth / 2)
    uv = face.vertices[:, :2] / (width, depth) + 0.5
    flat = dataclasses.replace(face, uv=uv).turned(pitch=-np.pi / 2)
    x, z = space.centre[[0, 2]] + rng.normal(0, 0.6, 2)
    yaw = rng.uniform(-np.pi, np.pi)
    return assembled([Part(flat, surfaces.rug(rng))], x, z, yaw, y=0.004, shades=False)


def _lamps(rng: np.random.Generator, walls: list[Wall], height: float) -> list[Mesh]:
    """Lamps on the ceiling, in rows or one in the middle."""
    glow = surfaces.plain(np.ones(3))
    middle = (walls[0].middle + walls[1].middle) / 2
    if rng.random() < 0.5:
        shade = solids.lathe([0.05, 0.25, 0.22, 0.0], [0.0, -0.12, -0.14, -0.14], 14)
        part = Part(shade, glow, True, np.full((len(shade.vertices), 3), 1.6))
        return assembled([part], middle[0], middle[1], y=height, shades=False)
    count = int(rng.integers(1, 4))
    parts = []
    for share in (np.arange(count) + 0.5) / count - 0.5:
        strip = box(0.15, 0.06, walls[2].length / count * 0.6)
        strip = strip.moved(z=share * walls[2].length)
        parts.append(Part(strip, glow, False, np.full((len(strip.vertices), 3), 2.5)))
    return assembled(parts, middle[0], middle[1], walls[0].yaw, height - 0.06, shades=False)

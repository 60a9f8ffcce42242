"""Things between the camera and the main subject that hide a part of it, never all.

Each is placed along the camera's rays, and the share of the subject that it hides is measured: what
hides too much or too little is drawn again.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import cKDTree

from thfm_jax.data.synthetic.places import furniture, plants, solids, street, surfaces
from thfm_jax.data.synthetic.places.solids import Part, Solid, assembled
from thfm_jax.data.synthetic.places.space import Space
from thfm_jax.data.synthetic.scene import Camera, Mesh

SHARE = 0.29  # of the clips are to have one; for some, none is found
BODY_M, EYE_M = 0.25, 0.12  # kept free about bones and the camera
LEAST, MOST = 0.05, 0.5  # hidden share of what the picture shows of the subject
_TRIES = 16
_POINTS = 160
_LATTICE = 4  # frames that are measured


def build(rng: np.random.Generator, space: Space, indoors: bool) -> tuple[list[Mesh], dict]:
    """An occluder, and {"occluder": its kind, "hidden": the share} or {} where none was found."""
    kinds: dict[str, Callable[..., list[Mesh] | None]] = {
        "furniture": _indoor_thing if indoors else _outdoor_thing,
        "railing": _railing,
        "post": _post,
        "leaves": _leaves,
        "cut-out": _cut_out,
        "passing": _passing,
    }
    for _ in range(_TRIES):
        kind = list(kinds)[rng.choice(len(kinds), p=(0.3, 0.14, 0.14, 0.16, 0.16, 0.1))]
        meshes = kinds[kind](rng, space)
        if meshes is None or not _clear(meshes, space):
            continue
        share = hidden(space.camera, space.body, meshes)
        if LEAST <= share <= MOST:
            return meshes, {"occluder": kind, "hidden": share}
    return [], {}


def hidden(camera: Camera, body: Float[np.ndarray, "T N 3"], meshes: list[Mesh]) -> float:
    """The largest share, over some frames, of the points in the picture that the meshes hide.

    Holes in the meshes' materials count as hiding; what lies behind the points does too, so the
    meshes must stand before them.
    """
    worst = 0.0
    for frame in np.unique(np.linspace(0, len(body) - 1, _LATTICE).astype(int)):
        points = body[frame][:: max(1, body.shape[1] // _POINTS)]
        xy, depth = _on_screen(camera, frame, points)
        seen = ((xy > 0) & (xy < camera.size[::-1])).all(axis=-1) & (depth > 0)
        if not seen.any():
            continue
        covered = np.zeros(seen.sum(), bool)
        for mesh in meshes:
            corners, corner_depth = _on_screen(camera, frame, mesh.at(frame))
            triangles = mesh.triangles[(corner_depth[mesh.triangles] > 0.05).all(axis=-1)]
            covered |= _within(xy[seen], corners[triangles])
        worst = max(worst, float(covered.mean()))
    return worst


def _on_screen(camera: Camera, frame: int, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    local = points @ camera.rotation[frame].T + camera.translation[frame]
    intrinsics = camera.intrinsics[frame]
    depth = local[:, 2]
    xy = local[:, :2] / np.maximum(depth, 0.05)[:, None] * intrinsics[[0, 1], [0, 1]]
    return xy + intrinsics[:2, 2], depth


def _within(points: Float[np.ndarray, "N 2"], triangles: np.ndarray) -> Bool[np.ndarray, "N"]:
    """Which points lie within any of the triangles [F, 3, 2]."""
    sides = []
    for corner in range(3):
        start, end = triangles[:, corner], triangles[:, (corner + 1) % 3]
        edge, offset = end - start, points[:, None] - start
        sides.append(edge[:, 0] * offset[..., 1] - edge[:, 1] * offset[..., 0])
    signs = np.stack(sides)
    inside = (signs >= 0).all(axis=0) | (signs <= 0).all(axis=0)
    return np.any(inside, axis=-1)


def _clear(meshes: list[Mesh], space: Space) -> bool:
    """Whether the meshes touch neither subject nor camera at any time."""
    bodies, eyes = cKDTree(space.cloud), cKDTree(space.eyes)
    for frame in range(0, max(len(mesh.vertices) for mesh in meshes), 4):
        corners = np.concatenate([mesh.at(frame)[mesh.triangles] for mesh in meshes])
        points = np.concatenate([corners.reshape(-1, 3), corners.mean(axis=1)])
        if bodies.query(points)[0].min() < BODY_M or eyes.query(points)[0].min() < EYE_M:
            return False
    return True


def _between(
    rng: np.random.Generator, space: Space, nearest: float = 0.3, farthest: float = 0.85
) -> tuple[np.ndarray, float]:
    """(point, share of the way) on the line from the camera to some point of the subject."""
    frame = len(space.body) // 2
    target = space.body[frame][rng.integers(space.body.shape[1])]
    share = rng.uniform(nearest, farthest)
    eye = space.camera.positions[frame]
    return eye + share * (target - eye), share


def _standing(rng: np.random.Generator, space: Space, parts: list[Part]) -> list[Mesh]:
    """The thing on the ground between camera and subject."""
    (x, _, z), _ = _between(rng, space, 0.4, 0.8)
    return assembled(parts, x, z, rng.uniform(-np.pi, np.pi))


def _indoor_thing(rng: np.random.Generator, space: Space) -> list[Mesh]:
    things = (*furniture.ABOUT, plants.potted, furniture.sofa)
    return _standing(rng, space, things[rng.integers(len(things))](rng))


def _outdoor_thing(rng: np.random.Generator, space: Space) -> list[Mesh]:
    things = (
        *(plants.bush, plants.grass_tuft, plants.tree, plants.potted),
        *(street.car, street.bench, street.bollard, street.rock),
    )
    return _standing(rng, space, things[rng.integers(len(things))](rng))


def _railing(rng: np.random.Generator, space: Space) -> list[Mesh]:
    """A fence or railing across the view."""
    (x, _, z), share = _between(rng, space, 0.4, 0.85)
    yaw = np.arctan2(space.ahead[0], space.ahead[1]) + rng.normal(0, 0.3)
    return assembled(street.fence(rng, 2.0 + space.distance_m * share), x, z, yaw)


def _post(rng: np.random.Generator, space: Space) -> list[Mesh]:
    """A post, trunk or the edge of a wall, higher than the picture."""
    (x, _, z), share = _between(rng, space)
    focal = space.camera.intrinsics[0, 0, 0]
    width = rng.uniform(0.03, 0.25) * space.camera.size[1] / focal * share * space.distance_m
    width, height = max(width, 0.02), 3.0 + float(space.eyes[:, 1].max()) * 1.5
    kinds = {**surfaces.WALLS, surfaces.bark: 3.0, surfaces.metal: 2.0, surfaces.wood: 2.0}
    material, round_ = surfaces.draw(rng, kinds), rng.random() < 0.5
    solid = (
        solids.cylinder(width / 2, height, 14) if round_ else solids.box(width, height, width / 2)
    )
    return assembled([Part(solid, material, round_)], x, z, rng.uniform(-np.pi, np.pi))


def _leaves(rng: np.random.Generator, space: Space) -> list[Mesh]:
    """A twig with leaves that reaches into the picture, out of nowhere."""
    point, share = _between(rng, space, 0.25, 0.7)
    scale = space.distance_m * share / space.camera.intrinsics[0, 0, 0] * min(space.camera.size)
    twig = plants.tuft(rng, scale * rng.uniform(0.2, 0.7), 0.0)
    colour = surfaces.hsv(rng.uniform(0.17, 0.35), rng.uniform(0.3, 0.8), rng.uniform(0.25, 0.7))
    turned = twig.turned(rng.uniform(-np.pi, np.pi), rng.uniform(-2.5, 2.5), rng.uniform(-1, 1))
    part = Part(turned.moved(*point), surfaces.plain(colour, 0.1, 0.4), True)
    return assembled([part])


def _cut_out(rng: np.random.Generator, space: Space) -> list[Mesh]:
    """A flat star-shaped polygon of any material that faces the camera."""
    point, share = _between(rng, space, 0.3, 0.8)
    scale = space.distance_m * share / space.camera.intrinsics[0, 0, 0] * min(space.camera.size)
    solid = _polygon(rng, scale * rng.uniform(0.06, 0.3))
    frame = len(space.body) // 2
    turned = solid.vertices @ (space.camera.rotation[frame] * [[1.0], [-1.0], [-1.0]])
    material = surfaces.draw(rng, surfaces.ANYTHING)
    part = Part(dataclasses.replace(solid, vertices=turned + point), material)
    return assembled([part], shades=False)


def _polygon(rng: np.random.Generator, radius: float) -> Solid:
    """A flat shape about the origin that faces +z."""
    count = int(rng.integers(3, 12))
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False) + rng.uniform(0, 6)
    reach = radius * rng.uniform(0.4, 1.3, count)
    rim = np.stack([reach * np.cos(angle), reach * np.sin(angle), 0 * angle], axis=-1)
    vertices = np.concatenate([np.zeros((1, 3)), rim])
    index = np.arange(count)
    triangles = np.stack([0 * index, 1 + index, 1 + (index + 1) % count], axis=-1)
    return Solid(vertices, triangles.astype(np.int32), vertices[:, :2])


def _passing(rng: np.random.Generator, space: Space) -> list[Mesh]:
    """Any of the others, moving across the picture during the clip."""
    makers = (_cut_out, _post, _leaves)
    meshes = makers[rng.integers(len(makers))](rng, space)
    frames = len(space.camera.rotation)
    right = space.camera.rotation[frames // 2, 0] * (1.0, 0.0, 1.0)
    reach = space.distance_m / space.camera.intrinsics[0, 0, 0] * space.camera.size[1]
    path = np.linspace(-0.5, 0.5, frames)[:, None] * right * reach * rng.uniform(-1, 1)
    steps = path[:, None].astype(np.float32)
    return [dataclasses.replace(mesh, vertices=mesh.vertices + steps) for mesh in meshes]

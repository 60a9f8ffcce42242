"""Shoes: an upper that is cut from the suit, and a sole about the foot.

A person at rest stands barefoot on y = 0 and motion keeps it so. A sole therefore does not lift the
person: it stands around the foot, from the ground up, and hides the lower part of it.
"""

import dataclasses

import numpy as np
from scipy.spatial import ConvexHull, cKDTree

from thfm_jax.data.synthetic import parts
from thfm_jax.data.synthetic.bodies import skinning
from thfm_jax.data.synthetic.bodies.body import BodyModel, Posed, Shape
from thfm_jax.data.synthetic.looks import colours, fabrics, sheets, suit
from thfm_jax.data.synthetic.scene import Material, Mesh

_OUTLINE = 36  # points along a sole's edge
_SIDES = {"left": ("foot.L", "toe2-1.L"), "right": ("foot.R", "toe2-1.R")}


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of shoe.

    Attributes:
      top_m: height of its edge above the ground on the base mesh.
      low_m: how much lower the edge is in front: above 0.06 the instep is bare.
      sole_m: height of the sole.
      rim_m: how far the sole stands out.
      ease_m: between foot and upper.
      materials: of the upper.
      pale_sole: chance of a white sole.
      strapped: whether straps take the upper's place.
    """

    top_m: float
    low_m: float
    sole_m: float
    rim_m: float
    ease_m: float
    materials: tuple[fabrics.Cut, ...]
    pale_sole: float
    strapped: bool = False


KINDS: dict[str, Kind] = {
    "sneakers": Kind(0.085, 0.0, 0.03, 0.008, 0.009, (fabrics.SPORT, fabrics.LEATHER), 0.75),
    "high_tops": Kind(0.125, 0.0, 0.026, 0.006, 0.009, (fabrics.WOVEN, fabrics.LEATHER), 0.85),
    "shoes": Kind(0.075, 0.0, 0.016, 0.004, 0.006, (fabrics.LEATHER,), 0.05),
    "boots": Kind(0.19, 0.0, 0.03, 0.006, 0.01, (fabrics.LEATHER,), 0.1),
    "high_boots": Kind(0.36, 0.0, 0.024, 0.004, 0.01, (fabrics.LEATHER,), 0.05),
    "flats": Kind(0.06, 0.035, 0.01, 0.002, 0.004, (fabrics.LEATHER, fabrics.SILK), 0.05),
    "sandals": Kind(0.03, 0.0, 0.014, 0.004, 0.003, (fabrics.LEATHER,), 0.2, strapped=True),
    "slippers": Kind(0.06, 0.0, 0.018, 0.006, 0.009, (fabrics.COAT, fabrics.WOVEN), 0.3),
}


def make(
    rng: np.random.Generator,
    model: BodyModel,
    shape: Shape,
    posed: Posed,
    kind: str,
    instance: int,
    flat: bool = False,
) -> tuple[list[Mesh], np.ndarray]:
    """A pair of shoes.

    Returns:
      meshes; [N] float32 metres inside their edge at the suit's vertices.
    """
    spec = KINDS[kind]
    of = suit.of(model)
    leather = spec.materials[int(rng.integers(len(spec.materials)))]
    base = colours.leather(rng) if leather is fabrics.LEATHER else colours.cloth(rng, 0.35)
    if kind == "sneakers" and rng.uniform() < 0.35:
        base = colours.linear((236, 236, 234))
    look = fabrics.make(rng, leather, base, 0.4, flat)
    dark = (0.02, 0.02, 0.022) if rng.uniform() < 0.7 else (0.12, 0.07, 0.04)
    rubber = (0.8, 0.8, 0.78) if rng.uniform() < spec.pale_sole else dark
    if rng.uniform() < 0.08:
        rubber = tuple(colours.wild(rng))
    sole = Material(np.array(rubber, np.float32).reshape(1, 1, 3), specular=0.1, roughness=0.6)
    field = _edge(of.position, spec)
    meshes = [_upper(model, shape, posed, of, field, spec, look.material, instance)]
    meshes += [_sole(model, shape, posed, side, spec, sole, instance) for side in _SIDES]
    return meshes, field


def _edge(position: np.ndarray, spec: Kind) -> np.ndarray:
    """[N] float32 metres below the shoe's edge, which dips in front of the ankle."""
    height = position[:, 1] - suit.FOOT_Y
    if spec.strapped:
        instep = 0.016 - np.abs(position[:, 2] - 0.1 - 0.2 * height)
        ankle = np.minimum(0.012 - np.abs(height - 0.1), 0.2)
        return np.minimum(np.maximum(instep, ankle), 0.13 - height).astype(np.float32)
    ahead = np.clip((position[:, 2] - 0.03) / 0.06, 0, 1)
    return (spec.top_m - spec.low_m * ahead - height).astype(np.float32)


def _upper(
    model: BodyModel,
    shape: Shape,
    posed: Posed,
    of: suit.Suit,
    field: np.ndarray,
    spec: Kind,
    material: Material,
    instance: int,
) -> Mesh:
    piece = sheets.cut(of.sheet.triangles, field)
    on_model = piece.on(of.sheet)
    rest = on_model(shape.vertices)
    normals = sheets.vertex_normals(rest[None], piece.triangles)[0]
    scale = np.float32(np.clip(np.ptp(shape.vertices[:, 1]) / 1.67, 0.4, 1.3))
    toes = np.clip((piece(of.position)[:, 2] - 0.06) / 0.06, 0, 1)
    rest = rest + (spec.ease_m * scale) * normals * (1, 0.7, 1)
    rest[:, 1] += 0.010 * scale * toes * np.clip(normals[:, 1], 0, 1)
    rest[:, 1] = np.maximum(rest[:, 1], 0.004)
    pairs, _, shared = sheets.edges(piece.triangles)
    rest = _smoothed(rest.astype(np.float32), pairs[shared > 1], 3)
    rows = sheets.sources(on_model)
    bones, weights = model.weights.bones[rows], model.weights.values[rows]
    world = posed.bones.astype(np.float32)
    moved = skinning.skin(np.ascontiguousarray(rest[None]), world, bones, weights)
    fine = sheets.refine(piece.triangles, len(rest))
    position = fine(piece(of.position))
    turns = np.arctan2(position[:, 2] - 0.04, np.abs(position[:, 0]) - 0.2) / (2 * np.pi)
    u = 0.25 * sheets.unwrapped(turns[fine.triangles])
    v = (position[:, 1] - suit.FOOT_Y)[fine.triangles]
    uv, triangles, ids = sheets.seamed(fine.triangles, np.stack([u, v], axis=-1))
    return Mesh(
        sheets.frames(fine, moved)[:, ids],
        triangles,
        uv,
        material,
        instance,
        fine(piece(of.template))[ids],
        of.part[piece.faces][fine.faces],
        normal_ids=ids,
    )


def _smoothed(points: np.ndarray, pairs: np.ndarray, passes: int) -> np.ndarray:
    """Points [V, 3] drawn half way to their neighbours' mean, `passes` times."""
    count = np.bincount(pairs.reshape(-1), minlength=len(points))[:, None]
    for _ in range(passes):
        total = np.zeros_like(points)
        np.add.at(total, pairs[:, 0], points[pairs[:, 1]])
        np.add.at(total, pairs[:, 1], points[pairs[:, 0]])
        points = np.where(count > 0, (points + total / np.maximum(count, 1)) / 2, points)
    return points.astype(np.float32)


def _sole(
    model: BodyModel,
    shape: Shape,
    posed: Posed,
    side: str,
    spec: Kind,
    material: Material,
    instance: int,
) -> Mesh:
    """A slab about the foot, which bends where the toes begin."""
    patch = model.patches["body"]
    part = parts.INDEX[f"{side}_foot"]
    ids = np.unique(patch.vertex_ids[patch.triangles[patch.part == part]])
    foot = shape.vertices[ids]
    low = foot[foot[:, 1] < foot[:, 1].min() + 0.05]
    hull = low[ConvexHull(low[:, [0, 2]].astype(np.float64)).vertices][:, [2, 0]]
    outline = _resampled(hull, _OUTLINE)
    middle = outline.mean(axis=0)
    away = (outline - middle) / np.linalg.norm(outline - middle, axis=1, keepdims=True)
    wide, narrow = outline + (spec.ease_m + spec.rim_m) * away, outline + spec.ease_m * 0.5 * away
    height = spec.sole_m * float(np.clip(np.ptp(shape.vertices[:, 1]) / 1.67, 0.4, 1.3))
    rings = [(narrow, 0.002), (wide, 0.004), (wide, height), (narrow, height + 0.002)]
    points = [np.insert(ring[:, ::-1], 1, y, axis=1) for ring, y in rings]
    points += [np.array([[middle[1], y, middle[0]]]) for y in (0.002, height + 0.002)]
    rest = np.concatenate(points).astype(np.float32)
    heel, toe = (model.bone[name] for name in _SIDES[side])
    share = np.clip((rest[:, 2] - shape.heads[toe, 2]) / 0.05 + 0.5, 0, 1).astype(np.float32)
    toes_first = share > 0.5
    bones = np.where(toes_first[:, None], [toe, heel], [heel, toe]).astype(np.int32)
    weights = np.stack([np.maximum(share, 1 - share), np.minimum(share, 1 - share)], axis=1)
    world = posed.bones.astype(np.float32)
    vertices = skinning.skin(np.ascontiguousarray(rest[None]), world, bones, weights)
    nearest = ids[cKDTree(foot).query(rest)[1]]
    return Mesh(
        vertices,
        _slab(_OUTLINE, len(rings)),
        np.stack([rest[:, 2], rest[:, 1]], axis=1),
        material,
        instance,
        model.template[nearest],
        np.full(2 * _OUTLINE * len(rings), part, np.uint8),
        smooth_normals=False,
    )


def _slab(around: int, rings: int) -> np.ndarray:
    """Triangles of stacked rings with a point in the middle of the first and of the last."""
    here = np.arange(around)
    after = (here + 1) % around
    faces = []
    for ring in range(rings - 1):
        a, b = ring * around + here, ring * around + after
        c, d = a + around, b + around
        faces += [np.stack([a, b, d], 1), np.stack([a, d, c], 1)]
    bottom, top = rings * around, rings * around + 1
    last = (rings - 1) * around
    faces += [np.stack([after, here, np.full(around, bottom)], 1)]
    faces += [np.stack([last + here, last + after, np.full(around, top)], 1)]
    return np.concatenate(faces).astype(np.int32)


def _resampled(polygon: np.ndarray, count: int) -> np.ndarray:
    """[count, 2] points at equal steps along a closed polygon [P, 2], corners rounded."""
    closed = np.concatenate([polygon, polygon[:1]])
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    at = np.linspace(0, along[-1], count, endpoint=False)
    points = np.stack([np.interp(at, along, closed[:, k]) for k in (0, 1)], axis=1)
    for _ in range(2):
        points = (np.roll(points, 1, 0) + 2 * points + np.roll(points, -1, 0)) / 4
    return points

"""Rigid things in a hand or on the back: part "held", without a canonical position."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from thfm_jax.data.synthetic import parts
from thfm_jax.data.synthetic.bodies.body import BodyModel, Posed, Shape
from thfm_jax.data.synthetic.looks import colours, fabrics
from thfm_jax.data.synthetic.places import solids
from thfm_jax.data.synthetic.places.solids import Solid
from thfm_jax.data.synthetic.scene import Material, Mesh

Piece = tuple[Solid, Material]
# How often each is held, where something is.
SHARES: dict[str, float] = {
    "phone": 4, "cup": 2.5, "bag": 3, "bottle": 1.5, "book": 1.2, "stick": 1, "ball": 1,
    "umbrella": 0.8, "racket": 0.7, "hammer": 0.6, "tablet": 0.8, "flowers": 0.4,
}  # fmt: skip


def draw(rng: np.random.Generator, chance: float = 0.22) -> str | None:
    """What a hand holds: one of `SHARES`, or None but for a `chance`."""
    if rng.uniform() >= chance:
        return None
    shares = np.array(list(SHARES.values()))
    return str(rng.choice(list(SHARES), p=shares / shares.sum()))


def hold(
    rng: np.random.Generator,
    model: BodyModel,
    shape: Shape,
    posed: Posed,
    kind: str,
    hand: int,
    instance: int,
) -> list[Mesh]:
    """A thing in the left (0) or right (1) hand; `kind` is one of `SHARES`."""
    pieces = _THINGS[kind](rng)
    grip, axes, size = _hand(model, shape, hand)
    if kind == "bag":
        return [_hung(piece, model, posed, grip, hand, instance) for piece in pieces]
    bone = posed.bones[:, model.bone["wrist.R" if hand else "wrist.L"]]
    meshes = []
    for solid, material in pieces:
        rest = grip + (solid.vertices * min(1.0, 0.4 + 0.6 * size)) @ axes.T
        meshes.append(_mesh(solid, material, _moved(bone, rest), instance))
    return meshes


def _hand(model: BodyModel, shape: Shape, hand: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Of a hand at rest: the middle of its grip, its axes, its size against an adult's.

    The axes are columns: out of the palm, towards the thumb (along what is gripped), and from the
    fingers to the wrist, right-handed for either hand.
    """
    side = "R" if hand else "L"
    wrist, index, middle, little = (
        shape.heads[model.bone[f"{name}.{side}"]]
        for name in ("wrist", "finger2-1", "finger3-1", "finger5-1")
    )
    length = float(np.linalg.norm(middle - wrist))
    back = (wrist - middle) / length
    thumbwards = index - little
    thumbwards = thumbwards - (thumbwards @ back) * back
    thumbwards = thumbwards / np.linalg.norm(thumbwards)
    palm = np.cross(thumbwards, back)
    thumb = shape.tails[model.bone[f"finger1-3.{side}"]]
    if (thumb - middle) @ palm < 0:
        palm = -palm
    grip = middle + 0.12 * length * back + 0.3 * length * palm
    axes = np.stack([palm, thumbwards, np.cross(palm, thumbwards)], axis=1)
    return grip, axes, length / 0.085


def _moved(bone: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """[T, V, 3] float32 points [V, 3] at rest, carried by a bone [T, 3, 4]."""
    moved = np.einsum("trc,vc->tvr", bone[..., :3], rest) + bone[:, None, :, 3]
    return np.ascontiguousarray(moved, np.float32)


def _hung(
    piece: Piece, model: BodyModel, posed: Posed, grip: np.ndarray, hand: int, instance: int
) -> Mesh:
    """A thing that hangs from a hand, upright, and swings a little behind it."""
    solid, material = piece
    bone = posed.bones[:, model.bone["wrist.R" if hand else "wrist.L"]]
    places = np.einsum("trc,c->tr", bone[..., :3], grip) + bone[..., 3]
    root = posed.bones[:, 0, :, :3]
    yaw = np.arctan2(root[:, 0, 2], root[:, 2, 2])
    lag = np.zeros_like(places)
    for t in range(1, len(places)):
        lag[t] = 0.75 * lag[t - 1] + 0.5 * (places[t] - places[t - 1])
    cosine, sine = np.cos(yaw)[:, None], np.sin(yaw)[:, None]
    x, y, z = solid.vertices.T
    turned = np.stack([cosine * x + sine * z, 0 * cosine + y, cosine * z - sine * x], axis=-1)
    behind = np.clip(-y, 0, None)[None, :, None] * lag[:, None] * 3
    moved = places[:, None] + turned - behind
    moved[..., 1] = np.maximum(moved[..., 1], 0.003)
    return _mesh(solid, material, moved.astype(np.float32), instance)


def _mesh(solid: Solid, material: Material, vertices: np.ndarray, instance: int) -> Mesh:
    """Round things, which have many vertices, are shaded smoothly."""
    return Mesh(
        vertices,
        solid.triangles,
        solid.uv.astype(np.float32),
        material,
        instance,
        part=np.full(len(solid.triangles), parts.INDEX["held"], np.uint8),
        smooth_normals=len(vertices[0]) > 120,
    )


def _plain(colour: ArrayLike, roughness: float = 0.45, specular: float = 0.05) -> Material:
    return Material(
        np.asarray(colour, np.float32).reshape(1, 1, 3), roughness=roughness, specular=specular
    )


def _any(rng: np.random.Generator, roughness: float = 0.45) -> Material:
    return _plain(colours.cloth(rng, 0.5), roughness)


def _upright(solid: Solid) -> Solid:
    """Centred on its own height."""
    low, high = solid.vertices[:, 1].min(), solid.vertices[:, 1].max()
    return solid.moved(y=-(low + high) / 2)


def _phone(rng: np.random.Generator) -> list[Piece]:
    """Flat in the palm, its screen away from it."""
    body = solids.box(0.009, 0.15, 0.073).moved(y=-0.07)
    glass = solids.box(0.001, 0.142, 0.067).moved(x=0.0052, y=-0.066)
    glow = colours.wild(rng) if rng.uniform() < 0.5 else colours.linear((230, 235, 240))
    screen = _plain(glow if rng.uniform() < 0.7 else (0.01, 0.01, 0.012), 0.15)
    case = _any(rng, 0.4)
    turn = np.pi / 2
    return [
        (s.moved(x=-0.012).turned(pitch=0.5 * turn), m) for s, m in ((body, case), (glass, screen))
    ]


def _tablet(rng: np.random.Generator) -> list[Piece]:
    body = solids.box(0.009, 0.25, 0.18).moved(x=-0.012, y=-0.1)
    glass = solids.box(0.001, 0.235, 0.165).moved(x=-0.007, y=-0.0925)
    return [(body, _any(rng)), (glass, _plain(colours.wild(rng) * 0.7, 0.15))]


def _cup(rng: np.random.Generator) -> list[Piece]:
    radius, height = rng.uniform(0.032, 0.04), rng.uniform(0.085, 0.13)
    profile = [radius * 0.9, radius, radius * 0.8, 0.0], [height * 0.9, height, 0.0, 0.0]
    inner = solids.lathe([0.0, radius * 0.92, radius], [height * 0.85, height * 0.85, height], 16)
    cup = solids.lathe(profile[0][1:], profile[1][1:], 16)
    drink = _plain((0.05, 0.025, 0.012), 0.2)
    return [(s.moved(y=-height * 0.5), m) for s, m in ((cup, _any(rng)), (inner, drink))]


def _bottle(rng: np.random.Generator) -> list[Piece]:
    r = rng.uniform(0.028, 0.036)
    body = solids.lathe(
        [0, 0.014, 0.014, r, r, 0.9 * r, 0], [0.23, 0.23, 0.2, 0.15, 0.02, 0, 0], 14
    )
    label = solids.lathe([r * 1.02, r * 1.02], [0.13, 0.05], 14)
    return [(s.moved(y=-0.09), m) for s, m in ((body, _any(rng, 0.15)), (label, _any(rng)))]


def _stick(rng: np.random.Generator) -> list[Piece]:
    length, radius = rng.uniform(0.5, 1.3), rng.uniform(0.008, 0.016)
    stick = solids.cylinder(radius, length, 8).moved(y=-length * rng.uniform(0.15, 0.5))
    return [(stick, _plain(colours.linear((120, 84, 52)) * rng.uniform(0.4, 1.4), 0.7))]


def _ball(rng: np.random.Generator) -> list[Piece]:
    radius = float(rng.choice([0.034, 0.06, 0.11, 0.12]))
    look = fabrics.make(rng, fabrics.SPORT, colours.wild(rng), 0.7)
    return [(solids.ball(radius, 18).moved(x=radius * 0.8 - 0.015, z=-0.01), look.material)]


def _book(rng: np.random.Generator) -> list[Piece]:
    thick, tall, wide = rng.uniform(0.012, 0.04), rng.uniform(0.18, 0.27), rng.uniform(0.12, 0.2)
    cover = solids.box(thick, tall, wide).moved(y=-tall / 2, z=-wide * 0.25)
    pages = solids.box(thick * 0.8, tall * 1.002, wide * 1.002).moved(
        y=-tall / 2 - 1e-4, z=-wide * 0.26
    )
    return [(cover, _any(rng, 0.6)), (pages, _plain(colours.linear((232, 226, 210)), 0.9))]


def _umbrella(rng: np.random.Generator) -> list[Piece]:
    radius, look = (
        rng.uniform(0.45, 0.55),
        fabrics.make(rng, fabrics.WOVEN, colours.cloth(rng, 0.5), 0.5),
    )
    shaft = solids.cylinder(0.006, 0.85, 8).moved(y=-0.12)
    share = np.linspace(0.0, 1, 6)
    canopy = solids.lathe(
        list(radius * np.sin(share * 1.35)), list(0.55 + 0.19 * np.cos(share * 1.35)), 8
    )
    return [(shaft, _plain((0.03, 0.03, 0.03), 0.3)), (canopy, look.material)]


def _racket(rng: np.random.Generator) -> list[Piece]:
    handle = solids.cylinder(0.015, 0.2, 8).moved(y=-0.1)
    shaft = solids.cylinder(0.009, 0.16, 8).moved(y=0.1)
    turn = np.linspace(0, 2 * np.pi, 25)
    rim = np.stack([0 * turn, 0.4 + 0.16 * np.cos(turn), 0.12 * np.sin(turn)], axis=-1)
    tube = np.stack(
        [
            rim + (a, 0, 0) + (rim - (0, 0.4, 0)) * b
            for a, b in ((0.01, 0), (0, 0.08), (-0.01, 0), (0, -0.06), (0.01, 0))
        ]
    )
    ring = solids.grid(tube, np.zeros((5, 25, 2)))
    strings = np.stack([(0, 0.4, 0) + (rim - (0, 0.4, 0)) * s for s in (0.02, 1.0)])
    net = solids.grid(strings, np.zeros((2, 25, 2)))
    look = _any(rng)
    return [(solids.joined([handle, shaft, ring]), look), (net, _plain((0.7, 0.7, 0.65), 0.9))]


def _hammer(rng: np.random.Generator) -> list[Piece]:
    shaft = solids.cylinder(0.013, 0.3, 8).moved(y=-0.1)
    head = solids.box(0.03, 0.035, 0.11).moved(y=0.18)
    return [
        (shaft, _plain(colours.linear((150, 108, 64)), 0.7)),
        (head, _plain((0.1, 0.1, 0.11), 0.3)),
    ]


def _flowers(rng: np.random.Generator) -> list[Piece]:
    stems = solids.cylinder(0.012, 0.28, 8, 0.035).moved(y=-0.1)
    pieces = [(stems, _plain(colours.linear((56, 96, 50)), 0.8))]
    for _ in range(int(rng.integers(4, 9))):
        x, y, z = rng.normal(0, 0.04), 0.2 + rng.normal(0, 0.02), rng.normal(0, 0.04)
        bloom = solids.ball(float(rng.uniform(0.018, 0.035)), 8).moved(float(x), float(y), float(z))
        pieces.append((bloom, _plain(colours.wild(rng), 0.8)))
    return pieces


def _bag(rng: np.random.Generator) -> list[Piece]:
    """Hangs below the hand: y = 0 is the grip."""
    wide, tall, deep = rng.uniform(0.08, 0.16), rng.uniform(0.2, 0.36), rng.uniform(0.25, 0.42)
    look = fabrics.make(
        rng,
        fabrics.LEATHER if rng.uniform() < 0.5 else fabrics.WOVEN,
        colours.cloth(rng, 0.35),
        0.3,
    )
    body = solids.cushion(wide, tall, deep, float(rng.uniform(0.25, 0.5))).moved(y=-tall - 0.1)
    straps = []
    for x in (-0.2, 0.2):
        line = np.array(
            [
                (x * wide, -0.13, -0.3 * deep),
                (0, 0.0, -0.05),
                (0, 0.0, 0.05),
                (x * wide, -0.13, 0.3 * deep),
            ]
        )
        strip = np.stack([line - (0.008, 0, 0), line + (0.008, 0, 0)])
        straps.append(solids.grid(strip, np.zeros((2, 4, 2))))
    return [(solids.joined([body, *straps]), look.material)]


def backpack(
    rng: np.random.Generator,
    model: BodyModel,
    shape: Shape,
    posed: Posed,
    off_m: float,
    instance: int,
) -> Mesh:
    """A bag on the back, `off_m` metres off the skin; the straps are the wardrobe's."""
    high, low = (shape.heads[model.bone[name]] for name in ("neck01", "spine03"))
    tall = float(np.linalg.norm(high - low)) * rng.uniform(0.95, 1.25)
    wide, deep = tall * rng.uniform(0.6, 0.8), tall * rng.uniform(0.3, 0.5)
    torso = np.unique(model.patches["tights"].vertex_ids)
    near = shape.vertices[torso]
    level = np.abs(near[:, 1] - (high + low)[1] / 2) < 0.08
    back = near[level & (np.abs(near[:, 0]) < 0.1), 2].min()
    solid = solids.cushion(wide, tall, deep, float(rng.uniform(0.3, 0.5)), 16)
    middle = (high + low) / 2
    rest = solid.vertices + (middle[0], middle[1] - tall * 0.5, back - off_m - deep * 0.42)
    look = fabrics.make(rng, fabrics.WOVEN, colours.cloth(rng, 0.4), 0.3)
    bone = posed.bones[:, model.bone["spine01"]]
    mesh = _mesh(solid, look.material, _moved(bone, rest), instance)
    return mesh


_THINGS: dict[str, Callable[[np.random.Generator], list[Piece]]] = {
    "phone": _phone, "cup": _cup, "bag": _bag, "bottle": _bottle, "book": _book, "stick": _stick,
    "ball": _ball, "umbrella": _umbrella, "racket": _racket, "hammer": _hammer, "tablet": _tablet,
    "flowers": _flowers,
}  # fmt: skip

"""Hair of the head: layers of strands over the scalp and down from it.

The strands are seen in the picture only; the hull, one smooth surface in their midst, is what depth
and normals show. Long hair hangs from the hairline as a sheet that swings and lies on the shoulders.
"""

import dataclasses

import numpy as np

from thfm_jax.data.synthetic import cloth, colours, limbs, scalp, sheets, strands, suit
from thfm_jax.data.synthetic.body import BodyModel, Posed, Shape
from thfm_jax.data.synthetic.phenotype import Phenotype
from thfm_jax.data.synthetic.scene import Mesh

_NATURAL = (
    *((18, 15, 14), (34, 24, 20), (58, 40, 28), (88, 62, 42), (128, 92, 58), (180, 144, 92)),
    *((214, 186, 138), (120, 58, 30), (150, 76, 44)),
)
_GREY = ((120, 118, 116), (176, 174, 172), (222, 220, 216))
_CROWN = scalp.directions(np.array(np.pi), np.array(0.55))
_STEP_M = 0.035  # between rows of hanging hair
_HANG = cloth.Fabric(pull=0.9, push=0.6, bend=0.35, memory=0.015, damping=0.12, crease=0.02)


@dataclasses.dataclass(frozen=True)
class Style:
    """How the hair of a head is worn.

    Attributes:
      name: for the record.
      length_m: how far the layers reach from the scalp.
      form: a key of `strands.STRETCH`.
      parting: where it runs from: "crown", "middle", "left", "right" or "tail" (all drawn back).
      fall_m: how far it hangs below the hairline.
      tails: "" or how drawn-back hair ends: "ponytail", "bun", "braids".
      fringe_m: length of a fringe over the forehead.
      line: metres by which the hairline recedes in front.
      bald: 0 to 1, how much of the top is bare.
      sweep: (forwards, down, leftwards) metres that the outermost layer is combed.
      layers: of strands.
    """

    name: str
    length_m: float
    form: str = "straight"
    parting: str = "crown"
    fall_m: float = 0.0
    tails: str = ""
    fringe_m: float = 0.0
    line: float = 0.0
    bald: float = 0.0
    sweep: tuple[float, float, float] = (0.0, 0.0, 0.0)
    layers: int = 9


def sample_colour(rng: np.random.Generator, person: Phenotype, melanin: float) -> np.ndarray:
    """[3] linear RGB: dark with dark skin, grey with age, at times dyed."""
    if person.age_years > 13 and rng.uniform() < 0.04:
        return colours.wild(rng)
    grey = 1 / (1 + np.exp(-(person.age_years - rng.normal(57, 8)) / 4))
    fair = np.clip(1 - melanin * 2.2 + rng.normal(0, 0.15), 0, 1)
    natural = rng.integers(0, min(2 + round(6 * fair) + 1, len(_NATURAL)))
    colour = colours.linear(np.clip(np.array(_NATURAL[natural]) * rng.uniform(0.8, 1.2), 6, 240))
    silver = colours.linear(_GREY[rng.integers(len(_GREY))])
    return (colour * (1 - grey) + silver * grey).astype(np.float32)


def sample_style(rng: np.random.Generator, person: Phenotype, melanin: float) -> Style | None:
    """A style that suits the person; None for a bald head."""
    male, age = person.gender > 0.5, person.age_years
    if age < 1.5:
        return Style("fuzz", 0.005, "curly") if rng.uniform() < 0.8 else None
    if male and rng.uniform() < 0.06 + 0.1 * (age > 50):
        return None
    if rng.uniform() < (0.12 if male else 0.75):
        return _long(rng, melanin)
    return _short(rng, male, age, melanin)


def _short(rng: np.random.Generator, male: bool, age: float, melanin: float) -> Style:
    receding = male and age > 28 and rng.uniform() < 0.35
    bald = float(rng.uniform(0.4, 1)) if receding and rng.uniform() < 0.5 else 0.0
    line = float(rng.uniform(0.005, 0.03)) if receding else float(rng.uniform(-0.006, 0.006))
    if rng.uniform() < 0.08 + 0.6 * (melanin > 0.6):
        length = float(rng.choice([rng.uniform(0.006, 0.02), rng.uniform(0.02, 0.08)]))
        return Style("afro" if length > 0.03 else "curls", length, "frizzy", line=line, bald=bald)
    if rng.uniform() < 0.25:
        return Style("buzz cut", float(rng.uniform(0.003, 0.008)), "curly", line=line, bald=bald)
    sweep = (rng.uniform(-0.03, 0.02), rng.uniform(0, 0.012), rng.uniform(-0.02, 0.02))
    form = str(rng.choice(["straight", "wavy", "curly"], p=[0.5, 0.35, 0.15]))
    return Style(
        "short", float(rng.uniform(0.012, 0.035)), form, line=line, bald=bald,
        sweep=(float(sweep[0]), -float(sweep[1]), float(sweep[2])),
    )  # fmt: skip


def _long(rng: np.random.Generator, melanin: float) -> Style:
    draw = rng.uniform()
    form = str(rng.choice(["straight", "wavy", "curly"], p=[0.5, 0.35, 0.15]))
    fringe = float(rng.uniform(0.035, 0.06)) if rng.uniform() < 0.25 else 0.0
    if melanin > 0.6 and draw < 0.3:
        return Style("afro", float(rng.uniform(0.04, 0.11)), "frizzy")
    if draw < 0.3:
        return Style("bun", 0.006, form, "tail", tails="bun", fringe_m=fringe, layers=5)
    if draw < 0.45:
        return Style("ponytail", 0.007, form, "tail", float(rng.uniform(0.12, 0.4)),
                     "ponytail", fringe, layers=5)  # fmt: skip
    if draw < 0.52:
        return Style("braids", 0.007, form, "middle", 0.0, "braids", fringe, layers=5)
    fall = float(
        rng.choice([rng.uniform(0.05, 0.12), rng.uniform(0.12, 0.25), rng.uniform(0.25, 0.45)])
    )
    parting = str(rng.choice(["middle", "left", "right"]))
    thick = float(rng.uniform(0.012, 0.03)) * (1.3 if form == "curly" else 1)
    name = "bob" if fall < 0.12 else "shoulder-length" if fall < 0.25 else "long"
    return Style(name, thick, form, parting, fall, fringe_m=fringe, layers=6)


@dataclasses.dataclass(frozen=True)
class _Head:
    """What hair hangs on."""

    model: BodyModel
    shape: Shape
    posed: Posed
    fps: float
    instance: int

    def carried(self, rest: np.ndarray) -> np.ndarray:
        """[T, N, 3] float32 points [N, 3] at rest, carried by the head."""
        bone = self.posed.bones[:, self.model.bone["head"]]
        moved = np.einsum("trc,nc->tnr", bone[..., :3], rest) + bone[:, None, :, 3]
        return np.ascontiguousarray(moved, np.float32)


def grow(
    rng: np.random.Generator,
    model: BodyModel,
    shape: Shape,
    posed: Posed,
    fps: float,
    style: Style,
    colour: np.ndarray,
    instance: int,
) -> list[Mesh]:
    """The strands and the hull of one head of hair."""
    head = _Head(model, shape, posed, fps, instance)
    look = strands.material(rng, colour, style.form, float(rng.uniform(0.3, 0.9)))
    towards = _paths(model, style)
    meshes = _mane(rng, head, style, towards, look)
    if style.fringe_m:
        meshes += _fringe(rng, head, style, look)
    if style.tails:
        meshes += _tails(rng, head, style, look)
    return meshes


def _paths(model: BodyModel, style: Style) -> np.ndarray:
    """[R, C, 3] unit directions from where hair runs from to the hairline."""
    if style.parting in ("crown", "tail"):
        azimuth = np.linspace(0, 2 * np.pi, 49)
        ends = scalp.edge(model, azimuth, style.line)
        starts = np.broadcast_to(_tail_pole() if style.parting == "tail" else _CROWN, ends.shape)
    else:
        azimuth = np.linspace(1.05, 2 * np.pi - 1.05, 41)
        ends = scalp.edge(model, azimuth, style.line, over_ears=True)
        starts = _parting(model, azimuth, {"left": 0.32, "right": -0.32}.get(style.parting, 0.0))
    rows = 1 - (1 - np.linspace(0.02, 1, 12)) ** 1.25
    return _between(starts, ends, rows)


def _tail_pole() -> np.ndarray:
    return scalp.directions(np.array(np.pi), np.array(1.45))


def _parting(model: BodyModel, azimuth: np.ndarray, lean: float) -> np.ndarray:
    """[C, 3] where strands start on a line from the forehead to the crown, which leans to a side."""
    front = np.arccos(scalp.edge(model, np.array([lean]), 0.0)[0, 1])
    back = np.abs(np.abs(azimuth - np.pi) / np.pi)
    share = np.clip((back - 0.12) / (0.665 - 0.12), 0, 1)
    polar = -0.5 + share * (front - 0.02 + 0.5)
    line = np.stack([0 * polar, np.cos(polar), np.sin(polar)], axis=-1)
    cosine, sine = np.cos(lean), np.sin(lean)
    x = line[:, 1] * sine
    return np.stack([x, line[:, 1] * cosine, line[:, 2]], axis=-1)


def _between(starts: np.ndarray, ends: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """[R, C, 3] unit directions on great circles."""
    angle = np.arccos(np.clip((starts * ends).sum(-1), -1, 1))[None, :, None] + 1e-6
    share = shares[:, None, None]
    return (np.sin((1 - share) * angle) * starts + np.sin(share * angle) * ends) / np.sin(angle)


def _mane(
    rng: np.random.Generator, head: _Head, style: Style, towards: np.ndarray, look
) -> list[Mesh]:
    """Hair over the scalp, and what hangs from it."""
    model = head.model
    roots = scalp.sheet(model, towards)
    rows, columns = towards.shape[:2]
    on_head = sheets.frames(roots, head.posed.vertices)
    rest = roots(head.shape.vertices).reshape(rows, columns, 3)
    template = roots(model.template).reshape(rows, columns, 3)
    density = roots(_density(model, style)).reshape(rows, columns)
    if style.parting != "crown":
        density = np.maximum(density, 0.35)
    surface, hang = on_head.reshape(-1, rows, columns, 3), 0
    if style.fall_m and style.parting != "tail":
        below = _hanging(rest, style, rng)
        hang = len(below)
        surface = _swung(rng, head, surface, rest, below)
        template = np.concatenate([template, template[-1:].repeat(hang, axis=0)])
        density = np.concatenate([density, np.ones((hang, columns))])
        density[rows - 3 : rows] = 1
    frames, rows = len(surface), rows + hang
    points = surface.reshape(frames, rows * columns, 3)
    triangles = _grid_triangles(rows, columns)
    normals = sheets.vertex_normals(np.ascontiguousarray(points), triangles)
    if style.parting in ("crown", "tail"):
        _close(normals.reshape(frames, rows, columns, 3))
    path = np.concatenate([rest.reshape(-1, columns, 3), _hang_rest(rest, hang)])
    uv = _along(path, style)
    fringe = np.clip(np.arange(rows) - (rows - 1 - 0.45 * hang), 0, None) / max(0.45 * hang, 1)
    tips = np.broadcast_to(fringe[:, None], (rows, columns)) if hang else np.zeros((rows, columns))
    return _shells(
        head, style, points, normals, triangles, uv, density.reshape(-1), tips.reshape(-1),
        template.reshape(-1, 3), look,
    )  # fmt: skip


def _shells(
    head, style, points, normals, triangles, uv, density, tips, template, look
) -> list[Mesh]:
    """Layers of strands off a surface [T, V, 3], and their hull."""
    turn = head.posed.bones[:, head.model.bone["head"], :, :3].astype(np.float32)
    comb = turn @ np.array([style.sweep[2], style.sweep[1], style.sweep[0]], np.float32)
    reach = (np.clip(density * 1.4, 0.12, 1) * style.length_m).astype(np.float32)
    depth = np.linspace(0.05, 1, style.layers, dtype=np.float32)
    surfaces = [
        points + (d * reach)[:, None] * normals + (d * d) * comb[:, None] * density[:, None]
        for d in depth
    ]
    thin = np.clip(1.15 - 3 * density, 0, 1.2)
    cutoffs = []
    floor = 0.3 if style.length_m < 0.01 and not style.fall_m and not style.tails else -0.02
    for d in depth:
        share = floor + 0.75 * d**1.5 + thin + tips * (0.55 + 0.5 * d)
        cutoffs.append(255 * np.clip(share, 0, 1.02))
    seen = strands.layers(
        surfaces, cutoffs, 0.4 + 0.65 * depth, triangles, uv, look, template, "scalp", head.instance
    )
    kept = (density > 0.3) & (tips < 0.75)
    solid = triangles[kept[triangles].all(axis=1)]
    middle = surfaces[(2 * style.layers) // 3].astype(np.float32)
    return [seen, strands.hull(middle, solid, uv, template, "scalp", head.instance)]


def _density(model: BodyModel, style: Style) -> np.ndarray:
    """[V] float32 0 at the hairline and on bald places, 1 where hair is full."""
    position = suit.base_positions(model)
    density = np.clip(scalp.hairline(model, style.line) / 0.02, 0, 1)
    top = np.hypot(position[:, 0] / 0.062, (position[:, 2] - 0.03) / 0.1)
    crown = np.clip((position[:, 1] - 0.76) / 0.03, 0, 1) * np.clip(2 * (1.1 - top), 0, 1)
    return (density * (1 - style.bald * crown)).astype(np.float32)


def _close(values: np.ndarray) -> None:
    """Gives the first and the last column [T, R, C, 3] one normal, in place."""
    both = values[:, :, 0] + values[:, :, -1]
    both /= np.linalg.norm(both, axis=-1, keepdims=True) + 1e-9
    values[:, :, 0] = values[:, :, -1] = both


def _grid_triangles(rows: int, columns: int) -> np.ndarray:
    index = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    return np.stack([a, c, d, a, d, b], axis=-1).reshape(-1, 3)


def _along(path: np.ndarray, style: Style) -> np.ndarray:
    """[V, 2] float32 uv: tiles across, which follow the widest row, and along strands [R, C, 3]."""
    step = np.linalg.norm(np.diff(path, axis=0, prepend=path[:1]), axis=-1)
    across = np.linalg.norm(np.diff(path, axis=1, prepend=path[:, :1]), axis=-1)
    widest = across[across.sum(axis=1).argmax()].cumsum() / strands.TILE_M
    whole = max(np.rint(widest[-1]), 1)
    u = widest * whole / widest[-1] if style.parting in ("crown", "tail") else widest
    v = step.cumsum(axis=0) / strands.TILE_M
    return np.stack([np.broadcast_to(u, v.shape), v], axis=-1).reshape(-1, 2).astype(np.float32)


def _hanging(rest: np.ndarray, style: Style, rng: np.random.Generator) -> np.ndarray:
    """[R, C, 3] rows that hang from the last of `rest` [R, C, 3], before gravity moves them."""
    rows = max(2, round(style.fall_m / _STEP_M))
    out = rest[-1] - rest[-1].mean(axis=0) * (1, 0, 1) - (0, 1, 0) * rest[-1]
    out = out / (np.linalg.norm(out, axis=-1, keepdims=True) + 1e-9)
    tangent = rest[-1] - rest[-2]
    tangent = tangent / (np.linalg.norm(tangent, axis=-1, keepdims=True) + 1e-9)
    points, point = [], rest[-1]
    length = style.fall_m / rows * (1 + 0.06 * rng.standard_normal(rest.shape[1]))[:, None]
    for row in range(rows):
        share = min(1.0, (row + 1) / 2)
        way = (1 - share) * tangent + share * np.array([0, -1.0, 0]) + 0.12 * out
        point = point + length * way / np.linalg.norm(way, axis=-1, keepdims=True)
        points.append(point)
    return np.stack(points)


def _hang_rest(rest: np.ndarray, hang: int) -> np.ndarray:
    """Rows below `rest` for measuring length only."""
    return rest[-1] - np.arange(1, hang + 1)[:, None, None] * np.array([0, _STEP_M, 0])


def _swung(
    rng: np.random.Generator, head: _Head, surface: np.ndarray, rest: np.ndarray, below: np.ndarray
) -> np.ndarray:
    """[T, R + hanging, C, 3]: the surface on the head and what hangs from it, in motion."""
    rows, columns = below.shape[:2]
    top = rest[-2:]
    sheet_rest = np.concatenate([top, below]).reshape(-1, 3).astype(np.float32)
    target = head.carried(sheet_rest)
    target[:, : 2 * columns] = surface[:, -2:].reshape(len(surface), -1, 3)
    leash = np.concatenate([[0, 0], 0.02 + 0.9 * _STEP_M * np.arange(rows)]).repeat(columns)
    trunk = limbs.capsules(head.model, head.shape, head.posed, limbs.TRUNK, 0.022)
    skull = _skull(head)
    hold = cloth.Hold(
        target=target,
        leash=leash.astype(np.float32),
        floor=target,
        normal=target,
        gap=np.full(target.shape[:2], -2, np.float32),
        capsules=np.concatenate([skull, trunk], axis=1),
    )
    moved = cloth.drape(rng, sheet_rest, _grid_triangles(rows + 2, columns), hold, _HANG, head.fps)
    hanging = moved.reshape(len(moved), rows + 2, columns, 3)[:, 2:]
    return np.concatenate([surface, hanging], axis=1)


def _skull(head: _Head) -> np.ndarray:
    """[T, 1, 8] a capsule in the head."""
    ring = scalp.points(head.model, scalp.directions(np.array([1.6, 3.1, 4.7]), np.full(3, 1.5)))
    left, back, right = ring @ head.shape.vertices
    middle = (left + right) / 2
    radius = 0.95 * float(np.linalg.norm(left - right)) / 2
    low = (middle + back) / 2 - (0, radius * 0.6, 0)
    ends = head.carried(np.stack([middle, low])).reshape(-1, 6)
    radii = np.full((len(ends), 2), radius, np.float32)
    return np.concatenate([ends, radii], axis=1)[:, None].astype(np.float32)


def _fringe(rng: np.random.Generator, head: _Head, style: Style, look) -> list[Mesh]:
    """Hair that falls from above the hairline over the forehead."""
    azimuth = np.linspace(-0.75, 0.75, 17)
    ends = scalp.edge(head.model, azimuth, style.line)
    top = scalp.directions(azimuth * 0.5, np.full(17, 0.35))
    towards = _between(top, ends, np.linspace(0, 1, 5))
    roots = scalp.sheet(head.model, towards)
    rest = roots(head.shape.vertices).reshape(5, 17, 3)
    middle = rest.mean(axis=(0, 1)) * (1, 1, 0) + (0, 0, rest[..., 2].mean() - 0.08)
    out = rest - middle
    out = out / np.linalg.norm(out, axis=-1, keepdims=True)
    rest = rest + out * style.length_m * np.array([0.4, 0.8, 1, 1, 1])[:, None, None]
    below = np.arange(1, 5)[:, None, None] / 4 * np.array([0, -1.0, 0.12]) * style.fringe_m
    full = np.concatenate([rest, rest[-1] + below + 0.004 * out[-1]])
    rows, columns = full.shape[:2]
    points = head.carried(full.reshape(-1, 3))
    triangles = _grid_triangles(rows, columns)
    normals = sheets.vertex_normals(points, triangles)
    template = roots(head.model.template).reshape(5, 17, 3)
    template = np.concatenate([template, template[-1:].repeat(4, axis=0)])
    tips = np.broadcast_to(np.clip(np.arange(rows) - 6, 0, None)[:, None] / 2, (rows, columns))
    sides = np.clip(1.2 * np.abs(np.linspace(-1, 1, columns)) - 0.5, 0, 1)
    thin = dataclasses.replace(style, length_m=0.006, layers=4, sweep=(0.0, 0.0, 0.0))
    return _shells(
        head, thin, points, normals, triangles, _along(full, style),
        np.broadcast_to(1 - 0.6 * sides, (rows, columns)).reshape(-1).astype(np.float32),
        np.clip(tips + 0.4 * sides, 0, 1).reshape(-1), template.reshape(-1, 3), look,
    )  # fmt: skip


def _tails(rng: np.random.Generator, head: _Head, style: Style, look) -> list[Mesh]:
    """What drawn-back hair ends in."""
    if style.tails == "bun":
        return [_bun(rng, head, look)]
    azimuths = [np.pi] if style.tails == "ponytail" else [2.3, 2 * np.pi - 2.3]
    return [mesh for a in azimuths for mesh in _tail(rng, head, style, look, a)]


def _tail(rng: np.random.Generator, head: _Head, style: Style, look, azimuth: float) -> list[Mesh]:
    """A bundle of hair, or a braid, that hangs from one point of the head."""
    pole = _tail_pole() if style.tails == "ponytail" else scalp.directions(
        np.array(azimuth), np.array(1.75)
    )  # fmt: skip
    root = scalp.points(head.model, pole[None])
    start = (root @ head.shape.vertices)[0]
    skull = (scalp.points(head.model, -pole[None]) @ head.shape.vertices)[0]
    out = (start - skull) * (1, 0, 1)
    out = out / np.linalg.norm(out)
    rows = 11
    length = style.fall_m if style.tails == "ponytail" else float(rng.uniform(0.2, 0.4))
    share = np.linspace(0, 1, rows)
    spine = (
        start - 0.008 * out + out * (0.05 * np.sin(np.pi * np.clip(share * 2, 0, 1) / 2))[:, None]
    )
    spine = spine - np.array([0, 1.0, 0]) * (length * share**1.15)[:, None]
    swell = np.sqrt(np.clip(1.25 - share, 0, 1)) * (0.45 + 0.55 * np.clip(share * 6, 0, 1))
    radius = (0.03 if style.tails == "ponytail" else 0.017) * swell
    if style.tails == "braids":
        radius = radius * (0.8 + 0.25 * np.abs(np.sin(share * length / 0.03 * np.pi)))
    strip = np.stack([spine - out * 0.01, spine, spine + out * 0.01], axis=1)
    target = head.carried(strip.reshape(-1, 3).astype(np.float32))
    leash = np.clip(share - 0.08, 0, 1).repeat(3) * length
    hold = cloth.Hold(
        target, leash.astype(np.float32), target, target,
        np.full(target.shape[:2], -2, np.float32),
        np.concatenate(
            [_skull(head), limbs.capsules(head.model, head.shape, head.posed, limbs.TRUNK, 0.035)], 1
        ),
    )  # fmt: skip
    moved = cloth.drape(
        rng,
        strip.reshape(-1, 3).astype(np.float32),
        _grid_triangles(rows, 3),
        hold,
        _HANG,
        head.fps,
    )
    middle = moved.reshape(-1, rows, 3, 3)[:, :, 1]
    points = _tube(middle, radius.astype(np.float32))
    sides = points.shape[2]
    triangles = _grid_triangles(rows, sides)
    flat = points.reshape(len(points), -1, 3)
    normals = sheets.vertex_normals(flat, triangles)
    _close(normals.reshape(len(points), rows, sides, 3))
    template = np.broadcast_to((root @ head.model.template)[0], (rows * sides, 3))
    turns = np.linspace(0, 2, sides)
    twist = share * length / strands.TILE_M
    lean = (
        1.5 * np.abs(((share * length / 0.06) % 1) - 0.5) if style.tails == "braids" else 0 * share
    )
    uv = np.stack([turns + lean[:, None], np.broadcast_to(twist[:, None], (rows, sides))], axis=-1)
    tips = np.broadcast_to(np.clip((share - 0.7) / 0.3, 0, 1)[:, None], (rows, sides)).reshape(-1)
    spread = dataclasses.replace(style, length_m=0.01, layers=4, sweep=(0.0, 0.0, 0.0))
    full = np.ones(rows * sides, np.float32)
    return _shells(
        head, spread, flat, normals, triangles, uv.reshape(-1, 2).astype(np.float32), full, tips,
        template, look,
    )  # fmt: skip


def _tube(middle: np.ndarray, radius: np.ndarray, sides: int = 10) -> np.ndarray:
    """[T, R, sides + 1, 3] a tube about lines [T, R, 3]."""
    way = np.gradient(middle, axis=1)
    way = way / (np.linalg.norm(way, axis=-1, keepdims=True) + 1e-9)
    first = np.cross(way, np.array([1.0, 0.0, 0.0]))
    first = first / (np.linalg.norm(first, axis=-1, keepdims=True) + 1e-9)
    second = np.cross(way, first)
    angle = np.linspace(0, 2 * np.pi, sides + 1)[:, None]
    ring = np.cos(angle) * first[:, :, None] + np.sin(angle) * second[:, :, None]
    return (middle[:, :, None] + radius[:, None, None] * ring).astype(np.float32)


def _bun(rng: np.random.Generator, head: _Head, look) -> Mesh:
    """A ball of wound hair on the back of the head, solid."""
    polar = float(rng.choice([0.9, 1.3, 1.6]))
    root = scalp.points(head.model, scalp.directions(np.array([np.pi]), np.array([polar])))
    start = (root @ head.shape.vertices)[0]
    size = float(rng.uniform(0.028, 0.042))
    rows, sides = 9, 17
    across, around = np.linspace(0, np.pi, rows), np.linspace(0, 2 * np.pi, sides)
    away = scalp.directions(np.array(np.pi), np.array(polar))
    side = np.array([1.0, 0, 0])
    up = np.cross(away, side)
    ring = np.cos(around)[:, None] * side + np.sin(around)[:, None] * up
    ball = np.sin(across)[:, None, None] * ring + 0.75 * np.cos(across)[:, None, None] * away
    points = start + away * size * 0.5 + size * ball
    turns = np.stack(np.broadcast_arrays(across[:, None] * 0.9, around[None] * 0.25), axis=-1)
    full = np.zeros(rows * sides, np.float32)
    return dataclasses.replace(
        strands.layers(
            [head.carried(points.reshape(-1, 3))], [full], [0.9], _grid_triangles(rows, sides),
            turns.reshape(-1, 2).astype(np.float32), look,
            np.broadcast_to((root @ head.model.template)[0], (rows * sides, 3)), "scalp",
            head.instance,
        ),
        passes="both",
        shades=True,
    )  # fmt: skip

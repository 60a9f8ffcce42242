"""Hair of the head and beards: layers of strands over the scalp, and the hull that stands for them.

The strands are seen in the picture only; the hull, one smooth surface in their midst, is what depth
and normals show.
"""

import dataclasses
import functools

import numpy as np

from thfm_jax.data.synthetic import colours, parts, sheets, strands, suit
from thfm_jax.data.synthetic.body import BodyModel, Posed
from thfm_jax.data.synthetic.phenotype import Phenotype
from thfm_jax.data.synthetic.scene import Material, Mesh
from thfm_jax.data.synthetic.sheets import Sheet

_NATURAL = ((18, 15, 14), (34, 24, 20), (58, 40, 28), (88, 62, 42), (128, 92, 58), (180, 144, 92),
            (214, 186, 138), (120, 58, 30), (150, 76, 44))  # fmt: skip
_GREY = ((120, 118, 116), (176, 174, 172), (222, 220, 216))
# The hairline in profile, (z, y) on the base mesh: nape, behind and over the ear, temple, forehead.
_LINE = (
    *((-0.20, 0.650), (-0.010, 0.655), (0.010, 0.670), (0.022, 0.700), (0.030, 0.732)),
    *((0.054, 0.736), (0.060, 0.716), (0.072, 0.716), (0.078, 0.748), (0.096, 0.780)),
    *((0.118, 0.795), (0.140, 0.798), (0.200, 0.800)),
)
_LAYERS = 9


@dataclasses.dataclass(frozen=True)
class Style:
    """How the hair of a head is worn.

    Attributes:
      name: for the record.
      length_m: how far the layers reach from the scalp.
      form: a key of `strands.STRETCH`.
      line: metres by which the hairline recedes in front.
      bald: 0 to 1, how much of the top is bare.
      sweep: (back, down) metres that the outermost layer is combed.
    """

    name: str
    length_m: float
    form: str = "straight"
    line: float = 0.0
    bald: float = 0.0
    sweep: tuple[float, float] = (0.006, 0.006)


def sample_colour(rng: np.random.Generator, person: Phenotype, melanin: float) -> np.ndarray:
    """[3] linear RGB: dark with dark skin, grey with age, at times dyed."""
    if person.age_years > 13 and rng.uniform() < 0.04:
        return colours.wild(rng)
    grey = 1 / (1 + np.exp(-(person.age_years - rng.normal(55, 8)) / 5))
    fair = np.clip(1 - melanin * 2.2 + rng.normal(0, 0.15), 0, 1)
    natural = rng.integers(0, 2 + round(6 * fair) + 1)
    colour = colours.linear(np.clip(np.array(_NATURAL[natural]) * rng.uniform(0.8, 1.2), 6, 240))
    silver = colours.linear(_GREY[rng.integers(len(_GREY))])
    return (colour * (1 - grey) + silver * grey).astype(np.float32)


def sample_style(rng: np.random.Generator, person: Phenotype, melanin: float) -> Style | None:
    """A style that suits the person; None for a bald head."""
    male, age = person.gender > 0.5, person.age_years
    if age < 1.5 and rng.uniform() < 0.4:
        return Style("fuzz", 0.006, "curly")
    curly = rng.uniform() < 0.1 + 0.6 * (melanin > 0.6)
    receding = male and age > 28 and rng.uniform() < 0.35
    if male and rng.uniform() < 0.08 + 0.1 * (age > 50):
        return None
    bald = float(rng.uniform(0.3, 1)) if receding and rng.uniform() < 0.6 else 0.0
    line = float(rng.uniform(0.005, 0.03)) if receding else float(rng.uniform(-0.006, 0.006))
    if curly:
        return Style("curly", float(rng.uniform(0.01, 0.07)), "frizzy", line, bald, (0.0, 0.0))
    if rng.uniform() < 0.25:
        return Style("buzz", float(rng.uniform(0.003, 0.008)), "curly", line, bald, (0.0, 0.0))
    form = str(rng.choice(["straight", "wavy"]))
    return Style("short", float(rng.uniform(0.012, 0.03)), form, line, bald,
                 (float(rng.uniform(-0.02, 0.02)), float(rng.uniform(0, 0.015))))  # fmt: skip


def grow(
    rng: np.random.Generator,
    model: BodyModel,
    posed: Posed,
    style: Style,
    colour: np.ndarray,
    instance: int,
) -> list[Mesh]:
    """The strands and the hull of one head of hair."""
    scalp, uv = _scalp(model, round(style.line, 3))
    density = scalp(_density(model, style))
    vertices = sheets.frames(scalp, posed.vertices)
    normals = sheets.vertex_normals(vertices, scalp.triangles)
    head = posed.bones[:, model.bone["head"], :, :3].astype(np.float32)
    comb = head @ np.array([0, -style.sweep[1], -style.sweep[0]], np.float32)
    depth = np.linspace(0.08, 1, _LAYERS, dtype=np.float32)
    reach = np.clip(density * 3, 0.15, 1)
    layers = [
        vertices + d * style.length_m * reach[:, None] * normals + (d**2) * comb[:, None]
        for d in depth
    ]
    count = vertices.shape[1]
    triangles = np.concatenate([scalp.triangles + k * count for k in range(_LAYERS)])
    thin = np.clip(1.25 - 2.5 * density, 0, 1.3)
    cutoff = np.concatenate([255 * np.clip(0.08 + 0.82 * d**1.3 + thin, 0, 1.01) for d in depth])
    cutoff[:count] = 255 * np.clip(thin, 0, 1.01)
    template, part = scalp(model.template), np.full(len(scalp.triangles), parts.INDEX["scalp"])
    strands_mesh = Mesh(
        np.concatenate(layers, axis=1),
        triangles.astype(np.int32),
        np.tile(uv, (_LAYERS, 1)),
        strands.material(rng, colour, style.form, (1.0, 1.0)),
        instance,
        np.tile(template, (_LAYERS, 1)),
        np.tile(part, _LAYERS).astype(np.uint8),
        tint=np.repeat(0.45 + 0.65 * depth, count)[:, None] * np.ones(3, np.float32),
        cutoff=cutoff.astype(np.float32),
        passes="seen",
    )
    hull = Mesh(
        layers[_LAYERS // 2],
        scalp.triangles,
        uv,
        Material(albedo=colour.reshape(1, 1, 3)),
        instance,
        template,
        part.astype(np.uint8),
        passes="label",
        shades=False,
    )
    return [strands_mesh, hull]


def hairline(model: BodyModel, line: float) -> np.ndarray:
    """[V] float32 metres above the hairline, negative off the scalp."""
    position = suit.base_positions(model)
    x, y, z = np.abs(position[:, 0]), position[:, 1], position[:, 2]
    height = np.interp(z, *zip(*_LINE, strict=True)) + line * np.clip((z - 0.08) / 0.03, 0, 1)
    height = height + 0.8 * line * np.clip((x - 0.02) / 0.02, 0, 1) * np.clip(
        (z - 0.06) / 0.03, 0, 1
    )
    above = y - height - 0.1 * model.regions["ears"]
    return np.where(y > 0.6, above, -1).astype(np.float32)


@functools.lru_cache(maxsize=64)
def _scalp(model: BodyModel, line: float) -> tuple[Sheet, np.ndarray]:
    """The scalp on top of the model's vertices, and its coordinates [V, 2]."""
    patch = model.patches["body"]
    triangles = patch.vertex_ids[patch.triangles]
    field = hairline(model, line)
    near = (field[triangles] > -0.05).all(axis=1)
    whole = sheets.whole(triangles, len(field))
    piece = sheets.part(whole, near)
    scalp = sheets.cut(piece.triangles, piece(field)).on(piece)
    corners = _about_crown(scalp(suit.base_positions(model)), scalp.triangles)
    uv, triangles, ids = sheets.seamed(scalp.triangles, corners)
    return Sheet(scalp.weights[ids], triangles, scalp.faces), uv


def _density(model: BodyModel, style: Style) -> np.ndarray:
    """[V] float32 0 at the hairline and on bald places, 1 where hair is full."""
    position = suit.base_positions(model)
    density = np.clip(hairline(model, style.line) / 0.022, 0, 1)
    top = np.hypot(position[:, 0] / 0.062, (position[:, 2] - 0.03) / 0.1)
    crown = np.clip((position[:, 1] - 0.76) / 0.03, 0, 1) * np.clip(2 * (1.1 - top), 0, 1)
    return (density * (1 - style.bald * crown)).astype(np.float32)


def _about_crown(position: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """[F, 3, 2] uv: three tiles a turn about the crown, and one for 0.12 m down from it."""
    offset = position - (0, 0.83, -0.03)
    turns = np.arctan2(offset[:, 0], offset[:, 2]) / (2 * np.pi)
    u = 3 * sheets.unwrapped(turns[triangles])
    return np.stack([u, np.linalg.norm(offset, axis=1)[triangles] / 0.12], axis=-1)

"""Small things that lie on skin and clothes: belts, socks, scarves, ties, straps, gloves."""

import numpy as np

from thfm_jax.data.synthetic import parts
from thfm_jax.data.synthetic.bodies.body import BodyModel, Posed
from thfm_jax.data.synthetic.looks import cuts, fabrics, sheets, suit
from thfm_jax.data.synthetic.looks.garments import (
    FIRM,
    HEMMED,
    STRETCHY,
    THIN,
    Garment,
    between,
)
from thfm_jax.data.synthetic.looks.tailor import Pattern, Tailor
from thfm_jax.data.synthetic.scene import Material, Mesh

_GLOVE_M = 0.0025


def _flat(tailor: Tailor, field: np.ndarray, ease: float, give: float = 0.001) -> Pattern:
    """A pattern that lies on what is beneath."""
    even = np.ones(len(field))
    return cuts.pattern_of(tailor.suit, field, ease * even, give * even, STRETCHY)


def belt(rng: np.random.Generator, tailor: Tailor, height: float) -> Garment:
    """A belt over what is worn; `height` of its middle on the base mesh."""
    field = between(rng, 0.014, 0.024) - np.abs(tailor.suit.position[:, 1] - height)
    return Garment("belt", _flat(tailor, field, 0.003), (fabrics.LEATHER,))


def socks(rng: np.random.Generator, tailor: Tailor) -> Garment:
    edge = float(rng.choice([between(rng, 0.1, 0.16), between(rng, 0.2, 0.38)]))
    field = suit.FOOT_Y + edge - tailor.suit.position[:, 1]
    return Garment("socks", _flat(tailor, field, 0.001, 0.0), (fabrics.SOCKS,), ())


def tie(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of = tailor.suit
    x, y, z = np.abs(of.position[:, 0]), of.position[:, 1], of.position[:, 2]
    low = between(rng, 0.12, 0.22)
    half = 0.014 + between(rng, 0.01, 0.022) * cuts.ramp(0.52, low, y)
    field = np.minimum(np.minimum(half - x, y - low), np.minimum(0.55 - y, z))
    return Garment("tie", _flat(tailor, field, 0.006, 0.01), (fabrics.SILK,), (HEMMED,))


def scarf(rng: np.random.Generator, tailor: Tailor) -> Garment:
    """Wound about the neck, its ends perhaps hanging down in front."""
    of = tailor.suit
    x, y, z = of.position.T
    low = between(rng, 0.5, 0.54)
    field = np.minimum(y - low - 0.25 * np.abs(x), 0.115 - np.abs(x))
    if rng.uniform() < 0.6:
        end, half = between(rng, 0.1, 0.35), between(rng, 0.025, 0.045)
        strips = np.minimum(half - np.abs(np.abs(x) - half - 0.02), np.minimum(y - end, z))
        field = np.maximum(field, strips)
    ease = between(rng, 0.012, 0.026) * np.ones(len(field))
    pattern = cuts.pattern_of(of, field, ease, 0.02 + 0 * ease, FIRM)
    return Garment("scarf", pattern, (fabrics.KNIT, fabrics.SHIRT, fabrics.COAT))


def straps(rng: np.random.Generator, tailor: Tailor) -> Garment:
    """A backpack's straps over the shoulders."""
    of = tailor.suit
    x, y = np.abs(of.position[:, 0]), of.position[:, 1]
    half = between(rng, 0.014, 0.024)
    field = np.minimum(half - np.abs(x - 0.095), np.minimum(y - 0.3, -0.004 - of.arm))
    return Garment("straps", _flat(tailor, field, 0.004), (fabrics.WOVEN,))


def sash(rng: np.random.Generator, tailor: Tailor) -> Garment:
    """A strap across the chest, from one shoulder to the other hip."""
    of = tailor.suit
    side = float(rng.choice([-1.0, 1.0]))
    line = of.position[:, 0] * side - 0.07 - (of.position[:, 1] - 0.53) * 0.42
    field = np.minimum(between(rng, 0.012, 0.03) - 0.92 * np.abs(line), -0.004 - of.arm)
    field = np.minimum(field, of.position[:, 1] - 0.06)
    return Garment("sash", _flat(tailor, field, 0.004), (fabrics.WOVEN, fabrics.LEATHER))


def watch(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of = tailor.suit
    side = 1.0 if rng.uniform() < 0.7 else -1.0
    middle = suit.ARM_M - 0.028
    field = between(rng, 0.008, 0.016) - np.abs(of.arm - middle)
    field = np.where(of.position[:, 0] * side > 0, field, -1.0)
    return Garment("watch", _flat(tailor, field, 0.002), (fabrics.LEATHER,), ())


def apron(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of = tailor.gown
    x, y, z = np.abs(of.position[:, 0]), of.position[:, 1], of.position[:, 2]
    half = 0.1 + 0.1 * cuts.ramp(0.3, 0.2, y)
    top, low = between(rng, 0.38, 0.48), between(rng, -0.4, -0.2)
    sheet = np.minimum(np.minimum(half - x, np.minimum(top - y, y - low)), z - 0.01)
    band = 0.016 - np.abs(y - 0.19)
    field = np.minimum(np.maximum(sheet, band), -0.004 - of.arm)
    hang = np.clip(suit.HIPS_Y - y, 0, None)
    pattern = cuts.pattern_of(of, field, 0.004 + 0 * y, 0.004 + 0.5 * hang, THIN)
    return Garment("apron", pattern, (fabrics.WOVEN, fabrics.PLAIN, fabrics.DENIM))


def gloves(model: BodyModel, posed: Posed, material: Material, instance: int) -> Mesh:
    """Gloves on both hands; `hands` says which skin they hide."""
    patch = model.patches["body"]
    hidden = hands(model)
    kept = hidden[patch.vertex_ids[patch.triangles]].any(axis=1)
    rows, corners = np.unique(patch.triangles[kept], return_inverse=True)
    ids = patch.vertex_ids[rows]
    triangles = corners.reshape(-1, 3).astype(np.int32)
    vertices = np.ascontiguousarray(posed.vertices[:, ids])
    welded = np.unique(ids, return_inverse=True)[1].astype(np.int32)
    flat = np.zeros((len(vertices), welded.max() + 1, 3), np.float32)
    flat[:, welded] = vertices
    normals = sheets.vertex_normals(flat, welded[triangles])
    return Mesh(
        vertices + np.float32(_GLOVE_M) * normals[:, welded],
        triangles,
        patch.uv[rows] * np.float32(2.0),
        material,
        instance,
        model.template[ids],
        patch.part[kept],
        normal_ids=ids,
    )


def hands(model: BodyModel) -> np.ndarray:
    """[V] bool the hands' skin."""
    patch = model.patches["body"]
    on_hand = np.isin(patch.part, [parts.INDEX["left_hand"], parts.INDEX["right_hand"]])
    found = np.zeros(len(model.rest), bool)
    found[patch.vertex_ids[patch.triangles[on_hand]]] = True
    return found

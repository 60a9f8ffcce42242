"""Beards and moustaches: layers of strands off the face, and the hull that stands for them."""

import functools

import numpy as np

from thfm_jax.data.synthetic.bodies.body import BodyModel, Posed
from thfm_jax.data.synthetic.bodies.phenotype import Phenotype
from thfm_jax.data.synthetic.looks import sheets, strands, suit
from thfm_jax.data.synthetic.scene import Mesh

KINDS: tuple[str, ...] = ("beard", "goatee", "moustache")
_LAYERS = 5


def sample(rng: np.random.Generator, person: Phenotype) -> tuple[str, float] | None:
    """(kind, length in metres), or None for none."""
    if person.gender < 0.5 or person.age_years < 18 or rng.uniform() > 0.4:
        return None
    kind = str(rng.choice(KINDS, p=[0.6, 0.2, 0.2]))
    longest = 0.05 if rng.uniform() < 0.15 else 0.014
    return kind, float(rng.uniform(0.004, longest if kind == "beard" else 0.012))


def grow(
    rng: np.random.Generator,
    model: BodyModel,
    posed: Posed,
    kind: str,
    length_m: float,
    colour: np.ndarray,
    instance: int,
) -> list[Mesh]:
    """The strands and, of a beard that is long enough to change the face's outline, the hull."""
    place, density, uv = _place(model, kind)
    vertices = sheets.frames(place, posed.vertices)
    normals = sheets.vertex_normals(vertices, place.triangles)
    turn = posed.bones[:, model.bone["head"], :, :3].astype(np.float32)
    down = (turn @ np.array([0, -0.6 * length_m, 0.1 * length_m], np.float32))[:, None]
    depth = np.linspace(0.08, 1, _LAYERS, dtype=np.float32)
    reach = (length_m * np.clip(density * 1.5, 0.1, 1))[:, None]
    surfaces = [vertices + d * reach * normals + d * d * density[:, None] * down for d in depth]
    thin = np.clip(1.1 - 2.0 * density, 0, 1.1)
    cutoffs = [255 * np.clip(0.12 + 0.7 * d**1.4 + thin, 0, 1.02) for d in depth]
    look = strands.material(rng, colour, str(rng.choice(["straight", "wavy", "curly"])), 0.3)
    template = place(model.template)
    meshes = [
        strands.layers(
            surfaces,
            cutoffs,
            0.5 + 0.5 * depth,
            place.triangles,
            uv,
            look,
            template,
            "face",
            instance,
        )
    ]
    if length_m > 0.006:
        solid = place.triangles[(density > 0.4)[place.triangles].all(axis=1)]
        middle = surfaces[_LAYERS // 2].astype(np.float32)
        meshes.append(strands.hull(middle, solid, uv, template, "face", instance))
    return meshes


@functools.lru_cache(maxsize=8)
def _place(model: BodyModel, kind: str) -> tuple[sheets.Sheet, np.ndarray, np.ndarray]:
    """Where it grows, on top of the model's vertices; how dense [V]; coordinates [V, 2]."""
    patch = model.patches["body"]
    whole = sheets.whole(patch.vertex_ids[patch.triangles], len(model.rest))
    mask = model.regions[kind]
    near = sheets.part(whole, (mask[whole.triangles] > 0).any(axis=1))
    place = sheets.cut(near.triangles, near(mask) - 0.15).on(near)
    density = np.clip((place(mask) - 0.15) / 0.6, 0, 1)
    position = place(suit.base_positions(model))
    around = np.arctan2(position[:, 0], position[:, 2] - 0.05) * 0.09
    uv = np.stack([around, -position[:, 1]], axis=-1) / strands.TILE_M
    return place, density.astype(np.float32), uv.astype(np.float32)

"""Tattoos: figures on the skin of arms, chest and legs."""

import functools

import numpy as np

from thfm_jax.data.synthetic.bodies.body import BodyModel, Posed
from thfm_jax.data.synthetic.looks import marks, sheets, suit
from thfm_jax.data.synthetic.places import noise
from thfm_jax.data.synthetic.scene import Material, Mesh

_OFF_SKIN_M = 0.0004
_SIZE = 128
# (middle on the base mesh of the left side, radius in metres) of the places that are tattooed.
_PLACES = (
    ((0.27, 0.41, 0.07), 0.06),
    ((0.38, 0.30, 0.13), 0.05),
    ((0.05, 0.46, 0.11), 0.05),
    ((0.2, -0.5, 0.06), 0.06),
)


def draw(rng: np.random.Generator, model: BodyModel, posed: Posed, instance: int) -> list[Mesh]:
    """One or two tattoos on either side of the body."""
    return [
        _tattoo(rng, model, posed, int(rng.integers(len(_PLACES))), bool(rng.integers(2)), instance)
        for _ in range(int(rng.integers(1, 3)))
    ]


def _tattoo(
    rng: np.random.Generator, model: BodyModel, posed: Posed, place: int, right: bool, instance: int
) -> Mesh:
    patch, uv = _patch(model, place, right)
    vertices = sheets.frames(patch, posed.vertices)
    normals = sheets.vertex_normals(vertices, patch.triangles)
    colour = np.array([0.02, 0.035, 0.045], np.float32) * np.float32(rng.uniform(0.6, 1.5))
    return Mesh(
        vertices + np.float32(_OFF_SKIN_M) * normals,
        patch.triangles,
        uv,
        Material(colour.reshape(1, 1, 3), opacity=_figure(rng), roughness=0.5, wrap=0.3),
        instance,
        patch(model.template),
        model.patches["body"].part[patch.faces],
        cutoff=np.full(len(uv), 128, np.float32),
        shades=False,
    )


@functools.lru_cache(maxsize=16)
def _patch(model: BodyModel, place: int, right: bool) -> tuple[sheets.Sheet, np.ndarray]:
    """The skin about a place, on top of the model's vertices, and its coordinates."""
    (x, y, z), radius = _PLACES[place]
    middle = np.array([-x if right else x, y, z])
    body = model.patches["body"]
    whole = sheets.whole(body.vertex_ids[body.triangles], len(model.rest))
    position = suit.base_positions(model)
    field = radius - np.linalg.norm(position - middle, axis=1)
    near = sheets.part(whole, (field[whole.triangles] > -radius).all(axis=1))
    piece = sheets.cut(near.triangles, near(field)).on(near)
    offset = piece(position) - middle
    uv = np.stack([offset[:, 0] + offset[:, 2], -offset[:, 1]], axis=-1) / (2.4 * radius) + 0.5
    return piece, uv.astype(np.float32)


def _figure(rng: np.random.Generator) -> np.ndarray:
    """[R, R] uint8: 255 where there is ink."""
    line = (np.arange(_SIZE) + 0.5) / _SIZE - 0.5
    x, y = np.meshgrid(line, line)
    far, turn = np.hypot(x, y), np.arctan2(y, x)
    form = rng.integers(3)
    if form == 0:
        waves = np.cos(int(rng.integers(3, 9)) * turn + rng.uniform(0, 6)) * rng.uniform(0.3, 0.9)
        ink = np.abs((far * rng.uniform(14, 30) + waves) % 2 - 1) < 0.4
    elif form == 1:
        field = noise.cloud(noise.pick(rng), 1.0, 5.0)[::2, ::2]
        ink = np.abs(field - 0.5) < 0.05
    else:
        glyphs = marks.GLYPHS[rng.integers(len(marks.GLYPHS), size=4)]
        word = np.concatenate([np.pad(glyph, ((5, 5), (1, 0))) for glyph in glyphs], axis=1)
        rows = np.arange(_SIZE) * word.shape[0] // _SIZE
        columns = np.arange(_SIZE) * word.shape[1] // _SIZE
        ink = word[rows][:, columns] > 0
    return np.where(ink & (far < 0.42), 255, 0).astype(np.uint8)

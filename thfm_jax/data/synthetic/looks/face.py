"""Eyes, teeth, tongue, lashes and brows."""

import dataclasses
import functools

import numpy as np
from scipy.spatial import cKDTree

from thfm_jax.data.synthetic import parts
from thfm_jax.data.synthetic.bodies.body import BodyModel, Posed
from thfm_jax.data.synthetic.looks import colours, sheets, strands, suit
from thfm_jax.data.synthetic.places import noise
from thfm_jax.data.synthetic.scene import Material, Mesh

_SIZE = 128
_IRISES = (
    *((70, 42, 26), (96, 62, 36), (128, 98, 54), (92, 104, 66), (86, 122, 148)),
    *((110, 120, 126), (48, 30, 22)),
)
_BROW_M = 0.0012
# (x, y) on the base mesh of the middle of a brow.
_BROW = ((0.010, 0.7415), (0.022, 0.7465), (0.033, 0.7495), (0.043, 0.7475), (0.054, 0.741))


def eyes(
    rng: np.random.Generator,
    model: BodyModel,
    posed: Posed,
    melanin: float,
    instance: int,
    big: bool = False,
) -> tuple[list[Mesh], np.ndarray]:
    """Both eyeballs, and the sRGB colour of their irises; `big` irises for cartoons."""
    brown = rng.uniform() < 0.35 + melanin
    colour = np.array(_IRISES[int(rng.choice([0, 1, 6])) if brown else int(rng.integers(1, 6))])
    colour = np.clip(colour * rng.uniform(0.7, 1.3), 5, 250)
    material = Material(
        albedo=_iris(rng, colours.linear(colour), 0.3 if big else 0.155),
        specular=0.045,
        roughness=0.08,
    )
    balls = [_ball(model, posed, side, material, instance) for side in ("left_eye", "right_eye")]
    return balls, colour


def _ball(model: BodyModel, posed: Posed, side: str, material: Material, instance: int) -> Mesh:
    """An eyeball, rounder than the body model's."""
    fine = _fine_ball(model, side)
    points = sheets.frames(fine, posed.vertices)
    middle = points.mean(axis=1, keepdims=True)
    away = points - middle
    far = np.linalg.norm(away, axis=-1, keepdims=True)
    return Mesh(
        middle + away * (far.max() / far),
        fine.triangles,
        _polar(fine(model.rest)),
        material,
        instance,
        fine(model.template),
        np.full(len(fine.triangles), parts.INDEX["face"], np.uint8),
    )


@functools.lru_cache(maxsize=4)
def _fine_ball(model: BodyModel, side: str) -> sheets.Sheet:
    patch = model.patches[side]
    whole = sheets.whole(patch.vertex_ids[patch.triangles], len(model.rest))
    coarse = sheets.part(whole, np.ones(len(whole.triangles), bool))
    return sheets.refine(coarse.triangles, coarse.weights.shape[0]).on(coarse)


def _polar(points: np.ndarray) -> np.ndarray:
    """[P, 2] float32 uv: the pole that looks forward at (0.5, 0.5), one turn from pole to pole."""
    direction = points - (points.min(axis=0) + points.max(axis=0)) / 2
    side = np.hypot(direction[:, 0], direction[:, 1]) + 1e-9
    angle = np.arctan2(side, direction[:, 2]) / (2 * np.pi)
    return (0.5 + direction[:, :2] * (angle / side)[:, None] * (1, -1)).astype(np.float32)


def _iris(rng: np.random.Generator, colour: np.ndarray, radius: float) -> np.ndarray:
    """[R, R, 3] float32 linear RGB of an eyeball in polar coordinates; the iris ends at `radius`
    / 2 turns."""
    line = (np.arange(_SIZE) + 0.5) / _SIZE - 0.5
    x, y = np.meshgrid(line, line)
    far, turn = 2 * np.hypot(x, y), np.arctan2(y, x)
    rays = sum(
        np.cos(turn * int(k) + rng.uniform(0, 6)) * rng.uniform(0.3, 1)
        for k in rng.integers(9, 60, 10)
    )
    shade = 1 + 0.12 * rays + 0.5 * (far / radius - 0.6)
    iris = colour * np.clip(shade, 0.4, 1.8)[..., None]
    veins = noise.cloud(noise.pick(rng), 1.0, 4.0)[::2, ::2]
    white = colours.linear((232, 226, 220)) * (1 - 0.1 * far[..., None])
    red = np.exp(-(((veins - 0.5) / 0.015) ** 2)) * np.clip(far - 0.15, 0, 0.3)
    white = white * (1 - red[..., None] * (0.3, 1.2, 1.2))
    inside = np.clip((radius - far) / 0.015, 0, 1)[..., None]
    limbus = np.exp(-(((far - radius) / 0.02) ** 2))[..., None]
    albedo = white * (1 - inside) + iris * inside
    albedo *= 1 - 0.75 * limbus
    pupil = np.clip((radius * rng.uniform(0.3, 0.48) - far) / 0.012, 0, 1)[..., None]
    return np.clip(albedo * (1 - pupil) + 0.004 * pupil, 0, 1).astype(np.float32)


def mouth(rng: np.random.Generator, model: BodyModel, posed: Posed, instance: int) -> list[Mesh]:
    """Teeth and tongue."""
    tooth = _plain(colours.linear(np.array((206, 196, 178)) * rng.uniform(0.85, 1.1)), 0.05, 0.25)
    tongue = _plain(colours.linear((150, 66, 66)), 0.04, 0.4)
    names = {"upper_teeth": tooth, "lower_teeth": tooth, "tongue": tongue}
    return [_patch(model, posed, name, look, instance, "face") for name, look in names.items()]


def lashes(model: BodyModel, posed: Posed, long: bool, instance: int) -> Mesh:
    """Eyelashes, thinning out towards their tips."""
    material = Material(
        albedo=np.full((1, 1, 3), 0.008, np.float32),
        opacity=_bars(),
    )
    away = _lash_lengths(model)
    ids = model.patches["lashes"].vertex_ids
    cutoff = (110 + (150 if long else 230) * away + 60 * _is_lower(model)).astype(np.float32)
    mesh = _patch(model, posed, "lashes", material, instance, "face", cutoff, "seen")
    angle = model.rest[ids, 0] * 40
    return _with_uv(mesh, np.stack([0 * angle, angle], axis=-1).astype(np.float32))


@functools.lru_cache(maxsize=2)
def _lash_lengths(model: BodyModel) -> np.ndarray:
    """[P] float32, 0 at the lids and 1 at the longest lash's tip."""
    ids, body = model.patches["lashes"].vertex_ids, model.patches["body"].vertex_ids
    away = cKDTree(model.rest[body]).query(model.rest[ids])[0]
    return (away / away.max()).astype(np.float32)


def _is_lower(model: BodyModel) -> np.ndarray:
    """[P] bool, lashes of the lower lids."""
    height = suit.base_positions(model)[model.patches["lashes"].vertex_ids, 1]
    return height < 0.728


@functools.lru_cache(maxsize=1)
def _bars() -> np.ndarray:
    """[R, R] uint8: lines along u of unequal strength."""
    rng = np.random.default_rng(92)
    rows = rng.integers(40, 255, 64).astype(np.uint8)
    return np.repeat(np.repeat(rows[:, None], 1, axis=0), 64, axis=1)


def brows(
    rng: np.random.Generator,
    model: BodyModel,
    posed: Posed,
    colour: np.ndarray,
    gender: float,
    instance: int,
) -> Mesh:
    """Both eyebrows: a strip of skin with hairs on it, a little in front of the face."""
    strip, fade, uv = _brow_strip(model, int(rng.integers(6)), gender > 0.5)
    patch = model.patches["body"]
    vertices = sheets.frames(strip, posed.vertices)
    normals = sheets.vertex_normals(vertices, strip.triangles)
    return Mesh(
        vertices + np.float32(_BROW_M) * normals,
        strip.triangles,
        uv,
        strands.material(rng, colour, "straight", 0.2),
        instance,
        strip(model.template),
        patch.part[strip.faces],
        cutoff=(255 * (1.05 - fade * rng.uniform(0.75, 1.0))).astype(np.float32),
        passes="seen",
        shades=False,
    )


@functools.lru_cache(maxsize=32)
def _brow_strip(
    model: BodyModel, form: int, thick: bool
) -> tuple[sheets.Sheet, np.ndarray, np.ndarray]:
    """The strip on top of the model's vertices, how dense hair is on it, and its coordinates."""
    rng = np.random.default_rng((form, 93))
    position = suit.base_positions(model)
    x, y, z = np.abs(position[:, 0]), position[:, 1], position[:, 2]
    along = (x - 0.012) / 0.04
    arch = np.interp(x, *np.array(_BROW).T) + rng.uniform(-1, 1) * 1.5e-3
    arch = arch - 0.006 * np.clip(along - 0.7, 0, 1) * rng.uniform(-0.5, 1)
    half = (0.0050 if thick else 0.0036) * (1.1 - 0.65 * np.clip(along, 0, 1))
    density = 1 - np.maximum(np.abs(y - arch) / half, np.abs(along - 0.5) / 0.55)
    field = np.where((z > 0.1) & (y > 0.72), density, -1)
    patch = model.patches["body"]
    triangles = patch.vertex_ids[patch.triangles]
    near = np.flatnonzero((field[triangles] > -0.9).all(axis=1))
    coarse = sheets.Sheet(
        sheets.whole(triangles, len(position)).weights, triangles[near], near.astype(np.int32)
    )
    piece = sheets.part(coarse, np.ones(len(near), bool))
    fine = sheets.refine(piece.triangles, piece.weights.shape[0]).on(piece)
    strip = sheets.cut(fine.triangles, fine(np.maximum(field, -1))).on(fine)
    fade = np.clip(strip(np.clip(field, 0, 1)) * 2.5, 0, 1)
    u, v = strip(along.astype(np.float32)), strip((y - arch).astype(np.float32))
    # Hairs lie along the brow and turn up at its inner end.
    across = v * 28 - 0.25 * np.clip(0.5 - u, 0, 1)
    slant = np.stack([across, u * 0.35 + 12 * v * np.clip(0.4 - u, 0, 1)], axis=-1)
    return strip, fade, slant.astype(np.float32)


def _plain(colour: np.ndarray, specular: float, roughness: float) -> Material:
    return Material(
        albedo=colour.reshape(1, 1, 3), specular=specular, roughness=roughness, wrap=0.3
    )


def _patch(
    model: BodyModel,
    posed: Posed,
    name: str,
    material: Material,
    instance: int,
    part: str,
    cutoff: np.ndarray | None = None,
    passes="both",
) -> Mesh:
    """A whole patch of the body model as a mesh."""
    patch = model.patches[name]
    return Mesh(
        np.ascontiguousarray(posed.vertices[:, patch.vertex_ids]),
        patch.triangles,
        patch.uv,
        material,
        instance,
        model.template[patch.vertex_ids],
        np.full(len(patch.triangles), parts.INDEX[part], np.uint8),
        cutoff=cutoff,
        passes=passes,
        normal_ids=patch.vertex_ids,
    )


def _with_uv(mesh: Mesh, uv: np.ndarray) -> Mesh:
    return dataclasses.replace(mesh, uv=uv)

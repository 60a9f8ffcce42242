"""Skin: its colour, from melanin and blood, where it is redder or darker, and its fine relief."""

import dataclasses
import functools

import numpy as np
from scipy import ndimage

from thfm_jax.data.synthetic.bodies.body import BodyModel, Posed
from thfm_jax.data.synthetic.bodies.phenotype import Phenotype
from thfm_jax.data.synthetic.looks import colours, suit
from thfm_jax.data.synthetic.places import noise
from thfm_jax.data.synthetic.scene import Material, Mesh

# sRGB of skin from least to most melanin.
_MELANIN = (
    (246, 214, 198),
    (236, 196, 168),
    (214, 162, 126),
    (176, 120, 86),
    (118, 76, 54),
    (78, 50, 38),
    (50, 34, 29),
)
# Mean melanin, 0 to 1, of the phenotype's ancestries: African, Asian, Caucasian.
_ANCESTRAL = (0.74, 0.34, 0.16)
# What is left of red, green and blue where there is one unit more of blood.
_BLOOD = np.array([0.94, 0.66, 0.72])
_UNNATURAL = (
    (96, 180, 90),
    (90, 130, 210),
    (170, 110, 200),
    (210, 90, 80),
    (230, 200, 90),
    (120, 210, 210),
    (200, 200, 205),
)
_REPEAT = 7.0  # tiles of relief over MakeHuman's texture: one is about 0.25 m


@dataclasses.dataclass(frozen=True)
class Skin:
    """A person's skin.

    Attributes:
      melanin: 0 to 1.
      blood: -1 to 1, pale to ruddy.
      colour: [3] float32 linear RGB of its plain parts.
      freckles: 0 to 1, how many.
      stubble: 0 to 1, how dark the shaven beard is.
      make_up: 0 to 1.
      lips, nails: [3] float32 colour there, or None for bare.
    """

    melanin: float
    blood: float
    colour: np.ndarray
    freckles: float = 0.0
    stubble: float = 0.0
    make_up: float = 0.0
    lips: np.ndarray | None = None
    nails: np.ndarray | None = None


def sample(rng: np.random.Generator, person: Phenotype) -> Skin:
    """Skin that suits ancestry, age and sex."""
    mean = float(np.dot(_ANCESTRAL, person.ancestry))
    melanin = float(np.clip(rng.normal(mean, 0.13), 0, 1))
    blood = float(np.clip(rng.normal(0, 0.45), -1, 1))
    adult = person.age_years > 15
    made_up = adult and person.gender < 0.5 and rng.uniform() < 0.4
    lips = colours.linear((rng.uniform(120, 200), rng.uniform(20, 90), rng.uniform(40, 90)))
    return Skin(
        melanin,
        blood,
        _colour(melanin, blood, float(rng.uniform(0, 1))),
        freckles=float(rng.uniform(0.3, 1)) if melanin < 0.35 and rng.uniform() < 0.25 else 0.0,
        stubble=float(rng.uniform(0, 1)) if adult and person.gender > 0.6 else 0.0,
        make_up=float(rng.uniform(0.3, 1)) if made_up else 0.0,
        lips=lips if made_up and rng.uniform() < 0.7 else None,
        nails=colours.wild(rng) if made_up and rng.uniform() < 0.5 else None,
    )


def cartoon(rng: np.random.Generator, person: Phenotype) -> Skin:
    """Even skin of a plain colour, at times one that people do not have."""
    if rng.uniform() < 0.5:
        plain = sample(rng, person)
        return Skin(plain.melanin, 0.0, plain.colour)
    colour = colours.linear(_UNNATURAL[rng.integers(len(_UNNATURAL))])
    return Skin(0.3, 0.0, colour, lips=colour * np.float32(0.6))


def _colour(melanin: float, blood: float, yellow: float) -> np.ndarray:
    anchors = colours.linear(_MELANIN)
    at = np.linspace(0, 1, len(anchors))
    colour = np.array([np.interp(melanin, at, anchors[:, c]) for c in range(3)])
    tone = np.array([1.0, 0.97, 0.84]) ** (yellow - 0.5)
    return (colour * _BLOOD ** (0.5 * blood) * tone).astype(np.float32)


def mesh(
    rng: np.random.Generator,
    model: BodyModel,
    posed: Posed,
    bare: np.ndarray,
    look: Skin,
    age_years: float,
    instance: int,
    flat: bool = False,
) -> Mesh:
    """The body's surface where some of a triangle's vertices are `bare` [V] bool."""
    patch = model.patches["body"]
    kept = bare[patch.vertex_ids[patch.triangles]].any(axis=1)
    rows, corners = np.unique(patch.triangles[kept], return_inverse=True)
    ids = patch.vertex_ids[rows]
    variant = noise.pick(rng)
    tone = np.ones((1, 1, 3), np.float32) if flat else _mottling(variant, look.freckles > 0)
    material = Material(
        albedo=np.minimum(look.colour * tone, 1),
        repeat=(_REPEAT, _REPEAT),
        height=None if flat else _relief(variant) * np.float32(0.6 + age_years / 60),
        specular=0.03 if flat else float(rng.uniform(0.025, 0.05)),
        roughness=float(rng.uniform(0.38, 0.6)),
        wrap=0.45,
    )
    tint = np.ones((len(ids), 3), np.float32) if flat else _tint(rng, model, look)[ids]
    if flat and look.lips is not None:
        tint = 1 - 0.4 * model.regions["lips"][ids, None] * np.ones(3, np.float32)
    inside = model.regions["inside_mouth"][ids, None]
    tint = tint * (1 - inside) + inside * np.array([0.35, 0.08, 0.08], np.float32)
    return Mesh(
        np.ascontiguousarray(posed.vertices[:, ids]),
        corners.reshape(-1, 3).astype(np.int32),
        patch.uv[rows],
        material,
        instance,
        model.template[ids],
        patch.part[kept],
        tint=tint,
        normal_ids=ids,
    )


def _tint(rng: np.random.Generator, model: BodyModel, look: Skin) -> np.ndarray:
    """[V, 3] factors of the skin's colour."""
    regions, places = model.regions, _places(model)
    fair = 1 - look.melanin
    redness = 0.9 * places["blush"] * (0.5 + 0.5 * look.blood + look.make_up)
    redness = redness + 0.6 * regions["ears"] + 0.35 * places["ends"]
    redness = redness + rng.uniform(-0.25, 0.25, 3) @ places["clouds"]
    tint = _BLOOD ** (fair * redness)[:, None]
    lips = regions["lips"][:, None]
    lip = (
        look.lips / look.colour
        if look.lips is not None
        else (0.85, 0.45 + 0.3 * look.melanin, 0.5 + 0.25 * look.melanin)
    )
    tint = tint * (1 - lips) + lips * np.minimum(lip, 3)
    nails = np.maximum(regions["fingernails"], regions["toenails"])[:, None]
    nail = look.nails / look.colour if look.nails is not None else (1.1, 1.0, 1.0)
    tint = tint * (1 - nails) + nails * np.minimum(nail, 4)
    tint *= 1 - regions["areolae"][:, None] * (0.15, 0.4, 0.4)
    tint *= 1 - places["beard"][:, None] * look.stubble * np.array([0.5, 0.42, 0.34]) * 0.8
    tint *= 1 - regions["eyelids"][:, None] * (0.08 + 0.4 * look.make_up) * rng.uniform(0, 1, 3)
    tint *= 1 + places["palms"][:, None] * look.melanin * np.array([0.9, 0.9, 0.8])
    tint *= 1 - places["folds"][:, None] * np.array([0.12, 0.2, 0.2])
    return tint.astype(np.float32)


@functools.lru_cache(maxsize=2)
def _places(model: BodyModel) -> dict[str, np.ndarray]:
    """Soft masks [V] from positions on the template: where skin differs."""
    position, regions = suit.base_positions(model), model.regions
    x, y, z = np.abs(position[:, 0]), position[:, 1], position[:, 2]

    def near(px: float, py: float, pz: float, size: float) -> np.ndarray:
        return np.exp(-((x - px) ** 2 + (y - py) ** 2 + (z - pz) ** 2) / size**2)

    palms = np.maximum(regions["palms"], regions["soles"])
    ends = np.clip((x - 0.42) / 0.03, 0, 1) + np.clip((-0.76 - y) / 0.03, 0, 1)
    phase = position @ np.array([[31.0, 17, 9], [13, -29, 21], [-23, 11, 37]]).T
    return {
        "blush": np.maximum(regions["cheeks"], 0.7 * regions["nose"]),
        "ends": ends * (1 - palms) * 0.7,
        "palms": palms,
        "beard": regions["beard"],
        "folds": near(0.031, 0.722, 0.14, 0.012) + near(0, 0.665, 0.15, 0.006),
        "clouds": np.sin(phase).T,
    }


@functools.lru_cache(maxsize=noise.BANK * 2)
def _mottling(variant: int, freckled: bool) -> np.ndarray:
    """[R, R, 3] float32 factors of the colour about 1."""
    coarse, fine = noise.cloud(variant, 1.2, 2.0) - 0.5, noise.cloud(variant + 1, 0.3, 12.0) - 0.5
    amount = 0.35 * coarse + 0.25 * fine
    if freckled:
        spots = noise.cloud(variant + 2, 0.8, 18.0)
        amount = amount + 2.2 * np.clip(spots - 0.8, 0, 0.15)
    rng = np.random.default_rng((variant, 91))
    moles = np.zeros((noise.SIZE, noise.SIZE))
    moles[rng.integers(0, noise.SIZE, 3), rng.integers(0, noise.SIZE, 3)] = 1
    moles = ndimage.gaussian_filter(moles, 1.2, mode="wrap")
    amount = amount[..., None] * (0.35, 0.7, 0.8) + (moles / moles.max())[..., None] * 0.7
    return np.exp(-amount).astype(np.float32)


@functools.lru_cache(maxsize=noise.BANK)
def _relief(variant: int) -> np.ndarray:
    """[R, R] float32 metres: pores and fine lines."""
    pores = noise.cloud(variant, 0.4, 24.0) - 0.5
    lines = np.abs(noise.cloud(variant + 3, 1.0, 6.0) - 0.5)
    return (6e-5 * pores - 7e-5 * np.exp(-((lines / 0.03) ** 2))).astype(np.float32)

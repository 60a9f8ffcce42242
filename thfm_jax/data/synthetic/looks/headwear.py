"""Hats, caps, helmets, headscarves: what is worn over hair.

All of it is made on the person at rest, from points of the skull by their direction (`scalp`), so
that it fits every head, and is carried by the head.
"""

import dataclasses

import numpy as np

from thfm_jax.data.synthetic import parts
from thfm_jax.data.synthetic.looks import cloth, fabrics, gear, scalp, sheets
from thfm_jax.data.synthetic.looks.fitting import (
    SIDES,
    Fit,
    bowl,
    hat_line,
    look_of,
    plain,
    rounded,
)
from thfm_jax.data.synthetic.looks.heads import Head
from thfm_jax.data.synthetic.scene import Material, Mesh

HIDE_HAIR: tuple[str, ...] = ("headscarf",)
_SCARF = cloth.Fabric(push=0.4, bend=0.4, crease=0.02)


def make(
    rng: np.random.Generator, kind: str, head: Head, hair_m: float, flat: bool = False
) -> list[Mesh]:
    """What a head with `hair_m` metres of hair wears; `kind` is one of `KINDS`."""
    return _MAKERS[kind](rng, Fit(head, hair_m, flat))


def _beanie(rng: np.random.Generator, fit: Fit) -> list[Mesh]:
    lift = 0.006 + min(fit.hair_m, 0.02)
    slouch = float(rng.uniform(0.0, 0.03))
    rows = np.linspace(1, 0, 12)
    surface = bowl(fit, hat_line(1.28, 1.72, 1.9), lift + slouch * rows**2, 12)
    look = look_of(rng, fabrics.KNIT, fit)
    edge = surface[-1] - surface[-2]
    out = surface[-1] - surface[-1].mean(axis=0)
    out = out / np.linalg.norm(out, axis=-1, keepdims=True)
    brim = np.stack(
        [
            surface[-1] + out * b - edge * a
            for a, b in ((0.0, 0.0), (0.05, 0.006), (1.0, 0.008), (2.2, 0.007), (2.3, 0.002))
        ]
    )
    return [fit.mesh(surface, look, "scalp"), fit.mesh(brim[::-1], look, "scalp")]


def _cap(rng: np.random.Generator, fit: Fit) -> list[Mesh]:
    backwards = rng.uniform() < 0.1
    lift = np.full(10, 0.008 + min(fit.hair_m, 0.015))
    lift[:4] += 0.012
    surface = bowl(fit, hat_line(1.3, 1.5, 1.72), lift)
    look = look_of(rng, fabrics.WOVEN, fit)
    azimuth = np.linspace(-0.95, 0.95, 17) + (np.pi if backwards else 0.0)
    share = (azimuth % (2 * np.pi)) / (2 * np.pi) * SIDES
    low = share.astype(int) % SIDES
    base = surface[-1][low] + (share - low)[:, None] * (surface[-1][low + 1] - surface[-1][low])
    ahead = np.array([0, -0.28, -1.0 if backwards else 1.0])
    reach = float(rng.uniform(0.06, 0.08)) * np.cos(np.linspace(-0.47, 0.47, 17) * np.pi)[:, None]
    droop = np.array([0, -0.02, 0]) * np.linspace(-1, 1, 17)[:, None] ** 2
    outer = base + reach * ahead + droop * 0.6
    visor = np.stack(
        [
            base,
            (base + outer) / 2 + (0, 0.004, 0),
            outer,
            outer - (0, 0.003, 0),
            base - (0, 0.003, 0),
        ]
    )
    return [fit.mesh(surface, look, "scalp"), fit.mesh(visor, look, "face")]


def _brimmed(rng: np.random.Generator, fit: Fit) -> list[Mesh]:
    line = hat_line(1.28, 1.42, 1.55)
    edge = bowl(fit, line, np.full(3, 0.008 + min(fit.hair_m, 0.015)), 3)[-1]
    middle, height = edge.mean(axis=0), float(rng.uniform(0.09, 0.13))
    taper, wide = float(rng.uniform(0.7, 0.95)), float(rng.uniform(0.04, 0.12))
    curl = float(rng.uniform(-0.02, 0.03))
    rings = []
    for share, up in ((0.0, 0.9), (0.6, 1.0), (0.95, 0.97), (1.0, 0.8), (1.0, 0.4), (1.0, 0.02)):
        rings.append(
            middle
            + (edge - middle) * (share * (taper + (1 - taper) * (1 - up)))
            + (0, height * up, 0)
        )
    away = (edge - middle) / np.linalg.norm(edge - middle, axis=1, keepdims=True)
    bend = curl * np.abs(away[:, :1]) ** 2 * (0, 1, 0)
    rings += [edge + away * wide * s + bend * s + (0, 0.003, 0) for s in (0.1, 0.5, 1.0)]
    rings += [edge + away * wide * s + bend * s for s in (1.0, 0.3)]
    look = look_of(rng, fabrics.COAT if rng.uniform() < 0.6 else fabrics.PLAIN, fit)
    return [fit.mesh(np.stack(rings), look, "scalp")]


def _helmet(rng: np.random.Generator, fit: Fit) -> list[Mesh]:
    surface = bowl(fit, hat_line(1.22, 1.6, 1.85), np.full(12, 0.03), 12)
    inner = surface[-1] * 0.9 + surface[-1].mean(axis=0) * 0.1
    look = plain(rng, 0.3, 0.25)
    return [fit.mesh(np.concatenate([surface, inner[None]]), look, "scalp")]


def _headscarf(rng: np.random.Generator, fit: Fit) -> list[Mesh]:
    """A scarf about the head, neck and shoulders, open for the face."""
    around = np.linspace(0, 2 * np.pi, SIDES + 1)
    up = np.array([0, 0.925, 0.38])
    face = np.sin(around)[:, None] * (0.92, 0, 0) + np.cos(around)[:, None] * up
    # Rows run from the back of the head to the edge about the face, which is an oval.
    ahead = np.array([0, -0.38, 0.925])
    oval = np.where(np.cos(around) > 0, 0.84, 0.8)
    angle = np.linspace(np.pi - 0.02, 0, 13)[:-1]
    angle = np.concatenate([angle[angle > 1.1], [1.05]])[:, None] * np.ones(SIDES + 1)
    angle[-1] = oval
    angle[-2] = oval + 0.12
    towards = np.cos(angle)[..., None] * ahead + np.sin(angle)[..., None] * face
    low = 0.8 * np.pi
    polar = np.arccos(np.clip(towards[..., 1], -1, 1))
    side = np.arctan2(towards[..., 0], towards[..., 2])
    towards = scalp.directions(side, np.minimum(polar, low))
    lift = np.full(len(angle), 0.012)
    lift[-1] = 0.004
    hood = rounded(fit.points(towards), lift)
    look = look_of(rng, fabrics.SILK if rng.uniform() < 0.3 else fabrics.PLAIN, fit)
    return [fit.mesh(hood, look, "scalp"), _cape(rng, fit, look)]


def _cape(rng: np.random.Generator, fit: Fit, look: Material) -> Mesh:
    """The part of a headscarf that lies on neck, shoulders and chest."""
    azimuth = np.linspace(0, 2 * np.pi, SIDES + 1)
    top = fit.points(scalp.directions(azimuth, np.pi * (0.7 + 0.12 * np.cos(azimuth))), 0.014)
    neck = fit.head.shape.heads[fit.head.model.bone["neck01"]]
    out = np.stack([np.sin(azimuth), 0 * azimuth, np.cos(azimuth)], axis=-1)
    length = float(rng.uniform(0.1, 0.25))
    rows = [top, neck + (0, 0.045, 0.01) + out * (0.075, 0, 0.085)]
    for share in np.linspace(0.2, 1, 6):
        rows.append(
            neck
            + out * (0.09 + 0.13 * share, 0, 0.1 + 0.05 * share)
            + (0, 0.03 - share * length, 0.01)
        )
    rest = np.stack(rows).astype(np.float32)
    target = fit.head.carried(rest)
    spine = fit.head.posed.bones[:, fit.head.model.bone["spine01"]]
    low = np.einsum("trc,nc->tnr", spine[..., :3], rest.reshape(-1, 3)) + spine[:, None, :, 3]
    share = np.clip(np.arange(len(rest)) - 0.5, 0, 2).repeat(SIDES + 1)[:, None] / 2
    target = (target * (1 - share) + low * share).astype(np.float32)
    leash = np.array([0, 0.012, 0.03, *[0.06] * (len(rest) - 3)]).repeat(SIDES + 1)
    hold = fit.head.hold(target, leash, 0.02)
    triangles = sheets.grid(len(rest), SIDES + 1)
    moved = cloth.drape(rng, rest.reshape(-1, 3), triangles, hold, _SCARF, fit.head.fps)
    mesh = fit.mesh(rest, look, "neck")
    return dataclasses.replace(mesh, vertices=moved, part=_cape_parts(len(rest)))


def _cape_parts(rows: int) -> np.ndarray:
    per_row = [parts.INDEX["neck"]] * 2 + [parts.INDEX["torso"]] * (rows - 3)
    return np.array(per_row, np.uint8).repeat(2 * SIDES)


def _headband(rng: np.random.Generator, fit: Fit) -> list[Mesh]:
    line, wide = hat_line(1.1, 1.25, 1.6), float(rng.uniform(0.008, 0.02))
    edge = bowl(fit, line, np.full(4, 0.006 + min(fit.hair_m, 0.012)), 4)[-1]
    strip = np.stack([edge + (0, y, 0) for y in (wide, 0.3 * wide, -0.4 * wide, -wide)])
    return [fit.mesh(strip, look_of(rng, fabrics.SPORT, fit), "scalp")]


_MAKERS = {
    "beanie": _beanie,
    "cap": _cap,
    "brimmed hat": _brimmed,
    "helmet": _helmet,
    "headscarf": _headscarf,
    "headband": _headband,
    **gear.MAKERS,
}
KINDS: tuple[str, ...] = tuple(_MAKERS)

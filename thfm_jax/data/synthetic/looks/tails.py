"""What drawn-back hair ends in: ponytails, braids, buns."""

import dataclasses

import numpy as np

from thfm_jax.data.synthetic.looks import cloth, locks, scalp, sheets, strands
from thfm_jax.data.synthetic.looks.hairstyles import Style
from thfm_jax.data.synthetic.looks.heads import Head
from thfm_jax.data.synthetic.looks.locks import Coat, Lock
from thfm_jax.data.synthetic.scene import Material, Mesh

POLE = scalp.directions(np.array(np.pi), np.array(1.45))  # where hair is tied
_ROWS = 11
_OFF_BODY_M = 0.035
_HANG = cloth.Fabric(pull=0.9, push=0.6, bend=0.35, memory=0.015, damping=0.12, crease=0.02)


def grow(rng: np.random.Generator, head: Head, style: Style, look: Material) -> list[Mesh]:
    """The tails of a style; none if it has none."""
    if style.tails == "bun":
        return [_bun(rng, head, look)]
    if style.tails == "ponytail":
        lock = _tail(rng, head, POLE, style.fall_m, 0.03)
        return locks.grow(head, lock, Coat(0.01, 4), look)
    meshes: list[Mesh] = []
    for azimuth in (2.3, 2 * np.pi - 2.3) if style.tails == "braids" else ():
        pole = scalp.directions(np.array(azimuth), np.array(1.75))
        lock = _tail(rng, head, pole, float(rng.uniform(0.2, 0.4)), 0.017, braided=True)
        meshes += locks.grow(head, lock, Coat(0.006, 4), look)
    return meshes


def _tail(
    rng: np.random.Generator,
    head: Head,
    pole: np.ndarray,
    length_m: float,
    radius_m: float,
    braided: bool = False,
) -> Lock:
    """A bundle of hair that hangs from the head's surface towards `pole` [3], in motion."""
    share = np.linspace(0, 1, _ROWS)
    spine, out = _spine(head, pole, length_m, share)
    strip = np.stack([spine - out * 0.01, spine, spine + out * 0.01], axis=1).astype(np.float32)
    leash = np.clip(share - 0.08, 0, 1).repeat(3) * length_m
    hold = head.hold(head.carried(strip), leash, _OFF_BODY_M)
    flat = strip.reshape(-1, 3)
    moved = cloth.drape(rng, flat, sheets.grid(_ROWS, 3), hold, _HANG, head.fps)
    swell = np.sqrt(np.clip(1.25 - share, 0, 1)) * (0.45 + 0.55 * np.clip(share * 6, 0, 1))
    if braided:
        swell = swell * (0.8 + 0.25 * np.abs(np.sin(share * length_m / 0.03 * np.pi)))
    radius = (radius_m * swell).astype(np.float32)
    points = _tube(moved.reshape(-1, _ROWS, 3, 3)[:, :, 1], radius)
    shape = points.shape[1:]
    tips = np.broadcast_to(np.clip((share - 0.7) / 0.3, 0, 1)[:, None], shape[:2])
    rest = _tube(spine[None].astype(np.float32), radius)[0]
    template = np.broadcast_to(head.template(pole[None]), shape)
    return Lock(points, rest, template, np.ones(shape[:2]), tips, closed=True)


def _spine(
    head: Head, pole: np.ndarray, length_m: float, share: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """[R, 3] the middle of a tail at rest, and [3] the way out from the head."""
    start, opposite = head.points(np.stack([pole, -pole]))
    out = (start - opposite) * (1, 0, 1)
    out = out / np.linalg.norm(out)
    rise = 0.05 * np.sin(np.pi / 2 * np.clip(share * 2, 0, 1))
    down = np.array([0, -1.0, 0]) * (length_m * share**1.15)[:, None]
    return start + out * (rise - 0.008)[:, None] + down, out


def _tube(middle: np.ndarray, radius: np.ndarray, sides: int = 10) -> np.ndarray:
    """[T, R, sides + 1, 3] float32 a tube about lines [T, R, 3]."""
    way = np.gradient(middle, axis=1)
    way = way / (np.linalg.norm(way, axis=-1, keepdims=True) + 1e-9)
    first = np.cross(way, np.array([1.0, 0.0, 0.0]))
    first = first / (np.linalg.norm(first, axis=-1, keepdims=True) + 1e-9)
    second = np.cross(way, first)
    angle = np.linspace(0, 2 * np.pi, sides + 1)[:, None]
    ring = np.cos(angle) * first[:, :, None] + np.sin(angle) * second[:, :, None]
    return (middle[:, :, None] + radius[:, None, None] * ring).astype(np.float32)


def _bun(rng: np.random.Generator, head: Head, look: Material) -> Mesh:
    """A ball of wound hair on the back of the head, solid."""
    away = scalp.directions(np.array(np.pi), np.array(float(rng.choice([0.9, 1.3, 1.6]))))
    size = float(rng.uniform(0.028, 0.042))
    rows, sides = 9, 17
    across, around = np.linspace(0, np.pi, rows), np.linspace(0, 2 * np.pi, sides)
    side = np.array([1.0, 0, 0])
    ring = np.cos(around)[:, None] * side + np.sin(around)[:, None] * np.cross(away, side)
    ball = np.sin(across)[:, None, None] * ring + 0.75 * np.cos(across)[:, None, None] * away
    points = head.points(away) + away * size * 0.5 + size * ball
    uv = np.stack(np.broadcast_arrays(across[:, None] * 0.9, around[None] * 0.25), axis=-1)
    wound = strands.layers(
        [head.carried(points)],
        [np.zeros(rows * sides)],
        [0.9],
        sheets.grid(rows, sides),
        uv.reshape(-1, 2),
        look,
        np.broadcast_to(head.template(away[None]), (rows * sides, 3)),
        "scalp",
        head.instance,
    )
    return dataclasses.replace(wound, passes="both", shades=True)

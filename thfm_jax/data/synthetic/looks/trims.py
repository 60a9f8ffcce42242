"""Trims: collars, bands, hoods and lapels, made by drawing a profile along a garment's edges.

A profile is a row of points (a, b): a metres beyond the edge, in line with the cloth, and b metres
off it, outwards.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from thfm_jax.data.synthetic.looks import sheets, suit
from thfm_jax.data.synthetic.looks.tailor import Cloth

Profile = tuple[tuple[float, float], ...]

HEM: Profile = ((0.0, 0.0), (0.0005, -0.003), (-0.012, -0.004))
BAND: Profile = ((-0.016, 0.0025), (-0.008, 0.0045), (0.003, 0.004), (0.006, 0.0))
CUFF: Profile = ((-0.05, 0.0), (-0.046, 0.004), (-0.02, 0.006), (0.004, 0.0), (0.003, -0.006))
SHIRT: Profile = (
    *((-0.004, 0.001), (0.014, 0.003), (0.026, 0.006), (0.027, 0.011), (0.008, 0.016)),
    *((-0.012, 0.017), (-0.013, 0.014)),
)
ROLL: Profile = (
    *((-0.004, 0.001), (0.02, 0.004), (0.045, 0.004), (0.052, 0.008), (0.045, 0.013)),
    *((0.012, 0.014), (0.008, 0.009)),
)
STAND: Profile = ((-0.004, 0.001), (0.012, 0.003), (0.028, 0.004), (0.029, 0.0), (0.01, -0.001))
HOOD: Profile = (
    *((-0.01, 0.0), (0.012, 0.012), (0.03, 0.035), (0.016, 0.062), (-0.03, 0.066)),
    *((-0.07, 0.045), (-0.095, 0.016), (-0.09, 0.006)),
)
LAPEL: Profile = ((0.0, 0.0), (0.003, 0.007), (-0.018, 0.011), (-0.045, 0.009), (-0.046, 0.006))


@dataclasses.dataclass(frozen=True)
class Trim:
    """A profile, and where it is drawn.

    Attributes:
      profile: its points.
      place: "all", "neck", "collar" (neck, open in front), "back" of the neck, "cuffs", "hem" or
        "front" edges of an open garment.
      fabric: "own", or "plain" for a band of one colour.
      scale: of the profile.
    """

    profile: Profile
    place: str
    fabric: str = "own"
    scale: float = 1.0


def sew(cloth: Cloth, wanted: Sequence[Trim]) -> list[tuple[Trim, Cloth]]:
    """The trims of a garment; those that it has no edge for are left out."""
    _, first, welded = np.unique(cloth.normal_ids, return_index=True, return_inverse=True)
    triangles = welded[cloth.triangles].astype(np.int32)
    points = np.ascontiguousarray(cloth.vertices[:, first])
    normals = sheets.vertex_normals(points, triangles)
    part = np.zeros(len(first), np.uint8)
    part[triangles] = cloth.part[:, None]
    lines = [line for line in sheets.loops(triangles) if len(line) > 4]
    sewn = []
    for trim in wanted:
        amount = _amount(cloth, trim.place)[first]
        pieces = [
            _draw(cloth, points, normals, part, line, amount[line], first, trim)
            for line in lines
            if amount[line].max() > 0.02
        ]
        if pieces:
            sewn.append((trim, _joined(pieces)))
    return sewn


def _amount(cloth: Cloth, place: str) -> np.ndarray:
    """[V] 0 to 1, how much of the profile there is at each vertex."""
    x, y, z = np.abs(cloth.position[:, 0]), cloth.position[:, 1], cloth.position[:, 2]
    neck = (cloth.arm < 0) * _ramp(0.44, 0.47, y) * _ramp(0.14, 0.125, x)
    ahead = _ramp(0.0, 0.05, z)
    if place == "all":
        return np.ones(len(x))
    if place == "neck":
        return neck
    if place == "collar":
        return neck * (1 - ahead * _ramp(0.028, 0.012, x)) * (1 + 0.5 * ahead)
    if place == "back":
        return neck * (1 - _ramp(-0.02, 0.06, z)) * _ramp(0.48, 0.53, y)
    if place == "cuffs":
        return np.where(cloth.arm > 0.1, 1.0, 0.0)
    if place == "front":
        return (
            ahead
            * _ramp(0.1, 0.05, x)
            * _ramp(0.2, 0.32, y)
            * _ramp(0.56, 0.48, y)
            * (cloth.arm < 0)
        )
    return np.where((y < suit.BUST_Y - 0.1) & (cloth.arm < 0), 1.0, 0.0)


def _ramp(low: float, high: float, x: np.ndarray) -> np.ndarray:
    return np.clip((x - low) / (high - low), 0, 1)


def _draw(
    cloth: Cloth,
    points: np.ndarray,
    normals: np.ndarray,
    part: np.ndarray,
    line: np.ndarray,
    amount: np.ndarray,
    first: np.ndarray,
    trim: Trim,
) -> Cloth:
    """The profile along one closed line."""
    edge, out = points[:, line], normals[:, line]
    along = np.roll(edge, -1, axis=1) - np.roll(edge, 1, axis=1)
    beyond = _unit(_evened(np.cross(along, out)))
    out = _unit(_evened(out))
    size = (amount * trim.scale).astype(np.float32)[:, None]
    rings = [
        edge + _evened(size * (a * beyond + b * out), 4) / 4**4
        for a, b in np.array(trim.profile, np.float32)
    ]
    count, number = len(line), len(rings)
    step = np.linalg.norm(np.diff(edge[0], axis=0, append=edge[0, :1]), axis=1)
    length = np.concatenate([[0], step.cumsum()])
    closed = np.append(np.arange(count), 0)
    index = (np.arange(number)[:, None] * (count + 1) + np.arange(count + 1)).astype(np.int32)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    triangles = np.stack([a, c, d, a, d, b], axis=-1)
    kept = (amount[closed][:-1] > 0.02) | (amount[closed][1:] > 0.02)
    across = np.concatenate([[0], np.hypot(*np.diff(np.array(trim.profile), axis=0).T).cumsum()])
    uv = np.stack(np.broadcast_arrays(length[None], across[:, None]), axis=-1)
    rows = first[line][closed]
    ids = np.arange(number)[:, None] * count + closed
    return Cloth(
        np.concatenate([ring[:, closed] for ring in rings], axis=1),
        triangles[:, kept].reshape(-1, 3),
        uv.reshape(-1, 2).astype(np.float32),
        np.tile(cloth.template[rows], (number, 1)),
        np.tile(part[line][kept].repeat(2), number - 1),
        ids.reshape(-1).astype(np.int32),
        np.tile(cloth.position[rows], (number, 1)),
        np.tile(cloth.arm[rows], number),
        np.tile(cloth.on_suit[rows], number),
    )


def _evened(vectors: np.ndarray, times: int = 6) -> np.ndarray:
    """Vectors [T, L, 3] along a closed line, each time 4 times the mean with their neighbours."""
    for _ in range(times):
        vectors = np.roll(vectors, 1, axis=1) + 2 * vectors + np.roll(vectors, -1, axis=1)
    return vectors


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-12)


def _joined(pieces: list[Cloth]) -> Cloth:
    starts = np.cumsum([0, *(len(piece.uv) for piece in pieces)])[:-1]
    shifted = [piece.triangles + n for piece, n in zip(pieces, starts, strict=True)]
    ids = [piece.normal_ids + n for piece, n in zip(pieces, starts, strict=True)]
    return Cloth(
        np.concatenate([piece.vertices for piece in pieces], axis=1),
        np.concatenate(shifted).astype(np.int32),
        np.concatenate([piece.uv for piece in pieces]),
        np.concatenate([piece.template for piece in pieces]),
        np.concatenate([piece.part for piece in pieces]),
        np.concatenate(ids).astype(np.int32),
        np.concatenate([piece.position for piece in pieces]),
        np.concatenate([piece.arm for piece in pieces]),
        np.concatenate([piece.on_suit for piece in pieces]),
    )

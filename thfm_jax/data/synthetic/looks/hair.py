"""Hair of the head, over the scalp and down from it.

Strands are seen in the picture only; the hull, one smooth surface in their midst, is what depth and
normals show. Long hair hangs from the hairline as a sheet that swings and lies on the shoulders.
"""

import numpy as np

from thfm_jax.data.synthetic.bodies.body import BodyModel
from thfm_jax.data.synthetic.looks import cloth, locks, scalp, sheets, strands, suit, tails
from thfm_jax.data.synthetic.looks.hairstyles import Style
from thfm_jax.data.synthetic.looks.heads import Head
from thfm_jax.data.synthetic.looks.locks import Coat, Lock
from thfm_jax.data.synthetic.scene import Mesh

HANG = cloth.Fabric(pull=0.9, push=0.6, bend=0.35, memory=0.015, damping=0.12, crease=0.02)
_CROWN = scalp.directions(np.array(np.pi), np.array(0.55))
_STEP_M = 0.035  # between rows of hanging hair
_OFF_BODY_M = 0.022
_LEANS = {"middle": 0.0, "left": 0.32, "right": -0.32}  # radians of a parting to the side


def grow(rng: np.random.Generator, head: Head, style: Style, colour: np.ndarray) -> list[Mesh]:
    """The strands and the hull of one head of hair of a linear `colour` [3]."""
    look = strands.material(rng, colour, style.form, float(rng.uniform(0.3, 0.9)))
    meshes = locks.grow(head, _mane(rng, head, style), _coat(style), look)
    if style.fringe_m:
        meshes += locks.grow(head, _fringe(head, style), Coat(0.006, 4), look)
    return meshes + tails.grow(rng, head, style, look)


def _coat(style: Style) -> Coat:
    shorn = style.length_m < 0.01 and not style.fall_m and not style.tails
    return Coat(style.length_m, style.layers, style.sweep, 0.3 if shorn else 0.0)


def _mane(rng: np.random.Generator, head: Head, style: Style) -> Lock:
    """Hair over the scalp, and what hangs from it."""
    towards = _paths(head.model, style)
    rows, columns = towards.shape[:2]
    roots = scalp.sheet(head.model, towards)
    points = sheets.frames(roots, head.posed.vertices).reshape(-1, rows, columns, 3)
    rest = roots(head.shape.vertices).reshape(rows, columns, 3)
    template = roots(head.model.template).reshape(rows, columns, 3)
    density = roots(_density(head.model, style)).reshape(rows, columns)
    if style.parting != "crown":
        density = np.maximum(density, 0.35)
    closed = style.parting not in _LEANS
    lock = Lock(points, rest, template, density, np.zeros((rows, columns)), closed)
    if style.fall_m and not closed:
        return _lengthened(rng, head, lock, style.fall_m)
    return lock


def _paths(model: BodyModel, style: Style) -> np.ndarray:
    """[R, C, 3] unit directions from where hair runs from to the hairline."""
    if style.parting in _LEANS:
        azimuth = np.linspace(1.05, 2 * np.pi - 1.05, 41)
        ends = scalp.edge(model, azimuth, style.line, over_ears=True)
        starts = _parting(model, azimuth, _LEANS[style.parting])
    else:
        azimuth = np.linspace(0, 2 * np.pi, 49)
        ends = scalp.edge(model, azimuth, style.line)
        starts = np.broadcast_to(tails.POLE if style.parting == "tail" else _CROWN, ends.shape)
    rows = 1 - (1 - np.linspace(0.02, 1, 12)) ** 1.25
    return _between(starts, ends, rows)


def _parting(model: BodyModel, azimuth: np.ndarray, lean: float) -> np.ndarray:
    """[C, 3] where strands start on a line from forehead to crown, which leans to a side."""
    front = np.arccos(scalp.edge(model, np.array([lean]), 0.0)[0, 1])
    back = np.abs(np.abs(azimuth - np.pi) / np.pi)
    share = np.clip((back - 0.12) / (0.665 - 0.12), 0, 1)
    polar = -0.5 + share * (front - 0.02 + 0.5)
    up = np.cos(polar)
    return np.stack([up * np.sin(lean), up * np.cos(lean), np.sin(polar)], axis=-1)


def _between(starts: np.ndarray, ends: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """[R, C, 3] unit directions on great circles."""
    angle = np.arccos(np.clip((starts * ends).sum(-1), -1, 1))[None, :, None] + 1e-6
    share = shares[:, None, None]
    return (np.sin((1 - share) * angle) * starts + np.sin(share * angle) * ends) / np.sin(angle)


def _density(model: BodyModel, style: Style) -> np.ndarray:
    """[V] float32 0 at the hairline and on bald places, 1 where hair is full."""
    position = suit.base_positions(model)
    density = np.clip(scalp.hairline(model, style.line) / 0.02, 0, 1)
    top = np.hypot(position[:, 0] / 0.062, (position[:, 2] - 0.03) / 0.1)
    crown = np.clip((position[:, 1] - 0.76) / 0.03, 0, 1) * np.clip(2 * (1.1 - top), 0, 1)
    return (density * (1 - style.bald * crown)).astype(np.float32)


def _lengthened(rng: np.random.Generator, head: Head, lock: Lock, fall_m: float) -> Lock:
    """A lock that hangs `fall_m` metres below its last row, in motion."""
    below = _hanging(rng, lock.rest, fall_m)
    rows, columns = below.shape[:2]
    rest = np.concatenate([lock.rest, below])
    strip = rest[-rows - 2 :].reshape(-1, 3).astype(np.float32)
    target = head.carried(strip)
    target[:, : 2 * columns] = lock.points[:, -2:].reshape(len(target), -1, 3)
    leash = np.concatenate([[0, 0], 0.02 + 0.9 * _STEP_M * np.arange(rows)]).repeat(columns)
    hold = head.hold(target, leash, _OFF_BODY_M)
    moved = cloth.drape(rng, strip, sheets.grid(rows + 2, columns), hold, HANG, head.fps)
    hanging = moved.reshape(len(moved), rows + 2, columns, 3)[:, 2:]
    density = lock.density.copy()
    density[-3:] = 1
    every = len(rest)
    tips = np.clip(np.arange(every) - (every - 1 - 0.45 * rows), 0, None) / (0.45 * rows)
    return Lock(
        np.concatenate([lock.points, hanging], axis=1),
        rest,
        np.concatenate([lock.template, lock.template[-1:].repeat(rows, axis=0)]),
        np.concatenate([density, np.ones((rows, columns))]),
        np.broadcast_to(tips[:, None], (every, columns)),
    )


def _hanging(rng: np.random.Generator, rest: np.ndarray, fall_m: float) -> np.ndarray:
    """[R, C, 3] rows that hang from the last of `rest`, before gravity moves them."""
    rows = max(2, round(fall_m / _STEP_M))
    out = (rest[-1] - rest[-1].mean(axis=0)) * (1, 0, 1)
    out = out / (np.linalg.norm(out, axis=-1, keepdims=True) + 1e-9)
    tangent = rest[-1] - rest[-2]
    tangent = tangent / (np.linalg.norm(tangent, axis=-1, keepdims=True) + 1e-9)
    points, point = [], rest[-1]
    uneven = 1 + 0.06 * rng.standard_normal((rest.shape[1], 1))
    length = fall_m / rows * uneven
    for row in range(rows):
        share = min(1.0, (row + 1) / 2)
        way = (1 - share) * tangent + share * np.array([0, -1.0, 0]) + 0.12 * out
        point = point + length * way / np.linalg.norm(way, axis=-1, keepdims=True)
        points.append(point)
    return np.stack(points)


def _fringe(head: Head, style: Style) -> Lock:
    """Hair that falls from above the hairline over the forehead."""
    columns, on_head = 17, 5
    azimuth = np.linspace(-0.75, 0.75, columns)
    ends = scalp.edge(head.model, azimuth, style.line)
    top = scalp.directions(azimuth * 0.5, np.full(columns, 0.35))
    towards = _between(top, ends, np.linspace(0, 1, on_head))
    rest = head.points(towards)
    middle = rest.mean(axis=(0, 1)) * (1, 1, 0) + (0, 0, rest[..., 2].mean() - 0.08)
    out = rest - middle
    out = out / np.linalg.norm(out, axis=-1, keepdims=True)
    rest = rest + out * style.length_m * np.array([0.4, 0.8, 1, 1, 1])[:, None, None]
    fall = np.arange(1, 5)[:, None, None] / 4 * np.array([0, -1.0, 0.12]) * style.fringe_m
    rest = np.concatenate([rest, rest[-1] + fall + 0.004 * out[-1]])
    rows = len(rest)
    template = head.template(towards.reshape(-1, 3)).reshape(on_head, columns, 3)
    sides = np.clip(1.2 * np.abs(np.linspace(-1, 1, columns)) - 0.5, 0, 1)
    tips = np.clip(np.arange(rows) - 6, 0, None)[:, None] / 2 + 0.4 * sides
    return Lock(
        head.carried(rest).reshape(-1, rows, columns, 3),
        rest,
        np.concatenate([template, template[-1:].repeat(4, axis=0)]),
        np.broadcast_to(1 - 0.6 * sides, (rows, columns)),
        np.clip(tips, 0, 1),
    )

"""How cloth hangs and follows: position-based dynamics of a sheet over a moving body.

Every vertex has a target that moves with the body, a leash (how far it may be from there), and the
plane of the body beneath, which it stays outside of. Between those bounds it falls, swings, and
keeps its edges' lengths, so that loose cloth folds and lags. Nothing here can blow up: each bound
is put back last.

Source: M. Mueller et al., Position Based Dynamics (2007); targets, leashes and back stops are what
game engines bound cloth with.
"""

import dataclasses
import math

import numpy as np
from numba import njit

from thfm_jax.data.synthetic import sheets

GRAVITY = 9.81
GROUND_M = 0.004


@dataclasses.dataclass(frozen=True)
class Fabric:
    """How a cloth moves.

    Attributes:
      pull: 0 to 1, how much of an edge's excess length one pass takes back.
      push: the same of an edge that is too short; low values fold easily.
      bend: the same of the distance across an edge.
      memory: 0 to 1, how much of the way to its target a vertex is drawn at each step.
      damping: 0 to 1, the share of its motion relative to the body that it loses at each step.
      crease: standard deviation of the edges' lengths, relative: uneven cloth folds.
    """

    pull: float = 0.9
    push: float = 0.15
    bend: float = 0.1
    memory: float = 0.02
    damping: float = 0.15
    crease: float = 0.05


@dataclasses.dataclass(frozen=True)
class Hold:
    """What bounds `V` vertices of cloth over `T` frames.

    Attributes:
      target: [T, V, 3] float32 where the body carries each vertex.
      leash: [V] float32 metres from the target.
      floor: [T, V, 3] float32 points of the body beneath.
      normal: [T, V, 3] float32 unit normals there.
      gap: [T, V] float32 least height above that plane; -1 and less for no plane.
      capsules: [T, C, 8] float32 of (one end, other end, its two radii): limbs to stay out of.
    """

    target: np.ndarray
    leash: np.ndarray
    floor: np.ndarray
    normal: np.ndarray
    gap: np.ndarray
    capsules: np.ndarray


def drape(
    rng: np.random.Generator,
    rest: np.ndarray,
    triangles: np.ndarray,
    hold: Hold,
    fabric: Fabric,
    fps: float,
    settle: int = 25,
) -> np.ndarray:
    """[T, V, 3] float32 positions of a cloth that is `rest` [V, 3] when it lies without stress.

    `triangles` is [F, 3]; the cloth has come to rest over `settle` steps before frame 0.
    """
    pairs, opposite, shared = sheets.edges(triangles)
    across = opposite[shared > 1]
    ends = np.concatenate([pairs, across])
    difference = rest[ends[:, 0]] - rest[ends[:, 1]]
    length = np.sqrt(np.einsum("ec,ec->e", difference, difference, optimize=False))
    slack = _uneven(rng, pairs, len(rest))
    length *= 1 + fabric.crease * (slack[ends[:, 0]] + slack[ends[:, 1]])
    is_edge = np.arange(len(ends)) < len(pairs)
    pull = np.where(is_edge, fabric.pull, fabric.bend).astype(np.float32)
    push = np.where(is_edge, fabric.push, fabric.bend).astype(np.float32)
    steps = max(1, math.ceil(50 / fps))
    return _simulate(
        hold.target, hold.leash, hold.floor, hold.normal, hold.gap, hold.capsules,
        ends, length.astype(np.float32), pull, push,
        np.float32(fabric.memory), np.float32(1 - fabric.damping), np.float32(1 / (fps * steps)),
        steps, settle,
    )  # fmt: skip


def _uneven(rng: np.random.Generator, pairs: np.ndarray, count: int) -> np.ndarray:
    """[V] noise of unit variance that neighbours share."""
    field = rng.standard_normal(count)
    number = np.bincount(pairs.reshape(-1), minlength=count) + 1
    for _ in range(2):
        total = field + np.bincount(pairs[:, 0], field[pairs[:, 1]], count)
        field = (total + np.bincount(pairs[:, 1], field[pairs[:, 0]], count)) / number
    return field / (field.std() + 1e-9)


@njit(cache=True)
def _simulate(
    target, leash, floor, normal, gap, capsules, ends, length, pull, push,
    memory, keep, dt, steps, settle,
):  # fmt: skip
    frames, count = target.shape[0], target.shape[1]
    out = np.empty_like(target)
    x = target[0].copy()
    before = x.copy()
    goal, goal_before = target[0].copy(), target[0].copy()
    fall = np.float32(-9.81) * dt * dt
    one = np.float32(1)
    for step in range(-settle, (frames - 1) * steps + 1):
        if step <= 0:
            frame, share = 0, np.float32(0)
        else:
            frame = (step - 1) // steps
            share = np.float32(step - frame * steps) / np.float32(steps)
        after = min(frame + 1, frames - 1)
        if step == 0 and frames > 1:
            for i in range(count):
                for k in range(3):
                    move = (target[1, i, k] - target[0, i, k]) / np.float32(steps)
                    before[i, k] = x[i, k] - move
                    goal_before[i, k] = target[0, i, k] - move
        for i in range(count):
            for k in range(3):
                goal[i, k] = target[frame, i, k] * (one - share) + target[after, i, k] * share
                carried = goal[i, k] - goal_before[i, k]
                own = x[i, k] - before[i, k]
                if step < 0:
                    own *= np.float32(0.7)
                before[i, k] = x[i, k]
                x[i, k] += carried + keep * (own - carried)
                x[i, k] += memory * (goal[i, k] - x[i, k])
                goal_before[i, k] = goal[i, k]
            x[i, 1] += fall
        for _ in range(4):
            _restore_lengths(x, leash, ends, length, pull, push)
            _bound(x, goal, leash, floor, normal, gap, capsules, frame, after, share)
        if step >= 0 and step % steps == 0:
            out[step // steps] = x
    return out


@njit(cache=True)
def _restore_lengths(x, leash, ends, length, pull, push):
    for e in range(len(ends)):
        a, b = ends[e, 0], ends[e, 1]
        dx, dy, dz = x[b, 0] - x[a, 0], x[b, 1] - x[a, 1], x[b, 2] - x[a, 2]
        now = np.sqrt(dx * dx + dy * dy + dz * dz) + np.float32(1e-9)
        excess = (now - length[e]) / now
        excess *= np.float32(0.5) * (pull[e] if excess > 0 else push[e])
        dx, dy, dz = dx * excess, dy * excess, dz * excess
        if leash[a] > 0:
            x[a, 0] += dx
            x[a, 1] += dy
            x[a, 2] += dz
        if leash[b] > 0:
            x[b, 0] -= dx
            x[b, 1] -= dy
            x[b, 2] -= dz


@njit(cache=True)
def _bound(x, goal, leash, floor, normal, gap, capsules, frame, after, share):
    one = np.float32(1)
    for i in range(len(x)):
        if leash[i] == 0:
            x[i] = goal[i]
            continue
        px, py, pz = x[i, 0], x[i, 1], x[i, 2]
        dx, dy, dz = px - goal[i, 0], py - goal[i, 1], pz - goal[i, 2]
        far = np.sqrt(dx * dx + dy * dy + dz * dz)
        if far > leash[i]:
            back = leash[i] / far
            px, py, pz = goal[i, 0] + dx * back, goal[i, 1] + dy * back, goal[i, 2] + dz * back
        for c in range(capsules.shape[1]):
            px, py, pz = _leave(px, py, pz, capsules[frame, c], capsules[after, c], share)
        if gap[frame, i] > -1:
            nx = normal[frame, i, 0] * (one - share) + normal[after, i, 0] * share
            ny = normal[frame, i, 1] * (one - share) + normal[after, i, 1] * share
            nz = normal[frame, i, 2] * (one - share) + normal[after, i, 2] * share
            height = (
                (px - floor[frame, i, 0] * (one - share) - floor[after, i, 0] * share) * nx
                + (py - floor[frame, i, 1] * (one - share) - floor[after, i, 1] * share) * ny
                + (pz - floor[frame, i, 2] * (one - share) - floor[after, i, 2] * share) * nz
            )
            lack = gap[frame, i] * (one - share) + gap[after, i] * share - height
            if lack > 0:
                px, py, pz = px + nx * lack, py + ny * lack, pz + nz * lack
        x[i, 0], x[i, 1], x[i, 2] = px, max(py, np.float32(GROUND_M)), pz


@njit(cache=True)
def _leave(px, py, pz, first, second, share):
    """The point moved out of a tapered capsule that lies between two frames."""
    one = np.float32(1)
    ax = first[0] * (one - share) + second[0] * share
    ay = first[1] * (one - share) + second[1] * share
    az = first[2] * (one - share) + second[2] * share
    bx = first[3] * (one - share) + second[3] * share - ax
    by = first[4] * (one - share) + second[4] * share - ay
    bz = first[5] * (one - share) + second[5] * share - az
    along = ((px - ax) * bx + (py - ay) * by + (pz - az) * bz) / (bx * bx + by * by + bz * bz)
    along = min(max(along, np.float32(0)), one)
    ax, ay, az = ax + along * bx, ay + along * by, az + along * bz
    radius = first[6] + along * (first[7] - first[6])
    dx, dy, dz = px - ax, py - ay, pz - az
    far = np.sqrt(dx * dx + dy * dy + dz * dz) + np.float32(1e-9)
    if far >= radius:
        return px, py, pz
    out = radius / far
    return ax + dx * out, ay + dy * out, az + dz * out

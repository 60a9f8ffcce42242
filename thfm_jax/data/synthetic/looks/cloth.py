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

from thfm_jax.data.synthetic.looks import sheets

GRAVITY = 9.81
GROUND_M = 0.004
_PASSES = 3  # over all edges, at each step


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
    settle: int = 16,
) -> np.ndarray:
    """[T, V, 3] float32 positions of a cloth that is `rest` [V, 3] when it lies without stress.

    `triangles` is [F, 3]; the cloth has come to rest over `settle` steps before frame 0.
    """
    pairs, opposite, shared = sheets.edges(triangles)
    across = opposite[shared > 1]
    slack = _uneven(rng, pairs, len(rest)) * fabric.crease
    steps = max(1, math.ceil(50 / fps))
    return _simulate(
        hold.target,
        hold.leash,
        hold.floor,
        hold.normal,
        hold.gap,
        hold.capsules,
        pairs,
        across,
        _lengths(rest, pairs, slack),
        _lengths(rest, across, slack),
        tuple(np.float32(s) for s in (fabric.pull, fabric.push, fabric.bend)),
        np.float32(1 - fabric.damping),
        np.float32(fabric.memory),
        np.float32(1 / (fps * steps)),
        steps,
        settle,
    )


def _lengths(rest: np.ndarray, ends: np.ndarray, slack: np.ndarray) -> np.ndarray:
    """[E] float32 distances at rest, longer where there is slack."""
    difference = rest[ends[:, 0]] - rest[ends[:, 1]]
    length = np.sqrt(np.einsum("ec,ec->e", difference, difference, optimize=False))
    return (length * (1 + slack[ends[:, 0]] + slack[ends[:, 1]])).astype(np.float32)


def _uneven(rng: np.random.Generator, pairs: np.ndarray, count: int) -> np.ndarray:
    """[V] noise of unit variance that neighbours share."""
    field = rng.standard_normal(count)
    number = np.bincount(pairs.reshape(-1), minlength=count) + 1
    for _ in range(2):
        total = field + np.bincount(pairs[:, 0], field[pairs[:, 1]], count)
        field = (total + np.bincount(pairs[:, 1], field[pairs[:, 0]], count)) / number
    return field / (field.std() + 1e-9)


@njit(cache=True, error_model="numpy")
def _simulate(
    target, leash, floor, normal, gap, capsules, edges, bends, length, bend_length, stiffness,
    keep, memory, dt, steps, settle,
):  # fmt: skip
    frames, count = target.shape[0], target.shape[1]
    out = np.empty_like(target)
    x = target[0].copy()
    before = x.copy()
    goal, goal_before = target[0].copy(), target[0].copy()
    # A point x is outside of the body where planes[0:3] . x >= planes[3].
    planes = np.empty((count, 4), np.float32)
    solids = np.empty_like(capsules[0])
    fall = np.float32(-GRAVITY) * dt * dt
    pull, push, bend = stiffness
    for step in range(-settle, (frames - 1) * steps + 1):
        frame = max(0, (step - 1) // steps)
        share = np.float32(max(0, step) - frame * steps) / np.float32(steps)
        after = min(frame + 1, frames - 1)
        if step == 0 and frames > 1:
            _set_off(x, before, goal_before, target, steps)
        if step <= 1 - settle or step > 0:
            _mix(goal, target[frame], target[after], share)
            _place_planes(planes, floor, normal, gap, frame, after, share)
            _mix(solids, capsules[frame], capsules[after], share)
        for i in range(count):
            for k in range(3):
                carried = goal[i, k] - goal_before[i, k]
                own = x[i, k] - before[i, k]
                if step < 0:
                    own *= np.float32(0.7)
                before[i, k] = x[i, k]
                x[i, k] += carried + keep * (own - carried)
                x[i, k] += memory * (goal[i, k] - x[i, k])
                goal_before[i, k] = goal[i, k]
            x[i, 1] += fall
        _restore(x, leash, bends, bend_length, bend, bend)
        for _ in range(_PASSES):
            _restore(x, leash, edges, length, pull, push)
            _bound(x, goal, leash, planes, solids)
        if step >= 0 and step % steps == 0:
            out[step // steps] = x
    return out


@njit(cache=True, error_model="numpy")
def _set_off(x, before, goal_before, target, steps):
    """Gives cloth at rest the speed of its targets."""
    for i in range(len(x)):
        for k in range(3):
            move = (target[1, i, k] - target[0, i, k]) / np.float32(steps)
            before[i, k] = x[i, k] - move
            goal_before[i, k] = target[0, i, k] - move


@njit(cache=True, error_model="numpy")
def _mix(out, first, second, share):
    for i in range(len(out)):
        for k in range(out.shape[1]):
            out[i, k] = first[i, k] + share * (second[i, k] - first[i, k])


@njit(cache=True, error_model="numpy")
def _place_planes(planes, floor, normal, gap, frame, after, share):
    one = np.float32(1)
    for i in range(len(planes)):
        height = np.float32(0)
        for k in range(3):
            n = normal[frame, i, k] * (one - share) + normal[after, i, k] * share
            height += n * (floor[frame, i, k] * (one - share) + floor[after, i, k] * share)
            planes[i, k] = n
        own = gap[frame, i] * (one - share) + gap[after, i] * share
        planes[i, 3] = height + own if own > -1 else np.float32(-1e9)


@njit(cache=True, error_model="numpy")
def _restore(x, leash, ends, length, pull, push):
    half = np.float32(0.5)
    for e in range(len(ends)):
        a, b = ends[e, 0], ends[e, 1]
        dx, dy, dz = x[b, 0] - x[a, 0], x[b, 1] - x[a, 1], x[b, 2] - x[a, 2]
        now = np.sqrt(dx * dx + dy * dy + dz * dz) + np.float32(1e-9)
        excess = half * (now - length[e]) / now
        excess *= pull if excess > 0 else push
        dx, dy, dz = dx * excess, dy * excess, dz * excess
        x[a, 0] += dx
        x[a, 1] += dy
        x[a, 2] += dz
        x[b, 0] -= dx
        x[b, 1] -= dy
        x[b, 2] -= dz


@njit(cache=True, error_model="numpy")
def _bound(x, goal, leash, planes, solids):
    for i in range(len(x)):
        if leash[i] == 0:
            x[i, 0], x[i, 1], x[i, 2] = goal[i, 0], goal[i, 1], goal[i, 2]
            continue
        px, py, pz = x[i, 0], x[i, 1], x[i, 2]
        dx, dy, dz = px - goal[i, 0], py - goal[i, 1], pz - goal[i, 2]
        far = dx * dx + dy * dy + dz * dz
        if far > leash[i] * leash[i]:
            back = leash[i] / np.sqrt(far)
            px, py, pz = goal[i, 0] + dx * back, goal[i, 1] + dy * back, goal[i, 2] + dz * back
        for c in range(len(solids)):
            px, py, pz = _leave(px, py, pz, solids[c])
        nx, ny, nz = planes[i, 0], planes[i, 1], planes[i, 2]
        lack = planes[i, 3] - (px * nx + py * ny + pz * nz)
        if lack > 0:
            px, py, pz = px + nx * lack, py + ny * lack, pz + nz * lack
        x[i, 0], x[i, 1], x[i, 2] = px, max(py, np.float32(GROUND_M)), pz


@njit(cache=True, error_model="numpy")
def _leave(px, py, pz, capsule):
    """The point moved out of a tapered capsule."""
    ax, ay, az = capsule[0], capsule[1], capsule[2]
    bx, by, bz = capsule[3] - ax, capsule[4] - ay, capsule[5] - az
    along = ((px - ax) * bx + (py - ay) * by + (pz - az) * bz) / (bx * bx + by * by + bz * bz)
    along = min(max(along, np.float32(0)), np.float32(1))
    ax, ay, az = ax + along * bx, ay + along * by, az + along * bz
    radius = capsule[6] + along * (capsule[7] - capsule[6])
    dx, dy, dz = px - ax, py - ay, pz - az
    far = dx * dx + dy * dy + dz * dz
    if far >= radius * radius:
        return px, py, pz
    out = radius / (np.sqrt(far) + np.float32(1e-9))
    return ax + dx * out, ay + dy * out, az + dz * out

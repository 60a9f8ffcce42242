"""Keeps arms out of the body, of each other and of the ground.

The body is a set of capsules measured from its own mesh, so that a heavy person holds the arms
further out: flat ones across the trunk at several heights, round ones along head, neck and legs.
Points of the arms that lie inside are pushed out. The push depends smoothly on the pose alone and
knows nothing of frames: what moves smoothly still does.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from thfm_jax.data.synthetic.motion import rotations as rot
from thfm_jax.data.synthetic.motion.curves import smoothstep, softplus
from thfm_jax.data.synthetic.motion.rig import SIDES, SPINE, TRUNK, Rig

_ROUNDS = 6
_WIDTH = 0.004  # metres over which the push sets in
# The way out for what is deep inside, in the side's chest axes.
_ESCAPE = rot.unit(np.array([0.8, 0.0, 0.6]))
# Points of the arm: (upper arm, forearm) shares; beyond 1 lies the hand.
_UPPER_SHARES = np.array([0.55, 0.8])
_FORE_SHARES = np.array([0.0, 0.35, 0.7, 1.0, 1.3, 1.6])
# Hands are thinner than the forearm above the wrist.
_THINNER = np.array([1.0, 1.0, 1.0, 0.85, 0.75, 0.5])


@dataclasses.dataclass(frozen=True)
class Solids:
    """Capsules with a radius at each end.

    Attributes:
      bones: [C] names of the bones that carry them.
      ends: [C, 2, 3] their ends at rest, from the bone's head.
      radii: [C, 2] metres.
      hinders_upper: [C] bool, whether upper arms feel them: those near the shoulder they touch
        anyway.
      upper_radii, fore_radii: [2, points] of the arms' points: upper arm, forearm and hand.
    """

    bones: tuple[str, ...]
    ends: np.ndarray
    radii: np.ndarray
    hinders_upper: np.ndarray
    upper_radii: np.ndarray
    fore_radii: np.ndarray


def measure(rig: Rig) -> Solids:
    """The capsules of a body."""
    parts = [*_trunk(rig), *_head(rig), *_legs(rig)]
    bones, ends, radii, upper = zip(*parts, strict=True)
    upper_radii, fore_radii = _arm_radii(rig)
    offsets = np.array(ends) - np.array([rig.head_of(bone) for bone in bones])[:, None]
    return Solids(bones, offsets, np.array(radii), np.array(upper), upper_radii, fore_radii)


def _trunk(rig: Rig) -> list:
    """Capsules from left to right with half the trunk's depth as radius, from crotch to armpits."""
    trunk = rig.skin_of(*TRUNK)
    top = rig.joints["shoulder"][0, 1]
    heights = rig.hips[1] + np.linspace(-0.02, 0.93, 8) * (top - rig.hips[1])
    thickness = 0.6 * (heights[1] - heights[0])
    parts = []
    for height in heights:
        ring = trunk[np.abs(trunk[:, 1] - height) < thickness]
        half = np.quantile(np.abs(ring[:, 0]), 0.98)
        back, front = np.quantile(ring[:, 2], (0.03, 0.97))
        radius = min(0.5 * (front - back), half)
        carrier = [name for name in ("root", *SPINE) if rig.head_of(name)[1] <= height + 1e-6]
        ends = np.array(
            [[sign * (half - radius), height, 0.5 * (back + front)] for sign in (1, -1)]
        )
        upper = height < rig.hips[1] + 0.72 * (top - rig.hips[1])
        parts.append((carrier[-1] if carrier else "root", ends, (radius, radius), upper))
    return parts


def _head(rig: Rig) -> list:
    points = rig.skin_of(*(name for name in rig.bone if _hangs_from(rig, name, "head")))
    low, high = points[:, 1].min(), points[:, 1].max()
    skull = points[points[:, 1] > 0.5 * (low + high)]
    radius = 0.5 * float(np.quantile(np.abs(skull[:, 0]), 0.97) * 2)
    back, front = np.quantile(skull[:, 2], (0.03, 0.97))
    ends = np.array(
        [
            [0.0, high - 1.05 * radius, back + 1.05 * radius],
            [0.0, low + 0.75 * radius, front - 0.85 * radius],
        ]
    )
    neck = rig.skin_of("neck01", "neck02", "neck03")
    thick = 0.9 * float(np.quantile(np.abs(neck[:, 0]), 0.6))
    line = np.array([rig.head_of("neck01"), rig.head_of("head")])
    return [
        ("head", ends, (1.02 * radius, 0.72 * radius), True),
        ("neck01", line, (thick, thick), False),
    ]


def _legs(rig: Rig) -> list:
    parts = []
    for letter in SIDES:
        for names, first, last in (
            (("upperleg01", "upperleg02"), "upperleg01", "lowerleg01"),
            (("lowerleg01", "lowerleg02"), "lowerleg01", "foot"),
        ):
            ends = np.array([rig.head_of(f"{first}.{letter}"), rig.head_of(f"{last}.{letter}")])
            points = rig.skin_of(*(f"{name}.{letter}" for name in names))
            parts.append((f"{first}.{letter}", ends, _taper(ends, points), True))
    return parts


def _taper(ends: np.ndarray, points: np.ndarray) -> tuple[float, float]:
    """Radii at both ends of a limb."""
    line = ends[1] - ends[0]
    share = (points - ends[0]) @ line / (line @ line)
    off = rot.length(points - ends[0] - share[:, None] * line)
    upper, lower = (share > 0.1) & (share < 0.5), (share >= 0.5) & (share < 0.95)
    return float(np.quantile(off[upper], 0.85)), float(np.quantile(off[lower], 0.85))


def _arm_radii(rig: Rig) -> tuple[np.ndarray, np.ndarray]:
    upper, fore = np.zeros((2, len(_UPPER_SHARES))), np.zeros((2, len(_FORE_SHARES)))
    for side, letter in enumerate(SIDES):
        shoulder, elbow, wrist = (
            rig.head_of(f"{name}.{letter}") for name in ("upperarm01", "lowerarm01", "wrist")
        )
        high = _taper(
            np.array([shoulder, elbow]), rig.skin_of(f"upperarm01.{letter}", f"upperarm02.{letter}")
        )
        low = _taper(
            np.array([elbow, wrist]), rig.skin_of(f"lowerarm01.{letter}", f"lowerarm02.{letter}")
        )
        upper[side] = np.interp(_UPPER_SHARES, (0, 1), high)
        fore[side] = np.interp(_FORE_SHARES, (0, 0.7), low) * _THINNER
    return upper, fore


def _hangs_from(rig: Rig, name: str, ancestor: str) -> bool:
    index, goal = rig.bone[name], rig.bone[ancestor]
    while index >= 0 and index != goal:
        index = rig.parents[index]
    return index == goal


class Obstacles:
    """The capsules of one pose in the world, from both sides' frames: [2, T, C, ...]."""

    def __init__(
        self, solids: Solids, turns: Mapping[str, np.ndarray], places: Mapping[str, np.ndarray]
    ):
        """`turns` [T, 3, 3] and `places` [T, 3]: global rotations and heads of bones by name."""
        pairs = [
            places[bone][:, None] + rot.apply(turns[bone][:, None], offset)
            for bone, offset in zip(solids.bones, solids.ends, strict=True)
        ]
        ends = np.stack(pairs, 1)
        self.solids = solids
        self.start, end = np.moveaxis(np.stack([ends, rot.mirror_points(ends)]), -2, 0)
        self.line = end - self.start
        chest = turns["spine01"]
        self.escape = rot.apply(np.stack([chest, rot.mirror(chest)]), _ESCAPE)

    def depth(self, points: np.ndarray, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How deep balls lie inside the capsules, and the unit way out.

        Near the surface the way is its normal; the deeper, the more it is the same for all points,
        outwards and to the front. An arm whose path leads through the body thus goes round it.

        Args:
          points: [2, T, P, 3]; radii: [2, P].

        Returns:
          depth [2, T, P, C] in metres, below 0 outside; direction [2, T, P, C, 3].
        """
        line, offset = self.line[:, :, None], points[:, :, :, None] - self.start[:, :, None]
        square = np.maximum((line**2).sum(-1), 1e-9)
        share = np.clip((offset * line).sum(-1) / square, 0, 1)
        away = offset - share[..., None] * line
        first, last = np.moveaxis(self.solids.radii, -1, 0)
        distance = np.maximum(rot.length(away), 1e-4)
        radius = first + share * (last - first) + radii[:, None, :, None]
        inside = smoothstep(1 - distance / radius)[..., None]
        way = away / radius[..., None] + 1.5 * inside * self.escape[:, :, None, None]
        return radius - distance, rot.unit(way)

    def push(
        self, shoulder: np.ndarray, elbow: np.ndarray, wrist: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Elbows and wrists [2, T, 3] moved until the arms are outside."""
        solids = self.solids
        for _ in range(_ROUNDS):
            upper, fore = arm_points(shoulder, elbow, wrist)
            radii = np.concatenate([solids.upper_radii, solids.fore_radii], 1)
            depth, way = self.depth(np.concatenate([upper, fore], 2), radii)
            depth[:, :, : len(_UPPER_SHARES), ~solids.hinders_upper] = -1.0
            push = (softplus(depth, _WIDTH)[..., None] * way).sum(3)
            push[:, :, len(_UPPER_SHARES) :] += _apart(fore, solids.fore_radii)
            push[..., 1] += softplus(
                radii[:, None] - np.concatenate([upper, fore], 2)[..., 1], _WIDTH
            )
            upper, fore = push[:, :, : len(_UPPER_SHARES)], push[:, :, len(_UPPER_SHARES) :]
            shares = np.minimum(_FORE_SHARES, 1.0)[:, None]
            # The elbow is the longer lever; a stretched arm only moves with its hand.
            lever = (upper / _UPPER_SHARES[:, None]).sum(2)
            elbow = elbow + 0.5 * (lever + ((1 - shares) * fore).sum(2))
            wrist = wrist + 0.5 * (lever + (shares * fore).sum(2))
        return elbow, wrist


def deepest(
    solids: Solids, turns: Mapping[str, np.ndarray], places: Mapping[str, np.ndarray]
) -> np.ndarray:
    """[T] metres by which the deepest point of the arms lies inside the body; below 0 outside."""
    obstacles = Obstacles(solids, turns, places)
    shoulder, elbow, wrist = (
        np.stack([places[f"{bone}.L"], rot.mirror_points(places[f"{bone}.R"])])
        for bone in ("upperarm01", "lowerarm01", "wrist")
    )
    upper, fore = arm_points(shoulder, elbow, wrist)
    high, _ = obstacles.depth(upper, solids.upper_radii)
    low, _ = obstacles.depth(fore, solids.fore_radii)
    high = high[..., solids.hinders_upper]
    return np.maximum(high.max((0, 2, 3)), low.max((0, 2, 3)))


def arm_points(
    shoulder: np.ndarray, elbow: np.ndarray, wrist: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Points [2, T, P, 3] along upper arm, and along forearm and hand."""
    upper = shoulder[:, :, None] + _UPPER_SHARES[:, None] * (elbow - shoulder)[:, :, None]
    fore = elbow[:, :, None] + _FORE_SHARES[:, None] * (wrist - elbow)[:, :, None]
    return upper, fore


def _apart(fore: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Pushes [2, T, P, 3] that part the forearms from each other, each by half."""
    other = rot.mirror_points(fore[::-1])
    away = fore[:, :, :, None] - other[:, :, None]
    distance = np.maximum(rot.length(away), 1e-4)
    depth = radii[:, None, :, None] + radii[::-1, None, None, :] - distance
    push = softplus(depth, _WIDTH)[..., None] * away / distance[..., None]
    return 0.5 * push.sum(3)

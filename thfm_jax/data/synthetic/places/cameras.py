"""Cameras that film people: how near they stand, from where, and how they move.

A camera is drawn in three steps. A `Shot` says which part of the subject fills how much of the
picture. A `Motion` says how the camera moves on a sphere about the subject and how its aim follows.
Then the distance is solved for, so that the subject has the size that the shot asks for, and the
camera is moved back where it would stand inside somebody.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from thfm_jax import joints
from thfm_jax.data.synthetic.places.shots import (
    BUST,
    ELEVATIONS_DEG,
    HEAD,
    MOTIONS,
    NAMELESS,
    SHOTS,
    Motion,
    Shot,
)
from thfm_jax.data.synthetic.places.tremor import wander
from thfm_jax.data.synthetic.scene import Camera

Points = Float[np.ndarray, "T n 3"]

DIAGONAL_MM = 43.27  # of the 35 mm film frame, which focal lengths refer to
CLEARANCE_M = 0.35  # least distance from any joint
NEAREST_M = 0.45  # from the middle of what is filmed
GROUND_M = 0.12  # least height of the camera
FARTHEST_M = 45.0
TRIES = 10
CUT = 0.12  # share of the clips in which the picture's border may cut off what the shot shows
CUT_INSIDE = 0.5  # and the share of it that stays inside

LONGEST_S = 2.0  # a movement slows down so that it does not last longer than this


@dataclasses.dataclass(frozen=True)
class _Plan:
    """What a camera is asked for.

    Attributes:
      shot, motion: of the tables.
      cut: whether the picture's border may cut the subject.
      framed: the points that the picture is made of.
      everything: the points of all subjects.
      size: (height, width) in pixels.
      fps: frames per second.
    """

    shot: Shot
    motion: Motion
    cut: bool
    framed: Points
    everything: Points
    size: tuple[int, int]
    fps: float

    @property
    def wanted(self) -> Points:
        """The points that are to fill the picture."""
        names = self.shot.names
        return self.framed[:, joints.indices(names)] if names else self.framed


class _Attempt(NamedTuple):
    """A camera, the share of the wanted points in its picture, and what was drawn for it."""

    camera: Camera
    inside: float
    drawn: dict[str, Any]


@dataclasses.dataclass
class _Path:
    """A camera path about the subject, before its distance is known.

    Attributes:
      azimuth, elevation: [T] radians; azimuth 0 looks at the world's +z side.
      stretch: [T] factor of the distance.
      focal: [T] focal length in pixels.
      truck: [T] metres to the camera's right.
      shake_m: [T, 3] metres.
      turn: [T, 3] rotation vectors in the camera frame, applied after aiming: composition, roll
        and tremor.
      anchor: [T, 3] the point that the sphere is about.
      aim: [T, 3] the point that is looked at.
    """

    azimuth: np.ndarray
    elevation: np.ndarray
    stretch: np.ndarray
    focal: np.ndarray
    truck: np.ndarray
    shake_m: np.ndarray
    turn: np.ndarray
    anchor: np.ndarray
    aim: np.ndarray


def sample(
    rng: np.random.Generator, subjects: Sequence[Points], size: tuple[int, int], fps: float
) -> tuple[Camera, dict[str, Any]]:
    """A camera that films the subjects, and what it was drawn from.

    Args:
      rng: the only source of randomness.
      subjects: [T, n, 3] world positions of each subject in metres: the 52 joints of a person, or
        points that bound anything else.
      size: (height, width) of the image in pixels.
      fps: frames per second.

    Returns:
      The camera, never lower than `GROUND_M` nor nearer to a point than `CLEARANCE_M`, and a dict
      of plain values: shot, motion, follows, focal_mm, elevation_deg, azimuth_deg (0 sees the
      subject's front), distance_m, fill and inside as in `Shot`, and cut.
    """
    framed = _framed(rng, subjects)
    known = SHOTS if _named(framed) else {name: SHOTS[name] for name in NAMELESS}
    shot, motion = _choose(rng, known), _choose(rng, MOTIONS)
    plan = _Plan(
        shot=SHOTS[shot],
        motion=MOTIONS[motion],
        cut=bool(rng.random() < CUT),
        framed=framed,
        everything=np.concatenate(list(subjects), axis=1),
        size=size,
        fps=fps,
    )
    tries = []
    for calm in np.linspace(0, 1, TRIES):
        tries.append(_attempt(rng, plan, float(calm)))
        if tries[-1].inside >= (CUT_INSIDE if plan.cut else plan.shot.inside):
            break
    camera, inside, drawn = max(tries, key=lambda attempt: attempt.inside)

    middle = len(framed) // 2
    away = camera.positions[middle] - plan.wanted[middle].mean(axis=0)
    meta = {
        "shot": shot,
        "motion": motion,
        "cut": plan.cut,
        "inside": inside,
        "fill": float(_fill(camera, plan.wanted)[middle]),
        "distance_m": float(np.linalg.norm(away)),
        "focal_mm": float(camera.intrinsics[middle, 0, 0] * DIAGONAL_MM / np.hypot(*size)),
        **drawn,
    }
    return camera, meta


def _choose(rng: np.random.Generator, table: dict[str, Any]) -> str:
    weights = np.array([entry.weight for entry in table.values()])
    return str(rng.choice(list(table), p=weights / weights.sum()))


def _named(points: Points) -> bool:
    return points.shape[1] == len(joints.JOINTS)


def _framed(rng: np.random.Generator, subjects: Sequence[Points]) -> Points:
    """The points that the picture is made of: the main subject's, or those of the whole group."""
    if len(subjects) > 1 and rng.random() < 0.5:
        return np.concatenate(list(subjects), axis=1)
    return subjects[0]


def _attempt(rng: np.random.Generator, plan: _Plan, calm: float) -> _Attempt:
    """One camera of the plan. The nearer `calm` is to 1, the better it follows the subject."""
    wanted, size = plan.wanted, plan.size
    times = np.arange(len(wanted)) / plan.fps
    elevation, azimuth = _elevation_deg(rng), _azimuth_deg(rng, plan.shot)
    focal_mm = float(np.exp(rng.uniform(*np.log(plan.shot.focal_mm))))
    follows = bool(rng.random() < max(plan.motion.follows, 2 * calm))
    fill = float(rng.uniform(*plan.shot.fill))
    lag_s = rng.uniform(0.04, 0.4) * (1 - calm) + 0.01

    centre = (wanted.min(axis=1) + wanted.max(axis=1)) / 2
    still = np.broadcast_to(centre[len(centre) // 2], centre.shape)
    path = _move(rng, plan.motion, times)
    path.azimuth += np.radians(azimuth) + _facing(plan.framed)
    path.elevation += np.radians(elevation)
    path.focal *= focal_mm / DIAGONAL_MM * np.hypot(*size)
    path.aim = _lag(centre, plan.fps, lag_s) if follows else still
    path.anchor = path.aim if plan.motion.steps else still
    path.turn = path.turn + _composition(rng, plan.cut, float(path.focal.mean()), size)

    off_centre = np.clip(rng.normal(0, 0.008, 2), -0.03, 0.03)
    point = (0.5 + off_centre) * size[::-1]
    camera = _keep_off(_fit(path, point, wanted, fill, size), plan.everything, wanted)
    drawn = {"follows": follows, "elevation_deg": elevation, "azimuth_deg": azimuth}
    return _Attempt(camera, float(_inside(camera, wanted).mean()), drawn)


def _elevation_deg(rng: np.random.Generator) -> float:
    weights, lows, highs = zip(*ELEVATIONS_DEG, strict=True)
    pick = rng.choice(len(weights), p=weights)
    return float(rng.uniform(lows[pick], highs[pick]))


def _azimuth_deg(rng: np.random.Generator, shot: Shot) -> float:
    """Faces are mostly seen from the front, whole bodies from everywhere."""
    near_face = shot.names in (HEAD, BUST)
    mixture = (0.8, 0.14, 0.06) if near_face else (0.4, 0.42, 0.18)
    draws = (rng.normal(0, 35), rng.uniform(-180, 180), rng.normal(180, 30))
    angle = draws[rng.choice(3, p=mixture)]
    return float((angle + 180) % 360 - 180)


def _facing(points: Points) -> float:
    """Azimuth in radians of the subject's front at mid-clip: 0 is +z; 0 where it is unknown."""
    if not _named(points):
        return 0.0
    middle = points[len(points) // 2]
    left = middle[joints.INDEX["left_hip"]] - middle[joints.INDEX["right_hip"]]
    up = middle[joints.INDEX["neck"]] - middle[joints.INDEX["mid_hip"]]
    front = np.cross(left, up)
    return float(np.arctan2(front[0], front[2]))


def _lag(track: Float[np.ndarray, "T 3"], fps: float, lag_s: float) -> Float[np.ndarray, "T 3"]:
    """The track as somebody sees and follows it: smoothed twice, and late."""
    keep = np.exp(-1 / (fps * lag_s / 2))
    for _ in range(2):
        followed = np.empty_like(track)
        followed[0] = track[0]
        for frame in range(1, len(track)):
            followed[frame] = keep * followed[frame - 1] + (1 - keep) * track[frame]
        track = followed
    return track


def _move(rng: np.random.Generator, motion: Motion, times: np.ndarray) -> _Path:
    """The motion about nothing in particular: angles and factors relative to the shot's."""
    span = max(float(times[-1]), 1e-6)
    progress = (times - times.mean()) * min(1.0, LONGEST_S / span)

    def speed(bounds: tuple[float, float]) -> float:
        return float(rng.uniform(*bounds) * rng.choice((-1, 1)))

    strength = motion.tremor * float(np.exp(rng.normal(0, 0.5)))
    shake = 0.006 * strength * wander(rng, times, 3, (0.3, 4.0))
    sway = np.radians(0.35) * strength * wander(rng, times, 3, (0.4, 9.0))
    if motion.steps:
        bob, sways = _steps(rng, times)
        shake, sway = shake + bob, sway + sways
    roll = np.radians(rng.normal(0, 1.5) if rng.random() < 0.9 else rng.normal(0, 12))
    sway[:, 2] += roll
    nowhere = np.zeros((len(times), 3))
    return _Path(
        azimuth=np.radians(speed(motion.orbit_deg_s)) * progress,
        elevation=np.radians(speed(motion.climb_deg_s)) * progress,
        stretch=np.exp(speed(motion.dolly_s) * progress),
        focal=np.exp(speed(motion.zoom_s) * progress),
        truck=speed(motion.truck_m_s) * progress,
        shake_m=shake,
        turn=sway,
        anchor=nowhere,
        aim=nowhere,
    )


def _steps(rng: np.random.Generator, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """([T, 3] metres, [T, 3] rotation vectors) of a camera in the hand of somebody who walks."""
    step = 2 * np.pi * (rng.uniform(1.5, 2.2) * times + rng.random())
    bob = np.zeros((len(times), 3))
    bob[:, 0] = rng.uniform(0.005, 0.02) * np.sin(step / 2)
    bob[:, 1] = rng.uniform(0.01, 0.03) * np.cos(step)
    sway = np.zeros((len(times), 3))
    sway[:, 0] = np.radians(rng.uniform(0.2, 0.8)) * np.cos(step + 0.5)
    sway[:, 2] = np.radians(rng.uniform(0.2, 0.8)) * np.sin(step / 2 + 0.5)
    return bob, sway


def _composition(
    rng: np.random.Generator, cut: bool, focal: float, size: tuple[int, int]
) -> Float[np.ndarray, "3"]:
    """Rotation vector that moves the subject off the picture's middle, to the border if `cut`."""
    right, down = rng.normal(0, 0.3 if cut else 0.05, 2) * size[::-1]
    return np.array([-np.arctan(down / focal), np.arctan(right / focal), 0.0])


def _fit(
    path: _Path,
    point: Float[np.ndarray, "2"],
    wanted: Points,
    fill: float,
    size: tuple[int, int],
) -> Camera:
    """The camera on the path at the distance where the wanted points fill that much of it.

    Where that is nearer or farther than a camera may stand, the focal length changes instead.
    """
    spread = float(np.linalg.norm(np.ptp(wanted[len(wanted) // 2], axis=0)))
    distance = spread * float(path.focal.mean()) / (fill * min(size)) + 0.2
    for _ in range(4):
        camera = _place(path, point, distance, size)
        asked = distance * float(np.median(_fill(camera, wanted))) / fill
        distance = float(np.clip(asked, NEAREST_M, FARTHEST_M))
        path.focal = path.focal * (distance / asked)
    return _place(path, point, distance, size)


def _place(
    path: _Path, point: Float[np.ndarray, "2"], distance: float, size: tuple[int, int]
) -> Camera:
    away = np.stack(
        [
            np.cos(path.elevation) * np.sin(path.azimuth),
            np.sin(path.elevation),
            np.cos(path.elevation) * np.cos(path.azimuth),
        ],
        axis=-1,
    )
    right = np.stack([np.cos(path.azimuth), np.zeros(len(away)), -np.sin(path.azimuth)], axis=-1)
    moved = path.truck[:, None] * right + path.shake_m
    position = path.anchor + distance * path.stretch[:, None] * away + moved
    position[:, 1] = np.maximum(position[:, 1], GROUND_M)
    rotation = Rotation.from_rotvec(path.turn).as_matrix() @ look_at(position, path.aim)
    return _camera(position, rotation, path.focal, point, size)


def look_at(
    position: Float[np.ndarray, "T 3"], aim: Float[np.ndarray, "T 3"]
) -> Float[np.ndarray, "T 3 3"]:
    """World-to-camera rotations that see `aim` from `position` upright in the picture's middle."""
    ahead = aim - position
    ahead = ahead / np.linalg.norm(ahead, axis=-1, keepdims=True)
    right = np.cross(ahead, (0.0, 1.0, 0.0))
    right /= np.linalg.norm(right, axis=-1, keepdims=True)
    return np.stack([right, np.cross(ahead, right), ahead], axis=1)


def _camera(
    position: np.ndarray,
    rotation: np.ndarray,
    focal: np.ndarray,
    point: np.ndarray,
    size: tuple[int, int],
) -> Camera:
    intrinsics = np.tile(np.eye(3), (len(position), 1, 1))
    intrinsics[:, 0, 0] = intrinsics[:, 1, 1] = focal
    intrinsics[:, :2, 2] = point
    translation = -np.einsum("tij,tj->ti", rotation, position)
    return Camera(intrinsics, rotation, translation, size)


def _project(camera: Camera, points: Points) -> tuple[np.ndarray, np.ndarray]:
    """(image points [T, n, 2] in pixels, depths [T, n] in metres)."""
    local = np.einsum("tij,tnj->tni", camera.rotation, points) + camera.translation[:, None]
    depth = np.maximum(local[..., 2:], 0.05)
    focal = camera.intrinsics[:, None, [0, 1], [0, 1]]
    return local[..., :2] / depth * focal + camera.intrinsics[:, None, :2, 2], local[..., 2]


def _fill(camera: Camera, points: Points) -> Float[np.ndarray, "T"]:
    """Share of the picture's height, or width if that is larger, that the points take up."""
    return np.max(np.ptp(_project(camera, points)[0], axis=1) / camera.size[::-1], axis=-1)


def _inside(camera: Camera, points: Points) -> np.ndarray:
    """[T, n] bool: which points are in the picture."""
    xy, depth = _project(camera, points)
    return ((xy >= 0) & (xy < camera.size[::-1])).all(axis=-1) & (depth > 0)


def _keep_off(camera: Camera, points: Points, wanted: Points) -> Camera:
    """The camera, moved away from what is wanted and zoomed in, until it is clear of all points."""
    centre = wanted.mean(axis=1)
    for _ in range(40):
        position = camera.positions
        if np.linalg.norm(points - position[:, None], axis=-1).min() >= CLEARANCE_M:
            break
        line = (position - centre).mean(axis=0)
        length = max(float(np.linalg.norm(line)), 1e-3)
        position = position + line * (0.15 / length)
        position[:, 1] = np.maximum(position[:, 1], GROUND_M)
        focal = camera.intrinsics[:, 0, 0] * (1 + 0.15 / length)
        point = camera.intrinsics[0, :2, 2]
        camera = _camera(position, camera.rotation, focal, point, camera.size)
    return camera

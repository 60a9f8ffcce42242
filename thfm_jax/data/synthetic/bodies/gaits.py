"""How four-legged animals stand, sit, walk and trot: feet that stay where they are put down.

An animal moves along its own +z, left is +x. Legs bend in planes x = constant: the angles of their
bones are found from where the foot has to be.
"""

import dataclasses

import numpy as np
from jaxtyping import Float

from thfm_jax.data.synthetic.bodies import skinning
from thfm_jax.data.synthetic.motion import rotations
from thfm_jax.data.synthetic.places.tremor import wander

GRAVITY = 9.81


@dataclasses.dataclass(frozen=True)
class Gait:
    """A way to go.

    Attributes:
      froude: speed over the root of gravity times the height of the hips.
      stride: length of a cycle over that height.
      duty: share of the cycle that a foot is on the ground.
      phases: of the left hind, right hind, left fore and right fore foot.
    """

    froude: float
    stride: float
    duty: float
    phases: tuple[float, float, float, float]


GAITS: dict[str, Gait] = {
    "walk": Gait(0.40, 1.6, 0.64, (0.0, 0.5, 0.25, 0.75)),
    "trot": Gait(0.85, 2.0, 0.48, (0.0, 0.5, 0.5, 0.0)),
}
STILL = ("stand", "sit")
KINDS: tuple[str, ...] = (*GAITS, *STILL)

_LEGS = (
    ("upper_leg_L", "lower_leg_L", "foot_L", "toe_L"),
    ("upper_leg_R", "lower_leg_R", "foot_R", "toe_R"),
    ("upper_arm_L", "lower_arm_L", "hand_L", "finger_L"),
    ("upper_arm_R", "lower_arm_R", "hand_R", "finger_R"),
)


# A foot's tip, in shares of that in the middle of its swing, at which its heel is on the ground.
_FLAT = -1.6


@dataclasses.dataclass(frozen=True)
class Skeleton:
    """An animal's bones at rest, on its feet.

    Attributes:
      names: [J]; "torso" is the root, legs are named as in `_LEGS`.
      parents: int32 [J], parents first.
      heads: [J, 3] float64 metres.
    """

    names: tuple[str, ...]
    parents: np.ndarray
    heads: Float[np.ndarray, "J 3"]

    def index(self, name: str) -> int:
        return self.names.index(name)

    def chain(self, *prefixes: str) -> list[int]:
        """Bones whose names start so, from the trunk outwards."""
        return [i for i, name in enumerate(self.names) if name.startswith(prefixes)]

    @property
    def tail(self) -> list[int]:
        return self.chain("Ca_", "vertebra_C")

    @property
    def neck(self) -> list[int]:
        return self.chain("C_", "vertebra_cervical", "vertebra_a", "skull")

    @property
    def hip_m(self) -> float:
        """Height of the hips."""
        return float(self.heads[self.index("upper_leg_L"), 1])


@dataclasses.dataclass
class Pose:
    """Bones' turns while they are worked out.

    Attributes:
      local: [T, J, 3, 3] turns relative to the parent.
      root: [T, 3] shift of the root.
      pitch: [T, J] turn about x of each bone against the world; only right for trunk and legs.
    """

    local: np.ndarray
    root: np.ndarray
    pitch: np.ndarray


def animate(
    rng: np.random.Generator, skeleton: Skeleton, times_s: Float[np.ndarray, "T"], kind: str
) -> Float[np.ndarray, "T J 3 4"]:
    """Maps from rest to the world of all bones, float64; the animal is at the origin half-way."""
    frames, bones = len(times_s), len(skeleton.names)
    pose = Pose(
        np.tile(np.eye(3), (frames, bones, 1, 1)), np.zeros((frames, 3)), np.zeros((frames, bones))
    )
    feet = _feet_at_rest(skeleton, frames)
    lifted = np.zeros((frames, 4))
    if kind in GAITS:
        feet, lifted = _go(rng, skeleton, times_s, GAITS[kind], pose, feet)
    elif kind == "sit":
        feet, lifted = _sit(rng, skeleton, pose, feet)
    else:
        _pitch_trunk(skeleton, pose, 0.02 * wander(rng, times_s, 1, (0.2, 0.6))[:, 0])
    _bend_legs(skeleton, pose, feet, lifted)
    _look_and_wag(rng, skeleton, pose, times_s)
    return skinning.chain(skeleton.parents, skeleton.heads, pose.local, pose.root)


def _feet_at_rest(skeleton: Skeleton, frames: int) -> Float[np.ndarray, "T 4 3"]:
    toes = skeleton.heads[[skeleton.index(leg[3]) for leg in _LEGS]]
    return np.tile(toes, (frames, 1, 1))


def _pitch_trunk(skeleton: Skeleton, pose: Pose, angle: Float[np.ndarray, "T"]) -> None:
    """Turns the whole trunk about x at the root; positive lowers the nose."""
    root = skeleton.index("torso")
    pose.local[:, root] = rotations.about(0, angle)
    trunk = skeleton.chain("torso", "L_", "vertebra_", "pelvis", "scapula")
    pose.pitch[:, trunk] = np.asarray(angle)[:, None]


def _go(
    rng: np.random.Generator,
    skeleton: Skeleton,
    times_s: np.ndarray,
    gait: Gait,
    pose: Pose,
    feet: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """(feet [T, 4, 3], how far each is into its swing [T, 4], 0 on the ground) while going."""
    tall = skeleton.hip_m
    speed = gait.froude * np.sqrt(GRAVITY * tall) * rng.uniform(0.75, 1.2)
    stride = min(gait.stride * rng.uniform(0.85, 1.1), 1.1 / gait.duty) * tall
    cycle = speed / stride * times_s + rng.random()
    since = times_s - times_s.mean()
    pose.root[:, 2] = speed * since
    bob = np.cos(4 * np.pi * cycle)
    pose.root[:, 1] = tall * (-0.07 + 0.018 * bob)
    _pitch_trunk(skeleton, pose, 0.02 * np.sin(4 * np.pi * cycle + 0.7))

    phase = (cycle[:, None] + np.array(gait.phases)) % 1
    swing = np.clip((phase - gait.duty) / (1 - gait.duty), 0, 1)
    reach = stride * gait.duty
    smooth = swing**2 * (3 - 2 * swing)
    ahead = np.where(phase < gait.duty, 0.5 - phase / gait.duty, smooth - 0.5) * reach
    feet = feet.copy()
    feet[..., 2] += ahead + pose.root[:, 2:]
    feet[..., 1] += tall * rng.uniform(0.12, 0.22) * np.sin(np.pi * swing)
    return feet, np.sin(np.pi * swing)


def _sit(
    rng: np.random.Generator, skeleton: Skeleton, pose: Pose, feet: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(feet, swings) of an animal on its haunches: hind feet flat, fore legs straight."""
    tilt = -rng.uniform(0.55, 0.75)
    hip = skeleton.heads[skeleton.index("upper_leg_L")]
    root = skeleton.heads[skeleton.index("torso")]
    _pitch_trunk(skeleton, pose, np.full(len(feet), tilt))
    turned = rotations.about(0, np.array(tilt)) @ (hip - root) + root
    pose.root[:, 1] = 0.38 * hip[1] - turned[1]
    feet = feet.copy()
    feet[:, :2, 2] = turned[2] + 0.42 * hip[1]
    shoulder = skeleton.heads[skeleton.index("upper_arm_L")]
    above = rotations.about(0, np.array(tilt)) @ (shoulder - root) + root
    feet[:, 2:, 2] = above[2] + 0.02 * hip[1]
    lifted = np.zeros((len(feet), 4))
    lifted[:, :2] = _FLAT
    return feet, lifted


def _bend_legs(
    skeleton: Skeleton, pose: Pose, feet: np.ndarray, lifted: Float[np.ndarray, "T 4"]
) -> None:
    """Turns the legs' bones so that their toes are at `feet`."""
    world = skinning.chain(skeleton.parents, skeleton.heads, pose.local, pose.root)
    for number, names in enumerate(_LEGS):
        upper, lower, foot, toe = (skeleton.index(name) for name in names)
        hip = np.einsum("tij,j->ti", world[:, upper, :, :3], skeleton.heads[upper])
        hip = hip + world[:, upper, :, 3]
        # In its swing a foot hangs: hind ones tip forwards, fore ones backwards.
        tip = (0.7 if number < 2 else 1.1) * lifted[:, number]
        ankle = feet[:, number] + np.einsum(
            "tij,j->ti", rotations.about(0, tip), skeleton.heads[foot] - skeleton.heads[toe]
        )
        thigh, shin = _two_bones(skeleton.heads[[upper, lower, foot]], hip, ankle)
        toe_tip = np.where(lifted[:, number] > 0, 0.5 * tip, 0)
        before = pose.pitch[:, skeleton.parents[upper]]
        for bone, pitch in zip((upper, lower, foot, toe), (thigh, shin, tip, toe_tip), strict=True):
            pose.local[:, bone] = rotations.about(0, pitch - before)
            before = pitch


def _two_bones(
    rest: Float[np.ndarray, "3 3"], hip: Float[np.ndarray, "T 3"], ankle: Float[np.ndarray, "T 3"]
) -> tuple[np.ndarray, np.ndarray]:
    """World turns about x [T] of two bones from `hip` to `ankle` that bend as they do at rest.

    `rest` are hip, knee and ankle at rest. An ankle out of reach is approached as far as it goes.
    """

    def angle(vector: np.ndarray) -> np.ndarray:
        return np.arctan2(vector[..., 2], vector[..., 1])

    thigh, shin = rest[1] - rest[0], rest[2] - rest[1]
    first, second = np.hypot(*thigh[1:]), np.hypot(*shin[1:])
    line = ankle - hip
    far = np.hypot(line[:, 1], line[:, 2])
    far = np.clip(far, abs(first - second) + 1e-4, (first + second) * 0.998)
    knee = np.arccos(np.clip((first**2 + far**2 - second**2) / (2 * first * far), -1, 1))
    bend = np.sign(np.sin(angle(thigh) - angle(rest[2] - rest[0])))
    thigh_angle = angle(line) + bend * knee
    joint = hip.copy()
    joint[:, 1] += first * np.cos(thigh_angle)
    joint[:, 2] += first * np.sin(thigh_angle)
    return thigh_angle - angle(thigh), angle(ankle - joint) - angle(shin)


def _look_and_wag(
    rng: np.random.Generator, skeleton: Skeleton, pose: Pose, times_s: np.ndarray
) -> None:
    """Turns the head about, opens the mouth a little, and swings the tail."""
    neck, tail = skeleton.neck, skeleton.tail
    look = wander(rng, times_s, 2, (0.15, 0.8)) * rng.uniform(0.1, 0.5)
    lower = rng.uniform(-0.25, 0.35) - (pose.pitch[:, skeleton.index("torso")])
    for bone in neck:
        pose.local[:, bone] = rotations.about(1, look[:, 0] / len(neck)) @ rotations.about(
            0, (0.5 * look[:, 1] + lower) / len(neck)
        )
    gape = rng.uniform(0, 0.3) * (0.6 + 0.4 * np.sin(2 * np.pi * rng.uniform(1, 4) * times_s))
    pose.local[:, skeleton.index("jaw")] = rotations.about(0, gape)
    wag = rng.uniform(0, 0.9) * np.sin(2 * np.pi * rng.uniform(0.5, 4.0) * times_s)
    lift = rng.uniform(-0.2, 1.1) + 0.15 * wander(rng, times_s, 1, (0.3, 1.0))[:, 0]
    for number, bone in enumerate(tail):
        late = 0.13 * number / len(tail)
        swing = np.interp(times_s - late, times_s, wag) / len(tail)
        # The root of the tail keeps it as level as it is at rest, whatever the trunk does.
        level = -pose.pitch[:, skeleton.index("pelvis")] if number == 0 else 0.0
        pose.local[:, bone] = rotations.about(0, lift / len(tail) + level) @ rotations.about(
            1, swing
        )

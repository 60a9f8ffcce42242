"""How people are filmed: how much of them a picture shows, and how the camera moves."""

import dataclasses

HEAD = ("head_top", "chin", "nose", "left_ear", "right_ear")
BUST = (*HEAD, "left_shoulder", "right_shoulder", "spine3")
_HALF = (*BUST, "left_elbow", "right_elbow", "left_hip", "right_hip")
_KNEES = (*_HALF, "left_wrist", "right_wrist", "left_knee", "right_knee")


@dataclasses.dataclass(frozen=True)
class Shot:
    """How much of the subject the picture shows.

    Attributes:
      weight: how often, relative to the others.
      names: the joints that are to fill the picture; all points where empty.
      fill: range of the share of the picture's height, or of its width if that is larger, which
        they take up.
      focal_mm: range of 35 mm equivalent focal lengths.
      inside: share of the `names` over all frames that are in the picture, but where `CUT` lets
        the border cut them, and in rare cases in which nothing better was found.
    """

    weight: float
    names: tuple[str, ...]
    fill: tuple[float, float]
    focal_mm: tuple[float, float]
    inside: float


SHOTS: dict[str, Shot] = {
    "face": Shot(0.09, HEAD, (0.40, 0.95), (26, 135), 0.85),
    "head_and_shoulders": Shot(0.13, BUST, (0.45, 0.95), (24, 135), 0.85),
    "half_body": Shot(0.15, _HALF, (0.60, 1.00), (22, 120), 0.85),
    "three_quarter": Shot(0.12, _KNEES, (0.60, 1.00), (20, 100), 0.85),
    "full_body": Shot(0.26, (), (0.40, 0.95), (18, 100), 0.95),
    "far": Shot(0.25, (), (0.15, 0.40), (18, 135), 0.95),
}
# Subjects without the joints of a person are bounded by points that have no names.
NAMELESS = ("full_body", "far")

# (weight, low, high) degrees above the horizon from which the camera looks down.
ELEVATIONS_DEG = ((0.62, -8.0, 15.0), (0.12, -35.0, -8.0), (0.20, 15.0, 50.0), (0.06, 50.0, 85.0))


@dataclasses.dataclass(frozen=True)
class Motion:
    """How a camera moves. Speeds are ranges of magnitudes; their signs are drawn.

    Attributes:
      weight: how often, relative to the others.
      follows: how often the aim follows the subject, with a lag.
      tremor: strength of the hand's tremor, 0 on a tripod.
      orbit_deg_s: round the subject.
      climb_deg_s: over the subject.
      dolly_s: growth of the distance, e-folds per second.
      zoom_s: growth of the focal length, e-folds per second.
      truck_m_s: sideways, without turning.
      steps: whether the camera bobs with somebody's steps.
    """

    weight: float
    follows: float = 0.7
    tremor: float = 0.15
    orbit_deg_s: tuple[float, float] = (0, 0)
    climb_deg_s: tuple[float, float] = (0, 0)
    dolly_s: tuple[float, float] = (0, 0)
    zoom_s: tuple[float, float] = (0, 0)
    truck_m_s: tuple[float, float] = (0, 0)
    steps: bool = False


MOTIONS: dict[str, Motion] = {
    "tripod": Motion(0.20, follows=0.0, tremor=0.0),
    "hand_held": Motion(0.24, follows=0.5, tremor=1.0),
    "pan": Motion(0.12, follows=1.0, tremor=0.1),
    "orbit": Motion(0.11, orbit_deg_s=(5, 50), climb_deg_s=(0, 4)),
    "dolly": Motion(0.08, dolly_s=(0.08, 0.4)),
    "truck": Motion(0.06, follows=0.5, truck_m_s=(0.2, 1.2)),
    "zoom": Motion(0.05, follows=0.5, zoom_s=(0.1, 0.7)),
    "drone": Motion(0.06, tremor=0.2, climb_deg_s=(4, 20), orbit_deg_s=(0, 15), dolly_s=(0, 0.2)),
    "walking": Motion(0.08, tremor=1.5, dolly_s=(0.05, 0.3), truck_m_s=(0, 0.4), steps=True),
}

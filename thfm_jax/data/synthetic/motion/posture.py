"""The terms that motion is written in.

A `Posture` says where the hips are, how the trunk bends, where feet and hands are to be and what
the fingers do; `skeleton.solve` turns it into rotations of all bones. Arrays [T, ...] go over
times, [2, T, ...] over the sides, left then right. Angles are anatomical, in radians.
"""

import dataclasses
from typing import Literal

import numpy as np

Anchor = Literal["shoulder", "head", "hips", "world"]


@dataclasses.dataclass
class Feet:
    """Where the feet are, in the world.

    Attributes:
      ankle: [2, T, 3] metres.
      rotation: [2, T, 3, 3] of the foot's frame: y up from the sole, z along the foot.
      toes: [2, T] by which the toes bend up.
      planted: [2, T] bool, whether heel or ball stays where it is.
      knee: [2, T, 3] direction in which knees point, added to the natural one.
      slack: [2, T] metres by which the leg may fall short of its foot, which then leaves its path:
        0 while planted.
    """

    ankle: np.ndarray
    rotation: np.ndarray
    toes: np.ndarray
    planted: np.ndarray
    knee: np.ndarray
    slack: np.ndarray


@dataclasses.dataclass
class Arms:
    """What the arms do when the hands are not asked to be anywhere.

    Attributes:
      flexion, abduction, rotation: [2, T] of the shoulder: to the front, outwards, inward turn.
      elbow: [2, T]
      forearm: [2, T] inward turn.
      wrist: [2, T, 2] towards the palm, towards the thumb.
    """

    flexion: np.ndarray
    abduction: np.ndarray
    rotation: np.ndarray
    elbow: np.ndarray
    forearm: np.ndarray
    wrist: np.ndarray


@dataclasses.dataclass
class Reach:
    """A wish where one hand is.

    Attributes:
      side: 0 left, 1 right.
      weight: [T] 0 to 1, how far it goes there from where `Arms` has it.
      anchor: what `place` counts from: the shoulder at rest (chest axes, arm lengths), the head
        joint (head axes, metres), the middle of the hips (pelvis axes, metres), or the world's
        origin (metres). All but the world in the side's frame: x outwards, y up, z to the front.
      place: [T, 3] of the wrist.
      elbow: [T, 3] or [3] direction from the line shoulder-wrist to the elbow, side's chest axes.
      hand: [T, 3, 3] or [3, 3] frame of the hand (y from the fingers to the wrist, x out of the
        back of the hand, z to the thumb's side) in the anchor's axes; None keeps `Arms`' forearm
        and wrist.
    """

    side: int
    weight: np.ndarray
    anchor: Anchor
    place: np.ndarray
    elbow: np.ndarray
    hand: np.ndarray | None = None


@dataclasses.dataclass
class Posture:
    """A whole pose at T times.

    Attributes:
      hips: [T, 3] world position of the middle of the hip joints, metres.
      pelvis: [T, 3, 3]
      spine, neck: [T, 3] forward bend, bend to the left, turn to the left: of the chest against
        the pelvis, of the head against the chest.
      shrug: [2, T] extra elevation of the collar bones.
      feet, arms: see there.
      fingers: [2, T, 5, 4] from thumb to little finger: see `hands`.
      gaze: [T, 2] of the eyes against the head: up, to the left.
      expression: [T, E] weights of the face's units.
      reaches: wishes for the hands, the later on top of the earlier.
      grounded: 0 to 1 [T]: how far the whole body is moved up or down until its lowest point lies
        at `floor`; 0 where feet on the ground carry it.
      floor: [T] metres.
    """

    hips: np.ndarray
    pelvis: np.ndarray
    spine: np.ndarray
    neck: np.ndarray
    shrug: np.ndarray
    feet: Feet
    arms: Arms
    fingers: np.ndarray
    gaze: np.ndarray
    expression: np.ndarray
    reaches: list[Reach]
    grounded: np.ndarray
    floor: np.ndarray

"""How far joints turn: the one place where poses are held inside human limits.

Angles are anatomical, in degrees in `LIMITS` and in radians elsewhere, and 0 in a person who stands
upright with arms hanging and palms on the thighs. Ranges follow the usual goniometric tables for
healthy adults (American Academy of Orthopaedic Surgeons), widened a little where a rig's single
joint stands for several.
"""

import numpy as np

# name: ((lowest, highest) of each axis, ...) in degrees.
LIMITS: dict[str, tuple[tuple[float, float], ...]] = {
    # pelvis to chest, chest to head: forward bend, bend and turn to the left
    "spine": ((-35.0, 85.0), (-38.0, 38.0), (-48.0, 48.0)),
    "neck": ((-55.0, 50.0), (-42.0, 42.0), (-75.0, 75.0)),
    # of the collar bone: elevation, forward; from where a raised arm (45 degrees) puts it
    "clavicle": ((-14.0, 38.0), (-18.0, 24.0)),
    # direction of the upper arm as a swing from half raised (see `posture.ARM_CENTRE`): up, to the
    # front and across; then inward turn about its axis
    "shoulder": ((-82.0, 112.0), (-84.0, 92.0), (-95.0, 75.0)),
    "elbow": ((0.0, 148.0),),
    # inward turn (palm down, elbow bent)
    "forearm": ((-85.0, 85.0),),
    # towards the palm, towards the thumb
    "wrist": ((-65.0, 72.0), (-32.0, 24.0)),
    # flexion, abduction, inward turn
    "hip": ((-32.0, 132.0), (-35.0, 75.0), (-118.0, 50.0)),
    "knee": ((0.0, 155.0),),
    # dorsiflexion, sole inwards, toes inwards
    "ankle": ((-65.0, 42.0), (-35.0, 35.0), (-30.0, 30.0)),
    # upwards
    "toes": ((-35.0, 65.0),),
    # base and middle joint, tip, spread away from the middle finger
    "fingers": ((-25.0, 88.0), (-5.0, 105.0), (-5.0, 75.0), (-14.0, 22.0)),
    # opposition, bend, bend of the tip, away from the palm
    "thumb": ((-15.0, 55.0), (-15.0, 55.0), (-20.0, 75.0), (-20.0, 45.0)),
    # up, to the left
    "eyes": ((-28.0, 24.0), (-36.0, 36.0)),
}

# Angles bend smoothly into their limit from here on.
_MARGIN = np.radians(5.0)


def clamp(name: str, angles: np.ndarray) -> np.ndarray:
    """`angles` [..., axes] in radians, held inside `LIMITS[name]`.

    Joints with one axis are cut at a straight joint, where a two-bone chain ends by itself; all
    else approaches its limit smoothly over the last five degrees.
    """
    low, high = np.radians(np.array(LIMITS[name])).T
    angles = np.minimum(angles, _approach(angles, high))
    if len(low) == 1:
        return np.maximum(angles, low)
    return np.maximum(angles, -_approach(-angles, -low))


def excess(name: str, angles: np.ndarray) -> float:
    """Degrees by which `angles` in radians leave `LIMITS[name]`; at most 0 inside.

    `angles` [..., axes] may lack the last axes.
    """
    low, high = np.array(LIMITS[name])[: angles.shape[-1]].T
    degrees = np.degrees(angles)
    return float(np.maximum(degrees - high, low - degrees).max())


def _approach(angles: np.ndarray, high: np.ndarray) -> np.ndarray:
    start = high - _MARGIN
    return start + _MARGIN * np.tanh((angles - start) / _MARGIN)

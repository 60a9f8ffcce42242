"""Body parts: what `part` maps hold, and what they become in a mirror.

Left and right are the person's own. Clothes carry the part that they cover.
"""

import numpy as np

NAMES: tuple[str, ...] = (
    "background",
    "face",
    "scalp",
    "neck",
    "torso",
    "pelvis",
    "left_upper_arm",
    "right_upper_arm",
    "left_lower_arm",
    "right_lower_arm",
    "left_hand",
    "right_hand",
    "left_upper_leg",
    "right_upper_leg",
    "left_lower_leg",
    "right_lower_leg",
    "left_foot",
    "right_foot",
    "held",  # a prop in the hand, a bag: foreground, but no body
    "animal",
)
INDEX: dict[str, int] = {name: index for index, name in enumerate(NAMES)}


def _mirror(name: str) -> str:
    for ours, theirs in (("left_", "right_"), ("right_", "left_")):
        if name.startswith(ours):
            return theirs + name.removeprefix(ours)
    return name


# MIRROR[part] swaps left and right, which a horizontal flip of the image asks for.
MIRROR: np.ndarray = np.array([INDEX[_mirror(name)] for name in NAMES], np.uint8)

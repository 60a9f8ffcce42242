"""Bones that grow: how a cartoon's head, hands or limbs come out of all proportion.

A scaled bone maps its skin linearly about its head, and the skin weights blend neighbours, so that
joints stay where the bones meet.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np


class Scale(NamedTuple):
    """Factors of one bone.

    Attributes:
      size: of the bone, and of all bones that hang from it.
      length: along the bone.
      girth: across the bone.
    """

    size: float = 1.0
    length: float = 1.0
    girth: float = 1.0


def maps(
    scales: Mapping[str, Scale],
    bone: Mapping[str, int],
    parents: np.ndarray,
    heads: np.ndarray,
    tails: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Each bone's map and size.

    Args:
      scales: bone → factors.
      bone: bone → index; ValueError for a scale of none of them.
      parents: int32 [J], parents first.
      heads: [J, 3] and `tails` [J, 3] float64 metres.

    Returns:
      [J, 3, 4] float64 maps from the unscaled to the scaled body, and [J] float64 sizes.
    """
    if unknown := scales.keys() - bone.keys():
        raise ValueError(f"there are no bones {sorted(unknown)}")
    factors = np.tile(np.ones(3), (len(parents), 1))
    for name, scale in scales.items():
        factors[bone[name]] = scale
    linear, size = np.zeros((len(parents), 3, 3)), np.ones(len(parents))
    moved = heads.copy()
    for j, parent in enumerate(parents):
        size[j] = factors[j, 0]
        if parent >= 0:
            size[j] *= size[parent]
            moved[j] = moved[parent] + linear[parent] @ (heads[j] - heads[parent])
        along = (tails[j] - heads[j]) / max(np.linalg.norm(tails[j] - heads[j]), 1e-9)
        turned = np.outer(along, along)
        linear[j] = size[j] * (factors[j, 2] * (np.eye(3) - turned) + factors[j, 1] * turned)
    offset = moved - np.einsum("jrc,jc->jr", linear, heads)
    return np.concatenate([linear, offset[..., None]], axis=-1), size

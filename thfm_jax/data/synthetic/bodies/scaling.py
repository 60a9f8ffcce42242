"""Bones that grow: how a cartoon's head, hands or limbs come out of all proportion.

A scaled bone maps its skin linearly about its head, and the skin weights blend neighbours, so that
joints stay where the bones meet.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int


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
    parents: Int[np.ndarray, " J"],
    heads: Float[np.ndarray, "J 3"],
    tails: Float[np.ndarray, "J 3"],
) -> tuple[Float[np.ndarray, "J 3 4"], Float[np.ndarray, " J"]]:
    """Each bone's map and size.

    Args:
      scales: bone → factors.
      bone: bone → index; ValueError for a scale of none of them.
      parents: parents first, -1 for the root.
      heads: metres.
      tails: metres.

    Returns:
      float64 maps from the unscaled to the scaled body, and sizes.
    """
    if unknown := scales.keys() - bone.keys():
        raise ValueError(f"there are no bones {sorted(unknown)}")
    factors = np.ones((len(parents), 3))
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

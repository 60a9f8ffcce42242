"""Keeps arms out of the body."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Solids:
    radius: np.ndarray


def measure(rig, model, shape):
    return Solids(np.zeros(2))


def pusher(solids, pose):
    return lambda elbow, wrist: (elbow, wrist)

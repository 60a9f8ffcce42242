"""What people sit and lie on: furniture whose top is exactly where the motion asks for it."""

import numpy as np
from scipy.spatial import cKDTree

from thfm_jax.data.synthetic.motion.script import Seat
from thfm_jax.data.synthetic.places import furniture
from thfm_jax.data.synthetic.places.solids import Part, assembled
from thfm_jax.data.synthetic.places.space import Space
from thfm_jax.data.synthetic.scene import Mesh

LYING_M = 1.2  # a seat this deep is lain on
FLESH_M = 0.14  # kept free about bones by backs and arms
GROUND_M = 0.04  # a seat lower than this is the ground itself


def build(rng: np.random.Generator, seat: Seat, space: Space) -> tuple[list[Mesh], str]:
    """Furniture under a seat, and what it is; nothing where that is the ground.

    Backs and arms are left out where somebody's body is in their way.
    """
    x, _, z = seat.position
    if seat.height < GROUND_M:
        return [], "ground"
    kind, parts = _draw(rng, seat)
    if _in_the_way(parts, seat, space):
        kind, parts = _plain(rng, seat)
    return assembled(parts, x, z, seat.yaw), kind


def _draw(rng: np.random.Generator, seat: Seat) -> tuple[str, list[Part]]:
    """A kind of furniture for the seat's size, with a back where it has one."""
    width, depth = seat.size
    if max(width, depth) > LYING_M and depth >= width:
        if seat.height > 0.25 and rng.random() < 0.6:
            return "bed", furniture.bed(rng, width, depth, seat.height)
        return _plain(rng, seat)
    if width > LYING_M:
        return "sofa", furniture.sofa(rng, width, depth, seat.height)
    kinds = ["chair", "chair", "stool", "block", "armchair"]
    kind = kinds[rng.integers(len(kinds))] if seat.height < 0.6 else "stool"
    if kind == "chair":
        return kind, furniture.chair(rng, width, depth, seat.height)
    if kind == "armchair":
        return kind, furniture.sofa(rng, width, depth, seat.height)
    return _plain(rng, seat)


def _plain(rng: np.random.Generator, seat: Seat) -> tuple[str, list[Part]]:
    """Something with a top and nothing above it."""
    width, depth = seat.size
    if max(width, depth) > LYING_M:
        return "mat", furniture.mat(rng, width, depth, seat.height)
    style = rng.integers(3)
    if style == 0:
        return "block", furniture.block(rng, width, depth, seat.height)
    if style == 1:
        return "stool", furniture.chair(rng, width, depth, seat.height, back=False)
    return "stool", furniture.stool(rng, max(width, depth) / 2, seat.height)


def _in_the_way(parts: list[Part], seat: Seat, space: Space) -> bool:
    """Whether something above the seat's top meets a body."""
    x, _, z = seat.position
    points = np.concatenate([m.vertices[0] for m in assembled(parts, x, z, seat.yaw)])
    above = points[points[:, 1] > seat.height + 0.05]
    body = space.cloud[space.cloud[:, 1] > seat.height + 0.05]
    if not (len(above) and len(body)):
        return False
    return bool(cKDTree(body).query(above)[0].min() < FLESH_M)

"""Limbs and trunk as tapered capsules: what swinging cloth and hair stay out of."""

import dataclasses

import numpy as np

from thfm_jax.data.synthetic.bodies.body import BodyModel, Posed, Shape
from thfm_jax.data.synthetic.looks import suit


@dataclasses.dataclass(frozen=True)
class Limb:
    """A stretch of the body between two points of the base mesh.

    Attributes:
      bone: what carries it; bones of the left side stand for those of the right, too.
      start, end: its axis, in the frame of `suit`.
      reach: how far from the axis the skin is looked for, metres.
      share: quantile of the skin's distance that its radius is.
    """

    bone: str
    start: tuple[float, float, float]
    end: tuple[float, float, float]
    reach: float
    share: float = 0.6


LEGS = (
    Limb("upperleg01.L", (0.105, 0.0, 0.03), (0.158, -0.369, 0.025), 0.14, 0.85),
    Limb("lowerleg01.L", (0.158, -0.369, 0.015), (0.22, -0.745, -0.005), 0.12, 0.8),
)
TRUNK = (
    Limb("neck01", (0.0, 0.56, 0.005), (0.0, 0.61, 0.02), 0.09),
    Limb("clavicle.L", (0.03, 0.525, 0.0), (0.16, 0.51, 0.0), 0.09, 0.35),
    Limb("spine01", (0.07, 0.46, 0.0), (0.065, 0.3, 0.02), 0.14, 0.25),
    Limb("spine02", (0.0, 0.48, 0.01), (0.0, 0.25, 0.02), 0.14, 0.25),
)


def capsules(
    model: BodyModel, shape: Shape, posed: Posed, limbs: tuple[Limb, ...], margin: float
) -> np.ndarray:
    """[T, C, 8] float32 (start, end, their radii) in the world, `margin` metres wider than skin."""
    found = []
    for limb in limbs:
        for side in (1, -1) if limb.start[0] else (1,):
            bone = limb.bone if side > 0 else limb.bone.replace(".L", ".R")
            found.append(_capsule(model, shape, posed, limb, side, model.bone[bone], margin))
    return np.stack(found, axis=1).astype(np.float32)


def _capsule(
    model: BodyModel, shape: Shape, posed: Posed, limb: Limb, side: int, bone: int, margin: float
) -> np.ndarray:
    """[T, 8]; the axis keeps its place among the skin around it, for every shape."""
    of = suit.of(model)
    skin = of.sheet(shape.vertices)
    radii, ends = [], []
    axis = np.array([limb.start, limb.end]) * (side, 1, 1)
    along = axis[1] - axis[0]
    share = (of.position - axis[0]) @ along / (along @ along)
    off_axis = np.linalg.norm(of.position - axis[0] - share[:, None] * along, axis=1)
    for at, point in zip((0.0, 1.0), axis, strict=True):
        near = (off_axis < limb.reach) & (np.abs(share - at) < 0.25)
        if limb.start[0]:
            near &= of.position[:, 0] * side > 0
        place = skin[near].mean(axis=0) + (point - of.position[near].mean(axis=0))
        away = skin[near] - place
        away = away - (away @ along)[:, None] * along / (along @ along)
        radii.append(np.quantile(np.linalg.norm(away, axis=1), limb.share) + margin)
        ends.append(place)
    world = posed.bones[:, bone]
    moved = np.einsum("trc,ec->ter", world[..., :3], np.array(ends)) + world[:, None, :, 3]
    frames = len(world)
    return np.concatenate([moved.reshape(frames, 6), np.tile(radii, (frames, 1))], axis=1)

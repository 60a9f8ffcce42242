"""A person's head in motion: what hair grows on and hats sit on."""

import dataclasses

import numpy as np

from thfm_jax.data.synthetic.bodies.body import BodyModel, Posed, Shape
from thfm_jax.data.synthetic.looks import limbs, scalp
from thfm_jax.data.synthetic.looks.cloth import Hold


@dataclasses.dataclass(frozen=True)
class Head:
    """One head over a clip of `T` frames.

    Attributes:
      model: the body model.
      shape, posed: the person at rest and in each frame.
      fps: frames per second.
      instance: number of the person's meshes.
    """

    model: BodyModel
    shape: Shape
    posed: Posed
    fps: float
    instance: int

    def points(self, towards: np.ndarray, lift_m: float = 0.0) -> np.ndarray:
        """[..., 3] points over the skin towards unit directions [..., 3], at rest."""
        flat = towards.reshape(-1, 3)
        skin = scalp.points(self.model, flat) @ self.shape.vertices
        return (skin + lift_m * flat).reshape(towards.shape)

    def template(self, towards: np.ndarray) -> np.ndarray:
        """[N, 3] float32 canonical positions of the skin towards unit directions [N, 3]."""
        return (scalp.points(self.model, towards) @ self.model.template).astype(np.float32)

    def carried(self, rest: np.ndarray) -> np.ndarray:
        """[T, N, 3] float32 points [..., 3] at rest, carried by the head."""
        bone = self.posed.bones[:, self.model.bone["head"]]
        moved = np.einsum("trc,nc->tnr", bone[..., :3], rest.reshape(-1, 3))
        return np.ascontiguousarray(moved + bone[:, None, :, 3], np.float32)

    def turned(self, direction: tuple[float, float, float]) -> np.ndarray:
        """[T, 1, 3] float32 a direction at rest, turned with the head."""
        turn = self.posed.bones[:, self.model.bone["head"], :, :3]
        return (turn @ np.array(direction))[:, None].astype(np.float32)

    def hold(self, target: np.ndarray, leash: np.ndarray, margin_m: float) -> Hold:
        """Keeps what hangs from the head near `target` [T, V, 3] and off head and trunk."""
        trunk = limbs.capsules(self.model, self.shape, self.posed, limbs.TRUNK, margin_m)
        return Hold(
            target=target,
            leash=leash.astype(np.float32),
            floor=target,
            normal=target,
            gap=np.full(target.shape[:2], -2, np.float32),
            capsules=np.concatenate([self._skull(), trunk], axis=1),
        )

    def _skull(self) -> np.ndarray:
        """[T, 1, 8] a capsule in the head."""
        left, back, right = self.points(
            scalp.directions(np.array([1.6, 3.1, 4.7]), np.full(3, 1.5))
        )
        middle = (left + right) / 2
        radius = 0.95 * float(np.linalg.norm(left - right)) / 2
        low = (middle + back) / 2 - (0, radius * 0.6, 0)
        ends = self.carried(np.stack([middle, low])).reshape(-1, 6)
        radii = np.full((len(ends), 2), radius, np.float32)
        return np.concatenate([ends, radii], axis=1)[:, None].astype(np.float32)

"""The template body of dense pose: a canonical position tells triangle, texture and body part.

The template is MakeHuman's base mesh in the frame of `thfm_jax.tasks.densepose`: the skin, the
eyes, the teeth and the tongue. Clothes and hair show the skin beneath them.
"""

import functools
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from thfm_jax.data.synthetic.assets import Pack
from thfm_jax.data.synthetic.bodies.body import BodyModel
from thfm_jax.data.synthetic.bodies.closest import Surface

_PATCHES = ("body", "left_eye", "right_eye", "upper_teeth", "lower_teeth", "tongue")


class Lookup(NamedTuple):
    """What the template shows at canonical positions.

    Attributes:
      triangle: int32 [*] row of `Template.triangles`.
      barycentric: float32 [*, 3] weights of its corners.
      uv: float32 [*, 2] in MakeHuman's texture, v upwards.
      part: uint8 [*] of `parts.NAMES`.
      distance_m: float32 [*] from the template's surface.
    """

    triangle: np.ndarray
    barycentric: np.ndarray
    uv: np.ndarray
    part: np.ndarray
    distance_m: np.ndarray


class Template:
    """The template body.

    Attributes:
      vertices: [P, 3] float32 canonical positions in metres, doubled at seams of the texture.
      triangles: int32 [F, 3], counter-clockwise seen from outside.
      uv: float32 [P, 2].
      part: uint8 [F] of `parts.NAMES`.
      vertex_ids: int32 [P] rows of the body model's vertices.
    """

    def __init__(self, model: BodyModel):
        patches = [model.patches[name] for name in _PATCHES]
        offsets = np.cumsum([0] + [len(patch.vertex_ids) for patch in patches])
        self.vertex_ids = np.concatenate([patch.vertex_ids for patch in patches])
        self.vertices = model.template[self.vertex_ids]
        self.triangles = np.concatenate(
            [patch.triangles + start for patch, start in zip(patches, offsets, strict=False)]
        ).astype(np.int32)
        self.uv = np.concatenate([patch.uv for patch in patches])
        self.part = np.concatenate([patch.part for patch in patches])
        self._surface = Surface(self.vertices, self.triangles)

    @staticmethod
    def load(pack: Pack) -> "Template":
        """The template of `pack`, made once per process."""
        return _load(pack)

    def lookup(self, points: Float[np.ndarray, "*B 3"]) -> Lookup:
        """The point of the surface next to each canonical position (metres, finite)."""
        found = self._surface.closest(points)
        weights = found.barycentric.astype(np.float32)
        uv = np.einsum("...k,...kc->...c", weights, self.uv[self.triangles[found.triangle]])
        return Lookup(
            found.triangle,
            weights,
            uv,
            self.part[found.triangle],
            found.distance.astype(np.float32),
        )


@functools.lru_cache(maxsize=2)
def _load(pack: Pack) -> Template:
    return Template(BodyModel.load(pack))

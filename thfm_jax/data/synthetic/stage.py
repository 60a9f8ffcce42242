"""The surroundings of a clip: a place, its light, what stands in it, and what hides its people."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from thfm_jax.data.synthetic import lighting, panorama, room
from thfm_jax.data.synthetic.assets import Pack
from thfm_jax.data.synthetic.pictures import Pictures
from thfm_jax.data.synthetic.scene import Backdrop, Camera, Lighting, Mesh
from thfm_jax.data.synthetic.space import Space


@dataclasses.dataclass(frozen=True)
class Stage:
    """Everything in a scene but the subjects and the camera.

    Attributes:
      meshes: ground, walls, furniture, occluders; their instance is 0.
      lighting: see `scene.Lighting`.
      backdrop: see `scene.Backdrop`.
      meta: plain values that describe it; "style" is one of `STYLES`.
    """

    meshes: list[Mesh]
    lighting: Lighting
    backdrop: Backdrop
    meta: dict[str, Any]


def build(
    rng: np.random.Generator,
    camera: Camera,
    subjects: Sequence[Float[np.ndarray, "T n 3"]],
    seats: Sequence[Any],
    pack: Pack,
    pictures: Pictures | None = None,
) -> Stage:
    space = Space(camera, subjects)
    name, image = panorama.load(rng, pack)
    light = lighting.from_panorama(image)
    if rng.random() < 0.5 and space.distance_m < 12 and space.eyes[:, 1].max() < 5:
        meshes, light = room.build(rng, space)
        return Stage(meshes, light, panorama.backdrop(image, space), {"style": "room"})
    meshes = [panorama.ground(rng, image, light, space)]
    return Stage(
        meshes, light, panorama.backdrop(image, space), {"style": "panorama", "panorama": name}
    )

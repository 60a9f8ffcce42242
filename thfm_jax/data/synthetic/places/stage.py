"""The surroundings of a clip: a place, its light, what stands in it, and what hides its people."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from thfm_jax.data.synthetic.assets import Pack
from thfm_jax.data.synthetic.motion.script import Seat
from thfm_jax.data.synthetic.places import (
    clutter,
    collage,
    furniture,
    lamps,
    occluders,
    outdoors,
    panorama,
    plants,
    room,
    seats,
    sky,
    street,
    studio,
)
from thfm_jax.data.synthetic.places import pictures as picture_files
from thfm_jax.data.synthetic.places.pictures import Pictures
from thfm_jax.data.synthetic.places.space import Space
from thfm_jax.data.synthetic.scene import Backdrop, Camera, Lighting, Mesh


@dataclasses.dataclass(frozen=True)
class Stage:
    """Everything in a scene but the subjects and the camera.

    Attributes:
      meshes: ground, walls, furniture, occluders; their instance is 0.
      lighting: see `scene.Lighting`.
      backdrop: see `scene.Backdrop`.
      meta: plain values that describe it: "style" is one of `STYLES`; "seats", "occluder" and
        "hidden" where there are such.
    """

    meshes: list[Mesh]
    lighting: Lighting
    backdrop: Backdrop
    meta: dict[str, Any]


# How often each place is drawn. "picture" only where the user names a folder of pictures.
STYLES: dict[str, float] = {
    "panorama": 0.26,
    "room": 0.32,
    "outdoors": 0.24,
    "studio": 0.10,
    "collage": 0.08,
    "picture": 0.25,
}


SHARP_PX = 5.0  # size of a panorama's texel in the picture up to which it passes for sharp


def build(
    rng: np.random.Generator,
    camera: Camera,
    subjects: Sequence[Float[np.ndarray, "T n 3"]],
    seating: Sequence[Seat],
    pack: Pack,
    pictures: Pictures | None = None,
) -> Stage:
    """Surroundings for what the camera films.

    Args:
      rng: the only source of randomness.
      camera: stays outside of everything that is built.
      subjects: [T, n, 3] world positions that bound each subject, the main one first: see
        `cameras.sample`.
      seating: what subjects sit or lie on: furniture is put exactly under them.
      pack: panoramas; places are made up where it has none.
      pictures: the user's own, or None.
    """
    space = Space(camera, subjects)
    style = _choose(rng, space, pack, pictures)
    seat_rng, place_rng, front_rng = rng.spawn(3)
    built = [seats.build(seat_rng, seat, space) for seat in seating]
    for meshes, _ in built:
        space.reserve(meshes)
    place = _PLACES[style](place_rng, space, pack, pictures)
    meta = {"style": style, "seats": [kind for _, kind in built], **place.meta}
    front: list[Mesh] = []
    if front_rng.random() < occluders.SHARE:
        front, facts = occluders.build(front_rng, space, indoors=style in ("room", "studio"))
        meta |= facts
    meshes = [*place.meshes, *(mesh for meshes, _ in built for mesh in meshes), *front]
    return Stage(meshes, place.lighting, place.backdrop, meta)


def _choose(rng: np.random.Generator, space: Space, pack: Pack, pictures: Pictures | None) -> str:
    """A style that suits the camera.

    There are no rooms about distant or very high cameras, and fewer panoramas before long lenses,
    which make them blurred.
    """
    weights = dict(STYLES)
    if pictures is None:
        weights["picture"] = 0.0
    if not panorama.available(pack):
        weights["panorama"] = 0.0
    weights["panorama"] *= min(1.0, SHARP_PX / panorama.texel_px(space))
    highest = float(space.eyes[:, 1].max())
    if space.distance_m > room.FARTHEST_M or highest > room.HIGHEST_M:
        weights["room"] = 0.0
    if space.distance_m > room.FARTHEST_M:
        weights["studio"] = 0.0
    shares = np.array(list(weights.values()))
    return str(rng.choice(list(weights), p=shares / shares.sum()))


def _panorama(rng: np.random.Generator, space: Space, pack: Pack, _: Pictures | None) -> Stage:
    name, image, light = panorama.load(rng, pack)
    meshes = [panorama.ground(rng, name, image, light, space)]
    things = (*furniture.ABOUT, plants.potted, furniture.armchair)
    if name not in panorama.INDOORS:
        things = (plants.bush, plants.grass_tuft, street.rock, street.bench, street.bollard)
        things = (*things, street.lamp_post, street.fence, plants.tree)
    meshes += clutter.strew(rng, space, things, int(rng.integers(0, 6)), (-1.0, 6.0))
    return Stage(meshes, light, panorama.backdrop(image, space), {"panorama": name})


def _room(rng: np.random.Generator, space: Space, pack: Pack, _: Pictures | None) -> Stage:
    meshes, light, meta = room.build(rng, space)
    if panorama.available(pack):
        name, image = panorama.load(rng, pack, panorama.OUTDOORS)[:2]
    else:
        image, _light, name = sky.build(rng)
    # Days are brighter than rooms.
    outside = panorama.backdrop(image * np.float32(rng.uniform(0.8, 3.0)), space)
    return Stage(meshes, light, outside, {**meta, "outside": name})


def _outdoors(rng: np.random.Generator, space: Space, pack: Pack, _: Pictures | None) -> Stage:
    if rng.random() < 0.4 and panorama.available(pack):
        name, image, light = panorama.load(rng, pack, panorama.OPEN)
    else:
        image, light, name = sky.build(rng)
    height = image.shape[0]
    horizon = image[height // 2 + 1 : height // 2 + 6].mean(axis=(0, 1))
    meshes = outdoors.build(rng, space, light, horizon, float(np.exp(rng.uniform(3.5, 6.0))))
    return Stage(meshes, light, panorama.backdrop(image, space), {"sky": name})


def _studio(rng: np.random.Generator, space: Space, pack: Pack, _: Pictures | None) -> Stage:
    meshes, meta = studio.build(rng, space)
    light = lamps.studio(rng, _front(space))
    if rng.random() < 0.3:
        things = (furniture.stool, furniture.barrel, plants.potted, furniture.crates)
        meshes += clutter.strew(rng, space, things, 2, (-1.0, 1.0))
    return Stage(meshes, light, _plain(np.full(3, 0.05)), meta)


def _collage(rng: np.random.Generator, space: Space, pack: Pack, _: Pictures | None) -> Stage:
    return _flat(rng, space, collage.draw(rng), {})


def _picture(rng: np.random.Generator, space: Space, _: Pack, pictures: Pictures | None) -> Stage:
    assert pictures is not None  # or its weight is 0
    name, image = pictures.sample(rng)
    return _flat(rng, space, image, {"picture": name})


def _flat(rng: np.random.Generator, space: Space, image: np.ndarray, meta: dict[str, Any]) -> Stage:
    """Subjects before a flat picture, in a light that knows nothing of it."""
    camera = space.camera
    backdrop = picture_files.drifting(rng, image, len(camera.rotation), camera.size)
    return Stage([], lamps.studio(rng, _front(space)), backdrop, meta)


def _plain(colour: np.ndarray) -> Backdrop:
    return Backdrop(colour.astype(np.float32).reshape(1, 1, 3), panorama=True)


def _front(space: Space) -> float:
    """Azimuth from which the camera looks."""
    return float(np.arctan2(-space.ahead[0], -space.ahead[1]))


_PLACES = {
    "panorama": _panorama,
    "room": _room,
    "outdoors": _outdoors,
    "studio": _studio,
    "collage": _collage,
    "picture": _picture,
}

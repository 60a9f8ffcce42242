"""Dogs and rodents of many sizes and colours: subjects that training never sees."""

import dataclasses
import functools
from typing import Any

import numpy as np
from jaxtyping import Float

from thfm_jax.data.synthetic import parts
from thfm_jax.data.synthetic.assets import Pack
from thfm_jax.data.synthetic.bodies import gaits, skinning
from thfm_jax.data.synthetic.bodies.gaits import Skeleton
from thfm_jax.data.synthetic.looks.colours import linear
from thfm_jax.data.synthetic.motion import rotations
from thfm_jax.data.synthetic.places import noise, surfaces
from thfm_jax.data.synthetic.scene import Material, Mesh

SPECIES: dict[str, tuple[float, float]] = {"dog": (0.5, 1.25), "rodent": (0.9, 3.0)}
BOUNDS = 48  # points that bound an animal
_KINDS = (0.34, 0.3, 0.2, 0.16)  # how often each of gaits.KINDS is drawn


@dataclasses.dataclass(frozen=True)
class Animal:
    """An animal at rest on its feet, in metres.

    Attributes:
      vertices: [V, 3] float32.
      triangles: [F, 3] int32.
      uv: [V, 2] float32.
      normal_ids: [V] int32: see `scene.Mesh`.
      bones: int32 [V, K]; weights: [V, K] float32.
      skeleton: its bones.
      outline: [BOUNDS] indices of vertices far apart from each other.
      texture: [512, 512, 3] float32 linear RGB, or None.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray
    normal_ids: np.ndarray
    bones: np.ndarray
    weights: np.ndarray
    skeleton: Skeleton
    outline: np.ndarray
    texture: np.ndarray | None


def sample(
    rng: np.random.Generator, pack: Pack, frames: int, fps: float, instance: int
) -> tuple[list[Mesh], Float[np.ndarray, "T n 3"], dict[str, Any]]:
    """(meshes, points that bound the animal in every frame, plain values that describe it).

    The animal is near the origin half-way through the clip and stands or moves on y = 0.
    """
    body_rng, motion_rng, fur_rng = rng.spawn(3)
    species = str(body_rng.choice(list(SPECIES), p=(0.7, 0.3)))
    animal = load(pack, species)
    scale = np.exp(body_rng.uniform(*np.log(SPECIES[species])))
    build = scale * np.array([1.0, body_rng.uniform(0.75, 1.08), body_rng.uniform(0.9, 1.12)])
    skeleton = dataclasses.replace(animal.skeleton, heads=animal.skeleton.heads * build)
    kind = str(motion_rng.choice(gaits.KINDS, p=_KINDS))
    yaw = motion_rng.uniform(-np.pi, np.pi)
    world = gaits.animate(motion_rng, skeleton, np.arange(frames) / fps, kind)
    world = np.einsum("ij,tbjk->tbik", rotations.about(1, np.array(yaw)), world)
    rest = (animal.vertices * build).astype(np.float32)[None]
    vertices = skinning.skin(rest, world.astype(np.float32), animal.bones, animal.weights)
    # What would be below the ground, the end of a tail, lies on it.
    vertices[..., 1] = np.maximum(vertices[..., 1], 0)
    material, fur = _fur(fur_rng, animal)
    mesh = Mesh(
        vertices,
        animal.triangles,
        animal.uv,
        material,
        instance=instance,
        part=np.full(len(animal.triangles), parts.INDEX["animal"], np.uint8),
        normal_ids=animal.normal_ids,
    )
    meta = {"species": species, "motion": kind, "scale": float(scale), "fur": fur}
    return [mesh], vertices[:, animal.outline].astype(np.float64), meta


@functools.lru_cache(maxsize=4)
def load(pack: Pack, species: str) -> Animal:
    """One of `SPECIES`; assets.AssetError where the pack was built without animals."""
    data = {key: pack[f"animals/{species}/{key}"] for key in _ARRAYS}
    names = tuple(str(name) for name in data["bones"])
    vertices = data["vertices"].astype(np.float32)
    strongest = data["weight_bones"][:, 0]
    soles = np.isin(strongest, [i for i, n in enumerate(names) if n.startswith(("toe", "finger"))])
    floor = np.array([0, vertices[soles, 1].min(), 0], np.float32)
    vertices = vertices - floor
    heads = data["heads"].astype(np.float64) - floor
    textured = f"animals/{species}/texture" in pack
    _, ids = np.unique(np.round(vertices, 5), axis=0, return_inverse=True)
    return Animal(
        vertices=vertices,
        triangles=data["triangles"].astype(np.int32),
        uv=data["uv"].astype(np.float32) if textured else _unwrapped(vertices),
        normal_ids=ids.reshape(-1).astype(np.int32),
        bones=data["weight_bones"].astype(np.int32),
        weights=data["weights"].astype(np.float32),
        skeleton=Skeleton(names, data["parents"].astype(np.int32), heads),
        outline=_outline(vertices),
        texture=_halved(linear(pack[f"animals/{species}/texture"])) if textured else None,
    )


_ARRAYS = ("bones", "vertices", "weight_bones", "weights", "heads", "parents", "triangles", "uv")


def _unwrapped(vertices: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "V 2"]:
    """Coordinates in metres along the body and round it, for a skin that has none."""
    return np.stack([vertices[:, 2], vertices[:, 1] + np.abs(vertices[:, 0])], -1).astype(
        np.float32
    )


def _halved(texture: Float[np.ndarray, "R R 3"]) -> Float[np.ndarray, "R/2 R/2 3"]:
    size = len(texture) // 2
    return texture.reshape(size, 2, size, 2, 3).mean(axis=(1, 3))


def _outline(vertices: Float[np.ndarray, "V 3"]) -> np.ndarray:
    """Vertices each as far as possible from those before it."""
    chosen = [int(vertices[:, 1].argmax())]
    gap = np.full(len(vertices), np.inf)
    for _ in range(BOUNDS - 1):
        gap = np.minimum(gap, np.linalg.norm(vertices - vertices[chosen[-1]], axis=-1))
        chosen.append(int(gap.argmax()))
    return np.array(chosen)


def _fur(rng: np.random.Generator, animal: Animal) -> tuple[Material, str]:
    """A coat, and what it is: as photographed, dyed, plain, or with patches."""
    grain = noise.cloud(noise.pick(rng), -0.2, 20.0)
    light, dark = _coat(rng), _coat(rng)
    if animal.texture is None:
        kind = "patches" if rng.random() < 0.5 else "plain"
        patches = np.clip((noise.cloud(noise.pick(rng), 1.3) - 0.5) * 8 + 0.5, 0, 1)
        field = patches if kind == "patches" else np.zeros_like(patches)
        albedo = surfaces.blend(field, light, dark) * (0.7 + 0.3 * grain[..., None])
        # Several tiles over an animal's length.
        repeat = 3.0
    else:
        kind = str(rng.choice(("photographed", "dyed", "patches"), p=(0.2, 0.4, 0.4)))
        albedo, repeat = _dyed(rng, animal.texture, kind, light, dark), 1.0
    depth = np.float32(rng.uniform(0.0001, 0.0006))
    material = Material(
        albedo.astype(np.float32),
        (repeat, repeat),
        height=None if animal.texture is not None else grain * depth,
        specular=0.03,
        roughness=0.7,
        wrap=0.2,
        sheen=rng.uniform(0, 0.3),
    )
    return material, kind


def _coat(rng: np.random.Generator) -> Float[np.ndarray, "3"]:
    """White to grey to black, or cream to brown; rarely any colour at all."""
    if rng.random() < 0.1:
        return surfaces.any_colour(rng, 1.0)
    value = rng.uniform(0.08, 0.95)
    return surfaces.hsv(
        rng.normal(0.08, 0.02), rng.choice((0.05, 0.5)) * rng.uniform(0.6, 1.4), value
    )


def _dyed(
    rng: np.random.Generator,
    texture: Float[np.ndarray, "R R 3"],
    kind: str,
    light: Float[np.ndarray, "3"],
    dark: Float[np.ndarray, "3"],
) -> Float[np.ndarray, "R R 3"]:
    """The photographed texture with its shades on another colour, or on two in patches."""
    if kind == "photographed":
        return texture
    shade = texture.mean(axis=-1, keepdims=True)
    shade = np.clip(shade / np.median(shade), 0.1, 1.6)
    colour = np.broadcast_to(light, texture.shape)
    if kind == "patches":
        times = len(texture) // noise.SIZE
        field = noise.cloud(noise.pick(rng), 1.4).repeat(times, 0).repeat(times, 1)
        colour = surfaces.blend(np.clip((field - 0.5) * 8 + 0.5, 0, 1), light, dark)
    return np.clip(colour * shade, 0, 1)

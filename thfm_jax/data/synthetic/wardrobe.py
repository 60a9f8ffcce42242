"""Everything that belongs to a person in the picture: skin, face, hair, clothes, what they carry."""

import dataclasses
from typing import Any

import numpy as np

from thfm_jax.data.synthetic import colours, fabrics, face, garments, hair, shoes, skin
from thfm_jax.data.synthetic.body import BodyModel, Posed, Shape
from thfm_jax.data.synthetic.scene import Mesh
from thfm_jax.data.synthetic.tailor import Tailor


@dataclasses.dataclass(frozen=True)
class Outfit:
    """A dressed person.

    Attributes:
      meshes: all that is drawn of it.
      meta: plain values: names of garments, mean sRGB colours.
    """

    meshes: list[Mesh]
    meta: dict[str, Any]


def dress(
    rng: np.random.Generator,
    model: BodyModel,
    shape: Shape,
    posed: Posed,
    motion: Any,
    fps: float,
    instance: int,
    style: str | None = None,
) -> Outfit:
    """A random outfit for one person over a clip."""
    skin_rng, face_rng, hair_rng, cloth_rng, shoe_rng = rng.spawn(5)
    person = shape.phenotype
    flat = style == "cartoon"
    look = (skin.cartoon if flat else skin.sample)(skin_rng, person)
    tailor = Tailor(model, shape, posed, fps)
    meta: dict[str, Any] = {"skin_rgb": colours.srgb(look.colour)}

    worn, names = [], []
    footwear = str(shoe_rng.choice(list(shoes.KINDS)))
    pair, field, leather = shoes.make(shoe_rng, model, shape, posed, footwear, instance, flat)
    tailor.cover(field)
    worn += pair
    names.append(footwear)
    for kinds, key in ((garments.BOTTOMS, "bottom_rgb"), (garments.TOPS, "top_rgb")):
        kind = str(cloth_rng.choice(list(kinds)))
        garment = kinds[kind](cloth_rng, tailor.suit)
        cut = garment.cuts[int(cloth_rng.integers(len(garment.cuts)))]
        base = colours.denim(cloth_rng) if cut is fabrics.DENIM else colours.cloth(cloth_rng)
        fabric = fabrics.make(cloth_rng, cut, base, 0.2, flat)
        worn.append(tailor.sew(cloth_rng, garment.pattern).mesh(fabric.material, instance))
        names.append(garment.name)
        meta[key] = colours.srgb(fabric.colour)

    bare = tailor.bare(model)
    meshes = [skin.mesh(skin_rng, model, posed, bare, look, person.age_years, instance, flat)]
    balls, iris = face.eyes(face_rng, model, posed, look.melanin, instance, flat)
    meshes += balls + face.mouth(face_rng, model, posed, instance)
    meshes.append(face.lashes(model, posed, person.gender < 0.5, instance))
    colour = hair.sample_colour(hair_rng, person, look.melanin)
    brow = np.minimum(colour, 0.15) if person.age_years < 60 else colour
    meshes.append(face.brows(face_rng, model, posed, brow, person.gender, instance))
    cut_of_hair = hair.sample_style(hair_rng, person, look.melanin)
    if cut_of_hair is not None:
        meshes += hair.grow(hair_rng, model, posed, cut_of_hair, colour, instance)
    meta |= {
        "garments": names,
        "hair": cut_of_hair.name if cut_of_hair else "bald",
        "hair_rgb": colours.srgb(colour),
        "iris_rgb": [int(c) for c in iris],
    }
    return Outfit(meshes + worn, meta)

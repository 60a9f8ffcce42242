"""Everything that belongs to a person: skin, face, hair, clothes, and what is worn or held."""

import dataclasses
from typing import Any

import numpy as np

from thfm_jax.data.synthetic.bodies.body import BodyModel, Posed, Shape
from thfm_jax.data.synthetic.looks import (
    accessories,
    beards,
    colours,
    ensembles,
    fabrics,
    face,
    hair,
    hairstyles,
    headwear,
    props,
    shoes,
    skin,
    suit,
    tattoos,
    trims,
)
from thfm_jax.data.synthetic.looks.ensembles import STYLES, Ensemble
from thfm_jax.data.synthetic.looks.garments import Garment
from thfm_jax.data.synthetic.looks.heads import Head
from thfm_jax.data.synthetic.looks.skin import Skin
from thfm_jax.data.synthetic.looks.tailor import Cloth, Tailor
from thfm_jax.data.synthetic.scene import Material, Mesh

__all__ = ["STYLES", "Outfit", "dress"]


@dataclasses.dataclass(frozen=True)
class Outfit:
    """A dressed person.

    Attributes:
      meshes: all that is drawn of it.
      meta: plain values: style, garments, hair, mean sRGB colours.
    """

    meshes: list[Mesh]
    meta: dict[str, Any]


_TATTOOED = 0.1  # chance
_ON_HAIR = ("beanie", "cap", "brimmed hat", "helmet", "headscarf", "headband", "headphones")
_LAID_ON = {
    "scarf": accessories.scarf, "tie": accessories.tie, "watch": accessories.watch,
    "backpack": accessories.straps, "sash": accessories.sash, "apron": accessories.apron,
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class _Person:
    """Whom to dress, in motion."""

    model: BodyModel
    shape: Shape
    posed: Posed
    fps: float
    instance: int
    flat: bool


def dress(
    rng: np.random.Generator,
    model: BodyModel,
    shape: Shape,
    posed: Posed,
    motion: Any,
    fps: float,
    instance: int,
    style: str | None = None,
    held: str | None = None,
) -> Outfit:
    """A random outfit for one person over a clip.

    Args:
      rng: all that is random comes from it.
      model: the body model.
      shape, posed: the person at rest and in each frame.
      motion: what the person does; its `hand` says which hand holds something.
      fps: frames per second, for cloth and hair that lag behind.
      instance: number of the person's meshes.
      style: one of `STYLES`; None draws one. "cartoon" is flat and saturated.
      held: one of `props.SHARES`; None for nothing, or for anything where `motion.hand` is one.

    Raises:
      ValueError: for another style.
    """
    skin_rng, face_rng, hair_rng, cloth_rng, shoe_rng, worn_rng = rng.spawn(6)
    flat = style == "cartoon"
    person = _Person(model, shape, posed, fps, instance, flat)
    ensemble = ensembles.choose(cloth_rng, shape.phenotype, style)
    look = (skin.cartoon if flat else skin.sample)(skin_rng, shape.phenotype)
    tailor = Tailor(model, shape, posed, fps)
    sewn, meta = _clothes(cloth_rng, person, tailor, ensemble)
    laid, others, hidden = _others(worn_rng, person, tailor, ensemble)
    footwear, shod = _shoes(shoe_rng, person, ensemble, meta)
    worn = _drawn(sewn + laid, tailor, shod, instance) + footwear
    tailor.cover(shod)
    bare = tailor.bare() & ~hidden
    age = shape.phenotype.age_years
    body = [skin.mesh(skin_rng, model, posed, bare, look, age, instance, flat)]
    if age > 17 and not flat and skin_rng.uniform() < _TATTOOED:
        body += tattoos.draw(skin_rng, model, posed, instance)
    colour = hairstyles.sample_colour(hair_rng, shape.phenotype, look.melanin)
    head = _face(face_rng, person, look, colour, meta)
    head += _head(hair_rng, person, look, colour, ensemble, meta)
    if held is None and getattr(motion, "hand", None) is not None:
        held = props.draw(worn_rng, 1.0)
    if held is not None:
        hand = getattr(motion, "hand", None)
        hand = int(worn_rng.integers(2)) if hand is None else hand
        worn += props.hold(worn_rng, model, shape, posed, held, hand, instance)
    # Who wears no top shows skin, and a dress is both.
    meta.setdefault("top_rgb", colours.srgb(look.colour))
    meta.setdefault("bottom_rgb", meta["top_rgb"])
    meta |= {
        "style": ensemble.style,
        "skin_rgb": colours.srgb(look.colour),
        "worn": list(ensemble.worn),
        "held": held,
    }
    return Outfit(body + head + worn + others, meta)


@dataclasses.dataclass(frozen=True)
class _Sewn:
    """A garment or a trim: its surface, material, and number in the tailor's order.

    What is worn in shoes is seen only where these do not cover it.
    """

    cloth: Cloth
    material: Material
    layer: int
    in_shoes: bool = False


def _clothes(
    rng: np.random.Generator, person: _Person, tailor: Tailor, ensemble: Ensemble
) -> tuple[list[_Sewn], dict[str, Any]]:
    """Garments in their order, and what to note about them."""
    sewn: list[_Sewn] = []
    meta: dict[str, Any] = {"garments": []}
    matching: np.ndarray | None = None
    for maker in ensemble.layers:
        garment = maker(rng, tailor)
        cut = garment.cuts[int(rng.integers(len(garment.cuts)))]
        base = _base_colour(rng, cut, ensemble.boldness)
        if ensemble.matched and cut is fabrics.SUITING:
            base = matching = base if matching is None else matching
        look = fabrics.make(rng, cut, base, ensemble.boldness, person.flat, garment.marks)
        in_shoes = maker is accessories.socks
        sewn += _sewn(rng, tailor, garment, look, in_shoes)
        meta["garments"].append(garment.name)
        on_legs = garment.pattern.legs or "skirt" in garment.name
        if not in_shoes:
            meta["bottom_rgb" if on_legs else "top_rgb"] = colours.srgb(look.colour)
    if ensemble.belted is not None:
        strap = accessories.belt(rng, tailor, ensemble.belted)
        sewn += _sewn(rng, tailor, strap, _plain_look(rng, person, strap, 0.1))
        meta["garments"].append("belt")
    return sewn, meta


def _sewn(
    rng: np.random.Generator,
    tailor: Tailor,
    garment: Garment,
    look: fabrics.Look,
    in_shoes: bool = False,
) -> list[_Sewn]:
    """A garment and its trims."""
    layer = len(tailor.fields)
    surface = tailor.sew(rng, garment.pattern)
    plain = Material(colours.cloth(rng).reshape(1, 1, 3), roughness=0.8, wrap=0.15)
    edges = [
        _Sewn(edge, look.material if trim.fabric == "own" else plain, layer)
        for trim, edge in trims.sew(surface, garment.trims)
    ]
    return [_Sewn(surface, look.material, layer, in_shoes), *edges]


def _plain_look(
    rng: np.random.Generator, person: _Person, garment: Garment, boldness: float
) -> fabrics.Look:
    cut = garment.cuts[int(rng.integers(len(garment.cuts)))]
    base = _base_colour(rng, cut, boldness)
    return fabrics.make(rng, cut, base, boldness, person.flat, garment.marks)


def _drawn(sewn: list[_Sewn], tailor: Tailor, shod: np.ndarray, instance: int) -> list[Mesh]:
    """What is seen of all layers: nothing of one that another covers.

    `shod` [N] is how far inside of the edge of a shoe the suit's vertices are.
    """
    meshes = []
    for piece in sewn:
        hidden = tailor.hidden(piece.layer + 1)
        left = piece.cloth.without(hidden | (shod > 0.01) if piece.in_shoes else hidden)
        if len(left.triangles):
            meshes.append(left.mesh(piece.material, instance))
    return meshes


def _base_colour(rng: np.random.Generator, cut: fabrics.Cut, boldness: float) -> np.ndarray:
    if cut is fabrics.DENIM:
        return colours.denim(rng)
    if cut is fabrics.LEATHER:
        return colours.leather(rng)
    if cut is fabrics.HIVIS:
        return colours.linear(((240, 120, 20), (210, 240, 40))[int(rng.integers(2))])
    return colours.cloth(rng, boldness)


def _shoes(
    rng: np.random.Generator, person: _Person, ensemble: Ensemble, meta: dict[str, Any]
) -> tuple[list[Mesh], np.ndarray]:
    """Shoes, and [N] metres inside their edge at the suit's vertices."""
    if not ensemble.shoes:
        return [], np.full(len(suit.of(person.model).position), -1, np.float32)
    meta["garments"].append(ensemble.shoes)
    return shoes.make(
        rng, person.model, person.shape, person.posed, ensemble.shoes, person.instance, person.flat
    )


def _face(
    rng: np.random.Generator, person: _Person, look: Skin, colour: np.ndarray, meta: dict[str, Any]
) -> list[Mesh]:
    model, posed, instance = person.model, person.posed, person.instance
    phenotype = person.shape.phenotype
    meshes, iris = face.eyes(rng, model, posed, look.melanin, instance, person.flat)
    meshes += face.mouth(rng, model, posed, instance)
    meshes.append(face.lashes(model, posed, phenotype.gender < 0.5, instance))
    brow = colour * (1.0 if phenotype.age_years > 60 else min(1.0, 0.12 / float(colour.max())))
    meshes.append(face.brows(rng, model, posed, brow, phenotype.gender, instance))
    meta["iris_rgb"] = [int(c) for c in iris]
    return meshes


def _head(
    rng: np.random.Generator,
    person: _Person,
    look: Skin,
    colour: np.ndarray,
    ensemble: Ensemble,
    meta: dict[str, Any],
) -> list[Mesh]:
    """Hair, beard, and what the head wears over them."""
    model, shape, posed, instance = person.model, person.shape, person.posed, person.instance
    kinds = [name for name in ensemble.worn if name in headwear.KINDS]
    style = hairstyles.sample_style(rng, shape.phenotype, look.melanin)
    meta |= {"hair": style.name if style else "bald", "hair_rgb": colours.srgb(colour)}
    if style and any(kind in _ON_HAIR for kind in kinds):
        style = dataclasses.replace(
            style, length_m=min(style.length_m, 0.012), fringe_m=0.0, sweep=(0.0, 0.0, 0.0)
        )
    head = Head(model, shape, posed, person.fps, instance)
    meshes: list[Mesh] = []
    if style and not any(kind in headwear.HIDE_HAIR for kind in kinds):
        meshes += hair.grow(rng, head, style, colour)
    beard = beards.sample(rng, shape.phenotype)
    meta["beard"] = beard[0] if beard else "none"
    if beard and "headscarf" not in kinds:
        meshes += beards.grow(rng, model, posed, *beard, colour, instance)
    over = style.length_m + 0.002 if style and "headscarf" not in kinds else 0.002
    for kind in kinds:
        meshes += headwear.make(rng, kind, head, over, person.flat)
    return meshes


def _others(
    rng: np.random.Generator, person: _Person, tailor: Tailor, ensemble: Ensemble
) -> tuple[list[_Sewn], list[Mesh], np.ndarray]:
    """What lies on the clothes, what else is worn, and [V] bool the skin that these hide."""
    model, laid, meshes = person.model, [], []
    hidden = np.zeros(len(model.rest), bool)
    for name in ensemble.worn:
        if name in _LAID_ON:
            garment = _LAID_ON[name](rng, tailor)
            laid += _sewn(rng, tailor, garment, _plain_look(rng, person, garment, 0.3))
    if "backpack" in ensemble.worn:
        off = float(tailor.height.mean()) + 0.01
        meshes.append(props.backpack(rng, model, person.shape, person.posed, off, person.instance))
    if "gloves" in ensemble.worn:
        hidden |= accessories.hands(model)
        cut = fabrics.KNIT if rng.uniform() < 0.5 else fabrics.LEATHER
        look = fabrics.make(rng, cut, _base_colour(rng, cut, 0.3), 0.3, person.flat)
        meshes.append(accessories.gloves(model, person.posed, look.material, person.instance))
    if "headscarf" in ensemble.worn:
        hidden |= model.regions["ears"] > 0.1
    return laid, meshes, hidden

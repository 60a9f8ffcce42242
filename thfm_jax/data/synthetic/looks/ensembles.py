"""Ensembles: which garments go together, in the order in which they are put on."""

import dataclasses

import numpy as np

from thfm_jax.data.synthetic.bodies.phenotype import Phenotype
from thfm_jax.data.synthetic.looks import accessories
from thfm_jax.data.synthetic.looks import garments as g
from thfm_jax.data.synthetic.looks.garments import Maker

STYLES: tuple[str, ...] = (
    "everyday", "sport", "formal", "work", "beach", "winter", "traditional", "costume", "cartoon",
)  # fmt: skip
# How often each style occurs where none is asked for.
_SHARES = {
    "everyday": 0.52, "sport": 0.13, "formal": 0.08, "work": 0.05, "beach": 0.05, "winter": 0.09,
    "traditional": 0.05, "costume": 0.03,
}  # fmt: skip
_HATS = ("headscarf", "cap", "beanie", "brimmed hat", "helmet", "headband", "headphones")
# How often other things are worn: in each style, where it differs from "others".
_CHANCES: dict[str, dict[str, float]] = {
    "others": {
        "headscarf": 0.025, "cap": 0.07, "beanie": 0.025, "brimmed hat": 0.02, "helmet": 0.01,
        "headband": 0.01, "headphones": 0.05, "glasses": 0.14, "sunglasses": 0.05, "headset": 0.012,
        "face mask": 0.03, "scarf": 0.02, "tie": 0.0, "gloves": 0.015, "watch": 0.2,
        "backpack": 0.06, "sash": 0.04, "apron": 0.01,
    },
    "sport": {"headband": 0.1, "cap": 0.15, "helmet": 0.08, "glasses": 0.03, "gloves": 0.06},
    "formal": {"tie": 0.5, "cap": 0.0, "helmet": 0.0, "backpack": 0.02, "brimmed hat": 0.06},
    "work": {"helmet": 0.3, "gloves": 0.3, "apron": 0.2, "cap": 0.15},
    "beach": {"sunglasses": 0.3, "brimmed hat": 0.15, "backpack": 0.0, "sash": 0.0, "scarf": 0.0,
              "gloves": 0.0, "apron": 0.0, "face mask": 0.0},
    "winter": {"beanie": 0.35, "scarf": 0.4, "gloves": 0.35, "cap": 0.03},
    "traditional": {"headscarf": 0.35, "brimmed hat": 0.08, "cap": 0.0, "sash": 0.1},
    "costume": {"gloves": 0.3, "face mask": 0.1, "helmet": 0.2, "brimmed hat": 0.15, "sash": 0.15},
}  # fmt: skip
Wish = dict[Maker | None, float]


@dataclasses.dataclass(frozen=True)
class Ensemble:
    """What somebody wears.

    Attributes:
      style: its name.
      layers: garments, innermost first.
      shoes: kind in `shoes.KINDS`, or "" for bare feet.
      boldness: chance of saturated colours.
      belted: height of a belt on the base mesh, or None.
      matched: whether top and bottom are of one fabric.
      worn: names of other things: a kind of `headwear.KINDS`, "glasses", "backpack" and so on.
    """

    style: str
    layers: tuple[Maker, ...]
    shoes: str
    boldness: float
    belted: float | None = None
    matched: bool = False
    worn: tuple[str, ...] = ()


def choose(rng: np.random.Generator, person: Phenotype, style: str | None = None) -> Ensemble:
    """An ensemble for a person; ValueError for a style that is none of `STYLES`."""
    if style is None:
        style = str(_pick(rng, _SHARES))
    if style not in STYLES:
        raise ValueError(f"style is one of {', '.join(STYLES)}, not {style!r}")
    skirted = rng.uniform() < (0.04 if person.gender > 0.5 else 0.42)
    ensemble = _CHOICES[style](rng, person, skirted)
    return dataclasses.replace(ensemble, worn=_worn(rng, ensemble, person))


def _worn(rng: np.random.Generator, ensemble: Ensemble, person: Phenotype) -> tuple[str, ...]:
    """Things beside clothes."""
    chances = _CHANCES["others"] | _CHANCES.get(ensemble.style, {})
    if person.age_years < 14:
        chances = chances | dict.fromkeys(("glasses", "watch", "face mask", "tie", "sash"), 0.03)
    found = [name for name, chance in chances.items() if rng.uniform() < chance]
    hats = [name for name in found if name in _HATS]
    eyewear = [name for name in found if name in ("glasses", "sunglasses", "headset")]
    return tuple(n for n in found if n not in hats[1:] and n not in eyewear[1:])


def _pick(rng: np.random.Generator, wish: dict):
    """A key, with probability in proportion to its value."""
    shares = np.array(list(wish.values()), float)
    return list(wish)[int(rng.choice(len(shares), p=shares / shares.sum()))]


def _dressed(
    rng: np.random.Generator,
    style: str,
    top: Wish,
    bottom: Wish,
    outer: Wish,
    shoes: dict[str, float],
    boldness: float,
    tucked: float = 0.2,
) -> Ensemble:
    """Top and bottom in either order, something over them, socks where shoes ask for them."""
    upper, lower, over = _pick(rng, top), _pick(rng, bottom), _pick(rng, outer)
    feet = _pick(rng, shoes)
    inside = rng.uniform() < tucked
    pair = (upper, lower) if inside else (lower, upper)
    with_socks = feet in ("sneakers", "high_tops", "boots", "shoes") and rng.uniform() < 0.9
    layers = ((accessories.socks,) if with_socks else ()) + pair + ((over,) if over else ())
    belted = float(rng.uniform(0.09, 0.12)) if inside and rng.uniform() < 0.6 else None
    return Ensemble(style, tuple(layers), feet, boldness, belted)


def _whole(
    rng: np.random.Generator,
    style: str,
    garment: Maker,
    shoes: dict[str, float],
    boldness: float,
    under: Wish | None = None,
    outer: Wish | None = None,
    belt: float = 0.0,
) -> Ensemble:
    """One garment from shoulder to hem."""
    below = _pick(rng, under or {None: 1.0})
    over = _pick(rng, outer or {None: 1.0})
    layers = tuple(maker for maker in (below, garment, over) if maker)
    belted = float(rng.uniform(0.15, 0.2)) if rng.uniform() < belt else None
    return Ensemble(style, layers, _pick(rng, shoes), boldness, belted)


def _everyday(rng: np.random.Generator, person: Phenotype, skirted: bool) -> Ensemble:
    shoes = {
        "sneakers": 6.0,
        "high_tops": 2,
        "shoes": 2,
        "boots": 1,
        "sandals": 0.7,
        "slippers": 0.3,
    }
    outer: Wish = {
        None: 6,
        g.hoodie: 1,
        g.jacket: 1.4,
        g.cardigan: 0.6,
        g.coat: 0.4,
        g.waistcoat: 0.2,
    }
    if skirted:
        shoes |= {"flats": 4, "high_boots": 1.5}
        if rng.uniform() < 0.55:
            return _whole(
                rng, "everyday", g.dress, shoes, 0.3, {None: 3, g.leggings: 1}, outer, 0.3
            )
        tops: Wish = {g.t_shirt: 2, g.blouse: 3, g.jumper: 1.5, g.tank_top: 1, g.long_sleeve: 1}
        skirts: Wish = {g.short_skirt: 1, g.long_skirt: 1}
        return _dressed(rng, "everyday", tops, skirts, outer, shoes, 0.25, tucked=0.55)
    tops = {
        g.t_shirt: 5,
        g.shirt: 2.5,
        g.long_sleeve: 1.5,
        g.jumper: 1.5,
        g.hoodie: 1.5,
        g.polo: 1,
        g.tank_top: 0.5,
        g.jersey: 0.4,
    }
    bottoms: Wish = {g.jeans: 4, g.trousers: 3, g.shorts: 1.6, g.joggers: 1, g.wide_trousers: 0.4}
    if person.gender < 0.5:
        tops |= {g.blouse: 2, g.crop_top: 0.6}
        bottoms |= {g.leggings: 1.5, g.wide_trousers: 1.2}
        shoes |= {"flats": 2, "high_boots": 0.7}
    return _dressed(rng, "everyday", tops, bottoms, outer, shoes, 0.2)


def _sport(rng: np.random.Generator, person: Phenotype, skirted: bool) -> Ensemble:
    tops: Wish = {g.t_shirt: 2, g.jersey: 3, g.tank_top: 2, g.long_sleeve: 1, g.hoodie: 0.7}
    if person.gender < 0.5:
        tops[g.crop_top] = 2
    bottoms: Wish = {g.shorts: 3, g.joggers: 2, g.leggings: 3 if person.gender < 0.5 else 0.7}
    outer: Wish = {None: 6, g.jacket: 1}
    return _dressed(rng, "sport", tops, bottoms, outer, {"sneakers": 8, "": 0.7}, 0.45, 0.15)


def _formal(rng: np.random.Generator, person: Phenotype, skirted: bool) -> Ensemble:
    shoes = {"shoes": 5.0} if person.gender > 0.5 else {"shoes": 1.0, "flats": 3}
    if skirted and rng.uniform() < 0.6:
        return _whole(rng, "formal", g.dress, shoes, 0.3, outer={None: 2, g.blazer: 1}, belt=0.2)
    tops: Wish = {g.shirt: 4, g.blouse: 2 if person.gender < 0.5 else 0.01, g.jumper: 0.4}
    bottoms: Wish = {g.short_skirt: 1, g.long_skirt: 0.5} if skirted else {g.trousers: 1}
    ensemble = _dressed(
        rng,
        "formal",
        tops,
        bottoms,
        {g.blazer: 4, g.waistcoat: 1, None: 1},
        shoes,
        0.08,
        tucked=0.95,
    )
    return dataclasses.replace(ensemble, matched=bool(rng.uniform() < 0.75))


def _work(rng: np.random.Generator, person: Phenotype, skirted: bool) -> Ensemble:
    shoes = {"boots": 3.0, "sneakers": 1, "shoes": 1}
    if rng.uniform() < 0.35:
        return _whole(rng, "work", g.overalls, shoes, 0.3, belt=0.3)
    outer: Wish = {g.waistcoat: 2, g.jacket: 1, None: 1}
    return _dressed(
        rng,
        "work",
        {g.shirt: 1, g.t_shirt: 1, g.polo: 1},
        {g.trousers: 2, g.jeans: 1},
        outer,
        shoes,
        0.25,
        0.4,
    )


def _beach(rng: np.random.Generator, person: Phenotype, skirted: bool) -> Ensemble:
    feet = _pick(rng, {"": 3.0, "sandals": 1})
    layers: tuple[Maker, ...]
    if person.age_years < 16:
        layers = (g.shorts, g.t_shirt) if person.gender > 0.5 else (g.swimsuit,)
    elif person.gender > 0.5:
        layers = _pick(
            rng,
            {
                (g.shorts,): 3.0,
                (g.briefs,): 1,
                (g.shorts, g.shirt): 1,
                (g.shorts, g.tank_top): 1,
            },
        )
    else:
        layers = _pick(
            rng,
            {
                (g.swimsuit,): 2.0,
                (g.bikini,): 2,
                (g.bikini, g.short_skirt): 0.5,
                (g.bikini, g.shirt): 0.5,
                (g.swimsuit, g.shorts): 0.6,
            },
        )
    return Ensemble("beach", layers, feet, 0.6)


def _winter(rng: np.random.Generator, person: Phenotype, skirted: bool) -> Ensemble:
    outer: Wish = {g.coat: 3, g.puffer: 3, g.jacket: 1}
    shoes = {"boots": 4.0, "sneakers": 1, "high_boots": 2 if person.gender < 0.5 else 0.01}
    bottoms: Wish = {g.jeans: 3, g.trousers: 2, g.leggings: 1 if person.gender < 0.5 else 0.01}
    if skirted and rng.uniform() < 0.4:
        return _whole(rng, "winter", g.dress, shoes, 0.2, {g.leggings: 1.0}, outer)
    return _dressed(
        rng, "winter", {g.jumper: 3, g.long_sleeve: 2, g.hoodie: 1}, bottoms, outer, shoes, 0.2
    )


def _traditional(rng: np.random.Generator, person: Phenotype, skirted: bool) -> Ensemble:
    shoes = {"sandals": 2.0, "flats": 1, "shoes": 1, "slippers": 1}
    under: Wish = {None: 2, g.leggings: 1}
    outer: Wish = {None: 4, g.waistcoat: 1}
    return _whole(rng, "traditional", g.robe, shoes, 0.35, under, outer, belt=0.3)


def _costume(rng: np.random.Generator, person: Phenotype, skirted: bool) -> Ensemble:
    shoes = {"high_boots": 2.0, "boots": 1, "flats": 1}
    if rng.uniform() < 0.4:
        return _whole(rng, "costume", g.robe, shoes, 0.9, belt=0.6)
    if rng.uniform() < 0.5:
        return _dressed(
            rng,
            "costume",
            {g.long_sleeve: 1},
            {g.leggings: 1},
            {None: 1, g.waistcoat: 1},
            shoes,
            1.0,
            0.6,
        )
    return _whole(rng, "costume", g.dress if skirted else g.overalls, shoes, 0.9, belt=0.5)


def _cartoon(rng: np.random.Generator, person: Phenotype, skirted: bool) -> Ensemble:
    shoes = {"sneakers": 2.0, "boots": 2, "shoes": 1}
    if skirted:
        return _whole(rng, "cartoon", g.dress, shoes, 0.9, {None: 1, g.leggings: 1})
    return _dressed(
        rng,
        "cartoon",
        {g.t_shirt: 2, g.long_sleeve: 1, g.jumper: 1},
        {g.shorts: 1, g.trousers: 2},
        {None: 3, g.waistcoat: 1},
        shoes,
        0.9,
    )


_CHOICES = {
    "everyday": _everyday, "sport": _sport, "formal": _formal, "work": _work, "beach": _beach,
    "winter": _winter, "traditional": _traditional, "costume": _costume, "cartoon": _cartoon,
}  # fmt: skip

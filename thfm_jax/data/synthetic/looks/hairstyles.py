"""How hair is worn: its colour, cut and dressing, drawn to suit the person."""

import dataclasses

import numpy as np

from thfm_jax.data.synthetic.bodies.phenotype import Phenotype
from thfm_jax.data.synthetic.looks import colours

_NATURAL = (
    *((18, 15, 14), (34, 24, 20), (58, 40, 28), (88, 62, 42), (128, 92, 58), (180, 144, 92)),
    *((214, 186, 138), (120, 58, 30), (150, 76, 44)),
)
_GREY = ((120, 118, 116), (176, 174, 172), (222, 220, 216))


@dataclasses.dataclass(frozen=True)
class Style:
    """How the hair of a head is worn.

    Attributes:
      name: for the record.
      length_m: how far the layers reach from the scalp.
      form: a key of `strands.STRETCH`.
      parting: where it runs from: "crown", "middle", "left", "right" or "tail" (all drawn back).
      fall_m: how far it hangs below the hairline.
      tails: "" or how drawn-back hair ends: "ponytail", "bun", "braids".
      fringe_m: length of a fringe over the forehead.
      line: metres by which the hairline recedes in front.
      bald: 0 to 1, how much of the top is bare.
      sweep: (forwards, down, leftwards) metres that the outermost layer is combed.
      layers: of strands.
    """

    name: str
    length_m: float
    form: str = "straight"
    parting: str = "crown"
    fall_m: float = 0.0
    tails: str = ""
    fringe_m: float = 0.0
    line: float = 0.0
    bald: float = 0.0
    sweep: tuple[float, float, float] = (0.0, 0.0, 0.0)
    layers: int = 9


def sample_colour(rng: np.random.Generator, person: Phenotype, melanin: float) -> np.ndarray:
    """[3] linear RGB: dark with dark skin, grey with age, at times dyed."""
    if person.age_years > 13 and rng.uniform() < 0.04:
        return colours.wild(rng)
    grey = 1 / (1 + np.exp(-(person.age_years - rng.normal(57, 8)) / 4))
    fair = np.clip(1 - melanin * 2.2 + rng.normal(0, 0.15), 0, 1)
    natural = rng.integers(0, min(2 + round(6 * fair) + 1, len(_NATURAL)))
    colour = colours.linear(np.clip(np.array(_NATURAL[natural]) * rng.uniform(0.8, 1.2), 6, 240))
    silver = colours.linear(_GREY[rng.integers(len(_GREY))])
    return (colour * (1 - grey) + silver * grey).astype(np.float32)


def sample_style(rng: np.random.Generator, person: Phenotype, melanin: float) -> Style | None:
    """A style that suits the person; None for a bald head."""
    male, age = person.gender > 0.5, person.age_years
    if age < 1.5:
        return Style("fuzz", 0.005, "curly") if rng.uniform() < 0.8 else None
    if male and rng.uniform() < 0.06 + 0.1 * (age > 50):
        return None
    if rng.uniform() < (0.12 if male else 0.75):
        return _long(rng, melanin)
    return _short(rng, male, age, melanin)


def _short(rng: np.random.Generator, male: bool, age: float, melanin: float) -> Style:
    receding = male and age > 28 and rng.uniform() < 0.35
    bald = float(rng.uniform(0.4, 1)) if receding and rng.uniform() < 0.5 else 0.0
    line = float(rng.uniform(0.005, 0.03)) if receding else float(rng.uniform(-0.006, 0.006))
    if rng.uniform() < 0.08 + 0.6 * (melanin > 0.6):
        length = float(rng.choice([rng.uniform(0.006, 0.02), rng.uniform(0.02, 0.08)]))
        return Style("afro" if length > 0.03 else "curls", length, "frizzy", line=line, bald=bald)
    if rng.uniform() < 0.25:
        return Style("buzz cut", float(rng.uniform(0.003, 0.008)), "curly", line=line, bald=bald)
    sweep = (rng.uniform(-0.03, 0.02), rng.uniform(0, 0.012), rng.uniform(-0.02, 0.02))
    form = str(rng.choice(["straight", "wavy", "curly"], p=[0.5, 0.35, 0.15]))
    return Style(
        "short",
        float(rng.uniform(0.012, 0.035)),
        form,
        line=line,
        bald=bald,
        sweep=(float(sweep[0]), -float(sweep[1]), float(sweep[2])),
    )


def _long(rng: np.random.Generator, melanin: float) -> Style:
    draw = rng.uniform()
    form = str(rng.choice(["straight", "wavy", "curly"], p=[0.5, 0.35, 0.15]))
    fringe = float(rng.uniform(0.035, 0.06)) if rng.uniform() < 0.25 else 0.0
    if melanin > 0.6 and draw < 0.3:
        return Style("afro", float(rng.uniform(0.04, 0.11)), "frizzy")
    if draw < 0.3:
        return Style("bun", 0.006, form, "tail", tails="bun", fringe_m=fringe, layers=5)
    if draw < 0.45:
        return Style(
            "ponytail",
            0.007,
            form,
            "tail",
            float(rng.uniform(0.12, 0.4)),
            "ponytail",
            fringe,
            layers=5,
        )
    if draw < 0.52:
        return Style("braids", 0.007, form, "middle", 0.0, "braids", fringe, layers=5)
    fall = float(
        rng.choice([rng.uniform(0.05, 0.12), rng.uniform(0.12, 0.25), rng.uniform(0.25, 0.45)])
    )
    parting = str(rng.choice(["middle", "left", "right"]))
    thick = float(rng.uniform(0.012, 0.03)) * (1.3 if form == "curly" else 1)
    name = "bob" if fall < 0.12 else "shoulder-length" if fall < 0.25 else "long"
    return Style(name, thick, form, parting, fall, fringe_m=fringe, layers=6)

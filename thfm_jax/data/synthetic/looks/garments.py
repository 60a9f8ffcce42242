"""Garments: where each kind is cut on the suit, how loose it is, what it is made of.

Each kind is a function that draws one garment; `ensembles` says what is worn with what.
Heights and lengths are on the base mesh: see `suit`.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from thfm_jax.data.synthetic.looks import cuts, fabrics, suit, trims
from thfm_jax.data.synthetic.looks.cloth import Fabric
from thfm_jax.data.synthetic.looks.suit import Suit
from thfm_jax.data.synthetic.looks.tailor import Pattern, Tailor
from thfm_jax.data.synthetic.looks.trims import Trim

STRETCHY = Fabric(pull=0.7, push=0.5, bend=0.2, memory=0.2, damping=0.3, crease=0.01)
THIN = Fabric(pull=0.8, push=0.05, bend=0.03, memory=0.01, damping=0.12, crease=0.09)
FIRM = Fabric(pull=0.9, push=0.15, bend=0.12, memory=0.02, damping=0.2, crease=0.07)
STIFF = Fabric(pull=0.9, push=0.35, bend=0.3, memory=0.05, damping=0.25, crease=0.045)
FLOWING = Fabric(pull=0.85, push=0.05, bend=0.03, memory=0.004, damping=0.08, crease=0.08)
HEMMED = Trim(trims.HEM, "all")


@dataclasses.dataclass(frozen=True)
class Garment:
    """One thing to wear.

    Attributes:
      name: its kind.
      pattern: how it is cut.
      cuts: fabrics that it may be made of.
      trims: collars, bands and hems.
      marks: names in `marks.MARKS`.
    """

    name: str
    pattern: Pattern
    cuts: tuple[fabrics.Cut, ...]
    trims: tuple[Trim, ...] = (HEMMED,)
    marks: tuple[str, ...] = ()


def between(rng: np.random.Generator, low: float, high: float) -> float:
    return float(rng.uniform(low, high))


def _sometimes(rng: np.random.Generator, chance: float, *names: str) -> tuple[str, ...]:
    return names if rng.uniform() < chance else ()


def _crew(rng: np.random.Generator, of: Suit) -> np.ndarray:
    vee = bool(rng.uniform() < 0.2)
    low = between(rng, 0.44, 0.5) if vee else between(rng, 0.5, 0.535)
    return cuts.neckline(of, between(rng, 0.078, 0.1), low, 0.56, vee)


def t_shirt(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of, ease = tailor.suit, between(rng, 0.006, 0.035)
    pattern = cuts.top(
        of,
        between(rng, -0.04, 0.06),
        between(rng, 0.1, 0.22),
        _crew(rng, of),
        ease,
        ease + 0.012,
        0.035,
        THIN,
    )
    drawn = _sometimes(rng, 0.35, "printed") or _sometimes(rng, 0.2, "logo")
    return Garment("t-shirt", pattern, (fabrics.TEE,), (HEMMED, Trim(trims.BAND, "neck")), drawn)


def tank_top(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of = tailor.suit
    neck = cuts.neckline(
        of, between(rng, 0.075, 0.1), between(rng, 0.42, 0.5), between(rng, 0.45, 0.54)
    )
    openings = np.minimum(neck, cuts.armhole(of, between(rng, 0.01, 0.045)))
    pattern = cuts.top(
        of, between(rng, -0.02, 0.1), 0.01, openings, between(rng, 0.003, 0.02), 0.0, 0.03, THIN
    )
    return Garment("tank top", pattern, (fabrics.TEE, fabrics.SPORT, fabrics.STRETCH))


def crop_top(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of = tailor.suit
    neck = cuts.neckline(of, between(rng, 0.075, 0.11), between(rng, 0.43, 0.5), 0.52)
    openings = np.minimum(neck, cuts.armhole(of, between(rng, 0.0, 0.04)))
    pattern = cuts.top(of, between(rng, 0.24, 0.31), 0.01, openings, 0.002, 0.0, 0.003, STRETCHY)
    return Garment("crop top", pattern, (fabrics.STRETCH, fabrics.SPORT))


def long_sleeve(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of, ease = tailor.suit, between(rng, 0.004, 0.03)
    pattern = cuts.top(
        of,
        between(rng, -0.03, 0.05),
        suit.ARM_M - between(rng, -0.005, 0.02),
        _crew(rng, of),
        ease,
        ease * 0.6 + 0.006,
        0.03,
        THIN,
    )
    return Garment(
        "long-sleeved top",
        pattern,
        (fabrics.TEE, fabrics.STRETCH),
        (HEMMED, Trim(trims.BAND, "neck")),
        _sometimes(rng, 0.2, "printed"),
    )


def shirt(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of, ease = tailor.suit, between(rng, 0.008, 0.03)
    sleeve = between(rng, 0.13, 0.2) if rng.uniform() < 0.3 else suit.ARM_M - 0.005
    neck = cuts.neckline(of, 0.085, between(rng, 0.5, 0.545), 0.568, vee=True)
    pattern = cuts.top(
        of, between(rng, -0.06, 0.02), sleeve, neck, ease, ease + 0.008, 0.03, FIRM, cuffed=True
    )
    drawn = ("placket", *_sometimes(rng, 0.4, "breast_pocket"))
    collar = Trim(trims.SHIRT if rng.uniform() < 0.85 else trims.STAND, "collar")
    return Garment("shirt", pattern, (fabrics.SHIRT,), (HEMMED, collar), drawn)


def polo(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of, ease = tailor.suit, between(rng, 0.008, 0.025)
    neck = cuts.neckline(of, 0.085, between(rng, 0.48, 0.53), 0.568, vee=True)
    pattern = cuts.top(
        of,
        between(rng, -0.04, 0.03),
        between(rng, 0.13, 0.19),
        neck,
        ease,
        ease + 0.008,
        0.03,
        FIRM,
    )
    return Garment(
        "polo shirt",
        pattern,
        (fabrics.TEE, fabrics.SPORT),
        (HEMMED, Trim(trims.SHIRT, "collar", "plain")),
        ("placket", "logo"),
    )


def blouse(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of, ease = tailor.suit, between(rng, 0.015, 0.045)
    neck = cuts.neckline(
        of, between(rng, 0.08, 0.13), between(rng, 0.44, 0.52), 0.55, bool(rng.uniform() < 0.5)
    )
    sleeve = float(rng.choice([between(rng, 0.08, 0.2), suit.ARM_M - 0.02]))
    pattern = cuts.top(
        of,
        between(rng, -0.03, 0.06),
        sleeve,
        neck,
        ease,
        between(rng, 0.02, 0.05),
        0.05,
        FLOWING,
        cuffed=bool(rng.uniform() < 0.5),
    )
    return Garment("blouse", pattern, (fabrics.SILK, fabrics.SHIRT, fabrics.DRESS))


def jersey(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of, ease = tailor.suit, between(rng, 0.01, 0.035)
    pattern = cuts.top(
        of,
        between(rng, -0.06, 0.02),
        between(rng, 0.14, 0.22),
        _crew(rng, of),
        ease,
        ease + 0.01,
        0.04,
        THIN,
    )
    drawn = (*_sometimes(rng, 0.5, "number"), *_sometimes(rng, 0.4, "side_stripes"), "logo")
    return Garment(
        "jersey", pattern, (fabrics.SPORT,), (HEMMED, Trim(trims.BAND, "neck", "plain")), drawn
    )


def jumper(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of, ease = tailor.suit, between(rng, 0.012, 0.04)
    roll = rng.uniform() < 0.25
    neck = cuts.neckline(of, 0.085, 0.545, 0.57) if roll else _crew(rng, of)
    pattern = cuts.top(
        of,
        between(rng, -0.04, 0.06),
        suit.ARM_M - between(rng, -0.01, 0.01),
        neck,
        ease,
        ease * 0.7 + 0.01,
        0.025,
        FIRM,
        cuffed=True,
    )
    collar = Trim(trims.ROLL if roll else trims.BAND, "neck")
    bands = (Trim(trims.CUFF, "cuffs"), Trim(trims.CUFF, "hem"))
    return Garment("roll-neck" if roll else "jumper", pattern, (fabrics.KNIT,), (collar, *bands))


def hoodie(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of, ease = tailor.suit, between(rng, 0.015, 0.04)
    neck = cuts.neckline(of, 0.088, between(rng, 0.52, 0.545), 0.565)
    zipped = rng.uniform() < 0.35
    pattern = cuts.top(
        of,
        between(rng, -0.05, 0.03),
        suit.ARM_M + 0.005,
        neck,
        ease,
        ease * 0.8 + 0.01,
        0.025,
        FIRM,
        cuffed=True,
    )
    drawn = ("pouch", *(("zipper",) if zipped else _sometimes(rng, 0.4, "printed")))
    edges = (Trim(trims.HOOD, "back"), Trim(trims.CUFF, "cuffs"), Trim(trims.CUFF, "hem"))
    return Garment("hoodie", pattern, (fabrics.COAT, fabrics.TEE), (HEMMED, *edges), drawn)


def cardigan(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of, ease = tailor.suit, between(rng, 0.012, 0.035)
    neck = cuts.neckline(of, 0.088, 0.44, 0.565, vee=True)
    opened = cuts.opening(of, between(rng, 0.02, 0.05), between(rng, 0.03, 0.12))
    pattern = cuts.top(
        of,
        between(rng, -0.08, 0.04),
        suit.ARM_M,
        np.minimum(neck, opened),
        ease,
        ease * 0.7 + 0.01,
        0.05,
        FIRM,
    )
    return Garment("cardigan", pattern, (fabrics.KNIT,))


def jacket(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of, ease = tailor.suit, between(rng, 0.015, 0.035)
    neck = cuts.neckline(of, 0.088, between(rng, 0.5, 0.54), 0.568, vee=True)
    is_open = rng.uniform() < 0.55
    if is_open:
        neck = np.minimum(
            neck, cuts.opening(of, between(rng, 0.015, 0.04), between(rng, 0.03, 0.12))
        )
    pattern = cuts.top(
        of, between(rng, -0.05, 0.07), suit.ARM_M + 0.005, neck, ease, ease + 0.006, 0.03, STIFF
    )
    collar = Trim(trims.SHIRT if rng.uniform() < 0.6 else trims.STAND, "collar", scale=1.3)
    drawn = (
        "hip_pockets",
        *(() if is_open else ("zipper",)),
        *_sometimes(rng, 0.3, "breast_pocket"),
    )
    return Garment(
        "jacket",
        pattern,
        (fabrics.LEATHER, fabrics.DENIM, fabrics.WOVEN, fabrics.SPORT),
        (HEMMED, collar),
        drawn,
    )


def puffer(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of, ease = tailor.suit, between(rng, 0.03, 0.05)
    neck = cuts.neckline(of, 0.088, 0.55, 0.57)
    sleeve = suit.ARM_M
    if rng.uniform() < 0.25:
        sleeve, neck = 0.01, np.minimum(neck, cuts.armhole(of, 0.0))
    if rng.uniform() < 0.4:
        neck = np.minimum(neck, cuts.opening(of, 0.015, between(rng, 0.02, 0.08)))
    pattern = cuts.top(of, between(rng, -0.08, 0.04), sleeve, neck, ease, ease, 0.015, STIFF)
    collar = (
        Trim(trims.STAND, "neck", scale=1.6) if rng.uniform() < 0.6 else Trim(trims.HOOD, "back")
    )
    return Garment("down jacket", pattern, (fabrics.DOWN,), (HEMMED, collar), ("zipper",))


def blazer(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of, ease = tailor.suit, between(rng, 0.012, 0.025)
    neck = cuts.neckline(of, 0.09, between(rng, 0.3, 0.36), 0.568, vee=True)
    if rng.uniform() < 0.5:
        neck = np.minimum(neck, cuts.opening(of, 0.02, between(rng, 0.05, 0.12)))
    pattern = cuts.top(
        of, between(rng, -0.07, -0.02), suit.ARM_M - 0.012, neck, ease, ease + 0.004, 0.025, STIFF
    )
    edges = (HEMMED, Trim(trims.LAPEL, "front"), Trim(trims.SHIRT, "back", scale=1.2))
    return Garment("blazer", pattern, (fabrics.SUITING,), edges, ("hip_pockets", "breast_pocket"))


def waistcoat(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of = tailor.suit
    neck = np.minimum(
        cuts.neckline(of, 0.09, between(rng, 0.34, 0.42), 0.56, vee=True), cuts.armhole(of, 0.0)
    )
    if rng.uniform() < 0.4:
        neck = np.minimum(neck, cuts.opening(of, 0.02, 0.06))
    pattern = cuts.top(
        of, between(rng, -0.03, 0.08), 0.01, neck, between(rng, 0.006, 0.02), 0.0, 0.02, STIFF
    )
    return Garment(
        "waistcoat",
        pattern,
        (fabrics.SUITING, fabrics.LEATHER, fabrics.DENIM, fabrics.HIVIS),
        (HEMMED,),
        ("placket",),
    )


def coat(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of, ease = tailor.gown, between(rng, 0.018, 0.035)
    neck = cuts.neckline(of, 0.09, between(rng, 0.42, 0.53), 0.568, vee=True)
    if rng.uniform() < 0.55:
        neck = np.minimum(
            neck, cuts.opening(of, between(rng, 0.015, 0.04), between(rng, 0.04, 0.12))
        )
    pattern = cuts.top(
        of,
        between(rng, -0.45, -0.12),
        suit.ARM_M + 0.005,
        neck,
        ease,
        ease + 0.006,
        0.04,
        STIFF,
        flare=between(rng, 0.02, 0.14),
    )
    collar = Trim(trims.SHIRT, "collar", scale=between(rng, 1.2, 1.8))
    edges = (HEMMED, collar, *((Trim(trims.LAPEL, "front"),) if rng.uniform() < 0.4 else ()))
    return Garment(
        "coat",
        pattern,
        (fabrics.COAT, fabrics.WOVEN, fabrics.DOWN),
        edges,
        ("hip_pockets", *_sometimes(rng, 0.5, "placket")),
    )


def trousers(rng: np.random.Generator, tailor: Tailor) -> Garment:
    pattern = cuts.bottom(
        tailor.suit,
        between(rng, 0.08, 0.17),
        suit.ANKLE_Y + between(rng, -0.03, 0.06),
        between(rng, 0.004, 0.028),
        between(rng, -0.002, 0.035),
        0.02,
        FIRM,
    )
    return Garment("trousers", pattern, (fabrics.WOVEN, fabrics.SUITING), marks=("seams",))


def jeans(rng: np.random.Generator, tailor: Tailor) -> Garment:
    pattern = cuts.bottom(
        tailor.suit,
        between(rng, 0.06, 0.15),
        suit.ANKLE_Y + between(rng, -0.03, 0.07),
        between(rng, 0.002, 0.018),
        between(rng, -0.002, 0.025),
        0.014,
        STIFF,
    )
    return Garment("jeans", pattern, (fabrics.DENIM,), marks=("faded",))


def wide_trousers(rng: np.random.Generator, tailor: Tailor) -> Garment:
    pattern = cuts.bottom(
        tailor.suit,
        between(rng, 0.12, 0.2),
        suit.ANKLE_Y + between(rng, -0.04, 0.1),
        between(rng, 0.025, 0.045),
        between(rng, 0.02, 0.07),
        0.05,
        FLOWING,
    )
    return Garment("wide trousers", pattern, (fabrics.DRESS, fabrics.WOVEN, fabrics.SILK))


def joggers(rng: np.random.Generator, tailor: Tailor) -> Garment:
    pattern = cuts.bottom(
        tailor.suit,
        between(rng, 0.08, 0.15),
        suit.ANKLE_Y + 0.01,
        between(rng, 0.014, 0.034),
        -0.006,
        0.025,
        THIN,
    )
    return Garment(
        "joggers", pattern, (fabrics.SPORT, fabrics.TEE), marks=_sometimes(rng, 0.5, "side_stripes")
    )


def leggings(rng: np.random.Generator, tailor: Tailor) -> Garment:
    hem = float(rng.choice([suit.ANKLE_Y, suit.KNEE_Y - 0.1, suit.KNEE_Y + 0.08]))
    pattern = cuts.bottom(tailor.suit, between(rng, 0.12, 0.2), hem, 0.0, 0.0, 0.0, STRETCHY)
    return Garment(
        "leggings", pattern, (fabrics.STRETCH,), marks=_sometimes(rng, 0.2, "side_stripes")
    )


def shorts(rng: np.random.Generator, tailor: Tailor) -> Garment:
    pattern = cuts.bottom(
        tailor.suit,
        between(rng, 0.08, 0.15),
        between(rng, -0.42, -0.17),
        between(rng, 0.01, 0.035),
        0.0,
        0.03,
        FIRM,
    )
    return Garment(
        "shorts", pattern, (fabrics.WOVEN, fabrics.SPORT, fabrics.DENIM), marks=("seams",)
    )


def short_skirt(rng: np.random.Generator, tailor: Tailor) -> Garment:
    pattern = cuts.skirt(
        tailor.gown,
        between(rng, 0.13, 0.19),
        between(rng, -0.34, -0.15),
        between(rng, -0.02, 0.3),
        FIRM,
    )
    return Garment(
        "short skirt", pattern, (fabrics.DRESS, fabrics.DENIM, fabrics.SUITING, fabrics.PLEATS)
    )


def long_skirt(rng: np.random.Generator, tailor: Tailor) -> Garment:
    pattern = cuts.skirt(
        tailor.gown,
        between(rng, 0.14, 0.2),
        between(rng, -0.7, -0.36),
        between(rng, -0.05, 0.25),
        FLOWING,
    )
    return Garment(
        "long skirt", pattern, (fabrics.DRESS, fabrics.SILK, fabrics.PLEATS, fabrics.WOVEN)
    )


def dress(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of = tailor.gown
    neck = cuts.neckline(
        of,
        between(rng, 0.08, 0.12),
        between(rng, 0.42, 0.52),
        between(rng, 0.48, 0.56),
        bool(rng.uniform() < 0.4),
    )
    sleeve = float(rng.choice([0.01, between(rng, 0.08, 0.2), suit.ARM_M - 0.01]))
    if sleeve < 0.05:
        neck = np.minimum(neck, cuts.armhole(of, between(rng, 0.0, 0.04)))
    ease = between(rng, 0.004, 0.018)
    pattern = cuts.top(
        of,
        between(rng, -0.7, -0.18),
        sleeve,
        neck,
        ease,
        ease + 0.01,
        0.015,
        FLOWING,
        flare=between(rng, -0.03, 0.3),
    )
    return Garment("dress", pattern, (fabrics.DRESS, fabrics.SILK, fabrics.WOVEN))


def robe(rng: np.random.Generator, tailor: Tailor) -> Garment:
    """Long and wide: abaya, kaftan, thawb, dressing gown."""
    of = tailor.gown
    neck = cuts.neckline(of, 0.085, between(rng, 0.46, 0.545), 0.565, vee=True)
    pattern = cuts.top(
        of,
        between(rng, -0.76, -0.55),
        suit.ARM_M - between(rng, 0, 0.06),
        neck,
        between(rng, 0.025, 0.05),
        between(rng, 0.03, 0.09),
        0.06,
        FLOWING,
        flare=between(rng, 0.02, 0.16),
    )
    return Garment("robe", pattern, (fabrics.DRESS, fabrics.SILK, fabrics.WOVEN, fabrics.PLAIN))


def overalls(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of, ease = tailor.suit, between(rng, 0.012, 0.03)
    neck = cuts.neckline(of, 0.09, between(rng, 0.42, 0.54), 0.565, vee=True)
    pattern = cuts.top(
        of, suit.ANKLE_Y, suit.ARM_M - 0.005, neck, ease, ease, 0.03, FIRM, cuffed=True
    )
    pattern = dataclasses.replace(pattern, legs=True)
    return Garment(
        "overalls",
        pattern,
        (fabrics.WOVEN, fabrics.DENIM, fabrics.HIVIS),
        (HEMMED, Trim(trims.SHIRT, "collar")),
    )


def swimsuit(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of = tailor.suit
    neck = cuts.neckline(of, 0.085, between(rng, 0.42, 0.5), between(rng, 0.3, 0.5))
    field = np.minimum(
        np.minimum(neck, cuts.armhole(of, 0.03)), _leg_line(of, between(rng, 0.5, 0.9))
    )
    zero = np.full(len(field), 0.002)
    return Garment("swimsuit", cuts.pattern_of(of, field, zero, zero, STRETCHY), (fabrics.STRETCH,))


def bikini(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of = tailor.suit
    x, y = np.abs(of.position[:, 0]), of.position[:, 1]
    band = np.minimum(np.minimum(y - 0.335, 0.425 - y), -0.004 - of.arm)
    strap = np.minimum(0.012 - np.abs(x - 0.085 + 0.1 * (y - 0.4)), np.minimum(y - 0.4, -of.arm))
    brief = np.minimum(between(rng, 0.03, 0.1) - y, _leg_line(of, between(rng, 0.5, 1.0)))
    field = np.maximum(np.maximum(band, strap), brief)
    zero = np.full(len(field), 0.002)
    return Garment("bikini", cuts.pattern_of(of, field, zero, zero, STRETCHY), (fabrics.STRETCH,))


def briefs(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of = tailor.suit
    field = np.minimum(
        between(rng, 0.05, 0.12) - of.position[:, 1], _leg_line(of, between(rng, 0.3, 0.7))
    )
    zero = np.full(len(field), 0.002)
    return Garment("briefs", cuts.pattern_of(of, field, zero, zero, STRETCHY), (fabrics.STRETCH,))


def _leg_line(of: Suit, rise: float) -> np.ndarray:
    """[N] metres above the leg openings of briefs, which rise outwards by `rise`."""
    return of.position[:, 1] + 0.13 - rise * np.abs(of.position[:, 0])


Maker = Callable[[np.random.Generator, Tailor], Garment]

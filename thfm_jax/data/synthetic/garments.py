"""Garments: where each kind is cut on the suit, how loose it is, what it is made of.

Each kind is a function that draws one garment; the tables at the end say what is worn where.
Heights and lengths are on the base mesh: see `suit`.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from thfm_jax.data.synthetic import fabrics, suit, trims
from thfm_jax.data.synthetic.cloth import Fabric
from thfm_jax.data.synthetic.suit import Suit
from thfm_jax.data.synthetic.tailor import Pattern, Tailor
from thfm_jax.data.synthetic.trims import Trim

_NECK_SIDE_Y = 0.572  # where the neck meets the shoulders
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


def ramp(low: float, high: float, x: np.ndarray) -> np.ndarray:
    """0 where x is `low`, 1 where it is `high`, smooth in between; `low` may be the larger."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def neckline(of: Suit, width: float, front: float, back: float, vee: bool = False) -> np.ndarray:
    """[N] metres outside of a neck opening.

    Args:
      of: the suit.
      width: half the opening on the shoulders, from the middle; 0.08 is close to the neck.
      front, back: height of its lowest points.
      vee: pointed in front.
    """
    x, y, z = np.abs(of.position[:, 0]), of.position[:, 1], of.position[:, 2]
    share = np.clip(x / width, 0, 1)
    ahead = ramp(-0.01, 0.03, z)
    low = front * ahead + back * (1 - ahead)
    rise = share if vee else share**2
    edge = low + (max(_NECK_SIDE_Y, front) - low) * rise
    return np.maximum(edge - y, (x - width) * 0.8).astype(np.float32)


def opening(of: Suit, neck: float, hem: float) -> np.ndarray:
    """[N] metres outside of an open front, `neck` wide at the neck and `hem` at the hips."""
    x, y, z = np.abs(of.position[:, 0]), of.position[:, 1], of.position[:, 2]
    half = neck + (hem - neck) * np.clip((suit.SHOULDER_Y - y) / 0.5, 0, 1.6)
    return np.where(z > 0.0, x - half, 0.1)


def armhole(of: Suit, inset: float) -> np.ndarray:
    """[N] metres inside of an armhole, `inset` metres in from the shoulder."""
    x, y = np.abs(of.position[:, 0]), of.position[:, 1]
    above = ramp(0.4, 0.47, y)
    return np.minimum(-0.004 - of.arm, 0.165 - inset * above - x + 0.1 * (1 - above))


def top(
    of: Suit,
    hem: float,
    sleeve: float,
    neck: np.ndarray,
    ease: float,
    sleeve_ease: float,
    swing: float,
    fabric: Fabric,
    cuffed: bool = False,
    flare: float = 0.0,
) -> Pattern:
    """What covers the torso.

    Args:
      of: what it is cut from.
      hem: height of its lower edge.
      sleeve: metres along the arm; 0 for none.
      neck: metres outside of its openings.
      ease: how loose the body is, metres.
      sleeve_ease: how loose sleeves are at their ends.
      swing: how far the hem moves.
      fabric: how it moves.
      cuffed: whether sleeves end close to the wrist.
      flare: how far it stands off more for each metre below the waist.
    """
    y, on_arm = of.position[:, 1], of.arm > 0
    field = np.minimum(np.minimum(y - hem, sleeve - of.arm), neck)
    down = np.where(on_arm, ramp(0, 0.2, of.arm), ramp(0.5, 0.2, y))
    loose = 0.006 + np.where(on_arm, sleeve_ease, ease) * down
    if cuffed:
        loose = loose * (1 - 0.85 * np.where(on_arm, ramp(sleeve - 0.05, sleeve, of.arm), 0))
    below = np.clip(suit.WAIST_Y - y, 0, None) * ~on_arm
    loose = loose + flare * below
    hang = np.clip(suit.HIPS_Y - y, 0, None) * ~on_arm * ~of.close
    leash = 0.003 + swing * down * np.where(on_arm, 0.8, 1) + 0.5 * loose * down + 0.6 * hang
    return pattern_of(of, field, loose, leash, fabric)


def bottom(
    of: Suit, waist: float, hem: float, ease: float, flare: float, swing: float, fabric: Fabric
) -> Pattern:
    """Trousers from `waist` to `hem`: `ease` at the thigh, `flare` more at the ankle."""
    y = of.position[:, 1]
    field = np.minimum(waist - y, y - hem)
    down = ramp(waist, suit.CROTCH_Y, y)
    loose = 0.003 + ease * down + flare * ramp(suit.KNEE_Y + 0.15, suit.ANKLE_Y, y)
    leash = 0.001 + swing * down + 0.5 * loose * down
    return pattern_of(of, field, loose, leash, fabric, legs=True)


def skirt(of: Suit, waist: float, hem: float, flare: float, fabric: Fabric) -> Pattern:
    """A skirt of the gown that stands off by `flare` for each metre below the waist."""
    y = of.position[:, 1]
    field = np.minimum(waist - y, y - hem)
    down = np.clip(waist - y, 0, None)
    leash = 0.001 + 0.02 * ramp(waist - 0.03, 0.0, y) + 0.65 * np.clip(0.02 - y, 0, None)
    return pattern_of(of, field, 0.004 + flare * down, leash, fabric)


def pattern_of(
    of: Suit,
    field: np.ndarray,
    ease: np.ndarray,
    leash: np.ndarray,
    fabric: Fabric,
    legs: bool = False,
) -> Pattern:
    """A pattern whose arrays have the types that it wants."""
    arrays = (np.ascontiguousarray(a, np.float32) for a in (field, ease, leash))
    return Pattern(of, *arrays, fabric, legs)


def between(rng: np.random.Generator, low: float, high: float) -> float:
    return float(rng.uniform(low, high))


def _sometimes(rng: np.random.Generator, chance: float, *names: str) -> tuple[str, ...]:
    return names if rng.uniform() < chance else ()


def _crew(rng: np.random.Generator, of: Suit) -> np.ndarray:
    vee = bool(rng.uniform() < 0.2)
    low = between(rng, 0.44, 0.5) if vee else between(rng, 0.5, 0.535)
    return neckline(of, between(rng, 0.078, 0.1), low, 0.56, vee)


def t_shirt(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of, ease = tailor.suit, between(rng, 0.006, 0.035)
    pattern = top(of, between(rng, -0.04, 0.06), between(rng, 0.1, 0.22), _crew(rng, of), ease,
                  ease + 0.012, 0.035, THIN)  # fmt: skip
    drawn = _sometimes(rng, 0.35, "printed") or _sometimes(rng, 0.2, "logo")
    return Garment("t-shirt", pattern, (fabrics.TEE,), (HEMMED, Trim(trims.BAND, "neck")), drawn)


def tank_top(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of = tailor.suit
    neck = neckline(of, between(rng, 0.075, 0.1), between(rng, 0.42, 0.5), between(rng, 0.45, 0.54))
    openings = np.minimum(neck, armhole(of, between(rng, 0.01, 0.045)))
    pattern = top(of, between(rng, -0.02, 0.1), 0.01, openings, between(rng, 0.003, 0.02), 0.0,
                  0.03, THIN)  # fmt: skip
    return Garment("tank top", pattern, (fabrics.TEE, fabrics.SPORT, fabrics.STRETCH))


def crop_top(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of = tailor.suit
    neck = neckline(of, between(rng, 0.075, 0.11), between(rng, 0.43, 0.5), 0.52)
    openings = np.minimum(neck, armhole(of, between(rng, 0.0, 0.04)))
    pattern = top(of, between(rng, 0.24, 0.31), 0.01, openings, 0.002, 0.0, 0.003, STRETCHY)
    return Garment("crop top", pattern, (fabrics.STRETCH, fabrics.SPORT))


def long_sleeve(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of, ease = tailor.suit, between(rng, 0.004, 0.03)
    pattern = top(of, between(rng, -0.03, 0.05), suit.ARM_M - between(rng, -0.005, 0.02),
                  _crew(rng, of), ease, ease * 0.6 + 0.006, 0.03, THIN)  # fmt: skip
    return Garment("long-sleeved top", pattern, (fabrics.TEE, fabrics.STRETCH),
                   (HEMMED, Trim(trims.BAND, "neck")), _sometimes(rng, 0.2, "printed"))  # fmt: skip


def shirt(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of, ease = tailor.suit, between(rng, 0.008, 0.03)
    sleeve = between(rng, 0.13, 0.2) if rng.uniform() < 0.3 else suit.ARM_M - 0.005
    neck = neckline(of, 0.085, between(rng, 0.5, 0.545), 0.568, vee=True)
    pattern = top(of, between(rng, -0.06, 0.02), sleeve, neck, ease, ease + 0.008, 0.03, FIRM,
                  cuffed=True)  # fmt: skip
    drawn = ("placket", *_sometimes(rng, 0.4, "breast_pocket"))
    collar = Trim(trims.SHIRT if rng.uniform() < 0.85 else trims.STAND, "collar")
    return Garment("shirt", pattern, (fabrics.SHIRT,), (HEMMED, collar), drawn)


def polo(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of, ease = tailor.suit, between(rng, 0.008, 0.025)
    neck = neckline(of, 0.085, between(rng, 0.48, 0.53), 0.568, vee=True)
    pattern = top(of, between(rng, -0.04, 0.03), between(rng, 0.13, 0.19), neck, ease, ease + 0.008,
                  0.03, FIRM)  # fmt: skip
    return Garment("polo shirt", pattern, (fabrics.TEE, fabrics.SPORT),
                   (HEMMED, Trim(trims.SHIRT, "collar", "plain")), ("placket", "logo"))  # fmt: skip


def blouse(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of, ease = tailor.suit, between(rng, 0.015, 0.045)
    neck = neckline(
        of, between(rng, 0.08, 0.13), between(rng, 0.44, 0.52), 0.55, bool(rng.uniform() < 0.5)
    )
    sleeve = float(rng.choice([between(rng, 0.08, 0.2), suit.ARM_M - 0.02]))
    pattern = top(of, between(rng, -0.03, 0.06), sleeve, neck, ease, between(rng, 0.02, 0.05), 0.05,
                  FLOWING, cuffed=bool(rng.uniform() < 0.5))  # fmt: skip
    return Garment("blouse", pattern, (fabrics.SILK, fabrics.SHIRT, fabrics.DRESS))


def jersey(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of, ease = tailor.suit, between(rng, 0.01, 0.035)
    pattern = top(of, between(rng, -0.06, 0.02), between(rng, 0.14, 0.22), _crew(rng, of), ease,
                  ease + 0.01, 0.04, THIN)  # fmt: skip
    drawn = (*_sometimes(rng, 0.5, "number"), *_sometimes(rng, 0.4, "side_stripes"), "logo")
    return Garment(
        "jersey", pattern, (fabrics.SPORT,), (HEMMED, Trim(trims.BAND, "neck", "plain")), drawn
    )


def jumper(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of, ease = tailor.suit, between(rng, 0.012, 0.04)
    roll = rng.uniform() < 0.25
    neck = neckline(of, 0.085, 0.545, 0.57) if roll else _crew(rng, of)
    pattern = top(of, between(rng, -0.04, 0.06), suit.ARM_M - between(rng, -0.01, 0.01), neck, ease,
                  ease * 0.7 + 0.01, 0.025, FIRM, cuffed=True)  # fmt: skip
    collar = Trim(trims.ROLL if roll else trims.BAND, "neck")
    bands = (Trim(trims.CUFF, "cuffs"), Trim(trims.CUFF, "hem"))
    return Garment("roll-neck" if roll else "jumper", pattern, (fabrics.KNIT,), (collar, *bands))


def hoodie(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of, ease = tailor.suit, between(rng, 0.015, 0.04)
    neck = neckline(of, 0.088, between(rng, 0.52, 0.545), 0.565)
    zipped = rng.uniform() < 0.35
    pattern = top(of, between(rng, -0.05, 0.03), suit.ARM_M + 0.005, neck, ease, ease * 0.8 + 0.01,
                  0.025, FIRM, cuffed=True)  # fmt: skip
    drawn = ("pouch", *(("zipper",) if zipped else _sometimes(rng, 0.4, "printed")))
    edges = (Trim(trims.HOOD, "back"), Trim(trims.CUFF, "cuffs"), Trim(trims.CUFF, "hem"))
    return Garment("hoodie", pattern, (fabrics.COAT, fabrics.TEE), (HEMMED, *edges), drawn)


def cardigan(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of, ease = tailor.suit, between(rng, 0.012, 0.035)
    neck = neckline(of, 0.088, 0.44, 0.565, vee=True)
    opened = opening(of, between(rng, 0.02, 0.05), between(rng, 0.03, 0.12))
    pattern = top(of, between(rng, -0.08, 0.04), suit.ARM_M, np.minimum(neck, opened), ease,
                  ease * 0.7 + 0.01, 0.05, FIRM)  # fmt: skip
    return Garment("cardigan", pattern, (fabrics.KNIT,))


def jacket(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of, ease = tailor.suit, between(rng, 0.015, 0.035)
    neck = neckline(of, 0.088, between(rng, 0.5, 0.54), 0.568, vee=True)
    is_open = rng.uniform() < 0.55
    if is_open:
        neck = np.minimum(neck, opening(of, between(rng, 0.015, 0.04), between(rng, 0.03, 0.12)))
    pattern = top(of, between(rng, -0.05, 0.07), suit.ARM_M + 0.005, neck, ease, ease + 0.006, 0.03,
                  STIFF)  # fmt: skip
    collar = Trim(trims.SHIRT if rng.uniform() < 0.6 else trims.STAND, "collar", scale=1.3)
    drawn = (
        "hip_pockets",
        *(() if is_open else ("zipper",)),
        *_sometimes(rng, 0.3, "breast_pocket"),
    )
    return Garment("jacket", pattern, (fabrics.LEATHER, fabrics.DENIM, fabrics.WOVEN, fabrics.SPORT),
                   (HEMMED, collar), drawn)  # fmt: skip


def puffer(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of, ease = tailor.suit, between(rng, 0.03, 0.05)
    neck = neckline(of, 0.088, 0.55, 0.57)
    sleeve = suit.ARM_M
    if rng.uniform() < 0.25:
        sleeve, neck = 0.01, np.minimum(neck, armhole(of, 0.0))
    if rng.uniform() < 0.4:
        neck = np.minimum(neck, opening(of, 0.015, between(rng, 0.02, 0.08)))
    pattern = top(of, between(rng, -0.08, 0.04), sleeve, neck, ease, ease, 0.015, STIFF)
    collar = (
        Trim(trims.STAND, "neck", scale=1.6) if rng.uniform() < 0.6 else Trim(trims.HOOD, "back")
    )
    return Garment("down jacket", pattern, (fabrics.DOWN,), (HEMMED, collar), ("zipper",))


def blazer(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of, ease = tailor.suit, between(rng, 0.012, 0.025)
    neck = neckline(of, 0.09, between(rng, 0.3, 0.36), 0.568, vee=True)
    if rng.uniform() < 0.5:
        neck = np.minimum(neck, opening(of, 0.02, between(rng, 0.05, 0.12)))
    pattern = top(of, between(rng, -0.07, -0.02), suit.ARM_M - 0.012, neck, ease, ease + 0.004, 0.025,
                  STIFF)  # fmt: skip
    edges = (HEMMED, Trim(trims.LAPEL, "front"), Trim(trims.SHIRT, "back", scale=1.2))
    return Garment("blazer", pattern, (fabrics.SUITING,), edges, ("hip_pockets", "breast_pocket"))


def waistcoat(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of = tailor.suit
    neck = np.minimum(
        neckline(of, 0.09, between(rng, 0.34, 0.42), 0.56, vee=True), armhole(of, 0.0)
    )
    if rng.uniform() < 0.4:
        neck = np.minimum(neck, opening(of, 0.02, 0.06))
    pattern = top(
        of, between(rng, -0.03, 0.08), 0.01, neck, between(rng, 0.006, 0.02), 0.0, 0.02, STIFF
    )
    return Garment("waistcoat", pattern, (fabrics.SUITING, fabrics.LEATHER, fabrics.DENIM, fabrics.HIVIS),
                   (HEMMED,), ("placket",))  # fmt: skip


def coat(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of, ease = tailor.gown, between(rng, 0.018, 0.035)
    neck = neckline(of, 0.09, between(rng, 0.42, 0.53), 0.568, vee=True)
    if rng.uniform() < 0.55:
        neck = np.minimum(neck, opening(of, between(rng, 0.015, 0.04), between(rng, 0.04, 0.12)))
    pattern = top(of, between(rng, -0.45, -0.12), suit.ARM_M + 0.005, neck, ease, ease + 0.006, 0.04,
                  STIFF, flare=between(rng, 0.02, 0.14))  # fmt: skip
    collar = Trim(trims.SHIRT, "collar", scale=between(rng, 1.2, 1.8))
    edges = (HEMMED, collar, *((Trim(trims.LAPEL, "front"),) if rng.uniform() < 0.4 else ()))
    return Garment("coat", pattern, (fabrics.COAT, fabrics.WOVEN, fabrics.DOWN), edges,
                   ("hip_pockets", *_sometimes(rng, 0.5, "placket")))  # fmt: skip


def trousers(rng: np.random.Generator, tailor: Tailor) -> Garment:
    pattern = bottom(tailor.suit, between(rng, 0.08, 0.17), suit.ANKLE_Y + between(rng, -0.03, 0.06),
                     between(rng, 0.004, 0.028), between(rng, -0.002, 0.035), 0.02, FIRM)  # fmt: skip
    return Garment("trousers", pattern, (fabrics.WOVEN, fabrics.SUITING), marks=("seams",))


def jeans(rng: np.random.Generator, tailor: Tailor) -> Garment:
    pattern = bottom(tailor.suit, between(rng, 0.06, 0.15), suit.ANKLE_Y + between(rng, -0.03, 0.07),
                     between(rng, 0.002, 0.018), between(rng, -0.002, 0.025), 0.014, STIFF)  # fmt: skip
    return Garment("jeans", pattern, (fabrics.DENIM,), marks=("faded",))


def wide_trousers(rng: np.random.Generator, tailor: Tailor) -> Garment:
    pattern = bottom(tailor.suit, between(rng, 0.12, 0.2), suit.ANKLE_Y + between(rng, -0.04, 0.1),
                     between(rng, 0.025, 0.045), between(rng, 0.02, 0.07), 0.05, FLOWING)  # fmt: skip
    return Garment("wide trousers", pattern, (fabrics.DRESS, fabrics.WOVEN, fabrics.SILK))


def joggers(rng: np.random.Generator, tailor: Tailor) -> Garment:
    pattern = bottom(tailor.suit, between(rng, 0.08, 0.15), suit.ANKLE_Y + 0.01,
                     between(rng, 0.014, 0.034), -0.006, 0.025, THIN)  # fmt: skip
    return Garment(
        "joggers", pattern, (fabrics.SPORT, fabrics.TEE), marks=_sometimes(rng, 0.5, "side_stripes")
    )


def leggings(rng: np.random.Generator, tailor: Tailor) -> Garment:
    hem = float(rng.choice([suit.ANKLE_Y, suit.KNEE_Y - 0.1, suit.KNEE_Y + 0.08]))
    pattern = bottom(tailor.suit, between(rng, 0.12, 0.2), hem, 0.0, 0.0, 0.0, STRETCHY)
    return Garment(
        "leggings", pattern, (fabrics.STRETCH,), marks=_sometimes(rng, 0.2, "side_stripes")
    )


def shorts(rng: np.random.Generator, tailor: Tailor) -> Garment:
    pattern = bottom(tailor.suit, between(rng, 0.08, 0.15), between(rng, -0.42, -0.17),
                     between(rng, 0.01, 0.035), 0.0, 0.03, FIRM)  # fmt: skip
    return Garment(
        "shorts", pattern, (fabrics.WOVEN, fabrics.SPORT, fabrics.DENIM), marks=("seams",)
    )


def short_skirt(rng: np.random.Generator, tailor: Tailor) -> Garment:
    pattern = skirt(tailor.gown, between(rng, 0.13, 0.19), between(rng, -0.34, -0.15),
                    between(rng, -0.02, 0.3), FIRM)  # fmt: skip
    return Garment(
        "short skirt", pattern, (fabrics.DRESS, fabrics.DENIM, fabrics.SUITING, fabrics.PLEATS)
    )


def long_skirt(rng: np.random.Generator, tailor: Tailor) -> Garment:
    pattern = skirt(tailor.gown, between(rng, 0.14, 0.2), between(rng, -0.7, -0.36),
                    between(rng, -0.05, 0.25), FLOWING)  # fmt: skip
    return Garment(
        "long skirt", pattern, (fabrics.DRESS, fabrics.SILK, fabrics.PLEATS, fabrics.WOVEN)
    )


def dress(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of = tailor.gown
    neck = neckline(of, between(rng, 0.08, 0.12), between(rng, 0.42, 0.52), between(rng, 0.48, 0.56),
                    bool(rng.uniform() < 0.4))  # fmt: skip
    sleeve = float(rng.choice([0.01, between(rng, 0.08, 0.2), suit.ARM_M - 0.01]))
    if sleeve < 0.05:
        neck = np.minimum(neck, armhole(of, between(rng, 0.0, 0.04)))
    ease = between(rng, 0.004, 0.018)
    pattern = top(of, between(rng, -0.7, -0.18), sleeve, neck, ease, ease + 0.01, 0.015, FLOWING,
                  flare=between(rng, -0.03, 0.3))  # fmt: skip
    return Garment("dress", pattern, (fabrics.DRESS, fabrics.SILK, fabrics.WOVEN))


def robe(rng: np.random.Generator, tailor: Tailor) -> Garment:
    """Long and wide: abaya, kaftan, thawb, dressing gown."""
    of = tailor.gown
    neck = neckline(of, 0.085, between(rng, 0.46, 0.545), 0.565, vee=True)
    pattern = top(of, between(rng, -0.76, -0.55), suit.ARM_M - between(rng, 0, 0.06), neck,
                  between(rng, 0.025, 0.05), between(rng, 0.03, 0.09), 0.06, FLOWING,
                  flare=between(rng, 0.02, 0.16))  # fmt: skip
    return Garment("robe", pattern, (fabrics.DRESS, fabrics.SILK, fabrics.WOVEN, fabrics.PLAIN))


def overalls(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of, ease = tailor.suit, between(rng, 0.012, 0.03)
    neck = neckline(of, 0.09, between(rng, 0.42, 0.54), 0.565, vee=True)
    pattern = top(of, suit.ANKLE_Y, suit.ARM_M - 0.005, neck, ease, ease, 0.03, FIRM, cuffed=True)
    pattern = dataclasses.replace(pattern, legs=True)
    return Garment("overalls", pattern, (fabrics.WOVEN, fabrics.DENIM, fabrics.HIVIS),
                   (HEMMED, Trim(trims.SHIRT, "collar")))  # fmt: skip


def swimsuit(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of = tailor.suit
    neck = neckline(of, 0.085, between(rng, 0.42, 0.5), between(rng, 0.3, 0.5))
    field = np.minimum(np.minimum(neck, armhole(of, 0.03)), _leg_line(of, between(rng, 0.5, 0.9)))
    zero = np.full(len(field), 0.002)
    return Garment("swimsuit", pattern_of(of, field, zero, zero, STRETCHY), (fabrics.STRETCH,))


def bikini(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of = tailor.suit
    x, y = np.abs(of.position[:, 0]), of.position[:, 1]
    band = np.minimum(np.minimum(y - 0.335, 0.425 - y), -0.004 - of.arm)
    strap = np.minimum(0.012 - np.abs(x - 0.085 + 0.1 * (y - 0.4)), np.minimum(y - 0.4, -of.arm))
    brief = np.minimum(between(rng, 0.03, 0.1) - y, _leg_line(of, between(rng, 0.5, 1.0)))
    field = np.maximum(np.maximum(band, strap), brief)
    zero = np.full(len(field), 0.002)
    return Garment("bikini", pattern_of(of, field, zero, zero, STRETCHY), (fabrics.STRETCH,))


def briefs(rng: np.random.Generator, tailor: Tailor) -> Garment:
    of = tailor.suit
    field = np.minimum(
        between(rng, 0.05, 0.12) - of.position[:, 1], _leg_line(of, between(rng, 0.3, 0.7))
    )
    zero = np.full(len(field), 0.002)
    return Garment("briefs", pattern_of(of, field, zero, zero, STRETCHY), (fabrics.STRETCH,))


def _leg_line(of: Suit, rise: float) -> np.ndarray:
    """[N] metres above the leg openings of briefs, which rise outwards by `rise`."""
    return of.position[:, 1] + 0.13 - rise * np.abs(of.position[:, 0])


Maker = Callable[[np.random.Generator, Tailor], Garment]

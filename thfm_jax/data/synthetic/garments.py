"""Garments: where each kind is cut on the suit, how loose it is, what it is made of."""

import dataclasses
from collections.abc import Callable

import numpy as np

from thfm_jax.data.synthetic import fabrics, suit
from thfm_jax.data.synthetic.cloth import Fabric
from thfm_jax.data.synthetic.suit import Suit
from thfm_jax.data.synthetic.tailor import Pattern

_NECK_SIDE_Y = 0.572  # where the neck meets the shoulders
_THIN = Fabric(pull=0.8, push=0.08, bend=0.04, memory=0.012, damping=0.12, crease=0.05)
_FIRM = Fabric(pull=0.9, push=0.2, bend=0.15, memory=0.03, damping=0.2, crease=0.04)
_STIFF = Fabric(pull=0.9, push=0.4, bend=0.3, memory=0.06, damping=0.25, crease=0.03)


@dataclasses.dataclass(frozen=True)
class Garment:
    """One thing to wear.

    Attributes:
      name: its kind.
      pattern: how it is cut.
      cuts: fabrics that it may be made of.
      over: whether, as a top, it hangs over trousers and skirts.
    """

    name: str
    pattern: Pattern
    cuts: tuple[fabrics.Cut, ...]


def _ramp(low: float, high: float, x: np.ndarray) -> np.ndarray:
    """0 where x is `low`, 1 where it is `high`, smooth in between; `low` may be the larger."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def neckline(of: Suit, width: float, front: float, back: float, vee: bool) -> np.ndarray:
    """[N] metres outside of a neck opening.

    Args:
      of: the suit.
      width: half the opening on the shoulders, from the middle; 0.08 is close to the neck.
      front, back: height of its lowest points.
      vee: pointed in front.
    """
    x, y, z = np.abs(of.position[:, 0]), of.position[:, 1], of.position[:, 2]
    share = np.clip(x / width, 0, 1)
    ahead = _ramp(-0.01, 0.03, z)
    low = front * ahead + back * (1 - ahead)
    rise = share if vee else share**2
    edge = low + (_NECK_SIDE_Y - low) * rise
    return np.maximum(edge - y, (x - width) * 0.8).astype(np.float32)


def top(
    of: Suit, hem: float, sleeve: float, neck: np.ndarray, body_ease: float, sleeve_ease: float,
    swing: float, fabric: Fabric, relax: float = 1.0,
) -> Pattern:  # fmt: skip
    """A top that reaches down to `hem` and along the arm by `sleeve` metres, as loose as given.

    `swing` is how far its hem moves.
    """
    y, on_arm = of.position[:, 1], of.arm > 0
    field = np.minimum(np.minimum(y - hem, sleeve - of.arm), neck)
    if sleeve <= 0:
        field = np.minimum(field, _strap(of))
    down = np.where(on_arm, _ramp(0, 0.15, of.arm), _ramp(0.5, 0.2, y))
    ease = 0.006 + np.where(on_arm, sleeve_ease, body_ease) * down
    cuff = _ramp(sleeve - 0.04, sleeve, of.arm) if sleeve > 0.4 else 0
    ease = ease * (1 - 0.7 * np.where(on_arm, cuff, 0))
    leash = 0.003 + np.where(on_arm, swing * 0.8, swing) * down + 0.5 * ease * down
    return _pattern(field, ease, leash, fabric, relax=relax)


def _strap(of: Suit) -> np.ndarray:
    """[N] metres inside of an armhole's edge."""
    return np.maximum(-0.004 - of.arm, -0.1)


def bottom(
    of: Suit, waist: float, hem: float, ease: float, flare: float, swing: float, fabric: Fabric
) -> Pattern:
    """Trousers from `waist` to `hem`: `ease` at the thigh, `flare` more at the ankle."""
    y = of.position[:, 1]
    field = np.minimum(waist - y, y - hem)
    down = _ramp(waist, suit.CROTCH_Y, y)
    looseness = 0.004 + ease * down + flare * _ramp(suit.KNEE_Y + 0.1, suit.ANKLE_Y, y)
    leash = 0.002 + swing * down + 0.4 * looseness * down
    return _pattern(field, looseness, leash, fabric, legs=True)


def _pattern(field, ease, leash, fabric, **options) -> Pattern:
    arrays = (np.ascontiguousarray(a, np.float32) for a in (field, ease, leash))
    return Pattern(*arrays, fabric, **options)


def _tee(rng: np.random.Generator, of: Suit) -> Garment:
    ease = float(rng.uniform(0.006, 0.035))
    neck = neckline(
        of, rng.uniform(0.078, 0.1), rng.uniform(0.49, 0.53), 0.56, rng.uniform() < 0.25
    )
    pattern = top(
        of, rng.uniform(-0.04, 0.06), rng.uniform(0.1, 0.22), neck, ease, ease + 0.012, 0.03, _THIN
    )
    return Garment("t-shirt", pattern, (fabrics.TEE,))


def _long_sleeve(rng: np.random.Generator, of: Suit) -> Garment:
    ease = float(rng.uniform(0.005, 0.03))
    neck = neckline(of, rng.uniform(0.078, 0.1), rng.uniform(0.49, 0.53), 0.56, rng.uniform() < 0.2)
    pattern = top(
        of, rng.uniform(-0.03, 0.05), suit.ARM_M - rng.uniform(-0.01, 0.02), neck, ease,
        ease * 0.6 + 0.006, 0.025, _THIN,
    )  # fmt: skip
    return Garment("long-sleeved top", pattern, (fabrics.TEE, fabrics.STRETCH))


def _jumper(rng: np.random.Generator, of: Suit) -> Garment:
    ease = float(rng.uniform(0.012, 0.04))
    neck = neckline(of, 0.08, rng.uniform(0.5, 0.54), 0.57, rng.uniform() < 0.2)
    pattern = top(
        of, rng.uniform(-0.04, 0.06), suit.ARM_M - rng.uniform(-0.01, 0.01), neck, ease,
        ease * 0.7 + 0.008, 0.02, _FIRM,
    )  # fmt: skip
    return Garment("jumper", pattern, (fabrics.KNIT,))


def _trousers(rng: np.random.Generator, of: Suit) -> Garment:
    ease, flare = float(rng.uniform(0.004, 0.025)), float(rng.uniform(-0.002, 0.03))
    pattern = bottom(
        of,
        rng.uniform(0.08, 0.16),
        suit.ANKLE_Y + rng.uniform(-0.02, 0.06),
        ease,
        flare,
        0.015,
        _FIRM,
    )
    return Garment("trousers", pattern, (fabrics.WOVEN,))


def _jeans(rng: np.random.Generator, of: Suit) -> Garment:
    ease, flare = float(rng.uniform(0.002, 0.016)), float(rng.uniform(-0.002, 0.02))
    pattern = bottom(
        of,
        rng.uniform(0.07, 0.13),
        suit.ANKLE_Y + rng.uniform(-0.02, 0.07),
        ease,
        flare,
        0.01,
        _STIFF,
    )
    return Garment("jeans", pattern, (fabrics.DENIM,))


def _shorts(rng: np.random.Generator, of: Suit) -> Garment:
    pattern = bottom(
        of, rng.uniform(0.08, 0.14), rng.uniform(-0.4, -0.16), rng.uniform(0.008, 0.03), 0.0, 0.025,
        _FIRM,
    )  # fmt: skip
    return Garment("shorts", pattern, (fabrics.WOVEN, fabrics.SPORT, fabrics.DENIM))


Maker = Callable[[np.random.Generator, Suit], Garment]
TOPS: dict[str, Maker] = {"t-shirt": _tee, "long-sleeved top": _long_sleeve, "jumper": _jumper}
BOTTOMS: dict[str, Maker] = {"trousers": _trousers, "jeans": _jeans, "shorts": _shorts}

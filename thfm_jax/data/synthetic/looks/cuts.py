"""Cuts: how the patterns of tops, trousers and skirts are drawn on the suit.

Heights and lengths are on the base mesh: see `suit`.
"""

import numpy as np

from thfm_jax.data.synthetic.looks import suit
from thfm_jax.data.synthetic.looks.cloth import Fabric
from thfm_jax.data.synthetic.looks.suit import Suit
from thfm_jax.data.synthetic.looks.tailor import Pattern

_NECK_SIDE_Y = 0.572  # where the neck meets the shoulders


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
    floats = [np.ascontiguousarray(a, np.float32) for a in (field, ease, leash)]
    return Pattern(of, floats[0], floats[1], floats[2], fabric, legs)

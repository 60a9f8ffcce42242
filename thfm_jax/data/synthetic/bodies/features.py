"""Single features of body and face that make one person unlike another of the same build.

A feature runs between two of MakeHuman's local targets, such as a nose that is narrow or wide. It
is 0 on average, at 1 the one target has its full effect and at -1 the other.
"""

from typing import NamedTuple

import numpy as np


class Axis(NamedTuple):
    """Features of one kind.

    Attributes:
      folder: of the targets in the pack.
      ends: suffixes of the target for negative and for positive values.
      spread: standard deviation among people.
      names: stems; "*-" stands for both sides, which differ a little.
    """

    folder: str
    ends: tuple[str, str]
    spread: float
    names: tuple[str, ...]


def _axis(folder: str, ends: str, spread: float, names: str) -> Axis:
    low, high = ends.split()
    return Axis(folder, (low, high), spread, tuple(names.split()))


FACE: tuple[Axis, ...] = (
    _axis("head", "decr incr", 0.12, "head-scale-depth head-scale-horiz head-scale-vert"),
    _axis("head", "decr incr", 0.3, "head-age head-fat head-back-scale-depth"),
    _axis("head", "in out", 0.19, "head-angle"),
    _axis("forehead", "decr incr", 0.15, "forehead-nubian forehead-scale-vert forehead-temple"),
    _axis("forehead", "backward forward", 0.19, "forehead-trans"),
    _axis("eyebrows", "down up", 0.25, "eyebrows-angle eyebrows-trans"),
    _axis("eyebrows", "backward forward", 0.25, "eyebrows-trans"),
    _axis("eyes", "decr incr", 0.19, "*-eye-bag *-eye-bag-height *-eye-height1 *-eye-height2"),
    _axis("eyes", "decr incr", 0.15, "*-eye-height3 *-eye-scale"),
    _axis("eyes", "in out", 0.19, "*-eye-bag *-eye-epicanthus *-eye-push1 *-eye-push2 *-eye-trans"),
    _axis("eyes", "down up", 0.22, "*-eye-corner1 *-eye-corner2 *-eye-eyefold-angle *-eye-eyefold"),
    _axis("eyes", "down up", 0.15, "*-eye-trans"),
    _axis("eyes", "concave convex", 0.22, "*-eye-eyefold"),
    _axis("nose", "down up", 0.25, "nose-base nose-nostrils-angle nose-point nose-trans"),
    _axis("nose", "compress uncompress", 0.19, "nose-compression"),
    _axis("nose", "concave convex", 0.25, "nose-curve"),
    _axis("nose", "decr incr", 0.25, "nose-flaring nose-greek nose-hump nose-nostrils-width"),
    _axis("nose", "decr incr", 0.25, "nose-point-width nose-septumangle nose-volume"),
    _axis("nose", "decr incr", 0.19, "nose-scale-depth nose-scale-horiz nose-scale-vert"),
    _axis("nose", "decr incr", 0.22, "nose-width1 nose-width2 nose-width3"),
    _axis("mouth", "down up", 0.19, "mouth-angles mouth-lowerlip-ext mouth-lowerlip-middle"),
    _axis("mouth", "down up", 0.19, "mouth-trans mouth-upperlip-ext mouth-upperlip-middle"),
    _axis(
        "mouth", "decr incr", 0.25, "mouth-cupidsbow mouth-cupidsbow-width mouth-lowerlip-height"
    ),
    _axis("mouth", "decr incr", 0.25, "mouth-lowerlip-volume mouth-lowerlip-width"),
    _axis("mouth", "decr incr", 0.25, "mouth-philtrum-volume mouth-upperlip-height"),
    _axis("mouth", "decr incr", 0.25, "mouth-upperlip-volume mouth-upperlip-width"),
    _axis("mouth", "decr incr", 0.19, "mouth-scale-depth mouth-scale-horiz mouth-scale-vert"),
    _axis("mouth", "in out", 0.19, "mouth-dimples mouth-laugh-lines"),
    _axis("cheek", "decr incr", 0.25, "*-cheek-bones *-cheek-inner *-cheek-volume"),
    _axis("cheek", "down up", 0.25, "*-cheek-trans"),
    _axis("chin", "decr incr", 0.25, "chin-bones chin-cleft chin-height chin-prominent chin-width"),
    _axis("chin", "decr incr", 0.19, "chin-jaw-drop chin-prognathism"),
    _axis("ears", "decr incr", 0.4, "*-ear-flap *-ear-lobe *-ear-scale *-ear-wing"),
    _axis("ears", "decr incr", 0.4, "*-ear-scale-depth *-ear-scale-vert"),
    _axis("ears", "backward forward", 0.4, "*-ear-rot"),
)
BODY: tuple[Axis, ...] = (
    _axis("neck", "decr incr", 0.3, "measure-neck-circ neck-double neck-back-scale-depth"),
    _axis("neck", "decr incr", 0.15, "neck-scale-depth neck-scale-horiz neck-scale-vert"),
    _axis("arms", "decr incr", 0.3, "*-lowerarm-fat *-upperarm-fat"),
    _axis("arms", "decr incr", 0.3, "*-lowerarm-muscle *-upperarm-muscle"),
    _axis("arms", "decr incr", 0.3, "*-upperarm-shoulder-muscle"),
    _axis("arms", "decr incr", 0.25, "measure-lowerarm-length measure-upperarm-length"),
    _axis("hands", "decr incr", 0.3, "*-hand-fingers-diameter *-hand-fingers-length *-hand-scale"),
    _axis("torso", "decr incr", 0.25, "measure-shoulder-dist measure-napetowaist-dist"),
    _axis("torso", "decr incr", 0.3, "measure-waist-circ measure-hips-circ measure-bust-circ"),
    _axis("torso", "decr incr", 0.3, "torso-muscle-dorsi torso-muscle-pectoral torso-vshape"),
    _axis("torso", "decr incr", 0.12, "torso-scale-depth torso-scale-horiz torso-scale-vert"),
    _axis("hip", "decr incr", 0.12, "hip-scale-depth hip-scale-horiz hip-scale-vert"),
    _axis("hip", "down up", 0.3, "hip-waist"),
    _axis("stomach", "decr incr", 0.25, "stomach-pregnant stomach-tone"),
    _axis("stomach", "in out", 0.4, "stomach-navel"),
    _axis("buttocks", "decr incr", 0.35, "buttocks-volume"),
    _axis("legs", "decr incr", 0.3, "*-lowerleg-fat *-upperleg-fat"),
    _axis("legs", "decr incr", 0.3, "*-lowerleg-muscle *-upperleg-muscle"),
    _axis("legs", "decr incr", 0.12, "*-leg-valgus upperlegs-height lowerlegs-height"),
    _axis("feet", "decr incr", 0.3, "*-foot-scale *-foot-scale-horiz *-foot-scale-depth"),
)
_SHAPES = ("diamond", "invertedtriangular", "oval", "rectangular", "round", "square", "triangular")
# Features that go with the person's fat, muscle and years, and how much of each.
_FAT = {
    **dict.fromkeys(("head-fat", "neck-double", "measure-waist-circ"), 0.7),
    **dict.fromkeys(("*-lowerarm-fat", "*-upperarm-fat", "*-lowerleg-fat", "*-upperleg-fat"), 0.6),
    **dict.fromkeys(("buttocks-volume", "stomach-pregnant", "measure-hips-circ"), 0.5),
    **dict.fromkeys(("*-hand-fingers-diameter", "*-cheek-volume", "measure-neck-circ"), 0.5),
}
_MUSCLE = {
    **dict.fromkeys(("*-lowerarm-muscle", "*-upperarm-muscle", "*-upperarm-shoulder-muscle"), 0.7),
    **dict.fromkeys(("*-lowerleg-muscle", "*-upperleg-muscle", "torso-vshape"), 0.6),
    **dict.fromkeys(("torso-muscle-dorsi", "torso-muscle-pectoral", "stomach-tone"), 0.6),
}
_YEARS = {
    **dict.fromkeys(("head-age", "*-eye-bag", "*-ear-lobe", "*-ear-scale", "nose-volume"), 0.4),
    **dict.fromkeys(("*-eye-eyefold-angle", "mouth-upperlip-volume"), -0.35),
    **dict.fromkeys(("mouth-lowerlip-volume", "stomach-tone", "*-cheek-trans"), -0.35),
}
_LIMIT = 0.95
_ONE_SIDED = 0.12  # how much sides differ, as a share of the spread


def sample(
    rng: np.random.Generator, size: float, fat: float, muscle: float, years: float
) -> dict[str, float]:
    """Target → weight in [0, 1] of a random person's features.

    Args:
      rng: source of randomness.
      size: of the body relative to an adult's: targets move skin by adult distances.
      fat: -1 lean to 1 obese.
      muscle: -1 weak to 1 strong.
      years: 0 young to 1 old.
    """
    boldness = size * rng.uniform(0.6, 1.25)
    weights: dict[str, float] = {}
    for axis in (*FACE, *BODY):
        for name in axis.names:
            mean = fat * _FAT.get(name, 0)
            mean += muscle * _MUSCLE.get(name, 0)
            mean += years * _YEARS.get(name, 0)
            value, lean = axis.spread * rng.normal(size=2) * (1, _ONE_SIDED)
            value = size * mean + boldness * value
            weights |= _ends(axis, name, value + lean, value - lean)
    shape = _SHAPES[rng.integers(len(_SHAPES))]
    return {**weights, f"head/head-{shape}": float(size * rng.uniform(0, 0.3))}


def _ends(axis: Axis, name: str, left: float, right: float) -> dict[str, float]:
    """The targets, one for each side where there are two, that stand for a feature's values."""
    sides = {"l-": left, "r-": right} if name.startswith("*-") else {"": (left + right) / 2}
    stem = name.removeprefix("*-")
    return {
        f"{axis.folder}/{side}{stem}-{axis.ends[int(value > 0)]}": float(min(abs(value), _LIMIT))
        for side, value in sides.items()
    }

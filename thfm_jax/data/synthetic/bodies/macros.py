"""MakeHuman's macro targets: the whole body's change with age, sex, build, stature and ancestry.

Each axis lies between two anchors, and a target's weight is the product of the shares of the
anchors that its name holds (MPFB2 `data/targets/macrodetails/macro.json`). The middle of the axes
height, proportions and cup has no target.
"""

import itertools
import math

import numpy as np

ANCESTRIES: tuple[str, ...] = ("african", "asian", "caucasian")
_AGES = ("baby", "child", "young", "old")
# Years at which a body is so far along `_AGES`: 0 baby, 1 child, 2 young, 3 old.
_YEARS = (0.0, 1.0, 2.0, 4.0, 8.0, 12.0, 15.0, 18.0, 22.0, 35.0, 50.0, 65.0, 80.0)
_PROGRESS = (0.0, 0.2, 0.4, 0.65, 1.0, 1.45, 1.8, 1.95, 2.0, 2.15, 2.4, 2.7, 3.0)
_Shares = dict[str, float]

# Stature in metres of the body at `height` 0, 0.5 and 1 for each of `_AGES`, and how much an
# ancestry adds at 0.5; measured on the targets.
_STATURE_M = {
    "female": ((0.438, 0.602, 0.891), (0.894, 1.261, 1.839), (1.223, 1.590, 2.312))
    + ((1.210, 1.576, 2.300),),
    "male": ((0.438, 0.602, 0.891), (0.991, 1.357, 1.936), (1.364, 1.730, 2.453))
    + ((1.334, 1.700, 2.423),),
}
_ANCESTRY_M = (0.080, -0.100, 0.015)


def weights(
    age_years: float,
    gender: float,
    muscle: float,
    weight: float,
    height: float,
    proportions: float,
    cup: float,
    ancestry: tuple[float, float, float],
) -> dict[str, float]:
    """Weight of each target that takes part; see `Phenotype` for the axes."""
    sex = {"female": 1 - gender, "male": gender}
    age = _age(age_years)
    strong = _between(("minmuscle", "averagemuscle", "maxmuscle"), 2 * muscle)
    fat = _between(("minweight", "averageweight", "maxweight"), 2 * weight)
    tall = _off_middle("minheight", "maxheight", height)
    ideal = _off_middle("uncommonproportions", "idealproportions", proportions)
    bust = _off_middle("mincup-averagefirmness", "maxcup-averagefirmness", cup)
    return {
        **_products(dict(zip(ANCESTRIES, ancestry, strict=True)), sex, age),
        **_products({"universal": 1.0}, sex, age, strong, fat),
        **_products(sex, age, strong, fat, tall),
        **_products(sex, age, strong, fat, ideal),
        **_products({"female": 1 - gender}, age, strong, fat, bust),
    }


def height_of(
    stature_m: float, age_years: float, gender: float, ancestry: tuple[float, float, float]
) -> float:
    """The `height` in [0, 1] at which a body is about `stature_m` tall."""
    shares = {name: share for name, share in _age(age_years).items()}
    statures = np.zeros(3)
    for sex, part in (("female", 1 - gender), ("male", gender)):
        for name, share in shares.items():
            statures += part * share * np.array(_STATURE_M[sex][_AGES.index(name)])
    shift = sum(share * extra for share, extra in zip(ancestry, _ANCESTRY_M, strict=True))
    statures += shift * statures[1] / 1.66
    return float(np.interp(stature_m, statures, (0.0, 0.5, 1.0)))


def _age(age_years: float) -> _Shares:
    return _between(_AGES, float(np.interp(age_years, _YEARS, _PROGRESS)))


def _between(anchors: tuple[str, ...], position: float) -> _Shares:
    """Shares of the two anchors around `position`, counted in anchors.

    Beyond the last anchor it goes on along the last pair.
    """
    low = min(max(math.floor(position), 0), len(anchors) - 2)
    share = position - low
    return {anchors[low]: 1 - share, anchors[low + 1]: share}


def _off_middle(low: str, high: str, value: float) -> _Shares:
    """Share of `low` below one half, of `high` above it."""
    return {low: 1 - 2 * value} if value < 0.5 else {high: 2 * value - 1}


def _products(*axes: _Shares) -> dict[str, float]:
    """Weight of each combination of anchors that has any."""
    products = {}
    for combination in itertools.product(*(axis.items() for axis in axes)):
        weight = math.prod(share for _, share in combination)
        if weight:
            products["macro/" + "-".join(anchor for anchor, _ in combination)] = weight
    return products

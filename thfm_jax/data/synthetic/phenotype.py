"""Who a synthetic person is: age, sex, build, ancestry and features, and how they are drawn.

A phenotype says how much of each of MakeHuman's targets the base mesh takes. Macro targets are
products: each of the axes age, gender, muscle, weight, height, proportions and cup lies between two
anchors, and a target's weight is the product of its anchors' shares (MakeHuman
`data/modifiers` and MPFB2 `macro.json`). Local targets are single features with a weight in [0, 1].
"""

import dataclasses
import itertools
from collections.abc import Mapping

import numpy as np

ANCESTRIES: tuple[str, ...] = ("african", "asian", "caucasian")
_AGES = ("baby", "child", "young", "old")
# Years at which the body is so far along `_AGES`: 0 baby, 1 child, 2 young, 3 old.
_YEARS = (0.0, 1.0, 2.0, 4.0, 8.0, 12.0, 15.0, 18.0, 22.0, 35.0, 50.0, 65.0, 80.0)
_PROGRESS = (0.0, 0.2, 0.4, 0.65, 1.0, 1.45, 1.8, 1.95, 2.0, 2.15, 2.4, 2.7, 3.0)


@dataclasses.dataclass(frozen=True)
class Phenotype:
    """A person's shape.

    Attributes:
      age_years: 0 to 90.
      gender: 0 female to 1 male.
      muscle: 0 to 1, 0.5 average.
      weight: 0 to 1 is MakeHuman's range, thin to plump for one stature; up to 1.6 goes on.
      height: 0 to 1, 0.5 average for age and gender; stature grows with it.
      proportions: 0 uncommon to 1 ideal, 0.5 neither.
      cup: 0 to 1, of adult women.
      ancestry: shares of `ANCESTRIES`, sum 1.
      features: local target → weight, as in {"nose/nose-hump-incr": 0.3}.
      scales: bone → (size, length) for cartoons: see `BodyModel.shape`. Empty for people.
    """

    age_years: float = 30.0
    gender: float = 0.5
    muscle: float = 0.5
    weight: float = 0.5
    height: float = 0.5
    proportions: float = 0.5
    cup: float = 0.5
    ancestry: tuple[float, float, float] = (1 / 3, 1 / 3, 1 / 3)
    features: Mapping[str, float] = dataclasses.field(default_factory=dict)
    scales: Mapping[str, tuple[float, float]] = dataclasses.field(default_factory=dict)

    def targets(self) -> dict[str, float]:
        """Weight of each target that takes part; names as in the pack."""
        gender = {"female": 1 - self.gender, "male": self.gender}
        age = _between(_AGES, float(np.interp(self.age_years, _YEARS, _PROGRESS)))
        muscle = _between(("minmuscle", "averagemuscle", "maxmuscle"), 2 * self.muscle)
        weight = _between(("minweight", "averageweight", "maxweight"), 2 * self.weight)
        cup = _ends("mincup", "maxcup", self.cup)
        height = _ends("minheight", "maxheight", self.height)
        proportions = _ends("uncommonproportions", "idealproportions", self.proportions)
        ancestry = dict(zip(ANCESTRIES, self.ancestry, strict=True))
        build = (gender, age, muscle, weight)
        return {
            **_products("macro/{}-{}-{}", ancestry, gender, age),
            **_products("macro/universal-{}-{}-{}-{}", *build),
            **_products("macro/{}-{}-{}-{}-{}", *build, height),
            **_products("macro/{}-{}-{}-{}-{}", *build, proportions),
            **_products(
                "macro/female-{}-{}-{}-{}-averagefirmness", *_weighted(build, 1 - self.gender), cup
            ),
            **self.features,
        }


def _between(anchors: tuple[str, ...], position: float) -> dict[str, float]:
    """Shares of the two anchors around `position`, counted in anchors; beyond the ends it goes on
    along the last pair."""
    low = int(np.clip(np.floor(position), 0, len(anchors) - 2))
    share = position - low
    return {anchors[low]: 1 - share, anchors[low + 1]: share}


def _ends(low: str, high: str, value: float) -> dict[str, float]:
    """Share of `low` below one half, of `high` above it."""
    return {low: 1 - 2 * value} if value < 0.5 else {high: 2 * value - 1}


def _weighted(build: tuple[dict[str, float], ...], factor: float) -> tuple[dict[str, float], ...]:
    """Age, muscle and weight of `build`, times `factor`."""
    _, age, muscle, weight = build
    return {name: factor * share for name, share in age.items()}, muscle, weight


def _products(name: str, *axes: dict[str, float]) -> dict[str, float]:
    """Weight of each combination's target, without those of weight 0."""
    products = {}
    for combination in itertools.product(*(axis.items() for axis in axes)):
        weight = float(np.prod([share for _, share in combination]))
        if weight:
            products[name.format(*(anchor for anchor, _ in combination))] = weight
    return products


def sample_phenotype(rng: np.random.Generator, cartoon: bool = False) -> Phenotype:
    """A random person; with `cartoon` one whose proportions no person has."""
    age_years = _age_years(rng)
    gender = float(np.clip(rng.choice([0.05, 0.95]) + rng.normal(0, 0.08), 0, 1))
    ancestry = rng.dirichlet([0.4, 0.4, 0.4])
    return Phenotype(
        age_years=age_years,
        gender=gender,
        muscle=float(np.clip(rng.normal(0.5, 0.2), 0, 1)),
        weight=float(np.clip(rng.normal(0.6, 0.3), 0, 1.6)),
        height=float(np.clip(rng.normal(0.52, 0.05), 0, 1)),
        proportions=float(rng.uniform(0, 1)),
        cup=float(np.clip(rng.normal(0.5, 0.25), 0, 1)),
        ancestry=(float(ancestry[0]), float(ancestry[1]), float(ancestry[2])),
    )


def _age_years(rng: np.random.Generator) -> float:
    """Children, adults and old people, adults most."""
    low, high = [(0.5, 4), (4, 13), (13, 20), (20, 45), (45, 65), (65, 90)][
        rng.choice(6, p=[0.05, 0.12, 0.1, 0.43, 0.18, 0.12])
    ]
    return float(rng.uniform(low, high))

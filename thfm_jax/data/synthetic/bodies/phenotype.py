"""Who a synthetic person is: age, sex, build, ancestry and features, and how they are drawn."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from thfm_jax.data.synthetic.bodies import cartoon as cartoons
from thfm_jax.data.synthetic.bodies import features, macros
from thfm_jax.data.synthetic.bodies.scaling import Scale

# Mean stature in metres by years, girls and boys; after the growth charts of WHO and CDC.
_GROWTH_YEARS = (0, 0.5, 1, 2, 4, 6, 8, 10, 12, 14, 16, 18, 45, 60, 90)
_GROWTH_FEMALE_M = (0.50, 0.66, 0.74, 0.86, 1.01, 1.15, 1.275, 1.385, 1.51, 1.595, 1.625, 1.635) + (
    (1.635, 1.61, 1.55)
)
_GROWTH_MALE_M = (0.505, 0.675, 0.755, 0.87, 1.02, 1.16, 1.28, 1.385, 1.49, 1.635, 1.73, 1.755) + (
    (1.76, 1.74, 1.67)
)
_STATURE_SPREAD = 0.04  # standard deviation as a share of the mean
_SHORTEST_ADULT_M = 1.5
# How many people are of which age.
_AGE_YEARS = ((0.5, 4), (4, 13), (13, 20), (20, 45), (45, 65), (65, 90))
_AGE_SHARES = (0.05, 0.12, 0.10, 0.43, 0.18, 0.12)


@dataclasses.dataclass(frozen=True)
class Phenotype:
    """A person's shape.

    Attributes:
      age_years: 0 to 90.
      gender: 0 female to 1 male.
      muscle: 0 to 1, 0.5 average.
      weight: 0 lean to 1 obese, 0.5 slim; on to 1.3.
      height: 0 to 1, 0.5 middling for age and gender; stature grows with it.
      proportions: 0 uncommon to 1 ideal, 0.5 neither.
      cup: 0 to 1, of women.
      ancestry: shares of `macros.ANCESTRIES`, sum 1.
      features: local target → weight in [0, 1], as in {"nose/nose-hump-incr": 0.3}.
      scales: bone → how cartoons stretch it; empty for people.
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
    scales: Mapping[str, Scale] = dataclasses.field(default_factory=dict)

    @property
    def macros(self) -> dict[str, float]:
        """Weight of each macro target that takes part; names as in the pack."""
        return macros.weights(
            self.age_years,
            self.gender,
            self.muscle,
            self.weight,
            self.height,
            self.proportions,
            self.cup,
            self.ancestry,
        )


def sample_phenotype(rng: np.random.Generator, cartoon: bool = False) -> Phenotype:
    """A random person; with `cartoon`, one of proportions that no person has."""
    low, high = _AGE_YEARS[rng.choice(len(_AGE_YEARS), p=_AGE_SHARES)]
    age_years = float(rng.uniform(low, high))
    gender = float(np.clip(rng.integers(2) + rng.normal(0, 0.1), 0, 1))
    african, asian, caucasian = (float(share) for share in rng.dirichlet([0.35] * 3))
    ancestry = (african, asian, caucasian)
    muscle, weight = _build(rng, age_years)
    stature_m = _stature_m(rng, age_years, gender)
    person = Phenotype(
        age_years=age_years,
        gender=gender,
        muscle=muscle,
        weight=weight,
        height=macros.height_of(stature_m, age_years, gender, ancestry),
        proportions=float(rng.uniform(0.1, 1)),
        cup=float(np.clip(rng.normal(0.5, 0.2), 0, 1)),
        ancestry=ancestry,
        features=features.sample(
            rng,
            size=stature_m / 1.7,
            fat=float(np.clip(2 * weight - 1.2, -0.4, 0.9)),
            muscle=2 * muscle - 1,
            years=float(np.interp(age_years, (35, 80), (0, 1))),
        ),
    )
    return cartoons.sample(rng, person) if cartoon else person


def _build(rng: np.random.Generator, age_years: float) -> tuple[float, float]:
    """Muscle and weight; obese and athletic people are kinds of their own."""
    adult = age_years > 16
    kind = rng.choice(3, p=(0.66, 0.2, 0.14) if adult else (0.85, 0.15, 0))
    if kind == 1:
        return float(rng.uniform(0.05, 0.35)), float(rng.uniform(0.7, 1.15 if adult else 0.9))
    if kind == 2:
        return float(rng.uniform(0.7, 1)), float(rng.uniform(0.4, 0.95))
    muscle = rng.normal(0.48, 0.14) - (0.1 if age_years > 65 else 0)
    return float(np.clip(muscle, 0.1, 0.8)), float(np.clip(rng.normal(0.6, 0.17), 0.2, 0.95))


def _stature_m(rng: np.random.Generator, age_years: float, gender: float) -> float:
    """A stature as it occurs at that age."""
    female = np.interp(age_years, _GROWTH_YEARS, _GROWTH_FEMALE_M)
    male = np.interp(age_years, _GROWTH_YEARS, _GROWTH_MALE_M)
    spread = np.clip(rng.normal(0, _STATURE_SPREAD), -0.085, 0.11)
    stature = float((female + gender * (male - female)) * (1 + spread))
    return max(stature, _SHORTEST_ADULT_M) if age_years > 18 else stature

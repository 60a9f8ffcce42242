"""Bodies that no person has: chibis, giants' hands, barrels, stilts."""

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from thfm_jax.data.synthetic.bodies.scaling import Scale

if TYPE_CHECKING:
    from thfm_jax.data.synthetic.bodies.phenotype import Phenotype

_GROUPS = {
    "head": ("head",),
    "neck": ("neck01", "neck02", "neck03"),
    "trunk": ("spine05", "spine04", "spine03", "spine02", "spine01"),
    "upper_arm": ("upperarm01.L", "upperarm02.L", "upperarm01.R", "upperarm02.R"),
    "lower_arm": ("lowerarm01.L", "lowerarm02.L", "lowerarm01.R", "lowerarm02.R"),
    "hand": ("wrist.L", "wrist.R"),
    "upper_leg": ("upperleg01.L", "upperleg02.L", "upperleg01.R", "upperleg02.R"),
    "lower_leg": ("lowerleg01.L", "lowerleg02.L", "lowerleg01.R", "lowerleg02.R"),
    "foot": ("foot.L", "foot.R"),
}
# Style → group → (size, length, girth). Sizes belong to what ends a limb: they are handed on.
_STYLES: dict[str, dict[str, tuple[float, float, float]]] = {
    "chibi": {
        "head": (2.2, 1, 1),
        "trunk": (1, 0.75, 1),
        "upper_arm": (1, 0.7, 1.1),
        "lower_arm": (1, 0.7, 1.1),
        "upper_leg": (1, 0.6, 1.1),
        "lower_leg": (1, 0.6, 1.15),
        "foot": (1.15, 1, 1),
    },
    "big_head": {"head": (1.7, 1, 1), "neck": (1, 1, 0.8)},
    "giant_hands": {
        "hand": (2.1, 1, 1),
        "foot": (1.7, 1, 1),
        "lower_arm": (1, 1.05, 1.35),
        "lower_leg": (1, 1, 1.2),
    },
    "barrel": {
        "trunk": (1, 1.1, 1.55),
        "upper_leg": (1, 0.7, 0.95),
        "lower_leg": (1, 0.65, 0.85),
        "upper_arm": (1, 0.9, 1.1),
        "head": (1.1, 1, 1),
    },
    "stilts": {
        "upper_arm": (1, 1.35, 0.7),
        "lower_arm": (1, 1.45, 0.75),
        "upper_leg": (1, 1.5, 0.75),
        "lower_leg": (1, 1.5, 0.75),
        "trunk": (1, 0.9, 0.8),
        "neck": (1, 1.3, 0.85),
    },
    "hulk": {
        "head": (0.7, 1, 1),
        "trunk": (1, 1.05, 1.3),
        "upper_arm": (1, 1.1, 1.6),
        "lower_arm": (1, 1.15, 1.6),
        "hand": (1.5, 1, 1),
        "upper_leg": (1, 0.85, 1.15),
        "lower_leg": (1, 0.8, 1.1),
    },
}
STYLES: tuple[str, ...] = tuple(_STYLES)


def sample(rng: np.random.Generator, person: "Phenotype") -> "Phenotype":
    """`person` in a random style, exaggerated by a random degree."""
    style = _STYLES[STYLES[rng.integers(len(STYLES))]]
    degree = rng.uniform(0.7, 1.2)
    scales = {"root": Scale(size=float(rng.uniform(0.6, 1.3)))}
    for group, bones in _GROUPS.items():
        factors = np.array(style.get(group, (1.0, 1.0, 1.0))) ** degree
        factors *= np.exp(rng.normal(0, 0.06, 3))
        ends_limb = group in ("head", "hand", "foot")
        kept = np.where([ends_limb, not ends_limb, not ends_limb], factors, 1.0)
        scales |= {bone: Scale(*(float(factor) for factor in kept)) for bone in bones}
    eyes = {f"eyes/{side}-eye-scale-incr": float(rng.uniform(0.3, 0.95)) for side in "lr"}
    return dataclasses.replace(person, scales=scales, features={**person.features, **eyes})

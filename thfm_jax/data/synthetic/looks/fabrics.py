"""Fabrics: what garments are made of, as materials of one metre by one metre."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from thfm_jax.data.synthetic.looks import colours, marks, textures
from thfm_jax.data.synthetic.places import noise
from thfm_jax.data.synthetic.scene import Material

_VARIANTS, _WEAVES = 20, 6  # of each pattern and weave in the banks


@dataclasses.dataclass(frozen=True)
class Look:
    """A material and what to say about it.

    Attributes:
      material: of 1 m by 1 m: mesh coordinates are metres.
      kind: pattern and weave, for the record.
      colour: [3] float32 mean linear RGB.
    """

    material: Material
    kind: str
    colour: np.ndarray


@dataclasses.dataclass(frozen=True)
class Cut:
    """What a kind of garment asks of its fabric.

    Attributes:
      patterns: pattern → how often.
      weaves: weave → how often.
      folds_m: height of the folds in the relief.
      upright: how much folds run along the height.
      specular, roughness, sheen: of the material.
    """

    patterns: dict[str, float]
    weaves: dict[str, float]
    folds_m: float = 0.004
    upright: float = 1.5
    specular: float = 0.03
    roughness: float = 0.8
    sheen: float = 0.15


def choose(rng: np.random.Generator, shares: dict[str, float]) -> str:
    """A key, with probability in proportion to its value."""
    weights = np.array(list(shares.values()), float)
    return list(shares)[rng.choice(len(weights), p=weights / weights.sum())]


def make(
    rng: np.random.Generator,
    cut: Cut,
    base: np.ndarray,
    boldness: float,
    flat: bool = False,
    drawn: Sequence[str] = (),
) -> Look:
    """A fabric for `cut` with the main colour `base`.

    `flat` leaves out all that is fine; `drawn` names `marks.MARKS`.
    """
    kind, weave = choose(rng, cut.patterns), choose(rng, cut.weaves)
    ink = textures.pattern(kind, int(rng.integers(_VARIANTS)))
    inks = _inks(rng, kind, colours.palette(rng, base, boldness))
    albedo = inks[ink]
    relief, shade = textures.weave(weave, int(rng.integers(_WEAVES)))
    folds = np.float32(cut.folds_m) * textures.folds(noise.pick(rng), cut.upright)
    if not flat:
        worn = 0.8 + 0.35 * noise.cloud(noise.pick(rng), 1.0, 1.0)[..., None]
        albedo = np.minimum(albedo * (shade * worn), 1)
    height = folds if flat else folds + relief
    if drawn:
        albedo, height = marks.canvas(albedo, height)
        for name in drawn:
            marks.MARKS[name](rng, (albedo, height), inks[0])
    material = Material(
        albedo=albedo,
        height=height,
        specular=cut.specular,
        roughness=cut.roughness,
        wrap=0.15,
        sheen=cut.sheen,
    )
    return Look(material, f"{kind} {weave}", albedo[::8, ::8].mean(axis=(0, 1)))


def _inks(rng: np.random.Generator, kind: str, palette: np.ndarray) -> np.ndarray:
    """[LEVELS, 3] float32 colours of a pattern's inks."""
    if kind in ("gradient", "tie_dye", "heather"):
        other = palette[0] * 0.6 if kind == "heather" else palette[1]
        share = np.linspace(0, 1, textures.LEVELS, dtype=np.float32)[:, None]
        return palette[0] * (1 - share) + other * share
    return np.resize(palette, (textures.LEVELS, 3))


TEE = Cut(
    {"plain": 8, "hoops": 3, "heather": 2, "gradient": 0.4, "tie_dye": 0.5, "blocks": 1,
     "flowers": 0.5, "camouflage": 0.3, "dots": 0.4, "zigzag": 0.2},
    {"plain": 3, "smooth": 1},
)  # fmt: skip
SHIRT = Cut(
    {"plain": 6, "stripes": 3, "checks": 1.5, "plaid": 2.5, "flowers": 1, "dots": 0.7},
    {"plain": 2, "twill": 1},
    folds_m=0.0045,
)
KNIT = Cut(
    {"plain": 6, "hoops": 2, "heather": 2, "zigzag": 0.6, "blocks": 0.7},
    {"rib": 2, "cable": 1.5, "fleece": 1},
    folds_m=0.004,
    sheen=0.35,
)
DENIM = Cut({"plain": 1}, {"twill": 1}, folds_m=0.004, upright=0.8)
WOVEN = Cut(
    {"plain": 8, "stripes": 0.6, "checks": 0.5, "camouflage": 0.3, "heather": 1},
    {"plain": 2, "twill": 2, "smooth": 1},
)
SPORT = Cut(
    {"plain": 4, "blocks": 3, "gradient": 0.7, "camouflage": 0.3, "zigzag": 0.3},
    {"smooth": 2, "plain": 1},
    specular=0.045,
    roughness=0.55,
)
COAT = Cut(
    {"plain": 7, "checks": 0.5, "plaid": 1, "heather": 2},
    {"plain": 1, "twill": 1, "fleece": 1},
    folds_m=0.004,
)
DOWN = Cut({"plain": 3, "blocks": 1}, {"quilt": 1}, 0.003, specular=0.05, roughness=0.45)
LEATHER = Cut({"plain": 1}, {"leather": 1}, 0.0025, specular=0.06, roughness=0.38, sheen=0.0)
SILK = Cut(
    {"plain": 4, "flowers": 2, "gradient": 0.6, "dots": 0.6, "leopard": 0.4, "tie_dye": 0.3},
    {"smooth": 1},
    folds_m=0.005,
    upright=2.0,
    sheen=0.3,
    specular=0.05,
    roughness=0.5,
)
DRESS = Cut(
    {"plain": 5, "flowers": 3, "dots": 1.5, "hoops": 1, "stripes": 0.6, "leopard": 0.4,
     "plaid": 0.5, "gradient": 0.5, "zigzag": 0.3},
    {"plain": 2, "smooth": 1},
    folds_m=0.005,
    upright=3.0,
)  # fmt: skip
STRETCH = Cut(
    {"plain": 6, "blocks": 1, "leopard": 0.3, "gradient": 0.3, "tie_dye": 0.3},
    {"smooth": 1},
    0.0006,
    specular=0.045,
    roughness=0.5,
)
SUITING = Cut(
    {"plain": 8, "stripes": 1, "checks": 0.4, "heather": 1.5},
    {"twill": 2, "plain": 1},
    0.002,
    upright=2.0,
    sheen=0.05,
)
PLEATS = Cut({"plain": 3, "plaid": 1.5, "checks": 0.4}, {"pleats": 1}, 0.002, upright=4.0)
HIVIS = Cut({"hoops": 1}, {"plain": 1}, 0.003)
PLAIN = Cut({"plain": 1}, {"plain": 2, "smooth": 1}, 0.004, upright=3.0)
SOCKS = Cut({"plain": 5, "hoops": 2, "dots": 0.3}, {"rib": 1}, 0.0005)

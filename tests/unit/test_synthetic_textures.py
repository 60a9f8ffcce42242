"""Textures: tiles that repeat, the same in every process; skin and cloth of plausible colour."""

import numpy as np
import pytest

from thfm_jax.data.synthetic.bodies.phenotype import Phenotype
from thfm_jax.data.synthetic.looks import colours, fabrics, skin, strands, textures


@pytest.mark.parametrize("kind", textures.KINDS)
def test_a_pattern_depends_on_its_arguments_alone(kind):
    first = textures.pattern(kind, 3).copy()
    textures.pattern.cache_clear()
    again = textures.pattern(kind, 3)
    np.testing.assert_array_equal(first, again)
    assert first.max() < textures.LEVELS


@pytest.mark.parametrize("kind", textures.WEAVES)
def test_a_weave_neither_brightens_nor_lifts_a_cloth(kind):
    relief, shade = textures.weave(kind, 1)
    assert shade.mean() == pytest.approx(1, abs=0.15)
    assert 0 <= np.ptp(relief) < 0.02


def test_folds_repeat_without_a_seam():
    relief = textures.folds(2, 2.0)
    inside = np.abs(np.diff(relief, axis=1)).max()
    assert np.abs(relief[:, 0] - relief[:, -1]).max() <= inside


@pytest.mark.parametrize("form", strands.STRETCH)
def test_a_cutoff_leaves_its_share_of_strands(form):
    opacity = strands.material(np.random.default_rng(0), np.full(3, 0.1), form).opacity
    for cutoff in (32, 128, 230):
        assert (opacity >= cutoff).mean() == pytest.approx(1 - cutoff / 256, abs=0.002)


def test_fabrics_are_materials_whatever_is_drawn_on_them():
    cuts = [value for value in vars(fabrics).values() if isinstance(value, fabrics.Cut)]
    rng = np.random.default_rng(4)
    for cut in cuts:
        look = fabrics.make(rng, cut, colours.cloth(rng), 0.3, drawn=("placket", "printed"))
        assert look.material.albedo.dtype == np.float32
        assert look.material.albedo.min() >= 0 and look.material.albedo.max() <= 1
        assert look.material.albedo.shape[:2] == look.material.height.shape


def test_everyday_colours_are_mostly_unsaturated():
    rng = np.random.default_rng(2)
    drawn = np.array([colours.srgb(colours.cloth(rng)) for _ in range(400)])
    saturation = np.ptp(drawn, axis=1) / np.maximum(drawn.max(axis=1), 1)
    assert 0.3 < np.median(saturation) < 0.6
    assert (saturation > 0.8).mean() > 0.05


def test_skin_follows_ancestry_and_spans_the_human_range():
    def brightness(ancestry):
        person = Phenotype(ancestry=ancestry)
        rng = np.random.default_rng(1)
        return [float(skin.sample(rng, person).colour.mean()) for _ in range(60)]

    african, european = brightness((1.0, 0.0, 0.0)), brightness((0.0, 0.0, 1.0))
    assert np.median(african) < 0.5 * np.median(european)
    assert min(african) < 0.05 and max(european) > 0.55


def test_skin_is_redder_than_green_and_greener_than_blue():
    rng = np.random.default_rng(3)
    for _ in range(50):
        share = rng.dirichlet([1, 1, 1])
        red, green, blue = skin.sample(rng, Phenotype(ancestry=tuple(share))).colour
        assert red > green > blue

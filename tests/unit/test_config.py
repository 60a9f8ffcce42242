"""Presets, their sizes, and the JSON that lies beside every checkpoint."""

import dataclasses

import jax
import numpy as np
import pytest
from flax import nnx

from thfm_jax import joints
from thfm_jax.config import (
    PRESETS,
    DitConfig,
    ThfmConfig,
    VaeConfig,
    from_json,
    preset,
    to_json,
)
from thfm_jax.models.dit import Dit
from thfm_jax.models.thfm import Thfm
from thfm_jax.models.vae import Vae


def parameters(make) -> int:
    state = nnx.state(nnx.eval_shape(make))
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(state))


@pytest.mark.parametrize("name, count", [("wan_1_3b", 1_418_996_800), ("wan_14b", 14_288_491_584)])
def test_the_trunk_has_as_many_parameters_as_the_released_one(name, count):
    assert parameters(lambda: Dit(preset(name).dit, rngs=nnx.Rngs(0))) == count


def test_the_vae_has_as_many_parameters_as_the_released_one():
    assert parameters(lambda: Vae(VaeConfig(), rngs=nnx.Rngs(0))) == 126_892_531


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_runs_at_full_size_in_the_abstract(name):
    c = preset(name)
    assert c.sparse.joints == len(joints.NAMES)

    def run():
        model = Thfm(c, rngs=nnx.Rngs(0))
        text = jax.numpy.zeros((1, c.dit.text_length, c.dit.text_dim))
        frames = jax.numpy.zeros((1, 5, 64, 96, 3), jax.numpy.uint8)
        return model(frames, model.condition(text))

    output = nnx.eval_shape(run)
    assert output.dense.shape == (1, 5, 64, 96, 3)
    assert output.latents.shape == (1, 2, 8, 12, c.vae.z_dim)
    assert output.sparse.shape == (1, 5, c.sparse.joints, 8)


@pytest.mark.parametrize("name", PRESETS)
def test_json_round_trip(name):
    assert from_json(ThfmConfig, to_json(preset(name))) == preset(name)


def test_json_with_a_field_that_is_none():
    text = to_json(preset("tiny")).replace('"heads"', '"haeds"')
    with pytest.raises(ValueError, match="DitConfig has no field haeds"):
        from_json(ThfmConfig, text)


def test_unknown_preset():
    with pytest.raises(ValueError, match="no preset 'wan_13b'; there are tiny, wan_1_3b, wan_14b"):
        preset("wan_13b")


@pytest.mark.parametrize(
    "change, message",
    [
        ({"reading": "noise"}, 'reading must be "x0" or "velocity"'),
        ({"vae": VaeConfig(z_dim=8)}, "the trunk reads 16 latent channels, the VAE has 8"),
        ({"dit": DitConfig(1, 1, 8, 8, text_dim=9)}, "the trunk reads text of width 9"),
    ],
)
def test_parts_that_do_not_fit(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(preset("wan_1_3b"), **change)


@pytest.mark.parametrize("clip", [(4, 16, 16), (5, 12, 16), (5, 16, 20), (0, 16, 16)])
def test_clips_without_a_latent_grid(clip):
    assert VaeConfig().latent_grid(17, 480, 832) == (5, 60, 104)
    with pytest.raises(ValueError, match="frames must be 4n\\+1, height and width multiples of 8"):
        VaeConfig().latent_grid(*clip)

"""The tables name every tensor of the released checkpoints, and every parameter of our modules."""

import math

import numpy as np
import pytest
from flax import nnx
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.convert_sources import CONFIG
from thfm_jax import config as config_lib
from thfm_jax.convert import layouts
from thfm_jax.convert.tables import DIFFUSERS, ORIGINAL, TABLES, dit_table, text_table, vae_table
from thfm_jax.models.dit import Dit
from thfm_jax.models.umt5 import Umt5Encoder
from thfm_jax.models.vae import Vae

SMALL, LARGE = config_lib.preset("wan_1_3b"), config_lib.preset("wan_14b")
RELEASED = [
    (dit_table(SMALL.dit), 825, 1_418_996_800),
    (dit_table(LARGE.dit), 1095, 14_288_491_584),
    (vae_table(SMALL.vae), 194, 126_892_531),
    (text_table(SMALL.text), 242, 5_680_910_336),
]
MODULES = {"dit": Dit, "vae": Vae, "text_encoder": Umt5Encoder}


@pytest.mark.parametrize(("rows", "tensors", "parameters"), RELEASED)
def test_the_released_checkpoints_have_so_many_tensors_and_parameters(rows, tensors, parameters):
    for layout in (ORIGINAL, DIFFUSERS):
        names = [name for row in rows for name in row.tensors(layout)]
        assert len(names) == len(set(names)) == tensors
    assert sum(math.prod(row.target_shape) for row in rows) == parameters
    assert sum(len(row.tensors(ORIGINAL)) * math.prod(row.shape) for row in rows) == parameters


def test_the_names_that_are_easily_swapped():
    pairs = {}
    for rows, *_ in RELEASED:
        for row in rows:
            pairs |= dict(zip(row.tensors(ORIGINAL), row.tensors(DIFFUSERS), strict=True))
    assert pairs["blocks.7.norm3.weight"] == "blocks.7.norm2.weight"
    assert pairs["blocks.7.modulation"] == "blocks.7.scale_shift_table"
    assert pairs["head.modulation"] == "scale_shift_table"
    assert pairs["decoder.upsamples.7.time_conv.weight"] == (
        "decoder.up_blocks.1.upsamplers.0.time_conv.weight"
    )
    assert pairs["decoder.upsamples.14.residual.6.bias"] == (
        "decoder.up_blocks.3.resnets.2.conv2.bias"
    )
    assert pairs["blocks.3.ffn.gate.0.weight"] == (
        "encoder.block.3.layer.1.DenseReluDense.wi_0.weight"
    )
    shortcuts = [name for name in pairs if ".shortcut.weight" in name]
    assert sorted(shortcuts) == [
        "decoder.upsamples.4.shortcut.weight",
        "encoder.downsamples.3.shortcut.weight",
        "encoder.downsamples.6.shortcut.weight",
    ]


@pytest.mark.parametrize("part", TABLES)
@pytest.mark.parametrize("config", [CONFIG, SMALL, LARGE], ids=["custom", "wan_1_3b", "wan_14b"])
def test_a_table_has_the_tree_and_the_shapes_of_the_module(part, config):
    part_config = getattr(config, {"text_encoder": "text"}.get(part, part))
    module = nnx.eval_shape(lambda: MODULES[part](part_config, rngs=nnx.Rngs(0)))
    state = nnx.to_flat_state(nnx.state(module, nnx.Param))
    ours = {tuple(path): variable.get_value().shape for path, variable in state}
    assert ours == {row.path: row.target_shape for row in TABLES[part](part_config)}


@given(st.data())
def test_every_layout_is_undone_by_its_inverse_and_follows_its_outer_axis(data):
    layout, rank = data.draw(
        st.sampled_from(
            [
                (layouts.SAME, 2),
                (layouts.LINEAR, 2),
                (layouts.CONV_2D, 4),
                (layouts.CONV_3D, 5),
                (layouts.PATCH, 5),
                (layouts.GAIN, 4),
                (layouts.UNBATCHED, 3),
            ]
        )
    )
    shape = data.draw(st.tuples(*[st.integers(1, 4)] * rank))
    if layout is layouts.GAIN:
        shape = (shape[0], 1, 1, 1)
    if layout is layouts.UNBATCHED:
        shape = (1, *shape[1:])
    theirs = np.arange(math.prod(shape)).reshape(shape)
    ours = layout.forward(theirs)
    assert ours.shape == layout.shape(shape)
    np.testing.assert_array_equal(layout.inverse(ours, shape), theirs)
    if layout.outer is not None:
        first = layout.forward(theirs[:1])
        np.testing.assert_array_equal(first, np.take(ours, [0], layout.outer))


def test_patch_rows_have_the_order_of_a_token():
    """(t, h, w, channel), so that a matrix product of a flattened patch is the convolution."""
    theirs = np.random.default_rng(0).normal(size=(7, 3, 1, 2, 2))
    patch = np.random.default_rng(1).normal(size=(1, 2, 2, 3))
    expected = np.einsum("dcthw,thwc->d", theirs, patch)
    np.testing.assert_allclose(patch.reshape(-1) @ layouts.PATCH.forward(theirs), expected)

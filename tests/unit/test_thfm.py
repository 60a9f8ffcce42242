"""One program for any subset of tasks; folding and scheduling choices change nothing."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from thfm_jax.config import (
    Compute,
    DitConfig,
    SparseConfig,
    TextConfig,
    ThfmConfig,
    VaeConfig,
)
from thfm_jax.models.thfm import Thfm, fold_padding

CONFIG = ThfmConfig(
    name="test",
    dit=DitConfig(
        layers=3, heads=2, head_dim=16, ffn_dim=48, text_dim=12, text_length=20, channels=4,
        freq_dim=16,
    ),
    vae=VaeConfig(
        base_dim=4, z_dim=4, multipliers=(1, 2, 2), res_blocks=1, temporal_down=(True, True),
        latent_mean=(0.0,) * 4, latent_std=(1.0,) * 4,
    ),
    text=TextConfig(dim=12),
    sparse=SparseConfig(joints=5, hidden_dim=16),
)  # fmt: skip
LENGTHS = [3, 7, 20, 5]  # the third prompt has no padding
DENSE = jnp.array([True, False, True, True])


def with_compute(model: Thfm, config: ThfmConfig = CONFIG, **changes) -> Thfm:
    """The same weights, run another way."""
    abstract = nnx.eval_shape(lambda: Thfm(config, Compute(**changes), rngs=nnx.Rngs(0)))
    return nnx.merge(nnx.split(abstract)[0], nnx.state(model))


@pytest.fixture(scope="module")
def model() -> Thfm:
    key = jax.random.key(0, impl="rbg")  # compiles faster than the default
    return nnx.jit(lambda: Thfm(CONFIG, rngs=nnx.Rngs(key)))()


@pytest.fixture(scope="module")
def frames() -> jax.Array:
    return jax.random.randint(jax.random.key(0), (2, 9, 16, 24, 3), 0, 256).astype(jnp.uint8)


@pytest.fixture(scope="module")
def text() -> jax.Array:
    text = np.random.default_rng(1).standard_normal((4, 20, 12)).astype(np.float32)
    for row, length in zip(text, LENGTHS, strict=True):
        row[length:] = 0
    return jnp.asarray(text)


@jax.jit
def condition(model, text):
    return model.condition(text)


@jax.jit
def one_task(model, frames, conditioning):
    return model(frames, conditioning)


def make_all_tasks():
    @jax.jit
    def all_tasks(model, frames, conditioning, rows, count):
        return model.perceive_tasks(frames, conditioning, DENSE, rows, count)

    return all_tasks


def assert_close(ours, theirs, atol=2e-5):
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(one, other, atol=atol)


def test_one_program_serves_any_subset_and_gives_what_single_tasks_give(model, frames, text):
    conditioning = condition(model, text)
    all_tasks = make_all_tasks()
    single = [one_task(model, frames, condition(model, text[i : i + 1])) for i in range(4)]
    for subset in ([0, 1, 2, 3], [2], [1], [3, 0], [1, 1, 2]):
        rows = jnp.array(subset + [0] * (4 - len(subset)))
        output = all_tasks(model, frames, conditioning, rows, jnp.array(len(subset)))
        for row, task in enumerate(subset):
            theirs = dataclasses.replace(single[task], pointing=None)
            if not DENSE[task]:
                theirs = dataclasses.replace(theirs, dense=jnp.zeros_like(theirs.dense))
            ours = jax.tree.map(lambda x, row=row: x[row], output)
            assert_close(ours, theirs)
        assert all(not np.any(x[len(subset) :]) for x in jax.tree.leaves(output))
    assert all_tasks._cache_size() == 1


@pytest.mark.parametrize("together", [2, 3])
def test_tasks_at_once(model, frames, text, together):
    conditioning = condition(model, text)
    rows, count = jnp.array([3, 0, 2, 1]), jnp.array(3)
    expected = make_all_tasks()(model, frames, conditioning, rows, count)
    changed = with_compute(model, tasks_at_once=together)
    output = make_all_tasks()(changed, frames, conditioning, rows, count)
    # Together with a dense task a sparse one is decoded as well.
    assert_close(output.latents[:3], expected.latents[:3])
    assert_close(output.sparse[:3], expected.sparse[:3])
    assert_close(output.dense[:3], expected.dense[:3])
    assert not np.any(output.dense[3])


def test_folding_the_padding_changes_nothing(model, frames, text):
    whole = condition(model, text)
    folded = fold_padding(whole, LENGTHS)
    assert folded.text_keys.shape[2] == 20  # one prompt has no padding to fold
    assert_close(one_task(model, frames, _row(whole, 0)), one_task(model, frames, _row(folded, 0)))
    short = fold_padding(condition(model, text[:2]), LENGTHS[:2])
    assert short.text_keys.shape[2] == 8  # 7 tokens and one for 13 tokens of padding
    for row in (0, 1):
        ours = one_task(model, frames, _row(short, row))
        assert_close(ours, one_task(model, frames, _row(whole, row)))


def test_padding_may_be_unseen(model, text):
    """Then a prompt says the same however long it is padded, folded or not."""
    dit = dataclasses.replace(CONFIG.dit, text_padding=False)
    unseeing = with_compute(model, dataclasses.replace(CONFIG, dit=dit))
    latents = jax.random.normal(jax.random.key(0), (1, 2, 4, 6, 4))
    perceive = jax.jit(lambda m, c: m.perceive(latents, c))
    bare = perceive(model, condition(model, text[1:2, : LENGTHS[1]]))
    padded = condition(unseeing, text[1:2])
    assert_close(perceive(unseeing, padded), bare)
    assert_close(perceive(unseeing, fold_padding(padded, LENGTHS[1:2])), bare)
    seen = perceive(model, condition(model, text[1:2]))
    assert np.abs(seen.latents - bare.latents).max() > 1e-3


def _row(c, i):
    bias = None if c.text_bias is None else c.text_bias[i : i + 1]
    return dataclasses.replace(
        c,
        text_keys=c.text_keys[:, i : i + 1],
        text_values=c.text_values[:, i : i + 1],
        text_bias=bias,
    )


@pytest.mark.parametrize(
    "changes", [{"scan": False}, {"remat": "full"}, {"remat": "dots"}, {"remat": "offload"}]
)
def test_scheduling_changes_neither_values_nor_gradients(model, text, changes):
    def loss(model, latents, text):
        output = model.perceive(latents, model.condition(text))
        return jnp.mean(output.latents**2) + jnp.mean(output.sparse**2)

    grad = jax.jit(jax.value_and_grad(loss))
    latents = jax.random.normal(jax.random.key(0), (2, 3, 4, 6, 4))
    expected, theirs = grad(model, latents, text[:2])
    value, ours = grad(with_compute(model, **changes), latents, text[:2])
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    for one, other in zip(
        jax.tree.leaves(nnx.state(ours)), jax.tree.leaves(nnx.state(theirs)), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=2e-5)


def test_remat_keeps_less_for_the_backward_pass(model):
    latents = jax.ShapeDtypeStruct((1, 5, 32, 32, 4), jnp.float32)
    text = jax.ShapeDtypeStruct((1, 20, 12), jnp.float32)

    def scratch(remat):
        graph, state = nnx.split(with_compute(model, remat=remat))

        def loss(state, latents, text):
            model = nnx.merge(graph, state)
            return jnp.mean(model.perceive(latents, model.condition(text)).latents ** 2)

        compiled = jax.jit(jax.grad(loss)).lower(state, latents, text).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    assert scratch("full") < 0.7 * scratch("none")


def test_velocity_reading_is_input_minus_output(model, text):
    velocity = with_compute(model, dataclasses.replace(CONFIG, reading="velocity"))
    conditioning = condition(model, text[:1])
    latents = jax.random.normal(jax.random.key(0), (2, 3, 4, 6, 4))
    x0, v = (m.perceive(latents, conditioning).latents for m in (model, velocity))
    np.testing.assert_allclose(v, latents - x0, atol=1e-5)


def test_keypoint_tokens_see_the_video_and_the_video_sees_them(model, frames, text):
    conditioning = condition(model, text[:1])
    output = one_task(model, frames, conditioning)
    other_frames = one_task(model, 255 - frames, conditioning)
    assert np.abs(output.sparse - other_frames.sparse).max() > 1e-3
    moved = nnx.clone(model)
    moved.sparse.tokens[...] = -model.sparse.tokens[...]
    assert np.abs(one_task(moved, frames, conditioning).latents - output.latents).max() > 1e-4


def test_every_frame_has_its_own_keypoints(model, frames, text):
    sparse = np.asarray(one_task(model, frames, condition(model, text[:1])).sparse)
    assert sparse.shape == (2, 9, 5, 8)
    assert np.abs(np.diff(sparse, axis=1)).max(axis=(0, 2, 3)).min() > 1e-6


def read_out(model, query: float, video: np.ndarray):
    """What joints that look for the first channel find in tokens of patches [Tz, Hp, Wp, D]."""
    sparse, (*grid, D) = nnx.clone(model.sparse), video.shape
    zeroed = sparse.linear_2.kernel, sparse.linear_2.bias, sparse.query.kernel, sparse.key.kernel
    for parameter in zeroed:
        parameter[...] = jnp.zeros_like(parameter[...])
    sparse.query.bias[...] = jnp.full_like(sparse.query.bias[...], query)
    sparse.key.kernel[...] = sparse.key.kernel[...].at[0].set(10.0)
    tokens = jnp.ones((1, grid[0] * model.config.sparse.joints, D))
    found, pointing = sparse.read(tokens, jnp.asarray(video.reshape(1, -1, D)), tuple(grid))
    return found[0, :, :, :2], pointing[0]


def test_a_joint_lies_at_the_patch_that_it_points_at(model):
    """Whose key alone agrees with its query; in each latent frame at another one."""
    Tz, Hp, Wp = 3, 4, 6
    aims = [(0, 0), (2, 3), (3, 5)]
    video = np.zeros((Tz, Hp, Wp, model.config.dit.dim), np.float32)
    video[..., 1] = 1.0
    for t, (row, column) in enumerate(aims):
        video[t, row, column, :2] = 1.0, 0.0
    found, pointing = read_out(model, 10.0, video)
    for frame, aim in ((0, 0), (1, 1), (4, 1), (5, 2), (8, 2)):
        row, column = aims[aim]
        np.testing.assert_allclose(found[frame, :, 0], (column + 0.5) / Wp, atol=1e-5)
        np.testing.assert_allclose(found[frame, :, 1], (row + 0.5) / Hp, atol=1e-5)
        np.testing.assert_allclose(pointing[frame, :, row, column], 0, atol=1e-5)
    assert pointing.shape == (9, model.config.sparse.joints, Hp, Wp)


def test_a_joint_that_may_be_at_two_places_lies_at_the_likelier_one(model):
    video = np.zeros((1, 5, 7, model.config.dit.dim), np.float32)
    video[..., 1] = 1.0
    video[0, 1, 1, :2] = 0.7, 0.7
    video[0, 3, 5, :2] = 1.0, 0.0
    found, pointing = read_out(model, 0.005, video)
    other, likelier = np.exp(pointing[0, 0, 1, 1]), np.exp(pointing[0, 0, 3, 5])
    assert 0.05 < other < likelier < 0.9
    np.testing.assert_allclose(found[0], np.broadcast_to([5.5 / 7, 3.5 / 5], found[0].shape), 1e-5)


def test_decoded_maps_are_not_clipped(model):
    """Tasks read means of channels, which are others if each channel was clipped before."""
    latents = jax.random.normal(jax.random.key(3), (1, 1, 2, 2, 4))
    plain = jax.jit(Thfm.decode)(model, latents)
    graph, state = nnx.split(model)
    shift = jnp.array([-3.0, 3.0, 0.0])
    state["vae"]["decoder"]["conv_out"]["bias"][...] += shift
    shifted = jax.jit(Thfm.decode)(nnx.merge(graph, state), latents)
    np.testing.assert_allclose(shifted, plain + shift, atol=1e-5)

"""Facts about the stage that trains the VAE of a model from scratch."""

import dataclasses

import jax
import numpy as np
import pytest

from tests.unit import small_training
from tests.unit.small_training import SMALL, a_batch
from thfm_jax.config import Compute, VaeConfig
from thfm_jax.tasks import TASKS
from thfm_jax.training import autoencoder
from thfm_jax.training.optimizer import OptimizerConfig, make_optimizer
from thfm_jax.training.start import random_part
from thfm_jax.training.state import init_state
from thfm_jax.training.step import Builder, Objective, make_step

# Shallow, and whole clips at a time: what takes long here is to compile the gradient.
VAE = VaeConfig(
    base_dim=4, multipliers=(1, 2), res_blocks=1, temporal_down=(True,), patch=2,
    latent_mean=(0.0,) * 16, latent_std=(1.0,) * 16,
)  # fmt: skip
CONFIG = dataclasses.replace(SMALL, vae=VAE)


@pytest.fixture(scope="module")
def builder():
    return Builder(CONFIG, Compute(vae_chunk=0))


@pytest.fixture(scope="module")
def params():
    vae = jax.jit(lambda: random_part(CONFIG, "vae", jax.random.key(0, impl="rbg")))()
    return {**small_training.parameters(), "vae": vae}


def plain_batch():
    """Clips of one colour each, with flat normals: there is nothing in noise to be learned."""
    batch = a_batch()
    colours = np.random.default_rng(0).integers(0, 256, (len(batch.clip.frames), 1, 1, 1, 3))
    frames = np.broadcast_to(colours, batch.clip.frames.shape).astype(np.uint8)
    normals = dataclasses.replace(
        batch.targets["normals"], value=np.full((*frames.shape[:-1], 3), 3**-0.5, np.float32)
    )
    clip = dataclasses.replace(batch.clip, frames=frames)
    return dataclasses.replace(batch, clip=clip, targets={"normals": normals})


@pytest.fixture(scope="module")
def trained(builder, params):
    """(figures of the first and of the last step, state before and after)"""
    optimizer = make_optimizer(OptimizerConfig(learning_rate=1e-2, warmup_steps=1), 200)
    objective = Objective(stage="vae", tasks={"normals": 1.0})
    step = jax.jit(make_step(builder, objective, optimizer, average_decay=0.9))
    before = init_state(params, ["^(?!vae/)"], optimizer, jax.random.key(1), average=True)
    state, figures = before, []
    for _ in range(150):
        state, metrics = step(state, plain_batch(), small_training.prompts())
        figures.append({name: float(value) for name, value in metrics.items()})
    return figures[0], figures[-1], before, state


def test_pictures_and_maps_come_back_better(trained):
    first, last, _, _ = trained
    for name in ("vae/picture_l1", "vae/map_l1"):
        assert last[name] < 0.6 * first[name]


def test_all_of_the_vae_moves_and_nothing_else(trained):
    _, _, before, after = trained
    assert list(after.trained) == ["vae"]
    jax.tree.map(np.testing.assert_array_equal, before.frozen, after.frozen)
    moved = jax.tree.map(lambda a, b: bool((a != b).any()), before.trained, after.trained)
    # Attention over one pixel has no use for queries and keys, but weight decay moves them too.
    assert all(jax.tree.leaves(moved))


def test_only_dense_tasks_are_drawn():
    shares = dict(zip(TASKS, Objective(stage="vae").shares, strict=True))
    assert {name for name, share in shares.items() if share} == {
        name for name, spec in TASKS.items() if spec.kind == "dense"
    }
    with pytest.raises(ValueError, match="tasks_per_clip is 1 to 4"):
        Objective(stage="vae", tasks_per_clip=5)


def test_latents_are_standardised_by_what_they_are(builder, params):
    vae = builder.model(params).vae
    batches = jax.device_put([a_batch(0), a_batch(1)])
    config = autoencoder.standardised(VAE, vae, batches)
    tasks = np.tile(np.flatnonzero(autoencoder.DENSE), small_training.B)
    moments = jax.jit(vae.moments)
    means = [moments(autoencoder.videos(batch, tasks))[0] for batch in batches]
    found = np.concatenate([np.asarray(mean).reshape(-1, 16) for mean in means])
    np.testing.assert_allclose(config.latent_mean, found.mean(0), atol=1e-5)
    np.testing.assert_allclose(config.latent_std, found.std(0), rtol=1e-4)


def test_labelled_pixels_of_maps_count_ten_times(builder, params):
    """The figure shown of a map is a mean over pixels, of which those with a label weigh 1."""
    batch = jax.device_put(a_batch())
    (task,) = np.flatnonzero([name == "matte" for name in TASKS])
    tasks, known = np.full(len(batch.clip.frames), task), np.ones(len(batch.clip.frames), bool)
    vae = builder.model(params).vae  # answers 0, plus a bias, whatever it is asked
    _, metrics = autoencoder.objective(vae, batch, tasks, known, jax.random.key(0))
    labelled = np.asarray(batch.targets["matte"].mask)
    error = np.abs(np.asarray(autoencoder.videos(batch, tasks))[len(tasks) :] - answer(vae, batch))
    expected = np.average(error.mean(-1), weights=np.where(labelled, 1, 0.1))
    np.testing.assert_allclose(metrics["vae/map_l1"], expected, rtol=1e-5)


def answer(vae, batch):
    """What a decoder at its start says of anything."""
    mean, _ = vae.moments(autoencoder.videos(batch, np.zeros(len(batch.clip.frames), int)))
    return np.asarray(vae.decode(mean[:1], clip=False))

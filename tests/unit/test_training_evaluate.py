"""Facts about evaluation while training, and about the pictures of it."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.unit import small_training, stored_clips
from tests.unit.small_training import SMALL, a_batch
from thfm_jax.config import Compute
from thfm_jax.data import loader
from thfm_jax.joints import ROOT
from thfm_jax.models.thfm import Thfm
from thfm_jax.sharding import make_mesh
from thfm_jax.tasks import TASKS
from thfm_jax.training import lora
from thfm_jax.training.evaluate import Evaluator, Perceiver, Tally, truth_of
from thfm_jax.training.lora import LoraConfig
from thfm_jax.training.pictures import CAPTION, TILE, Pictures, sheet
from thfm_jax.training.recipe import Recipe, from_config
from thfm_jax.training.start import Start
from thfm_jax.training.state import TrainState
from thfm_jax.training.step import Builder

FRAMES, SIZE = 5, 32


@pytest.fixture(scope="module")
def mesh():
    return make_mesh(data=jax.device_count())


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    """Evaluates three clips, in batches of two."""
    folder = stored_clips.write(tmp_path_factory.mktemp("clips"), clips=3)
    bucket = {"frames": FRAMES, "height": SIZE, "width": SIZE, "batch": 2}
    source = {"kind": "humans", "path": str(folder)}
    clips = {"sources": [source], "buckets": [bucket], "augment": None}
    tasks = {"depth": 1.0, "keypoints2d": 1.0}
    return from_config(
        {
            "loader": clips,
            "evaluation": {**clips, "endless": False},
            "objective": {"tasks": tasks, "scale": {"keypoints2d": 0.5}},
            "train_text": True,
        }
    )


def begin(params) -> Start:
    return Start(SMALL, params, small_training.prompts(), (), None)


def state_of(params, average=None) -> TrainState:
    zero = jnp.zeros((), jnp.int32)
    return TrainState(zero, params, {}, (), average, jax.random.key_data(jax.random.key(0)), zero)


@pytest.fixture(scope="module")
def perceive(recipe, mesh):
    return Perceiver(recipe, begin(small_training.parameters()), mesh)


@pytest.fixture(scope="module")
def evaluator(recipe, perceive, mesh):
    evaluator = Evaluator(recipe, recipe.evaluation, perceive, mesh)
    yield evaluator
    evaluator.close()


@pytest.fixture(scope="module")
def figures(evaluator):
    return evaluator(state_of(small_training.parameters()))


def by_hand(recipe: Recipe, name: str) -> list[dict[str, float]]:
    """The metrics of each clip, from the model's own call on it alone."""
    params, builder = small_training.parameters(), Builder(SMALL, Compute())
    model, task = builder.model(params), jnp.array([list(TASKS).index(name)])
    prompts, first = small_training.prompts(), jnp.zeros(1, int)
    conditioning = builder.condition(model, params, prompts, task, first)
    run, spec, found = jax.jit(Thfm.__call__), TASKS[name], []
    for batch in loader.batches(recipe.evaluation, 0, 1):
        for clip in np.flatnonzero(batch.clip.frame_mask.any(axis=1)):
            output = run(model, jnp.asarray(batch.clip.frames[clip : clip + 1]), conditioning)
            size = () if spec.kind == "dense" else ((SIZE, SIZE),)
            raw = output.dense if spec.kind == "dense" else output.sparse
            value = np.asarray(spec.decode(raw, *size))[0]
            found.append(spec.metrics(value, *truth_of(batch, name, clip)))
    return found


@pytest.mark.parametrize("name", ["depth", "keypoints2d"])
def test_figures_are_means_over_what_the_model_says_of_each_clip(recipe, figures, name):
    expected = by_hand(recipe, name)
    assert len(expected) == figures["clips"] == 3
    for figure in expected[0]:
        mean = np.mean([clip[figure] for clip in expected])
        np.testing.assert_allclose(figures[f"{name}/{figure}"], mean, rtol=1e-3, atol=1e-4)


def test_the_loss_is_weighed_as_in_training(figures):
    assert set(TASKS) & {name.split("/")[0] for name in figures} == {"depth", "keypoints2d"}
    weighed = figures["depth/loss"] + 0.5 * figures["keypoints2d/loss"]
    assert figures["loss"] == pytest.approx(weighed)


def test_the_averaged_weights_are_evaluated_and_again_with_the_same_result(evaluator, figures):
    params = small_training.parameters()
    other = jax.tree.map(jnp.zeros_like, params)
    again = evaluator(state_of(other, average=params))
    for name, value in figures.items():
        assert name == "seconds" or again[name] == value


def test_a_prediction_that_is_not_finite_is_not_passed_over(evaluator):
    broken = jax.tree.map(lambda x: x, small_training.parameters())
    broken["sparse"]["tokens"] = jnp.full_like(broken["sparse"]["tokens"], jnp.nan)
    found = evaluator(state_of(broken))
    assert found["keypoints2d/error_px"] == np.inf and found["clips"] == 3


def test_evaluation_must_end(recipe, perceive, mesh):
    endless = dataclasses.replace(recipe.evaluation, endless=True)
    with pytest.raises(ValueError, match=r"set evaluation\.endless to False"):
        Evaluator(recipe, endless, perceive, mesh)


@pytest.mark.slow
def test_adapters_are_evaluated_as_they_are_merged(recipe, mesh):
    adapters = LoraConfig(rank=2)
    params = lora.add(small_training.parameters(), adapters, jax.random.key(0))
    params = jax.tree.map(lambda x: x + 0.02 * jnp.cos(jnp.arange(x.size).reshape(x.shape)), params)
    merged, batch = lora.merge(params, adapters), a_batch()
    inside = Perceiver(dataclasses.replace(recipe, lora=adapters), begin(params), mesh)
    values = inside(state_of(params), batch).values
    expected = Perceiver(recipe, begin(merged), mesh)(state_of(merged), batch).values
    for name in values:
        np.testing.assert_allclose(values[name], expected[name], rtol=1e-3, atol=1e-3)


def test_a_figure_counts_the_clips_that_have_it():
    tally = Tally()
    for depth, pose in ((1.0, np.nan), (2.0, 6.0), (np.nan, np.nan)):
        tally.add({"depth": depth, "pose": pose, "matte": np.nan})
    means, counts = tally.over_processes(1)
    assert means["depth"] == 1.5 and means["pose"] == 6 and np.isnan(means["matte"])
    assert counts == {"depth": 2, "pose": 1, "matte": 0}


def tile(picture, row: int, column: int) -> np.ndarray:
    top, left = row * (TILE + CAPTION + 4) + CAPTION, column * (TILE + 4)
    return picture[top : top + TILE, left : left + TILE]


def perfect(batch):
    """What a model that knows the first clip says of it."""
    values = {name: truth_of(batch, name, 0)[0][None] for name in TASKS}
    points = values["keypoints3d"]
    return values | {"keypoints3d": points - points[:, :, ROOT, None]}


def test_a_perfect_prediction_looks_like_the_truth():
    batch = a_batch()
    picture = sheet(batch, perfect(batch), 0)
    person = np.zeros((TILE, TILE), bool)
    person[80:176, 80:176] = True  # inside the foreground, away from the border that scaling blurs
    for row, name in enumerate(TASKS):
        inside = person if TASKS[name].kind == "dense" else np.ones_like(person)
        for moment in (0, 3):
            ours, theirs = (tile(picture, row, moment + column) for column in (1, 2))
            np.testing.assert_array_equal(ours[inside], theirs[inside], err_msg=name)


def test_depth_is_fitted_before_it_is_coloured():
    batch = a_batch()
    values = perfect(batch) | {"depth": 0.1 * truth_of(batch, "depth", 0)[0][None] - 7}
    whole, fitted = (sheet(batch, v, 0) for v in (perfect(batch), values))
    difference = np.abs(tile(whole, 0, 1).astype(int) - tile(fitted, 0, 1))
    assert difference[80:176, 80:176].max() <= 2


def test_a_sheet_of_a_still_has_one_moment():
    batch = jax.tree.map(lambda x: x[:, :1] if x.ndim > 1 else x, a_batch())
    picture = sheet(batch, perfect(batch), 0)
    assert picture.shape[1] == 3 * TILE + 2 * 4


def test_pictures_show_the_same_clips_each_time(perceive, evaluator):
    taken = []

    def first():
        taken.append(evaluator.first())
        return taken[-1]

    pictures = Pictures(perceive, first)
    state = state_of(small_training.parameters())
    once, again = pictures(state), pictures(state)
    assert list(once) == ["clip_0", "clip_1"] and len(taken) == 1
    for name, picture in once.items():
        np.testing.assert_array_equal(picture, again[name])

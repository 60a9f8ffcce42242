"""Facts about one training step: what it changes, what it is deterministic in, what it leaves."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tests.unit import small_training
from tests.unit.small_training import SMALL, a_batch
from thfm_jax.config import Compute
from thfm_jax.models.thfm import fold_padding
from thfm_jax.tasks import TASKS
from thfm_jax.training.objective import draw_tasks, objective, row_targets, target_video
from thfm_jax.training.optimizer import OptimizerConfig, make_optimizer, schedule
from thfm_jax.training.state import init_state, join, partition
from thfm_jax.training.step import Builder, Objective, make_step
from thfm_jax.training.wordings import wordings


@pytest.fixture(scope="module")
def builder():
    return Builder(SMALL, Compute())


@pytest.fixture(scope="module")
def params():
    return small_training.parameters()


@pytest.fixture(scope="module")
def prompts():
    return small_training.prompts()


def start(params, optimizer, frozen=("^vae/",)):
    return init_state(params, frozen, optimizer, jax.random.key(1), average=True)


def assert_same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.fixture(scope="module")
def latent(builder, params, prompts):
    """(step, state before it)"""
    optimizer = make_optimizer(OptimizerConfig(learning_rate=3e-3, warmup_steps=1), 100)
    step = jax.jit(make_step(builder, Objective(tasks_per_clip=3), optimizer, average_decay=0.99))
    return step, start(params, optimizer)


def test_training_lowers_the_loss_and_leaves_the_frozen_parameters(latent, prompts):
    step, state = latent
    batch, losses = a_batch(), []
    now = state
    for _ in range(30):
        now, metrics = step(now, batch, prompts)
        losses.append(float(metrics["loss"]))
    assert np.mean(losses[-5:]) < np.mean(losses[:5])
    assert_same(now.frozen, state.frozen)
    changed = jax.tree.map(lambda a, b: bool((a != b).any()), now.trained, state.trained)
    still = {
        jax.tree_util.keystr(p) for p, c in jax.tree_util.tree_leaves_with_path(changed) if not c
    }
    assert not still, f"no gradient reaches {still}"


def test_a_step_is_a_function_of_state_and_batch(latent, prompts):
    step, state = latent
    once, again = step(state, a_batch(), prompts), step(state, a_batch(), prompts)
    assert_same(once, again)


def test_a_loss_that_is_not_finite_changes_nothing_but_the_counts(latent, prompts):
    step, state = latent
    state = dataclasses.replace(state, trained=jax.tree.map(lambda x: x, state.trained))
    kernel = state.trained["dit"]["patch_embedding"]["kernel"]
    state.trained["dit"]["patch_embedding"]["kernel"] = kernel.at[0, 0].set(jnp.nan)
    after, metrics = step(state, a_batch(), prompts)
    assert metrics["fine"] == 0 and after.skipped == 1 and after.step == 1
    assert_same(after.trained, state.trained)
    assert_same(after.optimizer, state.optimizer)


@pytest.mark.slow
def test_accumulating_over_pieces_of_equal_labels_is_the_gradient_of_the_whole(
    builder, params, prompts
):
    # With plain gradient descent the change of the parameters is the gradient.
    optimizer = optax.sgd(1.0)
    objective = Objective(tasks={"matte": 1.0})
    one = prompts.replace(text=prompts.text[:, :1], lengths=prompts.lengths[:, :1])
    gradients = []
    for pieces in (1, 2):
        step = jax.jit(make_step(builder, objective, optimizer, accumulate=pieces))
        state = start(params, optimizer)
        change = jax.tree.map(jnp.subtract, step(state, a_batch(), one)[0].trained, state.trained)
        gradients.append(change)
    error = optax.global_norm(jax.tree.map(jnp.subtract, *gradients))
    assert error <= 1e-5 * optax.global_norm(gradients[0])


@pytest.mark.slow
def test_the_pixel_stage_lowers_its_loss(builder, params, prompts):
    optimizer = make_optimizer(OptimizerConfig(learning_rate=3e-3, warmup_steps=1), 100)
    objective = Objective(stage="pixel", tasks={"depth": 1.0, "normals": 1.0}, tasks_per_clip=2)
    step = jax.jit(make_step(builder, objective, optimizer))
    state, losses = start(params, optimizer), []
    for _ in range(15):
        state, metrics = step(state, a_batch(), prompts)
        losses.append(float(metrics["loss"]))
    assert np.mean(losses[-3:]) < np.mean(losses[:3])


@pytest.mark.slow
def test_a_task_among_all_costs_what_it_costs_alone_and_all_of_the_vae_learns(
    builder, params, prompts
):
    """In pixels, where only the rows that may be dense are decoded."""
    batch = jax.tree.map(jnp.asarray, a_batch())

    def loss(vae, batch, names):
        tasks = jnp.tile(jnp.array([list(TASKS).index(name) for name in names]), small_training.B)
        model = builder.model({**params, "vae": vae})
        prompt = builder.condition(model, params, prompts, tasks, jnp.zeros_like(tasks))
        known = jnp.ones(len(tasks), bool)
        return objective(model, batch, prompt, tasks, known, {}, "pixel")

    all_tasks = jax.jit(jax.value_and_grad(functools.partial(loss, names=TASKS), has_aux=True))
    (_, parts), gradient = all_tasks(params["vae"], batch)
    value, alone = jax.jit(functools.partial(loss, names=["densepose"]))(params["vae"], batch)
    assert value > 0
    for name in [name for name in parts if name.startswith("densepose/")]:
        np.testing.assert_allclose(alone[name], parts[name], rtol=1e-5, err_msg=name)
    still = [path for path, g in jax.tree_util.tree_leaves_with_path(gradient) if not g.any()]
    assert not still, f"no gradient reaches {still}"

    joints = {name: t for name, t in batch.targets.items() if TASKS[name].kind == "sparse"}
    undecoded = dataclasses.replace(batch, targets=joints)
    _, alone = jax.jit(functools.partial(loss, names=joints))(params["vae"], undecoded)
    for name, value in alone.items():
        np.testing.assert_allclose(value, parts[name], rtol=1e-5, err_msg=name)


def test_a_prompt_cut_to_its_tokens_conditions_like_the_whole_one(builder, params):
    rng = np.random.default_rng(0)
    features = {
        text: rng.normal(size=(n, 16)).astype(np.float32)
        for n, text in enumerate((task.prompt for task in TASKS.values()), start=3)
    }
    texts = {name: (task.prompt,) for name, task in TASKS.items()}
    bank = wordings(texts, features.__getitem__, SMALL.dit.text_length)
    model = builder.model(params)
    tasks = jnp.arange(len(TASKS))
    found = builder.condition(model, params, bank, tasks, jnp.zeros(len(TASKS), int))
    whole = np.zeros((len(TASKS), SMALL.dit.text_length, 16), np.float32)
    for row, text in zip(whole, features.values(), strict=True):
        row[: len(text)] = text
    expected = fold_padding(
        model.condition(jnp.asarray(whole)), [len(f) for f in features.values()]
    )
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), found, expected
    )


def test_tasks_are_drawn_by_their_share_among_those_labelled():
    share = jnp.array([3.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    known = jnp.ones((4000, 6), bool)
    tasks, counts = draw_tasks(jax.random.key(0), share, known, 1)
    assert bool(counts.all()) and 0.72 < float((tasks == 0).mean()) < 0.78
    assert set(np.unique(tasks)) == {0, 1}
    unlabelled = known.at[:, 0].set(False)
    tasks, counts = draw_tasks(jax.random.key(0), share, unlabelled, 2)
    rows, fine = np.asarray(tasks).reshape(-1, 2), np.asarray(counts).reshape(-1, 2)
    assert (fine == (rows == 1)).all() and fine.any(axis=1).all()


def test_a_clips_tasks_rise_so_that_dense_ones_lead():
    tasks, _ = draw_tasks(jax.random.key(0), jnp.ones(6), jnp.ones((50, 6), bool), 5)
    rows = np.asarray(tasks).reshape(-1, 5)
    assert (np.diff(rows, axis=1) > 0).all() and len(np.unique(rows, axis=0)) == 6
    kinds = [spec.kind for spec in TASKS.values()]
    assert kinds == sorted(kinds) and kinds[0] == "dense"
    known = jnp.ones((50, 6), bool).at[:, :2].set(False)
    tasks, counts = draw_tasks(jax.random.key(0), jnp.ones(6), known, 5)
    assert (np.asarray(tasks).reshape(-1, 5)[:, :4] == [2, 3, 4, 5]).all()
    assert (np.asarray(counts).reshape(-1, 5) == [1, 1, 1, 1, 0]).all()


def test_the_target_video_of_a_row_is_its_tasks_code():
    batch = a_batch()
    tasks = jnp.array([0, 1, 4, 2])  # two rows a clip; the third is a keypoint task
    video = target_video(batch, tasks, count=2)
    depth, normals = batch.targets["depth"], batch.targets["normals"]
    np.testing.assert_array_equal(video[0], TASKS["depth"].encode(depth.value, depth.mask)[0])
    np.testing.assert_array_equal(video[1], TASKS["normals"].encode(normals.value, normals.mask)[0])
    assert not video[2].any() and video[3].any()


def test_partition_and_join_are_inverse(params):
    trained, frozen = partition(params, ["^vae/", "^dit/blocks/ffn"])
    assert_same(join(trained, frozen), params)
    assert set(frozen) == {"vae", "dit"} and "ffn" not in trained["dit"]["blocks"]


@pytest.mark.parametrize(
    "frozen, message",
    [(["^vea/"], "no parameter is called '\\^vea/'"), (["."], "nothing to train")],
)
def test_partition_says_what_is_wrong(params, frozen, message):
    with pytest.raises(ValueError, match=message):
        partition(params, frozen)


@pytest.mark.parametrize("decay", ["cosine", "linear", "constant"])
def test_the_learning_rate_warms_up_and_decays(decay):
    c = OptimizerConfig(learning_rate=1e-3, warmup_steps=10, decay=decay, final_share=0.1)
    rate = schedule(c, 100)
    assert rate(0) == 0 and np.isclose(rate(5), 5e-4) and np.isclose(rate(10), 1e-3)
    assert np.isclose(rate(100), 1e-3 if decay == "constant" else 1e-4)


def test_groups_have_their_own_learning_rate_and_only_matrices_decay():
    c = OptimizerConfig(
        learning_rate=1.0, warmup_steps=0, decay="constant", weight_decay=0.5, groups={"^b/": 10.0}
    )
    params = {"a": {"kernel": jnp.ones(2), "bias": jnp.ones(2)}, "b": {"kernel": jnp.ones(2)}}
    optimizer = make_optimizer(c, 10)
    updates, _ = optimizer.update(
        jax.tree.map(jnp.zeros_like, params), optimizer.init(params), params
    )
    np.testing.assert_allclose(updates["a"]["kernel"], -0.5)
    np.testing.assert_allclose(updates["b"]["kernel"], -5.0)
    np.testing.assert_allclose(updates["a"]["bias"], 0.0)


def test_muon_moves_the_kernels_it_is_given_in_all_directions_alike():
    config = OptimizerConfig(
        learning_rate=1.0, warmup_steps=0, decay="constant", weight_decay=0.0, muon="^(dit|vae)/"
    )
    key = jax.random.key(0)
    normal = lambda *shape: jax.random.normal(key, shape)
    params = {
        "dit": {"blocks": {"up": {"kernel": normal(3, 8, 32), "bias": normal(3, 32)}}},
        "vae": {"conv": {"kernel": normal(3, 3, 3, 4, 6)}},
        "sparse": {"kernel": normal(8, 4)},
    }
    updates = {}
    for muon in ("", config.muon):
        optimizer = make_optimizer(dataclasses.replace(config, muon=muon), 10)
        updates[muon], _ = optimizer.update(params, optimizer.init(params), params)
    adam, muon = updates.values()
    assert_same(muon["sparse"], adam["sparse"])
    assert_same(muon["dit"]["blocks"]["up"]["bias"], adam["dit"]["blocks"]["up"]["bias"])
    # A matrix for each layer; a convolution is one matrix, from its window to its outputs.
    for update in (*muon["dit"]["blocks"]["up"]["kernel"], muon["vae"]["conv"]["kernel"]):
        matrix = update.reshape(-1, update.shape[-1])
        sizes = jnp.linalg.svd(matrix, compute_uv=False)
        assert sizes.max() < 2.0 * sizes.min()
        assert 0.1 < jnp.sqrt(jnp.mean(matrix**2)) < 0.25


@pytest.mark.parametrize(
    "given, message",
    [
        ({"stage": "both"}, 'stage is "vae", "latent" or "pixel"'),
        ({"tasks": {"dept": 1.0}}, "unknown task 'dept'"),
        ({"tasks": {"depth": 1.0}, "tasks_per_clip": 2}, "tasks_per_clip is 1 to 1"),
    ],
)
def test_an_objective_says_what_is_wrong(given, message):
    with pytest.raises(ValueError, match=message):
        Objective(**given)


@pytest.mark.parametrize("name", TASKS)
def test_a_clip_with_little_labelled_counts_like_one_with_much(name):
    """As in evaluation, where each clip has a loss of its own."""
    target = jax.tree.map(jnp.asarray, a_batch().targets[name])
    few = target.mask.at[0, 1:].set(False)
    target = dataclasses.replace(target, mask=few)
    spec, size = TASKS[name], (small_training.SIZE,) * 2
    extra = () if spec.kind == "dense" else (size,)
    shape = target.value.shape[:-1] + (3 if spec.kind == "dense" else 8,)
    raw = jax.random.uniform(jax.random.key(2), shape)
    rows = row_targets(target, jnp.ones(len(raw), bool), 1)
    parts = lambda raw, goal: spec.loss(raw, goal, *extra)[1]
    together, alone = jax.jit(parts)(raw, rows), jax.jit(jax.vmap(parts))(raw, target)
    alone.pop("velocity", None)  # a clip with one labelled frame has none
    for part, each in alone.items():
        assert together[part] == pytest.approx(float(each.mean()), rel=1e-5), part


def test_rows_of_other_tasks_have_no_weight():
    target = a_batch().targets["depth"]
    rows = row_targets(jax.tree.map(jnp.asarray, target), jnp.array([1, 0, 0, 1], bool), 2)
    np.testing.assert_allclose(rows.mask.sum(axis=(1, 2, 3)), [1, 0, 0, 1], rtol=1e-5)

"""What holds for every task: names, codes that invert, losses that see only what is labelled."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thfm_jax.tasks import TASKS, densepose, lookup
from thfm_jax.types import Target

B, T, H, W, K = 2, 3, 8, 10, 52
SIZE = (48, 64)

DENSE = [name for name, task in TASKS.items() if task.kind == "dense"]
SPARSE = [name for name, task in TASKS.items() if task.kind == "sparse"]


def target(name, seed=0):
    """A random target in the task's units, about two thirds of it labelled."""
    rng = np.random.default_rng(seed)
    shape = (B, T, H, W) if name in DENSE else (B, T, K)
    mask = rng.uniform(size=shape) > 0.3
    unit = rng.normal(size=(*shape, 3))
    value = {
        "depth": rng.uniform(1, 4, (*shape, 1)),
        "normals": unit / np.linalg.norm(unit, axis=-1, keepdims=True),
        "matte": rng.uniform(0, 1, (*shape, 1)),
        "densepose": rng.uniform(-densepose.USED, densepose.USED, (*shape, 3)),
        "keypoints2d": np.concatenate(
            [rng.uniform(0, [SIZE[1], SIZE[0]], (*shape, 2)), rng.integers(0, 2, (*shape, 1))], -1
        ),
        "keypoints3d": rng.normal(size=(*shape, 3)) + [0, 0, 5],
    }[name]
    if name in SPARSE:
        mask[..., 23] = True  # the root, without which a frame has no 3-D label
    return Target(jnp.asarray(value, jnp.float32), jnp.asarray(mask))


@functools.cache
def bound(name):
    """The task's encode, decode, loss and the loss's gradient, jitted, all sizes filled in."""
    task, extra = TASKS[name], () if name in DENSE else (SIZE,)
    loss = lambda raw, goal: task.loss(raw, goal, *extra)
    return (
        jax.jit(lambda value, mask: task.encode(value, mask, *extra)),
        jax.jit(lambda raw: task.decode(raw, *extra)),
        jax.jit(loss),
        jax.jit(jax.grad(lambda raw, goal: loss(raw, goal)[0])),
    )


def perfect(name, goal):
    """Raw model values that equal the target's code; log scales and a sure confidence besides."""
    code = bound(name)[0](goal.value, goal.mask)
    if name in DENSE:
        return code
    raw = jnp.zeros((B, T, K, 8))
    if name == "keypoints3d":
        return raw.at[..., 3:6].set(code)
    return raw.at[..., :2].set(code[..., :2]).at[..., 2].set(50 * (2 * code[..., 2] - 1))


def noise(name, goal):
    raw = perfect(name, goal)
    return raw + 0.3 * jax.random.normal(jax.random.key(1), raw.shape)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("all", tuple(TASKS)),
        (["all"], tuple(TASKS)),
        ("matte", ("matte",)),
        (" keypoints2d, depth ,", ("depth", "keypoints2d")),
        (["matte", "depth", "matte"], ("depth", "matte")),
        (("normals",), ("normals",)),
    ],
)
def test_lookup(names, expected):
    assert lookup(names) == expected


def test_lookup_suggests_the_near_name():
    message = (
        "unknown task 'dept'; did you mean 'depth'? "
        "There are depth, normals, matte, densepose, keypoints2d, keypoints3d"
    )
    with pytest.raises(ValueError) as caught:
        lookup("normals,dept")
    assert str(caught.value) == message
    with pytest.raises(ValueError, match="did you mean 'keypoints2d'"):
        lookup(["keypoint2d"])


def test_lookup_of_something_else_lists_the_tasks():
    with pytest.raises(ValueError, match=r"unknown task 'xyz'\. There are depth, normals"):
        lookup("xyz")


@pytest.mark.parametrize("nothing", ["", " , ", []])
def test_lookup_of_nothing(nothing):
    with pytest.raises(ValueError, match="no task given; there are depth"):
        lookup(nothing)


def test_tasks_are_listed_under_their_names():
    assert all(name == task.name for name, task in TASKS.items())
    assert list(TASKS) == DENSE + SPARSE


def test_no_two_prompts_are_alike():
    prompts = [text for task in TASKS.values() for text in (task.prompt, *task.paraphrases)]
    assert len({text.lower().strip() for text in prompts}) == len(prompts)
    assert all(len(task.paraphrases) >= 4 for task in TASKS.values())


# Depth comes back only up to its clip's range: see test_tasks_dense.
@pytest.mark.parametrize("name", [name for name in TASKS if name != "depth"])
def test_decode_inverts_encode_up_to_float32(name):
    goal = target(name)
    found = bound(name)[1](perfect(name, goal))
    expected = goal.value if found.ndim == goal.value.ndim else goal.value[..., 0]
    if name == "keypoints3d":
        expected = expected - expected[..., 23:24, :]
    mask = np.asarray(goal.mask)
    np.testing.assert_allclose(found[mask], expected[mask], rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("name", DENSE)
def test_dense_codes_are_three_channels_that_a_video_can_hold(name):
    goal = target(name)
    code = TASKS[name].encode(goal.value, goal.mask)
    assert code.shape == (B, T, H, W, 3)
    assert code.dtype == jnp.float32
    assert jnp.all(jnp.abs(code) <= 1)


@pytest.mark.parametrize("name", DENSE)
def test_background_is_one_colour(name):
    goal = target(name)
    code = np.asarray(TASKS[name].encode(goal.value, goal.mask))[~np.asarray(goal.mask)]
    expected = {"depth": 1.0, "normals": 0.0, "matte": -1.0, "densepose": -1.0}[name]
    np.testing.assert_array_equal(code, np.full_like(code, expected))


@pytest.mark.parametrize("name", TASKS)
def test_a_perfect_prediction_costs_nothing(name):
    goal = target(name)
    _, parts = bound(name)[2](perfect(name, goal), goal)
    floor = {"scale": np.log(1 + 1e-3)}  # the log of the Laplace scale at log_scale 0
    for part, value in parts.items():
        assert value == pytest.approx(floor.get(part, 0.0), abs=1e-6)


@pytest.mark.parametrize("name", TASKS)
def test_the_gradient_leads_to_the_target(name):
    goal = target(name)
    _, _, loss, slope = bound(name)
    raw = noise(name, goal)
    step = slope(raw, goal)
    stepped = raw - 0.05 * step / jnp.linalg.norm(step)
    assert loss(stepped, goal)[0] < loss(raw, goal)[0]


@pytest.mark.parametrize("name", TASKS)
def test_loss_is_the_sum_of_its_parts(name):
    goal = target(name)
    total, parts = bound(name)[2](noise(name, goal), goal)
    assert total.shape == ()
    assert total == pytest.approx(float(sum(parts.values())), rel=1e-5)


@pytest.mark.parametrize("name", TASKS)
def test_what_is_not_labelled_changes_nothing(name):
    goal = target(name)
    hidden = Target(jnp.where(goal.mask[..., None], goal.value, jnp.nan), goal.mask)
    encode, _, loss, slope = bound(name)
    raw = noise(name, goal)
    np.testing.assert_array_equal(encode(hidden.value, hidden.mask), encode(goal.value, goal.mask))
    value, grad = loss(raw, goal)[0], slope(raw, goal)
    assert value == loss(raw, hidden)[0]
    np.testing.assert_array_equal(grad, slope(raw, hidden))
    # Nor does the prediction there: its gradient is zero, and so is the loss's change.
    outside = np.asarray(grad)[~np.asarray(goal.mask)]
    np.testing.assert_array_equal(outside, np.zeros_like(outside))
    elsewhere = jnp.where(goal.mask[..., None], raw, raw + 9)
    assert loss(elsewhere, goal)[0] == pytest.approx(float(value), rel=1e-6)


@pytest.mark.parametrize("name", TASKS)
def test_a_clip_without_labels_costs_nothing(name):
    goal = target(name)
    empty = Target(jnp.full_like(goal.value, jnp.nan), jnp.zeros_like(goal.mask))
    _, _, loss, slope = bound(name)
    assert loss(noise(name, goal), empty)[0] == 0
    assert jnp.all(slope(noise(name, goal), empty) == 0)


@pytest.mark.parametrize("name", TASKS)
def test_masks_may_be_short_or_soft(name):
    goal = target(name)
    loss = bound(name)[2]
    raw = noise(name, goal)
    frames = jnp.array([[True, False, True], [True, True, False]])
    spread = jnp.broadcast_to(frames.reshape(B, T, *[1] * (goal.mask.ndim - 2)), goal.mask.shape)
    whole, _ = loss(raw, Target(goal.value, spread))
    assert loss(raw, Target(goal.value, frames))[0] == pytest.approx(float(whole), rel=1e-6)
    half = Target(goal.value, 0.5 * spread.astype(jnp.float32)[..., None])
    assert loss(raw, half)[0] == pytest.approx(float(whole), rel=1e-5)


@pytest.mark.parametrize("name", TASKS)
def test_clips_of_a_batch_do_not_mix_in_encode(name):
    goal = target(name)
    encode = bound(name)[0]
    batch = encode(goal.value, goal.mask)
    for clip in range(B):
        np.testing.assert_allclose(
            batch[clip], encode(goal.value[clip], goal.mask[clip]), rtol=1e-6
        )


@pytest.mark.parametrize("name", TASKS)
def test_metrics_take_what_decode_returns(name):
    goal = target(name)
    prediction = np.asarray(bound(name)[1](perfect(name, goal)))[0]
    truth = np.asarray(goal.value)[0]
    truth = truth[..., 0] if prediction.ndim < truth.ndim else truth
    scores = TASKS[name].metrics(prediction, truth, np.asarray(goal.mask)[0])
    assert scores
    assert all(isinstance(score, float) and np.isfinite(score) for score in scores.values())

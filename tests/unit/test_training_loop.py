"""Facts about the training loop, with a model of one number."""

import json
import logging
import os
import signal

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from thfm_jax.sharding import make_mesh
from thfm_jax.training.loop import Hooks, Limits, TrainingError, run
from thfm_jax.training.recipe import Every
from thfm_jax.training.state import init_state
from thfm_jax.types import Batch, Clip

OPTIMIZER = optax.sgd(0.1)
EVERY = Every(log=1, save=4, evaluate=0, pictures=0)


class Numbers:
    """A loader whose batch number n is all n."""

    def __init__(self):
        self.taken = 0

    def __next__(self):
        self.taken += 1
        frames = np.full((2, 1, 4, 4, 3), self.taken, np.uint8)
        return Batch(Clip(frames, np.full(2, 24, np.float32)), {})

    def get_state(self):
        return {"taken": self.taken}

    def set_state(self, state):
        self.taken = state["taken"]


def fresh():
    params = {"dit": {"w": jnp.ones(3)}, "vae": {"v": jnp.ones(1)}}
    return init_state(params, ["^vae/"], OPTIMIZER, jax.random.key(0), average=False)


@jax.jit
def step_fn(state, batch):
    """Moves w by the batch's number; fails where that is 250."""
    number = batch.clip.frames.astype(jnp.float32).mean()
    fine = number != 250
    moved = jax.tree.map(lambda w: jnp.where(fine, 0.9 * w + number, w), state.trained)
    figures = {"loss": number, "gradient_norm": number, "fine": fine.astype(jnp.float32)}
    return state.replace(step=state.step + 1, trained=moved), figures


def train(workdir, steps, **options):
    given = {"every": EVERY, "batches": Numbers(), "step_fn": step_fn, **options}
    return run(
        fresh(), mesh=make_mesh(data=jax.device_count()), workdir=workdir, steps=steps, **given
    )


def lines(workdir):
    return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


def test_stopped_and_resumed_it_ends_where_it_would_have_ended(tmp_path):
    whole = train(tmp_path / "whole", 10)
    train(tmp_path / "parts", 6)
    resumed = train(tmp_path / "parts", 10)
    np.testing.assert_array_equal(whole.trained["dit"]["w"], resumed.trained["dit"]["w"])
    assert int(resumed.step) == 10


def test_each_step_is_logged_with_its_time_and_wait(tmp_path):
    train(tmp_path, 3)
    found = lines(tmp_path)
    assert [line["step"] for line in found] == [1, 2, 3]
    assert [line["loss"] for line in found] == [1, 2, 3]
    assert all(0 <= line["input_wait_share"] <= 1 for line in found)
    assert all(line["frames_per_second"] > 0 for line in found)


def test_a_termination_signal_saves_and_ends_the_training(tmp_path):
    def interrupt(step, _):
        if step == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    state = train(tmp_path, 100, hooks=Hooks(progress=interrupt))
    assert 2 <= int(state.step) < 6
    again = train(tmp_path, 10)
    whole = train(tmp_path / "whole", 10)
    np.testing.assert_array_equal(again.trained["dit"]["w"], whole.trained["dit"]["w"])


def test_a_failed_step_is_skipped_and_its_batch_kept(tmp_path, caplog):
    batches = Numbers()
    batches.taken = 248
    with caplog.at_level(logging.ERROR):
        state = train(tmp_path, 3, batches=batches)
    assert int(state.step) == 3 and "step 2 failed" in caplog.text
    assert list(tmp_path.glob("failed_step_2.*"))


def test_too_many_failures_in_a_row_stop_the_training(tmp_path):
    with pytest.raises(TrainingError, match="3 steps in a row failed, the last one number 6"):
        train(tmp_path, 20, limits=Limits(worst_loss=3.5, failures=3))


def test_hooks_are_called_at_their_steps(tmp_path):
    picture = np.zeros((4, 4, 3), np.uint8)
    hooks = Hooks(
        evaluate=lambda state: {"score": float(state.step)},
        pictures=lambda state: {"depth": picture},
    )
    every = Every(log=0, save=0, evaluate=2, pictures=3)
    train(tmp_path, 6, every=every, hooks=hooks)
    scores = [(0, 0), (2, 2), (4, 4), (6, 6)]  # the first is what the training begins from
    assert [(line["step"], line["score"]) for line in lines(tmp_path)] == scores
    train(tmp_path, 8, every=every, hooks=hooks)
    assert [(line["step"], line["score"]) for line in lines(tmp_path)] == [*scores, (8, 8)]
    assert {f.name for f in (tmp_path / "pictures").iterdir()} == {
        "00000003_depth.png",
        "00000006_depth.png",
    }


def test_a_profile_is_written_when_asked_for(tmp_path):
    tmp_path.joinpath("profile").touch()
    train(tmp_path, 10)
    assert list((tmp_path / "profiles").rglob("*.xplane.pb"))
    assert not (tmp_path / "profile").exists()


def test_progress_is_told_the_loss_and_the_speed(tmp_path):
    told = {}
    train(tmp_path, 3, hooks=Hooks(progress=lambda step, figures: told.update({step: figures})))
    assert [figures["loss"] for figures in told.values()] == [1, 2, 3]
    assert all(figures["clips_per_second"] > 0 for figures in told.values())

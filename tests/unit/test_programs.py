"""The abstract programs are those that training and prediction run."""

import jax
import numpy as np
import pytest

from thfm_jax import flops, jaxpr_flops, programs
from thfm_jax.config import Compute, preset
from thfm_jax.data import examples
from thfm_jax.data.loader import Bucket, LoaderConfig
from thfm_jax.data.sources import SourceConfig
from thfm_jax.sharding import make_mesh
from thfm_jax.training.lora import LoraConfig
from thfm_jax.training.recipe import Recipe

BUCKET = Bucket(frames=5, height=32, width=48, batch=2)
TINY = preset("tiny")


def recipe(**changes) -> Recipe:
    return Recipe(loader=LoaderConfig(sources=(SourceConfig("live"),)), **changes)


def one_device():
    return make_mesh(devices=jax.devices()[:1])


def test_batches_are_as_the_loader_makes_them():
    _, batch, _ = programs.train_step(recipe(), BUCKET, one_device()).args
    how = examples.Recipe(recipe().loader.tasks, None, 0, False)
    empty = [examples.Draw(-1, None, 0)] * BUCKET.batch
    made = examples.make(BUCKET.shape, how, 0, empty)
    shape = lambda x: (x.shape, np.dtype(x.dtype))
    assert {name: shape(x) for name, x in vars(batch.clip).items()} == {
        name: shape(x) for name, x in made["clip"].items()
    }
    assert batch.targets.keys() == made["targets"].keys()
    for name, target in batch.targets.items():
        assert shape(target.value) == shape(made["targets"][name]["value"])
        assert shape(target.mask) == shape(made["targets"][name]["mask"])


def test_a_forward_pass_does_what_the_formula_says():
    program = programs.forward(TINY, Compute(conv="native"), BUCKET, one_device(), tasks=3)
    counted = jaxpr_flops.count(program.function.trace(*program.args).jaxpr, program.turns)
    size = (BUCKET.frames, BUCKET.height, BUCKET.width)
    one_clip = flops.perceive_tasks(TINY, *size, tasks=3, dense_tasks=3, text_tokens=8)
    assert counted == BUCKET.batch * one_clip


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"lora": LoraConfig(rank=4)},
        {"train_text": True, "average_decay": 0.0, "accumulate": 2},
    ],
    ids=["full", "lora", "text encoder"],
)
def test_a_step_returns_the_state_that_it_takes(changes):
    program = programs.train_step(recipe(**changes), BUCKET, one_device())
    state, _ = jax.eval_shape(program.function, *program.args)
    abstract = lambda tree: jax.tree.map(lambda x: (x.shape, x.dtype), tree)
    assert abstract(state) == abstract(program.args[0])


def test_a_batch_that_does_not_divide():
    mesh = jax.sharding.AbstractMesh((4, 1, 1, 1), ("data", "fsdp", "tensor", "sequence"))
    with pytest.raises(ValueError, match="a batch of 2 clips does not divide over data 4"):
        programs.train_step(recipe(), BUCKET, mesh)

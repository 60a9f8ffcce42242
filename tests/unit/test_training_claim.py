"""Facts about whose a working directory is."""

import dataclasses

import pytest

from thfm_jax.config import Compute
from thfm_jax.data.loader import LoaderConfig
from thfm_jax.data.sources import SourceConfig
from thfm_jax.training.checkpoint import ResumeError
from thfm_jax.training.claim import FREE, RECIPE, claim
from thfm_jax.training.lora import LoraConfig
from thfm_jax.training.optimizer import OptimizerConfig
from thfm_jax.training.recipe import Every, MeshConfig, Recipe

LOADER = LoaderConfig(sources=(SourceConfig("live", settings={"size": (96, 96)}),))
RECIPE_1 = Recipe(LOADER, lora=LoraConfig())


def changed(**entries) -> Recipe:
    return dataclasses.replace(RECIPE_1, **entries)


@pytest.fixture
def workdir(tmp_path):
    """That of `RECIPE_1`, with a checkpoint."""
    assert claim(tmp_path, RECIPE_1) == []
    (tmp_path / "checkpoints" / "10").mkdir(parents=True)
    return tmp_path


def test_the_same_recipe_goes_on(workdir):
    before = (workdir / RECIPE).read_text()
    assert claim(workdir, RECIPE_1) == []
    assert (workdir / RECIPE).read_text() == before


def test_how_it_runs_may_change_and_is_told(workdir):
    loader = dataclasses.replace(LOADER, workers=3, skip_damaged=True)
    now = changed(
        mesh=MeshConfig(fsdp=4),
        every=Every(save=7),
        compute=Compute(remat="full"),
        loader=loader,
        evaluation=LOADER,
        failures=3,
    )
    told = claim(workdir, now)
    assert "mesh.fsdp: 1 -> 4" in told and "loader.workers: 0 -> 3" in told
    assert claim(workdir, now) == []


@pytest.mark.parametrize(
    "entries, message",
    [
        ({"seed": 1}, "seed: 0 -> 1"),
        ({"model": "wan_1_3b"}, "model: tiny -> wan_1_3b"),
        ({"compute": Compute(dtype="bfloat16")}, "compute.dtype: float32 -> bfloat16"),
        ({"lora": None}, "lora.alpha: "),
        ({"loader": dataclasses.replace(LOADER, seed=3)}, "loader.seed: 0 -> 3"),
        ({"steps": 5}, "steps: 10000 -> 5"),
    ],
)
def test_what_makes_it_another_training_is_refused_and_named(workdir, entries, message):
    with pytest.raises(ResumeError, match="of another recipe") as error:
        claim(workdir, changed(**entries))
    assert message in str(error.value)
    assert claim(workdir, RECIPE_1) == []


def test_before_the_first_checkpoint_all_may_change(tmp_path):
    claim(tmp_path, RECIPE_1)
    assert claim(tmp_path, changed(seed=1)) == ["seed: 0 -> 1"]


def test_a_training_whose_learning_rate_does_not_decay_may_become_longer(tmp_path):
    constant = OptimizerConfig(decay="constant")
    claim(tmp_path, changed(optimizer=constant))
    (tmp_path / "checkpoints" / "10").mkdir(parents=True)
    assert claim(tmp_path, changed(optimizer=constant, steps=20_000)) == ["steps: 10000 -> 20000"]


def test_of_how_it_computes_all_but_the_dtypes_may_change():
    fields = {f"compute.{field.name}" for field in dataclasses.fields(Compute)}
    assert fields - set(FREE) == {"compute.dtype", "compute.vae_dtype"}


def test_every_entry_that_may_change_exists():
    for name in FREE:
        value = RECIPE_1
        for part in name.split("."):
            value = getattr(value, part)


def test_a_recipe_that_cannot_be_read_is_named(workdir):
    (workdir / RECIPE).write_text('{"seed": ')
    with pytest.raises(ResumeError, match=r"recipe\.json cannot be read as a recipe"):
        claim(workdir, RECIPE_1)

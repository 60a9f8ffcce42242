"""The recipes that users launch: they are valid, and divide over the devices they name."""

import dataclasses
import importlib
import math
import re
from pathlib import Path

import pytest
from ml_collections.config_flags import config_path

from thfm_jax.config import Compute, preset
from thfm_jax.training.recipe import MeshConfig, Recipe, from_config

ROOT = Path(__file__).parents[2]
STAGED = ("thfm_1_3b", "thfm_1_3b_lora", "thfm_14b")


def recipe(name: str, *stage: str, **changes) -> Recipe:
    config = importlib.import_module(f"configs.{name}").get_config(*stage)
    return from_config({**config.to_dict(), **changes})


@pytest.mark.parametrize("stage", ["latent", "pixel"])
@pytest.mark.parametrize("name", STAGED)
def test_a_stage(name, stage):
    given = recipe(name, stage)
    assert given.objective.stage == stage
    model = preset(given.model)
    for bucket in (*given.loader.buckets, *given.evaluation.buckets):
        model.vae.latent_grid(bucket.frames, bucket.height, bucket.width)
    assert given.optimizer.warmup_steps < given.steps


@pytest.mark.parametrize("name", STAGED)
def test_the_pixel_stage_starts_from_what_the_latent_stage_writes(name):
    module = importlib.import_module(f"configs.{name}")
    workdir = recipe(name, "pixel").start.removesuffix("/model")
    assert f"--config=configs/{name}.py --workdir={workdir}" in module.__doc__
    with pytest.raises(ValueError, match="a stage is one of latent, pixel, not 'pixels'"):
        module.get_config("pixels")


def set_in(text: str) -> list[str]:
    """The entries that commands in a text set by flag."""
    return re.findall(r"--config\.([\w.\[\]]+)=", text)


@pytest.mark.parametrize("name", (*STAGED, "tiny"))
def test_what_the_docstring_sets_by_flag_is_there_to_be_set(name):
    module = importlib.import_module(f"configs.{name}")
    flags = set_in(module.__doc__)
    assert len(flags) >= 4
    for flag in flags:
        config_path.get_value(flag, module.get_config())


@pytest.mark.parametrize(
    "text",
    ["docs/training.md", "docs/tpu_pods.md", "docs/thfm_tiny.md"]
    + ["experiments/train.py", "experiments/cache_latents.py", "experiments/train_thfm_tiny.sh"],
)
@pytest.mark.parametrize("name", (*STAGED, "tiny"))
def test_what_other_texts_set_by_flag_can_be_set_in_every_recipe(name, text):
    config = importlib.import_module(f"configs.{name}").get_config()
    flags = set_in((ROOT / text).read_text())
    assert flags
    for flag in flags:
        config_path.get_value(flag, config)


def test_every_entry_can_be_set():
    config = importlib.import_module("configs.tiny").get_config("pixel")
    assert set(config) == {field.name for field in dataclasses.fields(Recipe)} | {"data"}
    assert set(config.compute) == {field.name for field in dataclasses.fields(Compute)}
    assert config.compute.dtype == "float32" and config.compute.scan is False
    assert config.loader.latents == config.evaluation.latents == ""
    assert config.evaluation.endless is False and config.loader.endless is True


@pytest.mark.parametrize(
    "name, devices, mesh, accumulate",
    [
        ("thfm_1_3b", 16, {}, 1),
        ("thfm_1_3b", 64, {}, 1),
        ("thfm_1_3b", 8, {"fsdp": 8}, 1),
        ("thfm_1_3b", 1, {"fsdp": 1}, 8),
        ("thfm_1_3b", 16, {"fsdp": 4}, 4),
        ("thfm_1_3b_lora", 1, {}, 16),
        ("thfm_1_3b_lora", 8, {}, 2),
        ("thfm_14b", 64, {}, 1),
        ("thfm_14b", 8, {"fsdp": 8}, 2),
    ],
)
@pytest.mark.parametrize("stage", ["latent", "pixel"])
def test_batches_divide_over_the_devices_that_the_docstring_names(
    name, devices, mesh, accumulate, stage
):
    given = recipe(name, stage)
    sizes = MeshConfig(**{**vars(given.mesh), **mesh}).sizes(devices)
    parts = sizes["data"] * sizes["fsdp"] * accumulate
    assert math.prod(sizes.values()) == devices
    assert not [bucket for bucket in given.loader.buckets if bucket.batch % parts]


def test_one_entry_says_where_all_stored_clips_are():
    given = recipe("thfm_1_3b", data="elsewhere")
    assert given.loader.sources[0].path == given.evaluation.sources[0].path == "elsewhere"
    mixed = recipe(
        "thfm_1_3b",
        loader={"sources": [{"kind": "live"}, {"kind": "synth_human", "path": "stills"}]},
    )
    assert [source.path for source in mixed.loader.sources] == ["", "stills"]

"""From a command line to a table: a model on disk, its kept predictions, several devices."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from flax import nnx

from tests.e2e.test_predict import CONFIG, features
from tests.unit import stored_clips
from thfm_jax import checkpoints, outputs
from thfm_jax.data.prompts import save_features
from thfm_jax.evaluation.registry import BENCHMARKS
from thfm_jax.models.thfm import Thfm
from thfm_jax.tasks import TASKS

SIZE = (32, 48)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Holds a very small model, `model`, and three clips, `data`."""
    folder = tmp_path_factory.mktemp("evaluate")
    key = jax.random.key(0, impl="rbg")
    params = nnx.to_pure_dict(nnx.state(nnx.jit(lambda: Thfm(CONFIG, rngs=nnx.Rngs(key)))()))
    (folder / "model").mkdir()
    for part in ("dit", "vae", "sparse"):
        checkpoints.save(folder / "model", part, params[part])
    checkpoints.save_config(folder / "model", CONFIG, ("dit", "vae", "sparse"))
    (folder / "model" / checkpoints.MANIFEST).write_text(json.dumps({"trained": True}))
    save_features(folder / "model" / checkpoints.PROMPTS, features())
    stored_clips.write(folder / "data", clips=3, size=SIZE, split="test")
    return folder


def run(folder: Path, output: str, *flags: str, devices: int = 1) -> subprocess.CompletedProcess:
    command = [
        *(sys.executable, "-m", "experiments.evaluate"),
        "--config=configs/eval_synthetic_test.py",
        "--config.draws=20",
        *(f"--data={folder / 'data'}", f"--output={folder / output}", *flags),
    ]
    xla = f"--xla_force_host_platform_device_count={devices} --xla_backend_optimization_level=0"
    env = {**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": xla}
    return subprocess.run(command, capture_output=True, text=True, env=env)


def figures(output: Path) -> dict[str, float]:
    found = json.loads((output / "results.json").read_text())["figures"]
    return {name: each["value"] for name, each in found.items()}


@pytest.fixture(scope="module")
def scored(folder) -> Path:
    done = run(folder, "out", f"--model={folder / 'model'}", "--keep_predictions")
    assert done.returncode == 0, done.stderr
    assert "| model |" in done.stdout and "15 frames scored, 0 without a label" in done.stdout
    return folder / "out"


@pytest.mark.slow
def test_every_figure_has_a_value(scored):
    values = figures(scored)
    assert set(values) == {measure.name for measure in BENCHMARKS["synthetic_test"].measures}
    assert all(value is not None for value in values.values())
    command = json.loads((scored / "results.json").read_text())["command"]
    assert "--config=configs/eval_synthetic_test.py" in command


@pytest.mark.slow
def test_kept_predictions_score_the_same(folder, scored):
    kept, meta = outputs.read_predictions(scored / "predictions" / "test" / "00001")
    assert set(kept.values) == set(TASKS) and meta["frames"] == 5
    assert np.isfinite(kept.values["depth"]).all()
    done = run(folder, "kept", f"--predictions={scored / 'predictions'}", "--label=files")
    assert done.returncode == 0, done.stderr
    assert "| files |" in done.stdout
    assert figures(folder / "kept") == figures(scored)


@pytest.mark.slow
def test_two_devices_share_and_equal_one(folder, scored):
    done = run(folder, "two", f"--model={folder / 'model'}", devices=2)
    assert done.returncode == 0, done.stderr
    for name, value in figures(folder / "two").items():
        assert value == pytest.approx(figures(scored)[name], rel=1e-3), name


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--model=nowhere"], "error: there is no model directory"),
        (["--data="], "error: --data is missing"),
        (["--config.options.cameras=1"], "error: no such entry of the configuration: 'cameras'"),
        (["--predictions=nowhere"], "error: 3 of 3 sequences lack predictions: there is no nowh"),
    ],
)
def test_bad_arguments_give_one_line(flags, message, tmp_path):
    stored_clips.write(tmp_path / "data", clips=3, split="test")
    done = run(tmp_path, "bad", *flags)
    assert done.returncode == 1
    assert message in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "bad" / "table.md").exists()

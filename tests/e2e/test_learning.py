"""The tiny preset learns eight clips: its VAE first, then all tasks, by the commands of its recipe.

A third of the recipe's steps, so errors fall by less: docs/training.md has how far they
fall in the end.
"""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

# How many times less each task's error is in the end, at least.
TO_FALL = {
    "depth/clip_rmse_m": 2.0,
    "normals/mean_deg": 2.0,
    "matte/mse": 6.0,
    "densepose/mean_m": 1.4,
    "keypoints2d/error_px": 2.0,
    "keypoints3d/mpjpe_mm": 1.5,
}


def run(module: str, *flags: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"experiments.{module}", *flags], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]


def train(stage: str, workdir, data, steps: int, *flags: str) -> tuple[dict, dict]:
    """The evaluations before the first step and after the last one."""
    run(
        "train",
        f"--config=configs/tiny.py:{stage}",
        f"--workdir={workdir}",
        f"--config.data={data}",
        f"--config.steps={steps}",
        f"--config.every.evaluate={steps}",
        f"--config.every.pictures={steps}",
        *flags,
    )
    lines = map(json.loads, (workdir / "metrics.jsonl").read_text().splitlines())
    first, last = (line for line in lines if line["kind"] == "evaluation")
    return first, last


def test_every_tasks_error_falls(tmp_path):
    data = tmp_path / "eight"
    run("generate", f"--output={data}", "--clips=8", "--frames=5", "--size=64,64")
    first, last = train("overfit_vae", tmp_path / "vae", data, 200)
    assert first["matte/mse"] > 5 * last["matte/mse"]
    start = f"--config.start={tmp_path / 'vae' / 'model'}"
    first, last = train("overfit", tmp_path / "pixel", data, 200, start)
    fallen = {name: first[name] / last[name] for name in TO_FALL}
    assert all(fallen[name] > least for name, least in TO_FALL.items()), fallen
    assert len(list((tmp_path / "pixel" / "pictures").glob("*200_clip_*.png"))) == 4

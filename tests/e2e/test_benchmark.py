"""`python -m experiments.benchmark` prints its tables and keeps the samples."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TINY = (
    "--config.platform=cpu",
    "--config.model=tiny",
    "--config.threads=1",
    "--config.samples=2",
    "--config.loop=",
    "--config.predict=",
    "--config.train=",
)


def benchmark(*flags: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "experiments.benchmark", *flags]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def rows(text: str) -> list[list[str]]:
    """The cells of the tables' rows, headers and rules included."""
    return [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]


@pytest.mark.slow
def test_side_by_side_with_diffusers(tmp_path):
    output = tmp_path / "benchmark.json"
    done = benchmark(
        "--config=configs/benchmark_cpu.py",
        *TINY,
        "--config.layers=2",
        "--config.dit=5x32x32",
        "--config.vae=",
        "--config.convolution=1x8x8x16",
        "--config.attention=",
        f"--output={output}",
    )
    assert done.returncode == 0, done.stderr
    table, work = rows(done.stdout), "trunk, 2 layers 5x32x32"
    assert [row[:2] for row in table if row[0] == work and len(row) == 8] == [
        [work, "thfm_jax"],
        [work, "diffusers"],
    ]
    [(_, speed, by_cpu, bars)] = [row for row in table if row[0] == work and len(row) == 4]
    assert float(speed.split()[0]) > 0 and float(by_cpu) > 0
    assert bars in ("at least 1: met", "at least 1: not met")
    convolutions = [row[1] for row in table if row[0] == "3x3x3 convolution 1x8x8x16"]
    assert convolutions == ["native", "planes", "torch"]

    record = json.loads(output.read_text())
    assert record["machine"]["cores_used"] == record["config"]["threads"] == 1
    programs = record["cases"][0]["programs"]
    assert programs["diffusers"]["facts"]["threads"] == 1
    assert [len(programs[name]["samples"]) for name in ("thfm_jax", "diffusers")] == [2, 2]


@pytest.mark.slow
def test_vae_against_diffusers():
    done = benchmark(
        "--config=configs/benchmark_cpu.py",
        *TINY,
        "--config.dit=",
        "--config.vae=5x16x16",
        "--config.convolution=",
        "--config.attention=",
    )
    assert done.returncode == 0, done.stderr
    compared = [row[0] for row in rows(done.stdout) if len(row) == 4]
    assert compared[1:] == ["VAE encode 5x16x16", "VAE decode 5x16x16"]


@pytest.mark.slow
def test_all_tasks_with_the_configuration_for_accelerators():
    done = benchmark(
        "--config=configs/benchmark_gpu.py",
        *TINY,
        "--config.dit=",
        "--config.vae=",
        "--config.predict=3x64x64",
        "--config.perceive=5x32x32",
        "--config.convolution=",
        "--config.attention=64",
        "--config.logits_mib=1,2",
        "--config.train=5x32x32x2",
    )
    assert done.returncode == 0, done.stderr
    assert rows(done.stdout)[2][0] == "train step, 2 clips 5x32x32"
    assert rows(done.stdout)[3][0] == "thfm-tiny, clip to predictions 3x64x64"
    assert [row[1] for row in rows(done.stdout)[2:]] == [
        "thfm_jax",
        "thfm_jax",
        "thfm_jax",
        "1 MiB of logits",
        "2 MiB of logits",
    ]


def test_the_training_loop_around_a_null_step():
    done = benchmark(
        "--config=configs/benchmark_gpu.py",
        *TINY,
        "--config.dit=",
        "--config.vae=",
        "--config.perceive=",
        "--config.convolution=",
        "--config.attention=",
        "--config.samples=1",
        "--config.loop=20",
    )
    assert done.returncode == 0, done.stderr
    # Without a bar, which steps as short as these do not have.
    [(work, alone, looped, outside, wait)] = rows(done.stdout)[2:]
    assert work == "training loop, steps of about 20 ms"
    share = 1 - float(alone) / float(looped)
    assert float(outside.split("%")[0]) == pytest.approx(100 * share, abs=1)
    assert float(wait.rstrip("%")) < 50


def test_what_fails_does_not_cost_the_rest():
    done = benchmark(
        "--config=configs/benchmark_gpu.py",
        *TINY,
        "--config.compute.attention=nonsense",
        "--config.dit=1x16x16",
        "--config.vae=",
        "--config.perceive=",
        "--config.convolution=1x8x8x16",
        "--config.attention=",
    )
    assert done.returncode == 1
    assert "trunk, 4 layers 1x16x16: the process that ran thfm_jax ended" in done.stderr
    assert "not 'nonsense'" in done.stderr
    assert [row[1] for row in rows(done.stdout)[2:]] == ["native", "planes"]


@pytest.mark.parametrize(
    "flag, message",
    [
        ("--config.dit=6x32x32", "error: a clip of 6 frames of 32x32 does not fit the VAE"),
        ("--config.compute.dtype=bfloat16", "error: the comparison with diffusers is in float32"),
        ("--config.threads=100000", "error: asked for 100000 cores"),
        ("--config.model=thfm", "error: no preset 'thfm'; there are tiny, wan_1_3b, wan_14b"),
    ],
)
def test_a_configuration_that_cannot_be(flag, message):
    done = benchmark("--config=configs/benchmark_cpu.py", *TINY, flag)
    assert done.returncode == 1
    assert message in done.stderr

"""Latents stored from a command line, as a user runs it: killed, gone on with, shared by hosts."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.e2e import small_config
from thfm_jax.data import loader
from thfm_jax.data.latents import reading
from thfm_jax.training import caching, recipe

ROOT = Path(__file__).parents[2]
BATCHES = 24
FILES = 24


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("small")
    small_config.lay_out(folder)
    return str(folder)


@pytest.fixture(scope="module")
def whole(config, tmp_path_factory) -> Path:
    """A cache that was made without a stop."""
    folder = tmp_path_factory.mktemp("cache")
    given = recipe.from_config(small_config.get_config(config))
    caching.build(given, folder, BATCHES, file_batches=BATCHES // FILES)
    return folder


def command(config: str, folder: Path, *arguments: object) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "experiments.cache_latents", f"--output={folder}"]
        + [f"--config=tests/e2e/small_config.py:{config}", "--config.loader.workers=0"]
        + [f"--batches={BATCHES}", f"--file_batches={BATCHES // FILES}", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.glob("latents-*")}


@pytest.mark.slow
def test_killed_and_started_again_it_stores_the_same_bytes(config, whole, tmp_path):
    folder = tmp_path / "cache"
    program = command(config, folder)
    while not list(folder.glob("latents-*")):
        assert program.poll() is None, program.communicate()
        time.sleep(0.005)
    program.send_signal(signal.SIGKILL)
    program.communicate()
    assert 0 < len(files(folder)) < FILES, "it was killed too late"
    program = command(config, folder)
    said, error = program.communicate(timeout=500)
    assert program.returncode == 0, error
    assert f"{folder} holds latents of {8 * BATCHES} clips" in said
    assert files(folder) == files(whole) and not list(folder.glob(".*.partial"))


def test_a_disk_that_is_too_small_is_named_before_anything_is_made(config, tmp_path):
    batches = 10**10
    program = command(config, tmp_path, f"--batches={batches}", f"--file_batches={batches}")
    _, error = program.communicate(timeout=500)
    assert program.returncode == 1 and "Traceback" not in error
    assert f"GB more, and {tmp_path} has " in error and "ask for fewer batches" in error
    assert not files(tmp_path)


@pytest.mark.slow
def test_two_processes_store_what_one_would(config, whole, tmp_path):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    programs = [
        command(config, tmp_path, f"--coordinator={address}", "--processes=2", f"--process_id={i}")
        for i in range(2)
    ]
    for program in programs:
        _, error = program.communicate(timeout=550)
        assert program.returncode == 0, error
    assert len(files(tmp_path)) == 2 * FILES
    given = recipe.from_config(small_config.get_config(config)).loader
    one, other = (
        reading.open(folder, loader.made_of(given), given.tasks)[0] for folder in (whole, tmp_path)
    )
    assert len(one) == len(other) == 8 * BATCHES
    for number in range(8 * BATCHES):
        for name, array in one[number].items():
            if name.startswith("latents"):
                # A batch is cut otherwise: float32 rounds otherwise, and so does float16.
                np.testing.assert_allclose(array, other[number][name], rtol=2**-10, atol=1e-5)
            else:
                np.testing.assert_array_equal(array, other[number][name])

"""From a command line to stored clips, as a user runs it."""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from thfm_jax.data.datasets import encoding, fields, reading
from thfm_jax.data.synthetic import generator
from thfm_jax.data.synthetic.generator import Settings, generate

pytestmark = pytest.mark.usefixtures("pack")
TINY = ("--frames=2", "--size=32,48", "--supersampling=1", "--processes=1")


def command(folder, *arguments):
    return [sys.executable, "-m", "experiments.generate", f"--output={folder}", *arguments]


def run(folder, *arguments):
    return subprocess.run(command(folder, *arguments), capture_output=True, text=True)


@pytest.fixture(scope="module")
def stored(pack, tmp_path_factory):
    """Two splits; the second in files of one clip."""
    folder = tmp_path_factory.mktemp("generate")
    for arguments in (
        ("--clips=2", "--split=validation", "--seed=7", "--shard_clips=2"),
        ("--clips=2", "--seed=7", "--verify"),
    ):
        done = run(folder, *arguments, *TINY)
        assert done.returncode == 0, done.stderr
    assert f"{folder} holds 2 clips of train" in done.stdout
    assert "every record of 2 files is whole" in done.stdout
    return folder


@pytest.mark.parametrize("split", ["train", "validation"])
def test_the_stored_clips_are_those_of_seed_and_index(pack, stored, split):
    dataset = reading.open(stored, split)
    assert len(dataset) == 2 and dataset.frames == 2
    settings = Settings(split=split, frames=2, size=(32, 48), supersampling=1)
    expected = encoding.decode(encoding.encode(generate(pack, 7, 1, settings)))
    clip = dataset[1].read()
    for name in fields.MAPS:
        np.testing.assert_array_equal(getattr(clip.labels, name), getattr(expected.labels, name))
    np.testing.assert_array_equal(clip.rgb, expected.rgb)
    assert clip.meta == expected.meta


def test_the_same_command_again_finds_everything_done(stored):
    before = {path: path.stat().st_mtime_ns for path in stored.glob("thfm_humans-*")}
    done = run(stored, "--clips=2", "--seed=7", *TINY)
    assert done.returncode == 0, done.stderr
    assert {path: path.stat().st_mtime_ns for path in stored.glob("thfm_humans-*")} == before


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--split=tests"], f"no split 'tests': there are {', '.join(generator.SPLITS)}"),
        (["--size=256"], "--size takes a height and a width, not 256"),
        (["--assets=nowhere.npz"], "experiments.build_assets"),
        (["--seed=8", "--frames=3"], "train with other settings: seed 7, not 8, frames 2, not 3"),
    ],
)
def test_bad_arguments_give_one_line_and_change_nothing(stored, arguments, message):
    before = sorted(stored.iterdir())
    done = run(stored, "--clips=2", "--seed=7", *TINY, *arguments)
    assert done.returncode == 1
    assert message in done.stderr and "Traceback" not in done.stderr
    assert sorted(stored.iterdir()) == before


def test_a_damaged_asset_pack_is_named(pack, tmp_path):
    damaged = tmp_path / "damaged.npz"
    damaged.write_bytes(pack.path.read_bytes()[:100_000])
    done = run(tmp_path / "out", "--clips=1", f"--assets={damaged}", *TINY)
    assert done.returncode == 1 and str(damaged) in done.stderr and "build_assets" in done.stderr


def test_a_folder_without_pictures_is_named(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "notes.txt").write_text("no picture")
    done = run(tmp_path / "out", "--clips=1", f"--backgrounds={folder}", *TINY)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert f"error: {folder} holds no picture" in done.stderr and "notes.txt" in done.stderr
    assert not (tmp_path / "out").exists()


def test_verify_names_what_is_damaged(stored, tmp_path):
    folder = shutil.copytree(stored, tmp_path / "copy")
    path = sorted(folder.glob("thfm_humans-train.array_record-*"))[1]
    content = bytearray(path.read_bytes())
    content[content.index(b"THFM") + 1000] ^= 1
    path.write_bytes(content)
    done = run(folder, "--clips=2", "--seed=7", "--verify", *TINY)
    assert done.returncode == 1
    assert f"fault: {path}, record 0" in done.stderr and "the same command makes" in done.stderr
    path.unlink()
    assert run(folder, "--clips=2", "--seed=7", "--verify", *TINY).returncode == 0
    assert path.read_bytes() == (stored / path.name).read_bytes()


def test_ctrl_c_ends_it_and_the_same_command_goes_on(tmp_path):
    arguments = ("--clips=4", "--shard_clips=2", *TINY)
    program = subprocess.Popen(
        command(tmp_path, *arguments), start_new_session=True, stderr=subprocess.PIPE, text=True
    )
    while not list(tmp_path.glob(".thfm_humans-*.array_record-*.partial")):
        assert program.poll() is None
        time.sleep(0.01)
    os.killpg(program.pid, signal.SIGINT)
    _, said = program.communicate(timeout=60)
    assert program.returncode == 130 and "the same command goes on" in said
    assert "Traceback" not in said and not list(tmp_path.glob(".*.partial"))
    done = run(tmp_path, *arguments, "--verify")
    assert done.returncode == 0, done.stderr
    assert len(reading.open(tmp_path)) == 4


def test_a_clip_of_17_frames_of_256_pixels_fits_into_two_and_a_half_megabytes(pack):
    sizes = [len(encoding.encode(generate(pack, 0, index, Settings()))) for index in range(2)]
    assert max(sizes) <= 2_500_000

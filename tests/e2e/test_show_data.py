"""Stored clips can be looked at, and the speed of reading them measured, from the command line."""

import subprocess
import sys

import pytest
from PIL import Image

from tests.unit import stored_clips
from thfm_jax.data import video


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return stored_clips.write(tmp_path_factory.mktemp("data"), clips=4)


def run(script: str, *flags: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", f"experiments.{script}", *flags]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_video_for_each_clip_and_a_sheet_of_all(data, tmp_path):
    stored_clips.damage(data, 1)
    done = run("show_data", f"--data={data}", f"--output={tmp_path}", "--clips=3", "--augment")
    assert done.returncode == 0, done.stderr
    assert "skipped" in done.stderr and "record 1" in done.stderr
    assert sorted(path.name for path in tmp_path.glob("*.mp4")) == [
        "clip_00000.mp4",
        "clip_00002.mp4",
    ]
    info = video.probe(tmp_path / "clip_00000.mp4")
    assert (info.frames, info.height, info.width) == (5, 2 * 256 + 4, 4 * 256 + 12)
    with Image.open(tmp_path / "sheet.jpg") as sheet:
        assert sheet.size == (10 * 260 - 4, 2 * 260 - 4)


def test_a_folder_without_clips_is_an_error_in_one_line(tmp_path):
    done = run("show_data", f"--data={tmp_path}", f"--output={tmp_path}")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {tmp_path}") and "Traceback" not in done.stderr


def test_the_benchmark_tells_the_time_of_each_step(data):
    flags = ("--batches=4", "--batch=2", "--frames=5", "--size=32", "--workers=0")
    stored_clips.write(data, clips=4)
    done = run("benchmark_data", f"--data={data}", *flags)
    assert done.returncode == 0, done.stderr
    assert "decode or render" in done.stdout and "frames/s of 32 x 32" in done.stdout

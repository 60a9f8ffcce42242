"""The script that makes thfm-tiny: which commands it runs, and that they fit together."""

import os
import shlex
import subprocess
from pathlib import Path

from configs import tiny

SCRIPT = Path(__file__).parents[2] / "experiments" / "train_thfm_tiny.sh"


def commands(*flags: str) -> list[list[str]]:
    """What it would have Python do, with a Python that only says so."""
    done = subprocess.run(
        ["bash", str(SCRIPT), *flags],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHON": "echo"},
    )
    return [shlex.split(line) for line in done.stdout.splitlines()]


def test_each_command_reads_what_the_one_before_it_wrote():
    said = commands()
    steps = [command[1].removeprefix("experiments.") for command in said]
    expected = "generate generate train train_text train train release"
    assert steps == expected.split()
    flags = [dict(flag.removeprefix("--").split("=", 1) for flag in x[2:]) for x in said]
    data, _, vae, text, pixel, finish, release = flags
    written = text["output"]
    assert text["model"] == f"{vae['workdir']}/model"
    for stage in (pixel, finish):
        config = tiny.get_config(stage["config"].partition(":")[2])
        assert (config.start, config.data) == (written, data["output"])
        written = f"{stage['workdir']}/model"
    assert release["model"] == written


def test_every_command_takes_its_flags():
    for _, module, *flags in commands():
        source = (SCRIPT.parent / f"{module.partition('.')[2]}.py").read_text()
        names = [flag.removeprefix("--").partition("=")[0] for flag in flags]
        assert all(f'"{name}"' in source for name in names), module


def test_flags_go_to_every_stage():
    trainings = [x for x in commands("--config.seed=3") if x[1] == "experiments.train"]
    assert len(trainings) == 3 and all("--config.seed=3" in command for command in trainings)


def test_batches_divide_over_the_devices_that_it_makes():
    for stage in ("vae", "pixel", "finish"):
        config = tiny.get_config(stage)
        buckets = [*config.loader.buckets, *config.evaluation.buckets]
        assert all(bucket["batch"] % 4 == 0 for bucket in buckets)

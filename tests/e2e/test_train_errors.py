"""What cannot be trained ends with status 1 and one line that says what to do."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit import stored_clips

CONFIG = """
from ml_collections import ConfigDict

def get_config():
    return ConfigDict({
        "data": "nowhere",
        "start": "",
        "steps": 2,
        "accumulate": 1,
        "mesh": {"data": 1, "fsdp": 2, "sequence": 1},
        "loader": {
            "sources": [{"kind": "humans", "split": "train"}],
            "buckets": [{"frames": 1, "height": 16, "width": 16, "batch": 4}],
        },
    })
"""

# Name -> flags that are not as they should be, and what is then said.
CASES = {
    "no clips": (
        {"--config.data": "nowhere"},
        ["nowhere is no dataset", "experiments.generate"],
    ),
    "no such split": (
        {"--config.loader.sources[0].split": "tset"},
        ["has no split 'tset': there are train"],
    ),
    "no model": (
        {"--config.start": "models/wan_1_3b"},
        ["there is no model directory", "models/wan_1_3b; experiments.convert makes one"],
    ),
    "a bucket": (
        {"--workdir": "gs://bucket/run"},
        ["gs://bucket/run is no path: mount the bucket on every host"],
    ),
    "a mesh for other devices": (
        {"--config.mesh.fsdp": "3"},
        ["a mesh of data 1, fsdp 3, tensor 1, sequence 1 does not fit 2 devices"],
    ),
    "a mesh for fewer devices": (
        {"--config.mesh.fsdp": "1"},
        ["a mesh of data 1, fsdp 1, tensor 1, sequence 1 needs 1 devices, not 2"],
    ),
    "a batch that does not divide": (
        {"--config.loader.buckets[0].batch": "3"},
        ["a batch of 3 clips does not divide over data 1 x fsdp 2: let it be a multiple"],
    ),
    "pieces that do not divide": (
        {"--config.accumulate": "3"},
        ["a batch of 4 clips does not divide into 3 pieces: change accumulate"],
    ),
    "a misspelt flag": (
        {"--config.mesh.fdsp": "2"},
        ["no such entry of the configuration: 'fdsp' Did you mean \"fsdp\""],
    ),
    "a misspelt entry": (
        {"--config": "misspelt.py"},
        ["LoaderConfig has no field bucktes; did you mean buckets?"],
    ),
}
RIGHT = {"--config": "config.py", "--config.data": "clips", "--workdir": "run"}

# Runs the command once for each case, in a process each that has its imports already.
DRIVER = """
import json, os, sys
from absl import app
from experiments import train

for name, flags in json.loads(sys.argv[1]).items():
    if not os.fork():
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(os.open(name, os.O_CREAT | os.O_WRONLY), 2)
        sys.argv = ["train", *flags]  # where ml_collections looks for entries, too
        app.run(train.main, flags_parser=train.parse_flags)
    print(json.dumps([name, os.waitstatus_to_exitcode(os.wait()[1])]), flush=True)
"""


@pytest.fixture(scope="module")
def endings(tmp_path_factory):
    """Case -> (exit status, what was written to stderr)."""
    folder = tmp_path_factory.mktemp("errors")
    stored_clips.write(folder / "clips", clips=2)
    (folder / "config.py").write_text(CONFIG)
    (folder / "misspelt.py").write_text(CONFIG.replace("buckets", "bucktes"))
    flags = {
        name: [f"{flag}={value}" for flag, value in {**RIGHT, **wrong}.items()]
        for name, (wrong, _) in CASES.items()
    }
    env = {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "PYTHONWARNINGS": "ignore",
    }
    command = [sys.executable, "-c", DRIVER, json.dumps(flags)]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    statuses = dict(json.loads(line) for line in done.stdout.splitlines())
    assert not list((folder / "run").glob("checkpoints/*"))
    return {name: (status, (folder / name).read_text()) for name, status in statuses.items()}


@pytest.mark.parametrize("case", CASES)
def test_it_says(endings, case):
    status, written = endings[case]
    assert status == 1, written
    assert "Traceback" not in written
    last = written.splitlines()[-1]
    assert last.startswith("error: ")
    for text in CASES[case][1]:
        assert text in last

"""The script that trains on TPU pods, against a gcloud whose one host is a folder here."""

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "experiments" / "run_tpu_pod.sh"
FLAGS = ["--config=configs/thfm_14b.py", "--workdir=runs"]

# Keeps the state of the TPUs in a file; its host's home is a folder, whose commands it runs.
GCLOUD = """#!{python}
import contextlib, json, os, shutil, signal, subprocess, sys
from pathlib import Path
here = Path({folder!r})
with open(here / "calls", "a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
state, verb = here / "state", sys.argv[4]
if verb == "create":
    if (here / "no_capacity").exists():
        (here / "no_capacity").unlink()
        sys.exit("no capacity")
    state.write_text("READY" if sys.argv[3] == "tpu-vm" else "ACTIVE")
elif verb == "delete":
    state.unlink()
    with contextlib.suppress(ProcessLookupError):  # the machines go, and what runs on them
        os.killpg(int((here / "home" / "thfm_train.pid").read_text()), signal.SIGKILL)
    (here / "home" / "thfm_train.pid").unlink()
elif verb == "describe":
    if not state.exists():
        sys.exit("not found")
    print(state.read_text())
elif verb == "scp":
    shutil.copy(sys.argv[5], here / "home" / sys.argv[6].partition(":")[2])
elif verb == "ssh":
    command = sys.argv[-1].removeprefix("--command=")
    env = {{**os.environ, "HOME": str(here / "home")}}
    sys.exit(subprocess.run(["bash", "-c", command], cwd=here / "home", env=env).returncode)
"""

# Notes how it was called, and ends as the next line of a file says.
PYTHON = """#!{python}
import json, os, signal, sys, time
from pathlib import Path
here = Path({folder!r})
with open(here / "trainings", "a") as file:
    file.write(json.dumps([os.getcwd(), *sys.argv[1:]]) + "\\n")
print("training", flush=True)
ending, *rest = (here / "endings").read_text().split()
(here / "endings").write_text(" ".join(rest))
if ending == "term":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    time.sleep(60)
if ending == "preempted":
    (here / "state").write_text("PREEMPTED")
    ending = 143
sys.exit(int(ending))
"""


class Cloud:
    """A folder with a fake gcloud on the path, and the home of its only host."""

    def __init__(self, folder: Path):
        self.folder, self.home = folder, folder / "home"
        venv = self.home / "thfm_venv" / "bin"
        for path, text in (
            (folder / "bin" / "gcloud", GCLOUD),
            (venv / "python", PYTHON),
            (venv / "pip", "#!/bin/sh\n"),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.format(python=sys.executable, folder=str(folder)))
            path.chmod(0o755)
        (folder / "endings").write_text("0")

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        env = {
            **os.environ,
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "TPU_NAME": "pod",
            "TPU_ZONE": "zone",
            "TPU_TYPE": "v5p-128",
            "POLL_SECONDS": "0.1",
            **environment,
        }
        command = ["bash", str(SCRIPT), *arguments]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)

    def lines(self, name: str) -> list[list[str]]:
        file = self.folder / name
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def verbs(self) -> list[str]:
        """What gcloud was asked, but for questions about the state and commands on hosts."""
        asked = [call[3] for call in self.lines("calls")]
        return [verb for verb in asked if verb not in ("describe", "ssh")]


@pytest.fixture
def cloud(tmp_path):
    return Cloud(tmp_path)


def test_a_training_with_a_preemption_and_a_host_that_died(cloud):
    (cloud.folder / "endings").write_text("preempted 144 0")
    done = cloud.run("run", *FLAGS)
    assert done.returncode == 0, done.stderr
    assert cloud.verbs() == ["create", "scp", "delete", "create", "scp", "scp"]
    assert "pod is PREEMPTED" in done.stderr
    assert "the training ended with 144" in done.stderr
    calls = cloud.lines("trainings")
    checkout = str(cloud.home / "thfm_jax")
    assert calls == [[checkout, "-m", "experiments.train", "--distributed", *FLAGS]] * 3
    assert (cloud.home / "thfm_jax" / "experiments" / "train.py").is_file()


def test_an_error_of_the_training_is_not_tried_again(cloud):
    (cloud.folder / "endings").write_text("1 0")
    done = cloud.run("run", *FLAGS)
    assert done.returncode == 2
    assert "error: the training ended with 1, and would again" in done.stderr
    assert len(cloud.lines("trainings")) == 1


def test_no_capacity_is_asked_for_again_but_not_for_ever(cloud):
    (cloud.folder / "no_capacity").touch()
    done = cloud.run("run", *FLAGS)
    assert done.returncode == 0, done.stderr
    assert cloud.verbs() == ["create", "create", "scp"]
    (cloud.folder / "state").unlink()
    (cloud.folder / "no_capacity").touch()
    done = cloud.run("run", *FLAGS, TRIES="1")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "error: 1 failures in a row"


def test_flags_arrive_as_they_were_given(cloud):
    odd = ["--a=b c", "--config.loader.buckets[3].batch=32", "--q='\"", "--v=$HOME `id` \\", "--e="]
    (cloud.home / "thfm_jax").mkdir()
    assert cloud.run("launch", *odd, "--u=é\n*;").returncode == 0
    wait_for(cloud.home / "thfm_train.status")
    (call,) = cloud.lines("trainings")
    assert call[1:] == ["-m", "experiments.train", "--distributed", *odd, "--u=é\n*;"]


def test_launch_watch_status_stop(cloud):
    (cloud.home / "thfm_jax").mkdir()
    (cloud.folder / "state").write_text("READY")
    (cloud.folder / "endings").write_text("term 0")
    assert cloud.run("launch", *FLAGS).returncode == 0
    assert cloud.run("status").stdout.split("\n")[:2] == ["TPUs: READY", "training: running"]
    again = cloud.run("launch", *FLAGS)
    assert again.returncode == 1
    assert "a training runs here already" in again.stderr
    wait_for(cloud.folder / "trainings")
    assert cloud.run("stop").returncode == 0
    assert "training: 143" in cloud.run("status").stdout
    assert cloud.run("watch").stdout == "training\n"  # and nothing is left to follow
    (cloud.home / "thfm_train.status").unlink()
    assert "training: lost" in cloud.run("status").stdout


def test_what_a_dry_run_prints_is_what_a_shell_would_run(cloud):
    words = ["create", "launch --workdir='a b'", "delete"]
    printed = [cloud.run("--dry-run", *shlex.split(text)).stdout for text in words]
    assert cloud.lines("calls") == []
    calls = [shlex.split(line)[1:] for line in (printed[0], printed[2])]
    place = ["pod", "--zone=zone", "--quiet"]
    asked = ["--accelerator-type=v5p-128", "--version=v2-alpha-tpuv5"]
    assert calls == [
        ["compute", "tpus", "tpu-vm", "create", *place, *asked],
        ["compute", "tpus", "tpu-vm", "delete", *place],
    ]
    path = f"{cloud.folder / 'bin'}:{os.environ['PATH']}"
    (cloud.home / "thfm_jax").mkdir()
    subprocess.run(["bash", "-c", printed[1]], env={**os.environ, "PATH": path}, check=True)
    wait_for(cloud.home / "thfm_train.status")
    assert cloud.lines("trainings")[0][-1] == "--workdir=a b"


def test_slices_of_a_queued_resource(cloud):
    settings = {"TPU_QUEUED": "1", "TPU_SLICES": "2", "TPU_MODE": "spot", "TPU_PROJECT": "mine"}
    done = cloud.run("create", **settings)
    assert done.returncode == 0, done.stderr
    (create,) = [call for call in cloud.lines("calls") if call[3] == "create"]
    assert create[2] == "queued-resources"
    assert {"--spot", "--project=mine", "--node-count=2", "--node-prefix=pod"} <= set(create)
    printed = cloud.run("--dry-run", "launch", "--workdir=a", **settings).stdout
    assert "ssh pod-0 " in printed
    assert "ssh pod-1 " in printed


@pytest.mark.parametrize(
    "arguments, environment, message",
    [
        (["start"], {}, "no command start"),
        (["launch"], {}, "launch takes the flags of the training"),
        (["run"], {}, "run takes the flags of the training"),
        (["create"], {"TPU_NAME": ""}, "set TPU_NAME and TPU_ZONE"),
        (["create"], {"TPU_TYPE": ""}, "TPU_TYPE says which"),
        (["create"], {"TPU_TYPE": "v1-8"}, "no software is known for v1-8"),
        (["create"], {"TPU_MODE": "cheap"}, "TPU_MODE is on-demand or spot"),
        (["create"], {"TPU_SLICES": "2"}, "several slices need TPU_QUEUED=1"),
    ],
)
def test_what_makes_no_sense(cloud, arguments, environment, message):
    done = cloud.run(*arguments, **environment)
    assert done.returncode == 2
    assert message in done.stderr
    assert cloud.verbs() == []


def wait_for(file: Path) -> None:
    """Until the file has something in it."""
    deadline = time.monotonic() + 30
    while not (file.exists() and file.read_text()):
        assert time.monotonic() < deadline, f"no {file}"
        time.sleep(0.05)

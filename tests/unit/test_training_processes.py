"""Two processes see one batch, and count every clip of it once."""

import json
import os
import socket
import subprocess
import sys

import pytest

from tests.unit import two_processes

_FLAGS = "--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def answers():
    """What each of the processes found on each mesh."""
    port = str(free_port())
    started = [
        subprocess.Popen(
            [sys.executable, "-m", two_processes.__name__, port, str(process)],
            env={**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": _FLAGS},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for process in range(2)
    ]
    outputs = [process.communicate(timeout=300) for process in started]
    assert not any(process.returncode for process in started), outputs
    return [json.loads(out.splitlines()[-1]) for out, _ in outputs]


@pytest.mark.parametrize("mesh", range(len(two_processes.MESHES)), ids=str)
def test_batches_and_figures_are_those_of_all_clips(answers, mesh):
    for answer in (process[mesh] for process in answers):
        assert answer["shape"] == [two_processes.CLIPS, 3]
        assert answer["returned"]
        # In float64, so that the order of sums does not show.
        assert answer["means"] == {"number": pytest.approx(1.6, rel=1e-15), "odd": 1.0}
        assert answer["counts"] == {"number": 4, "odd": 2}

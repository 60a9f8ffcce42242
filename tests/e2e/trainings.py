"""Trainings in processes of their own, as users start them, and what they leave behind."""

import os
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
from orbax.checkpoint import v1 as ocp

from thfm_jax import checkpoints

ROOT = Path(__file__).parents[2]


class Training:
    """One start of experiments.train, in one or more processes of this machine.

    Attributes:
      processes: as many as were asked for, in order.
    """

    def __init__(
        self,
        folder: Path,
        workdir: Path,
        *flags: str,
        processes: int = 1,
        devices: int = 1,
        frames: int = 1,
        file_bytes: int = resource.RLIM_INFINITY,
    ):
        """Starts it on what `small_config.lay_out` made in `folder`.

        `devices` are those of one process; no file gets larger than `file_bytes`.
        """
        variables = {
            **os.environ,
            "JAX_PLATFORMS": "cpu",
            "XLA_FLAGS": "--xla_backend_optimization_level=0 "
            f"--xla_force_host_platform_device_count={devices}",
            "JAX_COMPILATION_CACHE_DIR": str(folder / "cache"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        }
        command = [
            sys.executable,
            *("-m", "experiments.train"),
            f"--config=tests/e2e/small_config.py:{folder},{frames}",
            f"--workdir={workdir}",
            *flags,
        ]
        if processes > 1:
            command += [f"--coordinator=localhost:{_free_port()}", f"--processes={processes}"]
        self.workdir, self._outputs, self.processes = workdir, [], []
        for index in range(processes):
            which = [f"--process_id={index}"] if processes > 1 else []
            self._outputs.append(workdir.with_name(f"{workdir.name}.{time.time_ns()}.txt"))
            with self._outputs[-1].open("wb") as file:
                self.processes.append(
                    subprocess.Popen(
                        command + which, stdout=file, stderr=file, cwd=ROOT, env=variables
                    )
                )
            limits = (file_bytes, file_bytes)
            resource.prlimit(self.processes[-1].pid, resource.RLIMIT_FSIZE, limits)

    def wait(self, seconds: float = 600) -> list[int]:
        """The exit statuses; it is killed where it does not end in time."""
        end = time.monotonic() + seconds
        try:
            return [process.wait(max(end - time.monotonic(), 0)) for process in self.processes]
        finally:
            self.kill()

    def kill(self) -> None:
        """Ends what still runs, without a warning."""
        for process in self.processes:
            process.kill()
            process.wait()

    def wait_for(self, step: int) -> None:
        """Returns when that step has been logged."""
        while self.step < step:
            assert all(process.poll() is None for process in self.processes), self.output()
            time.sleep(0.05)

    @property
    def step(self) -> int:
        """The last one that was logged."""
        file = self.workdir / "metrics.jsonl"
        lines = file.read_text().split("\n")[:-1] if file.exists() else []
        return int(lines[-1].split('"step": ')[1].split(",")[0]) if lines else 0

    def output(self, index: int = 0) -> str:
        """What a process has printed."""
        return self._outputs[index].read_text(errors="replace")


def succeed(training: Training) -> Training:
    """The training, when it has ended well."""
    statuses = training.wait()
    outputs = "\n".join(training.output(index) for index in range(len(statuses)))
    assert set(statuses) == {0}, outputs
    return training


def saved(workdir: Path, step: int) -> dict[str, np.ndarray]:
    """All arrays of a checkpoint, by name."""
    folder = workdir / "checkpoints" / str(step)
    here = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    abstract = {
        name: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=here)
        for name, x in ocp.checkpointables_metadata(folder).metadata["state"].items()
    }
    found = ocp.load_checkpointables(folder, {"state": abstract})["state"]
    return {name: np.asarray(x) for name, x in found.items()}


def exported(workdir: Path) -> dict[str, np.ndarray]:
    """All arrays of the finished model, by name."""
    model = workdir / "model"
    arrays = dict(np.load(model / checkpoints.PROMPTS))
    for part in checkpoints.present_parts(model):
        target = checkpoints.nest(checkpoints.stored(model, part))
        leaves = jax.tree_util.tree_leaves_with_path(checkpoints.restore(model, part, target))
        arrays |= {part + jax.tree_util.keystr(path): np.asarray(x) for path, x in leaves}
    return arrays


def assert_same_bits(workdir: Path, other: Path, step: int) -> None:
    """Both trainings ended with the same checkpoint and the same model."""
    for ours, theirs in (
        (saved(workdir, step), saved(other, step)),
        (exported(workdir), exported(other)),
    ):
        assert ours.keys() == theirs.keys() and ours
        different = [name for name in ours if ours[name].tobytes() != theirs[name].tobytes()]
        assert not different


def left_over(folder: Path, seconds: float) -> list[str]:
    """Processes that trainings on `folder` started and that still run after so long."""
    mark, end = f"{folder}/cache".encode(), time.monotonic() + seconds
    while True:
        left = [path for path in Path("/proc").glob("[0-9]*/environ") if mark in _content(path)]
        if not left or time.monotonic() > end:
            return [_content(path.with_name("cmdline")).decode() for path in left]
        time.sleep(0.5)


def _content(file: Path) -> bytes:
    """Nothing for a process that is gone or somebody else's."""
    try:
        return file.read_bytes()
    except OSError:
        return b""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]

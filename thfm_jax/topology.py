"""Compiles programs for TPU pods on a machine without TPUs, and reports what they will need there.

The compiler is in the `libtpu` wheel. A program is compiled in a process of its own, whose
environment keeps libtpu from looking for TPUs and JAX from using them.
"""

import contextlib
import dataclasses
import importlib.util
import multiprocessing
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import jax
from jax.experimental import topologies
from jax.sharding import Mesh

from thfm_jax import flops, hlo, jaxpr_flops

# The versions of libtpu that `jax[tpu]` of some versions of JAX pins.
_LIBTPU = {"0.10.2": "0.0.42.1"}

# Bytes that a program may use of a device's memory, as the compiler names them where it runs out.
HBM = {
    "TPU v5 lite": int(15.75 * 2**30),
    "TPU v5": int(95.74 * 2**30),
    "TPU v6 lite": int(31.25 * 2**30),
    "TPU7x": int(94.75 * 2**30),
}

_ENVIRONMENT = {
    "JAX_PLATFORMS": "cpu",
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_ACCELERATOR_TYPE": "v5litepod-8",  # serves for all targets
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_WORKER_ID": "0",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
    "TPU_LOG_DIR": "disabled",
    "TPU_STDERR_LOG_LEVEL": "3",
    "TPU_MIN_LOG_LEVEL": "3",
    # What is meant for the CPU or for real TPUs has no place here.
    "XLA_FLAGS": None,
    "LIBTPU_INIT_ARGS": None,
}


class TopologyError(RuntimeError):
    """There is no such topology, or nothing to compile with; the message says what to do."""


@dataclasses.dataclass(frozen=True)
class Topology:
    """A pod: `slices` slices of the shape `name`, such as "v5p:4x4x4"."""

    name: str
    slices: int = 1

    @classmethod
    def parse(cls, text: str) -> "Topology":
        """ "v5p:4x4x4", or "2xv5e:16x16" for two slices; ValueError for another form."""
        match = re.fullmatch(r"(?:([1-9]\d*)x)?([a-z]\w*:\d+x\d+(?:x\d+)?)", text)
        if not match:
            raise ValueError(f'a topology is like "v5p:4x4x4" or "2xv5e:16x16", not {text!r}')
        return cls(match[2], int(match[1] or 1))

    def __str__(self) -> str:
        return f"{self.slices} x {self.name}" if self.slices > 1 else self.name

    def devices(self) -> list[Any]:
        """Its devices, to compile for; only in a process with the right environment."""
        options = {"num_slices": self.slices} if self.slices > 1 else {}
        try:
            description = topologies.get_topology_desc(
                platform="tpu", topology_name=self.name, **options
            )
        except Exception as error:  # of no class of its own
            raise TopologyError(f"libtpu knows no topology {self.name}: {error}") from error
        return list(description.devices)


@dataclasses.dataclass(frozen=True)
class Program:
    """What to compile.

    Attributes:
      mesh: of a topology's devices.
      function: jitted; traced with the mesh set.
      args: of the function, `jax.ShapeDtypeStruct`s with shardings for arrays.
      turns: of each of its loops whose length is a value.
    """

    mesh: Mesh
    function: Any
    args: tuple
    turns: int = 1


@dataclasses.dataclass(frozen=True)
class Report:
    """What a program needs on a topology. Bytes are per device.

    Attributes:
      topology: its name.
      mesh: axis -> size.
      device_kind: as JAX names it.
      flops: of all devices together, with what they recompute.
      arguments: bytes of the arguments.
      temporaries: bytes of intermediate results, and of results that take no argument's place.
      peak: bytes in use at a time, after the compiler's own account.
      host: bytes in the host's memory.
      collectives: kind -> runs and bytes.
      seconds: that compiling took.
      error: why there is no program, or "".
    """

    topology: str
    mesh: dict[str, int]
    device_kind: str
    flops: int = 0
    arguments: int = 0
    temporaries: int = 0
    peak: int = 0
    host: int = 0
    collectives: dict[str, hlo.Traffic] = dataclasses.field(default_factory=dict)
    seconds: float = 0.0
    error: str = ""

    @property
    def fits(self) -> bool:
        """Whether it compiled, and its arguments and temporaries fit at the same time."""
        limit = HBM.get(self.device_kind)
        return not self.error and (not limit or self.arguments + self.temporaries <= limit)

    @property
    def ideal_seconds(self) -> float | None:
        """Time of a run if every device did its peak; None where that is not known."""
        peak, devices = flops.peak(self.device_kind), 1
        for size in self.mesh.values():
            devices *= size
        return self.flops / devices / peak if peak else None


Build = Callable[[Sequence[Any]], Program]


def report(topology: Topology, build: Build, effort: float = -1.0) -> Report:
    """Compiles for a topology, in a process of its own.

    Args:
      topology: to compile for.
      build: makes the program of the topology's devices; picklable, called in that process.
      effort: of the compiler, from -1 (quick) to 1; both memory and collectives depend on it.

    Raises:
      TopologyError: libtpu is missing, does not know the topology, or crashed.
      ValueError: of `build`.
    """
    check_libtpu()
    # A new interpreter: libtpu and JAX read their environment when they start.
    with (
        _environment(),
        ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool,
    ):
        try:
            return pool.submit(_report, topology, build, effort).result()
        except BrokenProcessPool as error:
            raise TopologyError(f"the compiler of {topology} ended without a word") from error


def check_libtpu() -> None:
    """Raises TopologyError, which says what to install, where the compiler is missing."""
    if importlib.util.find_spec("libtpu") is None:
        version = _LIBTPU.get(jax.__version__)
        what = f"libtpu=={version}" if version else f'"jax[tpu]=={jax.__version__}"'
        raise TopologyError(f"compiling for TPUs needs their compiler: pip install {what}")


def _report(topology: Topology, build: Build, effort: float) -> Report:
    devices = topology.devices()
    program = build(devices)
    about = str(topology), dict(program.mesh.shape), devices[0].device_kind
    start = time.perf_counter()
    with jax.set_mesh(program.mesh):
        traced = program.function.trace(*program.args)
        work = jaxpr_flops.count(traced.jaxpr, program.turns)
        try:
            compiled = traced.lower().compile({"exec_time_optimization_effort": effort})
        except jax.errors.JaxRuntimeError as error:
            return Report(*about, flops=work, error=_first_sentence(str(error)))
    memory = compiled.memory_analysis()
    results = memory.output_size_in_bytes - memory.alias_size_in_bytes
    return Report(
        *about,
        flops=work,
        arguments=memory.argument_size_in_bytes,
        temporaries=memory.temp_size_in_bytes + results,
        peak=memory.peak_memory_in_bytes,
        host=memory.host_temp_size_in_bytes + memory.host_argument_size_in_bytes,
        collectives=hlo.collectives(compiled.as_text()),
        seconds=time.perf_counter() - start,
    )


HEADER = (
    "| topology | mesh | arguments | temporaries | peak | fits | PFLOP | ideal s "
    "| all-gather | reduce | all-to-all | permute |\n" + "|---" * 12 + "|"
)
_COLUMNS = (
    ("all-gather",),
    ("all-reduce", "reduce-scatter"),
    ("all-to-all", "ragged-all-to-all"),
    ("collective-permute", "collective-broadcast"),
)


def row(r: Report) -> str:
    """A Markdown row under `HEADER`: memory in GiB, collectives in GB, with their number."""
    sizes = " x ".join(f"{axis} {size}" for axis, size in r.mesh.items() if size > 1)
    cells = [r.topology, sizes or "one device"]
    if r.error:
        cells += ["", "", "", f"no: {r.error}"]
    else:
        cells += [f"{n / 2**30:.2f}" for n in (r.arguments, r.temporaries, r.peak)]
        cells.append(_verdict(r))
    ideal = r.ideal_seconds
    cells += [f"{r.flops / 1e15:.3g}", f"{ideal:.3g}" if ideal else ""]
    for kinds in _COLUMNS:
        found = [r.collectives[kind] for kind in kinds if kind in r.collectives]
        volume, runs = sum(x.bytes for x in found), sum(x.count for x in found)
        cells.append(f"{volume / 1e9:.3g} ({runs})" if runs else "")
    return f"| {' | '.join(cells)} |"


def _verdict(r: Report) -> str:
    limit = HBM.get(r.device_kind)
    if not limit:
        return "yes"
    share = (r.arguments + r.temporaries) / limit
    return f"{'yes' if r.fits else 'no'}: {share:.0%} of {limit / 2**30:.2f}"


def _first_sentence(message: str) -> str:
    """What of a compiler's message fits into a table."""
    return " ".join(message.split()).replace("|", "/").partition(". ")[0][:200]


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    """For new processes: as libtpu needs it without TPUs."""
    before = {name: os.environ.get(name) for name in _ENVIRONMENT}
    _set_environment(_ENVIRONMENT)
    try:
        yield
    finally:
        _set_environment(before)


def _set_environment(values: dict[str, Any]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value

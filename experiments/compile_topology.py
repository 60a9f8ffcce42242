"""Compiles the train step, or the forward pass, for TPU pods without TPUs; prints what it needs.

    python -m experiments.compile_topology --config=configs/thfm_1_3b.py \\
        --topology=v5e:4x4,v5p:4x4x4,2xv5e:16x16 [--mesh=fsdp=16+sequence=-1] [--program=forward] \\
        [--size=45x480x640] [--clips=1] [--output=FILE.json]

Needs the `libtpu` wheel. Prints one Markdown row for each topology; docs/tpu_pods.md explains the
columns. Exits with 1 where a program does not fit.
"""

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import app, flags
from ml_collections import config_flags

from thfm_jax import config as config_lib
from thfm_jax import programs, topology
from thfm_jax.data.loader import Bucket
from thfm_jax.sharding import make_mesh
from thfm_jax.tasks import TASKS
from thfm_jax.topology import Program, Report, Topology, TopologyError
from thfm_jax.training.recipe import MeshConfig, Recipe, from_config

_CONFIG = config_flags.DEFINE_config_file("config", None, "The training.", lock_config=True)
_TOPOLOGY = flags.DEFINE_list("topology", None, "Pods, such as v5p:4x4x4 or 2xv5e:16x16.")
_MESH = flags.DEFINE_string("mesh", None, 'Sizes of axes, "fsdp=16+sequence=4"; the config\'s.')
_PROGRAM = flags.DEFINE_enum("program", "train", ["train", "forward"], "What to compile.")
_SIZE = flags.DEFINE_string("size", None, "Frames x height x width; the config's largest bucket.")
_CLIPS = flags.DEFINE_integer("clips", None, "Clips for each part of data x fsdp; the bucket's.")
_TASKS = flags.DEFINE_integer("tasks", len(TASKS), "Tasks of a forward pass.")
_EFFORT = flags.DEFINE_float("effort", -1.0, "Of the compiler: -1 is quick, 0 its default.")
_OUTPUT = flags.DEFINE_string("output", None, "JSON file to write.")


@dataclasses.dataclass(frozen=True)
class Job:
    """What to compile on every topology."""

    recipe: Recipe
    mesh: MeshConfig
    bucket: Bucket
    clips: int | None
    program: str
    tasks: int

    def build(self, devices: Sequence[Any]) -> Program:
        """The program on a topology's devices."""
        mesh = make_mesh(**self.mesh.sizes(len(devices)), devices=devices)
        batch = self.clips and self.clips * mesh.shape["data"] * mesh.shape["fsdp"]
        bucket = dataclasses.replace(self.bucket, batch=batch or self.bucket.batch)
        if self.program == "train":
            return programs.train_step(self.recipe, bucket, mesh)
        model = config_lib.preset(self.recipe.model)
        return programs.forward(model, self.recipe.compute, bucket, mesh, self.tasks)


def job() -> Job:
    """What the flags ask for; ValueError where they make no sense."""
    recipe = from_config(_CONFIG.value)
    bucket = max(recipe.loader.buckets, key=lambda b: b.batch * b.frames * b.height * b.width)
    if _SIZE.value:
        frames, height, width = _integers(_SIZE.value, "x", 3)
        bucket = dataclasses.replace(bucket, frames=frames, height=height, width=width)
    mesh = recipe.mesh if _MESH.value is None else _mesh(_MESH.value)
    return Job(recipe, mesh, bucket, _CLIPS.value, _PROGRAM.value, _TASKS.value)


def _mesh(text: str) -> MeshConfig:
    pairs = dict(part.partition("=")[::2] for part in text.split("+"))
    sizes = {axis: int(size) for axis, size in pairs.items()}
    return config_lib.build(MeshConfig, {"data": 1 if -1 in sizes.values() else -1, **sizes})


def _integers(text: str, separator: str, count: int) -> list[int]:
    parts = text.split(separator)
    if len(parts) != count or not all(part.isdigit() for part in parts):
        raise ValueError(f"expected {count} numbers with {separator!r} between them, not {text!r}")
    return list(map(int, parts))


def compile_all() -> list[Report]:
    """Reports of all the topologies, each printed as soon as it is there."""
    what = job()
    pods = [Topology.parse(text) for text in _TOPOLOGY.value or ()]
    topology.check_libtpu()
    print(topology.HEADER, flush=True)
    reports = []
    for pod in pods:
        reports.append(topology.report(pod, what.build, _EFFORT.value))
        print(topology.row(reports[-1]), flush=True)
    if _OUTPUT.value:
        plain = [dataclasses.asdict(report) for report in reports]
        Path(_OUTPUT.value).write_text(json.dumps(plain, indent=1) + "\n")
    return reports


def main(_) -> None:
    try:
        reports = compile_all()
    except (ValueError, TopologyError) as error:
        sys.exit(f"error: {error}")
    if not all(report.fits for report in reports):
        sys.exit(1)


if __name__ == "__main__":
    flags.mark_flags_as_required(["config", "topology"])
    app.run(main)

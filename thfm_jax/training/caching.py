"""Fills a cache of latents with the clips that a recipe's loader makes, encoded on its mesh.

Every process goes through the files that one of them lacks, in the same order: the VAE's work on a
batch is shared by all devices, and each process stores the clips that it loaded. A file is there
whole or not at all, so that a run that was stopped goes on with the next.
"""

import contextlib
import math
import shutil
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh
from tqdm import tqdm

from thfm_jax import joints
from thfm_jax.config import VaeConfig, to_json
from thfm_jax.data import loader
from thfm_jax.data.datasets import building, shards
from thfm_jax.data.examples import Shape
from thfm_jax.data.latents import plan, record
from thfm_jax.data.latents.plan import CacheError, Plan, Stream
from thfm_jax.data.loader import BatchIterator
from thfm_jax.sharding import batch_sharding, batch_share, make_mesh
from thfm_jax.tasks import TASKS
from thfm_jax.training import start
from thfm_jax.training.checkpoint import by_path
from thfm_jax.training.objective import with_latents
from thfm_jax.training.placing import own_share, place
from thfm_jax.training.recipe import Recipe
from thfm_jax.training.step import Builder
from thfm_jax.types import Batch, Pytree

T = TypeVar("T")

_JOINT_BYTES = 13  # three float32 and a bool
_CAMERA_BYTES = 37  # nine float32 and a bool
_HEADER_BYTES = 500


def build(
    recipe: Recipe,
    folder: str | Path,
    batches: int,
    *,
    dtype: str = plan.DTYPE,
    file_batches: int = 16,
) -> Plan:
    """Stores the latents of the first batches of a recipe's loader, as far as they are missing.

    Shows a bar on one process. All processes call it, and see the same folder.

    Args:
      recipe: whose loader, VAE, mesh and dtypes; its own cache, if it names one, is not read.
      folder: of the cache.
      batches: how many, of all buckets together.
      dtype: of the stored latents, "float16" or "float32".
      file_batches: batches that go into a file, which is what a stop loses at most.

    Raises:
      CacheError: the folder has a cache that is made otherwise; the disk is too small, or full.
      BusyError: another run writes the folder.
      ValueError: a bucket has no batch among so few; or as `loader.batches` and `start.load`.
    """
    folder = Path(folder).absolute()
    sizes: dict[str, Any] = recipe.mesh.sizes(jax.device_count())
    mesh = make_mesh(**sizes)
    with jax.set_mesh(mesh):
        vae, config = start.load(recipe, ("vae",), mesh)["vae"], start.config_of(recipe)
        _, hosts = batch_share(mesh, jax.process_index())
        streams = tuple(
            Stream(bucket.frames, bucket.height, bucket.width, bucket.batch, count)
            for bucket, count in zip(
                recipe.loader.buckets, loader.counts(recipe.loader, batches), strict=True
            )
        )
        whole = Plan(
            loader.made_of(recipe.loader),
            recipe.loader.tasks,
            streams,
            checksum(vae, config.vae),
            recipe.compute.vae_dtype,
            dtype,
            hosts,
            file_batches,
        )
        with _claimed(folder, whole, config.vae) as missing:
            _Writer(recipe, folder, whole, vae, mesh).write(missing)
    return whole


def checksum(vae: Pytree, config: VaeConfig) -> int:
    """CRC-32 of what the latents depend on: the VAE's parameters and their configuration."""
    found = zlib.crc32(to_json(config).encode())
    for name, array in sorted(by_path(vae).items()):
        found = zlib.crc32(np.ascontiguousarray(array).data, zlib.crc32(name.encode(), found))
    return found


def check(recipe: Recipe, mesh: Mesh) -> None:
    """Raises CacheError where the recipe's cache is not of the VAE that its model has."""
    there = plan.read(Path(recipe.loader.latents)).vae
    found = checksum(start.load(recipe, ("vae",), mesh)["vae"], start.config_of(recipe).vae)
    if found != there:
        raise CacheError(
            f"{recipe.loader.latents} holds latents of another VAE: checksum {there}, not {found}. "
            "Start from the model that they were made with, or make a cache with this one"
        )


class _Writer:
    """Encodes and stores this process's share."""

    def __init__(self, recipe: Recipe, folder: Path, whole: Plan, vae: Pytree, mesh: Mesh):
        self._config, self._folder, self._plan = recipe.loader, folder, whole
        self._vae, self._mesh = vae, mesh
        builder = Builder(start.config_of(recipe), recipe.compute)
        self._encode = jax.jit(
            lambda vae, batch: with_latents(builder.model({"vae": vae}), batch).latents,
            out_shardings=batch_sharding(mesh, whole.streams[0].batch),
        )
        process = jax.process_index()
        self._share = batch_share(mesh, process)
        # Processes that load the same part leave it to the first of them to store it.
        self._stores = all(batch_share(mesh, i)[0] != self._share[0] for i in range(process))

    def write(self, missing: list[list[int]]) -> None:
        """Stores the files of those numbers, for each stream."""
        opened = loader.open_sources(self._config) if any(missing) else []
        streams = self._plan.streams
        total = sum(stream.batch * stream.batches for stream in streams)
        left = sum(
            stream.batch * len(self._batches(stream, file))
            for stream, files in zip(streams, missing, strict=True)
            for file in files
        )
        shown = jax.process_index() == 0
        with tqdm(total=total, initial=total - left, unit="clip", disable=not shown) as bar:
            for index, stream in enumerate(streams):
                if missing[index]:
                    series = loader.streams(self._config, opened, *self._share)[index]
                    with contextlib.closing(loader.iterator(self._config, series)) as batches:
                        for file in missing[index]:
                            self._write_file(stream, file, batches, bar)

    def _batches(self, stream: Stream, file: int) -> range:
        first = file * self._plan.file_batches
        return range(first, min(first + self._plan.file_batches, stream.batches))

    def _write_file(self, stream: Stream, file: int, batches: BatchIterator, bar: tqdm) -> None:
        index, hosts = self._share
        clips = self._clips(self._batches(stream, file), batches)
        path = self._plan.layouts(stream)[index].path(self._folder, file)
        try:
            stored = map(record.encode, clips)
            for _ in shards.write(path, stored) if self._stores else stored:
                bar.update(hosts)
        except RuntimeError as error:
            if "No space left" not in str(error):
                raise
            raise CacheError(
                f"{path} could not be written: the disk is full. The other files are whole: make "
                "room, and the same command goes on"
            ) from error

    def _clips(self, numbers: range, batches: BatchIterator) -> Iterator[record.Tree]:
        """This process's clips of some batches, as they are stored."""
        if batches.get_state()["step"] != numbers.start:
            batches.set_state({"step": numbers.start, "skipped": batches.skipped})
        for _ in numbers:
            batch = next(batches)
            dense, sparse = _by_kind(batch.targets)
            placed = place(Batch(batch.clip, dense), self._mesh)
            latents = own_share(self._encode(self._vae, placed))
            narrow = lambda x: x.astype(self._plan.dtype) if x.dtype != bool else x
            stored = {
                "clip": {**vars(batch.clip), "frames": batch.clip.frames[..., :0]},
                "targets": {name: vars(target) for name, target in sparse.items()},
                "latents": {
                    "clip": latents.clip,
                    "targets": {name: vars(target) for name, target in latents.targets.items()},
                },
            }
            stored["latents"] = jax.tree.map(narrow, stored["latents"])
            for clip in range(len(batch.clip.frames)):
                yield jax.tree.map(lambda x, clip=clip: x[clip], stored)


@contextlib.contextmanager
def _claimed(folder: Path, whole: Plan, vae: VaeConfig) -> Iterator[list[list[int]]]:
    """The numbers of the files that are missing of each stream; keeps other runs away meanwhile."""
    files = [len(whole.layouts(stream)[0]) for stream in whole.streams]
    missing = [np.zeros(count, bool) for count in files]
    with contextlib.ExitStack() as stack:
        if jax.process_index() == 0:
            stack.enter_context(shards.lock(folder))
            whole.begin(folder)
            shards.remove_partial(folder)
            for stream, mask in zip(whole.streams, missing, strict=True):
                for layout in whole.layouts(stream):
                    building.discard_damaged(folder, layout)
                mask[whole.missing(folder, stream)] = True
            _check_space(folder, whole, missing, vae)
        if jax.process_count() > 1:
            missing = multihost_utils.broadcast_one_to_all(missing)
        yield [np.flatnonzero(mask).tolist() for mask in missing]


def _check_space(folder: Path, whole: Plan, missing: list[np.ndarray], vae: VaeConfig) -> None:
    needed = sum(
        clip_bytes(stream.shape, whole.tasks, whole.dtype, vae) * layout.clips * mask.mean()
        for stream, mask in zip(whole.streams, missing, strict=True)
        for layout in whole.layouts(stream)
    )
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise CacheError(
            f"the cache takes about {needed / 1e9:.1f} GB more, and {folder} has {free / 1e9:.1f} "
            "GB free: ask for fewer batches, or choose another disk"
        )


def clip_bytes(shape: Shape, tasks: Sequence[str], dtype: str, vae: VaeConfig) -> int:
    """About how many bytes a clip of that shape takes with its targets."""
    dense, sparse = _by_kind(dict.fromkeys(tasks))
    latents = math.prod(vae.latent_grid(shape.frames, shape.height, shape.width)) * vae.z_dim
    labels = shape.frames * len(joints.JOINTS) * _JOINT_BYTES * len(sparse)
    return (
        np.dtype(dtype).itemsize * latents * (1 + len(dense))
        + labels
        + shape.frames * _CAMERA_BYTES
        + _HEADER_BYTES
    )


def _by_kind(targets: dict[str, T]) -> tuple[dict[str, T], dict[str, T]]:
    """Those of the dense tasks and of the others."""
    dense = {name: value for name, value in targets.items() if TASKS[name].kind == "dense"}
    return dense, {name: value for name, value in targets.items() if name not in dense}

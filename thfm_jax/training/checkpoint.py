"""Checkpoints of a training: what is saved, how damage is found, and what a resume takes up.

A checkpoint holds what the steps change: the trained parameters, the optimiser's state, the moving
average, the step's number and key, and where the loader stands. The frozen parameters come from
where they came from at first. Each array has a checksum, computed on the devices whatever their
mesh, so that one that was damaged on its way is found. The mesh may change from one start to the
next; what a training then cannot keep is said.
"""

import contextlib
import dataclasses
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging
from jax.experimental import multihost_utils
from jax.sharding import NamedSharding
from orbax.checkpoint import v1 as ocp

from thfm_jax.training.optimizer import path_name
from thfm_jax.training.state import TrainState
from thfm_jax.types import Pytree

_POLICIES = ocp.training.preservation_policies
_SAVED = ("step", "trained", "optimizer", "average", "key", "skipped")


class ResumeError(RuntimeError):
    """A working directory cannot be taken up; the message says why and what to do."""


@dataclasses.dataclass(frozen=True)
class Resumed:
    """What a training goes on from.

    Attributes:
      state: as it was saved, placed on the mesh of now.
      data: the loader's state.
      changed: how the machine differs, "mesh: fsdp 8 -> one device", in what decides the order of
        sums; none where the training goes on bit by bit as if it had not been stopped.
    """

    state: TrainState
    data: dict[str, Any]
    changed: list[str]


class Checkpoints:
    """The checkpoints of one working directory. Saving goes on while the training does."""

    def __init__(self, workdir: str | Path, *, keep: int = 3, keep_each: int = 0):
        """Opens `workdir`/checkpoints: the last `keep` stay, and one of each `keep_each` steps."""
        self.folder = Path(workdir).absolute() / "checkpoints"
        policies: list[Any] = [_POLICIES.LatestN(keep)]
        if keep_each:
            policies.append(_POLICIES.EveryNSteps(keep_each))
        self._manager = ocp.training.Checkpointer(
            self.folder,
            preservation_policy=_POLICIES.AnyPreservationPolicy(policies),
            cleanup_tmp_directories=True,
        )

    @property
    def steps(self) -> list[int]:
        """Steps of the checkpoints that are complete, ascending."""
        return sorted(checkpoint.step for checkpoint in self._manager.checkpoints)

    def save(self, state: TrainState, data: Mapping[str, Any], *, wait: bool = False) -> None:
        """Saves the state and the loader's; returns at once unless `wait`.

        Raises ResumeError where the disk is full or gone, at the latest at the next save; earlier
        checkpoints stay as they are.
        """
        saved = _saved(state)
        marks = {
            "shapes": _shapes(saved),
            "checksums": _checksums(saved),
            "frozen": _checksums({"frozen": state.frozen}),
            "machine": _machine(state),
        }
        with self._explained():
            self._manager.wait()
            self._manager.save_checkpointables_async(
                int(state.step),
                {"state": by_path(saved)},
                force=True,
                custom_metadata={"data": dict(data), **marks},
            )
            if wait:
                self._manager.wait()

    def restore(self, state: TrainState) -> Resumed | None:
        """The latest good checkpoint, placed like `state`; None where there is none at all.

        One that cannot be read or whose checksums differ is reported, and the one before it is
        taken; then the bad ones are set aside, under names that begin with "damaged".

        Raises:
          ResumeError: there are some but none is good; or the model is another than the one that
            was trained. All of them stay as they are.
        """
        damaged: list[int] = []
        for step in reversed(self.steps):
            try:
                resumed = self._restore(step, state)
            except _Damaged as error:
                damaged.append(step)
                logging.error(
                    "the checkpoint of step %d in %s is damaged and is not used: %s",
                    step,
                    self.folder,
                    error,
                )
            else:
                self._set_aside(damaged)
                return resumed
        if damaged:
            raise ResumeError(f"none of the checkpoints in {self.folder} can be read")
        return None

    def close(self) -> None:
        """Waits for what is being saved."""
        with self._explained():
            self._manager.wait()
        self._manager.close()

    def _restore(self, step: int, state: TrainState) -> Resumed:
        target = _saved(state)
        abstract = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding),
            by_path(target),
        )
        with _agreed():
            marks = self._manager.checkpointables_metadata(step).custom_metadata
            _check_same(self.folder, marks["shapes"], target)
            found = self._manager.load_checkpointables(step, {"state": abstract})["state"]
        restored = jax.tree.unflatten(jax.tree.structure(target), jax.tree.leaves(found))
        if _checksums(restored) != marks["checksums"]:
            raise _Damaged("its arrays are not those that were saved")
        # A part that only one of the two computes with makes no difference.
        frozen = _checksums({"frozen": state.frozen})
        if any(marks["frozen"].get(name, value) != value for name, value in frozen.items()):
            raise ResumeError(
                f"the frozen parameters are not those of the training in {self.folder}: "
                "the model directory that it started from has changed"
            )
        now, then = _machine(state), marks["machine"]
        changed = [
            f"{name}: {then[name]} -> {now[name]}" for name in now if now[name] != then[name]
        ]
        return Resumed(dataclasses.replace(state, **restored), marks["data"], changed)

    def _set_aside(self, steps: list[int]) -> None:
        for step in steps:
            if jax.process_index() == 0:
                os.replace(self.folder / str(step), self.folder / f"damaged.{step}")
        if steps:
            _meet("set aside")
            self._manager.reload()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Says of an error what it means for the training."""
        try:
            yield
        except jax.errors.JaxRuntimeError:  # another process died
            raise
        except Exception as error:  # Orbax and its storage raise errors of many kinds.
            free = shutil.disk_usage(self.folder).free if self.folder.exists() else 0
            raise ResumeError(
                f"a checkpoint could not be written to {self.folder} ({free / 2**30:.1f} GiB "
                f"free): {_brief(error)}; the earlier ones are whole: steps {self.steps or 'none'}"
            ) from error


class _Damaged(Exception):
    """A checkpoint cannot be used; the message says what is wrong with it."""


@contextlib.contextmanager
def _agreed() -> Iterator[None]:
    """Raises `_Damaged` on all processes where an error arises in one of them."""
    problem = ""
    try:
        yield
    except ResumeError:
        raise
    except Exception as error:  # Orbax and its storage raise errors of many kinds.
        problem = _brief(error)
    bad = [bool(problem)]
    if jax.process_count() > 1:
        bad = multihost_utils.process_allgather(np.array(bad)).ravel().tolist()
    if any(bad):
        raise _Damaged(problem or f"process {bad.index(True)} cannot read it")


def _brief(error: Exception) -> str:
    return str(error).splitlines()[0][:400] if str(error) else type(error).__name__


def _meet(where: str) -> None:
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(where)


def _saved(state: TrainState) -> dict[str, Any]:
    return {name: getattr(state, name) for name in _SAVED}


def _machine(state: TrainState) -> dict[str, str]:
    """What the order of a step's sums depends on, besides the program."""
    sharding = state.step.sharding
    mesh = sharding.mesh.shape if isinstance(sharding, NamedSharding) else {}
    axes = [f"{axis} {size}" for axis, size in mesh.items() if size > 1]
    kinds: set[str] = {device.device_kind for device in state.step.devices()}
    return {
        "mesh": " x ".join(axes) or "one device",
        "processes": str(jax.process_count()),
        "devices": " and ".join(sorted(kinds)),
        "jax": jax.__version__,
    }


def by_path(tree: Pytree) -> dict[str, jax.Array]:
    """A tree as one dict of its leaves by their paths, whatever containers it is made of."""
    return {path_name(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def _checksums(tree: Pytree) -> dict[str, int]:
    """Sum modulo 2^32 of each array's words, each times an odd number of its own.

    It is exact, whatever order devices add in; a changed bit changes it, and so do two words that
    have changed places, but for rare accidents.
    """
    leaves = by_path(tree)
    # A training from cached latents may have nothing that is frozen.
    sums = np.asarray(_sums(list(leaves.values()))) if leaves else ()
    return {name: int(value) for name, value in zip(leaves, sums, strict=True)}


@jax.jit
def _sums(leaves: list[jax.Array]) -> jax.Array:
    return jnp.stack([_sum(x) for x in leaves])


def _sum(x: jax.Array) -> jax.Array:
    kind = {1: jnp.uint8, 2: jnp.uint16, 4: jnp.uint32}[x.dtype.itemsize]
    words = jax.lax.bitcast_convert_type(x, kind).astype(jnp.uint32)
    number, stride = jnp.zeros(x.shape, jnp.uint32), 1
    for axis in reversed(range(x.ndim)):
        # Of one axis at a time, so that each device makes its own part.
        place = jax.lax.broadcasted_iota(jnp.uint32, x.shape, axis)
        number, stride = number + place * jnp.uint32(stride % 2**32), stride * x.shape[axis]
    return jnp.sum(words * (2 * number + 1), dtype=jnp.uint32)


def _shapes(tree: Pytree) -> dict[str, str]:
    return {name: f"{x.dtype}{list(x.shape)}" for name, x in by_path(tree).items()}


def _check_same(folder: Path, there: Mapping[str, str], wanted: Pytree) -> None:
    ours = _shapes(wanted)
    problems = [f"they lack {name}" for name in sorted(ours.keys() - there.keys())]
    problems += [f"they have {name} besides" for name in sorted(there.keys() - ours.keys())]
    problems += [
        f"{name} is {there[name]} in them, {ours[name]} here"
        for name in sorted(ours.keys() & there.keys())
        if ours[name] != there[name]
    ]
    if problems:
        more = f" and {len(problems) - 1} more differ" if len(problems) > 1 else ""
        raise ResumeError(
            f"the checkpoints in {folder} are of another model or optimiser: {problems[0]}{more}; "
            "give another --workdir, or the configuration that this one was started with"
        )

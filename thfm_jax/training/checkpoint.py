"""Checkpoints of a training: what is saved, how damage is found, and what a resume takes up.

A checkpoint holds what the steps change: the trained parameters, the optimiser's state, the moving
average, the step's number and key, and where the loader stands. The frozen parameters come from
where they came from at first. Each array has a checksum, computed on the devices whatever their
mesh, so that one that was damaged on its way is found.
"""

import dataclasses
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging
from jax.experimental import multihost_utils
from orbax.checkpoint import v1 as ocp

from thfm_jax.training.optimizer import path_name
from thfm_jax.training.state import TrainState
from thfm_jax.types import Pytree

_POLICIES = ocp.training.preservation_policies
_SAVED = ("step", "trained", "optimizer", "average", "key", "skipped")


class ResumeError(RuntimeError):
    """A working directory cannot be taken up; the message says why and what to do."""


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

        Where the disk is full or gone the message says so; earlier checkpoints stay as they are.
        """
        saved = _saved(state)
        marks = {"checksums": _checksums(saved), "frozen": _checksums({"frozen": state.frozen})}
        self._wait()
        self._manager.save_checkpointables_async(
            int(state.step),
            {"state": by_path(saved)},
            force=True,
            custom_metadata={"data": dict(data), **marks},
        )
        if wait:
            self._wait()

    def restore(self, state: TrainState) -> tuple[TrainState, dict[str, Any]] | None:
        """The latest good checkpoint, placed like `state`, and the loader's state; None for none.

        One that cannot be read or whose checksums differ is reported and set aside, and the one
        before it is taken. ResumeError where there are some but none is good, or where the model is
        another than the one that was trained.
        """
        steps = self.steps
        for step in reversed(steps):
            try:
                return self._restore(step, state)
            except ResumeError:
                raise
            except Exception as error:  # Orbax and its storage raise errors of many kinds.
                logging.error(
                    "the checkpoint of step %d in %s is damaged and is not used: %s",
                    step,
                    self.folder,
                    str(error).splitlines()[0] if str(error) else type(error).__name__,
                )
                self._set_aside(step)
        if steps:
            raise ResumeError(f"none of the checkpoints in {self.folder} can be read")
        return None

    def close(self) -> None:
        """Waits for what is being saved."""
        self._wait()
        self._manager.close()

    def _restore(self, step: int, state: TrainState) -> tuple[TrainState, dict[str, Any]]:
        marks = self._manager.checkpointables_metadata(step).custom_metadata
        target = _saved(state)
        _check_same(self.folder, marks["checksums"], target)
        abstract = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding),
            by_path(target),
        )
        found = self._manager.load_checkpointables(step, {"state": abstract})["state"]
        restored = jax.tree.unflatten(jax.tree.structure(target), jax.tree.leaves(found))
        if _checksums(restored) != marks["checksums"]:
            raise ValueError("its arrays are not those that were saved")
        if _checksums({"frozen": state.frozen}) != marks["frozen"]:
            raise ResumeError(
                f"the frozen parameters are not those of the training in {self.folder}: "
                "the model directory that it started from has changed"
            )
        return dataclasses.replace(state, **restored), marks["data"]

    def _set_aside(self, step: int) -> None:
        if jax.process_index() == 0:
            os.replace(self.folder / str(step), self.folder / f"damaged.{step}")
        if jax.process_count() > 1:
            multihost_utils.sync_global_devices(f"set aside {step}")
        self._manager.reload()

    def _wait(self) -> None:
        try:
            self._manager.wait()
        except Exception as error:
            free = shutil.disk_usage(self.folder).free if self.folder.exists() else 0
            raise ResumeError(
                f"a checkpoint could not be written to {self.folder} ({free / 2**30:.1f} GiB "
                f"free): {error}; the earlier ones are whole, {self.steps or 'none'}"
            ) from error


def _saved(state: TrainState) -> dict[str, Any]:
    return {name: getattr(state, name) for name in _SAVED}


def by_path(tree: Pytree) -> dict[str, jax.Array]:
    """A tree as one dict of its leaves by their paths, whatever containers it is made of."""
    return {path_name(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def _checksums(tree: Pytree) -> dict[str, int]:
    """Sum modulo 2^32 of each array's words: exact, whatever order devices add them in."""
    leaves = by_path(tree)
    sums = _sums(list(leaves.values()))
    return {name: int(value) for name, value in zip(leaves, sums, strict=True)}


def _sums(leaves: list[jax.Array]) -> np.ndarray:
    return np.asarray(jax.jit(lambda xs: jnp.stack([_sum(x) for x in xs]))(leaves))


def _sum(x: jax.Array) -> jax.Array:
    words = {1: jnp.uint8, 2: jnp.uint16, 4: jnp.uint32}[x.dtype.itemsize]
    return jnp.sum(jax.lax.bitcast_convert_type(x, words).astype(jnp.uint32), dtype=jnp.uint32)


def _check_same(folder: Path, there: Mapping[str, int], wanted: Pytree) -> None:
    names = set(by_path(wanted))
    missing, extra = sorted(names - set(there)), sorted(set(there) - names)
    if missing or extra:
        what = f"it lacks {missing[0]}" if missing else f"it has {extra[0]} besides"
        count = len(missing) + len(extra) - 1
        more = f" and {count} more differ" if count else ""
        raise ResumeError(
            f"the checkpoints in {folder} are of another model or optimiser: {what}{more}; "
            "give another --workdir, or the configuration that this one was started with"
        )

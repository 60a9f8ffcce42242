"""Trains a model, on one device or on every host of a pod.

    python -m experiments.train --config=configs/tiny.py --workdir=DIR

Started again with the same flags it goes on from its last checkpoint. The configuration is data:
`--config.optimizer.learning_rate=3e-4` changes an entry. On a TPU pod run the same command on every
host, with --distributed; on GPU clusters give --coordinator, --processes and --process_id instead.

Exit status: 0 trained, 1 an error that starting again would not cure, 143 stopped by SIGTERM and
saved, 144 another process was lost. After the last two the same command, on all hosts, goes on.
docs/training.md.
"""

import os
import sys
from typing import NoReturn

import jax
from absl import app, flags, logging
from ml_collections import config_flags

from experiments.commands import parse_flags, steps_bar
from thfm_jax.checkpoints import CheckpointError
from thfm_jax.training import recipe, run
from thfm_jax.training.checkpoint import ResumeError
from thfm_jax.training.loop import TrainingError

# Exit statuses; the first is what a shell says of a process that SIGTERM ended.
STOPPED, LEFT_ALONE = 143, 144
_TOLD = (ValueError, OSError, CheckpointError, ResumeError, TrainingError)

_CONFIG = config_flags.DEFINE_config_file("config", None, "Configuration file.", lock_config=True)
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of this training.", required=True)
_DISTRIBUTED = flags.DEFINE_bool(
    "distributed", False, "Several processes, which find one another: TPU pods, Slurm."
)
_COORDINATOR = flags.DEFINE_string("coordinator", None, "host:port of the first process.")
_PROCESSES = flags.DEFINE_integer("processes", None, "Number of processes.")
_PROCESS_ID = flags.DEFINE_integer("process_id", None, "Which of them this is.")
_HEARTBEAT = flags.DEFINE_integer(
    "heartbeat_timeout", 100, "Seconds without a word from a process after which it counts as dead."
)


def main(_) -> None:
    if _COORDINATOR.value or _DISTRIBUTED.value:
        jax.distributed.initialize(
            _COORDINATOR.value,
            _PROCESSES.value,
            _PROCESS_ID.value,
            heartbeat_timeout_seconds=_HEARTBEAT.value,
            shutdown_timeout_seconds=_HEARTBEAT.value,
        )
    logging.set_verbosity(logging.ERROR)
    # Orbax reports each array that it writes, and its errors before it raises them.
    logging.get_absl_logger().addFilter(lambda record: "orbax" not in record.pathname)
    try:
        given = recipe.from_config(_CONFIG.value)
        shown = jax.process_index() == 0
        with steps_bar(given.steps, shown) as bar:

            def progress(step: int, figures: dict[str, float]) -> None:
                bar.set_postfix(
                    {
                        "loss": f"{figures['loss']:.4g}",
                        "clips/s": f"{figures['clips_per_second']:.3g}",
                    },
                    refresh=False,
                )
                bar.update(step - bar.n)

            model = run.train(given, _WORKDIR.value, progress)
    except Exception as error:
        if lost := _lost(error):
            _leave(lost)
        if isinstance(error, _TOLD):
            sys.exit(f"error: {error}")
        raise
    if model is None:
        sys.exit(STOPPED)
    print(f"the model is in {model}")


def _lost(error: BaseException | None) -> BaseException | None:
    """Which error, of those that led to this one, says that another process is gone; or none.

    What is wrong in a program is found when it is compiled, alike in all processes.
    """
    while error and jax.process_count() > 1:
        alike = str(error).startswith(("RESOURCE_EXHAUSTED", "INVALID_ARGUMENT"))
        if isinstance(error, jax.errors.JaxRuntimeError | TimeoutError) and not alike:
            return error
        error = error.__context__
    return None


def _leave(error: BaseException) -> NoReturn:
    """Ends at once: an exit would wait for all processes, of which one is gone."""
    print(
        f"error: another process was lost: {str(error).splitlines()[0]}. The last checkpoint is "
        "whole: start the same command on all hosts again",
        file=sys.stderr,
        flush=True,
    )
    os._exit(LEFT_ALONE)


if __name__ == "__main__":
    flags.mark_flag_as_required("config")
    app.run(main, flags_parser=parse_flags)

"""Stores the latents of training clips, so that trainings need not encode them.

    python -m experiments.cache_latents --config=configs/X.py --output=DIR --batches=N

Encodes the first N batches of the configuration's loader, and the maps of their dense tasks, with
its VAE on its mesh. To train from them: `--config.loader.latents=DIR`. Stopped in whatever way and
started again with the same flags, it goes on. On a pod run the same command on every host, with a
folder that all of them see. docs/training.md.
"""

import sys

import jax
from absl import app, flags, logging
from ml_collections import config_flags

from thfm_jax.checkpoints import CheckpointError
from thfm_jax.data.latents import plan
from thfm_jax.training import caching, recipe

_CONFIG = config_flags.DEFINE_config_file("config", None, "The training.", lock_config=True)
_OUTPUT = flags.DEFINE_string("output", None, "Folder of the cache.", required=True)
_BATCHES = flags.DEFINE_integer(
    "batches", None, "How many, of all buckets together.", required=True, lower_bound=1
)
_DTYPE = flags.DEFINE_enum("dtype", plan.DTYPE, ["float16", "float32"], "Of what is stored.")
_FILE_BATCHES = flags.DEFINE_integer(
    "file_batches", 16, "Batches that go into a file; a stop loses no more.", lower_bound=1
)
_DISTRIBUTED = flags.DEFINE_bool(
    "distributed", False, "Several processes, which find one another: TPU pods, Slurm."
)
_COORDINATOR = flags.DEFINE_string("coordinator", None, "host:port of the first process.")
_PROCESSES = flags.DEFINE_integer("processes", None, "Number of processes.")
_PROCESS_ID = flags.DEFINE_integer("process_id", None, "Which of them this is.")


def main(_) -> None:
    if _COORDINATOR.value or _DISTRIBUTED.value:
        jax.distributed.initialize(_COORDINATOR.value, _PROCESSES.value, _PROCESS_ID.value)
    logging.set_verbosity(logging.WARNING)
    try:
        given = recipe.from_config(_CONFIG.value)
        whole = caching.build(
            given,
            _OUTPUT.value,
            _BATCHES.value,
            dtype=_DTYPE.value,
            file_batches=_FILE_BATCHES.value,
        )
    except (ValueError, OSError, CheckpointError) as error:
        sys.exit(f"error: {error}")
    if jax.process_index() == 0:
        clips = sum(stream.batch * stream.batches for stream in whole.streams)
        print(f"{_OUTPUT.value} holds latents of {clips} clips")


if __name__ == "__main__":
    flags.mark_flag_as_required("config")
    app.run(main)

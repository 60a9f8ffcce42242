"""Writes a random checkpoint of a preset as Wan2.1 is released, to rehearse a conversion.

    python -m experiments.make_checkpoint --preset=wan_1_3b --output=random-1.3B --parts=dit
    python -m experiments.convert --source=random-1.3B --output=models/random

The files have the names, shapes and sizes of the real ones, so that time, memory and disk space of
a conversion are known before anything is downloaded.
"""

import ml_dtypes
import numpy as np
from absl import app, flags

from thfm_jax import config
from thfm_jax.convert.rehearsal import write_random_weights
from thfm_jax.convert.tables import DIFFUSERS, ORIGINAL, TABLES

_DTYPES = {"float32": np.float32, "bfloat16": ml_dtypes.bfloat16, "float16": np.float16}

_PRESET = flags.DEFINE_enum("preset", "wan_1_3b", list(config.PRESETS), "Size of the model.")
_OUTPUT = flags.DEFINE_string("output", None, "Folder to write.", required=True)
_LAYOUT = flags.DEFINE_enum(
    "layout", DIFFUSERS, [DIFFUSERS, ORIGINAL], "Released layout; original is for --parts=dit."
)
_PARTS = flags.DEFINE_list("parts", list(TABLES), "Parts to write.")
_DTYPE = flags.DEFINE_enum("dtype", "float32", list(_DTYPES), "Stored dtype.")
_SEED = flags.DEFINE_integer("seed", 0, "Seed of the noise.")


def main(_) -> None:
    write_random_weights(
        _OUTPUT.value,
        config.preset(_PRESET.value),
        layout=_LAYOUT.value,
        parts=_PARTS.value,
        dtype=_DTYPES[_DTYPE.value],
        seed=_SEED.value,
    )
    print(f"wrote random weights to {_OUTPUT.value}")


if __name__ == "__main__":
    app.run(main)

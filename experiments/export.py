"""Writes a model directory as a diffusers folder of safetensors.

    python -m experiments.export --model=models/wan_1_3b --output=Wan2.1-T2V-1.3B-Diffusers

See docs/convert.md.
"""

import sys

from absl import app, flags, logging

from thfm_jax.checkpoints import CheckpointError
from thfm_jax.convert.errors import ConversionError
from thfm_jax.convert.export import export
from thfm_jax.convert.memory import peak_bytes

_MODEL = flags.DEFINE_string("model", None, "Model directory to read.", required=True)
_OUTPUT = flags.DEFINE_string("output", None, "Folder to write; it must not exist.", required=True)
_MAX_SHARD_GB = flags.DEFINE_float(
    "max_shard_gb", 5.0, "Longest file, in gigabytes.", lower_bound=0.0
)


def main(_) -> None:
    # Orbax warns of what is meant so: that its arrays are plain Zarr files.
    logging.set_verbosity(logging.ERROR)
    before = peak_bytes()
    try:
        counts = export(_MODEL.value, _OUTPUT.value, max_shard_bytes=int(_MAX_SHARD_GB.value * 1e9))
    except (CheckpointError, ConversionError, OSError) as error:
        sys.exit(f"error: {error}")
    for part, count in counts.items():
        print(f"{part:<14}{count:>6} tensors")
    print(f"peak memory {(peak_bytes() - before) / 1e9:.3f} GB above the start")
    print(f"wrote {_OUTPUT.value}")


if __name__ == "__main__":
    app.run(main)

"""Converts the released weights of Wan2.1 into a model directory.

    python -m experiments.convert --source=Wan2.1-T2V-1.3B --output=models/wan_1_3b

The source is a folder in Wan's own layout or in that of diffusers, or one file of it. A run that
was stopped goes on when it is started again with the same flags. See docs/convert.md.
"""

import sys

from absl import app, flags, logging

from thfm_jax.convert import assemble, job
from thfm_jax.convert.errors import ConversionError
from thfm_jax.convert.memory import peak_bytes
from thfm_jax.convert.source import PARTS

_SOURCE = flags.DEFINE_string("source", None, "Released weights: a folder or file.", required=True)
_OUTPUT = flags.DEFINE_string("output", None, "Model directory to write.", required=True)
_PARTS = flags.DEFINE_list("parts", None, f"Some of {', '.join(PARTS)}; default: all there are.")
_DTYPE = flags.DEFINE_enum(
    "dtype", assemble.SOURCE, assemble.DTYPES, "Stored dtype; bfloat16 holds for matrices only."
)
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Replace OUTPUT once the new one is complete.")


def main(_) -> None:
    # Orbax warns of what is meant so: that its arrays are plain Zarr files.
    logging.set_verbosity(logging.ERROR)
    before = peak_bytes()
    try:
        reports = job.convert(
            _SOURCE.value,
            _OUTPUT.value,
            parts=_PARTS.value,
            dtype=_DTYPE.value,
            overwrite=_OVERWRITE.value,
        )
    except (ConversionError, OSError) as error:
        sys.exit(f"error: {error}")
    print("part          layout      tensors  unmatched      parameters        GB        s")
    for r in reports:
        print(
            f"{r.part:<14}{r.layout:<11}{r.tensors:>8}{r.unmatched:>11}{r.parameters:>16,}"
            f"{r.bytes / 1e9:>10.3f}{r.seconds:>9.1f}"
        )
    peak, largest = peak_bytes() - before, max(report.largest for report in reports)
    print(f"peak memory {peak / 1e9:.3f} GB above the start; largest array {largest / 1e9:.3f} GB")
    print(f"wrote {_OUTPUT.value}")


if __name__ == "__main__":
    app.run(main)

"""Converts the released weights of Wan2.1 into a model directory.

    python -m experiments.convert --source=Wan2.1-T2V-1.3B --output=models/wan_1_3b

The source is a folder in Wan's own layout or in that of diffusers, or one file of it. A run that
was stopped goes on when it is started again with the same flags. See docs/convert.md.
"""

import resource
import sys

from absl import app, flags, logging

from thfm_jax.convert import assemble, job
from thfm_jax.convert.errors import ConversionError
from thfm_jax.convert.source import PARTS

_SOURCE = flags.DEFINE_string("source", None, "Released weights: a folder or file.", required=True)
_OUTPUT = flags.DEFINE_string("output", None, "Model directory to write.", required=True)
_PARTS = flags.DEFINE_list("parts", None, f"Some of {', '.join(PARTS)}; default: all there are.")
_DTYPE = flags.DEFINE_enum(
    "dtype", assemble.SOURCE, assemble.DTYPES, "Stored dtype; bfloat16 holds for matrices only."
)
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Replace OUTPUT once the new one is complete.")

_COLUMNS = "{:<14}{:<11}{:>8}{:>11}{:>16}{:>10}{:>9}"


def main(_) -> None:
    # Orbax warns of what is meant so: that its arrays are plain Zarr files.
    logging.set_verbosity(logging.ERROR)
    before = _peak_bytes()
    try:
        reports = job.convert(
            _SOURCE.value,
            _OUTPUT.value,
            parts=_PARTS.value,
            dtype=_DTYPE.value,
            overwrite=_OVERWRITE.value,
        )
    except ConversionError as error:
        sys.exit(f"error: {error}")
    print(_COLUMNS.format("part", "layout", "tensors", "unmatched", "parameters", "GB", "s"))
    for report in reports:
        size, seconds = f"{report.bytes / 1e9:.3f}", f"{report.seconds:.1f}"
        print(
            _COLUMNS.format(
                report.part,
                report.layout,
                report.tensors,
                report.unmatched,
                f"{report.parameters:,}",
                size,
                seconds,
            )
        )
    peak, largest = _peak_bytes() - before, max(report.largest for report in reports)
    print(f"peak memory {peak / 1e9:.3f} GB above the start; largest array {largest / 1e9:.3f} GB")
    print(f"wrote {_OUTPUT.value}")


def _peak_bytes() -> int:
    """The most memory this process has ever held."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    app.run(main)

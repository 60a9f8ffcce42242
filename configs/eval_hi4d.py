"""Hi4D: normals or depth of pairs of people in close contact.

The data: yifeiyin04.github.io/Hi4D, gated; normals and depth have to be rendered from its scans:
thfm_jax/data/benchmarks/hi4d.py. `--config=configs/eval_hi4d.py:depth` takes depth.

    python -m experiments.evaluate --config=configs/eval_hi4d.py --data=DIR \
        --model=DIR --output=DIR

Published for THFM: normals, mean angular error 11.01 degrees.
"""

from ml_collections import ConfigDict


def get_config(which: str = "normals") -> ConfigDict:
    return ConfigDict(
        {
            "benchmark": f"hi4d_{which}",
            "options": {"axes": "viewer"} if which == "normals" else {"unit": "m"},
        }
    )

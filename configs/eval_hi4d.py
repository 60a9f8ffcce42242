"""Hi4D: normals or depth of pairs of people in close contact.

The data: yifeiyin04.github.io/Hi4D, gated; normals and depth have to be rendered from its scans:
thfm_jax/data/benchmarks/hi4d.py. `--config=configs/eval_hi4d.py:depth` takes depth.

    python -m experiments.evaluate --config=configs/eval_hi4d.py --data=DIR \
        --model=DIR --output=DIR

Published for THFM: normals, mean angular error 11.01 degrees.
"""

from ml_collections import ConfigDict

from configs.evaluation import evaluation


def get_config(which: str = "normals") -> ConfigDict:
    return evaluation(
        f"hi4d_{which}",
        {
            "images": 1195,
            "clips": False,
            "check": True,
            **({"axes": "viewer"} if which == "normals" else {"unit": "m"}),
        },
    )

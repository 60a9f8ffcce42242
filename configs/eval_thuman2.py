"""THuman2.x: normals or depth of rendered scans of people.

The data: ytrock/THuman2.0-Dataset, gated; scans have to be rendered:
thfm_jax/data/benchmarks/thuman2.py. `--config=configs/eval_thuman2.py:depth` takes depth,
`:views_normals` the layout of ICON's scripts.

    python -m experiments.evaluate --config=configs/eval_thuman2.py --data=DIR \
        --model=DIR --output=DIR

Nobody's renders are published, so that figures of different authors are not of the same pictures.
"""

from ml_collections import ConfigDict


def get_config(which: str = "normals") -> ConfigDict:
    return ConfigDict(
        {
            "benchmark": f"thuman2_{which}",
            "options": {"unit": "m"} if which == "depth" else {"axes": "viewer"},
        }
    )

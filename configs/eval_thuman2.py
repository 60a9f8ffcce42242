"""THuman2.x: normals or depth of rendered scans of people.

The data: ytrock/THuman2.0-Dataset, gated; scans have to be rendered:
thfm_jax/data/benchmarks/thuman2.py. `--config=configs/eval_thuman2.py:depth` takes depth,
`:views_normals` the layout of ICON's scripts.

    python -m experiments.evaluate --config=configs/eval_thuman2.py --data=DIR \
        --model=DIR --output=DIR

Nobody's renders are published, so that figures of different authors are not of the same pictures.
"""

from typing import Any

from ml_collections import ConfigDict, config_dict

from configs.evaluation import evaluation


def get_config(which: str = "normals") -> ConfigDict:
    return evaluation(
        f"thuman2_{which}",
        _options(which),
    )


def _options(which: str) -> dict[str, Any]:
    if which == "views_normals":
        names = {"render": "render", "normals": "norm_F", "axes": "viewer"}
        return {**names, "subjects": config_dict.placeholder(int), "check": True}
    unit = {"unit": "m"} if which == "depth" else {"axes": "viewer"}
    return {**unit, "images": config_dict.placeholder(int), "check": True}

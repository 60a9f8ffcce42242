"""EMDB: 3-D pose of people filmed by a hand-held camera.

The data: eth-ait.github.io/emdb, after registration; files as thfm_jax/data/benchmarks/emdb.py
lists them. `--config.options.smpl` names the folder of your SMPL files, DATA/smpl by default.
`--config=configs/eval_emdb.py:2` takes EMDB-2 instead of EMDB-1, and `:2_world` its measures of
paths in the world, for `--predictions` that have them (docs/evaluation.md).

    python -m experiments.evaluate --config=configs/eval_emdb.py --data=DIR \
        --model=DIR --output=DIR

Published for THFM on EMDB-1: PA-MPJPE 35.2 mm. Our joints are not SMPL's own, which costs some
centimetres unless a model was trained on joints that SMPL's regressor gives (docs/tasks.md).
"""

from ml_collections import ConfigDict

from configs.evaluation import evaluation


def get_config(which: str = "1") -> ConfigDict:
    return evaluation(
        f"emdb{which}",
        {"split": 2 if which.startswith("2") else 1, "smpl": "", "regressor": "", "sequences": -1},
        crop=1.3,  # the person's box fills most of what the model sees
    )

"""RICH: 3-D pose of people among scanned places.

The data: rich.is.tue.mpg.de, after registration; files as thfm_jax/data/benchmarks/rich.py lists
them. `--config.options.smpl` names the folder of your SMPL files, DATA/smpl by default.
`--config.options.smplx_to_smpl` names the matrix that takes SMPL-X's vertices to SMPL's.

    python -m experiments.evaluate --config=configs/eval_rich.py --data=DIR \
        --model=DIR --output=DIR

Published for THFM: PA-MPJPE 34.7 mm. Our joints are not SMPL's own, which costs some centimetres
unless a model was trained on joints that SMPL's regressor gives (docs/tasks.md).
"""

from ml_collections import ConfigDict

from configs.evaluation import evaluation


def get_config() -> ConfigDict:
    return evaluation(
        "rich",
        {"split": "test", "smpl": "", "smplx_to_smpl": "", "regressor": ""},
        crop=1.3,  # the person's box fills most of what the model sees
    )

"""3DPW: 3-D pose of people out of doors.

The data: virtualhumans.mpi-inf.mpg.de/3DPW; files as thfm_jax/data/benchmarks/threedpw.py lists
them. `--config.options.smpl` names the folder of your SMPL files, DATA/smpl by default.
`--config.options.regressor` names the regressor of Human3.6M's joints.

    python -m experiments.evaluate --config=configs/eval_3dpw.py --data=DIR \
        --model=DIR --output=DIR

No figure of THFM is known; others reach a PA-MPJPE of 33 to 35 mm.
"""

from ml_collections import ConfigDict

from configs.evaluation import evaluation


def get_config() -> ConfigDict:
    return evaluation(
        "3dpw",
        {"split": "test", "smpl": "", "regressor": "", "sequences": -1},
        crop=1.3,  # the person's box fills most of what the model sees
    )

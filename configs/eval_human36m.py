"""Human3.6M: 3-D pose of actors in a studio.

The data: vision.imar.ro/human3.6m, after registration, unpacked by one of two published scripts:
thfm_jax/data/benchmarks/human36m.py. `--config=configs/eval_human36m.py:p1` takes protocol 1, all
cameras, instead of protocol 2.

    python -m experiments.evaluate --config=configs/eval_human36m.py --data=DIR \
        --model=DIR --output=DIR

Published for THFM, protocol 2: PA-MPJPE 27.7 mm.
"""

from ml_collections import ConfigDict

from configs.evaluation import evaluation


def get_config(which: str = "p2") -> ConfigDict:
    return evaluation(
        f"h36m_{which}",
        {"protocol": int(which[1]), "annotations": ""},
        crop=1.3,  # the person's box fills most of what the model sees
    )

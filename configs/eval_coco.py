"""COCO keypoints: 17 joints of people in photographs, each shown in its annotated box.

The data: cocodataset.org, 2017 validation pictures and annotations; files as
thfm_jax/data/benchmarks/coco.py lists them.

    python -m experiments.evaluate --config=configs/eval_coco.py --data=DIR \
        --model=DIR --output=DIR

No figure of THFM is known. Figures with detected boxes are lower than with annotated ones.
"""

from ml_collections import ConfigDict

from configs.evaluation import evaluation


def get_config() -> ConfigDict:
    return evaluation(
        "coco_keypoints",
        {},
        crop=1.25,
        draws=100,  # each sorts all detections anew
    )

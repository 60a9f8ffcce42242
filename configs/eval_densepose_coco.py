"""DensePose-COCO: points of people in photographs, placed on the body's surface.

The data: pictures from cocodataset.org (2014 validation), annotations as
facebookresearch/DensePose gives them, and its surface files:
thfm_jax/data/benchmarks/densepose_coco.py and densepose_surface.py.
`--config=configs/eval_densepose_coco.py:densepose_coco_parts` needs no surface files and scores
body parts and masks only.

    python -m experiments.evaluate --config=configs/eval_densepose_coco.py --data=DIR \
        --model=DIR --output=DIR

No figure of THFM is known.
"""

from ml_collections import ConfigDict

from configs.evaluation import evaluation


def get_config(which: str = "densepose_coco") -> ConfigDict:
    return evaluation(
        which,
        {},
        crop=1.25,
    )

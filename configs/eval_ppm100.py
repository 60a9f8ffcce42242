"""PPM-100: mattes of people in photographs of up to 4K.

The data: github.com/ZHKKKe/PPM.

    python -m experiments.evaluate --config=configs/eval_ppm100.py --data=DIR \
        --model=DIR --output=DIR

No figure of THFM is known; DAViD-L reaches a SAD of 78.17 thousand pixels.
"""

from ml_collections import ConfigDict

from configs.evaluation import evaluation


def get_config() -> ConfigDict:
    return evaluation(
        "ppm100",
        {"pictures": "image", "mattes": "matte", "images": 100},
    )

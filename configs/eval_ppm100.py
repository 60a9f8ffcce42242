"""PPM-100: mattes of people in photographs of up to 4K.

The data: github.com/ZHKKKe/PPM.

    python -m experiments.evaluate --config=configs/eval_ppm100.py --data=DIR \
        --model=DIR --output=DIR

No figure of THFM is known; DAViD-L reaches a SAD of 78.17 thousand pixels.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    return ConfigDict(
        {
            "benchmark": "ppm100",
            "options": {"pictures": "image", "mattes": "matte"},
        }
    )

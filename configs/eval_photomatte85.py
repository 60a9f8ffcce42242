"""PhotoMatte85: mattes of people cut out of studio photographs.

The data: grail.cs.washington.edu/projects/background-matting-v2. `--config.options.backgrounds`
names a folder of pictures without people; without it the background is grey.

    python -m experiments.evaluate --config=configs/eval_photomatte85.py --data=DIR \
        --model=DIR --output=DIR

Published for THFM: MSE 0.0009, over backgrounds that nobody has named.
"""

from ml_collections import ConfigDict, config_dict

from configs.evaluation import evaluation


def get_config() -> ConfigDict:
    return evaluation(
        "photomatte85",
        {"backgrounds": config_dict.placeholder(str), "images": 85},
    )

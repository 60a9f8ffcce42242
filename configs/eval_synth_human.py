"""SynthHuman: depth, normals and mattes of rendered stills.

The data: github.com/microsoft/DAViD has the download script. All of it is meant for training: hold
some back. `--config.options.first` and `last` are numbers of samples.

    python -m experiments.evaluate --config=configs/eval_synth_human.py --data=DIR \
        --model=DIR --output=DIR

No figure is published.
"""

from ml_collections import ConfigDict, config_dict

from configs.evaluation import evaluation


def get_config() -> ConfigDict:
    return evaluation(
        "synth_human",
        {
            "first": 0,
            "last": config_dict.placeholder(int),
            "images": config_dict.placeholder(int),
            "check": True,
        },
    )

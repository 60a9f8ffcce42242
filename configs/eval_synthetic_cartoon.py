"""Bodies of cartoon proportions, which training never shows: held-out synthetic clips.

    python -m experiments.generate --output=data/heldout --clips=200 --split=test_cartoon --seed=0
    python -m experiments.evaluate --config=configs/eval_synthetic_cartoon.py --data=data/heldout \
        --model=thfm-tiny --output=results/synthetic_cartoon

or, with nothing stored, `--config.options.live=200` in place of `--data` and of the first command.
`--model=trivial` gives the row of a predictor that looks at no picture. Nothing is published on it.
200 clips render in two to three minutes on two cores.
"""

from ml_collections import ConfigDict

from configs.evaluation import evaluation


def get_config() -> ConfigDict:
    return evaluation(
        "synthetic_cartoon",
        {"split": "test_cartoon", "live": 0, "seed": 0, "settings": {}},
        follow=True,
    )

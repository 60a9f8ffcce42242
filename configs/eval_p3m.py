"""P3M-10k: mattes of people in photographs, with faces blurred (P) or not (NP).

The data: github.com/JizhiziLi/P3M, after its agreement. `--config=configs/eval_p3m.py:np` takes
P3M-500-NP instead of P3M-500-P.

    python -m experiments.evaluate --config=configs/eval_p3m.py --data=DIR \
        --model=DIR --output=DIR

No figure of THFM is known; DAViD-L reaches a SAD of 12.65 (P) and 14.83 (NP) thousand pixels.
"""

from ml_collections import ConfigDict

from configs.evaluation import evaluation


def get_config(which: str = "p") -> ConfigDict:
    return evaluation(
        f"p3m_500_{which}",
        {"split": f"P3M-500-{which.upper()}", "images": 500},
    )

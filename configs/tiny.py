"""The tiny preset from scratch, on clips rendered on the fly.

    python -m experiments.train --config=configs/tiny.py --workdir=runs/tiny

For trying the loop on a machine without an accelerator: 2 CPU cores do a step of 4 clips of 17
frames of 64 x 64 in some seconds.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    return ConfigDict(
        {
            "model": "tiny",
            "steps": 2000,
            "train_text": True,
            "paraphrases": True,
            "frozen": ("^vae/",),
            "objective": {"stage": "latent", "tasks_per_clip": 2},
            "optimizer": {"learning_rate": 1e-3, "warmup_steps": 100},
            "average_decay": 0.999,
            "loader": {
                "sources": [{"kind": "live", "settings": {"size": (96, 96)}}],
                "buckets": [{"frames": 17, "height": 64, "width": 64, "batch": 4}],
                "workers": 1,
            },
            "evaluation": {
                "sources": [
                    {"kind": "live", "split": "test", "first": 8, "settings": {"size": (96, 96)}}
                ],
                "buckets": [{"frames": 17, "height": 64, "width": 64, "batch": 4}],
                "augment": None,
                "endless": False,
            },
            "every": {"log": 10, "save": 200, "evaluate": 200, "pictures": 200},
        }
    )

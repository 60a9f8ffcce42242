"""A training that takes seconds, of a small model that is whole: tests run it as users do.

--config=tests/e2e/small_config.py:DIR, where `lay_out` made DIR.
"""

import json
from pathlib import Path

from ml_collections import ConfigDict


def get_config(folder: str) -> ConfigDict:
    return ConfigDict(
        {
            "start": f"{folder}/start",
            "steps": 80,
            "train_text": True,
            "paraphrases": True,
            "accumulate": 2,
            "optimizer": {"learning_rate": 1e-3, "warmup_steps": 10},
            "average_decay": 0.9,
            "mesh": {"data": -1, "fsdp": 1, "tensor": 1},
            "loader": {
                "sources": [{"kind": "humans", "path": f"{folder}/clips"}],
                "buckets": [
                    {"frames": 5, "height": 32, "width": 32, "batch": 4},
                ],
                "workers": 1,
            },
            "every": {"log": 1, "save": 4, "evaluate": 0, "pictures": 0},
        }
    )


def lay_out(folder: Path) -> None:
    """Makes what the configuration names: clips, and a model of random weights."""
    from tests.unit import small_training, stored_clips
    from thfm_jax import checkpoints

    stored_clips.write(folder / "clips", clips=8)
    params = small_training.parameters()
    (folder / "start").mkdir()
    for part, arrays in params.items():
        checkpoints.save(folder / "start", part, arrays)
    checkpoints.save_config(folder / "start", small_training.SMALL, params)
    (folder / "start" / checkpoints.MANIFEST).write_text(json.dumps({"trained": False}))

"""A training that takes seconds, of a small model that is whole: tests run it as users do.

--config=tests/e2e/small_config.py:DIR where `lay_out` made DIR, or DIR,1 for stills.
"""

import json
from pathlib import Path

from ml_collections import ConfigDict


def get_config(given: str) -> ConfigDict:
    folder, _, frames = given.partition(",")
    return ConfigDict(
        {
            "start": f"{folder}/start",
            "steps": 80,
            "train_text": True,
            "paraphrases": True,
            "accumulate": 2,
            "optimizer": {"learning_rate": 1e-3, "warmup_steps": 10, "decay": "constant"},
            "average_decay": 0.9,
            "mesh": {"data": -1, "fsdp": 1, "tensor": 1},
            "loader": {
                "sources": [{"kind": "humans", "path": f"{folder}/clips"}],
                "buckets": [{"frames": int(frames or 5), "height": 32, "width": 32, "batch": 8}],
                "workers": 1,
                "seed": 0,
            },
            "every": {"log": 1, "save": 2, "evaluate": 0, "pictures": 0},
        }
    )


def lay_out(folder: Path, width: int = 16) -> None:
    """Makes what the configuration names: clips, and a model of random weights.

    `width` is that of the head for keypoints.
    """
    import jax
    from flax import nnx

    from tests.unit import stored_clips
    from thfm_jax import checkpoints, config
    from thfm_jax.models.thfm import Thfm
    from thfm_jax.models.umt5 import Umt5Encoder

    small = config.ThfmConfig(
        name="small",
        dit=config.DitConfig(
            layers=2, heads=2, head_dim=16, ffn_dim=64, text_dim=16, text_length=64, channels=4,
            freq_dim=16,
        ),
        vae=config.VaeConfig(
            base_dim=4, z_dim=4, multipliers=(1, 2, 2, 2), res_blocks=1,
            latent_mean=(0.0,) * 4, latent_std=(1.0,) * 4,
        ),
        text=config.TextConfig(layers=1, dim=16, heads=2, head_dim=8, ffn_dim=32, vocab_size=384),
        sparse=config.SparseConfig(hidden_dim=width),
    )  # fmt: skip
    rngs = nnx.Rngs(jax.random.key(0, impl="rbg"))
    params = nnx.to_pure_dict(nnx.state(Thfm(small, rngs=rngs)))
    params["text_encoder"] = nnx.to_pure_dict(nnx.state(Umt5Encoder(small.text, rngs=rngs)))
    stored_clips.write(folder / "clips", clips=16)
    for part, arrays in params.items():
        checkpoints.save(folder / "start", part, arrays)
    checkpoints.save_config(folder / "start", small, params)
    (folder / "start" / checkpoints.MANIFEST).write_text(json.dumps({"trained": False}))

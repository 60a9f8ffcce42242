"""Adapters of rank 128 in Wan2.1 1.3B's trunk, for one machine: the latent stage, then pixels.

Model and clips as in configs/thfm_1_3b.py. The training:

    python -m experiments.train --config=configs/thfm_1_3b_lora.py --workdir=runs/thfm_lora
    python -m experiments.train --config=configs/thfm_1_3b_lora.py:pixel \\
        --workdir=runs/thfm_lora_pixel

`--config.start=DIR` and `--config.data=DIR` say where model and clips are. The finished model has
its adapters merged into its matrices; the pixel stage starts from it with new ones.

Hardware: the weights lie whole on every device, which has its own clips.

    1 GPU of 40 GB or more   as it is: a clip of 45 frames at a time
    8 GPUs or TPU chips      --config.accumulate=2
    TPU chips of 16 GB       --config.mesh.fsdp=-1 --config.mesh.data=1 besides

Memory: 5.7 GB of frozen weights in float32 and 2.8 of their copy in bfloat16; 3 GB of adapters with
moments and average. In pixels the decoder takes most.

Hours, computed from the model's FLOPs at 35 % of the data sheet's peak, not measured: the latent
stage's 57 EFLOP take 46 h on one H200, 6 h on 8 H100, 57 h on v5e:2x4; the pixel stage's 6 EFLOP a
tenth of that.

Result to expect: not trained yet. The nearest relative adapted the same trunk for depth with
adapters of rank 512 at 1e-4, on batches of 16 clips and 128 stills.
"""

from ml_collections import ConfigDict

from thfm_jax.training.recipe import with_defaults


def get_config(stage: str = "latent") -> ConfigDict:
    """The recipe of a stage, "latent" or "pixel"."""
    stages = {"latent": _latent, "pixel": _pixel}
    if stage not in stages:
        raise ValueError(f"a stage is one of {', '.join(stages)}, not {stage!r}")
    config = ConfigDict(
        {
            "model": "wan_1_3b",
            "data": "data/humans",
            "frozen": ("^vae/",),
            "lora": {"rank": 128, "alpha": 128.0},
            "objective": {"stage": stage},
            "average_decay": 0.999,
            "compute": {
                "dtype": "bfloat16",
                "vae_dtype": "bfloat16",
                "remat": "full",
                "vae_chunk": 2,  # latent frames
            },
            "mesh": {"data": -1, "fsdp": 1, "tensor": 1, "sequence": 1},
            "accumulate": 16,
            "loader": {"sources": [{"kind": "humans"}], "workers": 8},
            "evaluation": {
                "sources": [{"kind": "humans", "split": "validation"}],
                "buckets": [{"frames": 17, "height": 480, "width": 640, "batch": 8}],
                "augment": None,
                "endless": False,
            },
            "every": {"log": 20, "save": 500, "keep_each": 5000},
        }
    )
    config.update(stages[stage]())
    return with_defaults(config)


def _latent() -> dict:
    """Many steps on stills and clips of several shapes and lengths."""
    return {
        "start": "models/wan_1_3b",
        "steps": 15_000,
        "optimizer": {
            "learning_rate": 1e-4,
            "warmup_steps": 200,
            "weight_decay": 0.0,
            "groups": {"^sparse/": 3.0},  # keypoint tokens and their read-out begin at random
        },
        "loader": {
            "buckets": [
                {"frames": 1, "height": 480, "width": 640, "batch": 128},
                {"frames": 17, "height": 512, "width": 384, "batch": 32, "weight": 2.0},
                {"frames": 17, "height": 480, "width": 640, "batch": 32},
                {"frames": 45, "height": 480, "width": 640, "batch": 16, "weight": 2.0},
            ],
        },
    }


def _pixel() -> dict:
    """A few small steps through the decoder, which takes most of the memory: no long clips."""
    return {
        "start": "runs/thfm_lora/model",
        "steps": 3000,
        "optimizer": {
            "learning_rate": 3e-5,
            "warmup_steps": 200,
            "weight_decay": 0.0,
        },
        "loader": {
            "buckets": [
                {"frames": 1, "height": 480, "width": 640, "batch": 64},
                {"frames": 17, "height": 512, "width": 384, "batch": 16, "weight": 2.0},
                {"frames": 17, "height": 480, "width": 640, "batch": 16},
            ],
        },
    }

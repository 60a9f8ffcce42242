"""Fine-tunes all of Wan2.1 1.3B's trunk: the latent stage, then a short one in pixels.

What it starts from, and what it learns on (docs/convert.md, docs/dataset.md):

    python -m experiments.convert --source=Wan2.1-T2V-1.3B --output=models/wan_1_3b
    python -m experiments.encode_prompts --model=models/wan_1_3b
    python -m experiments.generate --output=data/humans --clips=100000 --frames=45 --size=480,640
    python -m experiments.generate --output=data/humans --clips=64 --frames=45 --size=480,640 \\
        --split=validation

The training:

    python -m experiments.train --config=configs/thfm_1_3b.py --workdir=runs/thfm_1_3b
    python -m experiments.train --config=configs/thfm_1_3b.py:pixel --workdir=runs/thfm_1_3b_pixel

`--config.start=DIR` and `--config.data=DIR` say where model and clips are. The pixel stage starts
from what the latent stage wrote, runs/thfm_1_3b/model.

Hardware. Batches stay as they are: the mesh says how many devices share them, and `accumulate` in
how many pieces they go through.

    16, 32, 64 TPU chips     as it is; more than 16 share the tokens of clips too
    8 GPUs of 80 GB          --config.mesh.fsdp=8
    1 GPU of 80 GB or more   --config.mesh.fsdp=1 --config.accumulate=8
    pixels, v5e:4x4          --config.mesh.fsdp=4 --config.accumulate=4

Memory: 23 GB of weights, moments and average in float32 over all devices, and what the compiler
says of the rest in docs/tpu_pods.md. Ask experiments.compile_topology about other pods.

Hours, computed from the model's FLOPs at 35 % of the data sheet's peak, not measured: the latent
stage's 122 EFLOP take 31 h on v5e:4x4, 3.3 h on v5p:4x4x4, 12 h on 8 H100, 98 h on one H200; the
pixel stage's 10 EFLOP a twelfth of that.

Result to expect: not trained yet. Rates, batches and steps are those of the nearest relatives,
which fine-tuned all of an image or video diffusion model for depth and normals in 20 to 30 thousand
steps of 16 to 128 examples at 1e-5 to 3e-5.
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
            "objective": {"stage": stage},
            "average_decay": 0.999,
            "compute": {
                "dtype": "bfloat16",
                "vae_dtype": "bfloat16",
                "remat": "full",
                "vae_chunk": 2,  # latent frames; 5 do not fit chips of 16 GB
            },
            "mesh": {"data": 1, "fsdp": 16, "tensor": 1, "sequence": -1},
            "accumulate": 1,
            "loader": {"sources": [{"kind": "humans"}], "workers": 8},
            "evaluation": {
                "sources": [{"kind": "humans", "split": "validation"}],
                "buckets": [{"frames": 17, "height": 480, "width": 640, "batch": 16}],
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
        "steps": 30_000,
        "optimizer": {
            "learning_rate": 3e-5,
            "warmup_steps": 500,
            "groups": {"^sparse/": 10.0},  # keypoint tokens and their read-out begin at random
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
        "start": "runs/thfm_1_3b/model",
        "steps": 5000,
        "optimizer": {
            "learning_rate": 1e-5,
            "warmup_steps": 200,
            "groups": {"^sparse/": 3.0},
        },
        "loader": {
            "buckets": [
                {"frames": 1, "height": 480, "width": 640, "batch": 64},
                {"frames": 17, "height": 512, "width": 384, "batch": 16, "weight": 2.0},
                {"frames": 17, "height": 480, "width": 640, "batch": 16},
            ],
        },
    }

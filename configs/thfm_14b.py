"""Fine-tunes all of Wan2.1 14B's trunk on a pod: the latent stage, then a short one in pixels.

Model and clips as in configs/thfm_1_3b.py, but for

    python -m experiments.convert --source=Wan2.1-T2V-14B --output=models/wan_14b
    python -m experiments.encode_prompts --model=models/wan_14b

The training, on every host (experiments/run_tpu_pod.sh, docs/tpu_pods.md):

    python -m experiments.train --config=configs/thfm_14b.py --workdir=runs/thfm_14b --distributed
    python -m experiments.train --config=configs/thfm_14b.py:pixel --workdir=runs/thfm_14b_pixel \\
        --distributed

`--config.start=DIR` and `--config.data=DIR` say where model and clips are: folders that all hosts
see, as is the working directory.

Hardware.

    v5p:4x4x4          as it is: 16 parts of a batch, each on 4 chips that share tokens
    v6e:16x16          --config.mesh.fsdp=32 --config.mesh.tensor=2
                       --config.loader.buckets[3].batch=32
    8 GPUs of 141 GB   --config.mesh.fsdp=8 --config.accumulate=2

Memory: 229 GB of weights, moments and average in float32 over all devices, and what the compiler
says of the rest in docs/tpu_pods.md.

Hours, computed from the model's FLOPs at 35 % of the data sheet's peak, not measured: the latent
stage's 400 EFLOP take 11 h on v5p:4x4x4, 40 h on 8 H200; the pixel stage's 21 EFLOP a twentieth.

Result to expect: not trained yet.
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
            "model": "wan_14b",
            "data": "data/humans",
            "frozen": ("^vae/",),
            "objective": {"stage": stage},
            "average_decay": 0.999,
            "compute": {
                "dtype": "bfloat16",
                "vae_dtype": "bfloat16",
                "remat": "full",
                "vae_chunk": 2,  # latent frames
            },
            "mesh": {"data": 1, "fsdp": 16, "tensor": 1, "sequence": -1},
            "accumulate": 1,
            "loader": {"sources": [{"kind": "humans"}], "workers": 8},
            "evaluation": {
                "sources": [{"kind": "humans", "split": "validation"}],
                "buckets": [{"frames": 17, "height": 480, "width": 640, "batch": 32}],
                "augment": None,
                "endless": False,
            },
            "every": {"log": 20, "save": 500, "keep": 2, "keep_each": 10_000},
        }
    )
    config.update(stages[stage]())
    return with_defaults(config)


def _latent() -> dict:
    """Many steps on stills and clips of several shapes and lengths."""
    return {
        "start": "models/wan_14b",
        "steps": 20_000,
        "optimizer": {
            "learning_rate": 1e-5,
            "warmup_steps": 1000,
            "groups": {"^sparse/": 20.0},  # keypoint tokens and their read-out begin at random
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
        "start": "runs/thfm_14b/model",
        "steps": 2000,
        "optimizer": {
            "learning_rate": 5e-6,
            "warmup_steps": 200,
            "groups": {"^sparse/": 4.0},
        },
        "loader": {
            "buckets": [
                {"frames": 1, "height": 480, "width": 640, "batch": 64},
                {"frames": 17, "height": 512, "width": 384, "batch": 16, "weight": 2.0},
                {"frames": 17, "height": 480, "width": 640, "batch": 16},
            ],
        },
    }

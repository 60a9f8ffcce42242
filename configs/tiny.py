"""The tiny preset from scratch, stage by stage, on one machine: how thfm-tiny was made.

    experiments/train_thfm_tiny.sh

makes 2,400 clips and runs the stages, each from the model that the one before it wrote: `:vae`, the
text encoder (experiments.train_text), `:pixel`, `:finish`. A stage by itself:

    python -m experiments.train --config=configs/tiny.py:pixel --workdir=runs/tiny_pixel

`:latent` is the stage that a model with Wan's weights goes through before `:pixel`. From scratch it
takes as long and learns little, so thfm-tiny skips it (docs/decisions.md).

Eight clips by heart, which takes 25 minutes on two cores and shows whether all parts learn:

    python -m experiments.generate --output=data/eight --clips=8 --frames=5 --size=64,64
    python -m experiments.train --config=configs/tiny.py:overfit_vae --workdir=runs/overfit_vae
    python -m experiments.train --config=configs/tiny.py:overfit --workdir=runs/overfit

`--config.data=DIR` and `--config.start=DIR` say where clips and model are.

Hardware: two CPU cores, with the environment of docs/training.md, learn all six tasks from five
pictures of 96 x 96 a second. On a GPU add
`--config.compute.dtype=bfloat16 --config.compute.vae_dtype=bfloat16`.
"""

from collections.abc import Callable

from ml_collections import ConfigDict

from thfm_jax.training.recipe import with_defaults


def get_config(stage: str = "latent") -> ConfigDict:
    """The recipe of a stage: one of `_STAGES`."""
    if stage not in _STAGES:
        raise ValueError(f"a stage is one of {', '.join(_STAGES)}, not {stage!r}")
    config = ConfigDict(
        {
            "model": "tiny",
            "start": "",
            "data": "data/humans",
            "train_text": True,
            "paraphrases": True,
            "objective": {"stage": stage, "tasks_per_clip": 6},
            "optimizer": {"learning_rate": 1e-3, "warmup_steps": 100},
            "average_decay": 0.995,
            "compute": {"scan": False, "vae_chunk": 0},
            "loader": {
                "sources": [{"kind": "humans"}],
                "buckets": [_bucket(1, 128, 8, weight=4), _bucket(5, 128, 4)],
                "workers": 1,
            },
            "evaluation": {
                "sources": [{"kind": "humans", "split": "validation", "first": 32}],
                "buckets": [_bucket(1, 256, 4)],
                "augment": None,
                "endless": False,
            },
            "every": {"log": 10, "save": 100, "evaluate": 200, "pictures": 200},
        }
    )
    config.update(_STAGES[stage]())
    return with_defaults(config)


def _bucket(frames: int, side: int, batch: int, weight: float = 1) -> dict:
    return {"frames": frames, "height": side, "width": side, "batch": batch, "weight": weight}


def _vae() -> dict:
    """On small pictures: what a VAE learns is local."""
    return {
        "steps": 400,
        "objective": {"stage": "vae", "tasks_per_clip": 2},
        "optimizer": {"learning_rate": 2e-3, "warmup_steps": 50},
        "loader": {"buckets": [_bucket(1, 64, 16, weight=2), _bucket(5, 64, 4)]},
    }


def _latent() -> dict:
    return {**_listening(), "start": "runs/tiny_text/model", "steps": 400}


def _pixel() -> dict:
    """With the VAE, whose encoder learns to see people: there is no trunk that was pretrained.

    Pictures are small, and mostly show somebody as prediction follows people. Each gives all six
    tasks: its latents are shared, so that a task sees half as many pictures again in the same time
    as where each gives three. The learning rate stays, so that more steps (`--config.steps`) go on
    from the last checkpoint.
    """
    return {
        **_listening(),
        "start": "runs/tiny_text/model",
        "steps": 2000,
        "frozen": (),
        "objective": _pixels(6),
        "optimizer": {**_OPTIMIZER, "warmup_steps": 50, "decay": "constant"},
        "loader": {"augment": _SUBJECT, "buckets": [_bucket(1, 96, 12)]},
        "evaluation": {"augment": _FOLLOWED, "buckets": [_bucket(1, 128, 8)]},
    }


def _finish() -> dict:
    """At a third of the learning rate, falling, and in larger pictures too: docs/decisions.md."""
    return {
        **_pixel(),
        "start": "runs/tiny_pixel/model",
        "steps": 3000,
        "optimizer": {**_OPTIMIZER, "learning_rate": 3e-4, "warmup_steps": 20, "decay": "cosine"},
        "loader": {
            "augment": _SUBJECT,
            "buckets": [_bucket(1, 96, 12, weight=2), _bucket(1, 128, 8)],
        },
    }


def _pixels(tasks_per_clip: int, **scale: float) -> dict:
    return {"stage": "pixel", "tasks_per_clip": tasks_per_clip, "scale": {**_SCALE, **scale}}


def _listening() -> dict:
    """To the text encoder as it was trained: what it tells apart is to stay so."""
    return {"train_text": False, "phrasings": 64}


def _overfit_vae() -> dict:
    return {
        **_eight(),
        "steps": 500,
        "objective": {"stage": "vae", "tasks_per_clip": 4},
        "optimizer": {"learning_rate": 2e-3, "warmup_steps": 20, "weight_decay": 0.0},
    }


def _overfit() -> dict:
    """In pixels, with the VAE.

    Every clip gives all tasks in every step: until the prompts mean something to a trunk from
    scratch, steps on different tasks undo each other. Depth counts more than in `_pixel`: on eight
    clips its gradients agree from the start.
    """
    return {
        **_eight(),
        "start": "runs/overfit_vae/model",
        "steps": 700,
        "frozen": (),
        "objective": _pixels(6, depth=8.0),
        "optimizer": {"learning_rate": 1e-3, "warmup_steps": 20, "weight_decay": 0.0},
    }


def _eight() -> dict:
    eight = {
        "sources": [{"kind": "humans", "first": 8}],
        "buckets": [{"frames": 5, "height": 32, "width": 32, "batch": 8}],
        "augment": None,
    }
    return {
        "data": "data/eight",
        "paraphrases": False,
        "average_decay": 0.9,
        "loader": eight,
        "evaluation": {**eight, "endless": False},
        "every": {"log": 10, "save": 200, "evaluate": 100, "pictures": 700},
    }


# So that the tasks' gradients in the trunk are alike once it has learned the constants:
# docs/decisions.md has the norms.
_SCALE = {
    "depth": 2.0,
    "normals": 10.0,
    "matte": 1.0,
    "densepose": 10.0,
    "keypoints2d": 2.0,
    "keypoints3d": 3.0,
}

_MATRICES = "^(dit/blocks|vae)/"
_OPTIMIZER = {
    "learning_rate": 1e-3,
    "muon": _MATRICES,
    "groups": {_MATRICES: 3.0, "^sparse/": 3.0},
}

# Three pictures of four hold all of somebody, and fewer than usual are spoilt.
_SUBJECT = {
    "whole": 0.75,
    "margin": (1.05, 1.6),
    "occluders": 0.15,
    "blur": 0.08,
    "noise": 0.2,
    "coarse": 0.08,
}

# What prediction shows of someone small, as it is.
_FOLLOWED = {
    **dict.fromkeys(("reverse", "stretch", "drift", "flip", "occluders", "blur"), 0.0),
    **dict.fromkeys(("colour", "grey", "noise", "coarse", "compression"), 0.0),
    "max_stride": 1,
    "whole": 1.0,
    "margin": (1.3, 1.3),
}

_STAGES: dict[str, Callable[[], dict]] = {
    "vae": _vae,
    "latent": _latent,
    "pixel": _pixel,
    "finish": _finish,
    "overfit_vae": _overfit_vae,
    "overfit": _overfit,
}

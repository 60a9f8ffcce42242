"""The tiny preset from scratch, in four stages, on one machine.

What it learns on, 17 frames of 256 x 256 (docs/dataset.md):

    python -m experiments.generate --output=data/humans --clips=20000
    python -m experiments.generate --output=data/humans --clips=64 --split=validation

The stages. Each starts from the model that the one before it wrote:

    python -m experiments.train --config=configs/tiny.py:vae --workdir=runs/tiny_vae
    python -m experiments.train_text --model=runs/tiny_vae/model --output=runs/tiny_text/model
    python -m experiments.train --config=configs/tiny.py:latent --workdir=runs/tiny_latent
    python -m experiments.train --config=configs/tiny.py:pixel --workdir=runs/tiny_pixel

Eight clips by heart, which takes three quarters of an hour on two cores and shows whether all parts
learn:

    python -m experiments.generate --output=data/eight --clips=8 --frames=5 --size=64,64
    python -m experiments.train --config=configs/tiny.py:overfit_vae --workdir=runs/overfit_vae
    python -m experiments.train --config=configs/tiny.py:overfit --workdir=runs/overfit

`--config.data=DIR` and `--config.start=DIR` say where clips and model are.

Hardware: two CPU cores do; one GPU does it a hundred times as fast with
`--config.compute.dtype=bfloat16 --config.compute.vae_dtype=bfloat16`.
"""

from collections.abc import Callable

from ml_collections import ConfigDict


def get_config(stage: str = "latent") -> ConfigDict:
    """The recipe of a stage: "vae", "latent", "pixel", "overfit_vae" or "overfit"."""
    if stage not in _STAGES:
        raise ValueError(f"a stage is one of {', '.join(_STAGES)}, not {stage!r}")
    config = ConfigDict(
        {
            "model": "tiny",
            "start": "",
            "data": "data/humans",
            "train_text": True,
            "paraphrases": True,
            "objective": {"stage": stage, "tasks_per_clip": 2},
            "optimizer": {"learning_rate": 1e-3, "warmup_steps": 200},
            "average_decay": 0.999,
            "compute": {"dtype": "float32", "vae_dtype": "float32", "vae_chunk": 0},
            "loader": {
                "sources": [{"kind": "humans"}],
                "buckets": [
                    {"frames": 1, "height": 128, "width": 128, "batch": 32, "weight": 3},
                    {"frames": 5, "height": 128, "width": 128, "batch": 8, "weight": 2},
                    {"frames": 17, "height": 128, "width": 128, "batch": 4, "weight": 1},
                ],
                "workers": 1,
            },
            "evaluation": {
                "sources": [{"kind": "humans", "split": "validation", "first": 32}],
                "buckets": [{"frames": 17, "height": 128, "width": 128, "batch": 4}],
                "augment": None,
                "endless": False,
            },
            "every": {"log": 20, "save": 200, "evaluate": 1000, "pictures": 1000},
        }
    )
    config.update(_STAGES[stage]())
    return config


def _vae() -> dict:
    return {"steps": 6000}


def _latent() -> dict:
    return {**_listening(), "start": "runs/tiny_text/model", "steps": 20_000}


def _pixel() -> dict:
    return {
        **_listening(),
        "start": "runs/tiny_latent/model",
        "steps": 4000,
        "optimizer": {"learning_rate": 2e-4, "warmup_steps": 100},
    }


def _listening() -> dict:
    """To the text encoder as it was trained: what it tells apart is to stay so."""
    return {"train_text": False, "phrasings": 64}


def _overfit_vae() -> dict:
    return {
        **_eight(),
        "steps": 800,
        "objective": {"stage": "vae", "tasks_per_clip": 4},
        "optimizer": {"learning_rate": 2e-3, "warmup_steps": 20, "weight_decay": 0.0},
    }


def _overfit() -> dict:
    """In pixels, with the VAE's decoder.

    Every clip gives all tasks in every step: until the prompts mean something to a trunk from
    scratch, steps on different tasks undo each other.
    """
    return {
        **_eight(),
        "start": "runs/overfit_vae/model",
        "steps": 1000,
        "frozen": ("^vae/(encoder|quant)/",),
        "objective": {
            "stage": "pixel",
            "tasks_per_clip": 6,
            # What is hardest to learn by heart weighs most.
            "scale": {"depth": 8.0, "normals": 4.0, "densepose": 2.0},
        },
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
        "every": {"log": 10, "save": 200, "evaluate": 100, "pictures": 500},
    }


_STAGES: dict[str, Callable[[], dict]] = {
    "vae": _vae,
    "latent": _latent,
    "pixel": _pixel,
    "overfit_vae": _overfit_vae,
    "overfit": _overfit,
}

"""THFM in JAX: one forward pass of a video diffusion transformer perceives people in video."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from thfm_jax.predict import Predictor, load
    from thfm_jax.tasks import TASKS
    from thfm_jax.types import Clip, Predictions

__version__ = "0.1.0"
__all__ = ["TASKS", "Clip", "Predictions", "Predictor", "load"]

_HOMES = {"TASKS": "tasks", "Clip": "types", "Predictions": "types"}


def __getattr__(name: str) -> Any:
    """Loads a name of `__all__` when it is first used.

    Processes that only render or read training data import this package too, and need no JAX.
    """
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"thfm_jax.{_HOMES.get(name, 'predict')}"), name)

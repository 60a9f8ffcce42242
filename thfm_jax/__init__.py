"""THFM in JAX: one forward pass of a video diffusion transformer perceives people in video."""

from thfm_jax.predict import Predictor, load
from thfm_jax.tasks import TASKS
from thfm_jax.types import Clip, Predictions

__version__ = "0.1.0"
__all__ = ["TASKS", "Clip", "Predictions", "Predictor", "load"]

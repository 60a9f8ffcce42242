"""The released PyTorch weights of Wan2.1, in and out: the only room that knows their formats."""

from thfm_jax.convert.errors import ConversionError
from thfm_jax.convert.loading import load, load_onto_mesh

__all__ = ["ConversionError", "load", "load_onto_mesh"]

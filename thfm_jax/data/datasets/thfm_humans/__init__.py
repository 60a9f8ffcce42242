"""`thfm_humans`: synthetic people as a dataset of TFDS. Import it, then `tfds.builder` knows it."""

from thfm_jax.data.datasets.thfm_humans.builder import HumansConfig, ThfmHumans

__all__ = ["HumansConfig", "ThfmHumans"]

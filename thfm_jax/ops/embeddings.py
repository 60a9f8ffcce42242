"""The sinusoidal embedding of the diffusion time."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def timestep_embedding(
    timestep: Float[Array, "B"], dim: int, dtype: jax.typing.DTypeLike = "float32"
) -> Float[Array, "B dim"]:
    """[cos, sin] of the diffusion time, 0 to 1000, at dim / 2 frequencies from 1 down to 1e-4.

    The frequencies are float64 constants; the angle is computed in `dtype`, which must not be
    bfloat16 (999 would become 1000). Source: wan/modules/model.py::sinusoidal_embedding_1d.
    """
    half = dim // 2
    frequencies = np.power(10000.0, -np.arange(half) / half)
    angle = timestep.astype(dtype)[:, None] * jnp.asarray(frequencies, dtype)
    return jnp.concatenate([jnp.cos(angle), jnp.sin(angle)], axis=-1)

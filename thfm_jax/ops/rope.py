"""Rotary position embedding over three axes: time, height, width."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int


def grid_positions(grid: tuple[int, int, int]) -> Int[np.ndarray, "N 3"]:
    """(t, h, w) of every video token of a [Tp, Hp, Wp] grid, t slowest.

    Height and width start at 1: index 0 belongs to the keypoint tokens. RoPE depends on differences
    of positions only, so among video tokens this is Wan2.1's embedding (wan/modules/model.py::
    rope_apply), which starts at 0.
    """
    positions = np.stack(np.meshgrid(*map(np.arange, grid), indexing="ij"), axis=-1)
    return positions.reshape(-1, 3) + np.array([0, 1, 1])


def keypoint_positions(frames: int, joints: int) -> Int[np.ndarray, "K 3"]:
    """(t, 0, 0) of every keypoint token: `joints` tokens for each latent frame, frame slowest."""
    times = np.repeat(np.arange(frames), joints)
    return np.stack([times, np.zeros_like(times), np.zeros_like(times)], axis=-1)


def rope_table(
    positions: Int[np.ndarray, "N 3"], head_dim: int, theta: float = 10000.0, length: int = 1024
) -> tuple[Float[np.ndarray, "N half"], Float[np.ndarray, "N half"]]:
    """Cosines and sines of the rotation angles, float64 constants made at trace time.

    The half = head_dim / 2 pairs are shared out between the axes as Wan2.1 does: height and width
    get head_dim // 6 pairs each, time the rest; each axis has its own geometric series of
    frequencies. Raises ValueError where a position is not in [0, length), the range that Wan2.1 was
    trained with. Source: wan/modules/model.py::rope_params.
    """
    if positions.size and (positions.min() < 0 or positions.max() >= length):
        raise ValueError(
            f"token positions reach {int(positions.max())}; the rotary table ends at {length - 1}"
        )
    spatial = head_dim // 6
    angles = []
    for axis, pairs in enumerate((head_dim // 2 - 2 * spatial, spatial, spatial)):
        frequencies = theta ** (-np.arange(pairs, dtype=np.float64) / pairs)
        angles.append(positions[:, axis, None] * frequencies)
    angle = np.concatenate(angles, axis=-1)
    return np.cos(angle), np.sin(angle)


def apply_rope(
    x: Float[Array, "B N heads hd"],
    table: tuple[Float[np.ndarray, "N half"], Float[np.ndarray, "N half"]],
) -> Float[Array, "B N heads hd"]:
    """`x` with each pair (2i, 2i+1) of its last axis rotated, in the dtype of `x`."""
    cos, sin = (jnp.asarray(part, x.dtype)[:, None, :] for part in table)
    pairs = x.reshape(*x.shape[:-1], -1, 2)
    even, odd = pairs[..., 0], pairs[..., 1]
    rotated = jnp.stack([even * cos - odd * sin, even * sin + odd * cos], axis=-1)
    return rotated.reshape(x.shape)

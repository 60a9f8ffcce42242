"""Learnable keypoint tokens: one for each joint and latent frame, and their read-out.

OURS, after the published fact that THFM's sparse outputs come from learnable tokens: a joint has
one token, the same in every latent frame. It joins the video tokens before the first block and
tells the frames apart by its rotary time index alone (`ops.rope.keypoint_positions`).

In the image a joint points: it gives each patch of its latent frame a weight, by the product of a
query and the patch's key. It lies at the mean of the centres of the strongest patch and those round
it, plus a correction: the mean of all would put a foot that may be the left or the right one
between the two. Positions reach the trunk in rotations of queries and keys alone, so no token has
coordinates to tell.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float

from thfm_jax import sharding
from thfm_jax.config import SparseConfig

# What the read-out gives for each joint and frame: image point as a fraction of width and height,
# confidence logit, root-relative position in metres (OpenCV camera axes), and the logarithms of
# the Laplace scales that the model expects its 2-D and 3-D errors to have.
CHANNELS = ("x", "y", "confidence", "X", "Y", "Z", "log_scale_2d", "log_scale_3d")


POINTING = 64  # width of the queries and keys


class KeypointTokens(nnx.Module):
    """The tokens and what reads them. All of it runs in float32 or wider.

    A token speaks for the frames of its latent: the last of them alone for the first latent, which
    stands for one frame.
    """

    def __init__(self, config: SparseConfig, dim: int, frames: int, *, rngs: nnx.Rngs):
        normal = jax.random.normal
        self.tokens = nnx.Param(config.init_std * normal(rngs.params(), (config.joints, dim)))
        self.norm = nnx.LayerNorm(dim, epsilon=1e-6, rngs=rngs)
        linear = functools.partial(nnx.Linear, precision="highest", rngs=rngs)
        self.linear_1 = linear(dim, config.hidden_dim)
        self.linear_2 = linear(config.hidden_dim, frames * len(CHANNELS))
        self.query = linear(dim, frames * POINTING)
        # What is added to all keys alike changes no weight, so there are no biases.
        self.patch_norm = nnx.LayerNorm(dim, epsilon=1e-6, use_bias=False, rngs=rngs)
        self.key = linear(dim, POINTING, use_bias=False)
        self.frames = frames

    def __call__(self, B: int, Tz: int) -> Float[Array, "B K D"]:
        """Tokens for a batch, latent frame slowest; here K counts joints x latent frames."""
        tokens = jnp.tile(self.tokens[...], (Tz, 1))
        return jnp.broadcast_to(tokens, (B, *tokens.shape))

    def read(
        self, x: Float[Array, "B K D"], video: Float[Array, "B N D"], grid: tuple[int, int, int]
    ) -> tuple[Float[Array, "B T joints 8"], Float[Array, "B T joints Hp Wp"]]:
        """(`CHANNELS`, logarithms of the patches' weights) of every joint in every frame.

        Args:
          x: keypoint tokens, as the trunk returns them.
          video: tokens of the patches.
          grid: (Tz, Hp, Wp), of the patches.
        """
        B, joints, frames = x.shape[0], self.tokens.shape[0], self.frames
        # Small from here on: every device has whole clips.
        x = self.norm(sharding.constrain(x, "batch"))
        keys = sharding.constrain(self.key(self.patch_norm(video)), "batch")

        hidden = jax.nn.gelu(self.linear_1(x), approximate=True)
        y = self.linear_2(hidden).reshape(B, grid[0], joints, frames, len(CHANNELS))
        query = self.query(x).reshape(B, grid[0], joints * frames, POINTING)
        keys = keys.reshape(B, grid[0], -1, POINTING)
        multiply = functools.partial(jnp.einsum, precision="highest")
        weights = jax.nn.log_softmax(multiply("btqc,btnc->btqn", query, keys) * POINTING**-0.5)
        near = _round_strongest(weights, grid[2])
        centres = jnp.asarray(_centres(*grid[1:]), y.dtype)
        xy = multiply("btqn,nc->btqc", jax.nn.softmax(weights, where=near), centres)
        y = y.at[..., :2].add(xy.reshape(*y.shape[:-1], 2))

        def by_frame(a: Float[Array, "B Tz joints frames *C"]) -> Float[Array, "B T joints *C"]:
            return a.swapaxes(2, 3).reshape(B, -1, joints, *a.shape[4:])[:, frames - 1 :]

        return by_frame(y), by_frame(weights.reshape(*y.shape[:-1], *grid[1:]))


def _round_strongest(weights: Float[Array, "*B N"], width: int) -> Bool[Array, "*B N"]:
    """Which patches, of a grid of that width, are the strongest one or touch it."""
    patches = np.arange(weights.shape[-1])
    strongest = jnp.argmax(weights, axis=-1, keepdims=True)
    rows = jnp.abs(patches // width - strongest // width)
    columns = jnp.abs(patches % width - strongest % width)
    return (rows <= 1) & (columns <= 1)


def _centres(height: int, width: int) -> Float[np.ndarray, "N 2"]:
    """(x, y) of the centres of a grid of patches, row by row, as fractions of the image's sides."""
    y, x = np.mgrid[:height, :width] + 0.5
    return np.stack([x / width, y / height], axis=-1).reshape(-1, 2)

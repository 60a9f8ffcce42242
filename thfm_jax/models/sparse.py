"""Learnable keypoint tokens: one for each joint and latent frame, and their read-out.

OURS, after the published fact that THFM's sparse outputs come from learnable tokens: a joint has
one token, the same in every latent frame. It joins the video tokens before the first block and
tells the frames apart by its rotary time index alone (`ops.rope.keypoint_positions`).
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from thfm_jax.config import SparseConfig

# What the read-out gives for each joint and frame: image point as a fraction of width and height,
# confidence logit, root-relative position in metres (OpenCV camera axes), and the logarithms of
# the Laplace scales that the model expects its 2-D and 3-D errors to have.
CHANNELS = ("x", "y", "confidence", "X", "Y", "Z", "log_scale_2d", "log_scale_3d")


class KeypointTokens(nnx.Module):
    """The tokens and the MLP that reads them. All of it runs in float32 or wider.

    A token speaks for the frames of its latent: the last of them alone for the first latent, which
    stands for one frame.
    """

    def __init__(self, config: SparseConfig, dim: int, frames: int, *, rngs: nnx.Rngs):
        normal = jax.random.normal
        self.tokens = nnx.Param(config.init_std * normal(rngs.params(), (config.joints, dim)))
        self.norm = nnx.LayerNorm(dim, epsilon=1e-6, rngs=rngs)
        self.linear_1 = nnx.Linear(dim, config.hidden_dim, precision="highest", rngs=rngs)
        self.linear_2 = nnx.Linear(
            config.hidden_dim, frames * len(CHANNELS), precision="highest", rngs=rngs
        )
        self.frames = frames

    def __call__(self, B: int, Tz: int) -> Float[Array, "B K D"]:
        """Tokens for a batch, latent frame slowest; here K counts joints x latent frames."""
        tokens = jnp.tile(self.tokens[...], (Tz, 1))
        return jnp.broadcast_to(tokens, (B, *tokens.shape))

    def read(self, x: Float[Array, "B K D"]) -> Float[Array, "B T joints 8"]:
        """`CHANNELS` of every joint in every frame, from the tokens that the trunk returns."""
        B, joints = x.shape[0], self.tokens.shape[0]
        hidden = jax.nn.gelu(self.linear_1(self.norm(x)), approximate=True)
        y = self.linear_2(hidden).reshape(B, -1, joints, self.frames, len(CHANNELS))
        y = y.swapaxes(2, 3).reshape(B, -1, joints, len(CHANNELS))[:, self.frames - 1 :]
        # Untrained, a joint lies in the middle of the image.
        return y + jnp.array([0.5, 0.5, 0, 0, 0, 0, 0, 0], y.dtype)

"""THFM: a video diffusion transformer that perceives in one deterministic forward pass.

The clip's own latents take the place of the noisy latents, the diffusion time is a constant, and
the prompt says which task. The trunk returns the latents of a dense map and, from its keypoint
tokens, keypoints. arXiv:2603.25892; which parts are published and which inferred is in
docs/decisions.md.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float, Int, UInt8

from thfm_jax import sharding
from thfm_jax.config import Compute, ThfmConfig
from thfm_jax.models.dit import Dit
from thfm_jax.models.sparse import CHANNELS, KeypointTokens
from thfm_jax.models.vae import Vae
from thfm_jax.ops.patches import patch_grid, patchify, unpatchify
from thfm_jax.ops.rope import grid_positions, keypoint_positions, rope_table
from thfm_jax.types import Conditioning, ModelOutput


class Thfm(nnx.Module):
    """VAE, trunk and keypoint tokens, joined."""

    def __init__(self, config: ThfmConfig, compute: Compute = Compute(), *, rngs: nnx.Rngs):
        self.vae = Vae(config.vae, compute, rngs=rngs)
        self.dit = Dit(config.dit, compute, rngs=rngs)
        self.sparse = KeypointTokens(
            config.sparse, config.dit.dim, config.vae.temporal_stride, rngs=rngs
        )
        self.config, self.compute = config, compute

    def __call__(
        self, frames: UInt8[Array, "B T H W 3"], conditioning: Conditioning
    ) -> ModelOutput:
        """Everything one task's prompt asks of a batch of clips."""
        output = self.perceive(self.encode(frames), conditioning)
        return dataclasses.replace(output, dense=self.decode(output.latents))

    def encode(self, frames: UInt8[Array, "B T H W 3"]) -> Float[Array, "B Tz Hz Wz Z"]:
        """Standardised latents of sRGB frames, 0-255."""
        return self.vae.encode(as_video(frames))

    def decode(self, latents: Float[Array, "B Tz Hz Wz Z"]) -> Float[Array, "B T H W 3"]:
        """Maps of standardised latents, as tasks decode them: not clipped to [-1, 1].

        Tasks clip what they read from the channels, such as their mean; each channel by itself may
        lie beyond.
        """
        return self.vae.decode(latents, clip=False)

    def condition(self, text: Float[Array, "B L text_dim"]) -> Conditioning:
        """Conditioning on prompt features, which are zero beyond the prompt's end."""
        return self.dit.condition(jnp.full(1, self.config.timestep, jnp.float32), text)

    def perceive(
        self, latents: Float[Array, "B Tz Hz Wz Z"], conditioning: Conditioning
    ) -> ModelOutput:
        """One pass of the trunk and both read-outs; the dense map stays in latent form."""
        c = self.config
        B, Tz, Hz, Wz, _ = latents.shape
        grid = patch_grid((Tz, Hz, Wz), c.dit.patch)
        positions = [grid_positions(grid), keypoint_positions(grid[0], c.sparse.joints)]
        rope = rope_table(
            np.concatenate(positions), c.dit.head_dim, c.dit.rope_theta, c.dit.rope_length
        )
        video = self.dit.embed(patchify(sharding.constrain(latents, "batch"), c.dit.patch))
        N = video.shape[1]
        x = jnp.concatenate([video, self.sparse(B, grid[0]).astype(video.dtype)], axis=1)
        x = self.dit.trunk(x, conditioning, rope)
        video, keypoints = x[:, :N], x[:, N:]
        # Small from here on: every device has whole clips.
        out = sharding.constrain(self.dit.project(video, conditioning), "batch")
        out = unpatchify(out, grid, c.dit.patch)
        if c.reading == "velocity":
            out = latents - out
        sparse, pointing = self.sparse.read(keypoints, video, grid)
        return ModelOutput(latents=out, sparse=sparse, pointing=pointing)

    def perceive_tasks(
        self,
        frames: UInt8[Array, "B T H W 3"],
        conditioning: Conditioning,
        dense: Bool[Array, "tasks"],
        rows: Int[Array, "R"],
        count: Int[Array, ""],
    ) -> ModelOutput:
        """The first `count` of the tasks in `rows`, each for every clip, from one VAE encode.

        `conditioning` has all known tasks on its batch axis and `rows` holds indices into it;
        `dense` says which of them want the VAE's decoder. The number of turns of the loop is a
        value, not a shape, so one compiled program serves any subset of the tasks at the cost of
        that subset. Forward only: such a loop has no reverse-mode derivative.

        Returns:
          The fields of `ModelOutput` with a leading axis R; entries from `count` on are zero, as
          is `dense` for a task without dense map.
        """
        latents = self.encode(frames)
        B, R, step = frames.shape[0], rows.shape[0], self.compute.tasks_at_once
        rows = jnp.pad(rows, (0, -R % step), mode="edge")
        clips = jnp.tile(latents, (step, 1, 1, 1, 1))
        video = jax.ShapeDtypeStruct((step * B, *frames.shape[1:]), latents.dtype)

        def turn(i, outputs):
            chosen = jax.lax.dynamic_slice_in_dim(rows, i * step, step)
            output = self.perceive(clips, _take(conditioning, jnp.repeat(chosen, B)))
            output = dataclasses.replace(
                output,
                pointing=None,
                dense=jax.lax.cond(
                    dense[chosen].any(),
                    self.decode,
                    lambda _: jnp.zeros(video.shape, video.dtype),
                    output.latents,
                ),
            )
            return jax.tree.map(
                lambda all, new: jax.lax.dynamic_update_slice_in_dim(
                    all, new.reshape(step, B, *new.shape[1:]), i * step, axis=0
                ),
                outputs,
                output,
            )

        lead = (rows.shape[0], B)
        empty = ModelOutput(
            latents=jnp.zeros((*lead, *latents.shape[1:]), latents.dtype),
            sparse=jnp.zeros(
                (*lead, frames.shape[1], self.config.sparse.joints, len(CHANNELS)), latents.dtype
            ),
            dense=jnp.zeros((*lead, *frames.shape[1:]), latents.dtype),
        )
        outputs = jax.lax.fori_loop(0, -(-count // step), turn, empty)
        wanted = jnp.arange(rows.shape[0]) < count
        return jax.tree.map(
            lambda x: jnp.where(wanted.reshape(-1, *[1] * (x.ndim - 1)), x, 0)[:R], outputs
        )


def as_video(frames: UInt8[Array, "*B 3"]) -> Float[Array, "*B 3"]:
    """sRGB frames, 0-255, as the VAE takes them: float32 in [-1, 1]."""
    return frames.astype(jnp.float32) / 127.5 - 1.0


def _take(conditioning: Conditioning, rows: Int[Array, "B"]) -> Conditioning:
    """The rows of the text; the modulation is the same for all tasks."""
    c = conditioning
    return dataclasses.replace(
        c,
        text_keys=c.text_keys[:, rows],
        text_values=c.text_values[:, rows],
        text_bias=None if c.text_bias is None else c.text_bias[rows],
    )


def padding_bias(lengths: Int[Array, "R"], kept: int, total: int) -> Float[Array, "R {kept}"]:
    """What is added to the logits of `kept` keys so that they stand for `total`.

    Beyond a prompt's end its features are zero, so those n = total - length tokens share one key
    and one value and weigh as much as a single one whose logit is greater by log n: the token just
    beyond the end stands for all. The others of the padding stand for none. A `total` of 0 means no
    padding.
    """
    index, ends = jnp.arange(kept), lengths[:, None]
    padding = total - ends
    beyond = jnp.where(padding > 0, jnp.log(jnp.maximum(padding, 1)), -jnp.inf)
    return jnp.where(index < ends, 0.0, jnp.where(index == ends, beyond, -jnp.inf))


def fold_padding(conditioning: Conditioning, lengths: list[int]) -> Conditioning:
    """The same conditioning with each prompt's padding tokens replaced by one.

    See `padding_bias`. A prompt of ten tokens so needs eleven instead of 512. Where padding is not
    attended to, it is only cut off. `lengths` are the prompts' numbers of tokens.
    """
    c = conditioning
    L = c.text_keys.shape[2]
    kept = min(L, -(-(max(lengths) + 1) // 8) * 8)
    return dataclasses.replace(
        c,
        text_keys=c.text_keys[:, :, :kept],
        text_values=c.text_values[:, :, :kept],
        text_bias=padding_bias(jnp.array(lengths), kept, L if c.text_bias is None else 0),
    )

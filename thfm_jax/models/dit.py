"""The Wan2.1 video diffusion transformer, deterministic part: tokens in, tokens out.

What depends on the diffusion time and the prompt alone is computed apart (`Dit.condition`), since
in THFM both are constant for a task: see `types.Conditioning`.

Precision: the residual stream, norms, modulation, the time path and the head are float32; matmuls
and attention run in `Compute.dtype`. Where that is float64 everything is.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Float

from thfm_jax import sharding
from thfm_jax.config import Compute, DitConfig
from thfm_jax.ops.embeddings import timestep_embedding
from thfm_jax.ops.parallel_attention import cross_attention, self_attention
from thfm_jax.ops.rope import apply_rope
from thfm_jax.types import Conditioning

RopeTable = tuple[np.ndarray, np.ndarray]

_REMAT: dict[str, Callable] = {
    "full": jax.checkpoint_policies.nothing_saveable,
    "dots": jax.checkpoint_policies.dots_with_no_batch_dims_saveable,
    "offload": jax.checkpoint_policies.save_and_offload_only_these_names(
        names_which_can_be_saved=[],
        names_which_can_be_offloaded=["block_input"],
        offload_src="device",
        offload_dst="pinned_host",
    ),
}


def wide_dtype(compute: Compute) -> jnp.dtype:
    """The dtype of the residual stream: float32, or float64 where the matmuls are."""
    return jnp.promote_types(compute.dtype, jnp.float32)


class Linear(nnx.Module):
    """x @ kernel + bias: operands in `dtype`, sum and bias at least in float32, result in `out`.

    With an adapter, `adapter_scale` * x @ lora_a @ lora_b besides: see `training/lora.py`.
    """

    lora_a: nnx.Param
    lora_b: nnx.Param
    adapter_scale: float = 0.0

    def __init__(self, inputs: int, outputs: int, dtype, out=None, *, rngs: nnx.Rngs):
        init = nnx.initializers.xavier_uniform()
        self.kernel = nnx.Param(init(rngs.params(), (inputs, outputs), jnp.float32))
        self.bias = nnx.Param(jnp.zeros(outputs))
        self.dtype, self.out = jnp.dtype(dtype), jnp.dtype(out or dtype)

    def __call__(self, x):
        wide = jnp.promote_types(self.dtype, jnp.float32)
        # XLA's default for float32 operands is TF32 on GPUs and bfloat16 on TPUs.
        precision = jax.lax.Precision.HIGHEST if self.dtype == wide else None
        x = x.astype(self.dtype)
        multiply = functools.partial(jnp.matmul, precision=precision, preferred_element_type=wide)
        y = multiply(x, self.kernel.astype(self.dtype)) + self.bias
        if self.adapter_scale:
            low = multiply(x, self.lora_a.astype(self.dtype)).astype(self.dtype)
            y = y + self.adapter_scale * multiply(low, self.lora_b.astype(self.dtype))
        return y.astype(self.out)


def _constrain(x):
    return sharding.constrain(x, "batch", "tokens")


def _layer_norm(x, eps: float):
    mean = x.mean(axis=-1, keepdims=True)
    centred = x - mean
    return centred * jax.lax.rsqrt(jnp.square(centred).mean(axis=-1, keepdims=True) + eps)


class LayerNorm(nnx.Module):
    """LayerNorm with scale and bias, in the dtype of the residual stream."""

    def __init__(self, dim: int, eps: float):
        self.scale = nnx.Param(jnp.ones(dim))
        self.bias = nnx.Param(jnp.zeros(dim))
        self.eps = eps

    def __call__(self, x):
        return _layer_norm(x, self.eps) * self.scale + self.bias


class RmsNorm(nnx.Module):
    """RMSNorm over the whole width, all heads together, before they are split."""

    def __init__(self, dim: int, eps: float):
        self.scale = nnx.Param(jnp.ones(dim))
        self.eps = eps

    def __call__(self, x):
        wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        norm = jax.lax.rsqrt(jnp.square(wide).mean(axis=-1, keepdims=True) + self.eps)
        return wide * norm * self.scale


class Mlp(nnx.Module):
    """Two linear layers with an activation between."""

    def __init__(self, inputs: int, hidden: int, outputs: int, activation, dtype, *, rngs):
        self.linear_1 = Linear(inputs, hidden, dtype, rngs=rngs)
        self.linear_2 = Linear(hidden, outputs, dtype, rngs=rngs)
        self.activation = activation

    def __call__(self, x):
        return self.linear_2(self.activation(self.linear_1(x)))


class Attention(nnx.Module):
    """Multi-head attention with normalised queries and keys."""

    def __init__(self, config: DitConfig, compute: Compute, *, rngs: nnx.Rngs):
        D, dtype, wide = config.dim, jnp.dtype(compute.dtype), wide_dtype(compute)
        self.q = Linear(D, D, dtype, wide, rngs=rngs)
        self.k = Linear(D, D, dtype, wide, rngs=rngs)
        self.v = Linear(D, D, dtype, rngs=rngs)
        self.o = Linear(D, D, dtype, wide, rngs=rngs)
        self.q_norm = RmsNorm(D, config.eps)
        self.k_norm = RmsNorm(D, config.eps)
        self.heads = config.heads
        self.dtype = dtype
        self.implementation = compute.attention

    def split(self, x):
        return x.reshape(*x.shape[:-1], self.heads, -1)

    def join(self, x):
        return x.reshape(*x.shape[:-2], -1)

    def attend_to_self(self, x, rope: RopeTable):
        """`rope` has a row for each token; those of `x` behind them are padding, seen by none."""
        count = len(rope[0])
        cos, sin = (np.pad(part, ((0, x.shape[1] - count), (0, 0))) for part in rope)
        q = apply_rope(self.split(self.q_norm(self.q(x))), (cos, sin)).astype(self.dtype)
        k = apply_rope(self.split(self.k_norm(self.k(x))), (cos, sin)).astype(self.dtype)
        out = self_attention(q, k, self.split(self.v(x)), count, self.implementation)
        return self.o(self.join(out))

    def keys_and_values(self, text):
        k = self.split(self.k_norm(self.k(text))).astype(self.dtype)
        return k, self.split(self.v(text))

    def attend_to(self, x, keys, values, bias):
        q = self.split(self.q_norm(self.q(x))).astype(self.dtype)
        B = (x.shape[0],)
        keys, values = (jnp.broadcast_to(a, B + a.shape[1:]) for a in (keys, values))
        if bias is not None:
            bias = jnp.broadcast_to(bias, B + bias.shape[1:])
        return self.o(self.join(cross_attention(q, keys, values, bias, self.implementation)))


class FeedForward(nnx.Module):
    """The block's MLP; GELU in its tanh form, as Wan2.1's."""

    def __init__(self, config: DitConfig, compute: Compute, *, rngs: nnx.Rngs):
        dtype, wide = jnp.dtype(compute.dtype), wide_dtype(compute)
        self.up = Linear(config.dim, config.ffn_dim, dtype, rngs=rngs)
        self.down = Linear(config.ffn_dim, config.dim, dtype, wide, rngs=rngs)

    def __call__(self, x):
        return self.down(jax.nn.gelu(self.up(x), approximate=True))


class Block(nnx.Module):
    """Self-attention and FFN, both modulated and gated, around a plain cross-attention.

    Source: wan/modules/model.py::WanAttentionBlock.
    """

    def __init__(self, config: DitConfig, compute: Compute, *, rngs: nnx.Rngs):
        self.self_attention = Attention(config, compute, rngs=rngs)
        self.cross_attention = Attention(config, compute, rngs=rngs)
        self.cross_norm = LayerNorm(config.dim, config.eps)
        self.ffn = FeedForward(config, compute, rngs=rngs)
        self.modulation = nnx.Param(
            jax.random.normal(rngs.params(), (6, config.dim)) / config.dim**0.5
        )
        self.eps = config.eps

    def __call__(self, x, modulation, keys, values, bias, rope: RopeTable):
        """x [B, S, D] wide; modulation [B|1, 6, D] wide; keys and values [B|1, L, heads, hd]."""
        shift, scale, gate, ffn_shift, ffn_scale, ffn_gate = jnp.split(modulation, 6, axis=1)
        y = _layer_norm(x, self.eps) * (1 + scale) + shift
        x = x + gate * self.self_attention.attend_to_self(y, rope)
        x = x + self.cross_attention.attend_to(self.cross_norm(x), keys, values, bias)
        y = _layer_norm(x, self.eps) * (1 + ffn_scale) + ffn_shift
        return x + ffn_gate * self.ffn(y)


class Head(nnx.Module):
    """Modulated norm and projection to latent patches, in the dtype of the residual stream."""

    def __init__(self, config: DitConfig, dtype, *, rngs: nnx.Rngs):
        self.modulation = nnx.Param(
            jax.random.normal(rngs.params(), (2, config.dim)) / config.dim**0.5
        )
        self.projection = Linear(config.dim, config.patch_dim, dtype, rngs=rngs)
        self.eps = config.eps

    def __call__(self, x, modulation):
        shift, scale = jnp.split(modulation, 2, axis=1)
        return self.projection(_layer_norm(x, self.eps) * (1 + scale) + shift)


class Dit(nnx.Module):
    """The trunk. Parameters of the equal blocks are stacked on a leading layer axis."""

    def __init__(self, config: DitConfig, compute: Compute = Compute(), *, rngs: nnx.Rngs):
        wide, dtype, D = wide_dtype(compute), jnp.dtype(compute.dtype), config.dim
        self.patch_embedding = Linear(config.patch_dim, D, dtype, wide, rngs=rngs)
        gelu = lambda x: jax.nn.gelu(x, approximate=True)
        self.text_embedding = Mlp(config.text_dim, D, D, gelu, dtype, rngs=rngs)
        self.time_embedding = Mlp(config.freq_dim, D, D, jax.nn.silu, wide, rngs=rngs)
        self.time_projection = Linear(D, 6 * D, wide, rngs=rngs)

        @nnx.split_rngs(splits=config.layers)
        @nnx.vmap(in_axes=(0,), out_axes=0)
        def make_blocks(rngs: nnx.Rngs) -> Block:
            return Block(config, compute, rngs=rngs)

        self.blocks = make_blocks(rngs)
        self.head = Head(config, wide, rngs=rngs)
        self.config, self.compute = config, compute

    def condition(
        self, timestep: Float[Array, "#B"], text: Float[Array, "B L text_dim"]
    ) -> Conditioning:
        """What the blocks need to know of the diffusion time (0 to 1000) and the prompt.

        `text` is zero beyond the prompt's end. With `text_padding` those rows are attended to as
        well: Wan2.1 has no mask in its cross-attention, so they are part of the function that was
        trained.
        """
        within = (text != 0).any(axis=-1)
        wide = wide_dtype(self.compute)
        time = timestep_embedding(timestep, self.config.freq_dim, wide)
        time = self.time_embedding(time)
        projection = self.time_projection(jax.nn.silu(time)).reshape(-1, 6, self.config.dim)
        # Left split by width, as their kernels are, they would split every block's tokens so too.
        time, projection = (sharding.constrain(x, "batch") for x in (time, projection))
        text = self.text_embedding(sharding.constrain(text, "batch"))
        graph, state = nnx.split(self.blocks)

        def keys_and_values(layer):
            both = nnx.merge(graph, layer).cross_attention.keys_and_values(text)
            return tuple(sharding.constrain(x, "batch", None, "heads") for x in both)

        keys, values = jax.lax.map(keys_and_values, state)
        return Conditioning(
            modulation=self.blocks.modulation[:, None] + projection,
            head_modulation=self.head.modulation[...] + time[:, None],
            text_keys=keys,
            text_values=values,
            text_bias=None if self.config.text_padding else jnp.where(within, 0.0, -jnp.inf),
        )

    def embed(self, patches: Float[Array, "B N P"]) -> Float[Array, "B N D"]:
        """Tokens of latent patches, float32 or wider."""
        return self.patch_embedding(patches)

    def trunk(
        self, x: Float[Array, "B S D"], conditioning: Conditioning, rope: RopeTable
    ) -> Float[Array, "B S D"]:
        """All blocks. `rope` has a row for each of the S tokens."""
        c, S = conditioning, x.shape[1]
        graph, state = nnx.split(self.blocks)
        x = _constrain(jnp.pad(x, ((0, 0), (0, -S % sharding.ways("tokens")), (0, 0))))

        def block(x, layer):
            state, modulation, keys, values = layer
            x = checkpoint_name(x, "block_input")
            x = nnx.merge(graph, state)(x, modulation, keys, values, c.text_bias, rope)
            return _constrain(x), None

        if self.compute.remat != "none":
            policy = _REMAT[self.compute.remat]
            # Inside a scan XLA cannot merge the recomputation with the forward pass anyway.
            block = jax.checkpoint(block, policy=policy, prevent_cse=not self.compute.scan)
        layers = (state, c.modulation, c.text_keys, c.text_values)
        x, _ = jax.lax.scan(block, x, layers, unroll=1 if self.compute.scan else self.config.layers)
        return x[:, :S]

    def project(
        self, x: Float[Array, "B N D"], conditioning: Conditioning
    ) -> Float[Array, "B N P"]:
        """Latent patches of video tokens."""
        return self.head(x, conditioning.head_modulation)

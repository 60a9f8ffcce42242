"""The UMT5 encoder: token ids of a prompt to the text features that the trunk attends to."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float, Int

from thfm_jax.config import Compute, TextConfig


def relative_buckets(length: int, buckets: int, max_distance: int) -> Int[np.ndarray, "L L"]:
    """Bucket in [0, buckets) of the offset from query (row) to key (column), in tokens.

    Half of the buckets is for keys after the query. In each half, the lower half of the buckets
    stands for one distance each, the upper half for ranges that grow geometrically up to
    `max_distance`; the last one takes all that is farther. Computed in float64.

    Source: wan/modules/t5.py::T5RelativeEmbedding._relative_position_bucket.
    """
    offset = np.arange(length)[None, :] - np.arange(length)[:, None]
    distance = np.abs(offset)
    half = buckets // 2
    exact = half // 2
    progress = np.log(np.maximum(distance, exact) / exact) / np.log(max_distance / exact)
    coarse = np.minimum(exact + (progress * (half - exact)).astype(np.int32), half - 1)
    return np.where(distance < exact, distance, coarse) + half * (offset > 0)


def _wide(dtype: jax.typing.DTypeLike) -> jnp.dtype:
    """The dtype of what must stay precise: float32, or float64 where everything is."""
    return jnp.promote_types(dtype, jnp.float32)


def _precision(dtype: jax.typing.DTypeLike) -> jax.lax.Precision | None:
    """XLA's default for float32 operands is TF32 on GPUs and bfloat16 on TPUs."""
    return None if jnp.dtype(dtype) == jnp.bfloat16 else jax.lax.Precision.HIGHEST


def _linear(inputs: int, outputs: int, std: float, dtype: str, *, rngs: nnx.Rngs) -> nnx.Linear:
    return nnx.Linear(
        inputs,
        outputs,
        use_bias=False,
        kernel_init=nnx.initializers.normal(std),
        dtype=dtype,
        precision=_precision(dtype),
        rngs=rngs,
    )


def _norm(config: TextConfig, compute: Compute, *, rngs: nnx.Rngs) -> nnx.RMSNorm:
    return nnx.RMSNorm(config.dim, epsilon=config.eps, dtype=_wide(compute.dtype), rngs=rngs)


class SelfAttention(nnx.Module):
    """Bidirectional attention with a learned bias per head and relative position.

    The logits are not divided by sqrt(hd): T5 puts that factor into the initial values of `q`.
    Logits and softmax are float32. Plain XLA whatever `Compute.attention` says: the sequence is
    short, it runs once per prompt, and the fused kernels take no bias.

    Source: wan/modules/t5.py::T5Attention.
    """

    def __init__(self, config: TextConfig, compute: Compute, *, rngs: nnx.Rngs):
        dim, inner = config.dim, config.heads * config.head_dim
        self.heads = config.heads
        self.q = _linear(dim, inner, (dim * config.head_dim) ** -0.5, compute.dtype, rngs=rngs)
        self.k = _linear(dim, inner, dim**-0.5, compute.dtype, rngs=rngs)
        self.v = _linear(dim, inner, dim**-0.5, compute.dtype, rngs=rngs)
        self.o = _linear(inner, dim, inner**-0.5, compute.dtype, rngs=rngs)
        init = nnx.initializers.normal(dim**-0.5)
        self.relative_bias = nnx.Param(init(rngs.params(), (config.buckets, config.heads)))

    def __call__(
        self,
        x: Float[Array, "B L D"],
        buckets: Int[np.ndarray, "L L"],
        mask: Bool[Array, "B L"],
    ) -> Float[Array, "B L D"]:
        q, k, v = (self._split_heads(project(x)) for project in (self.q, self.k, self.v))
        wide, precision = _wide(q.dtype), _precision(q.dtype)
        product = partial(jnp.einsum, precision=precision, preferred_element_type=wide)
        logits = product("bqhd,bkhd->bhqk", q, k)
        logits += self.relative_bias[...].astype(wide).T[:, buckets]
        logits = jnp.where(mask[:, None, None, :], logits, jnp.finfo(wide).min)
        weights = jax.nn.softmax(logits).astype(v.dtype)
        mixed = product("bhqk,bkhd->bqhd", weights, v)
        return self.o(mixed.reshape(*x.shape[:2], -1))

    def _split_heads(self, x: Float[Array, "B L inner"]) -> Float[Array, "B L heads hd"]:
        return x.reshape(*x.shape[:2], self.heads, -1)


class FeedForward(nnx.Module):
    """Two layers, gated by the tanh form of GELU. Source: wan/modules/t5.py::T5FeedForward."""

    def __init__(self, config: TextConfig, compute: Compute, *, rngs: nnx.Rngs):
        dim, hidden = config.dim, config.ffn_dim
        self.gate = _linear(dim, hidden, dim**-0.5, compute.dtype, rngs=rngs)
        self.up = _linear(dim, hidden, dim**-0.5, compute.dtype, rngs=rngs)
        self.down = _linear(hidden, dim, hidden**-0.5, compute.dtype, rngs=rngs)

    def __call__(self, x: Float[Array, "B L D"]) -> Float[Array, "B L D"]:
        return self.down(jax.nn.gelu(self.gate(x), approximate=True) * self.up(x))


class Block(nnx.Module):
    """Attention and feed-forward network, each added to a float32 residual stream.

    Differs from Wan2.1: there the residual has the compute dtype, bfloat16 in the released model.
    """

    def __init__(self, config: TextConfig, compute: Compute, *, rngs: nnx.Rngs):
        self.attention_norm = _norm(config, compute, rngs=rngs)
        self.attention = SelfAttention(config, compute, rngs=rngs)
        self.ffn_norm = _norm(config, compute, rngs=rngs)
        self.ffn = FeedForward(config, compute, rngs=rngs)

    def __call__(
        self,
        x: Float[Array, "B L D"],
        buckets: Int[np.ndarray, "L L"],
        mask: Bool[Array, "B L"],
    ) -> Float[Array, "B L D"]:
        x = x + self.attention(self.attention_norm(x), buckets, mask)
        return x + self.ffn(self.ffn_norm(x))


class Umt5Encoder(nnx.Module):
    """The encoder half of UMT5; the blocks' parameters are stacked along a leading layer axis.

    `compute.dtype` is the dtype of the matmuls; embedding, residual, norms and softmax are float32.
    It is frozen in THFM, so `compute.remat` has no effect here.

    Source: wan/modules/t5.py::T5Encoder with umt5_xxl's values; transformers::UMT5EncoderModel.
    """

    def __init__(self, config: TextConfig, compute: Compute = Compute(), *, rngs: nnx.Rngs):
        @nnx.split_rngs(splits=config.layers)
        @nnx.vmap(transform_metadata={nnx.PARTITION_NAME: None})
        def stacked_blocks(rngs: nnx.Rngs) -> Block:
            return Block(config, compute, rngs=rngs)

        self.config = config
        self.compute = compute
        init = nnx.initializers.normal(1.0)
        self.token_embedding = nnx.Embed(
            config.vocab_size, config.dim, embedding_init=init, rngs=rngs
        )
        self.blocks = stacked_blocks(rngs)
        self.final_norm = _norm(config, compute, rngs=rngs)

    def __call__(
        self, ids: Int[Array, "B L"], mask: Bool[Array, "B L"] | Int[Array, "B L"]
    ) -> Float[Array, "B L D"]:
        """Features of each token, float32.

        Args:
          ids: token ids in [0, vocab_size); a larger one gives NaN.
          mask: nonzero where `ids` holds a token. Padding is not attended to; its own rows come out
            all the same, with values of no meaning.
        """
        config = self.config
        buckets = relative_buckets(ids.shape[1], config.buckets, config.max_distance)
        mask = mask.astype(bool)
        graph, layers = nnx.split(self.blocks)

        def step(x: Array, layer: nnx.State) -> tuple[Array, None]:
            return nnx.merge(graph, layer)(x, buckets, mask), None

        x, _ = jax.lax.scan(step, self.embed(ids), layers, unroll=not self.compute.scan)
        return self.final_norm(x)

    def embed(self, ids: Int[Array, "B L"]) -> Float[Array, "B L D"]:
        """Rows of the embedding table, cast after the look-up: the table may be gigabytes."""
        rows = jnp.take(self.token_embedding.embedding[...], ids, axis=0)
        return rows.astype(_wide(self.compute.dtype))


def sentence(
    features: Float[Array, "B L D"], mask: Bool[Array, "B L"] | Int[Array, "B L"]
) -> Float[Array, "B D"]:
    """A vector of length 1 for each text: the direction of the mean of its tokens' features."""
    mean = jnp.mean(features, axis=1, where=mask.astype(bool)[..., None])
    return mean / jnp.linalg.norm(mean, axis=-1, keepdims=True)


# `encode(encoder, ids, mask)` runs the encoder; call it outside any other jit. XLA on CPUs does not
# slice bfloat16 arrays, so it would convert the weights of all layers to float32 before the loop:
# 19 GB for UMT5-XXL. With this pass off it converts one layer at a time, in 0.8 GB.
encode = jax.jit(
    Umt5Encoder.__call__,
    compiler_options={"xla_disable_hlo_passes": "while-loop-invariant-code-motion"},
)

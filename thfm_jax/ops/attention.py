"""Dot-product attention behind one signature, with a backend for each platform."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from thfm_jax import sharding

# XLA attention handles as many queries at a time as keep the logits below this many bytes. On CPUs
# logits that stay in the cache are also the fastest (docs/benchmarks.md).
LOGITS_BYTES = {"cpu": 32 << 20, "gpu": 1 << 30, "tpu": 512 << 20}
_SPLASH_BLOCK = 512


def attention(
    q: Float[Array, "B S heads hd"],
    k: Float[Array, "B T heads hd"],
    v: Float[Array, "B T heads hd"],
    bias: Float[Array, "B T"] | None = None,
    implementation: str = "auto",
) -> Float[Array, "B S heads hd"]:
    """softmax(q k^T / sqrt(hd) + bias) v, in the dtype of `q`; the softmax is in float32 or wider.

    `bias` is added to the logits of each key, the same for all queries and heads. Implementations:
    "xla" runs everywhere in bounded memory; "cudnn" (NVIDIA, bfloat16) and "splash" (TPU, head
    dimension a multiple of 128) never form the logits; "auto" takes the best that fits. A biased
    call takes "xla": its keys are few, the folded text.
    """
    if implementation == "auto":
        implementation = _best(q)
    if implementation == "xla" or bias is not None:
        return _xla(q, k, v, bias)
    if implementation == "cudnn":
        return jax.nn.dot_product_attention(q, k, v, implementation="cudnn")
    if implementation == "splash":
        return splash(q, k, v)
    raise ValueError(f'attention is "auto", "xla", "cudnn" or "splash", not {implementation!r}')


def _best(q) -> str:
    platform, head_dim = sharding.platform(), q.shape[-1]
    if platform == "gpu" and q.dtype == jnp.bfloat16 and head_dim % 8 == 0 and head_dim <= 128:
        return "cudnn"
    if platform == "tpu" and head_dim % 128 == 0:
        return "splash"
    return "xla"


def _xla(q, k, v, bias):
    """Exact attention over query chunks, so that no [S, T] array of logits is ever whole."""
    B, S, heads, hd = q.shape
    wide = jnp.promote_types(q.dtype, jnp.float32)
    budget = LOGITS_BYTES.get(sharding.platform(), 1 << 30)
    chunk = max(budget // (B * heads * k.shape[1] * np.dtype(wide).itemsize), 16)
    chunks = -(-S // chunk)
    if chunks == 1:
        return _softmax_attention(q, k, v, bias)
    chunk = -(-S // chunks)
    padded = jnp.pad(q, ((0, 0), (0, chunks * chunk - S), (0, 0), (0, 0)))
    pieces = padded.reshape(B, chunks, chunk, heads, hd).swapaxes(0, 1)
    # Recomputed in the backward pass: saved logits would undo the bound on memory.
    body = jax.checkpoint(lambda piece: _softmax_attention(piece, k, v, bias))
    out = jax.lax.map(body, pieces)
    return out.swapaxes(0, 1).reshape(B, chunks * chunk, heads, hd)[:, :S]


def _softmax_attention(q, k, v, bias):
    wide = jnp.promote_types(q.dtype, jnp.float32)
    precision = jax.lax.Precision.HIGHEST if q.dtype == wide else None
    logits = jnp.einsum(
        "bshd,bthd->bhst", q, k, precision=precision, preferred_element_type=wide
    ) * (q.shape[-1] ** -0.5)
    if bias is not None:
        logits = logits + bias.astype(wide)[:, None, None, :]
    weights = jnp.exp(logits - jax.lax.stop_gradient(logits.max(axis=-1, keepdims=True)))
    # Dividing the output instead of the weights saves a pass over the logits.
    total = weights.sum(axis=-1)
    out = jnp.einsum(
        "bhst,bthd->bshd",
        weights.astype(v.dtype),
        v,
        precision=precision,
        preferred_element_type=wide,
    )
    return (out / total.swapaxes(1, 2)[..., None]).astype(q.dtype)


def splash(q, k, v, *, block: int = _SPLASH_BLOCK, interpret: bool = False):
    """Pallas splash attention; the sequences are padded to blocks and the padding masked out.

    `interpret` runs the kernel's arithmetic on any platform, for tests.
    """
    # Imported here: the module needs Pallas for TPU, which other platforms may lack.
    from jax.experimental.pallas.ops.tpu.splash_attention import (
        splash_attention_kernel as kernel_lib,
    )
    from jax.experimental.pallas.ops.tpu.splash_attention import splash_attention_mask as mask_lib

    S, T, heads, hd = q.shape[1], k.shape[1], q.shape[2], q.shape[3]
    q_pad, kv_pad = -S % block, -T % block
    q, k, v = (
        jnp.pad(x, ((0, 0), (0, pad), (0, 0), (0, 0))).swapaxes(1, 2)
        for x, pad in ((q * hd**-0.5, q_pad), (k, kv_pad), (v, kv_pad))
    )
    sizes = kernel_lib.BlockSizes(
        block_q=block,
        block_kv=block,
        block_kv_compute=block,
        block_q_dkv=block,
        block_kv_dkv=block,
        block_kv_dkv_compute=block,
        block_q_dq=block,
        block_kv_dq=block,
    )
    kernel = kernel_lib.make_splash_mha(
        mask_lib.MultiHeadMask([mask_lib.FullMask((S + q_pad, T + kv_pad))] * heads),
        block_sizes=sizes,
        head_shards=1,
        q_seq_shards=1,
        interpret=interpret,
    )
    segments = kernel_lib.SegmentIds(
        q=jnp.zeros(S + q_pad, jnp.int32), kv=(jnp.arange(T + kv_pad) >= T).astype(jnp.int32)
    )
    out = jax.vmap(kernel, in_axes=(0, 0, 0, None))(q, k, v, segments)
    return out.swapaxes(1, 2)[:, :S]

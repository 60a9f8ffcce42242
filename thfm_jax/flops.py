"""How many FLOPs each part of the model takes, and how many a device can do in a second.

A multiply-add is two. Matmuls and convolutions count, with the products that meet zero padding;
norms, softmax, activations and the rotary embedding do not. What a device recomputes or pads is not
useful work and so not counted either.
"""

import itertools
import math
import re

from thfm_jax.config import DitConfig, SparseConfig, TextConfig, ThfmConfig, VaeConfig
from thfm_jax.models.sparse import CHANNELS, POINTING
from thfm_jax.ops.patches import Grid, patch_grid

# Dense bfloat16 FLOP/s of one JAX device, by the beginning of its `device_kind`. Where the data
# sheet quotes a figure with 2:4 sparsity, half of it.
PEAKS = {
    # NVIDIA's data sheets of the product; SXM where the name does not say otherwise.
    "NVIDIA A100": 312e12,
    "NVIDIA L4": 121e12,
    "NVIDIA H100": 989e12,
    "NVIDIA H100 PCIe": 756e12,
    "NVIDIA H100 NVL": 835e12,
    "NVIDIA H200": 989e12,
    "NVIDIA H200 NVL": 835e12,
    # "Peak compute per chip" of docs.cloud.google.com/tpu/docs/{v4,v5e,v5p,v6e,tpu7x}. JAX sees
    # the two halves of a TPU7x chip as two devices.
    "TPU v4": 275e12,
    "TPU v5 lite": 197e12,
    "TPU v5e": 197e12,
    "TPU v5": 459e12,
    "TPU v5p": 459e12,
    "TPU v6 lite": 918e12,
    "TPU v6e": 918e12,
    "TPU7x": 2307e12 / 2,
}


def peak(device_kind: str) -> float | None:
    """Dense bfloat16 FLOP/s of a device, None where they are not known."""
    known = [name for name in PEAKS if re.match(re.escape(name) + r"(?![^ -])", device_kind)]
    return PEAKS[max(known, key=len)] if known else None


def dit_forward(config: DitConfig, latent_grid: Grid, text_tokens: int) -> int:
    """The whole trunk: conditioning, patch embedding, blocks and projection, for one clip."""
    Tp, Hp, Wp = patch_grid(latent_grid, config.patch)
    N = Tp * Hp * Wp
    return (
        dit_conditioning(config, text_tokens)
        + dit_blocks(config, N, text_tokens)
        + dit_ends(config, N)
    )


def dit_conditioning(config: DitConfig, text_tokens: int) -> int:
    """Time path, text embedding, and every block's keys and values of the text."""
    D = config.dim
    time = config.freq_dim * D + 7 * D * D
    text = text_tokens * (config.text_dim * D + D * D)
    return 2 * (time + text + config.layers * text_tokens * 2 * D * D)


def dit_blocks(config: DitConfig, tokens: int, text_tokens: int) -> int:
    """The blocks, given the text's keys and values."""
    D, S = config.dim, tokens
    linear = S * (6 * D * D + 2 * D * config.ffn_dim)  # q, k, v, o; q, o; up, down
    return 2 * config.layers * linear + dit_attention(config, tokens, text_tokens)


def dit_attention(config: DitConfig, tokens: int, text_tokens: int) -> int:
    """The products of queries, keys and values in all blocks."""
    return 4 * config.layers * tokens * (tokens + text_tokens) * config.dim


def dit_matrices(
    config: DitConfig, tokens: int, video_tokens: int, text_tokens: int
) -> dict[str, int]:
    """What one clip costs each of the trunk's matrices, by path; of the blocks' in all layers.

    Without those of the time path, which see one token.
    """
    D, F, P = config.dim, config.ffn_dim, config.patch_dim
    block = {f"self_attention/{name}": tokens * D * D for name in "qkvo"}
    block |= {f"cross_attention/{name}": tokens * D * D for name in "qo"}
    block |= {f"cross_attention/{name}": text_tokens * D * D for name in "kv"}
    block |= {f"ffn/{name}": tokens * D * F for name in ("up", "down")}
    ends = {name: video_tokens * P * D for name in ("patch_embedding", "head/projection")}
    text = {
        "text_embedding/linear_1": text_tokens * config.text_dim * D,
        "text_embedding/linear_2": text_tokens * D * D,
    }
    blocks = {f"blocks/{name}": config.layers * count for name, count in block.items()}
    return {name: 2 * count for name, count in (blocks | ends | text).items()}


def text_encoder(config: TextConfig, tokens: int) -> int:
    """Features of one prompt."""
    inner = config.heads * config.head_dim
    linear = tokens * config.dim * (4 * inner + 3 * config.ffn_dim)
    return 2 * config.layers * (linear + 2 * tokens**2 * inner)


def dit_ends(config: DitConfig, video_tokens: int) -> int:
    """Patch embedding and projection back to patches."""
    return 2 * video_tokens * 2 * config.patch_dim * config.dim


def vae_encode(config: VaeConfig, frames: int, height: int, width: int) -> int:
    """Pixels to latents, for one clip."""
    widths = [config.base_dim * m for m in (1, *config.multipliers)]
    T, pixels, total = frames, height * width // config.patch**2, 0
    total += T * pixels * 27 * 3 * config.patch**2 * widths[0]
    for i, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
        total += T * pixels * _res_blocks(inputs, outputs, config.res_blocks)
        if i < len(config.temporal_down):
            pixels //= 4
            total += T * pixels * 9 * outputs**2
            if config.temporal_down[i]:
                T = (T + 1) // 2
                total += (T - 1) * pixels * 3 * outputs**2
    z = 2 * config.z_dim
    total += _vae_middle(widths[-1], T, pixels)
    total += T * pixels * (27 * widths[-1] * z + z * z)
    return 2 * total


def vae_decode(config: VaeConfig, frames: int, height: int, width: int) -> int:
    """Latents to that many pixels, for one clip."""
    widths = [config.decoder_dim * m for m in config.multipliers[::-1]]
    T, Hz, Wz = config.latent_grid(frames, height, width)
    pixels, inputs, z = Hz * Wz, widths[0], config.z_dim
    total = T * pixels * (z * z + 27 * z * inputs) + _vae_middle(inputs, T, pixels)
    for i, outputs in enumerate(widths):
        total += T * pixels * _res_blocks(inputs, outputs, config.res_blocks + 1)
        if i < len(config.temporal_down):
            if config.temporal_down[::-1][i]:
                total += (T - 1) * pixels * 3 * outputs * 2 * outputs
                T = 2 * T - 1
            pixels *= 4
            total += T * pixels * 9 * outputs * (outputs // 2)
        inputs = outputs // 2
    return 2 * (total + T * pixels * 27 * widths[-1] * 3 * config.patch**2)


def decoder_attention(config: VaeConfig, frames: int, height: int, width: int) -> int:
    """The products of queries, keys and values in `vae_decode`."""
    T, Hz, Wz = config.latent_grid(frames, height, width)
    return 4 * T * (Hz * Wz) ** 2 * config.decoder_dim * config.multipliers[-1]


def sparse_read_out(
    config: SparseConfig, dim: int, grid: tuple[int, int, int], stride: int
) -> dict[str, int]:
    """What one clip costs each part of the keypoints' read-out.

    Args:
      config: of the tokens, which give `stride` frames each.
      dim: of the trunk.
      grid: (Tz, Hp, Wp), of the patches.
    """
    K, frames, N = config.joints * grid[0], config.joints * grid[0] * stride, math.prod(grid)
    pairs = frames * grid[1] * grid[2]
    parts = {
        "linear_1": K * dim * config.hidden_dim,
        "linear_2": frames * len(CHANNELS) * config.hidden_dim,
        "query": frames * dim * POINTING,
        "key": N * dim * POINTING,
        "weights": pairs * POINTING,
        "centres": pairs * 2,
    }
    return {name: 2 * count for name, count in parts.items()}


def perceive_tasks(
    config: ThfmConfig,
    frames: int,
    height: int,
    width: int,
    *,
    tasks: int,
    dense_tasks: int,
    text_tokens: int,
) -> int:
    """`Thfm.perceive_tasks` for one clip: one encode, `tasks` trunks, `dense_tasks` decodes."""
    dit, vae = config.dit, config.vae
    grid = vae.latent_grid(frames, height, width)
    Tp, Hp, Wp = patch_grid(grid, dit.patch)
    N, K = Tp * Hp * Wp, Tp * config.sparse.joints
    trunk = (
        dit_blocks(dit, N + K, text_tokens)
        + dit_ends(dit, N)
        + sum(sparse_read_out(config.sparse, dit.dim, (Tp, Hp, Wp), vae.temporal_stride).values())
    )
    encode = vae_encode(vae, frames, height, width)
    return encode + tasks * trunk + dense_tasks * vae_decode(vae, frames, height, width)


def _res_blocks(inputs: int, outputs: int, count: int) -> int:
    """Multiply-adds per pixel of residual blocks in a row, the first of which changes the width."""
    shortcut = inputs * outputs if inputs != outputs else 0
    return 27 * inputs * outputs + (2 * count - 1) * 27 * outputs**2 + shortcut


def _vae_middle(channels: int, frames: int, pixels: int) -> int:
    """Multiply-adds of the two residual blocks and the attention within each frame."""
    per_pixel = 2 * _res_blocks(channels, channels, 1) + 4 * channels**2
    return frames * pixels * (per_pixel + 2 * pixels * channels)

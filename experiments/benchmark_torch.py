"""The PyTorch programs that `experiments.benchmark` compares with, on CPUs in float32, with random
weights.

A builder runs in the process that will run the program. Sizes are (frames, height, width).
"""

from collections.abc import Callable
from typing import Any

import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel

from thfm_jax.config import ThfmConfig
from thfm_jax.measure import cores

Size = tuple[int, int, int]

_WEIGHT = 0.02  # as in benchmark_jax


class Module:
    """A function of tensors, run for inference in as many threads as there are cores."""

    def __init__(self, function: Callable[[], Any]):
        torch.set_num_threads(cores())
        self._function = function

    def __call__(self) -> None:
        with torch.inference_mode():
            self._function()

    def facts(self) -> dict[str, Any]:
        return {"threads": torch.get_num_threads()}


def dit(config: ThfmConfig, size: Size) -> Module:
    """Latents and prompt features to latents."""
    c = config.dit
    model = _filled(
        lambda: WanTransformer3DModel(
            patch_size=c.patch,
            num_attention_heads=c.heads,
            attention_head_dim=c.head_dim,
            in_channels=c.channels,
            out_channels=c.channels,
            text_dim=c.text_dim,
            freq_dim=c.freq_dim,
            ffn_dim=c.ffn_dim,
            num_layers=c.layers,
        )
    )
    latents = torch.randn(1, c.channels, *config.vae.latent_grid(*size))
    text = torch.randn(1, c.text_length, c.text_dim)
    timestep = torch.tensor([config.timestep])
    return Module(
        lambda: model(hidden_states=latents, timestep=timestep, encoder_hidden_states=text)
    )


def encode(config: ThfmConfig, size: Size) -> Module:
    """Video in [-1, 1] to the latents' distribution."""
    model = _vae(config)
    video = torch.randn(1, 3, *size).clamp(-1, 1)
    return Module(lambda: model.encode(video))


def decode(config: ThfmConfig, size: Size) -> Module:
    """Latents to video."""
    model = _vae(config)
    latents = torch.randn(1, config.vae.z_dim, *config.vae.latent_grid(*size))
    return Module(lambda: model.decode(latents))


def convolution(size: Size, channels: int) -> Module:
    """A 3x3x3 convolution padded in space, unpadded in time: `size` frames come out."""
    frames, height, width = size
    x = torch.randn(1, channels, frames + 2, height, width)
    kernel = _WEIGHT * torch.randn(channels, channels, 3, 3, 3)
    return Module(lambda: torch.nn.functional.conv3d(x, kernel, padding=(0, 1, 1)))


def attention(tokens: int, heads: int, head_dim: int) -> Module:
    """Self-attention."""
    x = torch.randn(1, heads, tokens, head_dim)
    return Module(lambda: torch.nn.functional.scaled_dot_product_attention(x, x, x))


def _vae(config: ThfmConfig) -> Any:
    c = config.vae
    return _filled(
        lambda: AutoencoderKLWan(
            base_dim=c.base_dim,
            z_dim=c.z_dim,
            dim_mult=list(c.multipliers),
            num_res_blocks=c.res_blocks,
            temperal_downsample=list(c.temporal_down),
            patch_size=c.patch if c.patch > 1 else None,
            in_channels=3 * c.patch**2,
            out_channels=3 * c.patch**2,
        )
    )


@torch.no_grad()
def _filled(make: Callable[[], Any]) -> Any:
    """The module with random parameters and buffers, without the time its own initialiser takes."""
    with torch.device("meta"):
        module = make()
    module.to_empty(device="cpu").eval()
    for tensor in (*module.parameters(), *module.buffers()):
        tensor.uniform_(-_WEIGHT, _WEIGHT)
    return module

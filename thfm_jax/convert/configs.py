"""Model sizes between our dataclasses, tensor shapes and the config.json of a released model.

The shapes are what the weights are, so a configuration is derived from them; what shapes do not
show (heads, latent statistics, text length) comes from config.json; what both say must agree.
"""

import math
import re
from pathlib import Path
from typing import Any

from thfm_jax import checkpoints
from thfm_jax.config import DitConfig, TextConfig, VaeConfig
from thfm_jax.convert.errors import ConversionError
from thfm_jax.convert.stored import StoredTensor
from thfm_jax.convert.tables import ORIGINAL, TABLES, Row

PartConfig = DitConfig | VaeConfig | TextConfig

# The head width of every released Wan transformer: what heads are where no config.json says it.
_HEAD_DIM = 128
# Any configuration in which every kind of row occurs: only the names in its table are used.
_EXAMPLES: dict[str, PartConfig] = {
    checkpoints.DIT: DitConfig(layers=1, heads=1, head_dim=_HEAD_DIM, ffn_dim=1),
    checkpoints.VAE: VaeConfig(),
    checkpoints.TEXT_ENCODER: TextConfig(layers=1),
}


def derive(
    part: str, layout: str, file: Path, tensors: dict[str, StoredTensor], described: dict[str, Any]
) -> PartConfig:
    """The configuration of a part.

    Args:
      part: a key of `TABLES`.
      layout: `ORIGINAL` or `DIFFUSERS`.
      file: names the source in errors.
      tensors: the tensors of the part.
      described: its config.json, empty where it has none.
    """
    shapes = _Shapes(part, layout, file, tensors)
    if part == checkpoints.DIT:
        config: PartConfig = _dit(shapes, described)
    elif part == checkpoints.VAE:
        config = _vae(shapes, described)
    else:
        config = _text(shapes, described)
    wrong = [
        f"{key} {described[key]!r}, the weights {value!r}"
        for key, value in released(part, layout, config).items()
        if key in described and described[key] != value
    ]
    if wrong:
        raise ConversionError(f"config.json of {file} contradicts the weights: {'; '.join(wrong)}")
    return config


def released(part: str, layout: str, config: Any) -> dict[str, Any]:
    """What config.json says of a part in a released layout; empty where that layout has none."""
    if part == checkpoints.DIT:
        return _released_original(config) if layout == ORIGINAL else _released_dit(config)
    if layout == ORIGINAL:
        return {}
    return _released_vae(config) if part == checkpoints.VAE else _released_text(config)


class _Shapes:
    """Shapes of a source's tensors, asked for by our names."""

    def __init__(self, part: str, layout: str, file: Path, tensors: dict[str, StoredTensor]):
        self.layout, self.file, self.tensors = layout, file, tensors
        self._rows: dict[str, Row] = {row.names.ours: row for row in TABLES[part](_EXAMPLES[part])}

    def __getitem__(self, ours: str) -> tuple[int, ...]:
        name = self.name(ours)
        if name not in self.tensors:
            raise ConversionError(f"{self.file} lacks the tensor {name}")
        shape = self.tensors[name].shape
        if len(shape) != len(self._rows[ours].shape) or 0 in shape:
            raise ConversionError(f"{self.file}: {name} has the shape {shape}, which no Wan has")
        return shape

    def name(self, ours: str) -> str:
        return self._rows[ours].tensors(self.layout)[0]

    def count(self, ours: str) -> int:
        """How many there are of the members of the list in which `ours` is.

        Never more than there are tensors, whatever number a name may have in it.
        """
        before = re.split(r"\d+", self.name(ours), maxsplit=1)[0]
        numbers = (re.match(rf"{re.escape(before)}(\d+)\.", name) for name in self.tensors)
        last = max((int(found[1]) for found in numbers if found), default=-1)
        return min(last + 1, len(self.tensors))

    def member(self, ours: str, n: int) -> tuple[int, ...] | None:
        """Shape of the tensor that is `ours` in member `n` of its list; None where it is absent."""
        tensor = self.tensors.get(re.sub(r"\d+", str(n), self.name(ours), count=1))
        return tensor.shape if tensor else None


def _dit(shapes: _Shapes, described: dict[str, Any]) -> DitConfig:
    dim, channels, *(time, height, width) = shapes["patch_embedding.kernel"]
    heads = described.get("num_heads", described.get("num_attention_heads"))
    if heads is None and dim % _HEAD_DIM == 0:
        heads = dim // _HEAD_DIM
    if not isinstance(heads, int) or heads < 1 or dim % heads:
        raise ConversionError(
            f"{shapes.file} is {dim} wide, which does not tell the number of its heads "
            f"(config.json says {heads}): put the right config.json beside it"
        )
    return DitConfig(
        layers=shapes.count("blocks.ffn.up.kernel"),
        heads=heads,
        head_dim=dim // heads,
        ffn_dim=shapes["blocks.ffn.up.kernel"][0],
        text_dim=shapes["text_embedding.linear_1.kernel"][1],
        text_length=described.get("text_len", 512),
        channels=channels,
        patch=(time, height, width),
        freq_dim=shapes["time_embedding.linear_1.kernel"][1],
        rope_length=described.get("rope_max_seq_len", 1024),
        eps=described.get("eps", 1e-6),
    )


def _vae(shapes: _Shapes, described: dict[str, Any]) -> VaeConfig:
    base_dim, z_dim = shapes["encoder.conv_in.kernel"][0], shapes["post_quant.kernel"][0]
    width, blocks, widths, temporal = base_dim, 0, [], []
    for n in range(shapes.count("encoder.down.0.conv_1.kernel")):
        if shapes.member("encoder.down.2.conv.kernel", n):
            widths.append(width)
            temporal.append(shapes.member("encoder.down.5.time_conv.kernel", n) is not None)
        else:
            block = shapes.member("encoder.down.0.conv_1.kernel", n)
            width, blocks = block[0] if block else width, blocks + 1
    widths.append(width)
    default = VaeConfig()
    if z_dim != default.z_dim:  # not the released VAE, the only one whose statistics are known
        default = VaeConfig(latent_mean=(0.0,) * z_dim, latent_std=(1.0,) * z_dim)
    mean = tuple(described.get("latents_mean", default.latent_mean))
    std = tuple(described.get("latents_std", default.latent_std))
    if not len(mean) == len(std) == z_dim:
        raise ConversionError(
            f"{shapes.file} has {z_dim} latent channels, but latents_mean and latents_std of its "
            f"config.json have {len(mean)} and {len(std)}"
        )
    multipliers = tuple(width // base_dim for width in widths)
    decoder_dim = shapes["decoder.conv_in.kernel"][0] // multipliers[-1]
    return VaeConfig(
        base_dim=base_dim,
        z_dim=z_dim,
        multipliers=multipliers,
        res_blocks=blocks // len(widths),
        temporal_down=tuple(temporal),
        patch=math.isqrt(shapes["encoder.conv_in.kernel"][1] // 3),
        decoder_base_dim=None if decoder_dim == base_dim else decoder_dim,
        latent_mean=mean,
        latent_std=std,
    )


def _text(shapes: _Shapes, described: dict[str, Any]) -> TextConfig:
    vocab_size, dim = shapes["token_embedding.embedding"]
    buckets, heads = shapes["blocks.attention.relative_bias"]
    return TextConfig(
        layers=shapes.count("blocks.attention.q.kernel"),
        dim=dim,
        heads=heads,
        head_dim=shapes["blocks.attention.q.kernel"][0] // heads,
        ffn_dim=shapes["blocks.ffn.up.kernel"][0],
        vocab_size=vocab_size,
        buckets=buckets,
        max_distance=described.get("relative_attention_max_distance", 128),
        eps=described.get("layer_norm_epsilon", 1e-6),
    )


def _released_original(config: DitConfig) -> dict[str, Any]:
    return {
        "model_type": "t2v",
        "dim": config.dim,
        "eps": config.eps,
        "ffn_dim": config.ffn_dim,
        "freq_dim": config.freq_dim,
        "in_dim": config.channels,
        "num_heads": config.heads,
        "num_layers": config.layers,
        "out_dim": config.channels,
        "text_len": config.text_length,
    }


def _released_dit(config: DitConfig) -> dict[str, Any]:
    return {
        "_class_name": "WanTransformer3DModel",
        "added_kv_proj_dim": None,
        "attention_head_dim": config.head_dim,
        "cross_attn_norm": True,
        "eps": config.eps,
        "ffn_dim": config.ffn_dim,
        "freq_dim": config.freq_dim,
        "image_dim": None,
        "in_channels": config.channels,
        "num_attention_heads": config.heads,
        "num_layers": config.layers,
        "out_channels": config.channels,
        "patch_size": list(config.patch),
        "qk_norm": "rms_norm_across_heads",
        "rope_max_seq_len": config.rope_length,
        "text_dim": config.text_dim,
    }


def _released_vae(config: VaeConfig) -> dict[str, Any]:
    return {
        "_class_name": "AutoencoderKLWan",
        "attn_scales": [],
        "base_dim": config.base_dim,
        "dim_mult": list(config.multipliers),
        "latents_mean": list(config.latent_mean),
        "latents_std": list(config.latent_std),
        "num_res_blocks": config.res_blocks,
        **_unlike_wan(config),
        "temperal_downsample": list(config.temporal_down),
        "z_dim": config.z_dim,
    }


def _unlike_wan(config: VaeConfig) -> dict[str, Any]:
    """What Wan2.1's own config.json lacks: its pixels are not folded, its decoder is as wide."""
    found: dict[str, Any] = {}
    if config.patch != 1:
        channels = 3 * config.patch**2
        found |= {"patch_size": config.patch, "in_channels": channels, "out_channels": channels}
    if config.decoder_base_dim:
        found["decoder_base_dim"] = config.decoder_base_dim
    return found


def _released_text(config: TextConfig) -> dict[str, Any]:
    return {
        "d_ff": config.ffn_dim,
        "d_kv": config.head_dim,
        "d_model": config.dim,
        "feed_forward_proj": "gated-gelu",
        "layer_norm_epsilon": config.eps,
        "model_type": "umt5",
        "num_heads": config.heads,
        "num_layers": config.layers,
        "relative_attention_max_distance": config.max_distance,
        "relative_attention_num_buckets": config.buckets,
        "vocab_size": config.vocab_size,
    }

"""Which tensor of a released checkpoint is which parameter of ours: one table per part.

Each row names one of our parameters, its tensors in the original layout (Wan-Video/Wan2.1,
wan/modules/{model,vae,t5}.py) and in the diffusers layout (WanTransformer3DModel, AutoencoderKLWan,
and UMT5EncoderModel of transformers), their shape and the change of layout. The same rows serve
conversion and export, so no other file needs to know how the parameters are called in PyTorch.
"""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from thfm_jax import checkpoints
from thfm_jax.config import DitConfig, TextConfig, VaeConfig
from thfm_jax.convert import layouts
from thfm_jax.convert.layouts import Layout, Shape

ORIGINAL, DIFFUSERS = "original", "diffusers"


class Names(NamedTuple):
    """One place in our tree and in both released layouts, as dotted paths.

    Numbers in `ours` are keys of a list of modules; `{}` in the others stands for the layer.
    """

    ours: str
    original: str
    diffusers: str

    def at(self, ours: str, original: str, diffusers: str) -> "Names":
        """The place below this one."""
        return Names(
            f"{self.ours}.{ours}", f"{self.original}.{original}", f"{self.diffusers}.{diffusers}"
        )


@dataclasses.dataclass(frozen=True)
class Row:
    """One parameter of ours and where it lies in both released layouts.

    Attributes:
      names: its place; one tensor in PyTorch, or one for each layer.
      shape: shape of one PyTorch tensor.
      layout: how one PyTorch tensor becomes ours.
      layers: length of the leading layer axis, 0 where there is none.
      fixed: stays as it is stored whatever dtype is asked for (time path, head, VAE).
    """

    names: Names
    shape: Shape
    layout: Layout
    layers: int = 0
    fixed: bool = False

    @property
    def path(self) -> tuple[str | int, ...]:
        """The keys down to this parameter in the module's pure dict."""
        return tuple(int(key) if key.isdigit() else key for key in self.names.ours.split("."))

    @property
    def stored_path(self) -> tuple[str, ...]:
        """The same keys as a checkpoint stores them."""
        return tuple(self.names.ours.split("."))

    @property
    def target_shape(self) -> Shape:
        """Our shape, with the layer axis in front where there is one."""
        stack = (self.layers,) if self.layers else ()
        return (*stack, *self.layout.shape(self.shape))

    @property
    def is_matrix(self) -> bool:
        """Whether it may be bfloat16: a matrix whose product is taken in the compute dtype."""
        return not self.fixed and self.names.ours.endswith((".kernel", ".embedding"))

    def tensors(self, layout: str) -> tuple[str, ...]:
        """Its tensors in a checkpoint of layout `ORIGINAL` or `DIFFUSERS`, in layer order."""
        pattern = self.names.original if layout == ORIGINAL else self.names.diffusers
        return tuple(pattern.format(layer) for layer in range(self.layers or 1))


def dit_table(config: DitConfig) -> list[Row]:
    """15 tensors outside the blocks and 27 in each."""
    D, linear = config.dim, layouts.LINEAR
    text = Names("text_embedding", "text_embedding", "condition_embedder.text_embedder")
    time = Names("time_embedding", "time_embedding", "condition_embedder.time_embedder")
    projection = Names("time_projection", "time_projection.1", "condition_embedder.time_proj")
    patch = Names("patch_embedding", "patch_embedding", "patch_embedding")
    head = Names("head.projection", "head.head", "proj_out")
    table = Names("head.modulation", "head.modulation", "scale_shift_table")
    return [
        *_affine(patch, (D, config.channels, *config.patch), layouts.PATCH),
        *_affine(text.at("linear_1", "0", "linear_1"), (D, config.text_dim), linear),
        *_affine(text.at("linear_2", "2", "linear_2"), (D, D), linear),
        *_fixed(_affine(time.at("linear_1", "0", "linear_1"), (D, config.freq_dim), linear)),
        *_fixed(_affine(time.at("linear_2", "2", "linear_2"), (D, D), linear)),
        *_fixed(_affine(projection, (6 * D, D), linear)),
        *_dit_block(config),
        Row(table, (1, 2, D), layouts.UNBATCHED),
        *_fixed(_affine(head, (config.patch_dim, D), linear)),
    ]


def _dit_block(config: DitConfig) -> Iterator[Row]:
    D, F, n, linear = config.dim, config.ffn_dim, config.layers, layouts.LINEAR
    block = Names("blocks", "blocks.{}", "blocks.{}")
    attentions = [
        block.at("self_attention", "self_attn", "attn1"),
        block.at("cross_attention", "cross_attn", "attn2"),
    ]
    for attention in attentions:
        for letter, theirs in (("q", "to_q"), ("k", "to_k"), ("v", "to_v"), ("o", "to_out.0")):
            yield from _affine(attention.at(letter, letter, theirs), (D, D), linear, n)
        for letter in "qk":
            theirs = f"norm_{letter}.weight"
            place = attention.at(f"{letter}_norm.scale", theirs, theirs)
            yield Row(place, (D,), layouts.SAME, n)
    # The only affine norm of a block: Wan counts it third, diffusers second.
    for ours, theirs in (("scale", "weight"), ("bias", "bias")):
        place = block.at(f"cross_norm.{ours}", f"norm3.{theirs}", f"norm2.{theirs}")
        yield Row(place, (D,), layouts.SAME, n)
    yield from _affine(block.at("ffn.up", "ffn.0", "ffn.net.0.proj"), (F, D), linear, n)
    yield from _affine(block.at("ffn.down", "ffn.2", "ffn.net.2"), (D, F), linear, n)
    table = block.at("modulation", "modulation", "scale_shift_table")
    yield Row(table, (1, 6, D), layouts.UNBATCHED, n)


def text_table(config: TextConfig) -> list[Row]:
    """2 tensors outside the blocks and 10 in each; there are no biases."""
    embedding = Names("token_embedding.embedding", "token_embedding.weight", "shared.weight")
    norm = Names("final_norm.scale", "norm.weight", "encoder.final_layer_norm.weight")
    return [
        Row(embedding, (config.vocab_size, config.dim), layouts.SAME),
        *_text_block(config),
        Row(norm, (config.dim,), layouts.SAME),
    ]


def _text_block(config: TextConfig) -> Iterator[Row]:
    dim, F, n = config.dim, config.ffn_dim, config.layers
    inner, linear, same = config.heads * config.head_dim, layouts.LINEAR, layouts.SAME
    attention = Names("blocks", "blocks.{}", "encoder.block.{}.layer.0")
    ffn = Names("blocks", "blocks.{}", "encoder.block.{}.layer.1")
    norms = [
        attention.at("attention_norm.scale", "norm1.weight", "layer_norm.weight"),
        ffn.at("ffn_norm.scale", "norm2.weight", "layer_norm.weight"),
    ]
    yield from (Row(place, (dim,), same, n) for place in norms)
    for letter in "qkvo":
        shape = (dim, inner) if letter == "o" else (inner, dim)
        theirs = f"{letter}.weight"
        place = attention.at(
            f"attention.{letter}.kernel", f"attn.{theirs}", f"SelfAttention.{theirs}"
        )
        yield Row(place, shape, linear, n)
    bias = attention.at(
        "attention.relative_bias",
        "pos_embedding.embedding.weight",
        "SelfAttention.relative_attention_bias.weight",
    )
    yield Row(bias, (config.buckets, config.heads), same, n)
    for ours, original, diffusers, shape in (
        ("gate", "gate.0", "wi_0", (F, dim)),
        ("up", "fc1", "wi_1", (F, dim)),
        ("down", "fc2", "wo", (dim, F)),
    ):
        place = ffn.at(
            f"ffn.{ours}.kernel", f"ffn.{original}.weight", f"DenseReluDense.{diffusers}.weight"
        )
        yield Row(place, shape, linear, n)


def vae_table(config: VaeConfig) -> list[Row]:
    """The encoder's stages are a flat list in both layouts, the decoder's only in the original."""
    z, conv, pointwise = config.z_dim, layouts.CONV_3D, layouts.POINTWISE_3D
    first, last = config.multipliers[0], config.multipliers[-1]
    top, bottom, decoder_bottom = config.base_dim, config.base_dim * last, config.decoder_dim * last
    encoder = Names("encoder", "encoder", "encoder")
    decoder = Names("decoder", "decoder", "decoder")
    conv_in = ("conv_in", "conv1", "conv_in")
    quant = Names("quant", "conv1", "quant_conv")
    post_quant = Names("post_quant", "conv2", "post_quant_conv")
    return _fixed(
        [
            *_affine(encoder.at(*conv_in), (top, 3 * config.patch**2, 3, 3, 3), conv),
            *_encoder_stages(encoder, config),
            *_middle(encoder.at("mid", "middle", "mid_block"), bottom),
            *_out(encoder, bottom, 2 * z),
            *_affine(quant, (2 * z, 2 * z, 1, 1, 1), pointwise),
            *_affine(post_quant, (z, z, 1, 1, 1), pointwise),
            *_affine(decoder.at(*conv_in), (decoder_bottom, z, 3, 3, 3), conv),
            *_middle(decoder.at("mid", "middle", "mid_block"), decoder_bottom),
            *_decoder_stages(decoder, config),
            *_out(decoder, config.decoder_dim * first, 3 * config.patch**2),
        ]
    )


def _encoder_stages(encoder: Names, config: VaeConfig) -> Iterator[Row]:
    inputs, n = config.base_dim, 0
    for stage, multiplier in enumerate(config.multipliers):
        outputs = config.base_dim * multiplier
        for _ in range(config.res_blocks):
            place = encoder.at(f"down.{n}", f"downsamples.{n}", f"down_blocks.{n}")
            yield from _residual(place, inputs, outputs)
            inputs, n = outputs, n + 1
        if stage < len(config.temporal_down):
            place = encoder.at(f"down.{n}", f"downsamples.{n}", f"down_blocks.{n}")
            time = outputs if config.temporal_down[stage] else 0
            yield from _resampler(place, outputs, outputs, time)
            n += 1


def _decoder_stages(decoder: Names, config: VaeConfig) -> Iterator[Row]:
    temporal_up = config.temporal_down[::-1]
    inputs, n = config.decoder_dim * config.multipliers[-1], 0
    for stage, multiplier in enumerate(config.multipliers[::-1]):
        outputs = config.decoder_dim * multiplier
        for block in range(config.res_blocks + 1):
            place = decoder.at(f"up.{n}", f"upsamples.{n}", f"up_blocks.{stage}.resnets.{block}")
            yield from _residual(place, inputs, outputs)
            inputs, n = outputs, n + 1
        if stage < len(temporal_up):
            place = decoder.at(f"up.{n}", f"upsamples.{n}", f"up_blocks.{stage}.upsamplers.0")
            time = 2 * outputs if temporal_up[stage] else 0
            yield from _resampler(place, outputs, outputs // 2, time)
            inputs, n = outputs // 2, n + 1


def _middle(middle: Names, width: int) -> Iterator[Row]:
    attention = middle.at("attention", "1", "attentions.0")
    pointwise = layouts.POINTWISE_2D
    yield from _residual(middle.at("resnet_1", "0", "resnets.0"), width, width)
    yield _gain(attention.at("norm", "norm", "norm"), (width, 1, 1))
    yield from _affine(attention.at("qkv", "to_qkv", "to_qkv"), (3 * width, width, 1, 1), pointwise)
    yield from _affine(attention.at("projection", "proj", "proj"), (width, width, 1, 1), pointwise)
    yield from _residual(middle.at("resnet_2", "2", "resnets.1"), width, width)


def _out(side: Names, inputs: int, outputs: int) -> Iterator[Row]:
    yield _gain(side.at("norm_out", "head.0", "norm_out"), (inputs, 1, 1, 1))
    place = side.at("conv_out", "head.2", "conv_out")
    yield from _affine(place, (outputs, inputs, 3, 3, 3), layouts.CONV_3D)


def _residual(block: Names, inputs: int, outputs: int) -> Iterator[Row]:
    first, second = (outputs, inputs, 3, 3, 3), (outputs, outputs, 3, 3, 3)
    yield _gain(block.at("norm_1", "residual.0", "norm1"), (inputs, 1, 1, 1))
    yield from _affine(block.at("conv_1", "residual.2", "conv1"), first, layouts.CONV_3D)
    yield _gain(block.at("norm_2", "residual.3", "norm2"), (outputs, 1, 1, 1))
    yield from _affine(block.at("conv_2", "residual.6", "conv2"), second, layouts.CONV_3D)
    if inputs != outputs:
        place = block.at("shortcut", "shortcut", "conv_shortcut")
        yield from _affine(place, (outputs, inputs, 1, 1, 1), layouts.POINTWISE_3D)


def _resampler(block: Names, inputs: int, outputs: int, time_outputs: int) -> Iterator[Row]:
    place = block.at("conv", "resample.1", "resample.1")
    yield from _affine(place, (outputs, inputs, 3, 3), layouts.CONV_2D)
    if time_outputs:
        place = block.at("time_conv", "time_conv", "time_conv")
        yield from _affine(place, (time_outputs, inputs, 3, 1, 1), layouts.CONV_3D)


def _gain(place: Names, shape: Shape) -> Row:
    return Row(place.at("scale", "gamma", "gamma"), shape, layouts.GAIN)


def _affine(place: Names, shape: Shape, layout: Layout, layers: int = 0) -> list[Row]:
    """The rows of a weight and its bias."""
    return [
        Row(place.at("kernel", "weight", "weight"), shape, layout, layers),
        Row(place.at("bias", "bias", "bias"), shape[:1], layouts.SAME, layers),
    ]


def _fixed(rows: list[Row]) -> list[Row]:
    return [dataclasses.replace(row, fixed=True) for row in rows]


# Part of the model directory -> its table as a function of the part's configuration.
TABLES: dict[str, Callable[[Any], list[Row]]] = {
    checkpoints.DIT: dit_table,
    checkpoints.VAE: vae_table,
    checkpoints.TEXT_ENCODER: text_table,
}
# Part -> its folder in the diffusers layout, and the stem of its files' names.
FOLDERS = {
    checkpoints.DIT: ("transformer", "diffusion_pytorch_model"),
    checkpoints.VAE: ("vae", "diffusion_pytorch_model"),
    checkpoints.TEXT_ENCODER: ("text_encoder", "model"),
}

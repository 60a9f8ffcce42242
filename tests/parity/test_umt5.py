"""The UMT5 encoder equals transformers' in every stage, for weights that came through `convert`."""

import dataclasses
import operator
import string
from pathlib import Path

import diffusers
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
import transformers
from flax import nnx
from transformers.models.umt5.modeling_umt5 import UMT5Attention, UMT5LayerNorm

from tests.parity.stages import assert_stages_equal, relative_error
from thfm_jax.config import Compute, TextConfig
from thfm_jax.convert.loading import load
from thfm_jax.data.prompts import Tokenizer, encode_prompts
from thfm_jax.models.umt5 import Umt5Encoder, relative_buckets

# Lengths beyond 128 tokens reach the last, open-ended bucket.
LENGTHS = (300, 170)
CONFIGS = {
    "tiny": TextConfig(layers=2, dim=32, heads=4, head_dim=8, ffn_dim=64, vocab_size=256),
    "wide heads": TextConfig(layers=3, dim=40, heads=3, head_dim=24, ffn_dim=96, vocab_size=100),
    "narrow heads": TextConfig(layers=4, dim=64, heads=2, head_dim=16, ffn_dim=48, vocab_size=77),
}
FLOAT32 = Compute()
ORIGINAL_NAMES = {
    "shared.weight": "token_embedding.weight",
    "encoder.block.": "blocks.",
    ".layer.0.SelfAttention.relative_attention_bias.": ".pos_embedding.embedding.",
    ".layer.0.SelfAttention.": ".attn.",
    ".layer.0.layer_norm.": ".norm1.",
    ".layer.1.layer_norm.": ".norm2.",
    ".layer.1.DenseReluDense.wi_0.": ".ffn.gate.0.",
    ".layer.1.DenseReluDense.wi_1.": ".ffn.fc1.",
    ".layer.1.DenseReluDense.wo.": ".ffn.fc2.",
    "encoder.final_layer_norm.": "norm.",
}


def random_reference(config: TextConfig, tied: bool = False) -> transformers.UMT5EncoderModel:
    """transformers' encoder with noise in every parameter: its own initial values hide mistakes."""
    reference = transformers.UMT5EncoderModel(
        transformers.UMT5Config(
            vocab_size=config.vocab_size,
            d_model=config.dim,
            d_kv=config.head_dim,
            d_ff=config.ffn_dim,
            num_layers=config.layers,
            num_heads=config.heads,
            relative_attention_num_buckets=config.buckets,
            relative_attention_max_distance=config.max_distance,
            layer_norm_epsilon=config.eps,
            feed_forward_proj="gated-gelu",
            tie_word_embeddings=tied,
        )
    ).eval()
    generator = torch.Generator().manual_seed(0)
    for name, parameter in reference.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if "norm" in name:
            parameter.data = 1 + 0.3 * noise
        elif "relative" in name or "shared" in name:
            parameter.data = noise
        else:
            parameter.data = noise * parameter.shape[1] ** -0.5
    return reference


def save_original(reference: transformers.UMT5EncoderModel, directory: Path) -> None:
    """The same weights under the names of Wan2.1's own release."""
    state = {}
    for name, value in reference.state_dict().items():
        if name != "encoder.embed_tokens.weight":
            for theirs, original in ORIGINAL_NAMES.items():
                name = name.replace(theirs, original)
            state[name] = value
    torch.save(state, directory / "models_t5_umt5-xxl-enc-bf16.pth")


def converted(directory: Path, compute: Compute = FLOAT32) -> Umt5Encoder:
    config, parameters = load(directory, "text_encoder")
    encoder = nnx.eval_shape(lambda: Umt5Encoder(config, compute, rngs=nnx.Rngs(0)))
    dtype = jnp.promote_types(compute.dtype, jnp.float32)
    nnx.update(encoder, jax.tree.map(lambda a: jnp.asarray(a, dtype), parameters))
    return encoder


def prompts(config: TextConfig) -> tuple[np.ndarray, np.ndarray]:
    mask = np.arange(max(LENGTHS)) < np.array(LENGTHS)[:, None]
    ids = np.random.default_rng(0).integers(3, config.vocab_size, mask.shape)
    return np.where(mask, ids, 0), mask


def on_prompts(stages: dict, mask: np.ndarray) -> dict[str, np.ndarray]:
    """The rows of the prompts' own tokens."""
    return {name: np.asarray(stage)[mask] for name, stage in stages.items()}


def as_numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32)).numpy()


def reference_stages(reference, ids, mask) -> dict[str, np.ndarray]:
    """What each part of transformers' encoder returned during one call."""
    stages = {}

    def keep(name):
        def hook(module, inputs, output):
            output = output[0] if isinstance(output, tuple) else output
            stages[name] = as_numpy(output)

        return hook

    encoder = reference.encoder
    parts = {"embedding": encoder.embed_tokens}
    parts |= {f"block {i}": block for i, block in enumerate(encoder.block)}
    parts |= {"final norm": encoder.final_layer_norm}
    hooks = [part.register_forward_hook(keep(name)) for name, part in parts.items()]
    with torch.inference_mode():
        output = reference(torch.tensor(ids), torch.tensor(mask)).last_hidden_state
    for hook in hooks:
        hook.remove()
    return stages | {"output": as_numpy(output)}


@jax.jit
def our_stages(encoder: Umt5Encoder, ids: jax.Array, mask: jax.Array) -> dict[str, jax.Array]:
    """The same stages: the parts called one by one, and last the scan over all of them."""
    config = encoder.config
    buckets = relative_buckets(ids.shape[1], config.buckets, config.max_distance)
    graph, layers = nnx.split(encoder.blocks)
    x = encoder.embed(ids)
    stages = {"embedding": x}
    for i in range(config.layers):
        layer = jax.tree.map(operator.itemgetter(i), layers)
        x = nnx.merge(graph, layer)(x, buckets, mask)
        stages[f"block {i}"] = x
    return stages | {"final norm": encoder.final_norm(x), "output": encoder(ids, mask)}


def save_diffusers(reference: transformers.UMT5EncoderModel, directory: Path) -> None:
    reference.save_pretrained(directory / "text_encoder", max_shard_size="40KB")


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize(
    "tied, save",
    [(False, save_diffusers), (True, save_diffusers), (False, save_original)],
    ids=["diffusers, untied", "diffusers, tied", "original"],
)
def test_float32(config, tied, save, tmp_path):
    reference = random_reference(config, tied)
    save(reference, tmp_path)
    ids, mask = prompts(config)
    theirs = reference_stages(reference, ids, mask)
    ours = our_stages(converted(tmp_path), ids, mask)
    # Rounding of float32 through at most four blocks.
    assert_stages_equal(on_prompts(ours, mask), on_prompts(theirs, mask), tolerance=1e-5)


class Float64Norm(torch.nn.Module):
    """transformers' norm rounds its statistics to float32 whatever the dtype of its input."""

    def __init__(self, norm: UMT5LayerNorm):
        super().__init__()
        self.weight, self.eps = norm.weight, norm.variance_epsilon

    def forward(self, x):
        return torch.nn.functional.rms_norm(x, x.shape[-1:], self.weight, self.eps)


def with_float64_norms(module: torch.nn.Module) -> torch.nn.Module:
    for name, child in module.named_children():
        is_norm = isinstance(child, UMT5LayerNorm)
        setattr(module, name, Float64Norm(child) if is_norm else with_float64_norms(child))
    return module


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_float64(config, tmp_path):
    """With rounding out of the way, what is left would be a difference of the formulas."""
    reference = random_reference(config)
    save_diffusers(reference, tmp_path)
    ids, mask = prompts(config)
    theirs = reference_stages(with_float64_norms(reference).double(), ids, mask)
    with jax.enable_x64(True):
        ours = our_stages(converted(tmp_path, Compute(dtype="float64")), ids, mask)
    assert ours["output"].dtype == np.float64
    assert_stages_equal(on_prompts(ours, mask), on_prompts(theirs, mask), tolerance=1e-10)


@pytest.mark.parametrize("buckets, max_distance", [(32, 128), (32, 100), (16, 40), (8, 512)])
def test_buckets(buckets, max_distance):
    config = transformers.UMT5Config(
        relative_attention_num_buckets=buckets, relative_attention_max_distance=max_distance
    )
    attention = UMT5Attention(config, has_relative_attention_bias=True)
    offset = torch.arange(600)[None] - torch.arange(600)[:, None]
    theirs = attention._relative_position_bucket(offset).numpy()
    np.testing.assert_array_equal(relative_buckets(600, buckets, max_distance), theirs)


def test_bfloat16_is_nearer_to_float32_than_transformers(tmp_path):
    """The float32 residual pays: rounding it after every sub-layer, as upstream, costs more."""
    config = dataclasses.replace(CONFIGS["tiny"], layers=8)
    reference = random_reference(config)
    save_diffusers(reference, tmp_path)
    ids, mask = prompts(config)
    truth = reference_stages(reference, ids, mask)["output"][mask]
    theirs = reference_stages(reference.bfloat16(), ids, mask)["output"][mask]
    encoder = converted(tmp_path, Compute(dtype="bfloat16"))
    ours = np.asarray(encoder(jnp.asarray(ids), jnp.asarray(mask)))[mask]
    assert relative_error(ours, truth) < 0.75 * relative_error(theirs, truth)


def test_prompt_to_features(tmp_path):
    """From text to what the trunk reads, as diffusers' pipeline does it."""
    config = CONFIGS["tiny"]
    reference = random_reference(config)
    save_diffusers(reference, tmp_path)
    pieces = [
        "<pad>",
        "</s>",
        "<unk>",
        "\u2581",
        *string.ascii_lowercase,
        "walk",
        "ing",
        "\u2581per",
    ]
    tokenizer = transformers.T5Tokenizer(vocab=[(p, -len(p)) for p in pieces], extra_ids=0)
    tokenizer.save_pretrained(tmp_path / "tokenizer")
    pipeline = diffusers.WanPipeline(
        tokenizer, reference, vae=None, scheduler=diffusers.FlowMatchEulerDiscreteScheduler()
    )
    texts = ["a person&nbsp; walking, 3 times", "", "the quick brown fox \u2014 " * 5]
    with torch.inference_mode():
        theirs, _ = pipeline.encode_prompt(
            texts, do_classifier_free_guidance=False, max_sequence_length=200
        )
    ours, lengths = encode_prompts(
        converted(tmp_path), Tokenizer.load(tmp_path / "tokenizer"), texts, length=200
    )
    assert relative_error(ours, theirs.numpy()) <= 1e-5
    np.testing.assert_array_equal(lengths, (theirs != 0).any(dim=-1).sum(dim=1))
    assert lengths[1] == 1

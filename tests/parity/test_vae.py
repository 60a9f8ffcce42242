"""The VAE equals diffusers' AutoencoderKLWan, for weights that came through `convert`."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLWan
from flax import nnx

from tests.parity.stages import assert_stages_equal, randomise
from thfm_jax import convert
from thfm_jax.config import Compute
from thfm_jax.models.vae import Vae

# Frames, height, width; and latent frames at a time, 0 for the whole clip.
CLIPS = [((9, 24, 32), 0), ((17, 32, 16), 3), ((9, 48, 16), 1), ((5, 16, 24), 2), ((1, 24, 16), 0)]


@jax.jit
def run(vae: Vae, video, latents) -> dict[str, jax.Array]:
    mean, log_variance = vae.moments(video)
    return {"mean": mean, "log variance": log_variance, "video": vae.decode(latents)}


def reference_model(**options) -> AutoencoderKLWan:
    return randomise(
        AutoencoderKLWan(
            **options,
            base_dim=8,
            z_dim=4,
            latents_mean=np.linspace(-1, 1, 4).tolist(),
            latents_std=np.linspace(0.5, 2, 4).tolist(),
        )
    )


def save_diffusers(reference: AutoencoderKLWan, directory: Path) -> None:
    reference.save_pretrained(directory / "vae", max_shard_size="400KB")


def original_name(name: str) -> str:
    """The name in Wan2.1_VAE.pth of a tensor of diffusers."""
    if "up_blocks" in name:
        _, block, kind, index, rest = name.removeprefix("decoder.").split(".", 4)
        flat = 4 * int(block) + (int(index) if kind == "resnets" else 3)
        name = f"decoder.upsamples.{flat}.{rest}"
    for theirs, released in (
        ("post_quant_conv", "conv2"),
        ("quant_conv", "conv1"),
        ("conv_in", "conv1"),
        ("down_blocks", "downsamples"),
        ("mid_block.resnets.0", "middle.0"),
        ("mid_block.attentions.0", "middle.1"),
        ("mid_block.resnets.1", "middle.2"),
        ("norm_out", "head.0"),
        ("conv_out", "head.2"),
        ("conv_shortcut", "shortcut"),
    ):
        name = name.replace(theirs, released)
    parts = ("norm1", "residual.0"), ("conv1", "residual.2"), ("norm2", "residual.3")
    if "samples" in name or "middle" in name:
        for theirs, released in (*parts, ("conv2", "residual.6")):
            name = name.replace(f".{theirs}.", f".{released}.")
    return name


def save_original(reference: AutoencoderKLWan, directory: Path) -> None:
    state = {original_name(name): value for name, value in reference.state_dict().items()}
    torch.save(state, directory / "Wan2.1_VAE.pth")
    # The release states no statistics of the latents; those known are for its 16 channels.
    statistics = {name: reference.config[name] for name in ("latents_mean", "latents_std")}
    (directory / "config.json").write_text(json.dumps(statistics))


def converted(directory: Path, compute: Compute) -> Vae:
    config, parameters = convert.load(directory, "vae")
    vae = Vae(config, compute, rngs=nnx.Rngs(1))
    nnx.update(vae, jax.tree.map(lambda a: jnp.asarray(a, compute.vae_dtype), parameters))
    return vae


def stages(reference: AutoencoderKLWan, vae: Vae, clip, dtype: str) -> tuple[dict, dict]:
    """Moments of a random clip, and the video that the reference's mean decodes to."""
    config = vae.config
    video = np.random.default_rng(0).uniform(-1, 1, (2, *clip, 3)).astype(dtype)
    with torch.inference_mode():
        moments = reference.encode(torch.tensor(video).permute(0, 4, 1, 2, 3)).latent_dist
        decoded = reference.decode(moments.mean).sample.clamp(-1, 1)
    theirs = {"mean": moments.mean, "log variance": moments.logvar, "video": decoded}
    theirs = {name: value.permute(0, 2, 3, 4, 1).numpy() for name, value in theirs.items()}
    latents = (theirs["mean"] - config.latent_mean) / config.latent_std
    return run(vae, video, latents.astype(dtype)), theirs


@pytest.mark.parametrize("clip, chunk", CLIPS)
def test_float32(clip, chunk, tmp_path):
    reference = reference_model()
    save_diffusers(reference, tmp_path)
    vae = converted(tmp_path, Compute(vae_chunk=chunk))
    assert_stages_equal(*stages(reference, vae, clip, "float32"), 5e-6)


def test_folded_pixels_and_a_wider_decoder(tmp_path):
    """As in Wan2.2."""
    reference = reference_model(
        decoder_base_dim=12,
        patch_size=2,
        in_channels=12,
        out_channels=12,
        dim_mult=[1, 2, 4],
        temperal_downsample=[True, True],
    )
    save_diffusers(reference, tmp_path)
    vae = converted(tmp_path, Compute(vae_chunk=1))
    assert (vae.config.patch, vae.config.spatial_stride) == (2, 8)
    assert_stages_equal(*stages(reference, vae, (9, 24, 32), "float32"), 5e-6)


def test_float32_from_the_original_layout(tmp_path):
    reference = reference_model()
    save_original(reference, tmp_path)
    vae = converted(tmp_path, Compute())
    assert_stages_equal(*stages(reference, vae, (5, 16, 24), "float32"), 5e-6)


def test_float64(tmp_path, monkeypatch):
    """With rounding out of the way, what is left would be a difference of the formulas."""
    # diffusers rounds to float32 before it resizes, whatever its dtype.
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    reference = reference_model()
    save_diffusers(reference, tmp_path)
    with jax.enable_x64(True):
        vae = converted(tmp_path, Compute(vae_dtype="float64", vae_chunk=2))
        ours, theirs = stages(reference.double(), vae, (9, 16, 8), "float64")
        assert ours["video"].dtype == np.float64
        assert_stages_equal(ours, theirs, 1e-10)


def test_one_3d_convolution(tmp_path):
    """The form for accelerators, which no other test on a CPU runs."""
    reference = reference_model()
    save_diffusers(reference, tmp_path)
    vae = converted(tmp_path, Compute(conv="native"))
    assert_stages_equal(*stages(reference, vae, (5, 16, 24), "float32"), 5e-6)

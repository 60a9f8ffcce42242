"""Which parts a folder holds, what their sizes are, and which folders are refused and why."""

import dataclasses
import json
import shutil
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import torch

from tests.unit.convert_sources import (
    CONFIG,
    read_state,
    write_diffusers,
    write_original,
    write_safetensors,
)
from thfm_jax.convert import ConversionError, rehearsal
from thfm_jax.convert.source import open_source
from thfm_jax.convert.tables import DIFFUSERS, ORIGINAL


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """Both layouts with the same weights; copied by the tests that change something."""
    folder = tmp_path_factory.mktemp("released")
    diffusers = write_diffusers(folder / "diffusers")
    return {DIFFUSERS: diffusers, ORIGINAL: write_original(folder / "original", diffusers)}


@pytest.fixture
def diffusers(released, tmp_path):
    return Path(shutil.copytree(released[DIFFUSERS], tmp_path / "diffusers"))


@pytest.fixture
def original(released, tmp_path):
    return Path(shutil.copytree(released[ORIGINAL], tmp_path / "original"))


def message(root, parts=None):
    with pytest.raises(ConversionError) as error:
        open_source(root, parts)
    return str(error.value)


def dit_file(folder, state):
    """A folder with one transformer file."""
    folder.mkdir(exist_ok=True)
    write_safetensors(folder / "diffusion_pytorch_model.safetensors", state)
    return folder


def edit_json(file, **changes):
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


@pytest.mark.parametrize("layout", [DIFFUSERS, ORIGINAL])
def test_all_parts_are_found_with_their_configurations(released, layout):
    source = open_source(released[layout])
    assert list(source.parts) == ["dit", "vae", "text_encoder"]
    assert source.parts["dit"].config == CONFIG.dit
    assert source.parts["vae"].config == CONFIG.vae
    assert source.parts["text_encoder"].config == CONFIG.text
    assert {part.layout for part in source.parts.values()} == {layout}


def test_the_tokenizer_is_found_in_either_place(diffusers, original):
    assert [file.name for file in open_source(diffusers).tokenizer] == ["tokenizer.json"]
    place = original / "google" / "umt5-xxl"
    place.mkdir(parents=True)
    (place / "spiece.model").write_bytes(b"model")
    assert open_source(original).tokenizer == (place / "spiece.model",)


def test_a_part_alone_is_enough_and_others_may_be_broken(diffusers, original):
    assert list(open_source(diffusers / "vae").parts) == ["vae"]
    assert list(open_source(original / "Wan2.1_VAE.pth").parts) == ["vae"]
    shutil.rmtree(diffusers / "transformer")
    assert list(open_source(diffusers).parts) == ["vae", "text_encoder"]
    (diffusers / "text_encoder" / "model.safetensors").write_bytes(b"half a download")
    assert list(open_source(diffusers, ["vae"]).parts) == ["vae"]
    assert "no safetensors file" in message(diffusers)
    assert "holds vae, not dit" in message(diffusers, ["dit", "vae"])


def test_parts_of_different_layouts_may_lie_together(diffusers, original):
    shutil.rmtree(diffusers / "transformer")
    for file in ("diffusion_pytorch_model.safetensors", "config.json"):
        shutil.copy(original / file, diffusers)
    layouts = {name: part.layout for name, part in open_source(diffusers).parts.items()}
    assert layouts == {"dit": ORIGINAL, "vae": DIFFUSERS, "text_encoder": DIFFUSERS}


def test_community_files_with_a_prefix_are_the_same_transformer(original, tmp_path):
    state = read_state(original, "dit")
    folder = dit_file(tmp_path / "a", {f"model.diffusion_model.{k}": v for k, v in state.items()})
    shutil.copy(original / "config.json", folder)
    assert open_source(folder).parts["dit"].config == CONFIG.dit


def test_the_text_embedding_has_either_name_or_both(diffusers, tmp_path):
    state = read_state(diffusers, "text_encoder")
    embedding = state.pop("shared.weight")
    file = tmp_path / "text.safetensors"
    other = "encoder.embed_tokens.weight"
    write_safetensors(file, {**state, other: embedding})
    assert read_state(file, "text_encoder").keys() == {*state, "shared.weight"}
    write_safetensors(file, {**state, other: embedding, "shared.weight": embedding})
    assert read_state(file, "text_encoder").keys() == {*state, "shared.weight"}
    write_safetensors(file, {**state, other: embedding, "shared.weight": embedding + 1})
    assert "differ; they must be one matrix" in message(file)


def test_heads_follow_from_the_width_only_where_they_are_128_wide(tmp_path):
    config = dataclasses.replace(CONFIG, dit=dataclasses.replace(CONFIG.dit, head_dim=128))
    rehearsal.write_random_weights(tmp_path, config, layout=ORIGINAL, parts=("dit",))
    (tmp_path / "config.json").unlink()
    assert open_source(tmp_path).parts["dit"].config == config.dit


def test_a_narrow_transformer_without_config_json_is_refused(diffusers):
    (diffusers / "transformer" / "config.json").unlink()
    assert "24 wide, which does not tell the number of its heads" in message(diffusers)


@pytest.mark.parametrize(
    ("part", "changes", "expected"),
    [
        ("transformer", {"num_layers": 30}, "num_layers 30, the weights 3"),
        ("transformer", {"attention_head_dim": 128}, "attention_head_dim 128, the weights 12"),
        ("transformer", {"qk_norm": None}, "qk_norm None, the weights 'rms_norm_across_heads'"),
        ("transformer", {"num_attention_heads": "2"}, "put the right config.json beside it"),
        ("transformer", {"num_attention_heads": 5}, "put the right config.json beside it"),
        ("transformer", {"image_dim": 1280}, "image_dim 1280, the weights None"),
        ("vae", {"num_res_blocks": 2}, "num_res_blocks 2, the weights 1"),
        ("vae", {"temperal_downsample": [True, True]}, "temperal_downsample [True, True]"),
        ("vae", {"latents_mean": [0.0]}, "have 1 and 16"),
        ("text_encoder", {"num_heads": 4}, "num_heads 4, the weights 2"),
        ("text_encoder", {"feed_forward_proj": "relu"}, "feed_forward_proj 'relu'"),
    ],
)
def test_a_config_json_that_contradicts_the_weights_is_refused(diffusers, part, changes, expected):
    edit_json(diffusers / part / "config.json", **changes)
    assert expected in message(diffusers)


def test_what_only_config_json_knows_is_taken_from_it(diffusers, original):
    mean = [float(n) for n in range(16)]
    edit_json(diffusers / "vae" / "config.json", latents_mean=mean)
    edit_json(diffusers / "transformer" / "config.json", rope_max_seq_len=2048, eps=1e-5)
    edit_json(diffusers / "text_encoder" / "config.json", relative_attention_max_distance=64)
    parts = open_source(diffusers).parts
    assert parts["vae"].config == dataclasses.replace(CONFIG.vae, latent_mean=tuple(mean))
    assert (parts["dit"].config.rope_length, parts["dit"].config.eps) == (2048, 1e-5)
    assert parts["text_encoder"].config.max_distance == 64
    edit_json(original / "config.json", text_len=77)
    assert open_source(original).parts["dit"].config.text_length == 77
    (original / "config.json").write_text("{")
    assert "not valid JSON" in message(original)


def test_unknown_missing_and_misshapen_tensors_are_named(diffusers, tmp_path):
    state = read_state(diffusers, "dit")
    config = diffusers / "transformer" / "config.json"

    def folder_with(change):
        folder = dit_file(tmp_path / "changed", {**state, **change})
        shutil.copy(config, folder)
        return folder

    extra = {"blocks.1.attn3.to_q.weight": np.ones(3, np.float32)}
    assert "1 tensors are unknown to the dit of Wan2.1: blocks.1.attn3.to_q.weight" in message(
        folder_with(extra)
    )
    far = {"blocks.99999999999.attn1.to_q.weight": np.ones(3, np.float32)}
    assert "num_layers 3, the weights" in message(folder_with(far))
    wrong = {"blocks.1.attn1.to_q.weight": np.ones((24, 25), np.float32)}
    assert "to_q.weight has the shape (24, 25), expected (24, 24)" in message(folder_with(wrong))
    flat = {"patch_embedding.weight": np.ones((24, 64), np.float32)}
    assert "has the shape (24, 64), which no Wan has" in message(folder_with(flat))
    bias = state.pop("blocks.1.attn1.to_q.bias")
    assert "lacks 1 tensors: blocks.1.attn1.to_q.bias" in message(folder_with({}))
    state["blocks.1.attn1.to_q.bias"] = bias
    del state["blocks.0.ffn.net.0.proj.weight"]
    assert "lacks the tensor blocks.0.ffn.net.0.proj.weight" in message(folder_with({}))
    for name in [name for name in state if name.startswith("blocks.2.")]:
        del state[name]
    assert "num_layers 3, the weights 2" in message(folder_with({**flat_layer(diffusers)}))


def flat_layer(diffusers):
    """The tensor that the test above took away."""
    name = "blocks.0.ffn.net.0.proj.weight"
    return {name: read_state(diffusers, "dit")[name]}


def test_shards_without_their_index_are_refused(diffusers):
    (index,) = (diffusers / "transformer").glob("*.index.json")
    index.unlink()
    shards = len(list((diffusers / "transformer").glob("*-of-*.safetensors")))
    said = message(diffusers)
    assert f"is one of {shards} shards, and the .safetensors.index.json file" in said


def test_two_files_of_one_part_are_refused(diffusers, original):
    shutil.copy(original / "Wan2.1_VAE.pth", diffusers / "Wan2.1_VAE.pth")
    assert "are both a vae: keep one of them" in message(diffusers)


ONES = np.ones((2, 2), np.float32)
STRANGERS = {
    "lora": ({"blocks.0.self_attn.q.lora_A.weight": ONES}, "a LoRA"),
    "lora_down": ({"lora_unet_blocks_0_self_attn_q.lora_down.weight": ONES}, "a LoRA"),
    "i2v": ({"img_emb.proj.0.weight": ONES}, "an image-to-video model"),
    "i2v_diffusers": ({"blocks.0.attn2.add_k_proj.weight": ONES}, "an image-to-video model"),
    "vace": ({"vace_blocks.0.after_proj.weight": ONES}, "VACE"),
    "vae_2_2": ({"encoder.downsamples.0.downsamples.0.residual.0.gamma": ONES}, "VAE of Wan2.2"),
    "fp8": ({"blocks.0.ffn.0.scale_weight": ONES}, "quantised"),
    "fp8_plain": ({"x": ONES.astype(ml_dtypes.float8_e4m3fn)}, "float8_e4m3fn"),
    "int8": ({"x": ONES.astype(np.int8)}, "int8, no weight in floating point"),
    "other": ({"model.embed.weight": ONES}, "no part of Wan2.1 text-to-video; its tensors are"),
    "channels_36": (
        {"patch_embedding.weight": np.ones((4, 36, 1, 2, 2), np.float32)},
        "an image-to-video model (36 input channels)",
    ),
    "channels_48": (
        {"patch_embedding.weight": np.ones((4, 48, 1, 2, 2), np.float32)},
        "Wan2.2 TI2V 5B",
    ),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_other_models_are_refused_by_name(tmp_path, name):
    state, expected = STRANGERS[name]
    assert expected in message(dit_file(tmp_path / "other", state))


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        ({"_class_name": "WanImageToVideoPipeline"}, "describes a WanImageToVideoPipeline"),
        ({"boundary_ratio": 0.875}, "Wan2.2 A14B"),
        ({"transformer_2": ["diffusers", "WanTransformer3DModel"]}, "Wan2.2 A14B"),
        ({"expand_timesteps": True}, "Wan2.2 TI2V 5B"),
    ],
)
def test_a_pipeline_of_another_model_is_refused(diffusers, index, expected):
    wan = {"_class_name": "WanPipeline", "boundary_ratio": None, "transformer_2": [None, None]}
    (diffusers / "model_index.json").write_text(json.dumps(wan))
    assert len(open_source(diffusers).parts) == 3
    (diffusers / "model_index.json").write_text(json.dumps({**wan, **index}))
    assert expected in message(diffusers)


def test_the_two_experts_of_wan_2_2_are_refused(original):
    (original / "high_noise_model").mkdir()
    assert "Wan2.2 A14B, a pair of two transformers" in message(original)


def test_empty_and_absent_folders_are_refused(tmp_path):
    assert "holds no weights" in message(tmp_path)
    assert "there is no" in message(tmp_path / "nowhere")
    assert "no part lora; there are dit, vae, text_encoder" in message(tmp_path, ["lora"])


def test_a_pth_with_an_optimiser_in_it_is_refused(tmp_path):
    torch.save({"model": {"x": torch.ones(1)}, "step": 3}, tmp_path / "Wan2.1_VAE.pth")
    assert "holds more than tensors: 'model' is a dict" in message(tmp_path)

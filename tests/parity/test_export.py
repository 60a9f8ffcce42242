"""What we export loads in diffusers and transformers without a key missing, bit for bit."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLWan, WanPipeline, WanTransformer3DModel
from tokenizers import Tokenizer, models
from transformers import UMT5Config, UMT5EncoderModel

from tests.parity.stages import randomise
from thfm_jax import checkpoints
from thfm_jax.convert import ConversionError
from thfm_jax.convert.export import export
from thfm_jax.convert.job import convert

CLASSES = {
    "transformer": WanTransformer3DModel,
    "vae": AutoencoderKLWan,
    "text_encoder": UMT5EncoderModel,
}


def build() -> dict[str, torch.nn.Module]:
    """The three modules, small, with noise in every parameter."""
    transformer = WanTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=20,
        text_dim=24,
        freq_dim=16,
        ffn_dim=56,
        num_layers=3,
        rope_max_seq_len=64,
    )
    vae = AutoencoderKLWan(
        base_dim=6,
        decoder_base_dim=4,
        dim_mult=[1, 2, 2],
        num_res_blocks=1,
        temperal_downsample=[False, True],
        latents_mean=[0.1 * n for n in range(16)],
        latents_std=[1 + 0.1 * n for n in range(16)],
        scale_factor_temporal=2,
        scale_factor_spatial=4,
    )
    text = UMT5EncoderModel(
        UMT5Config(vocab_size=96, d_model=24, d_kv=6, d_ff=28, num_layers=2, num_heads=2)
    )
    return {name: randomise(m) for name, m in zip(CLASSES, (transformer, vae, text), strict=True)}


@pytest.fixture(scope="module")
def modules():
    return build()


@pytest.fixture(scope="module")
def released(modules, tmp_path_factory):
    """The folder that `save_pretrained` writes, in shards, with a tokenizer."""
    folder = tmp_path_factory.mktemp("released")
    for name, module in modules.items():
        module.save_pretrained(folder / name, max_shard_size="40KB")
    tokenizer = Tokenizer(models.Unigram([("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)], 2))
    (folder / "tokenizer").mkdir()
    tokenizer.save(str(folder / "tokenizer" / "tokenizer.json"))
    described = {"tokenizer_class": "T5TokenizerFast", "extra_ids": 0}
    (folder / "tokenizer" / "tokenizer_config.json").write_text(json.dumps(described))
    return folder


@pytest.fixture(scope="module")
def model(released):
    convert(released, released.parent / "model")
    return released.parent / "model"


@pytest.fixture(scope="module")
def exported(model):
    """Exported in several files for each part."""
    export(model, model.parent / "exported", max_shard_bytes=20_000)
    return model.parent / "exported"


def load_strictly(folder: Path, name: str) -> torch.nn.Module:
    module, report = CLASSES[name].from_pretrained(folder / name, output_loading_info=True)
    assert {kind: list(keys) for kind, keys in report.items() if keys} == {}
    return module


@pytest.mark.parametrize("name", CLASSES)
def test_every_tensor_comes_back_bit_for_bit(modules, released, exported, name):
    assert len(list((exported / name).glob("*.safetensors"))) > 1
    expected = modules[name].state_dict()
    actual = load_strictly(exported, name).state_dict()
    assert actual.keys() == expected.keys()
    for key, tensor in expected.items():
        assert actual[key].dtype == tensor.dtype
        assert torch.equal(actual[key], tensor), key


@pytest.mark.parametrize("name", ["transformer", "vae"])
def test_the_configuration_comes_back(modules, exported, name):
    """Also what we do not store, since it is the same for every Wan2.1."""
    actual, expected = load_strictly(exported, name).config, modules[name].config
    for key, value in expected.items():
        if not key.startswith("_"):
            assert np.array_equal(actual[key], value) or actual[key] == value, key


def test_the_text_encoder_computes_the_same(modules, exported):
    """`dropout_rate` and the like are not ours; what counts is the function."""
    ids = torch.arange(2, 14).reshape(2, 6)
    actual = load_strictly(exported, "text_encoder").eval()
    with torch.no_grad():
        assert torch.equal(actual(ids)[0], modules["text_encoder"](ids)[0])


def test_the_whole_folder_is_a_pipeline(exported, released):
    pipeline = WanPipeline.from_pretrained(exported)
    assert pipeline.scheduler.config.flow_shift == 3.0
    assert pipeline.transformer.config.num_layers == 3
    same = (exported / "tokenizer" / "tokenizer.json", released / "tokenizer" / "tokenizer.json")
    assert same[0].read_bytes() == same[1].read_bytes()


def test_a_round_trip_is_the_identity(model, exported, tmp_path):
    convert(exported, tmp_path / "again")
    for part in checkpoints.present_parts(model):
        for path in checkpoints.stored(model, part):
            one, other = (
                checkpoints.open_array(folder, part, path).read().result()
                for folder in (model, tmp_path / "again")
            )
            assert one.tobytes() == other.tobytes(), path
    assert checkpoints.load_config(tmp_path / "again") == checkpoints.load_config(model)


def test_bfloat16_is_exported_as_bfloat16(released, tmp_path):
    convert(released, tmp_path / "model", parts=["dit"], dtype="bfloat16")
    export(tmp_path / "model", tmp_path / "exported")
    module, report = WanTransformer3DModel.from_pretrained(
        tmp_path / "exported" / "transformer", output_loading_info=True, torch_dtype=torch.bfloat16
    )
    assert not any(report.values())
    exact = WanTransformer3DModel.from_pretrained(
        released / "transformer", torch_dtype=torch.bfloat16
    )
    for key, tensor in exact.state_dict().items():
        assert torch.equal(module.state_dict()[key], tensor), key


def test_parts_that_are_absent_are_not_exported(released, tmp_path):
    convert(released, tmp_path / "model", parts=["vae"])
    assert export(tmp_path / "model", tmp_path / "exported").keys() == {"vae"}
    assert [path.name for path in (tmp_path / "exported").iterdir()] == ["vae"]
    load_strictly(tmp_path / "exported", "vae")


def test_export_refuses_what_it_cannot_do(model, exported, tmp_path):
    with pytest.raises(ConversionError, match="exists already: remove it first"):
        export(model, exported)
    with pytest.raises(checkpoints.CheckpointError, match="no model directory"):
        export(tmp_path / "nowhere", tmp_path / "out")
    changed = Path(shutil.copytree(model, tmp_path / "changed"))
    config = json.loads((changed / "config.json").read_text())
    config["dit"]["ffn_dim"] = 999
    (changed / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConversionError, match=r"the dit does not fit config\.json: blocks\.ffn"):
        export(changed, tmp_path / "out")
    assert not list(tmp_path.glob("out*"))

"""The prompts of a model directory are encoded from the command line."""

import dataclasses
import subprocess
import sys

import jax
import numpy as np
import pytest
import tokenizers
from flax import nnx

from thfm_jax import checkpoints
from thfm_jax.config import TextConfig, preset
from thfm_jax.data.prompts import Tokenizer, encode_prompts, load_features
from thfm_jax.models.umt5 import Umt5Encoder
from thfm_jax.tasks import TASKS

TEXT = TextConfig(layers=2, dim=128, heads=2, head_dim=16, ffn_dim=48, vocab_size=40)


@pytest.fixture
def model(tmp_path):
    """A model directory of a text encoder, its matrices in bfloat16, and a tokenizer of letters."""
    config = dataclasses.replace(preset("tiny"), text=TEXT)
    encoder = Umt5Encoder(TEXT, rngs=nnx.Rngs(0))
    narrow = lambda x: x.astype("bfloat16") if x.ndim == 3 else x
    nnx.update(encoder, jax.tree.map(narrow, nnx.state(encoder)))
    checkpoints.save_config(tmp_path, config, [checkpoints.DIT, checkpoints.TEXT_ENCODER])
    params = nnx.to_pure_dict(nnx.state(encoder))
    checkpoints.save(tmp_path, checkpoints.TEXT_ENCODER, params)
    letters = ["<pad>", "</s>", "<unk>", *"abcdefghijklmnopqrstuvwxyz23 "]
    model = tokenizers.models.Unigram([(letter, -1.0) for letter in letters], 2)
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    (tmp_path / checkpoints.TOKENIZER).mkdir()
    tokenizer.save(str(tmp_path / checkpoints.TOKENIZER / "tokenizer.json"))
    return tmp_path, encoder


def test_encode_prompts(model):
    directory, encoder = model
    command = [sys.executable, "-m", "experiments.encode_prompts", f"--model={directory}"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    features = load_features(directory / checkpoints.PROMPTS)
    assert list(features) == list(TASKS)
    tokenizer = Tokenizer.load(directory / checkpoints.TOKENIZER)
    for name, (text, rows) in features.items():
        assert text == TASKS[name].prompt and f"{text!r}" in output
        tokens = len(text) + 1
        expected, _ = encode_prompts(encoder, tokenizer, [text], length=64)
        np.testing.assert_allclose(rows, expected[0, :tokens], atol=1e-5)
        assert not expected[0, tokens:].any()

"""Prompts: cleaning, ids, features with zeroed padding, and the file that keeps them."""

import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from thfm_jax.config import preset
from thfm_jax.data.prompts import (
    EOS,
    PAD,
    ByteTokenizer,
    Tokenizer,
    clean,
    encode_prompts,
    load_features,
    save_features,
)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", ""),
        ("  a \t\n b  ", "a b"),
        ("a&amp;lt;b", "a<b"),
        ("\u201cquoted\u201d \u2018text\u2019", "\"quoted\" 'text'"),
        ("\uff37\uff29\uff24\uff25\u3000width", "WIDE width"),
        ("schÃ¶n", "schön"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("a\u00a0\u3000b", "a b"),
    ],
)
def test_clean(text, expected):
    assert clean(text) == expected


@given(st.text())
def test_clean_text_has_single_inner_spaces(text):
    assert clean(text) == " ".join(clean(text).split())


@given(st.lists(st.text(max_size=20), min_size=1, max_size=4))
def test_bytes_give_the_text_back(texts):
    ids, mask = ByteTokenizer()(texts, 1024)
    assert ids.dtype == np.int32 and mask.dtype == bool and ids.shape == mask.shape
    assert ids.max() < preset("tiny").text.vocab_size
    for row, valid, text in zip(ids, mask, texts, strict=True):
        length = valid.sum()
        assert valid[:length].all() and (row[length:] == PAD).all() and row[length - 1] == EOS
        assert bytes((row[: length - 1] - 3).tolist()).decode() == clean(text)


def test_empty_prompt_is_the_end_token():
    ids, mask = ByteTokenizer()(["  "], 3)
    np.testing.assert_array_equal(ids, [[EOS, PAD, PAD]])
    np.testing.assert_array_equal(mask, [[True, False, False]])


def test_prompt_that_is_too_long():
    tokenizer = ByteTokenizer()
    assert tokenizer(["short", "x" * 511], 512)[1][1].all()
    with pytest.raises(ValueError, match=r"has 513 tokens but at most 512 fit.*'xxxx"):
        tokenizer(["short", "x" * 512], 512)


def test_single_string_is_refused():
    with pytest.raises(TypeError, match="sequence of prompts, got the single string 'depth'"):
        ByteTokenizer()("depth", 8)


@pytest.fixture
def saved_tokenizer(tmp_path):
    """A folder with a word-level tokenizer.json that pads and truncates, as many on the web do."""
    words = {"<pad>": 0, "</s>": 1, "<unk>": 2, "a": 3, "depth": 4, "map": 5}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    tokenizer.enable_padding(length=7, pad_id=9)
    tokenizer.enable_truncation(max_length=3)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return tmp_path


def test_tokenizer_json(saved_tokenizer):
    ids, mask = Tokenizer.load(saved_tokenizer)(["a  depth map of", "map"], 6)
    np.testing.assert_array_equal(ids, [[3, 4, 5, 2, 1, 0], [5, 1, 0, 0, 0, 0]])
    np.testing.assert_array_equal(mask.sum(axis=1), [5, 2])


def test_folder_without_tokenizer(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no tokenizer\.json or spiece\.model in .*google"):
        Tokenizer.load(tmp_path)


def test_damaged_tokenizer_json(saved_tokenizer):
    path = saved_tokenizer / "tokenizer.json"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"tokenizer\.json is no tokenizer file, or a damaged one"):
        Tokenizer.load(saved_tokenizer)


@given(data=st.binary(max_size=64))
def test_damaged_spiece_model(data, tmp_path_factory):
    directory = tmp_path_factory.getbasetemp()
    (directory / "spiece.model").write_bytes(data)
    with pytest.raises(ValueError, match=r"spiece\.model is no"):
        Tokenizer.load(directory)


def repeat_ids(ids, mask):
    """An encoder whose features are the ids, and no numbers at all in the padding."""
    return jnp.where(mask[..., None], jnp.repeat(ids[..., None], 4, axis=2), jnp.nan)


@pytest.mark.parametrize("length", [4, 70])
def test_features_are_zero_beyond_the_prompt(length):
    features, lengths = encode_prompts(repeat_ids, ByteTokenizer(), ["ab", ""], length)
    assert features.shape == (2, length, 4) and features.dtype == np.float32
    np.testing.assert_array_equal(features[:, :4, 0], [[100, 101, 1, 0], [1, 0, 0, 0]])
    assert not features[:, 4:].any()
    np.testing.assert_array_equal(lengths, [3, 1])


@settings(deadline=None)  # Compiles on its first call.
@given(st.lists(st.text("abc", max_size=100), min_size=1, max_size=3))
def test_features_of_every_token_are_kept(texts):
    features, _ = encode_prompts(repeat_ids, ByteTokenizer(), texts, length=101)
    np.testing.assert_array_equal(features[..., 0], ByteTokenizer()(texts, 101)[0])


rows = npst.arrays(
    np.float32, st.tuples(st.integers(0, 5), st.integers(1, 4)), elements=st.floats(width=32)
)


@given(features=st.dictionaries(st.text("abc_/.2"), st.tuples(st.text(), rows), max_size=4))
def test_features_survive_the_file(features, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "prompts.npz"
    save_features(path, features)
    loaded = load_features(path)
    assert {name: text for name, (text, _) in loaded.items()} == {
        name: text for name, (text, _) in features.items()
    }
    for name, (_, expected) in features.items():
        np.testing.assert_array_equal(loaded[name][1], expected, strict=True)


def test_bfloat16_features_are_stored_exactly(tmp_path):
    values = np.random.default_rng(0).normal(size=(3, 8)).astype(ml_dtypes.bfloat16)
    save_features(tmp_path / "prompts.npz", {"depth": ("depth", values)})
    _, stored = load_features(tmp_path / "prompts.npz")["depth"]
    assert stored.dtype == np.float32
    np.testing.assert_array_equal(stored.astype(ml_dtypes.bfloat16), values)


def test_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "prompts.npz"
    old = {"depth": ("depth", np.ones((2, 3), np.float32))}
    save_features(path, old)

    def disk_full(file, **arrays):
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", disk_full)
    with pytest.raises(OSError, match="No space left"):
        save_features(path, {"matte": ("matte", np.zeros((9, 3), np.float32))})
    assert [file.name for file in tmp_path.iterdir()] == ["prompts.npz"]
    assert load_features(path).keys() == {"depth"}


def test_padded_features_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"features/depth must be \[tokens, width\].*\(1, 2, 3\)"):
        save_features(tmp_path / "prompts.npz", {"depth": ("depth", np.ones((1, 2, 3)))})


def test_damaged_feature_file(tmp_path):
    path = tmp_path / "prompts.npz"
    save_features(path, {"depth": ("depth", np.ones((2, 3), np.float32))})
    whole = path.read_bytes()
    np.savez(tmp_path / "other.npz", a=np.ones(3))
    other = (tmp_path / "other.npz").read_bytes()
    np.save(tmp_path / "array.npy", np.ones(3))
    array = (tmp_path / "array.npy").read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"no zip", other, array):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="is no file of prompt features"):
            load_features(path)

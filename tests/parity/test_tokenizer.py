"""Cleaning and ids equal diffusers' and transformers', for a model trained on the spot."""

import json
import random

import pytest
import sentencepiece
import transformers
from diffusers.pipelines.wan.pipeline_wan import prompt_clean
from hypothesis import given, settings
from hypothesis import strategies as st

from thfm_jax.data.prompts import Tokenizer, clean

PROBES = [
    "",
    "   ",
    "a person walks",
    "A person, walking.  Slowly!\n\tThen\u00a0running",
    "\u201ccurly\u201d \u2018quotes\u2019 \u2013 and dashes\u2026",
    "\uff26\uff35\uff2c\uff2c width, \u6f22\u5b57, \u3053\u3093\u306b\u3061\u306f",
    "na\u00efve caf\u00e9 Z\u00fcrich \u0141\u00f3d\u017a",
    "cafe\u0301 \ufb01ligature \u00bd \u2460",
    "emoji \U0001f600\U0001f469\u200d\U0001f680 and \U0001f1eb\U0001f1f7",
    "&lt;b&gt;html&lt;/b&gt; &amp;amp; &quot;twice&amp;quot; &nbsp;",
    "<b>tags</b> stay",
    "sch\u00c3\u00b6n mojibake \u00e2\u20ac\u201c dash",
    "\x1b[31mansi\x1b[0m \ufeffbom soft\u00adhyphen zero\u200bwidth",
    "\u2581metaspace\u2581in the text",
    "special </s> tokens <pad> in <unk>text</s>",
    "byte piece <0x41> as text",
    "12345 3.14 1,000,000 x=y+z",
    "WalkingPersonWalkingPerson",
    "\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd \u0928\u092e\u0938\u094d\u0924\u0947",
]


def sentences(count: int) -> list[str]:
    rng = random.Random(0)
    who = ["a person", "the woman", "one man", "two dancers", "a child", "an athlete"]
    what = ["walks", "runs quickly", "is jumping over", "looks at", "turns towards", "carries"]
    where = ["the street", "a kitchen", "green fields", "an empty stage", "the camera", "water"]
    return [
        f"{rng.choice(who)} {rng.choice(what)} {rng.choice(where)}, take {rng.randrange(1000)}."
        for _ in range(count)
    ]


@pytest.fixture(scope="module")
def spiece_folder(tmp_path_factory):
    """What a Wan2.1 release has in its tokenizer folder, small, and without `tokenizer.json`."""
    directory = tmp_path_factory.mktemp("spiece")
    with open(directory / "spiece.model", "wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences(3000)),
            model_writer=file,
            model_type="unigram",
            vocab_size=400,
            hard_vocab_limit=False,
            byte_fallback=True,
            pad_id=0,
            eos_id=1,
            unk_id=2,
            bos_id=-1,
            minloglevel=2,
        )
    settings = {"tokenizer_class": "T5Tokenizer", "extra_ids": 0}
    (directory / "tokenizer_config.json").write_text(json.dumps(settings))
    return directory


@pytest.fixture(scope="module")
def reference(spiece_folder):
    return transformers.AutoTokenizer.from_pretrained(spiece_folder)


@pytest.fixture(scope="module")
def json_folder(reference, tmp_path_factory):
    """The same as `tokenizer.json`, with the padding of an earlier call saved in it."""
    directory = tmp_path_factory.mktemp("json")
    reference(["a"], padding="max_length", max_length=9, truncation=True)
    reference.save_pretrained(directory)
    assert json.loads((directory / "tokenizer.json").read_text())["padding"] is not None
    return directory


@pytest.fixture(scope="module", params=["spiece_folder", "json_folder"])
def tokenizer(request):
    return Tokenizer.load(request.getfixturevalue(request.param))


def assert_same_ids(tokenizer, reference, text):
    ids, mask = tokenizer([text], 512)
    theirs = reference(
        [prompt_clean(text)],
        padding="max_length",
        max_length=512,
        truncation=True,
        return_attention_mask=True,
    )
    assert ids.tolist() == theirs["input_ids"]
    assert mask.astype(int).tolist() == theirs["attention_mask"]


@pytest.mark.parametrize("text", PROBES)
def test_probe(tokenizer, reference, text):
    assert_same_ids(tokenizer, reference, text)


@settings(max_examples=500)
@given(text=st.text(max_size=60) | st.text("ab <>/spadunk&;\u2581\u00e9", max_size=60))
def test_any_text(tokenizer, reference, text):
    assert_same_ids(tokenizer, reference, text)


def test_characters_outside_the_vocabulary_are_one_unknown(tokenizer):
    """Bytes, as sentencepiece itself gives them, are no input that the encoder was trained on."""
    (ids,), _ = tokenizer(["a \u6f22\u5b57 street"], 16)
    assert ids.tolist().count(2) == 1


@pytest.mark.parametrize("text", PROBES)
def test_clean_probe(text):
    assert clean(text) == prompt_clean(text)


awkward = st.sampled_from(
    ["&amp;", "&#28;", "&#x85;", "amp;lt;", "\x1c", "\x85", " \u2003", "\u00c3"]
)


@settings(max_examples=500)
@given(st.lists(awkward | st.text(max_size=3), max_size=12).map("".join))
def test_clean_any_text(text):
    assert clean(text) == prompt_clean(text)

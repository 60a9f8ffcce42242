"""Wordings that a grammar makes: of the right thing, repeatable, short enough."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thfm_jax.data.prompts import ByteTokenizer, clean
from thfm_jax.tasks import TASKS
from thfm_jax.training.phrasing import NONE, SUBJECTS, phrase, phrases, slip
from thfm_jax.training.unseen_wordings import UNSEEN
from thfm_jax.training.wordings import task_texts

LIMIT = 63
SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def drawn() -> dict[str, set[str]]:
    rng = np.random.default_rng(0)
    return {s: {phrase(s, rng, LIMIT) for _ in range(3000)} for s in SUBJECTS}


def test_there_are_thousands_of_wordings(drawn):
    assert all(len(texts) > 2000 for texts in drawn.values())


def test_no_wording_asks_for_two_things(drawn):
    own = {name: {task.prompt, *task.paraphrases} for name, task in TASKS.items()} | {NONE: set()}
    texts = [text for subject in SUBJECTS for text in drawn[subject] | own[subject]]
    assert len(texts) == len(set(texts))


def test_held_out_wordings_are_never_drawn(drawn):
    assert list(UNSEEN) == list(SUBJECTS)
    held_out = {text.lower() for texts in UNSEEN.values() for text in texts} - {""}
    assert not held_out & set().union(*drawn.values())


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.sampled_from(SUBJECTS), st.integers(20, 63))
def test_a_wording_fits_and_is_repeatable(seed, subject, limit):
    text = phrase(subject, np.random.default_rng(seed), limit)
    assert text == phrase(subject, np.random.default_rng(seed), limit) == clean(text).lower()
    ByteTokenizer()([text], limit + 1)


@settings(max_examples=200, deadline=None)
@given(SEEDS, st.sampled_from(SUBJECTS))
def test_a_slip_keeps_digits_and_short_words(seed, subject):
    rng = np.random.default_rng(seed)
    text = phrase(subject, rng, LIMIT)
    slipped = slip(text, rng, LIMIT)
    ByteTokenizer()([slipped], LIMIT + 1)
    digits = lambda text: [letter for letter in text if letter.isdigit()]
    assert digits(slipped) == digits(text)
    if " " not in text and len(text) < 4:
        assert slipped.lower().startswith(text)


def test_phrases_differ_and_depend_on_the_seed():
    first, again, other = (phrases("depth", 40, seed, LIMIT) for seed in (1, 1, 2))
    assert len(set(first)) == 40 and first == again != other


def test_the_prompt_keeps_a_share_among_many_wordings():
    for name, texts in task_texts(paraphrases=True, phrasings=64).items():
        prompt = TASKS[name].prompt
        assert texts[0] == prompt and texts.count(prompt) / len(texts) == pytest.approx(1 / 4, 0.1)
        assert len(set(texts)) > 64


def test_without_a_grammar_there_are_the_tasks_own_wordings():
    for name, task in TASKS.items():
        assert task_texts(paraphrases=True)[name] == [task.prompt, *task.paraphrases]
        assert task_texts(paraphrases=False)[name] == [task.prompt]

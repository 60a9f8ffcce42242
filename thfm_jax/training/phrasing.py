"""Wordings by the thousand: what a text encoder learns to tell tasks by.

A grammar (vocabulary.txt) puts a request together from what is asked for and from how one asks:
"normals of the man", "could you tell me which way each pixel faces?". The same ways of asking go
with things that are no task, so that they say nothing. `slip` then writes as hasty people write.
"""

import functools
import re
import string
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from thfm_jax.tasks import TASKS
from thfm_jax.training.unseen_wordings import UNSEEN

NONE = "none"
# What a wording may ask for: a task, or none of them.
SUBJECTS = (*TASKS, NONE)

# The empty text is a case of its own, and no wording.
_HELD_OUT = {text.lower() for texts in UNSEEN.values() for text in texts} - {""}
_GRAMMAR = Path(__file__).with_name("vocabulary.txt")
_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_RULE = re.compile(r"<([a-z0-9 ]+)>")
# No slip turns "2d" into "3d": only letters are hit, and only in words that stay legible.
_WORD = re.compile(r"[a-z]{4,}")


def phrase(subject: str, rng: np.random.Generator, limit: int) -> str:
    """A wording that asks for `subject`, a task or `NONE`, of at most `limit` UTF-8 bytes.

    In lower case, without slips, and never a held-out one. No task's wording is another's, or one
    that asks for none.
    """
    while True:
        text = " ".join(_expand(f"<{subject}>", rng).split())
        if len(text.encode()) <= limit and text not in _HELD_OUT:
            return text


def phrases(subject: str, count: int, seed: int, limit: int) -> tuple[str, ...]:
    """`count` different wordings, the same for the same seed."""
    rng = np.random.default_rng([seed, SUBJECTS.index(subject)])
    found: dict[str, None] = {}
    while len(found) < count:
        found[phrase(subject, rng, limit)] = None
    return tuple(found)


def slip(text: str, rng: np.random.Generator, limit: int) -> str:
    """`text` with other case and punctuation and perhaps a misspelt word, of at most `limit` bytes.

    Digits stay, and so do the first letters of words and words of up to three letters.
    """
    written = text
    for _ in range(rng.choice(3, p=(0.7, 0.25, 0.05))):
        written = _misspell(written, rng)
    case = rng.choice(4, p=(0.45, 0.33, 0.15, 0.07))
    written = (str, str.capitalize, str.upper, str.title)[case](written)
    gap = rng.choice([" ", "_", "-", "  ", ""], p=(0.93, 0.02, 0.02, 0.02, 0.01))
    end = rng.choice(["", ".", "!", "?", "...", " please", " :)"], p=(0.6, 0.2, *[0.04] * 5))
    written = written.replace(" ", gap) + end
    return written if len(written.encode()) <= limit else text


@functools.cache
def _rules() -> dict[str, tuple[str, ...]]:
    """Rule -> its alternatives; a subject without a rule of its own is asked for as any other."""
    rules: dict[str, list[str]] = {}
    for line in _GRAMMAR.read_text().splitlines():
        if line.startswith("#") or not line:
            continue
        if line.endswith(":"):
            rules[name := line[:-1]] = []
        else:
            rules[name].append(line)
    asking = rules.pop("asking")
    for subject in SUBJECTS:
        asked = [line.replace("<* ", f"<{subject} ") for line in asking]
        rules[f"asking {subject}"] = asked
        rules.setdefault(subject, asked)
    return {name: tuple(lines) for name, lines in rules.items()}


def _expand(text: str, rng: np.random.Generator) -> str:
    """`text` with each [a|b] and <rule> replaced by one of its alternatives."""
    while found := _CHOICE.search(text):
        text = text[: found.start()] + _pick(found[1].split("|"), rng) + text[found.end() :]
    return _RULE.sub(lambda found: _expand(_pick(_rules()[found[1]], rng), rng), text)


def _pick(options: Sequence[str], rng: np.random.Generator) -> str:
    return options[int(rng.integers(len(options)))]


def _misspell(text: str, rng: np.random.Generator) -> str:
    """`text` with a letter of a word left out, doubled, replaced, or swapped with the next."""
    words = list(_WORD.finditer(text))
    if not words:
        return text
    word = words[rng.integers(len(words))]
    at = int(rng.integers(word.start() + 1, word.end() - 1))
    here, there = text[at], text[at + 1]
    other = string.ascii_lowercase[rng.integers(26)]
    new = ("" + there, here + here + there, other + there, there + here)[rng.integers(4)]
    return text[:at] + new + text[at + 2 :]

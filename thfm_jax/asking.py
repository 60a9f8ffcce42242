"""The text side of a model directory: features of prompts, and which task a text asks for."""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Float

from thfm_jax import checkpoints
from thfm_jax.config import TextConfig, ThfmConfig
from thfm_jax.data.prompts import ByteTokenizer, Tokenizer, encode_prompts
from thfm_jax.models.umt5 import Umt5Encoder, encode, sentence
from thfm_jax.tasks import TASKS
from thfm_jax.types import Pytree

# Tokens of a text. The trunk may read fewer, but which task is meant can be told of more.
_LONGEST = 512


class TaskFinder:
    """`find("how far each pixel is")` is "depth"."""

    def __init__(self, encoder: Umt5Encoder, tokenizer: Tokenizer, threshold: float):
        """Takes an encoder that was trained to tell tasks apart, its tokenizer and its threshold.

        The threshold is that of `config.TextConfig`.
        """
        self.threshold = threshold
        self._encoder, self._tokenizer = encoder, tokenizer

    def __call__(self, text: str) -> str:
        """The task that `text` asks for.

        Raises ValueError, with the nearest task and its similarity, where it asks for none.
        """
        (near,) = self.similarities([text])
        task = list(TASKS)[int(near.argmax())]
        if near.max() < self.threshold:
            raise ValueError(
                f"{text!r} asks for none of the tasks {', '.join(TASKS)}; the nearest is {task}, "
                f"with a similarity of {near.max():.2f} where {self.threshold} is needed"
            )
        return task

    def similarities(self, texts: Sequence[str]) -> Float[np.ndarray, "texts tasks"]:
        """Cosines, in [-1, 1], of the features of each text with those of each task's prompt."""
        return self._vectors(texts) @ self._prompts.T

    @functools.cached_property
    def _prompts(self) -> Float[np.ndarray, "tasks D"]:
        return self._vectors([task.prompt for task in TASKS.values()])

    def _vectors(self, texts: Sequence[str]) -> Float[np.ndarray, "texts D"]:
        ids, mask = self._tokenizer(texts, _LONGEST)
        # More padding changes nothing, so it is spared; steps of 64 keep the number of shapes low.
        used = -(-mask.sum(axis=1).max() // 64) * 64
        features = encode(self._encoder, ids[:, :used], mask[:, :used])
        return np.asarray(sentence(features, jnp.asarray(mask[:, :used])))


def load_finder(directory: Path) -> TaskFinder:
    """The `TaskFinder` of a model directory; ValueError where its encoder was not trained so."""
    c = checkpoints.load_config(directory)
    if c.text.threshold is None:
        raise untrained(c.name)
    encoder, tokenizer = load_encoder(directory, c), load_tokenizer(directory, c)
    return TaskFinder(encoder, tokenizer, c.text.threshold)


def untrained(name: str) -> ValueError:
    """The error about a model whose text encoder cannot tell tasks apart."""
    return ValueError(
        f"the text encoder of {name} was not trained to tell which task a text asks for: name the "
        f"task, one of {', '.join(TASKS)}"
    )


def load_tokenizer(directory: Path | None, c: ThfmConfig) -> Tokenizer:
    """The tokenizer in a model directory; bytes where it has none and the vocabulary is theirs.

    Raises FileNotFoundError where there is none for a larger vocabulary.
    """
    folder = directory / checkpoints.TOKENIZER if directory else None
    if c.text.vocab_size <= ByteTokenizer.VOCABULARY and not (folder and folder.is_dir()):
        return ByteTokenizer()
    return Tokenizer.load(folder or "")


def load_encoder(directory: Path, c: ThfmConfig) -> Umt5Encoder:
    """The text encoder of a model directory, each array in the dtype it is stored in."""
    state = nnx.state(nnx.eval_shape(lambda: Umt5Encoder(c.text, rngs=nnx.Rngs(0))))
    stored: dict[Any, Any] = checkpoints.stored(directory, checkpoints.TEXT_ENCODER)
    target = {
        path: jax.ShapeDtypeStruct(leaf.shape, stored.get(path, leaf).dtype)
        for path, leaf in nnx.to_flat_state(state)
    }
    params = checkpoints.restore(directory, checkpoints.TEXT_ENCODER, checkpoints.nest(target))
    return encoder_of(c.text, params)


def encoder_of(config: TextConfig, params: Pytree) -> Umt5Encoder:
    """The encoder with those parameters, a nested dict."""
    graph, state = nnx.split(nnx.eval_shape(lambda: Umt5Encoder(config, rngs=nnx.Rngs(0))))
    nnx.replace_by_pure_dict(state, params)
    return nnx.merge(graph, state)


def encode_texts(
    encoder: Umt5Encoder, tokenizer: Tokenizer, texts: Mapping[str, str], length: int
) -> dict[str, tuple[str, np.ndarray]]:
    """Name -> (text, its features [n, D] without padding), of texts of at most `length` tokens."""
    features, lengths = encode_prompts(
        functools.partial(encode, encoder), tokenizer, list(texts.values()), length
    )
    return {
        task: (text, np.asarray(rows[:n]))
        for (task, text), rows, n in zip(texts.items(), features, lengths, strict=True)
    }

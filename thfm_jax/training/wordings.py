"""The prompts that training draws from: each task in several wordings."""

from collections.abc import Callable, Mapping, Sequence

import flax.struct
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from thfm_jax.models.thfm import padding_bias
from thfm_jax.tasks import TASKS
from thfm_jax.training.phrasing import phrases
from thfm_jax.types import Array


@flax.struct.dataclass
class Wordings:
    """Prompts as the text encoder's features or, where that is trained too, as its token ids.

    Tasks are in the order of `TASKS`. Every task has the same number `P` of wordings; one with
    fewer repeats them. Only the first `kept` tokens are there: see `padding_bias`.

    Attributes:
      text: [tasks, P, kept, D] float32 features, zero beyond a prompt's end; or [tasks, P, kept]
        int32 token ids.
      lengths: [tasks, P] int32 numbers of tokens.
      total: `DitConfig.padded_length`.
    """

    text: Array
    lengths: Array
    total: int = flax.struct.field(pytree_node=False)

    def draw(
        self, tasks: Int[Array, "R"], wording: Int[Array, "R"]
    ) -> tuple[Array, Int[Array, "R"], Float[Array, "R kept"]]:
        """(text, lengths, bias of the text's keys) of the wordings of some rows."""
        wording = wording % self.lengths.shape[1]
        lengths = self.lengths[tasks, wording]
        return (
            self.text[tasks, wording],
            lengths,
            padding_bias(lengths, self.text.shape[2], self.total),
        )


def task_texts(paraphrases: bool, phrasings: int = 0, limit: int = 63) -> dict[str, list[str]]:
    """Task -> its wordings: the prompt first, then perhaps paraphrases and what a grammar makes.

    Where there are `phrasings`, of at most `limit` bytes, every fourth wording is the prompt: most
    predictions ask by it.
    """
    texts = {}
    for name, task in TASKS.items():
        others = [*task.paraphrases] if paraphrases else []
        others += phrases(name, phrasings, seed=0, limit=limit)
        run = 3 if phrasings else max(len(others), 1)
        starts = range(0, max(len(others), 1), run)
        texts[name] = [text for at in starts for text in (task.prompt, *others[at : at + run])]
    return texts


def wordings(
    texts: Mapping[str, Sequence[str]],
    rows_of: Callable[[str], np.ndarray],
    total: int,
    padding: bool = True,
) -> Wordings:
    """The `Wordings` of some texts, whose features or ids [n, ...] `rows_of` gives without padding.

    `total` and `padding` are `DitConfig.text_length` and `.text_padding`.

    ValueError for a task without text, and for a text longer than `total`.
    """
    missing = [name for name in TASKS if not texts.get(name)]
    if missing:
        raise ValueError(f"no prompt for the task {', '.join(missing)}")
    rows = {name: [rows_of(text) for text in texts[name]] for name in TASKS}
    longest = max(len(r) for found in rows.values() for r in found)
    if longest > total:
        raise ValueError(f"a prompt has {longest} tokens, but the model reads {total}")
    kept = min(total, -(-(longest + 1) // 8) * 8)
    count = max(len(found) for found in rows.values())
    first = rows[next(iter(TASKS))][0]
    text = np.zeros((len(TASKS), count, kept, *first.shape[1:]), first.dtype)
    lengths = np.zeros((len(TASKS), count), np.int32)
    for task, name in enumerate(TASKS):
        for index in range(count):
            row = rows[name][index % len(rows[name])]
            text[task, index, : len(row)] = row
            lengths[task, index] = len(row)
    return Wordings(jnp.asarray(text), jnp.asarray(lengths), total if padding else 0)

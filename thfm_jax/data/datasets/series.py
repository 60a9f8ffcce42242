"""The clips that a seed names, as records: the one way to them, whoever stores them."""

import dataclasses

from thfm_jax.data.datasets import encoding
from thfm_jax.data.datasets.envelope import Key
from thfm_jax.data.sources import Source


class GenerationError(RuntimeError):
    """A clip could not be made; the message names it, and its cause says why."""


@dataclasses.dataclass(frozen=True)
class Series:
    """Clips 0, 1, 2 ... of a split and a seed.

    Attributes:
      split: its name.
      seed: of the generator.
      source: renders them, as `LiveSource` does.
    """

    split: str
    seed: int
    source: Source

    def key(self, index: int) -> Key:
        """The name of a clip."""
        return Key(self.split, self.seed, index)

    def record(self, index: int) -> bytes:
        """A clip, encoded; raises GenerationError where it cannot be made."""
        try:
            return encoding.encode(self.source[index].read(slice(None)))
        except Exception as error:
            raise GenerationError(f"{self.key(index)}: {error!r}") from error

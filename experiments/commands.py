"""What commands share: errors told in one line, flags of configurations, bars of trainings."""

import contextlib
import sys
from collections.abc import Iterator

from absl import app
from tqdm import tqdm


@contextlib.contextmanager
def told(*errors: type[Exception]) -> Iterator[None]:
    """Ends the program with one line for these errors, and those of bad input and of files."""
    told_of: tuple[type[Exception], ...] = (ValueError, OSError, *errors)
    try:
        yield
    except told_of as error:
        sys.exit(f"error: {error}")


def parse_flags(argv: list[str]) -> list[str]:
    """As absl does, but with one line about an entry that the configuration does not have."""
    try:
        return app.parse_flags_with_usage(argv)
    except (AttributeError, KeyError) as error:
        inner = error.args[0]  # of ml_collections, at times a KeyError whose text has two lines
        text = inner.args[0] if isinstance(inner, KeyError) else str(inner)
        sys.exit(f"error: no such entry of the configuration: {' '.join(text.split())}")


def steps_bar(steps: int, shown: bool = True) -> tqdm:
    """The bar of a training; a log file gets a line now and then."""
    pause = 0.1 if sys.stderr.isatty() else 30  # seconds
    return tqdm(total=steps, unit="step", mininterval=pause, disable=not shown)

"""Flags of commands that take a configuration."""

import sys

from absl import app


def parse_flags(argv: list[str]) -> list[str]:
    """As absl does, but with one line about an entry that the configuration does not have."""
    try:
        return app.parse_flags_with_usage(argv)
    except (AttributeError, KeyError) as error:
        inner = error.args[0]  # of ml_collections, at times a KeyError whose text has two lines
        text = inner.args[0] if isinstance(inner, KeyError) else str(inner)
        sys.exit(f"error: no such entry of the configuration: {' '.join(text.split())}")

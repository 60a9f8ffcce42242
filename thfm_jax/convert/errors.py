"""The one error that a conversion raises for what its user can mend."""

from collections.abc import Iterable


class ConversionError(ValueError):
    """The source, the output or the options cannot be used; the message says which and why."""


def listed(names: Iterable[str], limit: int = 6) -> str:
    """The first names in order, and how many more there are."""
    names = sorted(names)
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more

"""How much memory a conversion takes: what the command line reports."""

import resource
import sys


def peak_bytes() -> int:
    """The most memory that this process has ever held."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

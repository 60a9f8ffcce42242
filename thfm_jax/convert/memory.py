"""How much memory a conversion takes: what the command line reports."""

import re
import resource
import sys
from pathlib import Path


def peak_bytes() -> int:
    """The most memory that this process has ever held."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage on Linux starts from what the parent process held
        high = re.search(r"VmHWM:\s*(\d+) kB", status.read_text())
        if high:
            return 1024 * int(high[1])
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

"""A full disk: noticed before the work begins, and explained when it happens in the middle."""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from thfm_jax.convert.errors import ConversionError

# For what is written besides the weights: indices, journal, tokenizer.
_MARGIN_BYTES = 64 << 20


def check_space(folder: Path, nbytes: int) -> None:
    """Raises ConversionError where the disk of `folder` has no room for so many bytes more."""
    needed, free = nbytes + _MARGIN_BYTES, shutil.disk_usage(folder).free
    if free < needed:
        raise ConversionError(
            f"the disk of {folder} is too full: {needed / 1e9:.2f} GB are needed, "
            f"{free / 1e9:.2f} GB are free"
        )


@contextlib.contextmanager
def full_disk_explained(advice: str) -> Iterator[None]:
    """Turns any error behind which a full disk is found into a ConversionError with `advice`."""
    try:
        yield
    except Exception as error:
        if not _is_full_disk(error):
            raise
        raise ConversionError(f"the disk is full. Make room: {advice}") from error


def _is_full_disk(error: BaseException | None) -> bool:
    while error is not None:
        number = error.errno if isinstance(error, OSError) else None
        # TensorStore says it in words only.
        if number in (errno.ENOSPC, errno.EDQUOT) or os.strerror(errno.ENOSPC) in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False

"""How the renderer's inner loops are compiled.

The code is stored beside the module, so that later processes need not compile it. Divisions by zero
give infinity, as in NumPy, instead of being checked for. Operations are neither reordered nor
fused: the same bytes on every run.

Numba notices that a kernel's own file changed, but not that one changed which it calls from another
file. So the stored code lies in a folder that is named for all the files of this one.
"""

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

from thfm_jax.data.synthetic import assets


@functools.cache
def _folder() -> str:
    source = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        source.update(file.read_bytes())
    return str(assets.cache_folder() / "kernels" / source.hexdigest()[:16])


def kernel(function: Callable) -> Any:
    """`function`, to be compiled for the types that it is first called with."""
    config: Any = numba.config
    usual = config.CACHE_DIR
    config.CACHE_DIR = usual or _folder()  # read when a function is decorated
    try:
        return numba.njit(cache=True, error_model="numpy")(function)
    finally:
        config.CACHE_DIR = usual


@kernel
def row3(array, i):
    """The three numbers of a row, as a tuple.

    Kernels take rows like this, not as `array[i]`: counting references to such a view would cost
    more than the arithmetic on it.
    """
    return array[i, 0], array[i, 1], array[i, 2]

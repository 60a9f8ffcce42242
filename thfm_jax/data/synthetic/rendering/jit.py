"""How the renderer's inner loops are compiled.

The code is stored beside the module, so that later processes need not compile it. Divisions by zero
give infinity, as in NumPy, instead of being checked for. Operations are neither reordered nor
fused: the same bytes on every run.

Numba notices that a kernel's own file changed, not that one changed which it calls from another
file: who edits a shared kernel deletes the `__pycache__` of this folder.
"""

from numba import njit

kernel = njit(cache=True, error_model="numpy")


@kernel
def row3(array, i):
    """The three numbers of a row, as a tuple.

    Kernels take rows like this, not as `array[i]`: counting references to such a view would cost
    more than the arithmetic on it.
    """
    return array[i, 0], array[i, 1], array[i, 2]

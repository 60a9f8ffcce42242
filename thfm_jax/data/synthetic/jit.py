"""How the renderer's inner loops are compiled.

The code is stored beside the module, so that later processes need not compile it. Divisions by zero
give infinity, as in NumPy, instead of being checked for. Operations are neither reordered nor
fused: the same bytes on every run.
"""

from numba import njit

kernel = njit(cache=True, error_model="numpy")

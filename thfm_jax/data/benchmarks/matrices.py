"""Linear maps from vertices, such as joint regressors, in the files that users have of them.

J_regressor_h36m.npy                  an array of NumPy
smpl_neutral_J_regressor.pt           a tensor of PyTorch, dense or sparse
smplx_to_smpl.pkl                     a pickle of an array, or of {"matrix": an array}
regressor.npz                         scipy.sparse.save_npz
"""

from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from thfm_jax.data.benchmarks.pickles import read_pickle, read_torch
from thfm_jax.data.benchmarks.sequence import BenchmarkError


def read_matrix(path: Path, columns: int) -> sparse.csr_array:
    """A map from so many vertices, [rows, columns] float64; `BenchmarkError` for another."""
    if path.suffix not in _READERS:
        raise BenchmarkError(f"{path}: expected a matrix in one of {', '.join(_READERS)}")
    try:
        content = _READERS[path.suffix](path)
        matrix = sparse.csr_array(content["matrix"] if isinstance(content, dict) else content)
        matrix = matrix.astype(np.float64)
    except BenchmarkError:
        raise
    except (OSError, ValueError, TypeError, KeyError, EOFError) as error:
        raise BenchmarkError(f"{path}: expected a matrix: {error}") from error
    if matrix.ndim != 2 or matrix.shape[1] != columns:
        raise BenchmarkError(
            f"{path}: expected a matrix of {columns} columns, one per vertex, "
            f"got one of shape {matrix.shape}"
        )
    if not np.isfinite(matrix.data).all():
        raise BenchmarkError(f"{path}: the matrix holds values that are not finite")
    return matrix


def _read_npy(path: Path) -> Any:
    return np.load(path, allow_pickle=False)


_READERS = {
    ".npy": _read_npy,
    ".npz": sparse.load_npz,
    ".pkl": read_pickle,
    ".pt": read_torch,
}

"""Pickles, tensors and matrices that come from elsewhere: read, but never run."""

import os
import pickle

import numpy as np
import pytest
import torch
from scipy import sparse

from tests.miniatures import bodies
from thfm_jax.data.benchmarks.matrices import read_matrix
from thfm_jax.data.benchmarks.pickles import read_pickle, read_torch
from thfm_jax.data.benchmarks.sequence import BenchmarkError

MATRIX = np.array([[0.5, 0.5, 0], [0, 0, 1]])


@pytest.mark.parametrize("protocol", range(6))
def test_plain_content_comes_back(tmp_path, protocol):
    content = {
        "array": np.arange(6.0).reshape(2, 3),
        "order": np.asfortranarray(MATRIX),
        "scalar": np.float64(2.5),
        "flag": np.bool_(True),
        "list": [np.array([1], np.int32), (1, "text", b"bytes", None)],
        "columns": sparse.csc_matrix(MATRIX),
        "rows": sparse.csr_array(MATRIX),
    }
    path = tmp_path / "content.pkl"
    path.write_bytes(pickle.dumps(content, protocol))
    found = read_pickle(path)
    for key in ("array", "order"):
        np.testing.assert_array_equal(found[key], content[key])
    assert found["scalar"] == 2.5 and found["flag"]
    assert found["list"][1] == (1, "text", b"bytes", None)
    np.testing.assert_array_equal(found["columns"].toarray(), MATRIX)
    np.testing.assert_array_equal(found["rows"].toarray(), MATRIX)


def test_python_2_and_chumpy(tmp_path):
    path = tmp_path / "model.pkl"
    with bodies.chumpy() as array:
        path.write_bytes(bodies.python2_pickle({"nested": [array(MATRIX)], "long": "x" * 300}))
    found = read_pickle(path)
    assert found["long"] == "x" * 300
    np.testing.assert_array_equal(found["nested"][0], MATRIX)


class Attack:
    """Runs a command when it is unpickled."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("function", [os.system, eval, exec, getattr, __import__, open])
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_that_calls_something_is_refused(tmp_path, function, protocol):
    mark = tmp_path / "mark"
    path = tmp_path / "attack.pkl"
    path.write_bytes(pickle.dumps({"a": Attack(function, f"touch {mark}")}, protocol))
    with pytest.raises(BenchmarkError, match=r"attack\.pkl: .*not loaded from here"):
        read_pickle(path)
    assert not mark.exists()


def test_damaged_and_missing_pickles_are_named(tmp_path):
    path = tmp_path / "data.pkl"
    with pytest.raises(BenchmarkError, match=r"data\.pkl: not found"):
        read_pickle(path)
    whole = pickle.dumps({"array": np.arange(100.0)})
    for data in (b"", b"no pickle", whole[:-20]):
        path.write_bytes(data)
        with pytest.raises(BenchmarkError, match=r"data\.pkl: expected a pickle"):
            read_pickle(path)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.int64])
def test_tensors(tmp_path, dtype):
    path = tmp_path / "tensor.pt"
    tensor = torch.arange(24).reshape(2, 3, 4).to(dtype)[:, 1:, ::2].transpose(0, 1)
    torch.save({"view": tensor, "sparse": torch.tensor(MATRIX).to_sparse()}, path)
    found = read_torch(path)
    np.testing.assert_array_equal(found["view"], tensor.numpy())
    np.testing.assert_array_equal(found["sparse"].toarray(), MATRIX)


def test_damaged_tensors_are_named(tmp_path):
    path = tmp_path / "tensor.pt"
    path.write_bytes(b"PK no archive")
    with pytest.raises(BenchmarkError, match=r"tensor\.pt: expected a file of torch\.save"):
        read_torch(path)
    torch.save(Attack(os.system, "true"), path)
    with pytest.raises(BenchmarkError, match=r"tensor\.pt: .*not loaded from here"):
        read_torch(path)


def write_matrix(path, matrix):
    match path.suffix:
        case ".npy":
            np.save(path, matrix)
        case ".npz":
            sparse.save_npz(path, sparse.csr_array(matrix))
        case ".pkl":
            path.write_bytes(pickle.dumps({"matrix": matrix}))
        case ".pt":
            torch.save(torch.tensor(matrix).to_sparse(), path)


@pytest.mark.parametrize("end", [".npy", ".npz", ".pkl", ".pt"])
def test_matrices_in_every_format(tmp_path, end):
    path = tmp_path / f"matrix{end}"
    write_matrix(path, MATRIX)
    np.testing.assert_array_equal(read_matrix(path, 3).toarray(), MATRIX)
    with pytest.raises(BenchmarkError, match=rf"matrix\{end}: expected a matrix of 4 columns"):
        read_matrix(path, 4)
    write_matrix(path, MATRIX * [1, np.nan, 1])
    with pytest.raises(BenchmarkError, match=rf"matrix\{end}: .*not finite"):
        read_matrix(path, 3)
    path.write_bytes(b"neither")
    with pytest.raises(BenchmarkError, match=rf"matrix\{end}: "):
        read_matrix(path, 3)


def test_matrices_elsewhere(tmp_path):
    with pytest.raises(BenchmarkError, match=r"matrix\.csv: expected a matrix in one of"):
        read_matrix(tmp_path / "matrix.csv", 3)
    with pytest.raises(BenchmarkError, match=r"matrix\.npy"):
        read_matrix(tmp_path / "matrix.npy", 3)

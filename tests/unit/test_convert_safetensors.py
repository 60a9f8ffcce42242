"""Safetensors files are read as the reference library writes them, and refused when damaged."""

import json

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.convert_sources import write_safetensors
from thfm_jax.convert import ConversionError
from thfm_jax.convert import safetensors as reader
from thfm_jax.convert.shards import ShardWriter, Tensor

ARRAYS = {
    "matrix": np.arange(12, dtype=np.float32).reshape(3, 4),
    "half": np.linspace(-1, 1, 5).astype(np.float16),
    "brain": np.linspace(-3, 3, 6).astype(ml_dtypes.bfloat16).reshape(2, 3),
    "scalar": np.array(2.5, np.float64),
    "empty": np.zeros((0, 3), np.float32),
    "counts": np.array([1, -2], np.int64),
}


def header_of(file):
    data = file.read_bytes()
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def write_raw(file, header, data):
    text = json.dumps(header).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + data)


def message(file, open_file=reader.open_file):
    with pytest.raises(ConversionError) as error:
        open_file(file)
    return str(error.value)


def test_reads_what_the_reference_library_writes(tmp_path):
    safetensors.numpy.save_file(ARRAYS, tmp_path / "a.safetensors", metadata={"format": "pt"})
    tensors = reader.open_file(tmp_path / "a.safetensors")
    assert tensors.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert tensors[name].dtype == array.dtype
        np.testing.assert_array_equal(tensors[name].read(), array)


def test_the_reference_library_reads_what_we_write(tmp_path):
    write_safetensors(tmp_path / "a.safetensors", ARRAYS)
    loaded = safetensors.numpy.load_file(tmp_path / "a.safetensors")
    for name, array in ARRAYS.items():
        assert loaded[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded[name], array)


@given(start=st.integers(0, 8), stop=st.integers(0, 8))
def test_a_range_of_rows_is_that_slice(tmp_path_factory, start, stop):
    file = tmp_path_factory.mktemp("rows") / "a.safetensors"
    array = np.random.default_rng(0).normal(size=(6, 2, 3)).astype(np.float32)
    write_safetensors(file, {"x": array})
    np.testing.assert_array_equal(reader.open_file(file)["x"].read(start, stop), array[start:stop])


def test_a_truncated_file_says_how_much_is_missing(tmp_path):
    file = write_safetensors(tmp_path / "a.safetensors", ARRAYS)
    whole = file.read_bytes()
    file.write_bytes(whole[:-7])
    assert "truncated: 7 bytes are missing" in message(file)
    file.write_bytes(whole[:40])
    assert "its header alone needs" in message(file)
    file.write_bytes(whole[:5])
    assert "no safetensors file (5 bytes)" in message(file)
    file.write_bytes(b"")
    assert "no safetensors file (0 bytes)" in message(file)


def test_a_file_of_something_else_is_refused(tmp_path):
    file = tmp_path / "a.safetensors"
    file.write_bytes(b"<!DOCTYPE html><html>404</html>")
    assert "no safetensors file" in message(file)
    file.write_bytes((8).to_bytes(8, "little") + b"[1, 2,3]")
    assert "corrupt header" in message(file)
    file.write_bytes((8).to_bytes(8, "little") + b"{\xff\xfe no }")
    assert "corrupt header" in message(file)
    file.write_bytes((9000).to_bytes(8, "little") + b"[" * 9000)
    assert "corrupt header" in message(file)


def corrupt_entries():
    good = {"dtype": "F32", "shape": [3, 4], "data_offsets": [0, 48]}
    return [
        ({**good, "dtype": "Q4_K"}, "unknown dtype Q4_K"),
        ({**good, "shape": [3, 5]}, "has 48 bytes, but F32 of shape (3, 5) needs 60"),
        ({**good, "shape": [3, -4]}, "is corrupt"),
        ({**good, "shape": [3, 4.0]}, "is corrupt"),
        ({**good, "data_offsets": [4, 52]}, "begins at byte 4"),
        ({**good, "data_offsets": [0]}, "is corrupt"),
        ({"dtype": "F32", "shape": [3, 4]}, "is corrupt"),
        ({**good, "shape": [2, 4], "data_offsets": [0, 32]}, "16 bytes that no tensor claims"),
    ]


@pytest.mark.parametrize(("entry", "expected"), corrupt_entries())
def test_a_header_that_contradicts_itself_is_refused(tmp_path, entry, expected):
    write_raw(tmp_path / "a.safetensors", {"x": entry}, bytes(48))
    assert expected in message(tmp_path / "a.safetensors")


def test_overlapping_tensors_and_repeated_names_are_refused(tmp_path):
    entry = {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}
    write_raw(tmp_path / "a.safetensors", {"x": entry, "y": entry}, bytes(4))
    assert "y begins at byte 0, the tensor before it ends at 4" in message(
        tmp_path / "a.safetensors"
    )
    text = f'{{"x": {json.dumps(entry)}, "x": {json.dumps(entry)}}}'.encode()
    (tmp_path / "b.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + bytes(4))
    assert "a name occurs twice" in message(tmp_path / "b.safetensors")


@given(position=st.integers(0, 400), value=st.integers(0, 255))
def test_a_changed_byte_in_the_header_never_crashes_the_reader(tmp_path_factory, position, value):
    file = tmp_path_factory.mktemp("flip") / "a.safetensors"
    write_safetensors(file, {"x": np.ones((3, 4), np.float32), "y": np.ones(5, np.float16)})
    data = bytearray(file.read_bytes())
    data[position % (len(data) - 58)] = value
    file.write_bytes(data)
    try:
        tensors = reader.open_file(file)
    except ConversionError:
        return
    for tensor in tensors.values():
        assert tensor.read().shape == tensor.shape


def sharded(folder):
    arrays = {f"t{n}": np.full((10,), n, np.float32) for n in range(5)}
    tensors = [Tensor(name, array.shape, array.dtype) for name, array in arrays.items()]
    writer = ShardWriter(folder, "model", tensors, max_bytes=80)
    for name, array in arrays.items():
        writer.write(name, array)
    return folder / "model.safetensors.index.json", arrays


def test_a_sharded_set_is_one_set_of_tensors(tmp_path):
    index, arrays = sharded(tmp_path)
    assert len(list(tmp_path.glob("model-*-of-00003.safetensors"))) == 3
    tensors = reader.open_sharded(index)
    assert {name: tensor.read().tolist() for name, tensor in tensors.items()} == {
        name: array.tolist() for name, array in arrays.items()
    }
    assert json.loads(index.read_text())["metadata"] == {"total_size": 200}


def test_a_missing_shard_is_named(tmp_path):
    index, _ = sharded(tmp_path)
    (tmp_path / "model-00002-of-00003.safetensors").unlink()
    expected = "names 3 shards; missing: model-00002-of-00003.safetensors"
    assert expected in message(index, reader.open_sharded)


def test_an_index_that_does_not_fit_its_shards_is_refused(tmp_path):
    index, _ = sharded(tmp_path)
    good = json.loads(index.read_text())
    places = good["weight_map"]
    index.write_text(json.dumps({"weight_map": {**places, "ghost": places["t0"]}}))
    assert "holds ghost; it does not" in message(index, reader.open_sharded)
    index.write_text(json.dumps({"weight_map": {k: v for k, v in places.items() if k != "t1"}}))
    assert "holds t1, which" in message(index, reader.open_sharded)
    index.write_text(json.dumps({"weight_map": {"t0": "../model.safetensors"}}))
    assert "must name files beside it" in message(index, reader.open_sharded)
    index.write_text("{")
    assert "no index of shards" in message(index, reader.open_sharded)


def test_shards_load_in_torch_with_the_dtypes_mixed(tmp_path):
    """The data of each tensor is aligned, whatever stands before it."""
    state = {
        "odd": np.ones(3, ml_dtypes.bfloat16),
        "wide": np.arange(4, dtype=np.float64),
        "narrow": np.arange(4, dtype=np.float32),
    }
    write_safetensors(tmp_path / "a.safetensors", state)
    header, _ = header_of(tmp_path / "a.safetensors")
    assert [header[name]["data_offsets"][0] for name in ("wide", "narrow", "odd")] == [0, 32, 48]
    from safetensors.torch import load_file

    loaded = load_file(tmp_path / "a.safetensors")
    assert loaded["odd"].dtype == torch.bfloat16
    assert loaded["wide"].tolist() == [0, 1, 2, 3]

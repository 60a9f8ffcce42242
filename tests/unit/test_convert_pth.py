"""`.pth` files are read as PyTorch writes them, and nothing that is pickled in one is executed."""

import collections
import io
import os
import pickle
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from thfm_jax.convert import ConversionError, pth


def saved(file, state, **options):
    torch.save(state, file, **options)
    return file


def message(file):
    with pytest.raises(ConversionError) as error:
        pth.open_file(file)
    return str(error.value)


def same(tensor, expected):
    ours, theirs = tensor.read(), expected.detach()
    if theirs.dtype == torch.bfloat16:
        assert ours.dtype.name == "bfloat16"
        ours, theirs = ours.view(np.uint16), theirs.view(torch.uint16)
    assert ours.dtype == theirs.numpy().dtype
    np.testing.assert_array_equal(ours, theirs.numpy())


def test_reads_every_dtype_shape_and_kind_of_view(tmp_path):
    base = torch.randn(6, 5)
    state = {
        "float32": base,
        "row": base[2:4],
        "column": base[:, 1],
        "transposed": base.T,
        "every_other": torch.randn(4, 6, 3)[:, ::2],
        "channels_last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
        "bfloat16": torch.randn(3, 4).bfloat16(),
        "float16": torch.randn(3).half(),
        "float64": torch.randn(3).double(),
        "scalar": torch.tensor(1.5),
        "empty": torch.zeros(0, 4),
        "expanded": torch.randn(1, 4).expand(3, 4),
        "parameter": torch.nn.Parameter(torch.randn(2, 2)),
    }
    tensors = pth.open_file(saved(tmp_path / "a.pth", state))
    assert tensors.keys() == state.keys()
    for name, expected in state.items():
        same(tensors[name], expected)


def test_rows_of_a_strided_tensor_are_its_rows(tmp_path):
    state = {"x": torch.randn(5, 7).T}
    tensor = pth.open_file(saved(tmp_path / "a.pth", state))["x"]
    np.testing.assert_array_equal(tensor.read(2, 6), state["x"][2:6].numpy())


def test_a_module_and_a_wrapped_state_dict_are_read(tmp_path):
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    ordered = saved(tmp_path / "a.pth", module.state_dict())
    assert pth.open_file(ordered).keys() == module.state_dict().keys()
    for wrapper in ("state_dict", "model"):
        wrapped = saved(tmp_path / "b.pth", {wrapper: dict(module.state_dict())})
        assert pth.open_file(wrapped).keys() == module.state_dict().keys()


_STORAGE = ("storage", torch.FloatStorage, "0", "cpu", 8)


class Malicious:
    """Runs a command when it is unpickled in the ordinary way."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def test_code_in_a_file_is_not_executed(tmp_path):
    trace = tmp_path / "executed"
    file = saved(tmp_path / "a.pth", {"x": torch.ones(2), "y": Malicious(f"touch {trace}")})
    said = message(file)
    assert "posix.system" in said
    assert "Nothing of it was executed" in said
    assert not trace.exists()
    # The trap is real: the ordinary way springs it.
    torch.load(file, weights_only=False)
    assert trace.exists()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"x": torch.ones(2), "step": 7}, "'step' is a int"),
        ({"x": {"y": torch.ones(2)}}, "'x' is a dict"),
        ([torch.ones(2)], "holds a list"),
        (torch.nn.Linear(2, 2), "asks for torch.nn.modules.linear.Linear"),
        ({"x": np.ones(2)}, "asks for numpy"),
    ],
)
def test_a_file_with_more_than_tensors_is_refused(tmp_path, content, expected):
    assert expected in message(saved(tmp_path / "a.pth", content))


def test_the_format_of_old_is_explained(tmp_path):
    options = {"_use_new_zipfile_serialization": False}
    file = saved(tmp_path / "a.pth", {"x": torch.ones(2)}, **options)
    assert "before version 1.6. Write it again with torch.save" in message(file)


def test_truncated_and_foreign_files_are_refused(tmp_path):
    file = saved(tmp_path / "a.pth", {"x": torch.ones(1000)})
    file.write_bytes(file.read_bytes()[:2000])
    assert "no PyTorch file, or it is truncated (2000 bytes)" in message(file)
    file.write_bytes(b"version https://git-lfs")
    assert "no PyTorch file, or it is truncated" in message(file)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "zip without a PyTorch state dict" in message(file)


SMALL = io.BytesIO()
torch.save({"x": torch.ones(3, 4), "y": torch.zeros(5).bfloat16()}, SMALL)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=3))
def test_damage_anywhere_is_refused_or_harmless(tmp_path_factory, changes):
    data = bytearray(SMALL.getvalue())
    for place, value in changes:
        data[int(place * len(data))] = value
    file = tmp_path_factory.getbasetemp() / "damaged.pth"
    file.write_bytes(data)
    try:
        tensors = pth.open_file(file)
    except ConversionError:
        return
    for tensor in tensors.values():
        assert tensor.read().shape == tensor.shape


def rewritten(file, change, **options):
    """The zip with some members changed: name -> bytes, or None to leave one out."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members |= {f"{file.stem}/{name}": data for name, data in change.items()}
    with zipfile.ZipFile(file, "w", **options) as archive:
        for name, data in members.items():
            if data is not None:
                archive.writestr(name, data)
    return file


def test_a_damaged_archive_is_refused(tmp_path):
    def fresh():
        return saved(tmp_path / "a.pth", {"x": torch.ones(8)})

    assert "has no data for x" in message(rewritten(fresh(), {"data/0": None}))
    assert "does not fit its 12 bytes" in message(rewritten(fresh(), {"data/0": bytes(12)}))
    assert "big-endian" in message(rewritten(fresh(), {"byteorder": b"big"}))
    assert "corrupt description" in message(rewritten(fresh(), {"data.pkl": b"\x80\x02}q"}))
    assert "is compressed" in message(rewritten(fresh(), {}, compression=zipfile.ZIP_DEFLATED))


def test_a_forged_description_cannot_reach_beyond_its_storage(tmp_path):
    class Forger(pickle.Pickler):
        def persistent_id(self, value):
            return _STORAGE if value is ... else None

    class Tensor:
        def __init__(self, *arguments):
            self.arguments = arguments

        def __reduce__(self):
            return torch._utils._rebuild_tensor_v2, self.arguments

    def forged(*arguments):
        stream = io.BytesIO()
        Forger(stream, 2).dump({"x": Tensor(*arguments, False, collections.OrderedDict())})
        file = saved(tmp_path / "a.pth", {"x": torch.ones(8)})
        return rewritten(file, {"data.pkl": stream.getvalue()})

    assert pth.open_file(forged(..., 2, (3, 2), (2, 1)))["x"].read().shape == (3, 2)
    assert "does not fit its 32 bytes" in message(forged(..., 3, (3, 2), (2, 1)))
    assert "does not fit its 32 bytes" in message(forged(..., 0, (2,), (1000,)))
    assert "corrupt description" in message(forged(..., -1, (2,), (1,)))
    assert "corrupt description" in message(forged(..., 0, (2,), (1, 1)))
    assert "corrupt description" in message(forged([1], 0, (2,), (1,)))

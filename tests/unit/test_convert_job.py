"""A conversion is complete or absent, goes on after a kill, and loses nothing on bad input."""

import dataclasses
import errno
import hashlib
import json
import shutil
import signal
import types
from pathlib import Path

import jax
import numpy as np
import pytest

from tests.unit.convert_sources import (
    CONFIG,
    run_python,
    write_diffusers,
    write_original,
    write_safetensors,
)
from thfm_jax import checkpoints
from thfm_jax.convert import ConversionError, disk, load, plan
from thfm_jax.convert.export import export
from thfm_jax.convert.job import convert
from thfm_jax.convert.rehearsal import write_random_weights
from thfm_jax.convert.source import open_source
from thfm_jax.convert.writer import PartWriter


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write_diffusers(tmp_path_factory.mktemp("released") / "diffusers")


@pytest.fixture(scope="module")
def model(source, tmp_path_factory):
    """The model that an undisturbed conversion gives."""
    output = tmp_path_factory.mktemp("converted") / "model"
    convert(source, output)
    return output


@pytest.fixture
def small_pieces(monkeypatch):
    """Cuts every stacked parameter into its layers, as happens at full size."""
    monkeypatch.setattr(plan, "_PIECE_BYTES", 256)


def contents(model: Path) -> dict:
    return {
        (part, *path): checkpoints.open_array(model, part, path).read().result()
        for part in checkpoints.present_parts(model)
        for path in checkpoints.stored(model, part)
    }


def assert_same(one: dict, other: dict) -> None:
    assert one.keys() == other.keys()
    for path in one:
        assert one[path].dtype == other[path].dtype, path
        assert one[path].tobytes() == other[path].tobytes(), path


def message(*arguments, **options):
    with pytest.raises(ConversionError) as error:
        convert(*arguments, **options)
    return str(error.value)


def test_every_tensor_is_accounted_for(source, model):
    manifest = json.loads((model / "manifest.json").read_text())
    parts = {part["part"]: part for part in manifest["parts"]}
    assert {name: (p["tensors"], p["matched"], p["unmatched"]) for name, p in parts.items()} == {
        "dit": (15 + 27 * 3, 15 + 27 * 3, 0),
        "vae": (len(open_source(source).parts["vae"].tensors),) * 2 + (0,),
        "text_encoder": (2 + 10 * 2, 2 + 10 * 2, 0),
    }
    assert parts["dit"]["parameters"] * 4 == parts["dit"]["bytes"]
    for entry in manifest["source"]:
        data = (source / entry["file"]).read_bytes()
        assert (entry["bytes"], entry["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert "tokenizer/tokenizer.json" in {entry["file"] for entry in manifest["source"]}
    assert (model / "tokenizer" / "tokenizer.json").is_file()
    assert checkpoints.load_config(model) == CONFIG
    assert not list(model.parent.glob("*.partial"))


def test_both_layouts_give_the_same_model(source, model, tmp_path, small_pieces):
    convert(write_original(tmp_path / "original", source), tmp_path / "model")
    assert_same(contents(model), contents(tmp_path / "model"))


def test_what_is_converted_is_what_is_loaded(source, model):
    for part in ("dit", "vae", "text_encoder"):
        config, tree = load(source, part)
        assert config == open_source(source).parts[part].config
        target = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), tree)
        jax.tree.map(np.testing.assert_array_equal, checkpoints.restore(model, part, target), tree)


def test_a_subset_of_parts_is_a_model_of_these_parts(source, model, tmp_path):
    convert(source, tmp_path / "model", parts=["vae"])
    assert checkpoints.present_parts(tmp_path / "model") == ("vae",)
    assert checkpoints.load_config(tmp_path / "model").vae == CONFIG.vae
    expected = {path: a for path, a in contents(model).items() if path[0] == "vae"}
    assert_same(contents(tmp_path / "model"), expected)


def test_bfloat16_is_for_matrices_and_float32_for_all(source, model, tmp_path):
    convert(source, tmp_path / "narrow", dtype="bfloat16")
    narrow, wide = contents(tmp_path / "narrow"), contents(model)
    rounded = {path for path, array in narrow.items() if array.dtype.name == "bfloat16"}
    assert ("dit", "blocks", "self_attention", "q", "kernel") in rounded
    assert ("dit", "patch_embedding", "kernel") in rounded
    assert ("text_encoder", "token_embedding", "embedding") in rounded
    fixed = {"time_embedding", "time_projection", "head", "vae", "modulation", "scale", "bias"}
    assert not [path for path in rounded if fixed & set(path)]
    assert ("text_encoder", "blocks", "attention", "relative_bias") not in rounded
    for path, array in narrow.items():
        np.testing.assert_array_equal(array, wide[path].astype(array.dtype))
    exported = tmp_path / "exported"
    export(tmp_path / "narrow", exported)
    convert(exported, tmp_path / "again", dtype="float32")
    again = contents(tmp_path / "again")
    assert {array.dtype.name for array in again.values()} == {"float32"}
    for path, array in again.items():
        np.testing.assert_array_equal(array, narrow[path].astype(np.float32))
    assert "no dtype 'int8'" in message(source, tmp_path / "c", dtype="int8")


def test_layers_stored_in_different_dtypes_become_float32(source, tmp_path):
    state = {
        name: tensor.read() for name, tensor in open_source(source).parts["dit"].tensors.items()
    }
    name = "blocks.1.attn1.to_q.weight"
    state[name] = state[name].astype(np.float16)
    write_safetensors(tmp_path / "dit.safetensors", state)
    shutil.copy(source / "transformer" / "config.json", tmp_path)
    _, tree = load(tmp_path, "dit")
    kernel = tree["blocks"]["self_attention"]["q"]["kernel"]
    assert kernel.dtype == np.float32
    np.testing.assert_array_equal(kernel[1], state[name].astype(np.float32).T)


def test_an_existing_output_is_left_alone(source, tmp_path):
    output = tmp_path / "precious"
    output.mkdir()
    (output / "thesis.txt").write_text("keep")
    assert "exists already: remove it, or give --overwrite" in message(source, output)
    assert "is no converted model" in message(source, output, overwrite=True)
    assert [file.name for file in tmp_path.rglob("*")] == ["precious", "thesis.txt"]


def test_overwrite_replaces_a_model_when_the_new_one_is_complete(
    source, tmp_path, monkeypatch, small_pieces
):
    output = tmp_path / "model"
    convert(source, output, parts=["vae"])
    before = contents(output)
    with monkeypatch.context() as patch:
        patch.setattr(PartWriter, "write", failing_write(3, RuntimeError("power cut")))
        with pytest.raises(RuntimeError, match="power cut"):
            convert(source, output, parts=["dit"], overwrite=True)
    assert_same(contents(output), before)
    convert(source, output, parts=["dit"], overwrite=True)
    assert checkpoints.present_parts(output) == ("dit",)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def failing_write(after: int, error: Exception):
    """A `PartWriter.write` that raises at the piece with that number."""
    calls, write = [], PartWriter.write

    def wrapped(self, piece, array):
        calls.append(piece)
        if len(calls) > after:
            raise error
        write(self, piece, array)

    return wrapped


def test_too_small_a_disk_is_noticed_before_the_work(source, tmp_path, monkeypatch):
    usage = types.SimpleNamespace(free=50_000_000)
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda path: usage)
    said = message(source, tmp_path / "model")
    assert "is too full: 0.07 GB are needed, 0.05 GB are free" in said
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        ValueError('RESOURCE_EXHAUSTED: Error writing "0.0": No space left on device [28]'),
    ],
)
def test_a_disk_that_fills_up_keeps_what_was_written(
    source, model, tmp_path, monkeypatch, error, small_pieces
):
    output = tmp_path / "model"
    with monkeypatch.context() as patch:
        patch.setattr(PartWriter, "write", failing_write(60, error))
        said = message(source, output)
    assert "the disk is full" in said
    assert f"{output}.partial keeps what has been written" in said
    assert not output.exists()
    written = []
    monkeypatch.setattr(
        PartWriter,
        "write",
        lambda self, piece, array, write=PartWriter.write: (
            written.append(piece),
            write(self, piece, array),
        ),
    )
    convert(source, output)
    pieces = sum(len(plan.Plan(p, "source").pieces) for p in open_source(source).parts.values())
    assert len(written) == pieces - 60
    assert_same(contents(output), contents(model))


KILLED = """
import os, signal, sys
from thfm_jax.convert import job, journal, plan, writer
source, output, where, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
plan._PIECE_BYTES = 256
owner, name = {
    "write": (writer.PartWriter, "write"),
    "create": (writer.tensorstore, "open"),
    "record": (journal.Journal, "record"),
    "save": (writer.ocp, "save"),
}[where]
original, calls = getattr(owner, name), []
def killing(*arguments, **options):
    calls.append(None)
    if len(calls) > count:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments, **options)
setattr(owner, name, killing)
job.convert(source, output)
"""


@pytest.mark.parametrize(
    ("where", "count"),
    [("save", 0), ("create", 5), ("write", 0), ("write", 70), ("record", 150), ("save", 2)],
)
def test_a_killed_conversion_goes_on(source, model, tmp_path, where, count, small_pieces):
    output = tmp_path / "model"
    process = run_python(KILLED, source, output, where, count)
    assert process.returncode == -signal.SIGKILL, process.stderr
    assert not output.exists()
    with pytest.raises(checkpoints.CheckpointError, match="is an unfinished conversion"):
        checkpoints.load_config(output)
    convert(source, output)
    assert_same(contents(output), contents(model))
    assert json.loads((output / "config.json").read_text()) == json.loads(
        (model / "config.json").read_text()
    )
    assert sorted(path.name for path in output.iterdir()) == sorted(
        path.name for path in model.iterdir()
    )
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_kill_just_before_the_end_loses_nothing(source, model, tmp_path, monkeypatch):
    """The model is complete and only the rename is missing."""
    output = tmp_path / "model"

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("thfm_jax.convert.job._move", stop)
        with pytest.raises(KeyboardInterrupt):
            convert(source, output)
    assert not output.exists()
    monkeypatch.setattr(PartWriter, "write", failing_write(0, AssertionError("wrote again")))
    convert(source, output)
    assert_same(contents(output), contents(model))


def test_another_task_does_not_go_on_with_what_was_begun(source, tmp_path, monkeypatch):
    output = tmp_path / "model"
    monkeypatch.setattr(PartWriter, "write", failing_write(1, RuntimeError("stop")))
    with pytest.raises(RuntimeError):
        convert(source, output)
    partial = sorted(Path(f"{output}.partial").rglob("*"))
    other = write_diffusers(tmp_path / "other", seed=1)
    assert "was begun with another source. Go on with the same" in message(other, output)
    assert "was begun with another dtype" in message(source, output, dtype="bfloat16")
    assert "another source and another parts" in message(source, output, parts=["vae"])
    assert sorted(Path(f"{output}.partial").rglob("*")) == partial


def test_a_foreign_folder_in_the_way_is_left_alone(source, tmp_path):
    (tmp_path / "model.partial").mkdir()
    (tmp_path / "model.partial" / "notes.txt").write_text("mine")
    assert "is in the way, and no conversion began it" in message(source, tmp_path / "model")
    assert (tmp_path / "model.partial" / "notes.txt").read_text() == "mine"


def test_a_damaged_journal_is_named(source, tmp_path):
    (tmp_path / "model.partial").mkdir()
    (tmp_path / "model.partial" / "journal.json").write_text('{"task": ')
    said = message(source, tmp_path / "model")
    assert "journal.json cannot be read: remove" in said


def test_a_bad_source_leaves_nothing_behind(source, tmp_path):
    broken = Path(shutil.copytree(source, tmp_path / "broken"))
    shard = min((broken / "transformer").glob("*.safetensors"))
    shard.write_bytes(shard.read_bytes()[:-1])
    assert "truncated: 1 bytes are missing" in message(broken, tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["broken"]


def test_parts_that_do_not_fit_together_are_refused(source, tmp_path):
    mixed = Path(shutil.copytree(source, tmp_path / "mixed"))
    shutil.rmtree(mixed / "text_encoder")
    wide = dataclasses.replace(
        CONFIG,
        dit=dataclasses.replace(CONFIG.dit, text_dim=24),
        text=dataclasses.replace(CONFIG.text, dim=24),
    )
    write_random_weights(mixed, wide, parts=("text_encoder",))
    assert "the trunk reads text of width 20, the text encoder gives 24" in message(
        mixed, tmp_path / "model"
    )


MEASURED = """
import sys
from thfm_jax.convert import export, job, memory
before = memory.peak_bytes()
largest = job.convert(sys.argv[1], sys.argv[2])[0].largest
converting = memory.peak_bytes() - before
export.export(sys.argv[2], sys.argv[3])
print(converting, memory.peak_bytes() - before, largest)
"""


def test_memory_stays_below_two_stacked_parameters(tmp_path):
    """Two arrays of 126 MB with layers of 42 MB, measured above what the process held before.

    One layer is held at a time, a converted one also while its file is read or written, and what
    is imported on the way.
    """
    config = dataclasses.replace(
        CONFIG, dit=dataclasses.replace(CONFIG.dit, head_dim=128, ffn_dim=40960)
    )
    write_random_weights(tmp_path / "source", config, parts=("dit",))
    process = run_python(MEASURED, *(tmp_path / name for name in ("source", "model", "exported")))
    assert process.returncode == 0, process.stderr
    converting, exporting, largest = map(int, process.stdout.split())
    assert 0 < converting < largest
    assert exporting < 2 * largest


def test_the_command_line_reports_and_fails_in_one_line(source, tmp_path):
    code = "from absl import app; from experiments import convert; app.run(convert.main)"
    flags = [f"--source={source}", f"--output={tmp_path / 'model'}", "--parts=text_encoder"]
    done = run_python(code, *flags)
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith("text_encoder"))
    assert line.split()[1:4] == ["diffusers", "22", "0"]
    assert "peak memory" in done.stdout
    failed = run_python(code, *flags)
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1].startswith("error: ")
    assert "exists already" in failed.stderr
    assert "Traceback" not in failed.stderr

"""A folder of stored clips is read by number; what is damaged is named and can be skipped."""

import concurrent.futures
import json
import pickle
import shutil

import numpy as np
import pytest
import tensorflow_datasets as tfds
from array_record.python.array_record_module import ArrayRecordWriter

from tests.unit import dataset_blobs
from thfm_jax.data.datasets import encoding, envelope, reading
from thfm_jax.data.datasets.container import RecordError
from thfm_jax.data.datasets.reading import DatasetError


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stored")
    dataset_blobs.store(folder, 8, 3, 1, dataset_blobs.Blobs())
    return folder


@pytest.fixture
def folder(stored, tmp_path):
    """A copy to damage."""
    return shutil.copytree(stored, tmp_path / "copy")


def shard(folder, number):
    return sorted(folder.glob("thfm_humans-*.array_record-*"))[number]


def flip(path, position):
    content = bytearray(path.read_bytes())
    content[position] ^= 0xFF
    path.write_bytes(content)


def test_every_clip_is_found_by_its_number(stored):
    dataset = reading.open(stored)
    assert len(dataset) == 8 and dataset.frames == dataset_blobs.SIZES[0]
    for number in (7, 0, 3):
        clip = dataset[number].read()
        expected = encoding.decode(encoding.encode(dataset_blobs.clip(number)))
        np.testing.assert_array_equal(clip.labels.depth_m, expected.labels.depth_m)
        assert clip.meta == expected.meta and dataset.key(number).index == number
    assert [record.meta["index"] for record in dataset.records()] == list(range(8))
    for number in (-1, 8):
        with pytest.raises(IndexError, match="has 8 records"):
            dataset[number]


def test_a_dataset_can_be_sent_to_other_processes_and_read_by_many_threads(stored):
    dataset = pickle.loads(pickle.dumps(reading.open(stored)))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        indices = list(pool.map(lambda number: dataset[number % 8].meta["index"], range(200)))
    assert indices == [number % 8 for number in range(200)]


def test_tfds_reads_the_same_without_tensorflow(stored):
    builder = tfds.builder_from_directory(stored)
    source = builder.as_data_source("train")
    assert builder.info.name == "thfm_humans" and len(source) == 8
    example = source[4]
    assert (example["split"], example["seed"], example["index"]) == (b"train", 0, 4)
    ours = reading.open(stored)[4].read()
    np.testing.assert_array_equal(encoding.decode(example["clip"]).rgb, ours.rgb)


def test_a_damaged_record_is_named_and_skipped_if_asked(folder, caplog):
    path = shard(folder, 1)
    flip(path, path.read_bytes().index(b"THFM") + 5000)  # in the first record
    dataset = reading.open(folder)
    with pytest.raises(RecordError, match=f"{path}, record 0: .*mismatch"):
        dataset[3]
    with pytest.raises(RecordError, match=f"{path}, record 0"):
        list(dataset.records())
    with caplog.at_level("WARNING"):
        indices = [record.meta["index"] for record in dataset.records("skip")]
    assert indices == [0, 1, 2, 4, 5, 6, 7]
    assert f"skipped: {path}, record 0" in caplog.text
    assert f"skipped 1 of 8 records of {folder} (train)" in caplog.text


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1],
        lambda content: b"",
        lambda content: b"no records" * 10_000,
    ],
    ids=["half", "but a byte", "empty", "other"],
)
def test_a_damaged_file_is_named_and_skipped_if_asked(folder, damage, caplog):
    path = shard(folder, 1)
    path.write_bytes(damage(path.read_bytes()))
    dataset = reading.open(folder)
    assert len(dataset) == 8
    with pytest.raises(RecordError, match=f"{path}, record 1: "):
        dataset[4]
    with caplog.at_level("WARNING"):
        indices = [record.meta["index"] for record in dataset.records("skip")]
    assert indices == [0, 1, 2, 6, 7]
    assert "skipped 3 of 8 records" in caplog.text


def test_where_all_is_damaged_skipping_ends_in_an_error(folder):
    for number in range(3):
        shard(folder, number).write_bytes(b"")
    with pytest.raises(RecordError, match="record 1"):
        list(reading.open(folder).records("skip"))


def test_a_file_of_other_records_is_named(folder):
    path = shard(folder, 1)
    for content, message in (
        (b"something else", "no example of thfm_humans"),
        (envelope.wrap(envelope.Key("train", 0, 3), b"no clip"), "no record of a clip: 7 bytes"),
        (envelope.wrap(envelope.Key("train", 0, 3), of_version(2)), "written in version 2"),
    ):
        reading._reader.cache_clear()
        writer = ArrayRecordWriter(str(path), "group_size:1")
        for _ in range(3):
            writer.write(content)
        writer.close()
        with pytest.raises(RecordError, match=f"{path}, record 2: {message}"):
            reading.open(folder)[5]


def of_version(number):
    data = encoding.encode(dataset_blobs.clip(0))
    return data[:4] + number.to_bytes(4, "little") + data[8:]


def test_a_file_of_another_length_is_named(folder):
    shutil.copy(shard(folder, 2), shard(folder, 1))
    with pytest.raises(RecordError, match="expected 3 records, got 2"):
        reading.open(folder)[3]


def test_what_is_missing_is_said(folder, tmp_path):
    with pytest.raises(DatasetError, match="no split 'tests': there are train"):
        reading.open(folder, "tests")
    path = shard(folder, 2)
    path.unlink()
    with pytest.raises(DatasetError, match=f"1 files are missing, {path.name} among them"):
        reading.open(folder)
    with pytest.raises(DatasetError, match="is no dataset, or not a complete one"):
        reading.open(tmp_path / "nowhere")
    for content in ("{", json.dumps({"splits": [{}]}), "[]"):
        (folder / reading.INFO).write_text(content)
        with pytest.raises(DatasetError, match=r"dataset_info\.json is damaged"):
            reading.open(folder)

"""The TFDS builder: the same records as `experiments.generate` stores, without TensorFlow."""

import subprocess
import sys

import pytest
import tensorflow_datasets as tfds

from thfm_jax.data.datasets import building, encoding, metadata, reading, thfm_humans
from thfm_jax.data.datasets.plan import Plan
from thfm_jax.data.datasets.series import Series
from thfm_jax.data.datasets.shards import Layout
from thfm_jax.data.synthetic.generator import Settings, generate
from thfm_jax.data.synthetic.live import LiveSource

SETTINGS = {"frames": 1, "size": (32, 32), "supersampling": 1}


@pytest.fixture(scope="module")
def built(pack, tmp_path_factory):
    config = thfm_humans.HumansConfig(
        name="tiny", clips={"train": 2, "test_multi": 1}, seed=5, settings=SETTINGS
    )
    builder = tfds.builder(
        "thfm_humans",
        config=config,
        data_dir=tmp_path_factory.mktemp("tfds"),
        file_format="array_record",
    )
    builder.download_and_prepare()
    return builder


def test_the_builder_and_generate_store_equal_records(built, tmp_path):
    settings = Settings(**SETTINGS)
    plan = Plan(Layout("train", 2, 1), seed=5, made_with={})
    building.build(tmp_path, plan, Series("train", 5, LiveSource(5, settings)), processes=1)
    theirs = built.as_data_source("train")
    ours = tfds.builder_from_directory(tmp_path).as_data_source("train")
    assert len(theirs) == len(ours) == 2
    for one, other in zip(ours, theirs, strict=True):
        assert one["clip"].tobytes() == other["clip"].tobytes()
        assert {**one, "clip": 0} == {**other, "clip": 0}


def test_our_reader_takes_the_folder_of_the_builder(built):
    dataset = reading.open(built.data_dir, "test_multi")
    assert str(dataset.key(0)) == "clip 0 of test_multi, seed 5"
    clip = dataset[0].read()
    assert clip.rgb.shape == (1, 32, 32, 3) and len(clip.keypoints_known) >= 2


def test_tfds_finds_it_by_name_and_describes_it_as_generate_does(built):
    again = tfds.builder("thfm_humans", config=built.builder_config, data_dir=built.data_dir_root)
    assert again.info.description == metadata.DESCRIPTION
    assert str(again.version) == metadata.VERSION
    assert encoding.decode(again.as_data_source("train")[1]["clip"]).meta["index"] == 1


def test_reading_imports_neither_tensorflow_nor_the_generator(built):
    program = f"""
import sys
from thfm_jax.data.datasets import reading, thfm_humans
reading.open({str(built.data_dir)!r})[0].read()
needless = "tensorflow", "torch", "jax", "thfm_jax.data.synthetic.generator"
print([name for name in needless if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_beam_makes_the_same_records(built, pack, tmp_path):
    """Runs where Beam is installed, which is no dependency: `pip install apache-beam`."""
    options = pytest.importorskip("apache_beam.options.pipeline_options")
    builder = tfds.builder(
        "thfm_humans",
        config=built.builder_config,
        data_dir=tmp_path,
        file_format="array_record",
    )
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(
            beam_runner="DirectRunner",
            beam_options=options.PipelineOptions(
                direct_num_workers=2, direct_running_mode="multi_processing"
            ),
        )
    )
    for index, example in enumerate(builder.as_data_source("train")):
        clip = generate(pack, 5, index, Settings(**SETTINGS))
        assert example["clip"].tobytes() == encoding.encode(clip)

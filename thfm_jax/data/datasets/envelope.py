"""The tf.train.Example around a record: what TFDS asks for, written and read without TensorFlow."""

import dataclasses

import numpy as np
import tensorflow_datasets as tfds
from google.protobuf.message import DecodeError
from tensorflow_datasets.proto import tf_example_pb2, tf_feature_pb2

from thfm_jax.data.datasets.container import RecordError


@dataclasses.dataclass(frozen=True)
class Key:
    """Which clip it is: equal keys of one generator and asset pack are equal clips."""

    split: str
    seed: int
    index: int

    def __str__(self) -> str:
        return f"clip {self.index} of {self.split}, seed {self.seed}"


def features() -> tfds.features.FeaturesDict:
    """The features of `thfm_humans`: `clip` is what `encoding.decode` takes."""
    return tfds.features.FeaturesDict(
        {
            "clip": tfds.features.Tensor(shape=(None,), dtype=np.uint8, encoding="bytes"),
            "split": tfds.features.Text(),
            "seed": tfds.features.Scalar(np.int64),
            "index": tfds.features.Scalar(np.int64),
        }
    )


def wrap(key: Key, clip: bytes) -> bytes:
    """The serialised example of an encoded clip; equal arguments give equal bytes."""
    values = {
        "clip": _bytes(clip),
        "split": _bytes(key.split.encode()),
        "seed": _integer(key.seed),
        "index": _integer(key.index),
    }
    example = tf_example_pb2.Example(features=tf_feature_pb2.Features(feature=values))
    return example.SerializeToString(deterministic=True)


def unwrap(example: bytes) -> tuple[Key, bytes]:
    """Key and encoded clip; RecordError where `example` holds none."""
    try:
        values = tf_example_pb2.Example.FromString(example).features.feature
        key = Key(
            values["split"].bytes_list.value[0].decode(),
            values["seed"].int64_list.value[0],
            values["index"].int64_list.value[0],
        )
        return key, values["clip"].bytes_list.value[0]
    except (ValueError, IndexError, DecodeError) as error:
        raise RecordError(f"no example of thfm_humans: {error}") from error


def _bytes(value: bytes) -> tf_feature_pb2.Feature:
    return tf_feature_pb2.Feature(bytes_list=tf_feature_pb2.BytesList(value=[value]))


def _integer(value: int) -> tf_feature_pb2.Feature:
    return tf_feature_pb2.Feature(int64_list=tf_feature_pb2.Int64List(value=[value]))

"""A stored clip comes back with the stated precision, or says why it does not come back."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import thfm_jax
from tests.unit import dataset_blobs
from thfm_jax.data import video
from thfm_jax.data.datasets import container, quantize, smooth
from thfm_jax.data.datasets.container import RecordError
from thfm_jax.data.datasets.encoding import Record, decode, encode, limit_bytes

EXACT = ("part", "instance", "valid", "posed")
TABLES = ("keypoints2d", "keypoints3d", "keypoints_known", "intrinsics", "extrinsics")
SAMPLE = Path(thfm_jax.__file__).parent / "data" / "assets" / "sample.mp4"

sizes = st.tuples(st.integers(1, 3), st.integers(1, 20), st.integers(1, 20), st.integers(1, 3))


@given(st.integers(0, 2**32), sizes, st.sampled_from([0.0, 0.02, 0.5, 1.0]))
@settings(max_examples=30)
def test_a_clip_comes_back_as_precise_as_stated(seed, sizes, inside):
    clip = dataset_blobs.clip(seed, sizes, inside)
    stored = decode(encode(clip))
    ours, theirs = clip.labels, stored.labels
    for name in EXACT:
        np.testing.assert_array_equal(getattr(theirs, name), getattr(ours, name))
    for name in TABLES:
        np.testing.assert_array_equal(getattr(stored, name), getattr(clip, name))
    assert stored.fps == clip.fps and stored.meta == clip.meta
    mask = ours.instance > 0
    np.testing.assert_allclose(theirs.alpha, ours.alpha, rtol=0, atol=1 / 510 + 1e-7)
    np.testing.assert_allclose(theirs.depth_m[mask], ours.depth_m[mask], rtol=1.6e-5)
    np.testing.assert_allclose(theirs.template, ours.template, rtol=0, atol=0.5e-3)
    assert_angles_within(0.25, theirs.normals[mask], ours.normals[mask])
    for name in ("depth_m", "normals", "template"):
        assert not getattr(theirs, name)[~mask].any()
    assert stored.rgb.shape == clip.rgb.shape


def assert_angles_within(limit_deg, one, other):
    np.testing.assert_allclose(np.linalg.norm(one, axis=-1), 1, atol=1e-6)
    chords = np.linalg.norm(one.astype(np.float64) - other, axis=-1)
    assert np.all(2 * np.arcsin(chords / 2) <= np.deg2rad(limit_deg))


def test_fields_have_the_types_of_the_contract():
    clip = dataset_blobs.clip(0)
    stored = decode(encode(clip))
    for ours, theirs in ((clip, stored), (clip.labels, stored.labels)):
        for field in dataclasses.fields(ours):
            if isinstance(getattr(ours, field.name), np.ndarray):
                assert getattr(theirs, field.name).dtype == getattr(ours, field.name).dtype
                assert getattr(theirs, field.name).flags.writeable


@pytest.mark.parametrize("spread", [1.0, 7.3, 1000.0])
def test_depth_keeps_its_relative_precision_however_deep_the_scene(spread):
    clip = dataset_blobs.clip(0, (2, 64, 64, 1), spread=spread)
    depth_m = decode(encode(clip)).labels.depth_m
    mask = clip.labels.instance > 0
    limit = 1.6e-5 if spread < 7.4 else 6e-5
    np.testing.assert_allclose(depth_m[mask], clip.labels.depth_m[mask], rtol=limit)


@given(st.integers(0, 2**32))
def test_normals_of_any_direction(seed):
    normals = np.random.default_rng(seed).normal(size=(500, 3))
    # Some in the planes between octants, where the octahedron has its edges.
    normals[:100, 0] = normals[50:150, 1] = normals[120:200, 2] = 0
    normals = (normals / np.linalg.norm(normals, axis=1, keepdims=True)).astype(np.float32)
    assert_angles_within(0.25, quantize.decode_normals(quantize.encode_normals(normals)), normals)


@given(st.integers(0, 2**32), st.integers(1, 24), st.integers(1, 24), st.integers(1, 3))
def test_integers_are_packed_without_loss(seed, height, width, channels):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 2**16, (height, width, channels), np.uint16)
    mask = rng.random((height, width)) < rng.random()
    chunk = smooth.pack(values, mask)
    np.testing.assert_array_equal(smooth.unpack(chunk, channels, mask), values[mask])


def test_smooth_integers_take_less_than_half_of_their_space():
    y, x = np.mgrid[:128, :128]
    values = (30000 + 20 * x + 1000 * np.sin(y / 20)).astype(np.uint16)[..., None]
    mask = (x - 64) ** 2 + (y - 64) ** 2 < 50**2
    assert len(smooth.pack(values, mask)) < 0.25 * 2 * np.count_nonzero(mask)


def test_pictures_lose_little():
    frames, _ = video.read(SAMPLE, 0, 2)
    T, H, W = frames.shape[:3]
    clip = dataclasses.replace(dataset_blobs.clip(0, (T, H, W, 1), 0.0), rgb=frames)
    error = decode(encode(clip)).rgb.astype(np.float64) - frames
    assert 10 * np.log10(255**2 / np.mean(error**2)) > 36


def test_noise_is_stored_coarser_than_a_record_may_be_large():
    clip = dataset_blobs.clip(0, (3, 64, 48, 1), inside=0.0)
    smooth_clip = dataclasses.replace(clip, rgb=np.full_like(clip.rgb, 100))
    noise, flat = Record(encode(clip)), Record(encode(smooth_clip))
    assert flat.bytes_of("rgb") < noise.bytes_of("rgb") < limit_bytes(3, 64, 48)
    assert len(encode(clip)) < limit_bytes(3, 64, 48) + 1000
    assert limit_bytes(17, 256, 256) < 2.5e6


def test_some_frames_and_some_fields_are_those_of_the_whole():
    clip = dataset_blobs.clip(1, (5, 12, 10, 2))
    data = encode(clip)
    whole, record = decode(data), Record(data)
    part = record.read(slice(1, 4, 2))
    np.testing.assert_array_equal(part.rgb, whole.rgb[1:4:2])
    np.testing.assert_array_equal(part.labels.normals, whole.labels.normals[1:4:2])
    np.testing.assert_array_equal(part.keypoints2d, whole.keypoints2d[:, 1:4:2])
    np.testing.assert_array_equal(part.extrinsics, whole.extrinsics[1:4:2])
    fields = record.arrays(["depth_m", "keypoints_known"], slice(2, 3))
    assert fields.keys() == {"depth_m", "keypoints_known"}
    np.testing.assert_array_equal(fields["depth_m"], whole.labels.depth_m[2:3])
    np.testing.assert_array_equal(fields["keypoints_known"], whole.keypoints_known)
    assert (record.frames, record.size, record.subjects) == (5, (12, 10), 2)
    with pytest.raises(KeyError, match="depth"):
        record.arrays(["depth"])


def test_equal_clips_are_equal_bytes_and_arrays_of_tfds_are_read_too():
    data = encode(dataset_blobs.clip(2))
    assert encode(dataset_blobs.clip(2)) == data
    array = np.frombuffer(data, np.uint8)
    np.testing.assert_array_equal(decode(array).rgb, decode(data).rgb)


RECORD = encode(dataset_blobs.clip(3))


@given(st.integers(0, len(RECORD) - 1), st.integers(1, 255))
def test_no_changed_byte_goes_unnoticed(position, change):
    data = bytearray(RECORD)
    data[position] ^= change
    with pytest.raises(RecordError):
        Record(bytes(data))


@given(st.integers(0, len(RECORD) - 1))
def test_no_missing_end_goes_unnoticed(length):
    with pytest.raises(RecordError, match=r"cut off|no record of a clip"):
        Record(RECORD[:length])


def test_a_record_of_another_version_says_so():
    later = RECORD[:4] + (container.VERSION + 1).to_bytes(4, "little") + RECORD[8:]
    with pytest.raises(RecordError, match=r"written in version 2 .* reads version 1"):
        Record(later)


def spoilt(clip, name, value, where=np.s_[:]):
    array = getattr(clip.labels, name).copy()
    array[where] = value
    return dataclasses.replace(clip, labels=dataclasses.replace(clip.labels, **{name: array}))


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("alpha", np.nan, "alpha: expected 0 to 1"),
        ("alpha", 1.01, "alpha: expected 0 to 1"),
        ("depth_m", np.nan, "depth_m: expected 0 where instance is 0"),
        ("part", 3, "part: expected 0 where instance is 0"),
        ("template", 0.1, "template: expected 0 where instance is 0"),
    ],
)
def test_what_breaks_its_promise_is_not_stored(name, value, message):
    with pytest.raises(ValueError, match=message):
        encode(spoilt(dataset_blobs.clip(0), name, value))


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("depth_m", 0, "depth_m: expected positive numbers"),
        ("depth_m", np.inf, "depth_m: expected positive numbers"),
        ("normals", 0, "normals: expected unit vectors"),
        ("normals", np.nan, "normals: expected unit vectors"),
        ("template", 40, "template: expected points within"),
        ("template", np.nan, "template: expected points within"),
    ],
)
def test_nor_is_a_foreground_without_sense(name, value, message):
    clip = dataset_blobs.clip(0)
    inside = clip.labels.instance > 0
    with pytest.raises(ValueError, match=message):
        encode(spoilt(clip, name, value, inside))


def test_wrong_shapes_and_types_are_named():
    clip = dataset_blobs.clip(0)
    with pytest.raises(ValueError, match=r"intrinsics: expected float32 \(2, 3, 3\), got float64"):
        encode(dataclasses.replace(clip, intrinsics=clip.intrinsics.astype(np.float64)))
    with pytest.raises(TypeError, match="not JSON serializable"):
        encode(dataclasses.replace(clip, meta={"split": object()}))

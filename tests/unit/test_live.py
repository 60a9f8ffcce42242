"""Clips rendered on the fly: the same for whoever renders them, and resumed like stored ones."""

import dataclasses
import itertools

import jax
import numpy as np
import pytest

from thfm_jax.data import loader, sources
from thfm_jax.data.loader import Bucket, LoaderConfig
from thfm_jax.data.sources import SourceConfig
from thfm_jax.data.synthetic.assets import AssetError
from thfm_jax.data.synthetic.generator import Settings, generate
from thfm_jax.data.synthetic.live import LiveSource

SMALL = {"frames": 5, "size": (32, 32), "supersampling": 1}
LIVE = SourceConfig("live", seed=4, settings=SMALL)
CONFIG = LoaderConfig(
    sources=(LIVE,), buckets=(Bucket(frames=5, height=32, width=32, batch=2),), seed=1
)


def leaves(batch) -> list[np.ndarray]:
    return [np.asarray(leaf) for leaf in jax.tree.leaves(batch)]


def test_a_live_clip_is_the_generators_of_that_index(pack):
    source = LiveSource(4, Settings(**SMALL))
    clip, expected = source[3].read(slice(1, 4)), generate(pack, 4, 3, Settings(**SMALL))
    np.testing.assert_array_equal(clip.rgb, expected.rgb[1:4])
    for field in dataclasses.fields(expected.labels):
        mine, theirs = (getattr(side.labels, field.name) for side in (clip, expected))
        np.testing.assert_array_equal(mine, theirs[1:4])
    np.testing.assert_array_equal(clip.keypoints2d, expected.keypoints2d[:, 1:4])


def test_live_batches_never_repeat_and_go_on_after_a_restart(pack):
    iterator = loader.batches(CONFIG, 0, 1)
    batches = [leaves(next(iterator)) for _ in range(3)]
    pictures = {clip.tobytes() for batch in batches for clip in batch[0]}
    assert len(pictures) == 6
    again = loader.batches(CONFIG, 0, 1)
    again.set_state({"step": 1, "skipped": 0})
    for batch, expected in zip(itertools.islice(again, 2), batches[1:], strict=True):
        for one, other in zip(leaves(batch), expected, strict=True):
            np.testing.assert_array_equal(one, other)


def test_buckets_show_different_clips(pack):
    config = dataclasses.replace(CONFIG, buckets=CONFIG.buckets * 2, augment=None)
    first, second = itertools.islice(loader.batches(config, 0, 1), 2)
    pictures = {
        clip.tobytes() for batch in (first, second) for clip in np.asarray(batch.clip.frames)
    }
    assert len(pictures) == 4


def test_what_has_no_end_is_not_read_once(pack):
    with pytest.raises(ValueError, match="has no end"):
        loader.batches(dataclasses.replace(CONFIG, endless=False), 0, 1)


def test_processes_render_different_clips(pack):
    first, second = (next(loader.batches(CONFIG, index, 2)) for index in range(2))
    whole = next(loader.batches(CONFIG, 0, 1))
    np.testing.assert_array_equal(
        np.concatenate([first.clip.frames, second.clip.frames]), whole.clip.frames
    )


def test_workers_render_what_this_process_would(pack):
    iterator = loader.batches(dataclasses.replace(CONFIG, workers=1, buffer=1), 0, 1)
    batch, expected = next(iterator), next(loader.batches(CONFIG, 0, 1))
    for one, other in zip(leaves(batch), leaves(expected), strict=True):
        np.testing.assert_array_equal(one, other)
    iterator.close()


def test_without_an_asset_pack_nothing_starts(tmp_path):
    with pytest.raises(AssetError, match="build_assets"):
        sources.open_source(dataclasses.replace(LIVE, path=str(tmp_path / "none.npz")))


def test_a_misspelt_setting_is_named(pack):
    with pytest.raises(ValueError, match="did you mean frames"):
        sources.open_source(dataclasses.replace(LIVE, settings={"frame": 5}))


def test_the_first_live_clips_can_be_read_once_and_again_and_again(pack):
    three = dataclasses.replace(CONFIG, sources=(dataclasses.replace(LIVE, first=3),), augment=None)
    once = list(loader.batches(dataclasses.replace(three, endless=False), 0, 1))
    assert len(once) == 2 and not once[1].clip.frame_mask[1].any()
    again = itertools.islice(loader.batches(three, 0, 1), 6)
    pictures = {clip.tobytes() for batch in again for clip in np.asarray(batch.clip.frames)}
    seen = [*once[0].clip.frames, once[1].clip.frames[0]]
    assert pictures == {np.asarray(clip).tobytes() for clip in seen}

"""Held-out synthetic people, several people, animals and cartoon bodies, as an evaluation set.

Made by `experiments.generate`, so nothing is downloaded, and the licence is that of the asset pack
(docs/assets.md). The folder holds stored clips of a split (docs/dataset.md):

    ROOT/dataset_info.json
    ROOT/thfm_humans-test_multi.array_record-00000-of-00004 ...

    python -m experiments.generate --output=ROOT --clips=200 --split=test_multi --seed=0

Or nothing is stored: with `live=200` the same clips are rendered when they are scored.
"""

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8

from thfm_jax.config import build
from thfm_jax.data import sources, temporal
from thfm_jax.data.benchmarks.sequence import BenchmarkError, Sequence
from thfm_jax.data.datasets import reading
from thfm_jax.data.datasets.container import RecordError
from thfm_jax.data.examples import BEYOND
from thfm_jax.data.synthetic.clip import SyntheticClip
from thfm_jax.types import Target

# The key of `truth` under which stands who is seen: [t, H, W, 1], 0 for the background, subjects
# from 1, the main one first; it is no task's.
SUBJECTS = "subjects"


def open_synthetic(
    root: Path,
    split: str,
    live: int = 0,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
) -> list[Sequence]:
    """The clips of a split.

    Args:
      root: folder of stored clips; unused where clips are rendered.
      split: of `generator.SPLITS`.
      live: how many clips to render instead of reading stored ones; 0 for stored ones.
      seed, settings: of rendered clips: fields of `generator.Settings` but for the split.

    Raises:
      BenchmarkError: the folder holds no such clips, or they were made with another split's name.
      AssetError: there is no asset pack to render with.
    """
    source: sources.Source
    if live:
        # The generator is imported where it is used: to read stored clips takes none.
        from thfm_jax.data.synthetic.generator import Settings
        from thfm_jax.data.synthetic.live import LiveSource

        source = LiveSource(seed, build(Settings, {**(settings or {}), "split": split}))
        count = live
    else:
        try:
            source = reading.open(root, split)
        except reading.DatasetError as error:
            raise BenchmarkError(str(error)) from error
        count = len(source)
    return [SyntheticSequence(source, split, number) for number in range(count)]


@dataclasses.dataclass(frozen=True)
class SyntheticSequence:
    """One clip of a source, as `Sequence` describes."""

    source: sources.Source
    split: str
    number: int

    @property
    def record(self) -> sources.Record:
        """The clip, not decoded or rendered yet; BenchmarkError where it is damaged."""
        try:
            return self.source[self.number]
        except RecordError as error:
            raise BenchmarkError(str(error)) from error

    @property
    def name(self) -> str:
        return f"{self.split}/{self.number:05d}"

    @property
    def groups(self) -> dict[str, str]:
        """What the main subject does, or which animal it is."""
        subjects = _read(self).meta.get("subjects", [])
        main = subjects[0] if subjects else {}
        return {
            **({"subjects": str(len(subjects))} if len(subjects) > 1 else {}),
            **{key: str(main[key]) for key in ("motion", "species") if key in main},
        }

    @property
    def frames(self) -> int:
        return self.record.frames

    @property
    def height(self) -> int:
        return _read(self).rgb.shape[1]

    @property
    def width(self) -> int:
        return _read(self).rgb.shape[2]

    @property
    def fps(self) -> float:
        return _read(self).fps

    def pictures(self, frames: slice) -> UInt8[np.ndarray, "t H W 3"]:
        return _read(self).rgb[frames]

    def truth(self, frames: slice) -> dict[str, Target]:
        """Labels by task; dense pose and keypoints only of clips whose main subject is a person."""
        clip = temporal.take(_read(self), frames)
        maps = clip.labels
        seen = maps.instance > 0
        labels: dict[str, tuple[Any, Any]] = {
            "matte": (maps.alpha[..., None], np.ones_like(seen)),
            "depth": (maps.depth_m[..., None], maps.valid),
            "normals": (maps.normals, maps.valid),
            SUBJECTS: (maps.instance[..., None].astype(np.float32), seen),
        }
        if clip.keypoints_known[0]:
            shown = np.any(maps.instance == 1, axis=(1, 2))[:, None]
            everywhere = np.repeat(shown, clip.keypoints3d.shape[2], axis=1)
            labels["densepose"] = (maps.template, maps.posed)
            labels["keypoints2d"] = (clip.keypoints2d[0], _near(clip) & shown)
            labels["keypoints3d"] = (clip.keypoints3d[0], everywhere)
        return {task: Target(value, mask) for task, (value, mask) in labels.items()}


def _near(clip: SyntheticClip) -> Bool[np.ndarray, "t K"]:
    """Joints of the main subject in the picture or half its size beyond, before the camera."""
    size = np.array(clip.rgb.shape[2:0:-1])
    share = clip.keypoints2d[0, ..., :2] / size
    inside = np.all(np.abs(share - 0.5) <= 0.5 + BEYOND, axis=-1)
    return inside & (clip.keypoints3d[0, ..., 2] > 0)


@functools.lru_cache(maxsize=8)  # a clip is asked for its size, its pictures and its truth
def _read(sequence: SyntheticSequence) -> SyntheticClip:
    """A whole clip: small, and expensive to render; BenchmarkError where it is damaged."""
    try:
        return sequence.record.read(slice(None))
    except RecordError as error:
        raise BenchmarkError(str(error)) from error

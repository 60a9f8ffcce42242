"""The TFDS builder of synthetic people. Needs neither TensorFlow nor, to read, the generator.

    import tensorflow_datasets as tfds
    from thfm_jax.data.datasets import thfm_humans

    config = thfm_humans.HumansConfig(name="small", clips={"train": 1000, "validation": 50})
    builder = tfds.builder("thfm_humans", config=config, data_dir=DIR, file_format="array_record")
    builder.download_and_prepare()
    source = builder.as_data_source("train")
    clip = encoding.decode(source[0]["clip"])

This makes one clip after another. Where Apache Beam is installed it makes them with Beam, on the
runner that `tfds.download.DownloadConfig` names; docs/dataset.md shows how. `experiments.generate`
gives the same records, uses all cores of one machine and can be stopped.
"""

import dataclasses
import functools
import importlib.util
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from thfm_jax.data.datasets import envelope, metadata
from thfm_jax.data.datasets.series import Series


@dataclasses.dataclass(kw_only=True)
class HumansConfig(tfds.core.BuilderConfig):
    """What to make.

    Attributes:
      clips: how many of each split.
      seed: of the generator.
      assets: file of the asset pack, None for the default.
      settings: of `generator.Settings`, but for its split.
    """

    clips: Mapping[str, int] = dataclasses.field(
        default_factory=lambda: {"train": 10_000, "validation": 200, "test": 200}
    )
    seed: int = 0
    assets: str | None = None
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class ThfmHumans(tfds.core.GeneratorBasedBuilder):
    """Builds and reads `thfm_humans`."""

    VERSION = tfds.core.Version(metadata.VERSION)
    BUILDER_CONFIGS = (HumansConfig(name="default", description="17 frames of 256 x 256."),)

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=metadata.DESCRIPTION,
            features=envelope.features(),
            disable_shuffling=True,  # clips are independent: their order says nothing
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        from thfm_jax.data.synthetic.generator import Settings
        from thfm_jax.data.synthetic.live import LiveSource

        config = self.builder_config
        generators = {}
        for split, clips in config.clips.items():
            settings = Settings(split=split, **config.settings)
            source = LiveSource(config.seed, settings, config.assets)
            generators[split] = self._generate_examples(Series(split, config.seed, source), clips)
        return generators

    def _generate_examples(self, series: Series, clips: int) -> Any:
        """The first `clips` clips, by a Beam transform where there is Beam, else one by one."""
        make = functools.partial(example, series)
        if importlib.util.find_spec("apache_beam") is None:
            return map(make, range(clips))
        beam = tfds.core.lazy_imports.apache_beam
        # Without the shuffle all of a bundle would be made by the process that counts to `clips`.
        return beam.Create(range(clips)) | beam.Reshuffle() | beam.Map(make)


def example(series: Series, index: int) -> tuple[int, dict[str, Any]]:
    """A clip as TFDS takes it, after its number."""
    key = series.key(index)
    record = np.frombuffer(series.record(index), np.uint8)
    return index, {"clip": record, **dataclasses.asdict(key)}

"""Makes clips of synthetic people and stores them, with all cores.

    python -m experiments.generate --output=DIR --clips=1000 --split=train --seed=0

A run that was stopped, however it was, goes on when it is started again with the same flags. The
folder takes several splits, one after another. See docs/dataset.md.
"""

import dataclasses
import os
import sys

from absl import app, flags

from thfm_jax.data.datasets import building, plan
from thfm_jax.data.datasets.plan import Plan
from thfm_jax.data.datasets.reading import DatasetError
from thfm_jax.data.datasets.series import Series
from thfm_jax.data.datasets.shards import Layout
from thfm_jax.data.datasets.workers import JobError
from thfm_jax.data.synthetic import assets, generator
from thfm_jax.data.synthetic.assets import AssetError
from thfm_jax.data.synthetic.generator import Settings
from thfm_jax.data.synthetic.live import LiveSource
from thfm_jax.data.synthetic.places.pictures import Pictures


def _cores() -> int:
    """How many this process may use, where the system says so."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_OUTPUT = flags.DEFINE_string("output", None, "Folder to write.", required=True)
_CLIPS = flags.DEFINE_integer("clips", None, "How many clips.", required=True)
_SPLIT = flags.DEFINE_string("split", "train", f"One of {', '.join(generator.SPLITS)}.")
_SEED = flags.DEFINE_integer("seed", 0, "Of the clips.", lower_bound=0)
_FRAMES = flags.DEFINE_integer("frames", Settings.frames, "Frames of a clip; 1 makes stills.")
_SIZE = flags.DEFINE_list("size", list(map(str, Settings.size)), "Height and width in pixels.")
_SUPERSAMPLING = flags.DEFINE_integer(
    "supersampling", Settings.supersampling, "Samples of a pixel along each side, odd."
)
_BACKGROUNDS = flags.DEFINE_string("backgrounds", None, "Folder of pictures to use as backdrops.")
_ASSETS = flags.DEFINE_string("assets", None, "Asset pack; default: where build_assets puts it.")
_PROCESSES = flags.DEFINE_integer(
    "processes", _cores(), "Default: one for each core.", lower_bound=1
)
_SHARD_CLIPS = flags.DEFINE_integer(
    "shard_clips", None, "Clips of a file; default: as many as make 64 files, at most 64."
)
_VERIFY = flags.DEFINE_bool("verify", False, "Read and check all of the split in the end.")


def run() -> None:
    settings = Settings(
        split=_SPLIT.value,
        frames=_FRAMES.value,
        size=_size(_SIZE.value),
        supersampling=_SUPERSAMPLING.value,
        backgrounds=_BACKGROUNDS.value,
    )
    source = LiveSource(_SEED.value, settings, _ASSETS.value)
    made_with = {
        **dataclasses.asdict(settings),
        "pictures": len(Pictures.open(settings.backgrounds).names) if settings.backgrounds else 0,
        "generator": generator.VERSION,
        "assets": assets.load(_ASSETS.value).version,
    }
    shard_clips = _SHARD_CLIPS.value or plan.shard_clips(_CLIPS.value)
    task = Plan(Layout(_SPLIT.value, _CLIPS.value, shard_clips), _SEED.value, made_with)
    series = Series(_SPLIT.value, _SEED.value, source)
    building.build(_OUTPUT.value, task, series, _PROCESSES.value)
    print(f"{_OUTPUT.value} holds {task.layout.clips} clips of {_SPLIT.value}")
    if _VERIFY.value:
        _verify(task)


def _verify(task: Plan) -> None:
    faults = building.verify(_OUTPUT.value, task)
    for fault in faults:
        print(f"fault: {fault}", file=sys.stderr)
    if faults:
        raise DatasetError(
            f"{len(faults)} faults: remove the files that they name, and the same command makes "
            "them again"
        )
    print(f"every record of {len(task.layout)} files is whole")


def _size(texts: list[str]) -> tuple[int, int]:
    try:
        height, width = map(int, texts)
    except ValueError as error:
        raise ValueError(f"--size takes a height and a width, not {','.join(texts)}") from error
    return height, width


def main(_) -> None:
    try:
        run()
    except (ValueError, OSError, AssetError, JobError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("stopped: the same command goes on with the files that are missing", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    app.run(main)

"""What makes a folder of shards a dataset that TFDS opens: `features.json`, `dataset_info.json`."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from thfm_jax.data.datasets import envelope, shards
from thfm_jax.data.datasets.reading import INFO
from thfm_jax.data.datasets.shards import Layout

VERSION = "1.0.0"
DESCRIPTION = (
    "Synthetic people in video with exact ground truth. `clip` is a record, which "
    "thfm_jax.data.datasets.encoding.decode makes a clip of."
)


def write(folder: Path, layouts: Iterable[Layout]) -> None:
    """Lists those splits of which all shards are stored."""
    whole = [layout for layout in layouts if not layout.missing(folder)]
    info = {
        "name": shards.NAME,
        "version": VERSION,
        "description": DESCRIPTION,
        "fileFormat": "array_record",
        "splits": [_split(folder, layout) for layout in whole],
    }
    # The list of splits comes last: where it is, all is.
    for name, content in (("features.json", envelope.features().to_json()), (INFO, info)):
        shards.write_text(folder / name, json.dumps(content, indent=2) + "\n")


def _split(folder: Path, layout: Layout) -> dict[str, Any]:
    """The JSON of TFDS's SplitInfo, which has numbers as text."""
    numbers = range(len(layout))
    return {
        "name": layout.split,
        "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
        "shardLengths": [str(len(layout.indices(number))) for number in numbers],
        "numBytes": str(sum(layout.path(folder, number).stat().st_size for number in numbers)),
    }

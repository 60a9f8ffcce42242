"""A small dataset in the stored form, of clips whose labels are known by formula."""

from pathlib import Path

from tests.unit import analytic_clip
from thfm_jax.data.datasets import encoding, envelope, metadata, shards
from thfm_jax.data.datasets.envelope import Key
from thfm_jax.data.datasets.shards import Layout


def write(
    folder: Path,
    clips: int = 7,
    frames: int = 5,
    size: tuple[int, int] = (32, 48),
    shard_clips: int = 3,
    split: str = "train",
) -> Path:
    """Stores clips 0, 1, 2 ... of `analytic_clip`; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    layout = Layout(split, clips, shard_clips)
    for shard in range(len(layout)):
        records = (
            envelope.wrap(Key(split, 0, i), encoding.encode(analytic_clip.make(i, frames, size)))
            for i in layout.indices(shard)
        )
        for _ in shards.write(layout.path(folder, shard), records):
            pass
    metadata.write(folder, [layout])
    return folder


def damage(folder: Path, clip: int, shard_clips: int = 3) -> Path:
    """Changes a byte in the middle of a stored clip; returns the file that holds it."""
    file = sorted(folder.glob("*.array_record-*"))[clip // shard_clips]
    record = encoding.encode(analytic_clip.make(clip, 5, (32, 48)))
    content = bytearray(file.read_bytes())
    start = content.index(record[:64])
    content[start + len(record) // 2] ^= 0xFF
    file.write_bytes(bytes(content))
    return file

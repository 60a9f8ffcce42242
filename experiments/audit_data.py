"""Measures the generator: whether labels agree, how clips vary, and how fast they are made.

    python -m experiments.audit_data --check=consistency --clips=200
    python -m experiments.audit_data --check=diversity --clips=1000 [--data=DIR]
    python -m experiments.audit_data --check=throughput --clips=100 --processes=2
    python -m experiments.audit_data --check=digest --clips=20

Prints a table. `consistency` renders the clips, compares each label with the others, and does it
again with the clips mirrored and cropped. `diversity` renders them, or reads those of --data.
`throughput` reports frames per second of CPU time, without a process's first clip, which loads and
compiles. `digest` is a hash of all bytes of the clips, by which two machines or two Pythons can be
compared. docs/dataset.md has the figures.
"""

import concurrent.futures
import functools
import hashlib
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
from absl import app, flags
from tqdm import tqdm

from experiments.commands import told
from thfm_jax.data.datasets import reading
from thfm_jax.data.synthetic import assets, audit, generator
from thfm_jax.data.synthetic.generator import Settings

_CHECK = flags.DEFINE_enum(
    "check",
    "consistency",
    ["consistency", "diversity", "throughput", "digest"],
    "What to measure.",
)
_CLIPS = flags.DEFINE_integer("clips", 200, "How many clips.", lower_bound=1)
_SPLIT = flags.DEFINE_string("split", "train", f"One of {', '.join(generator.SPLITS)}.")
_SEED = flags.DEFINE_integer("seed", 0, "Of the clips.", lower_bound=0)
_FRAMES = flags.DEFINE_integer("frames", Settings.frames, "Frames of a clip.")
_SIZE = flags.DEFINE_integer("size", 256, "Height and width in pixels.")
_DATA = flags.DEFINE_string("data", None, "Folder of stored clips to measure the diversity of.")
_PROCESSES = flags.DEFINE_integer(
    "processes", len(os.sched_getaffinity(0)), "Default: one for each core.", lower_bound=1
)

Row = dict[str, float]


def consistency(seed: int, settings: Settings, index: int) -> Row:
    return audit.consistency(assets.load(), seed, index, settings)


def diversity(seed: int, settings: Settings, index: int) -> Row:
    return audit.diversity(generator.generate(assets.load(), seed, index, settings))


def throughput(seed: int, settings: Settings, index: int) -> Row:
    start = time.process_time()
    generator.generate(assets.load(), seed, index, settings)
    return {"cpu_s": time.process_time() - start, "end_s": time.time(), "process": os.getpid()}


def digest(seed: int, settings: Settings, index: int) -> Row:
    clip = generator.generate(assets.load(), seed, index, settings)
    found = hashlib.sha256()
    arrays = [
        *vars(clip.labels).values(),
        *(v for v in vars(clip).values() if isinstance(v, np.ndarray)),
    ]
    for array in arrays:
        found.update(array.tobytes())
    return {"digest": int.from_bytes(found.digest()[:6], "big")}


def measure(work: Callable[[int], Row]) -> list[Row]:
    """The rows of all clips, in order, from all processes."""
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(_PROCESSES.value, spawn) as pool:
        rows = pool.map(work, range(_CLIPS.value))
        return list(tqdm(rows, total=_CLIPS.value, unit="clip", disable=None))


def print_consistency(rows: Sequence[Row]) -> None:
    print(f"| measure | median of {len(rows)} clips | worst |\n|---|---|---|")
    for name in rows[0]:
        values = np.array([row[name] for row in rows])
        values = values[np.isfinite(values)]
        if name.endswith("in the matte"):
            seen = sum(row[name.removesuffix(" in the matte")] for row in rows)
            print(f"| {name} | {values.sum() / max(seen, 1):.3%} of {seen:,} | |")
        elif not name.endswith("visible keypoints"):
            print(f"| {name} | {np.median(values):.3g} | {values.max():.3g} |")


def print_diversity(rows: Sequence[Row]) -> None:
    for number, line in enumerate(audit.table(rows)):
        if number == 0:
            print(f"| {' | '.join(line)} |\n|{'---|' * len(line)}")
        cells = (
            f"{value:.3g}" if isinstance(value, float) else str(value) for value in line.values()
        )
        print(f"| {' | '.join(cells)} |")


def print_digest(rows: Sequence[Row]) -> None:
    whole = hashlib.sha256(str([row["digest"] for row in rows]).encode()).hexdigest()
    print(f"{len(rows)} clips, Python {sys.version.split()[0]}, NumPy {np.__version__}: {whole}")


def print_throughput(rows: Sequence[Row]) -> None:
    first: dict[float, float] = {}
    for row in rows:
        first[row["process"]] = min(first.get(row["process"], np.inf), row["end_s"])
    warm = [row for row in rows if row["end_s"] > first[row["process"]]]
    if not warm:
        raise ValueError("throughput needs more clips than processes")
    frames = len(warm) * _FRAMES.value
    cpu = sum(row["cpu_s"] for row in warm)
    wall = max(row["end_s"] for row in warm) - max(first.values())
    during = sum(row["end_s"] > max(first.values()) for row in warm) * _FRAMES.value
    print("| processes | clips | frames per CPU-second | frames per second |\n|---|---|---|---|")
    print(f"| {len(first)} | {len(warm)} | {frames / cpu:.1f} | {during / wall:.1f} |")


_CHECKS: dict[str, tuple[Callable[..., Row], Callable[[Sequence[Row]], None]]] = {
    "consistency": (consistency, print_consistency),
    "diversity": (diversity, print_diversity),
    "throughput": (throughput, print_throughput),
    "digest": (digest, print_digest),
}


def run() -> None:
    settings = Settings(_SPLIT.value, _FRAMES.value, (_SIZE.value, _SIZE.value))
    assets.load()  # says what is missing before any process starts
    if _DATA.value:
        stored = reading.open(_DATA.value, _SPLIT.value)
        print_diversity([audit.diversity(record.read()) for record in tqdm(stored.records())])
        return
    work, show = _CHECKS[_CHECK.value]
    show(measure(functools.partial(work, _SEED.value, settings)))


def main(_) -> None:
    with told(assets.AssetError):
        run()


if __name__ == "__main__":
    app.run(main)

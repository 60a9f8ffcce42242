"""Measures how fast training batches are made, and where the time goes.

    python -m experiments.benchmark_data --data=DIR [--workers=2] [--batches=40]

First the share of each step, measured in this process; then the frames per second that worker
processes deliver. Without --data clips are rendered on the fly.
"""

import cProfile
import sys
import time
from collections.abc import Callable, Mapping

from absl import app, flags

from thfm_jax import measure
from thfm_jax.config import build
from thfm_jax.data import examples, framing, geometric, loader, occluders, photometric, sources
from thfm_jax.data.loader import LoaderConfig
from thfm_jax.data.sources import Source

_DATA = flags.DEFINE_string("data", "", "Folder of stored clips.")
_SPLIT = flags.DEFINE_string("split", "train", "Split of the data.")
_WORKERS = flags.DEFINE_integer("workers", None, "Worker processes; as many as cores by default.")
_THREADS = flags.DEFINE_integer("threads", 1, "Threads in each of them.")
_BATCHES = flags.DEFINE_integer("batches", 40, "Batches to measure.")
_BATCH = flags.DEFINE_integer("batch", 8, "Clips of a batch.")
_FRAMES = flags.DEFINE_integer("frames", 17, "Frames of a clip, 4n + 1.")
_SIZE = flags.DEFINE_integer("size", 256, "Height and width in pixels, a multiple of 16.")
_AUGMENT = flags.DEFINE_bool("augment", True, "Augment the clips.")

WARM_UP = 4  # batches


def config() -> LoaderConfig:
    kind = "humans" if _DATA.value else "live"
    size = {"height": _SIZE.value, "width": _SIZE.value}
    return build(
        LoaderConfig,
        {
            "sources": [{"kind": kind, "path": _DATA.value, "split": _SPLIT.value}],
            "buckets": [{"frames": _FRAMES.value, "batch": _BATCH.value, **size}],
            "augment": {} if _AUGMENT.value else None,
            "workers": measure.cores() if _WORKERS.value is None else _WORKERS.value,
            "threads": _THREADS.value,
        },
    )


def steps(source: Source) -> Mapping[str, Callable]:
    """The functions whose time is shown; no one calls another of them."""
    return {
        "read the record": type(source).__getitem__,
        "decode or render": type(source[0]).read,
        "choose a view": framing.about_somebody,
        "crop, zoom, flip": geometric.warp,
        "occluders": occluders.occlude,
        "blur": photometric.blurred,
        "colour, noise": photometric.graded,
        "low resolution": photometric.coarsened,
        "compression": photometric.compressed,
    }


def profile(settings: LoaderConfig, batches: int) -> None:
    """Prints the processor time of each step, in milliseconds a clip."""
    (source,) = [sources.open_source(entry) for entry in settings.sources]
    series = loader.dataset(settings, [(source, 1.0)], 0, 1)
    for number in range(WARM_UP):
        series[number]
    profiler = cProfile.Profile(time.thread_time)
    for number in range(WARM_UP, WARM_UP + batches):
        profiler.runcall(series.__getitem__, number)
    clips = batches * settings.buckets[0].batch
    seconds = {entry.code: entry.totaltime for entry in profiler.getstats()}
    spent = lambda function: 1e3 * seconds.get(function.__code__, 0.0) / clips
    shown = {name: spent(function) for name, function in steps(source).items()}
    total = spent(examples.make)
    shown["the rest: targets"] = total - sum(shown.values())
    print("| step | ms a clip | share |\n|---|---|---|")
    for name, ms in shown.items():
        print(f"| {name} | {ms:.1f} | {ms / total:.0%} |")
    print(f"| all | {total:.1f} | {1e3 * settings.buckets[0].frames / total:.0f} frames/CPU-s |\n")


def throughput(settings: LoaderConfig, batches: int) -> None:
    """Prints how many frames a second come from the workers."""
    iterator = loader.batches(settings, 0, 1)
    for _ in range(WARM_UP + settings.workers * settings.buffer):
        next(iterator)
    start = time.perf_counter()
    for _ in range(batches):
        next(iterator)
    seconds = time.perf_counter() - start
    iterator.close()
    bucket, machine = settings.buckets[0], measure.machine()
    frames = batches * bucket.batch * bucket.frames
    print(
        f"{frames / seconds:.0f} frames/s of {bucket.height} x {bucket.width} from "
        f"{settings.workers} workers with {settings.threads} threads; {machine['cpu']}, "
        f"{machine['cores_used']} cores, load {machine['load_average']:.1f}"
    )


def main(_) -> None:
    try:
        settings = config()
        profile(settings, max(_BATCHES.value // 4, 1))
        throughput(settings, _BATCHES.value)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    app.run(main)

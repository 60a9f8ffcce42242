"""Training batches: an endless, shuffled, augmented series of them, the same whoever reads it.

Batch number n is a function of the configuration and of n. Its bucket, and so its shapes, depend on
n alone; its examples are the next of the bucket's own series, in which the sources take turns by
their weights; each process gets its share of them. So all processes see the same shapes at the same
step, the batch of a step is the same however many processes, workers and threads make it, and a
checkpoint is one number: how many batches were taken.

    iterator = loader.batches(LoaderConfig(sources=..., buckets=...))
    batch = next(iterator)              # types.Batch of NumPy arrays
    state = iterator.get_state()        # plain data; iterator.set_state(state) goes back there

The iterator is one of Grain's, so `grain.checkpoint.CheckpointSave(iterator)` stores it beside a
model. docs/data_pipeline.md explains the choices.
"""

import collections
import dataclasses
import functools
import multiprocessing
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import grain
import numpy as np
from absl import flags

from thfm_jax import types
from thfm_jax.config import build
from thfm_jax.data import examples, sources
from thfm_jax.data.augment import AugmentConfig
from thfm_jax.data.examples import Draw, Recipe, Shape
from thfm_jax.data.latents import reading
from thfm_jax.data.sources import Records, SourceConfig

Weighted = Sequence[tuple[Records[Any], float]]


@dataclasses.dataclass(frozen=True)
class Bucket:
    """One static shape of batches.

    Attributes:
      frames: of a clip, 4n + 1 for the VAE.
      height, width: pixels, multiples of 16.
      batch: clips of one batch, over all processes.
      weight: how often batches are of this shape, relative to the other buckets'.
    """

    frames: int = 17
    height: int = 256
    width: int = 256
    batch: int = 8
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.frames < 1 or self.frames % 4 != 1:
            raise ValueError(f"a bucket has 4n + 1 frames, not {self.frames}")
        if min(self.height, self.width) < 16 or self.height % 16 or self.width % 16:
            raise ValueError(
                f"a bucket's sides are multiples of 16 pixels, not {self.height} x {self.width}"
            )
        if self.batch < 1 or not self.weight > 0:
            raise ValueError("a bucket's batch and weight are positive")

    @property
    def shape(self) -> Shape:
        return Shape(self.frames, self.height, self.width)


@dataclasses.dataclass(frozen=True)
class LoaderConfig:
    """What to train on; plain mappings stand for the dataclasses within it.

    Attributes:
      sources: where clips come from, or came from where there are `latents`. A source whose clips
        are shorter than a bucket's takes no part in it, unless all are.
      buckets: the shapes of batches.
      tasks: names of the targets that batches hold.
      augment: how examples differ from their clips; None takes the middle of the first frames.
      seed: of the order and of all that is random.
      endless: False reads every record once and in order, into one bucket; what is missing to the
        last batch is filled up with clips whose masks are 0 throughout.
      latents: folder of a cache that experiments/cache_latents.py made of these sources, with this
        seed and augmentation, and that is read in their place; "" for none. The buckets' batch and
        weight, and the number of processes, may be others than when it was made.
      skip_damaged: whether to read the next record in place of one that is damaged, and count it.
      workers: processes that make batches; 0 makes them in this one.
      threads: in each of them.
      buffer: batches that each keeps ready.
    """

    sources: tuple[SourceConfig, ...]
    buckets: tuple[Bucket, ...] = (Bucket(),)
    tasks: tuple[str, ...] = tuple(examples.TARGETS)
    augment: AugmentConfig | None = dataclasses.field(default_factory=AugmentConfig)
    seed: int = 0
    endless: bool = True
    latents: str = ""
    skip_damaged: bool = False
    workers: int = 0
    threads: int = 1
    buffer: int = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", _each(SourceConfig, self.sources))
        object.__setattr__(self, "buckets", _each(Bucket, self.buckets))
        object.__setattr__(self, "tasks", tuple(self.tasks))
        if isinstance(self.augment, Mapping):
            object.__setattr__(self, "augment", build(AugmentConfig, self.augment))
        unknown = sorted(set(self.tasks) - set(examples.TARGETS))
        if unknown or not self.tasks:
            known = ", ".join(examples.TARGETS)
            raise ValueError(f"no target for {', '.join(unknown) or 'no task'}: there are {known}")
        if not self.sources or not self.buckets:
            raise ValueError("a loader needs at least one source and one bucket")
        if not self.endless and len(self.buckets) > 1:
            raise ValueError("what is read once has one bucket")
        if self.latents and not self.endless:
            raise ValueError("cached latents have no end, so they cannot be read once")
        if self.workers < 0 or self.threads < 1 or self.buffer < 1:
            raise ValueError("workers is at least 0, threads and buffer at least 1")


def _each(kind: type, values: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(build(kind, value) if isinstance(value, Mapping) else value for value in values)


def batches(
    config: LoaderConfig, process_index: int | None = None, process_count: int | None = None
) -> "BatchIterator":
    """The batches of one process.

    Args:
      config: what to train on.
      process_index, process_count: which part of each batch; JAX's by default.

    Raises:
      ValueError: there are more processes than a source has records, or a bucket's batch has clips;
        a source has no bucket; or as `sources.open_source`.
      CacheError: there are no such latents, or too few.
    """
    if process_index is None or process_count is None:
        import jax

        process_index, process_count = jax.process_index(), jax.process_count()
    if config.latents:
        series = _mixed(config, _cached(config, process_index, process_count))
    else:
        series = dataset(config, open_sources(config), process_index, process_count)
    return iterator(config, series)


def iterator(config: LoaderConfig, series: grain.MapDataset) -> "BatchIterator":
    """The batches of a series, made as the configuration says."""
    return BatchIterator(series, config.workers, config.threads, config.buffer)


def open_sources(config: LoaderConfig) -> Weighted:
    """Its sources and their weights."""
    return [(sources.open_source(source), source.weight) for source in config.sources]


def dataset(
    config: LoaderConfig, opened: Weighted, process_index: int, process_count: int
) -> grain.MapDataset:
    """The series of one process's batches, as dictionaries: see `examples.make`.

    Args:
      config: what to train on, but for its sources.
      opened: sources and their weights.
      process_index, process_count: which part of each batch.

    Raises:
      ValueError: as `batches`.
    """
    return _mixed(config, streams(config, opened, process_index, process_count))


def streams(
    config: LoaderConfig, opened: Weighted, process_index: int, process_count: int
) -> list[grain.MapDataset]:
    """The series of each bucket's own batches, of which `dataset` is the mixture."""
    _check(config, opened, process_count)
    recipe = Recipe(config.tasks, config.augment, config.seed, config.skip_damaged)
    series = []
    for stream, bucket in enumerate(config.buckets):
        if config.endless:
            draws = _endless(_eligible(opened, bucket), config.seed, stream, len(config.buckets))
        else:
            draws = _once(opened, bucket.batch)
        make = functools.partial(examples.make, bucket.shape, recipe, stream)
        series.append(_share(draws, bucket, make, process_index, process_count))
    return series


def counts(config: LoaderConfig, batches: int) -> list[int]:
    """How many of the first batches are of each bucket."""
    if len(config.buckets) == 1:
        return [batches]
    numbers = [grain.MapDataset.range(i, i + 1).repeat() for i in range(len(config.buckets))]
    order = _mixed(config, numbers)
    found = collections.Counter(order[number] for number in range(batches))
    return [found[i] for i in range(len(config.buckets))]


def made_of(config: LoaderConfig) -> dict[str, Any]:
    """What decides which clips the batches show, as plain values."""
    plain = dataclasses.asdict(config)
    return {name: plain[name] for name in ("sources", "seed", "augment")}


class BatchIterator(grain.DatasetIterator[types.Batch]):
    """Batches one after another, made ahead of time; close it to stop its workers at once."""

    def __init__(self, series: grain.MapDataset, workers: int, threads: int, buffer: int):
        """`series` holds the batches by number; see `LoaderConfig` for the rest."""
        super().__init__()
        self._series = series
        self._workers, self._threads, self._buffer = workers, threads, buffer
        self._step, self._skipped = 0, 0
        self._batches: grain.DatasetIterator | None = None

    @property
    def skipped(self) -> int:
        """How many damaged records were passed over so far, by this process."""
        return self._skipped

    def __next__(self) -> types.Batch:
        """The next batch; raises RecordError for a damaged record that must not be skipped."""
        self._assert_not_closed()
        try:
            batch = next(self._started())
        except BaseException:
            self._stop()  # what comes after the end, or on another try, comes from this step on
            raise
        self._step += 1
        self._skipped += int(batch["skipped"])
        latents = batch.get("latents")
        if latents:
            latents = types.Latents(latents["clip"], _targets(latents.get("targets", {})))
        return types.Batch(types.Clip(**batch["clip"]), _targets(batch["targets"]), latents)

    def get_state(self) -> dict[str, Any]:
        """How many batches were taken, and records skipped, as plain data."""
        return {"step": self._step, "skipped": self._skipped}

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes to where `get_state` was called, whatever the number of workers or processes."""
        self._stop()
        self._step, self._skipped = state["step"], state["skipped"]

    def start_prefetch(self) -> None:
        """Starts to make batches before the first is asked for."""
        self._started().start_prefetch()

    def close(self) -> None:
        """Stops the workers; there are no batches after that."""
        self._closed = True
        self._stop()

    def _started(self) -> grain.DatasetIterator:
        if self._batches is None:
            # Grain's workers ask for its flags, which nobody has parsed outside of absl.app.
            if not flags.FLAGS.is_parsed():
                flags.FLAGS.mark_as_parsed()
            # A worker has its own buffer behind its threads; here the threads fill the only one.
            ready = self._threads if self._workers else max(self._threads, self._buffer)
            threads = 0 if self._workers and self._threads == 1 else self._threads
            rest = self._series[self._step :].to_iter_dataset(grain.ReadOptions(threads, ready))
            options = grain.MultiprocessingOptions(self._workers, self._buffer)
            self._batches = iter(rest.mp_prefetch(options, _end_with_parent))
        return self._batches

    def _stop(self) -> None:
        if self._batches is not None:
            self._batches.close()
            self._batches = None


def _targets(arrays: Mapping[str, Any]) -> dict[str, types.Target]:
    return {task: types.Target(**target) for task, target in arrays.items()}


def _mixed(config: LoaderConfig, series: Sequence[grain.MapDataset]) -> grain.MapDataset:
    """The buckets' series in turn, by their weights."""
    weights = [bucket.weight for bucket in config.buckets]
    return grain.MapDataset.mix(series, weights) if len(series) > 1 else series[0]


def _share(
    draws: grain.MapDataset[Draw],
    bucket: Bucket,
    make: Callable[[Sequence[Draw]], dict[str, Any]],
    process_index: int,
    process_count: int,
) -> grain.MapDataset:
    """A process's part of each batch of a bucket: clips side by side.

    So a batch on a mesh has its clips in the same order, and a step draws the same for each of
    them, whatever the number of processes.
    """
    _check_share(bucket, process_index, process_count)
    size = bucket.batch // process_count
    mine = slice(process_index * size, (process_index + 1) * size)
    return draws.batch(bucket.batch, batch_fn=functools.partial(_make_part, make, mine))


def _make_part(
    make: Callable[[Sequence[Draw]], dict[str, Any]], part: slice, draws: Sequence[Draw]
) -> dict[str, Any]:
    return make(draws[part])


def _cached(config: LoaderConfig, process_index: int, process_count: int) -> list[grain.MapDataset]:
    """As `streams`, of cached latents."""
    cached = reading.open(config.latents, made_of(config), config.tasks)
    make = functools.partial(reading.make, config.tasks, config.skip_damaged)
    series = []
    for stream, bucket in enumerate(config.buckets):
        clips = reading.clips_for(cached, bucket.shape, bucket.batch)
        draws = _endless([(clips, 1.0)], config.seed, stream, len(config.buckets))
        series.append(_share(draws, bucket, make, process_index, process_count))
    return series


def _check_share(bucket: Bucket, process_index: int, process_count: int) -> None:
    if not 0 <= process_index < process_count:
        raise ValueError(f"process {process_index} is none of {process_count}")
    if bucket.batch % process_count:
        raise ValueError(
            f"a batch of {bucket.batch} clips cannot be shared by {process_count} processes"
        )


def _end_with_parent(*_: int) -> None:
    """Ends this worker when the process that it works for was killed; it would wait for ever."""

    def watch() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _check(config: LoaderConfig, opened: Weighted, process_count: int) -> None:
    used = [source for bucket in config.buckets for source, _ in _eligible(opened, bucket)]
    for source, _ in opened:
        if len(source) < process_count:
            raise ValueError(
                f"{source.name} has {len(source)} records, which is too few for {process_count} "
                "processes: use fewer processes or more records"
            )
        if config.endless and source not in used:
            raise ValueError(
                f"{source.name} has at most {source.frames} frames, too few for any bucket: "
                "give it one of its length"
            )
        if source.endless and not config.endless:
            raise ValueError(f"{source.name} has no end, so it cannot be read once")


def _eligible(opened: Weighted, bucket: Bucket) -> Weighted:
    """The sources, with their weights, that have clips as long as the bucket's; else all."""
    long_enough = [pair for pair in opened if pair[0].frames >= bucket.frames]
    return long_enough or opened


def _endless(weighted: Weighted, seed: int, stream: int, streams: int) -> grain.MapDataset[Draw]:
    """Records for ever: the sources in turn by weight, each in a new order each epoch.

    What is endless itself is dealt out to the streams.
    """
    series = []
    for place, (source, _) in enumerate(weighted):
        if source.endless:
            records = grain.MapDataset.range(stream, len(source), streams)
        else:
            order = np.random.SeedSequence([seed, stream, place]).generate_state(1)[0]
            records = grain.MapDataset.range(len(source)).shuffle(int(order)).repeat()
        series.append(records.map(functools.partial(_pair, source)))
    return grain.MapDataset.mix(series, [weight for _, weight in weighted]).map_with_index(_draw)


def _once(weighted: Weighted, batch: int) -> grain.MapDataset[Draw]:
    """Every record in order, and then as many empty places as fill the last batch."""
    series = [
        grain.MapDataset.range(len(source)).map(functools.partial(_pair, source))
        for source, _ in weighted
    ]
    every = grain.MapDataset.concatenate(series)
    filled = every.repeat()[: -(-len(every) // batch) * batch]
    return filled.map_with_index(functools.partial(_draw_first, len(every)))


def _pair(source: Records[Any], record: int) -> tuple[Records[Any], int]:
    return source, record


def _draw(number: int, pair: tuple[Records[Any], int]) -> Draw:
    return Draw(number, *pair)


def _draw_first(count: int, number: int, pair: tuple[Records[Any], int]) -> Draw:
    return Draw(number if number < count else -1, *pair)

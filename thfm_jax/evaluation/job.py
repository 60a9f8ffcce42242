"""A whole evaluation: from a folder of data and a model, or its predictions, to a report.

    OUTPUT/results.json       figures, groups, intervals, counts, protocol, versions, command
    OUTPUT/per_sequence.csv   one line per sequence
    OUTPUT/table.md, .tex     the row beside published ones
    OUTPUT/gallery/           index.html and pictures of the worst frames

and what `results` lists, by which a stopped evaluation goes on.
"""

import dataclasses
import datetime
import hashlib
import json
import math
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from thfm_jax import checkpoints, predict
from thfm_jax.data.benchmarks.sequence import BenchmarkError
from thfm_jax.data.benchmarks.sequence import Sequence as Clip
from thfm_jax.evaluation import registry, report, runner
from thfm_jax.evaluation.benchmark import Benchmark, open_benchmark
from thfm_jax.evaluation.predictions import FromFiles, FromModel, PredictionError
from thfm_jax.evaluation.report import Published
from thfm_jax.evaluation.results import Folder, write_text
from thfm_jax.evaluation.runner import Settings, Source
from thfm_jax.evaluation.trivial import Trivial
from thfm_jax.measure import cores
from thfm_jax.sharding import make_mesh

TRIVIAL = "trivial"
_READERS = 8  # threads that score files; each holds a block of frames, or a whole sequence
Progress = Callable[[int, int], None]  # (frames done, frames in all)


@dataclasses.dataclass(frozen=True)
class Job:
    """What is evaluated, and where.

    Attributes:
      settings: as plain data.
      data: folder of the benchmark's data.
      output: folder to write; one evaluation has one, whatever the number of its processes.
      model: directory or name of a model, or "trivial".
      predictions: folder of predictions to score instead of a model's; None for a model.
      label: name of the row in the table; empty for the model's or the folder's.
      fill: score what is not finite in `predictions` as bad instead of refusing it.
      skip_missing: score the sequences that have predictions, and count the others.
      keep: keep the model's predictions in OUTPUT/predictions.
      process, processes: which share this process takes.
      command, version: how the program was called, and its version, for the record.
    """

    settings: Settings
    data: Path
    output: Path
    model: str = predict.DEFAULT_MODEL
    predictions: Path | None = None
    label: str = ""
    fill: bool = False
    skip_missing: bool = False
    keep: bool = False
    process: int = 0
    processes: int = 1
    command: str = ""
    version: str = ""


def evaluate(
    job: Job, published: Sequence[Published] = (), progress: Progress = lambda done, all_: None
) -> dict[str, Any] | None:
    """Scores this process's share, and writes the report if nothing is missing then.

    Returns:
      what results.json holds; None where other processes are still at work, or were stopped.

    Raises:
      ValueError: the benchmark is unknown, or, as its subclasses BenchmarkError, PredictionError
        and ResultError, the data, the predictions or the output folder are not what they should be.
    """
    benchmark = registry.find(job.settings.benchmark)
    folder = Folder(job.output)
    opened = open_benchmark(benchmark, job.data, **job.settings.options)
    _check_names(opened, job.data)
    sequences, skipped = _with_predictions(job, benchmark, opened)
    plan = _plan(job, benchmark, sequences)
    folder.check(plan)
    share = sequences[job.process :: job.processes]
    waiting = [sequence for sequence in share if not folder.has(sequence.name)]
    sources = _sources(job, benchmark, len(waiting)) if waiting else []
    folder.claim(plan)
    if waiting:
        total, done = sum(s.frames for s in waiting), [0]

        def count(sequence: Clip) -> None:
            done[0] += sequence.frames
            progress(done[0], total)

        progress(0, total)
        runner.run(benchmark, share, sources, folder, job.settings.worst, count)
    if not all(folder.has(sequence.name) for sequence in sequences):
        return None
    return _report(job, benchmark, folder, sequences, skipped, published)


def _check_names(sequences: Sequence[Clip], data: Path) -> None:
    if not sequences:
        raise BenchmarkError(f"{data} holds no sequence of the benchmark")
    seen: set[str] = set()
    for sequence in sequences:
        if sequence.name in seen:
            raise BenchmarkError(f"{data}: the sequence {sequence.name} is there twice")
        seen.add(sequence.name)


def _with_predictions(
    job: Job, benchmark: Benchmark, sequences: Sequence[Clip]
) -> tuple[list[Clip], dict[str, int]]:
    """The sequences that can be scored; names and frames of those that are skipped."""
    if job.predictions is None:
        return list(sequences), {}
    files = FromFiles(job.predictions)
    missing = {s.name: files.missing(s, benchmark) for s in sequences}
    lacking = [s for s in sequences if missing[s.name]]
    if lacking and not job.skip_missing:
        raise PredictionError(
            f"{len(lacking)} of {len(sequences)} sequences lack predictions: there is no "
            f"{missing[lacking[0].name][0]}; --skip_missing scores the others and counts these"
        )
    if len(lacking) == len(sequences):
        raise PredictionError(f"{job.predictions} has predictions of none of the sequences")
    return [s for s in sequences if not missing[s.name]], {s.name: s.frames for s in lacking}


def _plan(job: Job, benchmark: Benchmark, sequences: Sequence[Clip]) -> dict[str, Any]:
    """What tells this evaluation from others."""
    settings = dataclasses.asdict(job.settings)
    reported = ("draws", "seed", "worst")  # may change without scoring anything again
    names = "\n".join(sequence.name for sequence in sequences)
    plan = {key: value for key, value in settings.items() if key not in reported}
    plan |= {"data": str(job.data.resolve()), "fill": job.fill}
    plan |= {"sequences": hashlib.sha256(names.encode()).hexdigest()[:16]}
    if job.predictions is not None:
        files = FromFiles(job.predictions)
        newest = max(files.changed(sequence, benchmark) for sequence in sequences)
        return plan | {
            "predictions": str(job.predictions.resolve()),
            "newest_prediction": _time(newest),
        }
    manifest = Path(job.model) / checkpoints.MANIFEST
    if not manifest.is_file():
        return plan | {"model": job.model}
    return plan | {
        "model": str(manifest.parent.resolve()),
        "model_written": _time(manifest.stat().st_mtime),
    }


def _time(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds).isoformat()


def _sources(job: Job, benchmark: Benchmark, most: int) -> list[Source]:
    """One for each device, or of files for each core, of this process, but no more than `most`."""
    if job.predictions is not None:
        return [FromFiles(job.predictions, job.fill)] * min(most, cores(), _READERS)
    if benchmark.files:
        raise PredictionError(
            f"{benchmark.title} scores what no model here predicts: name --predictions that have "
            f"{', '.join(f'{name}.npy' for name in benchmark.files.values())} for each sequence"
        )
    settings = job.settings
    keep = job.output / "predictions" if job.keep else None

    def source(model: Any, device: jax.Device | None) -> FromModel:
        windows = settings.area, settings.length, settings.overlap
        views = settings.crop, settings.follow
        return FromModel(model, *windows, *views, keep, device, job.version)

    if job.model == TRIVIAL:
        return [source(Trivial(), None)]
    devices = jax.local_devices()
    if math.prod(settings.mesh.values()) > 1:
        mesh = make_mesh(**settings.mesh, devices=devices)
        return [source(predict.load(job.model, mesh=mesh), None)]
    sources: list[Source] = []
    for device in devices[:most]:
        with jax.default_device(device):
            model = predict.load(job.model, mesh=make_mesh(devices=[device]))
            sources.append(source(model, device))
    return sources


def _report(
    job: Job,
    benchmark: Benchmark,
    folder: Folder,
    sequences: Sequence[Clip],
    skipped: dict[str, int],
    published: Sequence[Published],
) -> dict[str, Any]:
    settings = job.settings
    results = [folder.read(sequence.name) for sequence in sequences]
    data = report.summary(benchmark, results, skipped, settings.draws, settings.seed)
    worst = report.worst_frames(results, runner.sign(benchmark), settings.worst)
    data["worst"] = [list(row) for row in worst]
    if not data["frames"]["scored"]:
        raise BenchmarkError(f"{job.data}: none of {data['frames']['masked']} frames has a label")
    label = job.label or (job.predictions.name if job.predictions else Path(job.model).name)
    if not all(result.trained for result in results):
        label += " (random weights)"
    data |= {
        "label": label,
        "settings": dataclasses.asdict(settings),
        "versions": versions(job.version),
        "command": job.command,
    }
    table = report.rows(benchmark, data["figures"], label, published)
    output = job.output
    write_text(output / "per_sequence.csv", report.to_csv(benchmark, results))
    write_text(output / "table.md", report.to_markdown(benchmark, table))
    write_text(output / "table.tex", report.to_latex(benchmark, table))
    _finish_gallery(folder, benchmark, worst)
    write_text(output / "results.json", report.to_json(json.loads(json.dumps(data, default=str))))
    return data


def _finish_gallery(
    folder: Folder, benchmark: Benchmark, worst: Sequence[tuple[str, int, float]]
) -> None:
    """Drops the pictures that are no longer among the worst, and writes the page of the others."""
    files = [folder.picture(name, frame) for name, frame, _ in worst]
    pattern = "*.p*"  # pictures, and parts of one that a stopped process left
    for picture in (folder.root / "gallery").glob(pattern):
        if picture not in files:
            picture.unlink(missing_ok=True)
    title = f"{benchmark.title}: the worst frames by {benchmark.measures[0].label}"
    page = report.gallery_page(title, worst, [file.name for file in files])
    write_text(folder.root / "gallery" / "index.html", page)


def versions(thfm_jax: str) -> dict[str, str]:
    """Of what computes the figures."""
    return {
        "thfm_jax": thfm_jax,
        "jax": jax.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }

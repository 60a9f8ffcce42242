"""Where the predictions of a sequence come from, a model or files, and whether they can be scored.

Either way they come in blocks of frames, in the units of `types.Predictions`, at the size of the
sequence's pictures, and with keypoints in the order of the benchmark's joints.
"""

import contextlib
import dataclasses
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import jax
import numpy as np
from jaxtyping import UInt8

from thfm_jax import joints
from thfm_jax.data.benchmarks.files import ONE_HEADER
from thfm_jax.data.benchmarks.sequence import Sequence as Clip
from thfm_jax.data.video import IMAGE_FPS, VideoInfo
from thfm_jax.evaluation import units
from thfm_jax.evaluation.benchmark import Benchmark
from thfm_jax.evaluation.crops import Crops
from thfm_jax.outputs import PredictionWriter
from thfm_jax.tasks import TASKS
from thfm_jax.tasks.densepose import BACKGROUND, BOX_M
from thfm_jax.types import Target

Values = dict[str, np.ndarray]

_READ = 16  # frames of a sequence that are decoded at a time
_KEYPOINTS = ("keypoints2d", "keypoints3d")
_CHANNELS = {"depth": (), "normals": (3,), "matte": (), "densepose": (3,)}


class PredictionError(ValueError):
    """Predictions that cannot be scored; the message names the sequence or file, and why."""


class Streamer(Protocol):
    """What a model looks like from here: `predict.Predictor` or `trivial.Trivial`."""

    @property
    def name(self) -> str: ...
    @property
    def trained(self) -> bool: ...
    def stream(
        self,
        frames: Iterable[UInt8[np.ndarray, "H W 3"]],
        tasks: Sequence[str],
        *,
        area: int | None,
        length: int | None,
        overlap: int | None,
        everywhere: bool,
        follow: bool,
    ) -> Iterator[tuple[np.ndarray, Values]]: ...


@dataclasses.dataclass(frozen=True)
class FromModel:
    """Predictions that a model makes now.

    Attributes:
      model: that.
      area, length, overlap: of its windows, see `predict.Predictor.stream`; pictures that are no
        video are predicted one by one.
      crop: 0 for whole frames; else, of sequences with boxes, squares about the person, so many
        times as large as the box's longer side.
      follow: whether a rectangle follows people who are small, as in prediction; what it leaves out
        is scored as a bad prediction (`filled`).
      keep: folder that takes the predictions in the layout of `outputs`, one folder for each
        sequence; None keeps none.
      device: that the model is on; None for the default, or for several.
      version: of the program, for what is kept.
    """

    model: Streamer
    area: int | None = None
    length: int | None = None
    overlap: int | None = None
    crop: float = 0.0
    follow: bool = False
    keep: Path | None = None
    device: jax.Device | None = None
    version: str = ""

    def trained(self, sequence: Clip) -> bool:
        """False where the model's weights are random."""
        return self.model.trained

    def blocks(self, sequence: Clip, benchmark: Benchmark) -> Iterator[Values]:
        """The predictions of successive frames."""
        start = 0
        with self._writer(sequence, benchmark) as writer:
            for values in self._predict(sequence, benchmark):
                frames = slice(start, start + len(next(iter(values.values()))))
                if writer:
                    writer.append(sequence.pictures(frames), values)
                start = frames.stop
                yield to_joints(values, joints.NAMES, benchmark, self.model.name)

    def _predict(self, sequence: Clip, benchmark: Benchmark) -> Iterator[Values]:
        """Likewise, with our joints."""
        crops, start = self._crops(sequence), 0
        frames = _pictures(sequence)
        alone = not sequence.fps  # pictures that are no video have nothing to say to each other
        for pictures, values in self.model.stream(
            frames if crops is None else crops.cut(frames),
            benchmark.tasks,
            area=self.area,
            length=1 if alone else self.length,
            overlap=0 if alone else self.overlap,
            everywhere=True,
            follow=self.follow,
        ):
            if self.follow:
                values = {task: filled(task, value) for task, value in values.items()}
            yield values if crops is None else crops.paste(values, start)
            start += len(pictures)

    def _crops(self, sequence: Clip) -> Crops | None:
        boxes = getattr(sequence, "boxes", None)
        if not self.crop or boxes is None:
            return None
        size = sequence.height, sequence.width
        return Crops.about(boxes(slice(0, sequence.frames)), self.crop, size)

    def _writer(
        self, sequence: Clip, benchmark: Benchmark
    ) -> contextlib.AbstractContextManager[PredictionWriter | None]:
        if self.keep is None:
            return contextlib.nullcontext()
        frames = sequence.frames
        fps = sequence.fps or IMAGE_FPS
        return PredictionWriter(
            self.keep / sequence.name,
            VideoInfo(sequence.name, frames, frames, fps, sequence.height, sequence.width),
            benchmark.tasks,
            model=self.model.name,
            version=self.version,
            trained=self.model.trained,
            windows={},
            overwrite=True,
        )


@dataclasses.dataclass(frozen=True)
class FromFiles:
    """Predictions that some tool wrote: `ROOT/<name of the sequence>/<task>.npy`.

    Some benchmarks ask for files of other names: `Benchmark.files`.

    Attributes:
      root: the folder.
      fill: whether what is not finite is scored as a bad prediction instead of refused: `filled`.
    """

    root: Path
    fill: bool = False
    device: None = None

    def trained(self, sequence: Clip) -> bool:
        """False where the files say that they are of random weights."""
        return bool(self._meta(sequence).get("trained", True))

    def missing(self, sequence: Clip, benchmark: Benchmark) -> list[Path]:
        """The files that the sequence lacks."""
        files = [self._file(sequence, task, benchmark) for task in benchmark.tasks]
        return [file for file in files if not file.is_file()]

    def changed(self, sequence: Clip, benchmark: Benchmark) -> float:
        """When a file of the sequence was last written, in seconds since 1970."""
        files = [self._file(sequence, task, benchmark) for task in benchmark.tasks]
        return max(file.stat().st_mtime for file in files)

    def blocks(self, sequence: Clip, benchmark: Benchmark) -> Iterator[Values]:
        """The predictions of successive frames; raises PredictionError where files do not fit."""
        named = {task: self._file(sequence, task, benchmark) for task in benchmark.tasks}
        arrays = {task: _open(file, task, sequence) for task, file in named.items()}
        meta = self._meta(sequence)
        if "units" not in meta:  # `experiments.predict` writes them, and means them
            for task, array in arrays.items():
                _check_units(named[task], task, array, sequence)
        for start in range(0, sequence.frames, _READ):
            values = {task: np.array(a[start : start + _READ]) for task, a in arrays.items()}
            if self.fill:
                values = {task: filled(task, value) for task, value in values.items()}
            yield to_joints(values, meta.get("joints"), benchmark, self.root / sequence.name)

    def _file(self, sequence: Clip, task: str, benchmark: Benchmark) -> Path:
        return self.root / sequence.name / f"{benchmark.files.get(task, task)}.npy"

    def _meta(self, sequence: Clip) -> dict[str, Any]:
        file = self.root / sequence.name / "meta.json"
        if not file.is_file():
            return {}
        try:
            return json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise PredictionError(f"{file} is damaged: {error}") from error


def regroup(blocks: Iterable[Values], frames: int, size: int | None) -> Iterator[Values]:
    """The same predictions in blocks of `size` frames, the last one shorter; None for one block.

    Raises PredictionError where there are not `frames` in all.
    """
    size = size or frames
    held: Values = {}
    count = done = 0
    for values in blocks:
        held = {k: np.concatenate([held[k], v]) if held else v for k, v in values.items()}
        count = len(next(iter(held.values())))
        while count >= size:
            yield {task: value[:size] for task, value in held.items()}
            held = {task: value[size:] for task, value in held.items()}
            count, done = count - size, done + size
    if count:
        yield held
    if done + count != frames:
        raise PredictionError(f"expected predictions of {frames} frames, got {done + count}")


def to_joints(
    values: Values, given: Sequence[str] | None, benchmark: Benchmark, origin: object
) -> Values:
    """The same with keypoints [t, K, 3] of the benchmark's joints, in its order.

    Args:
      values: by task.
      given: names of the predicted joints; None where only their number is known.
      benchmark: whose joints are wanted.
      origin: named in messages.

    Raises:
      PredictionError: the joints are neither the benchmark's nor ours.
    """
    if benchmark.joints is None or not any(task in values for task in _KEYPOINTS):
        return values
    own, ours = list(benchmark.joints), list(benchmark.joints.values())
    result = dict(values)
    for task in set(_KEYPOINTS) & set(values):
        count = values[task].shape[1]
        names = given or (joints.NAMES if count == len(joints.NAMES) else own)
        if len(names) != count:
            raise PredictionError(
                f"{origin}: expected {len(own)} joints of {benchmark.title} or {len(joints.NAMES)} "
                f"of ours in {task}, got {count}"
                + (f", though meta.json names {len(given)}" if given else "")
            )
        # Our "head" is not everybody's: names of the same 52 joints are ours.
        wanted = own if set(own) <= set(names) and list(names) != list(joints.NAMES) else ours
        lacking = [name for name in wanted if name not in names]
        if lacking:
            raise PredictionError(f"{origin}: {task} lacks the joint {lacking[0]!r}")
        index = {name: at for at, name in enumerate(names)}
        result[task] = values[task][:, [index[name] for name in wanted]]
    return result


def check_finite(
    values: Mapping[str, np.ndarray], truth: Mapping[str, Target], name: str, start: int = 0
) -> None:
    """Raises PredictionError where a label has a prediction that is not finite.

    To leave out what a model does not predict would flatter it. `name` and `start` are the
    sequence's and the number of the first of these frames, for the message.
    """
    for task, value in values.items():
        if task not in truth:
            continue
        finite = np.isfinite(value)
        if finite.all():
            continue
        single = value.ndim == 3 and TASKS[task].kind == "dense"
        bad = ~(finite if single else finite.all(axis=-1))
        mask = np.asarray(truth[task].mask) > 0
        bad &= mask if mask.ndim == bad.ndim else np.any(mask, axis=-1)
        if bad.any():
            raise PredictionError(
                f"{name}: {task} is not finite in {np.count_nonzero(bad)} places that have a label "
                f"(the first in frame {start + int(np.argwhere(bad)[0][0])}); predict there too "
                "(experiments.predict --everywhere), or score it as a bad prediction with --fill"
            )


def filled(task: str, value: np.ndarray) -> np.ndarray:
    """Numbers that are not finite made bad: farthest depth, background in dense pose, else 0."""
    finite = np.isfinite(value)
    if finite.all():
        return value
    far = value[finite].max(initial=0)
    bad = {"depth": far, "densepose": BACKGROUND * BOX_M}.get(task, 0.0)
    return np.where(finite, value, np.float32(bad))


def _pictures(sequence: Clip) -> Iterator[UInt8[np.ndarray, "H W 3"]]:
    starts = range(0, sequence.frames, _READ)
    stops = (min(start + _READ, sequence.frames) for start in starts)
    blocks = (sequence.pictures(slice(*ends)) for ends in zip(starts, stops, strict=True))
    return itertools.chain.from_iterable(blocks)


def _open(file: Path, task: str, sequence: Clip) -> np.ndarray:
    """What a file holds, mapped into memory; PredictionError unless its shape is the sequence's."""
    try:
        with ONE_HEADER:
            array = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise PredictionError(f"{file} cannot be read: {error}") from error
    size = sequence.height, sequence.width
    wanted: tuple[Any, ...] = (sequence.frames, *size, *_CHANNELS.get(task, ()))
    shape: tuple[Any, ...] = array.shape
    if task in _KEYPOINTS:
        wanted = (sequence.frames, "joints", 3)
        shape = (*array.shape[:1], "joints", *array.shape[2:])
    if shape != wanted or array.dtype.kind != "f":
        raise PredictionError(
            f"{file}: expected floating-point numbers {list(wanted)}, "
            f"got {array.dtype} {list(array.shape)}"
        )
    return array


def _check_units(file: Path, task: str, array: np.ndarray, sequence: Clip) -> None:
    """Raises PredictionError where the numbers are likely in other units or axes."""
    if wanted := units.expected(task, array, sequence):
        low, high = np.nanmin(array), np.nanmax(array)
        raise PredictionError(
            f"{file}: expected {wanted}, but the numbers lie between {low:.4g} and {high:.4g}"
        )

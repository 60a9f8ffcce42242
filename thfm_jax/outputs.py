"""The folder of predictions that `predict` writes, and the way to read it back.

    depth.npy        [T, H, W] float32      NaN where there is no person
    normals.npy      [T, H, W, 3] float32   0 where there is no person
    matte.npy        [T, H, W] float32      in [0, 1]
    densepose.npy    [T, H, W, 3] float32   metres; NaN where there is no person
    keypoints2d.npy  [T, K, 3] float32      x, y in source pixels, confidence
    keypoints3d.npy  [T, K, 3] float32      metres, root-relative, OpenCV camera axes
    TASK.mp4         what each task predicts, to look at
    overlay.mp4      all of it over the source
    meta.json        frame rate, sizes, joints, units, conventions, model, warnings

Everything is at the source's resolution and frame count. Tasks that were not asked for are absent.
"""

import contextlib
import errno
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped, UInt8

from thfm_jax import joints, viz
from thfm_jax.data.video import VideoInfo, VideoWriter
from thfm_jax.tasks import TASKS
from thfm_jax.types import Predictions

UNTRAINED = "UNTRAINED RANDOM WEIGHTS"
CONVENTIONS = {
    "pixels": "x right, y down, centres at +0.5: the top left corner of the image is (0, 0)",
    "camera": "OpenCV axes: x right, y down, z forward",
    "left_right": "the person's own",
}
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_VIDEO_BYTES = 0.5  # per pixel and frame of an mp4: what noise takes, pictures take far less


class OutputError(ValueError):
    """A folder that cannot hold predictions, or holds none; the message names it and says why."""


class PredictionWriter:
    """Writes a clip's predictions block by block, whatever its length.

    They grow in `DIR.partial`, which gets its name when the last frame is in; leaving the context
    by an exception leaves nothing. Use it as a context manager.
    """

    def __init__(
        self,
        directory: str | Path,
        info: VideoInfo,
        tasks: Sequence[str],
        *,
        model: str,
        version: str,
        trained: bool,
        windows: Mapping[str, int],
        overwrite: bool = False,
    ):
        """Starts the folder.

        Args:
          directory: the folder to write; must be new or empty, or hold predictions to overwrite.
          info: the source.
          tasks: names of the predictions to come.
          model, version: the model's name and the program's version, for `meta.json`.
          trained: False puts a warning on every picture and into `meta.json`.
          windows: how the clip was cut, for `meta.json`: length and overlap in frames, and whether
            people were followed.
          overwrite: whether predictions in `directory` are replaced at the end.

        Raises:
          OutputError: the folder is taken, or its disk has too little space.
        """
        self._directory = Path(directory).absolute()
        self._partial = self._directory.with_name(self._directory.name + ".partial")
        self._info = info
        self._meta = {"model": model, "version": version, "trained": trained}
        self._windows = dict(windows)
        self._frames = 0
        _check_free(self._directory, overwrite)
        _check_space(self._directory, info, tasks)
        _remove(self._partial)
        self._partial.mkdir(parents=True)
        self._arrays = {
            task: _ArrayFile(self._partial / f"{task}.npy", frame_shape(task, info))
            for task in tasks
        }
        self._videos = {
            name: VideoWriter(self._partial / f"{name}.mp4", info.fps)
            for name in (*tasks, "overlay")
        }
        self._painter = painter(trained)
        self._depth_limits: tuple[float, float] | None = None

    def append(
        self,
        frames: UInt8[np.ndarray, "t H W 3"],
        values: Mapping[str, Shaped[np.ndarray, "t ..."]],
    ) -> None:
        """Adds the next frames of the source and what is predicted for them, task by task.

        Raises:
          OutputError: the disk is full.
          ValueError: a task is missing or not asked for, or an array has the wrong shape.
        """
        if set(values) != set(self._arrays):
            raise ValueError(f"expected {sorted(self._arrays)}, got {sorted(values)}")
        with self._disk_full():
            for task, array in self._arrays.items():
                array.append(values[task], len(frames))
            self._fix_depth_limits(values.get("depth"))
            # Painting and encoding release the interpreter's lock, so each video gets a thread.
            with ThreadPoolExecutor(len(self._videos)) as pool:
                for _ in pool.map(lambda name: self._show(name, frames, values), self._videos):
                    pass
        self._frames += len(frames)

    def close(self) -> None:
        """Completes the folder and gives it its name.

        Raises:
          OutputError: no frame came, or the disk is full.
        """
        if not self._frames:
            self.abort()
            raise OutputError(f"{self._directory}: expected at least one frame, got none")
        try:
            with self._disk_full():
                for file in self._files():
                    file.close()
                text = json.dumps(self._describe(), indent=2, ensure_ascii=False)
                (self._partial / "meta.json").write_text(text + "\n", encoding="utf-8")
        except BaseException:
            self.abort()
            raise
        _replace(self._partial, self._directory)

    def abort(self) -> None:
        """Drops what was written."""
        for file in self._files():
            file.abort()
        _remove(self._partial)

    @property
    def info(self) -> VideoInfo:
        """The source, with as many frames as have come."""
        return self._info.with_frames(self._frames)

    def __enter__(self) -> "PredictionWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close() if kind is None else self.abort()

    def _files(self) -> list["_ArrayFile | VideoWriter"]:
        return [*self._arrays.values(), *self._videos.values()]

    @contextlib.contextmanager
    def _disk_full(self) -> Iterator[None]:
        """Says so where writing fails for want of space."""
        try:
            yield
        except OSError as error:
            if error.errno not in _FULL:
                raise
            done = f"{self._frames} of {self._info.frames} frames"
            raise OutputError(
                f"{self._directory}: the disk is full after {done}; nothing is kept"
            ) from error

    def _show(self, name: str, frames: np.ndarray, values: Mapping[str, np.ndarray]) -> None:
        """Adds pictures of the frames to the video of that name."""
        for index, frame in enumerate(frames):
            now = {task: np.asarray(value[index]) for task, value in values.items()}
            if name == "overlay":
                picture = self._painter.overlay(frame, now)
            else:
                picture = self._painter.picture(name, now[name], frame)
            self._videos[name].append(picture)

    def _fix_depth_limits(self, depth: np.ndarray | None) -> None:
        """Spans the colours over the first block that shows a person, so that they never jump."""
        if depth is not None and self._depth_limits is None:
            self._depth_limits = viz.depth_limits(depth)
            self._painter.depth_limits = self._depth_limits or self._painter.depth_limits

    def _describe(self) -> dict[str, Any]:
        """What `meta.json` holds."""
        info = self.info
        specs = {task: TASKS[task] for task in self._arrays}
        warning = {} if self._meta["trained"] else {"warning": UNTRAINED}
        return {
            "fps": info.fps,
            "frames": info.frames,
            "height": info.height,
            "width": info.width,
            "joints": list(joints.NAMES),
            "subsets": {name: list(map(int, at)) for name, at in joints.SUBSET_INDICES.items()},
            "units": {task: spec.unit for task, spec in specs.items()},
            "conventions": CONVENTIONS
            | {task: f"{spec.frame}; {spec.channels}" for task, spec in specs.items()},
            **self._meta,
            **warning,
            "source": {
                "path": info.path,
                "expected_frames": info.expected_frames,
                "pix_fmt": info.pix_fmt,
                "rotation_deg": info.rotation_deg,
                "warnings": list(info.warnings),
            },
            "variable_frame_rate": info.variable_frame_rate,
            "truncated": info.truncated,
            "windows": self._windows,
        }


def read_predictions(directory: str | Path) -> tuple[Predictions, dict[str, Any]]:
    """The predictions in a folder, mapped from the disk rather than read, and its `meta.json`.

    Raises:
      OutputError: there is no finished folder of predictions, or an array does not fit it.
    """
    directory = Path(directory)
    if not (directory / "meta.json").is_file():
        raise OutputError(f"{directory}: expected a folder of predictions, but it has no meta.json")
    meta = json.loads((directory / "meta.json").read_text(encoding="utf-8"))
    values = {}
    for task in meta["units"]:
        try:
            values[task] = np.load(directory / f"{task}.npy", mmap_mode="r")
        except (OSError, ValueError) as error:
            raise OutputError(f"{directory}: {task}.npy cannot be read: {error}") from error
        if len(values[task]) != meta["frames"]:
            raise OutputError(
                f"{directory}: expected {meta['frames']} frames in {task}.npy, "
                f"got {len(values[task])}"
            )
    trained = bool(meta["trained"])
    return Predictions(values, fps=meta["fps"], model=meta["model"], trained=trained), meta


def frame_shape(task: str, info: VideoInfo) -> tuple[int, ...]:
    """Shape of one frame's prediction of a task; ValueError for a name that is none."""
    shapes: dict[str, tuple[int, ...]] = {
        "depth": (info.height, info.width),
        "normals": (info.height, info.width, 3),
        "matte": (info.height, info.width),
        "densepose": (info.height, info.width, 3),
        "keypoints2d": (len(joints.NAMES), 3),
        "keypoints3d": (len(joints.NAMES), 3),
    }
    if task not in shapes:
        raise ValueError(f"expected one of {', '.join(shapes)}, got {task!r}")
    return shapes[task]


def painter(trained: bool) -> viz.Painter:
    """Draws predictions; those of a model that is not trained under a warning."""
    colours = tuple(joints.COLOURS[joint.side] for joint in joints.JOINTS)
    return viz.Painter(viz.Skeleton(joints.EDGES, colours), warning="" if trained else UNTRAINED)


class _ArrayFile:
    """A float32 .npy file that grows along its first axis; its header is set right at the end."""

    def __init__(self, path: Path, shape: tuple[int, ...]):
        self._shape = shape
        self._path = path
        self._frames = 0
        self._file = path.open("wb")
        self._write_header()

    def append(self, values: np.ndarray, frames: int) -> None:
        block = np.ascontiguousarray(values, "<f4")
        if block.shape != (frames, *self._shape):
            raise ValueError(
                f"expected {self._path.stem} of shape {(frames, *self._shape)}, got {block.shape}"
            )
        self._file.write(block.data)
        self._frames += frames

    def close(self) -> None:
        self._file.seek(0)
        self._write_header()
        self._file.close()

    def abort(self) -> None:
        with contextlib.suppress(OSError):  # closing writes what is buffered
            self._file.close()

    def _write_header(self) -> None:
        # NumPy leaves room in the header for the first axis to grow, so its length stays the same.
        shape = (self._frames, *self._shape)
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, header)


def _check_free(directory: Path, overwrite: bool) -> None:
    """Raises OutputError unless `directory` is absent, empty, or predictions to overwrite."""
    if not directory.exists():
        return
    if not directory.is_dir():
        raise OutputError(f"{directory}: expected a folder to write to, but it is a file")
    if directory.is_mount():
        raise OutputError(f"{directory}: is a mount point, which has to stay; name a folder in it")
    ours = {"meta.json", "overlay.mp4"} | {
        f"{task}{end}" for task in TASKS for end in (".npy", ".mp4")
    }
    names = sorted(file.name for file in directory.iterdir())
    strangers = [name for name in names if name not in ours]
    if names and not overwrite:
        raise OutputError(f"{directory}: exists and is not empty; name another or overwrite it")
    if strangers:
        raise OutputError(
            f"{directory}: holds {strangers[0]}, which is no prediction, so it is not overwritten"
        )


def _check_space(directory: Path, info: VideoInfo, tasks: Sequence[str]) -> None:
    """Raises OutputError if the disk cannot take what is to be written."""
    values = sum(int(np.prod(frame_shape(task, info))) for task in tasks)
    pixels = (len(tasks) + 1) * info.height * info.width
    needed = info.frames * (4 * values + int(_VIDEO_BYTES * pixels))
    disk = next(parent for parent in directory.parents if parent.exists())
    free = shutil.disk_usage(disk).free
    if needed > free:
        raise OutputError(
            f"{directory}: the predictions need about {needed / 1e9:.1f} GB, "
            f"but {free / 1e9:.1f} GB are free; ask for fewer tasks or a shorter clip"
        )


def _replace(source: Path, target: Path) -> None:
    """Gives `source` the name of `target`; what had it is gone only after that."""
    old = target.with_name(target.name + ".old")
    _remove(old)
    if target.exists():
        target.rename(old)
    source.rename(target)
    _remove(old)


def _remove(directory: Path) -> None:
    if directory.exists():
        shutil.rmtree(directory)

"""Video files in and out: the only code that decodes or encodes video (PyAV; Pillow for stills).

Frames are [H, W, 3] uint8, sRGB 0-255, upright: the rotation or mirroring that the file's metadata
asks for is already carried out. Samples of any depth and layout (10 bit, grey, 4:2:2 ...) become
8-bit RGB by the matrix and range that the stream states; a stream that states none is read as
BT.601 of limited range, which is FFmpeg's rule.

A still image is a clip of one frame, and a folder of images is a clip in natural order of the file
names (frame2 before frame10).
"""

import contextlib
import dataclasses
import functools
import itertools
import re
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter
from av.video.stream import VideoStream
from jaxtyping import UInt8
from PIL import Image, ImageOps

Frame = UInt8[np.ndarray, "H W 3"]

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
IMAGE_FPS = 25.0  # assumed, since a still has none
_HDR = (ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67)


class VideoError(ValueError):
    """A file that cannot be read or written as video; the message names it and says why."""


@dataclasses.dataclass(frozen=True)
class VideoInfo:
    """What is known of a video before its frames are decoded.

    Attributes:
      path: the file or folder.
      frames: how many frames there are to decode.
      expected_frames: how many the file claims to have; more than `frames` if it was cut off.
      fps: mean frames per second.
      height, width: pixels of an upright frame.
      variable_frame_rate: True where some frames stay on screen noticeably longer than others.
      pix_fmt: FFmpeg's name of the stored sample layout; empty for images.
      rotation_deg: clockwise turn that makes stored frames upright, a multiple of 90.
      notes: sentences on how the stored video differs from what was read, e.g. HDR.
    """

    path: str
    frames: int
    expected_frames: int
    fps: float
    height: int
    width: int
    variable_frame_rate: bool = False
    pix_fmt: str = ""
    rotation_deg: int = 0
    notes: tuple[str, ...] = ()

    @property
    def duration_s(self) -> float:
        """Seconds from the first frame to the end of the last."""
        return self.frames / self.fps

    @property
    def truncated(self) -> bool:
        """True where frames that the file claims to have are missing or damaged."""
        return self.frames < self.expected_frames

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences that the user should see."""
        if not self.truncated:
            return self.notes
        lost = f"only {self.frames} of {self.expected_frames} frames can be read"
        return (f"{lost}: the rest is missing or damaged", *self.notes)

    def with_frames(self, frames: int) -> "VideoInfo":
        """This, with the number of frames that decoding has really given."""
        expected = max(frames, self.expected_frames)
        return dataclasses.replace(self, frames=frames, expected_frames=expected)


def probe(path: str | Path) -> VideoInfo:
    """What a video file, image or folder of images holds.

    Reads the whole file, since that alone gives an exact frame count, but decodes one frame only.

    Raises:
      VideoError: there is no such file, it is empty, no video, without a video stream, cut off
        before its index, or without a single frame that can be decoded.
    """
    stills = _stills(path)
    if not stills:
        return _probe_video(Path(path))
    height, width = _read_still(stills[0]).shape[:2]
    return VideoInfo(
        path=str(path),
        frames=len(stills),
        expected_frames=len(stills),
        fps=IMAGE_FPS,
        height=height,
        width=width,
        notes=(f"images have no frame rate: {IMAGE_FPS:g} is assumed",),
    )


def stream(path: str | Path, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
    """The frames [start, stop) one by one, in the order in which they are shown.

    Frames before `start` are decoded and dropped, so the numbering is exact in any container.

    Yields:
      [H, W, 3] uint8, sRGB, upright, all of one size.

    Raises:
      VideoError: as `probe`, or the size changes on the way.
    """
    stills = _stills(path)
    if stills:
        images = map(_read_still, stills[start:stop])
    else:
        to_rgb = functools.partial(_to_rgb, VideoReformatter())
        images = map(to_rgb, itertools.islice(_decode(Path(path)), start, stop))
    size = None
    for index, image in enumerate(images, start):
        size = size or image.shape
        if image.shape != size:
            raise VideoError(
                f"{path}: expected frames of one size, but frame {index} is "
                f"{image.shape[1]}x{image.shape[0]} and the first {size[1]}x{size[0]}"
            )
        yield image


def read(
    path: str | Path, start: int = 0, stop: int | None = None
) -> tuple[UInt8[np.ndarray, "T H W 3"], VideoInfo]:
    """The frames [start, stop) of a video in memory, and what the whole file holds.

    Returns:
      frames: [T, H, W, 3] uint8, sRGB, upright.
      info: of the whole file, with a warning where frames are missing.

    Raises:
      VideoError: as `stream`, or no frame lies in [start, stop).
    """
    info = probe(path)
    dtype = np.dtype((np.uint8, (info.height, info.width, 3)))
    frames = np.fromiter(stream(path, start, stop), dtype)
    if not len(frames):
        asked = f"[{start}, {'end' if stop is None else stop})"
        raise VideoError(f"{path}: asked for frames {asked}, but there are only {info.frames}")
    if stop is None:
        info = info.with_frames(start + len(frames))
    return frames, info


def write(path: str | Path, frames: Iterable[Frame], fps: float) -> None:
    """Writes frames as `VideoWriter` does; raises VideoError where there are none."""
    with VideoWriter(path, fps) as writer:
        for frame in frames:
            writer.append(frame)


class VideoWriter:
    """Writes an H.264 mp4 (yuv420p, BT.709, constant rate) frame by frame.

    H.264 with 4:2:0 chroma needs even sizes: an odd height or width grows by one pixel that repeats
    the last row or column. The file appears under its name when it is complete; leaving the context
    by an exception leaves nothing.
    """

    def __init__(self, path: str | Path, fps: float):
        if not fps > 0:
            raise VideoError(f"{path}: expected a positive frame rate, got {fps}")
        self._path = Path(path)
        if not self._path.parent.is_dir():
            raise VideoError(f"{path}: expected its folder to exist")
        self._partial = self._path.with_name(f".{self._path.name}.partial")
        self._rate = Fraction(fps).limit_denominator(1001)
        self._reformatter = VideoReformatter()
        self._container = av.open(self._partial, "w", format="mp4")
        self._stream: VideoStream | None = None
        self._shape: tuple[int, ...] = ()

    def append(self, frame: Frame) -> None:
        """Encodes one frame [H, W, 3] uint8, sRGB; raises VideoError if its size differs."""
        if self._stream is None:
            self._shape = frame.shape
            self._stream = self._add_stream(frame.shape[0], frame.shape[1])
        if frame.shape != self._shape:
            raise VideoError(f"{self._path}: expected a frame {self._shape}, got {frame.shape}")
        height, width = frame.shape[:2]
        even = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        yuv = self._reformatter.reformat(
            VideoFrame.from_ndarray(even, format="rgb24"),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )
        self._container.mux(self._stream.encode(yuv))

    def close(self) -> None:
        """Completes the file and gives it its name; raises VideoError where no frame came."""
        if self._stream is None:
            self.abort()
            raise VideoError(f"{self._path}: expected at least one frame to write, got none")
        try:
            self._container.mux(self._stream.encode(None))
            self._container.close()
        except av.error.FFmpegError:
            self.abort()
            raise
        self._partial.replace(self._path)

    def abort(self) -> None:
        """Drops what was written."""
        with contextlib.suppress(av.error.FFmpegError):  # a full disk also fails the trailer
            self._container.close()
        self._partial.unlink(missing_ok=True)

    def _add_stream(self, height: int, width: int) -> VideoStream:
        options = {"preset": "veryfast", "crf": "18"}
        stream = self._container.add_stream("libx264", rate=self._rate, options=options)
        stream.height, stream.width = height + height % 2, width + width % 2
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
        context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        return stream

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close() if kind is None else self.abort()


def _stills(path: str | Path) -> list[Path]:
    """The image itself, or the images of a folder in natural order; none if it is a video."""
    path = Path(path)
    if not path.is_dir():
        return [path] if path.suffix.lower() in IMAGE_SUFFIXES else []
    visible = [file for file in path.iterdir() if not file.name.startswith(".")]
    images = [file for file in visible if file.suffix.lower() in IMAGE_SUFFIXES]
    if not images:
        raise VideoError(f"{path}: expected images ({' '.join(IMAGE_SUFFIXES)}) in the folder")
    return sorted(images, key=_natural)


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sorting key that compares runs of digits by their value."""
    return [(int(digits or 0), text) for text, digits in re.findall(r"(\D+)|(\d+)", path.name)]


def _read_still(path: Path) -> Frame:
    """An image file, upright by its EXIF data; grey of 16 bits keeps its upper 8."""
    _check_file(path)
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith("I;16"):
                upright = Image.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
            return np.asarray(upright.convert("RGB"))
    except (OSError, SyntaxError) as error:
        raise VideoError(f"{path}: expected a whole image: {error}") from error


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise VideoError(f"{path}: expected a video, an image or a folder of images; not found")
    if not path.stat().st_size:
        raise VideoError(f"{path}: expected a video or an image, but the file is empty (0 bytes)")


@contextlib.contextmanager
def _open(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The open container and its first moving picture."""
    _check_file(path)
    try:
        container = av.open(path, metadata_errors="replace")
    except av.error.FFmpegError as error:
        raise VideoError(f"{path}: {_why_not_opened(path, error)}") from error
    with container:
        yield container, _moving_picture(path, container)


def _why_not_opened(path: Path, error: av.error.FFmpegError) -> str:
    if not isinstance(error, av.error.InvalidDataError):
        return f"cannot be opened: {error.strerror}"
    with path.open("rb") as file:
        is_mp4 = file.read(8)[4:] == b"ftyp"
    if is_mp4:
        return "begins as an MP4, but its index (moov) is missing: it was cut off or damaged"
    return "expected a video or an image, but the content is neither"


def _moving_picture(path: Path, container: InputContainer) -> VideoStream:
    """The first video stream that is neither cover art nor FFmpeg's rendering of a text file."""
    if container.format.name == "tty":
        raise VideoError(f"{path}: expected a video or an image, but the content is text")
    cover = av.stream.Disposition.attached_pic
    streams = [stream for stream in container.streams.video if not stream.disposition & cover]
    if not streams:
        kinds = sorted({stream.type for stream in container.streams} - {"video"})
        raise VideoError(f"{path}: expected a video stream, got {' and '.join(kinds) or 'none'}")
    if streams[0].codec_context is None:
        raise VideoError(f"{path}: no decoder for the codec of its video stream")
    return streams[0]


def _packets(container: InputContainer, *streams: VideoStream) -> Iterator[Packet]:
    """Whole packets of the given streams, or of all, up to the end or to where reading fails."""
    with contextlib.suppress(av.error.FFmpegError):
        for packet in container.demux(*streams):
            if not packet.is_corrupt:
                yield packet


def _decode(path: Path) -> Iterator[VideoFrame]:
    """Frames as the decoder gives them; damaged ones are left out."""
    with _open(path) as (container, stream):
        stream.thread_type = "AUTO"
        for packet in _packets(container, stream):
            with contextlib.suppress(av.error.FFmpegError):
                yield from (frame for frame in packet.decode() if not frame.is_corrupt)


def _to_rgb(reformatter: VideoReformatter, frame: VideoFrame) -> Frame:
    """The frame in 8-bit RGB, upright."""
    # One reformatter for all frames: building swscale's tables anew costs more than using them.
    image = reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray()
    return _upright(image, _display_matrix(frame))


def _display_matrix(frame: VideoFrame) -> np.ndarray:
    """[2, 2] M of (x', y') = (x, y) M, which makes the frame upright (ISO 14496-12, 8.3.2)."""
    data: Any
    try:
        data = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # raised for kinds of side data that PyAV does not list, such as EXIF
        turn = np.deg2rad(frame.rotation)  # counter-clockwise; says nothing of mirroring
        return np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    if data is None:
        return np.eye(2)
    return np.frombuffer(data, np.int32).reshape(3, 3)[:2, :2] / 2.0**16


def _on_its_side(matrix: np.ndarray) -> bool:
    """Whether the matrix swaps height and width."""
    return abs(matrix[0, 1]) > abs(matrix[0, 0])


def _upright(image: Frame, matrix: np.ndarray) -> Frame:
    """The image turned and mirrored as its display matrix asks, to the nearest quarter turn."""
    if _on_its_side(matrix):
        image, matrix = image.swapaxes(0, 1), matrix[::-1]
    flip_x, flip_y = matrix[0, 0] < 0, matrix[1, 1] < 0
    return np.ascontiguousarray(image[:: -1 if flip_y else 1, :: -1 if flip_x else 1])


def _probe_video(path: Path) -> VideoInfo:
    frame = next(_decode(path), None)
    if frame is None:
        raise VideoError(f"{path}: has a video stream, but no frame of it can be decoded")
    turned = _on_its_side(_display_matrix(frame))
    height, width = (frame.width, frame.height) if turned else (frame.height, frame.width)
    with _open(path) as (container, stream):
        times_s, end_s = _scan(container, stream)
        fps, variable = _rate(stream, times_s)
        info = VideoInfo(
            path=str(path),
            frames=len(times_s),
            expected_frames=max(len(times_s), _promised(container, stream, end_s, fps)),
            fps=fps,
            height=height,
            width=width,
            variable_frame_rate=variable,
            pix_fmt=frame.format.name,
            rotation_deg=-frame.rotation % 360,
        )
        return dataclasses.replace(info, notes=_notes(stream, info))


def _scan(container: InputContainer, stream: VideoStream) -> tuple[np.ndarray, float]:
    """When each frame is shown (NaN where unknown), and when the last packet of all streams ends.

    Counts packets, not frames: decoding all would take a hundred times as long.
    """
    times_s, end_s = [], 0.0
    for packet in _packets(container):
        if not packet.size or packet.is_discard:
            continue
        ticks = packet.dts if packet.pts is None else packet.pts
        time_s = np.nan if ticks is None else float(ticks * packet.time_base)
        end_s = max(end_s, time_s + float((packet.duration or 0) * packet.time_base))
        if packet.stream_index == stream.index:
            times_s.append(time_s)
    return np.sort(times_s), end_s


def _rate(stream: VideoStream, times_s: np.ndarray) -> tuple[float, bool]:
    """Mean frames per second, and whether some frame stays for a quarter longer or shorter.

    The container's rate is exact where the time stamps, which it may round to 1 ms, agree with it.
    """
    stated = float(stream.average_rate or IMAGE_FPS)
    steps_s = np.diff(times_s)
    if not len(steps_s) or not np.mean(steps_s) > 0:  # one frame, or frames without a time
        return stated, False
    measured, median_s = 1 / np.mean(steps_s), np.median(steps_s)
    variable = bool(np.any(np.abs(steps_s - median_s) > 0.25 * median_s))
    return (stated if abs(stated / measured - 1) < 0.01 else float(measured)), variable


def _promised(container: InputContainer, stream: VideoStream, end_s: float, fps: float) -> int:
    """How many frames the container's header claims, 0 where it claims nothing.

    Matroska and fragmented MP4 state no count but a duration, which also covers other streams: it
    tells of a missing end only where no stream reaches it (to within a frame, since the last may
    not state how long it stays).
    """
    stated = bool({"matroska", "mov"} & set(container.format.name.split(",")))
    if stream.frames or not stated or container.duration is None:
        return stream.frames
    duration_s = container.duration / av.time_base
    return round(duration_s * fps) if end_s < duration_s - 1.5 / fps else 0


def _notes(stream: VideoStream, info: VideoInfo) -> tuple[str, ...]:
    """What of the stored video is not carried over into the frames."""
    notes = []
    if info.variable_frame_rate:
        notes.append(f"the frame rate varies: every frame is kept, and {info.fps:.6g} is the mean")
    if stream.sample_aspect_ratio not in (None, 0, 1):
        notes.append(f"pixels of aspect {stream.sample_aspect_ratio} are kept as they are stored")
    if stream.color_trc in _HDR:
        notes.append("HDR is read without tone mapping: colours look flat")
    return tuple(notes)

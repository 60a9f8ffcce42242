"""What compression leaves of a clip: JPEG frame by frame, or H.264."""

import io
from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
import numpy as np
from jaxtyping import UInt8
from PIL import Image


def jpeg(frames: UInt8[np.ndarray, "T H W 3"], quality: int) -> UInt8[np.ndarray, "T H W 3"]:
    """The frames after JPEG compression, quality 1 to 95."""
    return np.stack([_jpeg(frame, quality) for frame in frames])


def h264(frames: UInt8[np.ndarray, "T H W 3"], crf: int) -> UInt8[np.ndarray, "T H W 3"]:
    """The frames after H.264 compression at a constant rate factor, 0 (best) to 51.

    On one thread: the bytes must not depend on how many cores there are. Odd sides are padded.
    """
    height, width = frames.shape[1:3]
    even = ((0, 0), (0, height % 2), (0, width % 2), (0, 0))
    padded = np.pad(frames, even, mode="edge")
    encoder = av.CodecContext.create("libx264", "w")
    encoder.height, encoder.width = padded.shape[1:3]
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = Fraction(1, 25)
    encoder.thread_count = 1
    encoder.options = {"crf": str(crf), "preset": "superfast"}
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    decoded = [
        picture.to_ndarray(format="rgb24")[:height, :width]
        for packet in _packets(encoder, padded)
        for picture in decoder.decode(packet)
    ]
    return np.stack(decoded)


def _jpeg(frame: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(frame).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def _packets(encoder, frames: Iterable[np.ndarray]) -> Iterator[av.Packet | None]:
    """Everything that the encoder makes of the frames, and the end."""
    for time, frame in enumerate(frames):
        picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
        picture.pts = time
        yield from encoder.encode(picture)
    yield from encoder.encode(None)
    yield None

"""The record of a clip: a `SyntheticClip` in about 70 kB for each frame of 256 x 256 pixels.

Pictures are JPEGs with colour in full resolution, of quality 95; of less where noisy pictures of a
large foreground would take more than 2.1 bytes a pixel with their labels. Alpha is stored
everywhere, the other maps where `instance` is not 0; `quantize` says what they lose, and everything
else loses nothing. Every frame of every map stands for itself, so that some frames, or some fields,
are read without the others.
"""

import io
import itertools
import zlib
from collections.abc import Collection, Mapping
from typing import Any

import numba
import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image

from thfm_jax.data.datasets import fields, quantize, smooth
from thfm_jax.data.datasets.container import Bytes, Container, pack
from thfm_jax.data.datasets.fields import FIELDS, MAPS, PICTURES, TABLES
from thfm_jax.data.synthetic.clip import Labels, SyntheticClip

JPEG_QUALITIES = (95, 90, 85, 80, 70, 60)  # the first with which a record stays within its limit


def limit_bytes(frames: int, height: int, width: int) -> int:
    """What a record takes at most, unless its labels alone take more."""
    return frames * (4096 + 21 * height * width // 10)


def encode(clip: SyntheticClip) -> bytes:
    """The record of a clip.

    Raises:
      ValueError: the clip does not keep what `SyntheticClip` and `Labels` promise.
      TypeError: its `meta` is no JSON.
    """
    values, sizes = fields.of(clip)
    scale = quantize.DepthScale.of(clip.labels.depth_m[clip.labels.instance > 0])
    header = {
        "sizes": sizes,
        "fps": float(clip.fps),
        "depth": [scale.nearest_m, scale.step],
        "meta": clip.meta,
    }
    T, H, W = clip.labels.instance.shape
    frames = [_encode_maps({name: values[name][t] for name in MAPS}, scale) for t in range(T)]
    chunks = {name: [frame[name] for frame in frames] for name in MAPS}
    chunks |= {name: [values[name].tobytes()] for name in TABLES}
    left = limit_bytes(T, H, W) - sum(map(len, itertools.chain.from_iterable(chunks.values())))
    return pack(header, {"rgb": _jpegs(clip.rgb, left), **chunks})


def decode(data: Bytes, frames: slice = slice(None)) -> SyntheticClip:
    """The clip, or some of its frames; raises RecordError as `Record` does."""
    return Record(data).read(frames)


class Record:
    """A stored clip, of which only what is asked for is decoded.

    Attributes:
      frames, size, subjects: T, (H, W) and P of the clip.
      fps: frames per second.
      meta: what made the clip.
    """

    def __init__(self, data: Bytes):
        """Raises RecordError where `data` is of another format or version, cut off, or altered."""
        self._container = Container(data)
        header = self._container.header
        self._sizes: dict[str, int] = header["sizes"]
        self.frames = self._sizes["T"]
        self.size = self._sizes["H"], self._sizes["W"]
        self.subjects = self._sizes["P"]
        self.fps: float = header["fps"]
        self.meta: dict[str, Any] = header["meta"]
        self._scale = quantize.DepthScale(*header["depth"])

    def read(self, frames: slice = slice(None)) -> SyntheticClip:
        """Those of its frames."""
        values = self.arrays(FIELDS, frames)
        labels = Labels(**{name: values.pop(name) for name in MAPS})
        return SyntheticClip(labels=labels, fps=self.fps, meta=self.meta, **values)

    def arrays(self, names: Collection[str], frames: slice = slice(None)) -> dict[str, np.ndarray]:
        """Some of `FIELDS`, as `SyntheticClip` and `Labels` describe them, of some frames.

        Raises:
          KeyError: one of `names` is none.
        """
        chosen = range(self.frames)[frames]
        values = {name: self._table(name, frames) for name in names if name in TABLES}
        pictures = {name: self._blank(name, len(chosen)) for name in names if name not in TABLES}
        for place, frame in enumerate(chosen):
            self._fill({name: array[place] for name, array in pictures.items()}, frame)
        return values | pictures

    def bytes_of(self, field: str) -> int:
        """How many bytes of the record a field takes."""
        return self._container.size(field)

    def _table(self, name: str, frames: slice) -> np.ndarray:
        dims, dtype = TABLES[name]
        values: np.ndarray = np.frombuffer(self._container.chunk(name), dtype)
        chosen = tuple(frames if dim == "T" else slice(None) for dim in dims)
        return values.reshape(fields.shape(dims, self._sizes))[chosen].copy()

    def _blank(self, name: str, frames: int) -> np.ndarray:
        dims, dtype = PICTURES[name]
        return np.zeros(fields.shape(dims, {**self._sizes, "T": frames}), dtype)

    def _fill(self, targets: Mapping[str, np.ndarray], frame: int) -> None:
        """Writes one frame's fields into `targets`, which are zero."""
        if "rgb" in targets:
            targets["rgb"][...] = _picture(self._container.chunk("rgb", frame))
        if "alpha" in targets:
            targets["alpha"][...] = quantize.decode_alpha(self._whole("alpha", frame))
        stored = targets.keys() - {"rgb", "alpha"}
        if stored:
            instance = self._whole("instance", frame)
            mask = instance > 0
            for name in stored:
                match name:
                    case "instance":
                        targets[name][...] = instance
                    case "normals" | "template":
                        _place(targets[name], mask, self._foreground(name, frame, mask))
                    case _:
                        targets[name][mask] = self._foreground(name, frame, mask)

    def _whole(self, name: str, frame: int) -> UInt8[np.ndarray, "H W"]:
        plane = np.frombuffer(zlib.decompress(self._container.chunk(name, frame)), np.uint8)
        return plane.reshape(self.size)

    def _foreground(self, name: str, frame: int, mask: Bool[np.ndarray, "H W"]) -> np.ndarray:
        """Values [n] or [n, 3] of a map where `mask` is True, rows first."""
        chunk = self._container.chunk(name, frame)
        match name:
            case "depth_m":
                return self._scale.decode(smooth.unpack(chunk, 1, mask)[:, 0])
            case "normals":
                return quantize.decode_normals(smooth.unpack(chunk, 2, mask))
            case "template":
                return quantize.decode_template(smooth.unpack(chunk, 3, mask))
        values = np.frombuffer(zlib.decompress(chunk), np.uint8)
        if name == "part":
            return values
        return np.unpackbits(values, count=np.count_nonzero(mask)).view(np.bool_)


def _encode_maps(frame: Mapping[str, np.ndarray], scale: quantize.DepthScale) -> dict[str, bytes]:
    mask = frame["instance"] > 0
    depth = np.zeros((*mask.shape, 1), np.uint16)
    depth[mask, 0] = scale.encode(frame["depth_m"][mask])
    normals = quantize.encode_normals(frame["normals"].reshape(-1, 3)).reshape(*mask.shape, 2)
    return {
        "alpha": _deflate(quantize.encode_alpha(frame["alpha"])),
        "depth_m": smooth.pack(depth, mask),
        "normals": smooth.pack(normals, mask),
        "template": smooth.pack(quantize.encode_template(frame["template"]), mask),
        "part": _deflate(frame["part"][mask]),
        "instance": _deflate(frame["instance"]),
        "valid": _deflate(np.packbits(frame["valid"][mask])),
        "posed": _deflate(np.packbits(frame["posed"][mask])),
    }


def _deflate(values: UInt8[np.ndarray, "*n"]) -> bytes:
    return zlib.compress(values.tobytes())


def _jpegs(rgb: UInt8[np.ndarray, "T H W 3"], limit: int) -> list[bytes]:
    """JPEGs of the frames, in the best of `JPEG_QUALITIES` in which they take at most `limit`."""
    for quality in JPEG_QUALITIES:
        chunks = [_jpeg(frame, quality) for frame in rgb]
        if sum(map(len, chunks)) <= limit:
            break
    return chunks


def _jpeg(frame: UInt8[np.ndarray, "H W 3"], quality: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(frame).save(stream, "JPEG", quality=quality, subsampling=0)
    return stream.getvalue()


def _picture(chunk: memoryview) -> UInt8[np.ndarray, "H W 3"]:
    with Image.open(io.BytesIO(chunk), formats=["JPEG"]) as image:
        return np.asarray(image)


@numba.njit(cache=True, nogil=True)
def _place(
    target: Float[np.ndarray, "H W 3"],
    mask: Bool[np.ndarray, "H W"],
    rows: Float[np.ndarray, "n 3"],
) -> None:
    """`target[mask] = rows`, in a fifth of the time."""
    n = 0
    for y in range(mask.shape[0]):
        for x in range(mask.shape[1]):
            if mask[y, x]:
                target[y, x, 0], target[y, x, 1], target[y, x, 2] = rows[n]
                n += 1

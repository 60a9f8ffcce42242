"""The bytes of a record: named lists of chunks behind a header and a checksum.

    offset  0  magic "THFM"
    offset  4  uint32 format version
    offset  8  uint32 CRC-32 of all that follows
    offset 12  uint32 bytes of the header
    offset 16  uint64 bytes of the body
    offset 24  header: JSON, deflated; then the body: the chunks in the header's order

All numbers are little-endian.
"""

import itertools
import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

# Raised whenever records written before can no longer be read.
VERSION = 1

_MAGIC = b"THFM"
_PREFIX = struct.Struct("<4sIIIQ")
_SIZES = struct.Struct("<IQ")  # the last two of _PREFIX, which the checksum covers

# What holds a record: bytes, or the array of uint8 that TFDS makes of them.
Bytes = bytes | memoryview | np.ndarray


class RecordError(ValueError):
    """A stored clip that cannot be read; the message says why and, where known, which it is."""


def pack(header: Mapping[str, Any], chunks: Mapping[str, Sequence[bytes]]) -> bytes:
    """A record of `chunks`; `header` is kept beside them.

    Raises:
      TypeError, ValueError: `header` is no JSON.
    """
    sizes = {name: [len(chunk) for chunk in parts] for name, parts in chunks.items()}
    content = json.dumps([header, sizes], allow_nan=False, separators=(",", ":"))
    text = zlib.compress(content.encode())
    body = b"".join(itertools.chain.from_iterable(chunks.values()))
    checked = b"".join([_SIZES.pack(len(text), len(body)), text, body])
    return struct.pack("<4sII", _MAGIC, VERSION, zlib.crc32(checked)) + checked


class Container:
    """A record whose checksum was found right.

    Attributes:
      header: what was given to `pack`.
    """

    def __init__(self, data: Bytes):
        """Raises RecordError where `data` is of another format or version, cut off, or altered."""
        # NumPy's stubs call arrays buffers from Python 3.12 on only.
        self._data = memoryview(data)  # type: ignore[arg-type]
        start = _PREFIX.size + _check(self._data)
        self.header, sizes = json.loads(zlib.decompress(self._data[_PREFIX.size : start]))
        ends = itertools.accumulate(itertools.chain.from_iterable(sizes.values()), initial=start)
        spans = itertools.pairwise(ends)
        self._spans = {name: [next(spans) for _ in parts] for name, parts in sizes.items()}

    def chunk(self, name: str, index: int = 0) -> memoryview:
        """One of the chunks of that name."""
        start, end = self._spans[name][index]
        return self._data[start:end]

    def size(self, name: str) -> int:
        """Bytes of all chunks of that name."""
        return sum(end - start for start, end in self._spans[name])


def _check(data: memoryview) -> int:
    """Bytes of the header of a record that is whole; RecordError where it is not."""
    if len(data) < _PREFIX.size or data[:4] != _MAGIC:
        raise RecordError(
            f"no record of a clip: {len(data)} bytes that begin with {bytes(data[:4])!r}"
        )
    _, version, checksum, text_bytes, body_bytes = _PREFIX.unpack_from(data)
    if version != VERSION:
        raise RecordError(
            f"written in version {version} of the record format, and this program reads "
            f"version {VERSION}: use the release that wrote it, or generate the clips again"
        )
    expected = _PREFIX.size + text_bytes + body_bytes
    if len(data) != expected:
        raise RecordError(f"cut off: expected {expected} bytes, got {len(data)}")
    if zlib.crc32(data[_PREFIX.size - _SIZES.size :]) != checksum:
        raise RecordError("damaged: its bytes do not match their checksum")
    return text_bytes

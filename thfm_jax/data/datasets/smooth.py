"""Packs smooth maps of integers without loss: a pixel is stored as its difference from a guess.

The guess goes as far from the pixel above as the pixel on the left went from the one above it.
Only the foreground is stored: where the background is, each guess counts as right, so that an edge
costs no more than the pixels that lie on it.
"""

import zlib

import numba
import numpy as np
from jaxtyping import Bool, UInt8, UInt16


def pack(values: UInt16[np.ndarray, "H W C"], mask: Bool[np.ndarray, "H W"]) -> bytes:
    """The values where `mask` is True."""
    # Low bytes are noise without repetitions, which it is no use to look for.
    deflate = zlib.compressobj(6, zlib.DEFLATED, zlib.MAX_WBITS, 9, zlib.Z_RLE)
    return deflate.compress(_differences(values, mask).tobytes()) + deflate.flush()


def unpack(
    chunk: bytes | memoryview, channels: int, mask: Bool[np.ndarray, "H W"]
) -> UInt16[np.ndarray, "n C"]:
    """The values that `pack` was given where `mask`, the same as then, is True: rows first."""
    planes = np.frombuffer(zlib.decompress(chunk), np.uint8)
    return _sums(planes.reshape(2, channels, -1), mask)


@numba.njit(cache=True, nogil=True)
def _differences(
    values: UInt16[np.ndarray, "H W C"], mask: Bool[np.ndarray, "H W"]
) -> UInt8[np.ndarray, "2 C n"]:
    """Low and high bytes of the differences modulo 2**16, with their sign in the lowest bit."""
    H, W, C = values.shape
    planes = np.empty((2, C, np.count_nonzero(mask)), np.uint8)
    for c in range(C):
        above, n = np.zeros(W, np.int32), 0
        for y in range(H):
            step = 0
            for x in range(W):
                if mask[y, x]:
                    new_step = values[y, x, c] - above[x]
                    difference = np.int16(new_step - step)
                    # Small differences of either sign get a high byte of 0.
                    folded = (difference << 1) ^ (difference >> 15)
                    planes[0, c, n], planes[1, c, n] = folded & 0xFF, (folded >> 8) & 0xFF
                    step, n = new_step, n + 1
                above[x] += step
    return planes


@numba.njit(cache=True, nogil=True)
def _sums(
    planes: UInt8[np.ndarray, "2 C n"], mask: Bool[np.ndarray, "H W"]
) -> UInt16[np.ndarray, "n C"]:
    """What `_differences` was made of."""
    C, count = planes.shape[1:]
    H, W = mask.shape
    values = np.empty((count, C), np.uint16)
    for c in range(C):
        above, n = np.zeros(W, np.int32), 0
        for y in range(H):
            step = 0
            for x in range(W):
                if mask[y, x]:
                    folded = int(planes[0, c, n]) | int(planes[1, c, n]) << 8
                    step += (folded >> 1) ^ -(folded & 1)
                    values[n, c] = above[x] + step
                    n += 1
                above[x] += step
    return values

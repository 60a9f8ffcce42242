"""COCO's run-length codes of masks."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool


def decode(code: Mapping[str, Any]) -> Bool[np.ndarray, "H W"]:
    """The mask of a code with `size` (height, width) and `counts`, a text or a list of numbers.

    The counts are lengths of runs down the columns, 0 first. A text holds them as differences from
    the last but one, five bits a character, lowest first (pycocotools maskApi.c::rleFrString).

    Raises:
      ValueError: the runs do not fill the mask.
    """
    height, width = code["size"]
    counts = code["counts"]
    runs = _runs(counts.encode() if isinstance(counts, str) else counts)
    if sum(runs) != height * width:
        raise ValueError(f"runs of {sum(runs)} pixels do not fill a mask of {height} x {width}")
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(width, height).T


def _runs(counts: bytes | list[int]) -> list[int]:
    if not isinstance(counts, bytes):
        return list(counts)
    runs: list[int] = []
    value = bits = 0
    for character in counts:
        piece = character - 48
        value |= (piece & 31) << bits
        bits += 5
        if piece & 32:  # more to come
            continue
        if piece & 16:  # negative
            value -= 1 << bits
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = bits = 0
    return runs

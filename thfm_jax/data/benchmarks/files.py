"""Files of an evaluation set: found by their names, and read, or named with what is wrong."""

import threading
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image

from thfm_jax.data.benchmarks.sequence import BenchmarkError

PICTURES = (".png", ".jpg", ".jpeg")
ARRAYS = (".npy", ".npz")
# Sequences are scored by several threads, and early releases of Python 3.11 may fail with a
# SystemError where threads parse headers of NumPy's files at once (python/cpython issue 106905).
ONE_HEADER = threading.Lock()


def by_stem(folder: Path, suffixes: Sequence[str]) -> dict[str, Path]:
    """The files of a folder with one of these suffixes, by name without suffix, in order.

    Raises:
      BenchmarkError: there is no such folder, no such file, or two of one name.
    """
    if not folder.is_dir():
        raise BenchmarkError(f"{folder}: expected a folder")
    found: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() not in suffixes or file.name.startswith("."):
            continue
        if file.stem in found:
            raise BenchmarkError(f"{file}: the same sample as {found[file.stem].name}")
        found[file.stem] = file
    if not found:
        raise BenchmarkError(f"{folder}: expected files that end in {', '.join(suffixes)}")
    return found


def matched(**kinds: Mapping[str, Path]) -> dict[str, dict[str, Path]]:
    """The files of each sample, {name: {kind: file}}, of {name: file} for each kind.

    Raises:
      BenchmarkError: a file has no counterpart of another kind.
    """
    for files in kinds.values():
        for other, counterparts in kinds.items():
            alone = sorted(files.keys() - counterparts.keys())
            if alone:
                raise BenchmarkError(
                    f"{files[alone[0]]}: has no {other} beside it "
                    f"({len(alone)} of {len(files)} have none)"
                )
    names = next(iter(kinds.values()))
    return {name: {kind: files[name] for kind, files in kinds.items()} for name in names}


def check_count(place: Path, what: str, found: int, expected: int | None) -> None:
    """Raises BenchmarkError unless there are as many as were released; None takes any number."""
    if expected is not None and found != expected:
        raise BenchmarkError(f"{place}: expected {expected} {what}, found {found}")


def size(file: Path) -> tuple[int, int]:
    """Height and width of a picture, from its header."""
    with _opened(file) as image:
        return image.height, image.width


def rgb(file: Path) -> UInt8[np.ndarray, "H W 3"]:
    """A picture as stored: an orientation in its metadata is not applied."""
    with _opened(file) as image:
        return np.asarray(_decoded(file, image).convert("RGB"))


def rgba(file: Path) -> UInt8[np.ndarray, "H W 4"]:
    """A picture with its alpha; BenchmarkError where it has none."""
    with _opened(file) as image:
        if "A" not in image.getbands():
            raise BenchmarkError(f"{file}: expected a picture with alpha, got one of {image.mode}")
        return np.asarray(_decoded(file, image).convert("RGBA"))


def grey(file: Path) -> Float[np.ndarray, "H W"]:
    """The first channel of a picture of 8 or 16 bits, as float32 in [0, 1]."""
    with _opened(file) as image:
        image = _decoded(file, image)
        if image.mode.startswith("I;16"):
            return np.asarray(image, np.float32) / 65535
        channel = image.getchannel(0) if len(image.getbands()) > 1 else image.convert("L")
        return np.asarray(channel, np.float32) / 255


def mask(file: Path) -> Bool[np.ndarray, "H W"]:
    """True where the first channel is not 0."""
    return grey(file) > 0


def array(file: Path, key: str) -> np.ndarray:
    """What a .npy holds, or a .npz under that key."""
    try:
        with ONE_HEADER:
            stored = np.load(file, mmap_mode="r")
            if not isinstance(stored, np.ndarray):
                return stored[key]
        return np.array(stored)
    except KeyError as error:
        raise BenchmarkError(f"{file}: expected an array named {key!r}") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise BenchmarkError(f"{file}: {error}") from error


def _opened(file: Path) -> Image.Image:
    try:
        return Image.open(file)
    except OSError as error:
        raise BenchmarkError(f"{file}: {error}") from error


def _decoded(file: Path, image: Image.Image) -> Image.Image:
    try:
        image.load()
    except (OSError, SyntaxError, ValueError) as error:  # Pillow's words for a broken picture
        raise BenchmarkError(f"{file}: {error}") from error
    return image

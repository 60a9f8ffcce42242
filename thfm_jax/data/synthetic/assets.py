"""The asset pack: every file that the generator needs, in one npz.

The pack is an npz: `pack["mesh/vertices"]` is the array in the member `mesh/vertices.npy`. The
members `header.json` (format, content hash, sources) and `LICENSES.txt` stand beside the arrays.
`docs/assets.md` lists what it holds; `packing` makes it.
"""

import contextlib
import functools
import hashlib
import io
import json
import os
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

FORMAT = "thfm-humans-1"
OPTIONAL = {"hdri": "HDRI panoramas", "animals": "skinned animals"}
_BUILD = "python -m experiments.build_assets"
# What reading a damaged zip file may raise.
_DAMAGE: tuple[type[Exception], ...] = (zipfile.BadZipFile, zlib.error, struct.error)
_DAMAGE += (EOFError, OSError, ValueError, RuntimeError)
# The earliest date that a zip file can hold: a rebuild gives the same bytes.
_EPOCH = (1980, 1, 1, 0, 0, 0)


class AssetError(Exception):
    """The asset pack is missing, damaged or of another version; the message says what to do."""


class Pack:
    """Arrays by name, read from the file when first asked for and kept.

    Attributes:
      path: the npz file.
      version: format and short hash of the content, as in "thfm-humans-1-0a1b2c3d".
      sources: what the pack was made from: package, version, sha256, licence and assets of each.
    """

    def __init__(self, path: Path):
        self.path = path
        self._arrays: dict[str, np.ndarray] = {}
        header = self._header()
        self.version = f"{FORMAT}-{header['content'][:8]}"
        self.sources: list[dict[str, Any]] = header["sources"]

    def __getitem__(self, name: str) -> np.ndarray:
        """The array `name`, not writable; AssetError where the pack lacks it or it is damaged."""
        if name not in self._arrays:
            if name not in self.names:
                raise AssetError(_lacks(self.path, name))
            with self._read(f"{name}.npy") as data:
                array = np.load(data, allow_pickle=False)
            array.flags.writeable = False
            self._arrays[name] = array
        return self._arrays[name]

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def __reduce__(self):
        return load, (self.path,)

    @functools.cached_property
    def names(self) -> frozenset[str]:
        """Names of the arrays."""
        with self._open() as archive:
            members = archive.namelist()
        return frozenset(name.removesuffix(".npy") for name in members if name.endswith(".npy"))

    def group(self, prefix: str) -> list[str]:
        """Sorted names of the arrays below `prefix`; AssetError where there are none."""
        found = sorted(name for name in self.names if name.startswith(f"{prefix}/"))
        if not found:
            raise AssetError(_lacks(self.path, prefix))
        return found

    def verify(self) -> None:
        """Reads every byte; AssetError where one is damaged."""
        arrays = {name: self[name] for name in sorted(self.names)}
        if f"{FORMAT}-{_content(arrays)[:8]}" != self.version:
            raise AssetError(_damaged(self.path, "its content has another hash"))

    def _header(self) -> dict[str, Any]:
        with self._read("header.json") as data:
            header = json.loads(data.read())
        if header.get("format") != FORMAT:
            raise AssetError(
                f"{self.path} has the format {header.get('format')!r}, this program reads "
                f"{FORMAT!r}. Build it again: {_BUILD} --output={self.path}"
            )
        return header

    @contextlib.contextmanager
    def _read(self, member: str) -> Iterator[io.BytesIO]:
        """The bytes of a member; AssetError if they, or what is made of them inside, are wrong."""
        with self._open() as archive:
            try:
                yield io.BytesIO(archive.read(member))
            except KeyError as error:
                raise AssetError(_damaged(self.path, f"no {member}")) from error
            except _DAMAGE as error:
                raise AssetError(_damaged(self.path, error)) from error

    def _open(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self.path)
        except (FileNotFoundError, IsADirectoryError) as error:
            raise AssetError(
                f"There is no asset pack at {self.path}. Build it: {_BUILD} --output={self.path}"
            ) from error
        except _DAMAGE as error:
            raise AssetError(_damaged(self.path, error)) from error


def cache_folder() -> Path:
    """Where what was made once is kept for the user."""
    return Path.home() / ".cache" / "thfm_jax"


def default_path() -> Path:
    """$THFM_ASSETS, or humans-v1.npz in `cache_folder`."""
    named = os.environ.get("THFM_ASSETS")
    return Path(named) if named else cache_folder() / "humans-v1.npz"


def load(path: str | Path | None = None) -> Pack:
    """The pack at `path` or `default_path`; AssetError says what to do where there is none.

    Each process opens a pack once; arrays are read when first asked for.
    """
    return _load(Path(path) if path else default_path())


@functools.lru_cache(maxsize=8)
def _load(path: Path) -> Pack:
    return Pack(path)


def save(
    path: str | Path,
    arrays: Mapping[str, np.ndarray],
    sources: list[dict[str, Any]],
    licences: str,
) -> None:
    """Writes a pack; equal input gives equal bytes, and a reader never sees half a file."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {"format": FORMAT, "content": _content(arrays), "sources": sources}
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w") as archive:
            _write(archive, "header.json", json.dumps(header, indent=1).encode())
            _write(archive, "LICENSES.txt", licences.encode())
            for name in sorted(arrays):
                buffer = io.BytesIO()
                np.save(buffer, np.ascontiguousarray(arrays[name]), allow_pickle=False)
                _write(archive, f"{name}.npy", buffer.getvalue())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _write(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, data, compresslevel=9)


def _content(arrays: Mapping[str, np.ndarray]) -> str:
    """sha256 of names, types, shapes and values: independent of the compressor."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _damaged(path: Path, why: object) -> str:
    return (
        f"The asset pack {path} is damaged or cannot be read ({why}). Build it again: "
        f"{_BUILD} --output={path}"
    )


def _lacks(path: Path, name: str) -> str:
    part = name.split("/")[0]
    if part in OPTIONAL:
        return (
            f"The asset pack {path} was built without the {OPTIONAL[part]} ({part}). "
            f"Build it again with them: {_BUILD} --output={path}"
        )
    return f"The asset pack {path} holds no {name!r}. Build it again: {_BUILD} --output={path}"

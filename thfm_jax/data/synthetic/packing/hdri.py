"""Panoramas of light, read from the tarball that carries them.

Source: the CC0 files `hdri/*.exr.js` of the package `@pmndrs/assets` 1.7.0: each is a JavaScript
module whose string is an OpenEXR file in base64.
"""

import base64
import re
import tarfile
import tempfile
from pathlib import Path

import numpy as np

_MEMBER = re.compile(r"package/hdri/([a-z]+)\.exr\.js")
_DATA = re.compile(r"base64,([A-Za-z0-9+/=]+)")


def read(tarball: str) -> dict[str, np.ndarray]:
    """{"hdri/name": [H, W, 3] float16 linear RGB}, equirectangular, row 0 up."""
    arrays = {}
    with tarfile.open(tarball) as archive:
        for member in sorted(archive.getnames()):
            if found := _MEMBER.fullmatch(member):
                file = archive.extractfile(member)
                if file is None:
                    raise ValueError(f"{member} in {tarball} is no file")
                data = _DATA.search(file.read().decode())
                if data is None:
                    raise ValueError(f"{member} in {tarball} holds no base64 data")
                arrays[f"hdri/{found[1]}"] = _decode(base64.b64decode(data[1]))
    return arrays


def _decode(exr: bytes) -> np.ndarray:
    try:
        import OpenEXR  # needed for this only
    except ImportError as error:
        raise ImportError(
            "Decoding the panoramas needs OpenEXR: pip install OpenEXR, or go on with "
            "--without=hdri."
        ) from error
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "panorama.exr"
        path.write_bytes(exr)
        with OpenEXR.File(str(path)) as file:
            channels = file.channels()
            pixels = (channels.get("RGB") or channels["RGBA"]).pixels[..., :3]
    return np.clip(pixels, 0, np.finfo(np.float16).max).astype(np.float16)

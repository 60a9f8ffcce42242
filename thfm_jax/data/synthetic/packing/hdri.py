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
from jaxtyping import Float
from scipy.ndimage import maximum_filter, uniform_filter

_MEMBER = re.compile(r"package/hdri/([a-z]+)\.exr\.js")
_DATA = re.compile(r"base64,([A-Za-z0-9+/=]+)")

_HOT = 20.0  # 1 is diffuse white
_ODD = 0.2  # darkest over brightest channel below which a hot pixel has lost one
_DARK = 1e-4
_WINDOW = 11
_HALF_MAX = float(np.finfo(np.float16).max)


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
    return repair(pixels.astype(np.float32)).astype(np.float16)


def repair(pixels: Float[np.ndarray, "H W 3"]) -> Float[np.ndarray, "H W 3"]:
    """The panorama without what its compression did around lamps and the sun.

    There, DWAB leaves negative values, and loses channels of the brightest pixels: two of the suns
    are pure blue. Such a pixel gets the colour of its surroundings, as bright as the brightest of
    its channels says.
    """
    brightest = pixels.max(axis=-1)
    odd = pixels.min(axis=-1) <= _ODD * brightest
    near_lamp = maximum_filter(odd & (brightest > _HOT), _WINDOW, mode=("nearest", "wrap"))
    damaged = (pixels < 0).any(axis=-1) | (odd & near_lamp)
    good = (~damaged)[..., None].astype(np.float32)
    # The geometric mean, which lamps in the window sway little.
    logs = np.log(np.maximum(pixels, _DARK))
    around = np.exp(_mean(good * logs) / np.maximum(_mean(good), 1e-6))
    gain = np.maximum((pixels / around).max(axis=-1, keepdims=True), 1)
    return np.minimum(np.where(damaged[..., None], around * gain, pixels), _HALF_MAX)


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over a window that wraps around the panorama."""
    return uniform_filter(values, size=(_WINDOW, _WINDOW, 1), mode=("nearest", "wrap", "nearest"))

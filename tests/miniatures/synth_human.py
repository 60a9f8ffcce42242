"""SynthHuman's stills: PNG, EXR in centimetres, intrinsics as text."""

from pathlib import Path

import numpy as np
import OpenEXR
from PIL import Image

from tests.miniatures.balls import ball, labels

BACKGROUND_CM = 65504  # the largest half-precision number


def write(root: Path, rng, depth_scale=100.0):
    """{number of the sample: perfect predictions}; `depth_scale` is the stored unit per metre."""
    truth = {}
    for chunk, number in (
        ("SynthHuman_0000", 7),
        ("SynthHuman_0000", 12),
        ("SynthHuman_0001", 5003),
    ):
        folder, name, shown = root / chunk, f"{number:07d}", ball(rng)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(shown.rgb).save(folder / f"rgb_{name}.png")
        Image.fromarray(shown.alpha).save(folder / f"alpha_{name}.png")
        depth_cm = np.where(shown.mask, depth_scale * shown.depth_m, BACKGROUND_CM).astype(
            np.float32
        )
        _exr(folder / f"depth_{name}.exr", {"Y": depth_cm})
        _exr(folder / f"normal_{name}.exr", {"RGB": shown.normals.astype(np.float32)})
        np.savetxt(folder / f"cam_{name}.txt", [[60, 0, 24], [0, 60, 32], [0, 0, 1]])
        truth[name] = labels(shown)
    return truth


def _exr(path: Path, channels: dict[str, np.ndarray]) -> None:
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, channels).write(str(path))

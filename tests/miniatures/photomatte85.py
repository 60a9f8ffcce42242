"""PhotoMatte85: RGBA pictures in one folder; and a folder of backgrounds."""

from pathlib import Path

import numpy as np
from PIL import Image

from tests.miniatures.balls import ball, labels


def write(root: Path, rng):
    """{name of the picture: perfect predictions}."""
    root.mkdir(parents=True, exist_ok=True)
    truth = {}
    for number in (41, 7, 112):
        name, shown = f"0051115Q_000001_{number:04d}", ball(rng)
        Image.fromarray(np.dstack([shown.rgb, shown.alpha])).save(root / f"{name}.png")
        truth[name] = labels(shown)
    return truth


def write_backgrounds(folder: Path, *colours):
    """A picture of each colour, twice as wide as high, in JPEG."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, colour in enumerate(colours):
        Image.new("RGB", (160, 80), colour).save(folder / f"scene{index}.jpg", quality=100)

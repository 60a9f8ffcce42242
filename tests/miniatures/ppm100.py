"""PPM-100: JPEG pictures and JPEG mattes."""

from pathlib import Path

import numpy as np
from PIL import Image

from tests.miniatures.balls import ball, labels


def write(root: Path, rng):
    """{name of the picture: perfect predictions}; alpha is what the JPEG has made of it."""
    truth = {}
    for folder in ("image", "matte"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name, size in (("6146816_556eaff97f_o", (64, 48)), ("14299313536_ea3e61076c_o", (48, 64))):
        shown, matte = ball(rng, *size), root / "matte" / f"{name}.jpg"
        Image.fromarray(shown.rgb).save(root / "image" / f"{name}.jpg")
        Image.fromarray(shown.alpha).save(matte, quality=95)
        stored = np.asarray(Image.open(matte), np.float32) / 255
        truth[name] = labels(shown) | {"matte": stored[None]}
    return truth

"""P3M-10k's two test sets; the mattes of one have three equal channels, which P3M's code takes."""

from pathlib import Path

import numpy as np
from PIL import Image

from tests.miniatures.balls import ball, labels

PICTURES = {"P3M-500-P": "blurred_image", "P3M-500-NP": "original_image"}


def write(root: Path, rng, split: str):
    """{name of the picture: perfect predictions}."""
    truth = {}
    folder = root / "validation" / split
    for kind in (PICTURES[split], "mask", "trimap"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for name, size in (("p_015cd10e", (64, 48)), ("p_819ea202", (48, 64))):
        shown = ball(rng, *size)
        matte = np.dstack([shown.alpha] * 3) if split == "P3M-500-NP" else shown.alpha
        trimap = np.where(shown.alpha % 255, 128, shown.alpha).astype(np.uint8)
        Image.fromarray(shown.rgb).save(folder / PICTURES[split] / f"{name}.jpg")
        Image.fromarray(matte).save(folder / "mask" / f"{name}.png")
        Image.fromarray(trimap).save(folder / "trimap" / f"{name}.png")
        truth[name] = labels(shown)
    return truth

"""Pictures of evaluation sets in miniature."""

from pathlib import Path

import numpy as np
from PIL import Image


def write_picture(path: Path, height: int, width: int, level: int) -> None:
    """A picture of one grey level."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((height, width, 3), level, np.uint8)).save(path)

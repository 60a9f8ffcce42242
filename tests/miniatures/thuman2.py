"""THuman2 as avatar papers render it: RGBA pictures and RGBA maps of normals."""

from pathlib import Path

import numpy as np
from PIL import Image

from tests.miniatures.balls import ball, labels


def write(root: Path, rng):
    """{"SUBJECT/VIEW": perfect predictions}; the maps hold 0.98 of a unit, as published ones do."""
    truth = {}
    for subject in ("0000", "0525"):
        for kind in ("render", "norm_F", "depth_F"):
            (root / subject / kind).mkdir(parents=True, exist_ok=True)
        for view in ("000", "180"):
            shown = ball(rng)
            opaque = np.uint8(255 * shown.mask)
            colours = np.round((0.98 * shown.normals / 2 + 0.5) * 255).astype(np.uint8)
            for kind, picture in (("render", shown.rgb), ("norm_F", colours)):
                rgba = np.dstack([picture, opaque])
                Image.fromarray(rgba).save(root / subject / kind / f"{view}.png")
            truth[f"{subject}/{view}"] = labels(shown)
    return truth

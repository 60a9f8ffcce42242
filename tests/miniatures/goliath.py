"""Goliath's three splits: two subjects, two cameras, three frames."""

from pathlib import Path

from tests.miniatures import sapiens2
from tests.miniatures.balls import ball, labels

# Distance of a subject from the camera and radius of what is seen of it, in metres.
SPLITS = {"face": (1.1, 0.12), "upper_body": (2.9, 0.3), "full_body": (3.2, 0.5)}
SIZE = {"subjects": 2, "cameras": 2, "frames": 3}


def write(root: Path, rng, split: str, **storage):
    """{"SUBJECT/CAMERA": perfect predictions}."""
    distance, radius = SPLITS[split]
    truth = {}
    for subject in ("AXE977", "QVC422"):
        for camera in ("400944", "401031"):
            shots = [ball(rng, 64, 48, distance, radius) for _ in range(SIZE["frames"])]
            for frame, shown in zip(("000009", "000010", "000100"), shots, strict=True):
                sapiens2.write(root / split / subject / camera, frame, shown, **storage)
            truth[f"{subject}/{camera}"] = labels(*shots)
    return truth

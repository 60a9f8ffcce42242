"""Hi4D as Sapiens2 lays it out: two pictures of each of the three pairs, of two sizes."""

from pathlib import Path

from tests.miniatures import sapiens2
from tests.miniatures.balls import ball, labels


def write(root: Path, rng, **storage):
    """{name of the picture: perfect predictions}."""
    truth = {}
    for pair, size in (("28", (64, 48)), ("32", (48, 64)), ("37", (64, 48))):
        for frame in (1, 2):
            name = f"pair{pair}_dance_c4_{frame:06d}"
            shown = ball(rng, *size)
            sapiens2.write(root, name, shown, **storage)
            truth[name] = labels(shown)
    return truth

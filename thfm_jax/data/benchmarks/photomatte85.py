"""Reads PhotoMatte85, 85 people cut out of studio photographs, before backgrounds of the user's.

Lin et al., "Real-Time High-Resolution Background Matting", CVPR 2021. Download under its own
terms from grail.cs.washington.edu/projects/background-matting-v2. One folder:

    0051115Q_000001_0041.png, ...    8-bit RGBA; alpha is the truth (BackgroundMattingV2, issue 69)

The names are those of the release; that colours are not multiplied by alpha is taken from the
programs that composite it, not verified on files.

There are no pictures of scenes in it, and none that all papers use. BackgroundMattingV2 and its
followers composite over backgrounds of their own; what DAViD and THFM put behind the people is not
published, so their figures hold only roughly for other backgrounds. Here the n-th picture by name
gets the n-th background by name, from the first again when they are used up: the same folder always
makes the same benchmark. Without a folder the background is an even grey, which is easier.
"""

from pathlib import Path

from thfm_jax.data.benchmarks import files
from thfm_jax.data.benchmarks.mattes import Composite
from thfm_jax.data.benchmarks.shots import Shot

IMAGES = 85
GREY = 127


def open_photomatte85(
    root: Path, backgrounds: str | Path | None = None, images: int | None = IMAGES
) -> list[Shot]:
    """The composites, each a picture by itself.

    Args:
      root: the folder of the pictures.
      backgrounds: a folder of pictures without people; None for grey.
      images: how many there must be; None for any number.

    Raises:
      BenchmarkError: a folder holds no pictures, or `root` not as many as expected.
    """
    people = files.by_stem(root, (".png",))
    files.check_count(root, "pictures", len(people), images)
    scenes: list[Path | int] = [GREY]
    if backgrounds is not None:
        scenes = list(files.by_stem(Path(backgrounds), files.PICTURES).values())
    return [
        Shot(name, (Composite(file, scenes[index % len(scenes)]),))
        for index, (name, file) in enumerate(people.items())
    ]

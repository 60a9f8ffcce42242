"""Reads PPM-100, 100 photographs of people before their own backgrounds, 1080p to 4K.

Ke et al., "MODNet", AAAI 2022. Download from github.com/ZHKKKe/PPM; the mattes are CC BY-NC-SA 4.0,
the pictures Flickr's with a licence for commercial use.

    image/6146816_556eaff97f_o.jpg, ...
    matte/6146816_556eaff97f_o.jpg, ...    white where the person is

JPEG both, so alpha near 0 and 1 is noisy by a level or two. Taken from programs that read it, not
verified on files; copies with other names of the two folders, as train/fg and train/alpha, are read
by the options.
"""

from pathlib import Path

from thfm_jax.data.benchmarks.mattes import open_photographs
from thfm_jax.data.benchmarks.shots import Shot

IMAGES = 100


def open_ppm100(
    root: Path, pictures: str = "image", mattes: str = "matte", images: int | None = IMAGES
) -> list[Shot]:
    """The photographs, each by itself.

    Args:
      root: holds the two folders.
      pictures, mattes: their names.
      images: how many there must be; None for any number.

    Raises:
      BenchmarkError: a picture has no matte or the other way round, or there are not 100.
    """
    return open_photographs(root / pictures, root / mattes, images)

"""A folder of the user's pictures, as backdrops.

People in these pictures would be background without labels: a model that sees them learns to
overlook people. Use pictures in which nobody is.
"""

import functools
import warnings
from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image, UnidentifiedImageError

from thfm_jax.data.synthetic.scene import Backdrop

LONGEST_PX = 1024  # pictures are read at most this large
_OPENS = {".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}


class Pictures:
    """The pictures below a folder, in the order of their relative names.

    Attributes:
      folder: the folder.
      names: relative POSIX names of the files that look like pictures.
      skipped: {relative name: why} of files that are none, or turned out to be damaged.
    """

    def __init__(self, folder: str | Path):
        """Lists the folder; FileNotFoundError where it is missing, ValueError where it is empty."""
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise FileNotFoundError(f"there is no folder of backgrounds {self.folder}")
        found = sorted(
            p.relative_to(self.folder).as_posix() for p in self.folder.rglob("*") if p.is_file()
        )
        self.skipped: dict[str, str] = {}
        self.names: list[str] = []
        for name in found:
            reason = _refusal(self.folder / name)
            if reason:
                self.skip(name, reason)
            else:
                self.names.append(name)
        if not self.names:
            raise ValueError(
                f"{self.folder} holds no picture that can be read ({len(found)} other files)"
            )

    @classmethod
    def open(cls, folder: str | Path) -> "Pictures":
        """The pictures below a folder, listed once a process."""
        return _opened(str(folder))

    def skip(self, name: str, reason: str) -> None:
        """Leaves the file out from now on, and says so once."""
        self.skipped[name] = reason
        warnings.warn(f"{self.folder / name} is no background: {reason}", stacklevel=3)

    def read(self, name: str) -> Float[np.ndarray, "h w 3"]:
        """Linear RGB, float32 in [0, 1]; OSError where the file is damaged."""
        with Image.open(self.folder / name) as image:
            image.draft("RGB", (LONGEST_PX, LONGEST_PX))
            picture = image.convert("RGB")
            picture.thumbnail((LONGEST_PX, LONGEST_PX), Image.Resampling.BOX)
        return _LINEAR[np.asarray(picture)]

    def sample(self, rng: np.random.Generator) -> tuple[str, Float[np.ndarray, "h w 3"]]:
        """(name, picture) of one at random; a damaged one is skipped and another drawn.

        Which one depends on the names listed, the same in every process, and on `rng` only.
        ValueError where all are damaged.
        """
        for index in rng.permutation(len(self.names)):
            name = self.names[index]
            if name in self.skipped:
                continue
            try:
                return name, self.read(name)
            except (OSError, SyntaxError, ValueError) as error:
                self.skip(name, f"damaged ({error})")
        raise ValueError(f"no picture in {self.folder} could be read")


def _refusal(path: Path) -> str:
    """Why the file is no picture, by its name and header; empty for a picture."""
    if path.suffix.lower() not in _OPENS:
        return f"its name does not end like a picture's ({', '.join(sorted(_OPENS))})"
    try:
        with Image.open(path) as image:
            return "" if min(image.size) >= 16 else f"too small ({image.size})"
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        return f"damaged ({error})"


@functools.lru_cache(maxsize=4)
def _opened(folder: str) -> Pictures:
    return Pictures(folder)


_BYTES = np.arange(256, dtype=np.float32) / 255
_LINEAR = np.where(_BYTES <= 0.04045, _BYTES / 12.92, ((_BYTES + 0.055) / 1.055) ** 2.4).astype(
    np.float32
)


def drifting(
    rng: np.random.Generator,
    picture: Float[np.ndarray, "h w 3"],
    frames: int,
    size: tuple[int, int],
) -> Backdrop:
    """The picture behind everything, as a window that slowly pans and zooms over it.

    The window has the shape of the image, `size` (height, width), and stays within the picture.
    """
    height, width = picture.shape[:2]
    shape = np.array([size[1], size[0]], float)
    largest = min(width / shape[0], height / shape[1])
    zoom = largest * rng.uniform(0.5, 0.95)
    progress = np.linspace(-0.5, 0.5, frames)[:, None]
    scale = np.minimum(zoom * np.exp(rng.normal(0, 0.05) * progress), largest)
    half = scale * shape / 2
    room = np.array([width, height]) - 2 * half
    start = rng.random(2) + rng.normal(0, 0.15, 2) * progress
    middle = half + np.clip(start, 0, 1) * room
    return Backdrop(
        picture, panorama=False, window=np.concatenate([middle - half, middle + half], 1)
    )

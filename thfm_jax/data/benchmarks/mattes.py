"""Pictures with an alpha matte each, scored over the whole picture."""

import dataclasses
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageOps

from thfm_jax.data.benchmarks import files
from thfm_jax.data.benchmarks.shots import Labels, Shot


@dataclasses.dataclass(frozen=True)
class Photograph:
    """A picture as it was taken; a `Frame`.

    Attributes:
      file, matte: the picture and its alpha, white where the person is.
    """

    file: Path
    matte: Path

    def size(self) -> tuple[int, int]:
        return files.size(self.file)

    def picture(self) -> UInt8[np.ndarray, "H W 3"]:
        return files.rgb(self.file)

    def labels(self) -> Labels:
        return _whole(files.grey(self.matte))


@dataclasses.dataclass(frozen=True)
class Composite:
    """A person cut out, before a background; a `Frame`.

    Attributes:
      file: picture with alpha; its colours are not multiplied by it.
      background: a picture, of which the middle that has the shape of `file` is scaled to its size;
        or a level of grey, 0 to 255.
    """

    file: Path
    background: Path | int

    def size(self) -> tuple[int, int]:
        return files.size(self.file)

    def picture(self) -> UInt8[np.ndarray, "H W 3"]:
        """Blended in sRGB, as matting is evaluated, though light adds up otherwise."""
        stored = files.rgba(self.file)
        colour, alpha = stored[..., :3].astype(np.float32), stored[..., 3:] / np.float32(255)
        behind = self._behind(*stored.shape[:2])
        return np.round(alpha * colour + (1 - alpha) * behind).astype(np.uint8)

    def labels(self) -> Labels:
        return _whole(files.rgba(self.file)[..., 3] / np.float32(255))

    def _behind(self, height: int, width: int) -> Float[np.ndarray, "H W 3"]:
        if isinstance(self.background, int):
            return np.full((height, width, 3), self.background, np.float32)
        picture = Image.fromarray(files.rgb(self.background))
        fitted = ImageOps.fit(picture, (width, height), Image.Resampling.BICUBIC)
        return np.asarray(fitted, np.float32)


def open_photographs(
    pictures: Path, mattes: Path, images: int | None, groups: dict[str, str] | None = None
) -> list[Shot]:
    """A folder's pictures, each by itself, with the mattes of the same names in another.

    Raises:
      BenchmarkError: one has no counterpart, or there are not as many as expected.
    """
    found = files.matched(
        picture=files.by_stem(pictures, files.PICTURES), matte=files.by_stem(mattes, files.PICTURES)
    )
    files.check_count(pictures, "pictures", len(found), images)
    return [
        Shot(name, (Photograph(sample["picture"], sample["matte"]),), groups or {})
        for name, sample in found.items()
    ]


def _whole(alpha: Float[np.ndarray, "H W"]) -> Labels:
    return {"matte": (alpha[..., None], np.ones(alpha.shape, bool))}

"""Reads the two test sets of P3M-10k, 500 photographs each: faces blurred (P) or not (NP).

Li et al., "Privacy-Preserving Portrait Matting", ACM MM 2021. Download from
github.com/JizhiziLi/P3M after reading its agreement (MIT).

    validation/P3M-500-P/blurred_image/p_015cd10e.jpg     validation/P3M-500-NP/original_image/...
                         mask/p_015cd10e.png                                    mask/...

The mattes are 8-bit, white where the person is; a picture's first channel counts, as in P3M
core/test.py. Trimaps and face masks lie beside them and are not read: scores are of whole pictures.
The folders are those of P3M core/config.py and ViTAE-Transformer/P3M-Net core/config.py.
"""

from pathlib import Path

from thfm_jax.data.benchmarks.mattes import open_photographs
from thfm_jax.data.benchmarks.shots import Shot

IMAGES = 500
_PICTURES = {"P3M-500-P": "blurred_image", "P3M-500-NP": "original_image"}


def open_p3m10k(root: Path, split: str, images: int | None = IMAGES) -> list[Shot]:
    """The photographs of a test set, each by itself.

    Args:
      root: holds the folder `validation`.
      split: "P3M-500-P" or "P3M-500-NP".
      images: how many there must be; None for any number.

    Raises:
      BenchmarkError: a picture has no matte or the other way round, or there are not 500.
    """
    if split not in _PICTURES:
        raise ValueError(f"expected split to be one of {', '.join(_PICTURES)}, got {split!r}")
    folder = root / "validation" / split
    return open_photographs(folder / _PICTURES[split], folder / "mask", images, {"split": split})

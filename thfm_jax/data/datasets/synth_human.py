"""Reads SynthHuman, the stills of synthetic people that DAViD released (CDLA-Permissive-2.0).

A folder as its download script leaves it, with these files for sample 1234567, at any depth:

    rgb_1234567.png       8-bit sRGB
    alpha_1234567.png     8-bit foreground alpha
    depth_1234567.exr     z along the camera's axis in centimetres, one channel; the background
                          holds the largest half-precision number
    normal_1234567.exr    x right, y up, z towards the viewer as R, G, B
    cam_1234567.txt       3 x 3 intrinsics in pixels, as numpy.loadtxt reads them

Source: github.com/microsoft/DAViD, README.md, "Data Format". Not said there: the channels' names
(found in readers that others wrote), the background's depth (likewise), and the axes of the normals
(measured on the pictures that DAViD published).

A sample becomes a clip of one frame. It has no joints, body parts or dense pose, and says so: no
keypoints are known and nothing is posed. Its camera stands in the origin of the world.
"""

import dataclasses
import re
from pathlib import Path

import numpy as np
import OpenEXR
from jaxtyping import Float, UInt8
from PIL import Image

from thfm_jax import joints
from thfm_jax.data import temporal
from thfm_jax.data.datasets.container import RecordError
from thfm_jax.data.synthetic.clip import Labels, SyntheticClip

FPS = 25.0  # a still has none; the rate that `data.video` gives to images
_FILES = ("rgb_{}.png", "alpha_{}.png", "depth_{}.exr", "normal_{}.exr", "cam_{}.txt")
_RGB = re.compile(r"rgb_(\d+)\.png")
_FARTHEST_CM = 6e4  # half precision ends at 65504
_SOLID = 0.95  # less alpha is a rim, or hair
_DEPTH_CHANNELS = ("Z", "Y", "V", "R")


class SynthHuman:
    """The samples of a folder, by number.

    Attributes:
      name: the folder.
      frames: 1.
      endless: False.
    """

    frames = 1
    endless = False

    def __init__(self, folder: str | Path):
        """Looks which samples there are; those that lack one of their files do not count.

        Raises:
          ValueError: there is none.
        """
        self.name = str(folder)
        places = Path(folder).rglob("rgb_*.png")
        found = [(path.parent, match[1]) for path in places if (match := _RGB.match(path.name))]
        whole = [place for place in found if all(path.exists() for path in _paths(*place))]
        if not whole:
            files = ", ".join(name.format("0000000") for name in _FILES)
            raise ValueError(f"{folder}: expected samples of SynthHuman ({files}, ...)")
        # Far smaller than 300,000 paths, since every worker gets them.
        self._folders = sorted({str(parent) for parent, _ in whole})
        order = sorted((self._folders.index(str(parent)), number) for parent, number in whole)
        self._folder = np.array([place for place, _ in order], np.int32)
        self._number = np.array([number for _, number in order], "S")

    def __len__(self) -> int:
        return len(self._number)

    def __getitem__(self, index: int) -> "Still":
        return Still(Path(self._folders[self._folder[index]]), self._number[index].decode())


@dataclasses.dataclass(frozen=True)
class Still:
    """A sample that has not been read yet."""

    folder: Path
    number: str
    frames: int = 1

    def read(self, frames: slice = slice(None)) -> SyntheticClip:
        """The sample as a clip; raises RecordError where one of its files cannot be read."""
        rgb_file, alpha_file, depth_file, normal_file, camera_file = _paths(
            self.folder, self.number
        )
        rgb, alpha = _image(rgb_file, "RGB"), _image(alpha_file, "L") / np.float32(255)
        depth_cm = _exr(depth_file, 1)[..., 0]
        normals = _exr(normal_file, 3)
        intrinsics = _camera(camera_file)
        sizes = {rgb.shape[:2], alpha.shape, depth_cm.shape, normals.shape[:2]}
        if len(sizes) > 1:
            raise RecordError(f"{rgb_file}: its labels are of other sizes: {sorted(sizes)}")
        clip = _clip(rgb, alpha, depth_cm, normals, intrinsics)
        meta = {"dataset": "SynthHuman", "sample": self.number}
        return temporal.take(dataclasses.replace(clip, meta=meta), frames)


def _paths(folder: Path, number: str) -> list[Path]:
    return [folder / name.format(number) for name in _FILES]


def _clip(
    rgb: UInt8[np.ndarray, "H W 3"],
    alpha: Float[np.ndarray, "H W"],
    depth_cm: Float[np.ndarray, "H W"],
    normals: Float[np.ndarray, "H W 3"],
    intrinsics: Float[np.ndarray, "3 3"],
) -> SyntheticClip:
    length = np.linalg.norm(np.nan_to_num(normals), axis=-1)
    somebody = (alpha >= 0.5) & (depth_cm > 0) & (depth_cm < _FARTHEST_CM) & (length > 0.5)
    unit = normals / np.where(somebody, length, 1)[..., None]
    K = len(joints.JOINTS)
    labels = Labels(
        alpha=alpha[None],
        depth_m=np.where(somebody, depth_cm / 100, 0).astype(np.float32)[None],
        normals=np.where(somebody[..., None], unit, 0).astype(np.float32)[None],
        template=np.zeros((1, *normals.shape), np.float32),
        part=np.zeros((1, *alpha.shape), np.uint8),
        instance=somebody[None].astype(np.uint8),
        valid=(somebody & (alpha >= _SOLID))[None],
        posed=np.zeros((1, *alpha.shape), bool),
    )
    return SyntheticClip(
        rgb=rgb[None],
        labels=labels,
        keypoints2d=np.zeros((1, 1, K, 3), np.float32),
        keypoints3d=np.zeros((1, 1, K, 3), np.float32),
        keypoints_known=np.zeros(1, bool),
        intrinsics=intrinsics[None],
        extrinsics=np.eye(3, 4, dtype=np.float32)[None],
        fps=FPS,
        meta={},
    )


def _image(path: Path, mode: str) -> UInt8[np.ndarray, "H W *C"]:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert(mode))
    except (OSError, SyntaxError) as error:  # Pillow's word for a broken PNG is SyntaxError
        raise RecordError(f"{path}: {error}") from error


def _exr(path: Path, channels: int) -> Float[np.ndarray, "H W C"]:
    """float32 values of a file's one channel, or of its R, G and B."""
    try:
        with OpenEXR.File(str(path), separate_channels=True) as file:
            stored = {name: channel.pixels for name, channel in file.channels().items()}
    except (RuntimeError, ValueError) as error:
        raise RecordError(f"{path}: {error}") from error
    names = [name for name in _DEPTH_CHANNELS if name in stored][:1] if channels == 1 else "RGB"
    if not names or set(names) - set(stored):
        raise RecordError(f"{path}: expected {channels} channels, found {', '.join(stored)}")
    return np.stack([stored[name] for name in names], axis=-1).astype(np.float32)


def _camera(path: Path) -> Float[np.ndarray, "3 3"]:
    try:
        matrix = np.loadtxt(path, dtype=np.float32)
    except (OSError, ValueError) as error:
        raise RecordError(f"{path}: {error}") from error
    if matrix.shape != (3, 3):
        raise RecordError(f"{path}: expected a 3 x 3 matrix, got one of shape {matrix.shape}")
    return matrix

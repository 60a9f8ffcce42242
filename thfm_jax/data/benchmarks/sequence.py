"""What a reader of an evaluation set gives: sequences of pictures with their labels, lazily."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from jaxtyping import UInt8

from thfm_jax.types import Target


class BenchmarkError(ValueError):
    """An evaluation set is not as it was released; the message names the file and what is wrong."""


class Sequence(Protocol):
    """A video, a multi-view shot or one picture of an evaluation set.

    Nothing is read before it is asked for, so that opening a set of thousands costs little. All
    `frames` exist on disk: a reader's `open_` function raises `BenchmarkError` where files are
    missing, sequences are listed twice, or labels and pictures differ in number.

    Attributes:
      name: unique within the set, and a relative path: "P2/24_outdoor_long_walk".
      groups: by what results are told apart besides, as {"subject": "P2", "camera": "28"}.
      frames: how many there are.
      height, width: of the pictures and of dense labels, in pixels.
      fps: frames per second; 0 for pictures that are no video.
    """

    @property
    def name(self) -> str: ...
    @property
    def groups(self) -> Mapping[str, str]: ...
    @property
    def frames(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def fps(self) -> float: ...

    def pictures(self, frames: slice) -> UInt8[np.ndarray, "t H W 3"]:
        """These frames, sRGB; `BenchmarkError` for a file that is damaged or of another size."""
        ...

    def truth(self, frames: slice) -> dict[str, Target]:
        """The labels of these frames by task, NumPy, in the units of `Target` and `TaskSpec`.

        Keypoints are the set's own, in its own order (the protocol maps ours onto them), and their
        mask is what is to be scored. float32; depth [t, H, W, 1] in metres, alpha [t, H, W, 1],
        normals [t, H, W, 3] (x right, y up, z towards the viewer), keypoints2d [t, K, 3] (x, y in
        pixels, visibility), keypoints3d [t, K, 3] in metres, OpenCV camera axes.
        """
        ...

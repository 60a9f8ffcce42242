"""How one PyTorch array becomes ours: a permutation of its axes, then a merge of some of them.

A layout works both ways, and tells which of our axes PyTorch's outermost axis becomes: reading a
range of that axis reads one contiguous range of the file.
"""

import dataclasses
import math
from collections.abc import Callable

import numpy as np

Shape = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Layout:
    """`ours = merge(transpose(theirs, axes))`; `outer` is the axis of ours that theirs 0 becomes.

    `axes` None keeps the order; `outer` None says that theirs 0 is an axis of length one that
    ours has not.
    """

    axes: tuple[int, ...] | None
    merge: Callable[[Shape], Shape]
    outer: int | None

    def shape(self, theirs: Shape) -> Shape:
        """Our shape for a PyTorch shape."""
        return self.merge(_permuted(theirs, self.axes))

    def forward(self, theirs: np.ndarray) -> np.ndarray:
        """A PyTorch array in our layout; a view where that is possible."""
        permuted = theirs if self.axes is None else theirs.transpose(self.axes)
        return permuted.reshape(self.shape(theirs.shape))

    def inverse(self, ours: np.ndarray, theirs: Shape) -> np.ndarray:
        """Our array in the PyTorch layout of shape `theirs`."""
        permuted = ours.reshape(_permuted(theirs, self.axes))
        return permuted if self.axes is None else permuted.transpose(np.argsort(self.axes))


def _permuted(shape: Shape, axes: tuple[int, ...] | None) -> Shape:
    return shape if axes is None else tuple(shape[axis] for axis in axes)


def _keep(shape: Shape) -> Shape:
    return shape


def _to_matrix(shape: Shape) -> Shape:
    return (math.prod(shape[:-1]), shape[-1])


def _to_vector(shape: Shape) -> Shape:
    return (math.prod(shape),)


def _without_first(shape: Shape) -> Shape:
    return shape[1:]


SAME = Layout(None, _keep, 0)
# (out, in) -> (in, out)
LINEAR = Layout((1, 0), _keep, 1)
# (out, in, h, w) -> (h, w, in, out)
CONV_2D = Layout((2, 3, 1, 0), _keep, 3)
# (out, in, t, h, w) -> (t, h, w, in, out)
CONV_3D = Layout((2, 3, 4, 1, 0), _keep, 4)
# (out, in, 1, 1) and (out, in, 1, 1, 1) -> (in, out)
POINTWISE_2D = Layout((2, 3, 1, 0), _to_matrix, 1)
POINTWISE_3D = Layout((2, 3, 4, 1, 0), _to_matrix, 1)
# (D, channel, t, h, w) -> (t*h*w*channel, D), the patch's rows in the order of its tokens
PATCH = Layout((2, 3, 4, 1, 0), _to_matrix, 1)
# (C, 1, 1) and (C, 1, 1, 1) -> (C,)
GAIN = Layout(None, _to_vector, 0)
# (1, n, D) -> (n, D)
UNBATCHED = Layout(None, _without_first, None)

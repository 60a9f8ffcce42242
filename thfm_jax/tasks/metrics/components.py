"""The largest connected region of an image at every level at once, by union-find."""

import numpy as np
from jaxtyping import Float, Int
from numba import njit


def connected_levels(
    image: Float[np.ndarray, "H W"], levels: Float[np.ndarray, "N"]
) -> Int[np.ndarray, "H W"]:
    """uint8 index of the last level before a pixel first leaves the largest region.

    The regions of a level are the 4-connected sets of pixels that reach it; of two equally large
    ones the one that comes first in reading order counts. All pixels belong to level 0.

    Args:
      image: finite values.
      levels: rising; the first is not looked at.
    """
    image = np.ascontiguousarray(image, np.float64)
    return _levels(image, np.asarray(levels, np.float64))


@njit(cache=True)
def _root(parents, pixel):
    while parents[pixel] != pixel:
        parents[pixel] = parents[parents[pixel]]
        pixel = parents[pixel]
    return pixel


@njit(cache=True)
def _join(parents, sizes, first, second):
    """Makes two regions one, whose root is their first pixel in reading order."""
    first, second = _root(parents, first), _root(parents, second)
    if first != second:
        if first > second:
            first, second = second, first
        parents[second] = first
        sizes[first] += sizes[second]


@njit(cache=True)
def _sorted_by_level(image, levels):
    """Pixels by the highest level that they reach, and where each level's begin."""
    height, width = image.shape
    count = len(levels)
    reached = np.zeros(height * width, np.uint8)
    starts = np.zeros(count + 1, np.int64)
    for row in range(height):
        for column in range(width):
            level = 0
            while level + 1 < count and image[row, column] >= levels[level + 1]:
                level += 1
            reached[row * width + column] = level
            starts[level + 1] += 1
    for level in range(count):
        starts[level + 1] += starts[level]
    order = np.empty(height * width, np.int64)
    ends = starts.copy()
    for pixel in range(height * width):
        order[ends[reached[pixel]]] = pixel
        ends[reached[pixel]] += 1
    return reached, order, starts


@njit(cache=True)
def _levels(image, levels):
    height, width = image.shape
    reached, order, starts = _sorted_by_level(image, levels)
    result = reached.copy()
    parents = np.arange(height * width)
    sizes = np.ones(height * width, np.int64)
    largest = -1
    # From the highest level down, so that regions only ever grow together.
    for level in range(len(levels) - 1, 0, -1):
        for place in range(starts[level], starts[level + 1]):
            pixel = order[place]
            row, column = pixel // width, pixel % width
            if row > 0 and reached[pixel - width] >= level:
                _join(parents, sizes, pixel, pixel - width)
            if column > 0 and reached[pixel - 1] >= level:
                _join(parents, sizes, pixel, pixel - 1)
            if row + 1 < height and reached[pixel + width] > level:
                _join(parents, sizes, pixel, pixel + width)
            if column + 1 < width and reached[pixel + 1] > level:
                _join(parents, sizes, pixel, pixel + 1)
        largest = -1
        for place in range(starts[level], len(order)):
            pixel = order[place]
            if parents[pixel] == pixel and (
                largest < 0
                or sizes[pixel] > sizes[largest]
                or (sizes[pixel] == sizes[largest] and pixel < largest)
            ):
                largest = pixel
        for place in range(starts[level], len(order)):
            pixel = order[place]
            if _root(parents, pixel) != largest:
                result[pixel] = level - 1
    return result.reshape(height, width)

"""What is seen where there is no mesh: a panorama by direction, or a part of a flat picture."""

import math

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from thfm_jax.data.synthetic import scene
from thfm_jax.data.synthetic.rendering.jit import kernel

# Sums of samples' shares reach 1 only to within rounding.
COVERED = 0.9999


class Painter:
    """Paints a scene's backdrop, frame by frame.

    The image is blurred once, by its blur and by half the distance of two pixels on it, so that
    looking up one point a pixel leaves nothing out, and so that its texels do not show.
    """

    def __init__(self, backdrop: scene.Backdrop, camera: scene.Camera):
        self._backdrop, self._camera = backdrop, camera
        texels = _texels_per_pixel(backdrop, camera)
        sigma = math.hypot(texels * backdrop.blur_px, 0.45 * max(texels, 1.0))
        modes = ("nearest", "wrap" if backdrop.panorama else "nearest", "nearest")
        image = np.asarray(backdrop.image, np.float32)
        self._image = ndimage.gaussian_filter(image, (sigma, sigma, 0), mode=modes, truncate=3)

    def behind(self, frame: int, covered: Float[np.ndarray, "H W"]) -> Float[np.ndarray, "H W 3"]:
        """Linear RGB float32 that shines past what covers these shares of the pixels.

        As it is in the middle of the shutter's time.
        """
        height, width = self._camera.size
        seen = np.zeros((height, width, 3), np.float32)
        paint = _paint_panorama if self._backdrop.panorama else _paint_flat
        paint(self._image, self._matrix(frame), covered, seen)
        return seen * (1 - covered)[..., None]

    def _matrix(self, frame: int) -> np.ndarray:
        """[3, 3] from homogeneous pixels to world directions, or to positions in the flat image."""
        if self._backdrop.panorama:
            intrinsics, rotation, _ = self._camera.at(frame)
            fx, fy, cx, cy = intrinsics[[0, 1, 0, 1], [0, 1, 2, 2]]
            return rotation.T @ np.array([[1 / fx, 0, -cx / fx], [0, 1 / fy, -cy / fy], [0, 0, 1]])
        height, width = self._camera.size
        left, top, right, bottom = _window(self._backdrop, frame)
        x, y = (right - left) / width, (bottom - top) / height
        return np.array([[x, 0, left], [0, y, top], [0, 0, 1]])


def _window(backdrop: scene.Backdrop, frame: int) -> np.ndarray:
    if backdrop.window is None:
        return np.array([0, 0, backdrop.image.shape[1], backdrop.image.shape[0]], np.float64)
    return backdrop.window[frame]


def _texels_per_pixel(backdrop: scene.Backdrop, camera: scene.Camera) -> float:
    """Distance of neighbouring pixels on the image, in its own, halfway through the clip."""
    frame = len(camera.intrinsics) // 2
    if backdrop.panorama:
        return backdrop.image.shape[1] / (2 * math.pi * camera.intrinsics[frame, 0, 0])
    left, _, right, _ = _window(backdrop, frame)
    return abs(right - left) / camera.size[1]


@kernel
def _paint_panorama(image, matrix, covered, out):
    height, width = image.shape[:2]
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            if covered[row, column] >= COVERED:
                continue
            p, q = column + 0.5, row + 0.5
            x = matrix[0, 0] * p + matrix[0, 1] * q + matrix[0, 2]
            y = matrix[1, 0] * p + matrix[1, 1] * q + matrix[1, 2]
            z = matrix[2, 0] * p + matrix[2, 1] * q + matrix[2, 2]
            u = (0.5 + math.atan2(x, -z) / (2 * math.pi)) * width
            v = (0.5 - math.atan2(y, math.sqrt(x * x + z * z)) / math.pi) * height
            out[row, column, 0], out[row, column, 1], out[row, column, 2] = _between(
                image, u, v, True
            )


@kernel
def _paint_flat(image, matrix, covered, out):
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            if covered[row, column] >= COVERED:
                continue
            u = matrix[0, 0] * (column + 0.5) + matrix[0, 2]
            v = matrix[1, 1] * (row + 0.5) + matrix[1, 2]
            red, green, blue = _between(image, u, v, False)
            out[row, column, 0], out[row, column, 1], out[row, column, 2] = red, green, blue


@kernel
def _between(image, u, v, wrap):
    """Bilinear RGB; columns wrap or, like rows, repeat at the edge."""
    height, width = image.shape[:2]
    left, top = math.floor(u - 0.5), math.floor(v - 0.5)
    x, y = np.float32(u - 0.5 - left), np.float32(v - 0.5 - top)
    right, bottom = left + 1, min(max(top + 1, 0), height - 1)
    top = min(max(top, 0), height - 1)
    if wrap:
        # At most once around: u is within the image.
        left, right = left + width if left < 0 else left, right - width if right >= width else right
    else:
        left, right = min(max(left, 0), width - 1), min(max(right, 0), width - 1)
    wd = x * y
    wb, wc = x - wd, y - wd
    wa = np.float32(1.0) - wb - wc - wd
    red = image[top, left, 0] * wa + image[top, right, 0] * wb
    green = image[top, left, 1] * wa + image[top, right, 1] * wb
    blue = image[top, left, 2] * wa + image[top, right, 2] * wb
    red += image[bottom, left, 0] * wc + image[bottom, right, 0] * wd
    green += image[bottom, left, 1] * wc + image[bottom, right, 1] * wd
    blue += image[bottom, left, 2] * wc + image[bottom, right, 2] * wd
    return red, green, blue

"""Camera geometry and closed-form alignments.

The camera frame is OpenCV's (x right, y down, z forward, metres) and pixel centres lie at +0.5, so
the pixel in column i and row j is seen along the image point (i + 0.5, j + 0.5). An intrinsic
matrix is [[fx, skew, cx], [0, fy, cy], [0, 0, 1]] in pixels.

The two alignments at the end take JAX and NumPy arrays alike and compute in the dtype they are
given: losses run them in float32 under `jit`, metrics in float64 on the host.
"""

from typing import TypeVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from thfm_jax.types import Array

AnyArray = TypeVar("AnyArray", Array, np.ndarray)


def project(
    points: Float[Array, "*#B 3"], intrinsics: Float[Array, "*#B 3 3"]
) -> Float[Array, "*B 2"]:
    """Image points (x, y) in pixels of camera-frame points; meaningless where z <= 0."""
    x, y, z = jnp.moveaxis(points, -1, 0)
    homogeneous = jnp.stack([x / z, y / z, jnp.ones_like(z)], axis=-1)
    return jnp.sum(intrinsics[..., :2, :] * homogeneous[..., None, :], axis=-1)


def unproject(
    xy: Float[Array, "*#B 2"], depth: Float[Array, "*#B"], intrinsics: Float[Array, "*#B 3 3"]
) -> Float[Array, "*B 3"]:
    """Camera-frame points at z = `depth` that `project` takes to the image points `xy`."""
    fx, skew, cx = jnp.moveaxis(intrinsics[..., 0, :], -1, 0)
    fy, cy = intrinsics[..., 1, 1], intrinsics[..., 1, 2]
    y = (xy[..., 1] - cy) / fy
    x = (xy[..., 0] - cx - skew * y) / fx
    x, y, depth = jnp.broadcast_arrays(x * depth, y * depth, depth)
    return jnp.stack([x, y, depth], axis=-1)


def pixel_centres(height: int, width: int) -> Float[Array, "{height} {width} 2"]:
    """Image points (x, y) of all pixel centres."""
    x, y = jnp.meshgrid(jnp.arange(width) + 0.5, jnp.arange(height) + 0.5)
    return jnp.stack([x, y], axis=-1)


def depth_to_points(
    depth: Float[Array, "*B H W"], intrinsics: Float[Array, "*B 3 3"]
) -> Float[Array, "*B H W 3"]:
    """Camera-frame points seen by the pixels of a metric z-depth map; NaN where the depth is."""
    height, width = depth.shape[-2:]
    return unproject(pixel_centres(height, width), depth, intrinsics[..., None, None, :, :])


def points_to_normals(points: Float[Array, "*B H W 3"]) -> Float[Array, "*B H W 3"]:
    """Unit normals of a map of camera-frame points, in OpenCV axes, towards the camera.

    Central differences, one-sided at the border of the image, which needs 2 pixels each way. NaN
    where a pixel of the difference is NaN; zero where the surface degenerates to a line.
    """
    down, right = jnp.gradient(points, axis=(-3, -2))
    normals = jnp.cross(down, right)
    length = jnp.linalg.norm(normals, axis=-1, keepdims=True)
    return normals / jnp.where(length == 0, 1, length)


def depth_to_normals(
    depth: Float[Array, "*B H W"], intrinsics: Float[Array, "*B 3 3"]
) -> Float[Array, "*B H W 3"]:
    """Unit normals of a metric z-depth map, in OpenCV axes: see `points_to_normals`."""
    return points_to_normals(depth_to_points(depth, intrinsics))


def opencv_to_viewer(vectors: Float[Array, "*B 3"]) -> Float[Array, "*B 3"]:
    """The same vectors with x right, y up, z towards the viewer: half a turn about x.

    Its own inverse, so it also takes viewer axes back to OpenCV's.
    """
    return vectors * jnp.array([1, -1, -1], vectors.dtype)


def fit_scale_shift(
    source: Float[AnyArray, "..."],
    target: Float[AnyArray, "..."],
    weight: Float[AnyArray, "..."],
    axis: tuple[int, ...],
) -> tuple[Float[AnyArray, "..."], Float[AnyArray, "..."]]:
    """(scale, shift) that minimise the sum of weight * (scale * source + shift - target)^2.

    Args:
      source, target, weight: arrays of one shape. What has weight 0 may hold NaN.
      axis: the axes that share one fit; they stay in the result with size 1.

    Returns:
      scale and shift. Scale is 0 where the source is constant, both are 0 where no weight is
      positive. The scale may be negative.
    """
    xp = source.__array_namespace__()
    source, target = (xp.where(weight > 0, values, 0) for values in (source, target))
    total = xp.sum(weight, axis=axis, keepdims=True)
    share = weight / xp.where(total > 0, total, 1)
    source_mean = xp.sum(share * source, axis=axis, keepdims=True)
    target_mean = xp.sum(share * target, axis=axis, keepdims=True)
    spread = source - source_mean
    variance = xp.sum(share * spread**2, axis=axis, keepdims=True)
    covariance = xp.sum(share * spread * (target - target_mean), axis=axis, keepdims=True)
    # Rounding leaves a constant source with a variance of the order of (eps * mean)^2.
    varies = variance > (8 * xp.finfo(source.dtype).eps * source_mean) ** 2
    scale = xp.where(varies, covariance / xp.where(varies, variance, 1), 0)
    return scale, target_mean - scale * source_mean


def fit_similarity(
    source: Float[AnyArray, "*B N D"],
    target: Float[AnyArray, "*B N D"],
    weight: Float[AnyArray, "*B N"],
) -> tuple[Float[AnyArray, "*B"], Float[AnyArray, "*B D D"], Float[AnyArray, "*B D"]]:
    """(scale, rotation, translation) of the least-squares similarity from source to target.

    Minimises the sum of weight * |scale * rotation @ source + translation - target|^2 over proper
    rotations, so never mirrors (Umeyama, "Least-squares estimation of transformation parameters
    between two point patterns", 1991). Points of weight 0 may hold NaN. Scale is 0 where all source
    points coincide.
    """
    xp = source.__array_namespace__()
    column = weight[..., None]
    source, target = (xp.where(column > 0, points, 0) for points in (source, target))
    total = xp.sum(column, axis=-2, keepdims=True)
    share = column / xp.where(total > 0, total, 1)
    source_mean = xp.sum(share * source, axis=-2, keepdims=True)
    target_mean = xp.sum(share * target, axis=-2, keepdims=True)
    spread = source - source_mean
    covariance = xp.matrix_transpose(share * (target - target_mean)) @ spread
    left, singular, right = xp.linalg.svd(covariance)
    mirrored = xp.where(xp.linalg.det(left @ right) < 0, -1, 1)[..., None]
    signs = xp.concat([xp.ones_like(singular[..., 1:]), mirrored.astype(singular.dtype)], axis=-1)
    rotation = left @ (signs[..., None] * right)
    variance = xp.sum(share * spread**2, axis=(-2, -1))
    scale = xp.sum(singular * signs, axis=-1) / xp.where(variance > 0, variance, 1)
    moved = scale[..., None] * xp.sum(rotation * source_mean, axis=-1)
    # NumPy's sums over all axes are no arrays.
    return xp.asarray(scale), rotation, target_mean[..., 0, :] - moved

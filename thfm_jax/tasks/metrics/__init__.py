"""Metric formulas, in NumPy and float64.

`mask` is True where there is a label. A frame without any label does not count, and a metric
without any frame is NaN. Predictions must be finite wherever a label is: dropping the pixels that a
model leaves out would flatter it.

What is named `..._errors` or `..._scores` and returns arrays has one number per frame, joint or
pixel, for tallies; what returns numbers is their mean. `matching` and `similarity`, which compare
detections, are modules of their own: they need Numba.
"""

from thfm_jax.tasks.metrics.common import frame_means, known_mean, labelled
from thfm_jax.tasks.metrics.depth import (
    align_depth,
    depth_errors,
    depth_scores,
    least_squares,
    median_spread,
)
from thfm_jax.tasks.metrics.matting import (
    matte_connectivity_errors,
    matte_dtssd,
    matte_errors,
    matte_gradient_errors,
    matte_scores,
)
from thfm_jax.tasks.metrics.normals import LIMITS_DEG, angles_deg, normal_angles, normal_errors
from thfm_jax.tasks.metrics.points import (
    canonical_errors,
    correct_points,
    head_size,
    pck,
    pckh,
    person_size,
    point_errors,
)
from thfm_jax.tasks.metrics.pose import (
    acceleration_error,
    acceleration_errors,
    fits_similarity,
    mpjpe,
    n_mpjpe,
    pa_mpjpe,
    position_errors,
    rooted,
    scale_aligned,
    similarity_aligned,
)
from thfm_jax.tasks.metrics.temporal import change_errors, jitters, resting_changes
from thfm_jax.tasks.metrics.world import path_errors, run_aligned

__all__ = [
    "LIMITS_DEG",
    "acceleration_error",
    "acceleration_errors",
    "align_depth",
    "angles_deg",
    "canonical_errors",
    "change_errors",
    "correct_points",
    "depth_errors",
    "depth_scores",
    "fits_similarity",
    "frame_means",
    "head_size",
    "jitters",
    "known_mean",
    "labelled",
    "least_squares",
    "matte_connectivity_errors",
    "matte_dtssd",
    "matte_errors",
    "matte_gradient_errors",
    "matte_scores",
    "median_spread",
    "mpjpe",
    "n_mpjpe",
    "normal_angles",
    "normal_errors",
    "pa_mpjpe",
    "path_errors",
    "pck",
    "pckh",
    "person_size",
    "point_errors",
    "position_errors",
    "resting_changes",
    "rooted",
    "run_aligned",
    "scale_aligned",
    "similarity_aligned",
]

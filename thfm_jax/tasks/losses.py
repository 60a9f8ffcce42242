"""Loss formulas that several tasks share. What has weight 0 has no effect, NaN included."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Float

from thfm_jax.ops.geometry import fit_scale_shift
from thfm_jax.tasks.spec import Loss, Parts
from thfm_jax.types import Array

# A thousandth of the frame in 2-D, a millimetre in 3-D: no label is better than that, and without a
# floor a joint that the model knows well would outweigh all others.
MIN_LAPLACE_SCALE = 1e-3

_PYRAMID_LEVELS = 5
_BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


def masked_mean(
    value: Float[Array, "*B"], weight: Float[Array, "*#B"], axis: tuple[int, ...] | None = None
) -> Float[Array, "..."]:
    """Weighted mean of `value` over `axis` (all axes by default); 0 where no weight is positive."""
    weight = jnp.broadcast_to(weight, value.shape)
    total = jnp.sum(weight, axis=axis)
    summed = jnp.sum(jnp.where(weight > 0, weight * value, 0), axis=axis)
    return summed / jnp.where(total > 0, total, 1)


def difference(
    prediction: Float[Array, "*B"], target: Float[Array, "*#B"], weight: Float[Array, "*#B"]
) -> Float[Array, "*B"]:
    """prediction - target, and 0 with a zero gradient where the weight is 0."""
    # Both are cleared before they meet: the gradient of where(w, nan - x, 0) would be NaN.
    prediction, target = (jnp.where(weight > 0, side, 0) for side in (prediction, target))
    return prediction - target


def latent_loss(
    prediction: Float[Array, "B Tz Hz Wz Z"],
    target: Float[Array, "B Tz Hz Wz Z"],
    weight: Float[Array, "B Tz Hz Wz"] | None = None,
) -> Loss:
    """Mean squared error plus half the L1 error of the differences along t, h and w.

    The loss of the first training stage, on standardised latents: DVD
    train_with_accelerate_video.py and training_loss.py::GradientLoss3DSeparate with p = 1. An axis
    of length 1 has no differences and counts 0.

    Args:
      prediction, target: float32 latents.
      weight: of each latent position; a difference weighs as much as its lighter end. None for 1.
    """
    if weight is None:
        weight = jnp.ones(prediction.shape[:-1], prediction.dtype)
    weight = weight[..., None]
    error = difference(prediction, target, weight)
    parts = {"mse": masked_mean(error**2, weight)}
    for name, axis in (("gradient_t", 1), ("gradient_h", 2), ("gradient_w", 3)):
        length = error.shape[axis]
        first, second = (
            jax.lax.slice_in_dim(weight, start, length - 1 + start, axis=axis) for start in (0, 1)
        )
        steps = jnp.abs(jnp.diff(error, axis=axis))
        parts[name] = 0.5 * masked_mean(steps, jnp.minimum(first, second))
    return sum_parts(parts)


def sum_parts(parts: Parts) -> Loss:
    """(sum of the parts, the parts)."""
    return jnp.sum(jnp.stack(list(parts.values()))), parts


def scale_shift_invariant_l1(
    prediction: Float[Array, "*B T H W"],
    target: Float[Array, "*B T H W"],
    weight: Float[Array, "*B T H W"],
) -> Float[Array, ""]:
    """Mean of |a * prediction + b - target| with each clip's least-squares a and b.

    The gradient runs through the fit (E2E-FT util/loss.py). A mirrored prediction, a < 0, costs
    nothing here: the latent loss and depth's plain one settle which way it grows.
    """
    scale, shift = fit_scale_shift(prediction, target, weight, axis=(-3, -2, -1))
    return masked_mean(jnp.abs(difference(scale * prediction + shift, target, weight)), weight)


def cosine_distance(
    prediction: Float[Array, "*B 3"], target: Float[Array, "*B 3"], weight: Float[Array, "*B"]
) -> Float[Array, ""]:
    """Mean of 1 - cos of the angle between predictions of any length and unit targets, in [0, 2].

    A prediction of length 0 has no direction and counts 1.
    """
    target = jnp.where(weight[..., None] > 0, target, 0)
    squared = jnp.sum(prediction**2, axis=-1)
    # Below a length of 1e-3 the cosine is taken to shrink with it, which bounds its gradient.
    cosine = jnp.sum(prediction * target, axis=-1) * jax.lax.rsqrt(jnp.maximum(squared, 1e-6))
    return masked_mean(1 - cosine, weight)


def laplacian_pyramid(
    prediction: Float[Array, "*B H W"],
    target: Float[Array, "*B H W"],
    weight: Float[Array, "*B H W"],
) -> Float[Array, ""]:
    """Sum over five octaves of 2^level times the mean |difference| in that octave.

    An octave is an image minus its own blur, the next level every second pixel of the blur: fine
    structure such as hair counts at the fine levels, and a constant offset not at all. The blur is
    the 5-tap binomial with the border pixel repeated.
    """
    level = difference(prediction, target, weight)
    loss = jnp.zeros((), level.dtype)
    for octave in range(_PYRAMID_LEVELS):
        blurred = _blur(_blur(level, axis=-1), axis=-2)
        loss += 2**octave * masked_mean(jnp.abs(level - blurred), weight)
        level, weight = blurred[..., ::2, ::2], weight[..., ::2, ::2]
    return loss


def _blur(image: Float[Array, "*B H W"], axis: int) -> Float[Array, "*B H W"]:
    length = image.shape[axis]
    pad = [(0, 0)] * image.ndim
    pad[axis] = (2, 2)
    padded = jnp.pad(image, pad, mode="edge")
    taps = (
        tap * jax.lax.slice_in_dim(padded, start, start + length, axis=image.ndim + axis)
        for start, tap in enumerate(_BINOMIAL)
    )
    return sum(taps, jnp.zeros_like(image))


def laplace(
    prediction: Float[Array, "*B T K C"],
    target: Float[Array, "*B T K C"],
    log_scale: Float[Array, "*B T K"],
    weight: Float[Array, "*B T K"],
) -> Parts:
    """L1 of joints and of their velocity, in units of the root of a learned Laplace scale.

    position: |error| / sqrt(b), with |error| averaged over the C coordinates and
    b = exp(log_scale) + `MIN_LAPLACE_SCALE`.
    velocity: |error's change from frame to frame| / sqrt(b), with the larger b of the two frames.
    scale: |error| / b + log b, least where b is |error|, at log|error| + 1.

    What one part learns is held fixed in the others. The likelihood of Kendall and Gal ("What
    uncertainties do we need in Bayesian deep learning for computer vision?", 2017) has 1 / b in
    place of 1 / sqrt(b): its gradient grows without limit as joints are learned, until the trunk
    learns nothing else (docs/decisions.md). The root is Seitzer et al., "On the pitfalls of
    heteroscedastic uncertainty estimation with probabilistic neural networks", 2022, with beta 1/2.
    """
    hold = jax.lax.stop_gradient
    error = difference(prediction, target, weight[..., None])
    distance = jnp.mean(jnp.abs(error), axis=-1)
    log_scale = jnp.logaddexp(log_scale, math.log(MIN_LAPLACE_SCALE))
    unit = hold(jnp.exp(-0.5 * log_scale))
    change = jnp.mean(jnp.abs(jnp.diff(error, axis=-3)), axis=-1)
    velocity = jnp.minimum(unit[..., 1:, :], unit[..., :-1, :]) * change
    both = jnp.minimum(weight[..., 1:, :], weight[..., :-1, :])
    return {
        "position": masked_mean(unit * distance, weight),
        "velocity": masked_mean(velocity, both),
        "scale": masked_mean(hold(distance) * jnp.exp(-log_scale) + log_scale, weight),
    }

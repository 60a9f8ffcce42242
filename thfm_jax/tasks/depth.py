"""Depth: how far the person's surface is from the camera, up to one scale and shift per clip.

Metric z is coded linearly, since scores align depth linearly: the clip's 0.5 % and 99.5 %
quantiles over the foreground become -1 and 1, what lies beyond is clipped, and the background is as
far as the code goes. Three equal channels make it an RGB video for the VAE.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from thfm_jax.tasks import losses, metrics
from thfm_jax.tasks.spec import Loss, Mask, TaskSpec, is_foreground, weights
from thfm_jax.types import Array, Target

QUANTILES = (0.005, 0.995)
BACKGROUND = 1.0

# Of the loss that sees scale and shift, beside the one that does not.
_RANGE_SHARE = 0.1

# A flat or nearly flat clip is coded as if it were this deep, with its surface in the middle.
MIN_RANGE_M = 1e-3


def depth_range(value: Float[Array, "*B T H W 1"], mask: Mask) -> Float[Array, "*B 2"]:
    """Each clip's (near, far) in metres, which code to -1 and 1; (0, 1) without a foreground."""
    foreground = weights(value, mask) > 0
    depth = jnp.where(foreground, value[..., 0], jnp.nan)
    near, far = jnp.nanquantile(depth, jnp.array(QUANTILES), axis=(-3, -2, -1))
    middle, half = (near + far) / 2, jnp.maximum((far - near) / 2, MIN_RANGE_M / 2)
    limits = jnp.stack([middle - half, middle + half], axis=-1)
    return jnp.where(jnp.isnan(limits), jnp.array([0.0, 1.0]), limits)


def encode(value: Float[Array, "*B T H W 1"], mask: Mask) -> Float[Array, "*B T H W 3"]:
    """Depth in three equal channels in [-1, 1], `BACKGROUND` where the mask is 0."""
    foreground = weights(value, mask) > 0
    near, far = jnp.moveaxis(depth_range(value, mask)[..., None, None, None, :], -1, 0)
    depth = jnp.where(foreground, value[..., 0], far)
    code = jnp.clip(2 * (depth - near) / (far - near) - 1, -1, 1)
    code = jnp.where(foreground, code, BACKGROUND)
    return jnp.broadcast_to(code[..., None], (*code.shape, 3))


def decode(
    raw: Float[Array, "*B H W 3"],
    foreground: Mask | None = None,
) -> Float[Array, "*B H W"]:
    """Affine-invariant depth in [0, 1]: 0 nearest, 1 farthest; NaN outside `foreground` if given.

    `foreground` [*B, H, W] is a mask, or a matte that is cut at one half.
    """
    depth = jnp.clip((jnp.mean(raw, axis=-1) + 1) / 2, 0, 1)
    return depth if foreground is None else jnp.where(is_foreground(foreground), depth, jnp.nan)


def to_metres(
    depth: Float[Array, "*B T H W"], limits: Float[Array, "*B 2"]
) -> Float[Array, "*B T H W"]:
    """z in metres of decoded depth whose `depth_range` is known."""
    near, far = jnp.moveaxis(limits[..., None, None, None, :], -1, 0)
    return near + (far - near) * depth


def loss(prediction: Float[Array, "*B T H W 3"], target: Target) -> Loss:
    """L1 on the foreground, in the unit of the code: invariant to scale and shift, and plain.

    The plain one, a tenth, keeps predictions in the range that `decode` does not clip, and their
    sense.
    """
    code = encode(target.value, target.mask)[..., 0]
    weight = weights(target.value, target.mask)
    depth = jnp.mean(prediction, axis=-1)
    plain = losses.masked_mean(jnp.abs(losses.difference(depth, code, weight)), weight)
    parts = {
        "l1": losses.scale_shift_invariant_l1(depth, code, weight),
        "range": _RANGE_SHARE * plain,
    }
    return losses.sum_parts(parts)


def evaluate(
    prediction: Float[np.ndarray, "T H W"],
    truth: Float[np.ndarray, "T H W"],
    mask: Bool[np.ndarray, "T H W"],
) -> dict[str, float]:
    """`metrics.depth_errors` as image_rmse_m, clip_rmse_m and so on: by the unit of alignment."""
    return {
        f"{align}_{name}": error
        for align in ("image", "clip")
        for name, error in metrics.depth_errors(prediction, truth, mask, align).items()
    }


SPEC = TaskSpec(
    name="depth",
    kind="dense",
    prompt="depth",
    paraphrases=(
        "depth map",
        "depth of the person",
        "distance from the camera",
        "how far away the person is",
        "estimate the depth",
    ),
    target="z in metres [*B, T, H, W, 1]; the mask is the foreground",
    unit="none: affine-invariant, one scale and shift per clip",
    frame="camera, along its axis, growing away from it",
    channels="[*B, T, H, W], 0 nearest to 1 farthest",
    encode=encode,
    decode=decode,
    loss=loss,
    metrics=evaluate,
)

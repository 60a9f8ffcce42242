"""Matte: how much of each pixel the person covers."""

import jax.numpy as jnp
from jaxtyping import Float

from thfm_jax.tasks import losses, metrics
from thfm_jax.tasks.spec import Loss, Mask, TaskSpec, weights
from thfm_jax.types import Array, Target


def encode(value: Float[Array, "*B T H W 1"], mask: Mask) -> Float[Array, "*B T H W 3"]:
    """Alpha in [0, 1] as three equal channels in [-1, 1]; -1 where the mask is 0."""
    alpha = jnp.where(weights(value, mask)[..., None] > 0, value, 0)
    return jnp.broadcast_to(2 * alpha - 1, (*alpha.shape[:-1], 3))


def decode(
    raw: Float[Array, "*B H W 3"],
    foreground: Mask | None = None,
) -> Float[Array, "*B H W"]:
    """Alpha in [0, 1]. The matte is the foreground, so `foreground` changes nothing."""
    del foreground
    return jnp.clip((jnp.mean(raw, axis=-1) + 1) / 2, 0, 1)


def loss(prediction: Float[Array, "*B T H W 3"], target: Target) -> Loss:
    """L1 and Laplacian pyramid of alpha, where it is labelled."""
    weight = weights(target.value, target.mask)
    alpha, true = (jnp.mean(prediction, axis=-1) + 1) / 2, target.value[..., 0]
    error = jnp.abs(losses.difference(alpha, true, weight))
    return losses.sum_parts(
        {
            "l1": losses.masked_mean(error, weight),
            "laplacian": losses.laplacian_pyramid(alpha, true, weight),
        }
    )


SPEC = TaskSpec(
    name="matte",
    kind="dense",
    prompt="foreground matte",
    paraphrases=(
        "alpha matte",
        "matte of the person",
        "soft foreground segmentation",
        "cut the person out",
        "separate the person from the background",
    ),
    target="alpha in [0, 1] [*B, T, H, W, 1]; the mask is where it is labelled",
    unit="none: share of the pixel",
    frame="image",
    channels="[*B, T, H, W], 0 background to 1 person",
    encode=encode,
    decode=decode,
    loss=loss,
    metrics=metrics.matte_errors,
)

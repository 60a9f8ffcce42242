"""2-D keypoints: where each joint appears in the image, and whether it can be seen there.

Image points are pixels of the frame with pixel centres at +0.5. The model works on shares of the
frame's width and height, so that its numbers do not depend on the resolution.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Bool, Float

from thfm_jax.tasks import losses, metrics
from thfm_jax.tasks.spec import Loss, Mask, TaskSpec, weights
from thfm_jax.types import Array, Target

ALPHAS = (0.05, 0.1, 0.2)


def encode(
    value: Float[Array, "*B T K 3"],
    mask: Mask,
    size: tuple[int, int],
) -> Float[Array, "*B T K 3"]:
    """(x, y, confidence): shares of the frame, and 1 for a joint inside it that is visible, else 0.

    Zero where the mask is 0.
    """
    height, width = size
    value = jnp.where(weights(value, mask)[..., None] > 0, value, 0)
    xy = value[..., :2] / jnp.array([width, height], value.dtype)
    inside = jnp.all((xy >= 0) & (xy < 1), axis=-1)
    return jnp.concatenate([xy, (inside * value[..., 2])[..., None]], axis=-1)


def decode(raw: Float[Array, "*B K 8"], size: tuple[int, int]) -> Float[Array, "*B K 3"]:
    """(x, y, confidence) with x, y in pixels of a frame of that (height, width)."""
    height, width = size
    xy = raw[..., :2] * jnp.array([width, height], raw.dtype)
    return jnp.concatenate([xy, jax.nn.sigmoid(raw[..., 2:3])], axis=-1)


def loss(raw: Float[Array, "*B T K 8"], target: Target, size: tuple[int, int]) -> Loss:
    """`losses.laplace` of x and y, and cross-entropy of the confidence."""
    weight = weights(target.value, target.mask)
    code = encode(target.value, target.mask, size)
    parts = losses.laplace(raw[..., :2], code[..., :2], raw[..., 6], weight)
    entropy = optax.sigmoid_binary_cross_entropy(raw[..., 2], code[..., 2])
    return losses.sum_parts({**parts, "confidence": losses.masked_mean(entropy, weight)})


def pointing_loss(
    pointing: Float[Array, "*B T K Hp Wp"], target: Target, size: tuple[int, int]
) -> Float[Array, ""]:
    """Cross-entropy of the weights that joints give to patches, of joints inside the frame.

    The truth are the bilinear weights of the four patches whose centres are nearest, whose mean is
    the joint. `losses.laplace` asks that mean to be right, which many weights are; this asks for
    the patches themselves, and is learned from far fewer pictures.

    Args:
      pointing: logarithms of the weights, see `types.ModelOutput`.
      target, size: as of the task.
    """
    code = encode(target.value, target.mask, size)
    inside = jnp.all((code[..., :2] >= 0) & (code[..., :2] < 1), axis=-1)
    rows, columns = (
        _tent(code[..., axis], pointing.shape[place]) for axis, place in ((1, -2), (0, -1))
    )
    entropy = -jnp.sum(rows[..., :, None] * columns[..., None, :] * pointing, axis=(-2, -1))
    return losses.masked_mean(entropy, weights(target.value, target.mask) * inside)


def _tent(share: Float[Array, "*B"], patches: int) -> Float[Array, "*B patches"]:
    """Linear weights of the two patches of an axis whose centres are nearest."""
    place = jnp.clip(share * patches - 0.5, 0, patches - 1)
    return jnp.maximum(1 - jnp.abs(place[..., None] - jnp.arange(patches)), 0)


def evaluate(
    prediction: Float[np.ndarray, "T K C"],
    truth: Float[np.ndarray, "T K C"],
    mask: Bool[np.ndarray, "T K"],
) -> dict[str, float]:
    """pck@0.05, pck@0.1, pck@0.2 of the box round the labelled joints, and error_px, their mean.

    Confidence and visibility, channels after x and y, do not count: an occluded joint with a label
    is scored like any other.
    """
    prediction, truth = prediction[..., :2], truth[..., :2]
    size = metrics.person_size(truth, mask)
    shares = {f"pck@{a}": metrics.pck(prediction, truth, mask, size, a) for a in ALPHAS}
    return {**shares, "error_px": metrics.mpjpe(prediction, truth, mask)}


SPEC = TaskSpec(
    name="keypoints2d",
    kind="sparse",
    prompt="2d keypoints",
    paraphrases=(
        "2d pose",
        "2d joints of the person",
        "keypoints in the image",
        "where the joints are in the picture",
        "estimate the 2d pose",
    ),
    target="x, y in pixels and visibility in [0, 1] [*B, T, K, 3]; the mask is what is labelled",
    unit="pixels",
    frame="image, x right, y down, origin at its top left corner, pixel centres at +0.5",
    channels="[*B, T, K, 3], x, y, confidence in [0, 1]",
    encode=encode,
    decode=decode,
    loss=loss,
    metrics=evaluate,
)

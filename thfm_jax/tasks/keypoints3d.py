"""3-D keypoints: where each joint is in space, relative to the middle of the hips.

Metres along the camera's axes, so a body turned to the left looks so whatever the camera does. How
far the person is from the camera is not predicted.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from thfm_jax.joints import ROOT
from thfm_jax.tasks import losses, metrics
from thfm_jax.tasks.spec import Loss, Mask, TaskSpec, weights
from thfm_jax.types import Array, Target


def encode(
    value: Float[Array, "*B T K 3"],
    mask: Mask,
    size: tuple[int, int],
) -> Float[Array, "*B T K 3"]:
    """Positions relative to the root joint, 0 where the mask is 0 or the root's is.

    `value` may be relative to anything. `size` changes nothing: metres are no pixels.
    """
    del size
    known = _weights(value, mask)[..., None] > 0
    value = jnp.where(known, value, 0)
    return jnp.where(known, value - value[..., ROOT : ROOT + 1, :], 0)


def _weights(value: Float[Array, "*B T K 3"], mask: Mask) -> Float[Array, "*B T K"]:
    """The weights of the mask, and 0 in frames whose root has none."""
    weight = weights(value, mask)
    return weight * (weight[..., ROOT : ROOT + 1] > 0)


def decode(raw: Float[Array, "*B K 8"], size: tuple[int, int]) -> Float[Array, "*B K 3"]:
    """Positions in metres with the root joint at 0. `size` changes nothing."""
    del size
    points = raw[..., 3:6]
    return points - points[..., ROOT : ROOT + 1, :]


def loss(raw: Float[Array, "*B T K 8"], target: Target, size: tuple[int, int]) -> Loss:
    """`losses.laplace` of X, Y and Z."""
    code = encode(target.value, target.mask, size)
    weight = _weights(target.value, target.mask)
    return losses.sum_parts(losses.laplace(raw[..., 3:6], code, raw[..., 7], weight))


def evaluate(
    prediction: Float[np.ndarray, "T K 3"],
    truth: Float[np.ndarray, "T K 3"],
    mask: Bool[np.ndarray, "T K"],
) -> dict[str, float]:
    """mpjpe_mm, n_mpjpe_mm, pa_mpjpe_mm in millimetres, acceleration_mm in mm per frame squared.

    The first two are relative to the root joint, and frames without a label for it do not count.
    """
    prediction, truth, mask = metrics.labelled(prediction, truth, mask)
    anchored = mask & mask[:, ROOT : ROOT + 1]
    pair = (metrics.rooted(prediction, (ROOT,)), metrics.rooted(truth, (ROOT,)))
    return {
        "mpjpe_mm": 1e3 * metrics.mpjpe(*pair, anchored),
        "n_mpjpe_mm": 1e3 * metrics.n_mpjpe(*pair, anchored),
        "pa_mpjpe_mm": 1e3 * metrics.pa_mpjpe(prediction, truth, mask),
        "acceleration_mm": 1e3 * metrics.acceleration_error(prediction, truth, mask),
    }


SPEC = TaskSpec(
    name="keypoints3d",
    kind="sparse",
    prompt="3d keypoints",
    paraphrases=(
        "3d pose",
        "3d joints of the person",
        "keypoints in space",
        "where the joints are in space",
        "estimate the 3d pose",
    ),
    target="camera-frame metres relative to anything [*B, T, K, 3]; the mask is what is labelled",
    unit="metres",
    frame="OpenCV camera axes (x right, y down, z forward), origin in the middle of the hips",
    channels="[*B, T, K, 3], X, Y, Z",
    encode=encode,
    decode=decode,
    loss=loss,
    metrics=evaluate,
)

"""Surface normals: which way the person's surface faces, seen from the camera.

Unit vectors towards the camera with x right, y up and z towards the viewer, the convention of most
normal maps; `ops.geometry.opencv_to_viewer` takes vectors in camera axes there and back. A surface
that faces the camera is (0, 0, 1) and the background is (0, 0, 0).
"""

import jax.numpy as jnp
from jaxtyping import Float

from thfm_jax.tasks import losses, metrics
from thfm_jax.tasks.spec import Loss, Mask, TaskSpec, is_foreground, weights
from thfm_jax.types import Array, Target

# Shorter predictions have no direction that could be told from the background's noise.
MIN_LENGTH = 0.1


def encode(value: Float[Array, "*B T H W 3"], mask: Mask) -> Float[Array, "*B T H W 3"]:
    """The unit normals, as they are, and 0 where the mask is 0."""
    return jnp.where(weights(value, mask)[..., None] > 0, value, 0)


def decode(
    raw: Float[Array, "*B H W 3"],
    foreground: Mask | None = None,
) -> Float[Array, "*B H W 3"]:
    """Unit normals; 0 where `raw` is shorter than `MIN_LENGTH` or outside `foreground` if given.

    `foreground` [*B, H, W] is a mask, or a matte that is cut at one half.
    """
    length = jnp.linalg.norm(raw, axis=-1, keepdims=True)
    keep = length >= MIN_LENGTH
    if foreground is not None:
        keep = keep & is_foreground(foreground)[..., None]
    return jnp.where(keep, raw / jnp.where(keep, length, 1), 0)


def loss(prediction: Float[Array, "*B T H W 3"], target: Target) -> Loss:
    """Mean of 1 - cos of the angular error on the foreground."""
    weight = weights(target.value, target.mask)
    return losses.sum_parts({"cosine": losses.cosine_distance(prediction, target.value, weight)})


SPEC = TaskSpec(
    name="normals",
    kind="dense",
    prompt="surface normals",
    paraphrases=(
        "normal map",
        "normals of the person",
        "surface orientation",
        "which way the surface faces",
        "estimate the surface normals",
    ),
    target="unit normals in viewer axes [*B, T, H, W, 3]; the mask is the foreground",
    unit="none: unit vectors",
    frame="camera, x right, y up, z towards the viewer; pointing towards the camera",
    channels="[*B, T, H, W, 3], x y z in [-1, 1], 0 on the background",
    encode=encode,
    decode=decode,
    loss=loss,
    metrics=metrics.normal_errors,
)

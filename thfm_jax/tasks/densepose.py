"""Dense pose: which point of the body each pixel shows.

The answer is the point's position on a template body at rest, in metres: x to the body's left, y
up, z to its front, the origin in the middle of its height and width. The template is a standing
person about 1.7 m tall with arms held out or half down: x and y stay within 0.9 m of the origin in
either pose, and z, a body's thickness, between -0.2 and 0.4 m. (MakeHuman's base mesh, arms half
down, fills x -0.50 to 0.50, y -0.82 to 0.85, z -0.10 to 0.32 m.)

The code is the position divided by `BOX_M`, the half side of a cube: the body uses [-0.9, 0.9] of
the channels. The background is the cube's corner (-1, -1, -1), black, at least 0.8 in z from
anything on the body. Unlike chart indices, positions are continuous over the body, so a VAE may
blur them.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import cKDTree

from thfm_jax.tasks import losses, metrics
from thfm_jax.tasks.spec import Loss, Mask, TaskSpec, is_foreground, weights
from thfm_jax.types import Array, Target

BOX_M = 1.0
USED = 0.9
BACKGROUND = -1.0


def encode(value: Float[Array, "*B T H W 3"], mask: Mask) -> Float[Array, "*B T H W 3"]:
    """Canonical positions in [-`USED`, `USED`], and `BACKGROUND` where the mask is 0."""
    code = jnp.clip(value / BOX_M, -USED, USED)
    return jnp.where(weights(value, mask)[..., None] > 0, code, BACKGROUND)


def decode(
    raw: Float[Array, "*B H W 3"],
    foreground: Mask | None = None,
) -> Float[Array, "*B H W 3"]:
    """Canonical positions in metres; NaN outside `foreground` if given.

    `foreground` [*B, H, W] is a mask, or a matte that is cut at one half; `on_body` makes one.
    """
    points = BOX_M * raw
    if foreground is None:
        return points
    return jnp.where(is_foreground(foreground)[..., None], points, jnp.nan)


def on_body(raw: Float[Array, "*B H W 3"]) -> Bool[Array, "*B H W"]:
    """True where z says body: half way from the background to the middle of its thickness."""
    return raw[..., 2] > BACKGROUND / 2


def loss(prediction: Float[Array, "*B T H W 3"], target: Target) -> Loss:
    """Mean absolute error of the code on the foreground."""
    weight = weights(target.value, target.mask)[..., None]
    code = encode(target.value, target.mask)
    error = jnp.abs(losses.difference(prediction, code, weight))
    return losses.sum_parts({"l1": losses.masked_mean(error, weight)})


def to_vertices(
    points: Float[np.ndarray, "*B 3"], vertices: Float[np.ndarray, "V 3"]
) -> Int[np.ndarray, "*B"]:
    """int32 index of the template vertex nearest to each canonical position; -1 where it is NaN.

    `vertices` are the template's at rest, in the canonical frame. Runs on the host.
    """
    points = np.asarray(points)
    valid = np.isfinite(points).all(axis=-1)
    nearest = np.full(points.shape[:-1], -1, np.int32)
    nearest[valid] = cKDTree(vertices).query(points[valid])[1]
    return nearest


def to_iuv(
    points: Float[np.ndarray, "*B 3"],
    vertices: Float[np.ndarray, "V 3"],
    iuv: Float[np.ndarray, "V 3"],
) -> Float[np.ndarray, "*B 3"]:
    """DensePose-style (I, U, V) of each canonical position: its nearest vertex's.

    Args:
      points: canonical positions in metres, NaN on the background.
      vertices: the template's vertices at rest, in the canonical frame.
      iuv: each vertex's part, 1 to 24 in DensePose, and its U, V in [0, 1] on that part's chart.

    Returns:
      float32; (0, 0, 0) on the background.
    """
    background = np.zeros((1, 3), np.float32)
    # Index -1, no vertex, picks the row that is added at the end.
    return np.concatenate([np.asarray(iuv, np.float32), background])[to_vertices(points, vertices)]


SPEC = TaskSpec(
    name="densepose",
    kind="dense",
    prompt="dense pose",
    paraphrases=(
        "dense correspondence",
        "body surface coordinates",
        "canonical position on the body",
        "which point of the body each pixel shows",
        "estimate the dense pose",
    ),
    target="canonical position in metres [*B, T, H, W, 3]; the mask is the foreground",
    unit="metres",
    frame="template at rest, x to its left, y up, z to its front",
    channels="[*B, T, H, W, 3], x y z in [-0.9, 0.9] on the body",
    encode=encode,
    decode=decode,
    loss=loss,
    metrics=metrics.canonical_errors,
)

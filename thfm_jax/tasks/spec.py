"""What a task is: its prompt, its units, and the pure functions between physical values and model.

Dense tasks are read from the decoded latent video, [*B, T, H, W, 3] in [-1, 1]. Sparse tasks are
read from the keypoint head's raw values, [*B, T, K, 8]:

    0, 1   x, y as shares of the frame's width and height, so [0, 1] inside the image
    2      logit of the confidence
    3-5    X, Y, Z in metres relative to the root joint, OpenCV camera axes
    6, 7   logarithm of the Laplace scale of x, y and of X, Y, Z

The functions of a dense task, with `Target` in the task's physical units:

    encode(value, mask) -> [*B, T, H, W, 3]       what the decoded video should be
    decode(raw, foreground=None) -> physical      its inverse; see each task for `foreground`
    loss(prediction, target) -> (scalar, parts)   of decoded video, in pixel space
    metrics(prediction, truth, mask) -> {name: float}

and of a sparse task, where `size` is the (height, width) in pixels of the labelled frames:

    encode(value, mask, size) -> [*B, T, K, 3]
    decode(raw, size) -> [*B, T, K, 3]
    loss(raw, target, size) -> (scalar, parts)
    metrics(prediction, truth, mask) -> {name: float}

All but `metrics` are JAX, differentiable and fit for `jit`; `parts` holds the scalar's summands.
`metrics` is NumPy in float64, for one clip, and takes what `decode` returns.
"""

import dataclasses
from collections.abc import Callable
from typing import Literal

import jax.numpy as jnp
from jaxtyping import Bool, Float

from thfm_jax.types import Array

# Masks and soft weights alike; what the shape may be stands where one is used.
Mask = Bool[Array, "..."] | Float[Array, "..."]
Parts = dict[str, Float[Array, ""]]
Loss = tuple[Float[Array, ""], Parts]


@dataclasses.dataclass(frozen=True)
class TaskSpec:
    """One task. The module's docstring gives the functions' signatures.

    Attributes:
      name: its key in `TASKS` and the stem of the files that hold its predictions.
      kind: "dense" or "sparse".
      prompt: the text that asks the model for it.
      paraphrases: other wordings that ask for the same, none of them equal to another task's.
      target: what `Target.value` and `Target.mask` hold.
      unit: of what `decode` returns.
      frame: frame of reference of what `decode` returns.
      channels: shape, channels and range of what `decode` returns.
    """

    name: str
    kind: Literal["dense", "sparse"]
    prompt: str
    paraphrases: tuple[str, ...]
    target: str
    unit: str
    frame: str
    channels: str
    encode: Callable[..., Array]
    decode: Callable[..., Array]
    loss: Callable[..., Loss]
    metrics: Callable[..., dict[str, float]]


def weights(value: Float[Array, "*B C"], mask: Mask) -> Float[Array, "*B"]:
    """The weight of each pixel or joint of a `Target`: its mask, right-padded and broadcast.

    A mask with a channel axis counts by its least channel.
    """
    padded = jnp.reshape(mask, mask.shape + (1,) * (value.ndim - mask.ndim))
    return jnp.min(jnp.broadcast_to(padded, value.shape), axis=-1).astype(value.dtype)


def is_foreground(mask: Mask) -> Bool[Array, "..."]:
    """True where a foreground mask is True or a matte's alpha exceeds one half."""
    return mask if mask.dtype == bool else mask > 0.5

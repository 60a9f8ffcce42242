"""The structs that cross a room's border: what goes into the model and what comes out.

Shape letters are the same everywhere: `B` batch, `T H W` frames and pixels, `C` channels,
`Tz Hz Wz Z` latent grid and channels, `Tp Hp Wp` patch grid with `N = Tp*Hp*Wp` video tokens,
`K` keypoints, `L` text tokens, `D` width, `heads` and `hd`. Channels are last. `*B` means any
leading batch axes, also none.

Image points are (x, y) in pixels with pixel centres at +0.5, so the top left corner of the image
is (0, 0) and its bottom right corner is (W, H). The camera frame is OpenCV's: x right, y down,
z forward, metres.
"""

from typing import Any

import flax.struct
import jax

Array = jax.Array
Pytree = Any


@flax.struct.dataclass
class Clip:
    """A piece of video in memory.

    Attributes:
      frames: [*B, T, H, W, 3] uint8, sRGB 0-255; without channels, [*B, T, H, W, 0], where a batch
        has latents in their place.
      fps: [*B] float32, frames per second.
      frame_mask: [*B, T] bool, True where the frame was recorded and False where it pads the clip;
        None means all True.
      intrinsics: [*B, T, 3, 3] float32 camera matrix in pixels, or None where unknown.
    """

    frames: Array
    fps: Array
    frame_mask: Array | None = None
    intrinsics: Array | None = None


@flax.struct.dataclass
class Target:
    """What a task is trained on, in the units of its `TaskSpec`.

    Attributes:
      value: float32, dense [*B, T, H, W, C] with C = 1 for depth and matte and 3 for normals and
        densepose, or sparse [*B, T, K, 3]: (x_px, y_px, visibility) for keypoints2d, camera-frame
        metres for keypoints3d.
      mask: bool or float32 weight, broadcastable to `value` after right-padding with ones.
    """

    value: Array
    mask: Array


@flax.struct.dataclass
class Latents:
    """What a fixed VAE makes of a batch, computed beforehand.

    Attributes:
      clip: [B, Tz, Hz, Wz, Z] float, standardised latents of the frames.
      targets: dense task -> the latents of its map as `value` [B, Tz, Hz, Wz, Z], and which clips
        have a label for it as `mask` [B] bool.
    """

    clip: Array
    targets: dict[str, Target]


@flax.struct.dataclass
class Batch:
    """A training batch.

    Attributes:
      clip: the input video.
      targets: task name -> `Target`; a task without labels is absent.
      latents: stands for the frames and the dense tasks' targets, which are absent then.
    """

    clip: Clip
    targets: dict[str, Target]
    latents: Latents | None = None


@flax.struct.dataclass
class Conditioning:
    """All that the trunk needs besides its tokens: constant for one (checkpoint, prompt) pair.

    The leading axis of the per-block arrays is the layer axis, since they are scanned.

    Attributes:
      modulation: [layers, B, 6, D] float32; shift, scale, gate of the self-attention, then of the
        FFN. Here and below B may be 1, for all.
      head_modulation: [B, 2, D] float32; shift, scale before the output projection.
      text_keys: [layers, B, L, heads, hd] in the compute dtype, normalised cross-attention keys.
      text_values: [layers, B, L, heads, hd] in the compute dtype.
      text_bias: [B, L] float32 added to the cross-attention logits: 0 for a text token, log(n) for
        one that stands for n equal padding tokens, -inf for one that stands for none; None means
        all 0.
    """

    modulation: Array
    head_modulation: Array
    text_keys: Array
    text_values: Array
    text_bias: Array | None


@flax.struct.dataclass
class ModelOutput:
    """Raw network values; `tasks/` turns them into physical quantities.

    Attributes:
      latents: [B, Tz, Hz, Wz, Z] float32, standardised latents of the dense map.
      sparse: [B, T, K, 8] float32, see `models/sparse.py` for the channels.
      dense: [B, T, H, W, 3] float32, the decoded latents, about in [-1, 1]; None where not decoded.
      pointing: [B, T, K, Hp, Wp] float32, logarithms of the weights that a joint gives to its
        frame's patches, to be learned; None where several tasks are asked for.
    """

    latents: Array
    sparse: Array
    dense: Array | None = None
    pointing: Array | None = None


@flax.struct.dataclass
class Predictions:
    """What the user gets, at the source's resolution and frame count.

    Attributes:
      values: task name -> float32 array in the unit of that task's `TaskSpec`:
        depth [T, H, W], normals [T, H, W, 3], matte [T, H, W], densepose [T, H, W, 3],
        keypoints2d [T, K, 3] as (x_px, y_px, confidence), keypoints3d [T, K, 3] in metres.
      fps: frames per second of the source.
      model: the model's name.
      trained: False when any weight that made these values is random.
    """

    values: dict[str, Any]
    fps: float = flax.struct.field(pytree_node=False, default=0.0)
    model: str = flax.struct.field(pytree_node=False, default="")
    trained: bool = flax.struct.field(pytree_node=False, default=False)

"""What the VAE learns, before the trunk: to give back clips and the maps of the dense tasks.

For a model from scratch; one that starts from Wan's weights keeps its VAE. A clip of a batch
becomes a row for its frames and one for each of the dense tasks drawn for it, so that the decoder
knows maps as well as pictures. The loss is that of Kingma and Welling, "Auto-encoding variational
Bayes", 2014, with the L1 of pixels and of their differences for the error, and little weight on
the divergence. The background of maps has little weight too: nobody looks at it, and its one value
would draw the few pixels of people towards itself.
"""

import dataclasses
from collections.abc import Iterable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from thfm_jax import sharding
from thfm_jax.config import VaeConfig
from thfm_jax.models.thfm import as_video
from thfm_jax.models.vae import Vae
from thfm_jax.tasks import TASKS
from thfm_jax.tasks.losses import masked_mean
from thfm_jax.tasks.spec import weights
from thfm_jax.training.objective import Metrics, dense_targets, pick, target_video
from thfm_jax.types import Array, Batch

# Dense tasks, in the order of `TASKS`.
DENSE = np.array([spec.kind == "dense" for spec in TASKS.values()])

# Of the divergence per latent: it bounds the latents, and is too little to blur what they hold.
_DIVERGENCE = 1e-3
# Of a pixel of a map that has no label, against one that has.
_BACKGROUND = 0.1


def objective(
    vae: Vae, batch: Batch, tasks: Int[Array, "R"], known: Bool[Array, "R"], key: Array
) -> tuple[Float[Array, ""], Metrics]:
    """(loss, its parts) of the clips and of their maps.

    Args:
      vae: to train.
      batch: clips and targets.
      tasks, known: dense tasks of rows: see `objective.draw_tasks`.
      key: of the noise on the latents.
    """
    video = videos(batch, tasks)
    clips = len(batch.clip.frames)
    rows = jnp.concatenate([jnp.ones(clips), known.astype(jnp.float32)])[:, *[None] * 4]
    maps = _pixel_weights(batch, tasks)
    weight = rows * jnp.concatenate([jnp.ones((clips, *maps.shape[1:])), maps])
    mean, log_variance = (x.astype(jnp.float32) for x in vae.moments(video))
    noise = jnp.exp(0.5 * log_variance) * jax.random.normal(key, mean.shape)
    error = vae.decode(vae.standardise(mean + noise), clip=False) - video
    divergence = 0.5 * (mean**2 + jnp.exp(log_variance) - 1 - log_variance)
    parts = {
        "l1": masked_mean(jnp.abs(error), weight),
        "gradient_h": masked_mean(jnp.abs(jnp.diff(error, axis=2)), weight[:, :, 1:]),
        "gradient_w": masked_mean(jnp.abs(jnp.diff(error, axis=3)), weight[:, :, :, 1:]),
        "divergence": _DIVERGENCE * masked_mean(divergence, rows),
    }
    shown = {
        "picture_l1": jnp.mean(jnp.abs(error[:clips])),
        "map_l1": masked_mean(jnp.abs(error[clips:]), weight[clips:]),
    }
    metrics = {f"vae/{name}": value for name, value in (parts | shown).items()}
    return jnp.sum(jnp.stack(list(parts.values()))), metrics


def standardised(config: VaeConfig, vae: Vae, batches: Iterable[Batch]) -> VaeConfig:
    """`config` with the statistics of what the VAE makes of some batches.

    They are the mean and the standard deviation of each channel, over clips and maps alike: the
    trunk reads the one and writes the other.
    """
    sums = jax.jit(_sums)
    total = sum((np.asarray(sums(vae, batch), np.float64) for batch in batches), np.zeros(1))
    count, first, second = total
    mean = first / count
    std = np.sqrt(np.maximum(second / count - mean**2, 1e-12))
    return dataclasses.replace(config, latent_mean=tuple(mean), latent_std=tuple(std))


def _sums(vae: Vae, batch: Batch) -> Float[Array, "3 Z"]:
    """Number, sum and sum of squares of the latents of clips, and of all their maps."""
    clips = len(batch.clip.frames)
    tasks = jnp.tile(np.flatnonzero(DENSE), clips)
    mean, _ = vae.moments(videos(batch, tasks))
    mean = mean.astype(jnp.float32).reshape(-1, mean.shape[-1])
    sums = jnp.stack([jnp.full(mean.shape[1], len(mean)), mean.sum(0), (mean**2).sum(0)])
    return sharding.constrain(sums, None, None)


def _pixel_weights(batch: Batch, tasks: Int[Array, "R"]) -> Float[Array, "R T H W 1"]:
    """What each pixel of the rows' maps counts."""
    pixels = {
        name: jnp.where(weights(target.value, target.mask) > 0, 1.0, _BACKGROUND)
        for name, target in dense_targets(batch).items()
    }
    frames = batch.clip.frames
    nothing = jnp.zeros(frames.shape[:-1])
    return pick(tasks, len(tasks) // len(frames), pixels, nothing)[..., None]


def videos(batch: Batch, tasks: Int[Array, "R"]) -> Float[Array, "B+R T H W 3"]:
    """Frames and maps in [-1, 1]."""
    frames = batch.clip.frames
    maps = target_video(batch, tasks, len(tasks) // len(frames))
    return jnp.concatenate([as_video(frames), maps])

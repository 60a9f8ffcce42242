"""What the model learns: rows of (clip, task), with a loss in latent space or in pixel space.

A clip of a batch becomes one row for each of the tasks drawn for it. All rows of a clip share its
latents; every row has its own prompt. A row of a dense task is held against the latents of that
task's map or, in the second stage, decoded and held against the map itself; a row of a keypoint
task against its labels. A batch may hold the latents, computed beforehand, in place of frames and
maps. arXiv:2603.25892; the losses are inferred, see docs/decisions.md.
"""

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float, Int, Shaped

from thfm_jax.models.thfm import Thfm, as_video
from thfm_jax.tasks import TASKS, keypoints2d, losses
from thfm_jax.tasks.spec import weights
from thfm_jax.types import Array, Batch, Conditioning, Latents, Target

NAMES = tuple(TASKS)
Metrics = dict[str, Float[Array, ""]]


def labelled(batch: Batch) -> Bool[Array, "B tasks"]:
    """Which tasks each clip has a label for."""
    nothing = jnp.zeros(len(batch.clip.frames), bool)
    targets = _targets(batch)
    known = [is_labelled(targets[name]) if name in targets else nothing for name in NAMES]
    return jnp.stack(known, axis=1)


def is_labelled(target: Target) -> Bool[Array, "B"]:
    """Whether anything of each clip has a weight."""
    mask = weights(target.value, target.mask)
    return (mask > 0).any(axis=tuple(range(1, mask.ndim)))


def with_latents(model: Thfm, batch: Batch) -> Batch:
    """The batch with latents in place of frames and maps, for the latent stage.

    One of the videos after the other goes through the VAE, which so needs memory for one.
    """
    dense = dense_targets(batch)
    maps = [TASKS[name].encode(target.value, target.mask) for name, target in dense.items()]
    frames = batch.clip.frames
    clip, *latents = jax.lax.map(model.vae.encode, jnp.stack([as_video(frames), *maps]))
    found = {
        name: Target(value, is_labelled(target))
        for (name, target), value in zip(dense.items(), latents, strict=True)
    }
    return Batch(
        dataclasses.replace(batch.clip, frames=frames[..., :0]),
        {name: target for name, target in batch.targets.items() if name not in dense},
        Latents(clip, found),
    )


def draw_tasks(
    key: Array, share: Float[Array, "tasks"], known: Bool[Array, "B tasks"], count: int
) -> tuple[Int[Array, "R"], Bool[Array, "R"]]:
    """Tasks for each clip, drawn by their share without repetition; R = B * count, clip slowest.

    Returns:
      Indices into `TASKS` and whether the clip has a label for that task: one with fewer labelled
      tasks than `count` gets some without, whose rows count for nothing. These come last within a
      clip; before them indices rise, so that dense tasks come first.
    """
    # Gumbel noise makes the top entries a weighted draw without replacement.
    noise = jax.random.gumbel(key, known.shape)
    logits = jnp.where(known & (share > 0), jnp.log(jnp.maximum(share, 1e-30)) + noise, -jnp.inf)
    value, tasks = jax.lax.top_k(logits, count)
    nothing = ~jnp.isfinite(value)
    nothing, tasks = jax.lax.sort((nothing, tasks), num_keys=2)
    return tasks.reshape(-1), ~nothing.reshape(-1)


def target_video(batch: Batch, tasks: Int[Array, "R"], count: int) -> Float[Array, "R T H W 3"]:
    """What the decoded video of each row should be; zero for rows of keypoint tasks."""
    maps = {name: TASKS[name].encode(t.value, t.mask) for name, t in dense_targets(batch).items()}
    return pick(tasks, count, maps, jnp.zeros(batch.clip.frames.shape, jnp.float32))


def dense_targets(batch: Batch) -> dict[str, Target]:
    """Those of the dense tasks."""
    return {name: t for name, t in batch.targets.items() if TASKS[name].kind == "dense"}


def pick(
    tasks: Int[Array, "R"],
    count: int,
    values: Mapping[str, Shaped[Array, "B *S"]],
    otherwise: Shaped[Array, "B *S"],
) -> Shaped[Array, "R *S"]:
    """What `values` has of each row's task and clip, or `otherwise` has; `count` rows a clip."""
    chosen = jnp.repeat(otherwise, count, axis=0)
    for name, value in values.items():
        mine = (tasks == NAMES.index(name)).reshape(-1, *[1] * (chosen.ndim - 1))
        chosen = jnp.where(mine, jnp.repeat(value, count, axis=0), chosen)
    return chosen


def objective(
    model: Thfm,
    batch: Batch,
    conditioning: Conditioning,
    tasks: Int[Array, "R"],
    known: Bool[Array, "R"],
    scale: Mapping[str, float],
    stage: str,
) -> tuple[Float[Array, ""], Metrics]:
    """(loss, its parts) of the rows of a batch.

    Every task's loss is a mean over the rows that it has, so a task drawn rarely is not learned
    more slowly for being averaged away.

    Args:
      model: to train; in the latent stage all but its VAE, which makes the truth.
      batch: clips and targets.
      conditioning: of each row, on its own prompt.
      tasks, known: see `draw_tasks`, whose order they have.
      scale: factor of each task's loss; 1 where it has no entry.
      stage: "latent" or "pixel".
    """
    B, _, height, width, _ = batch.clip.frames.shape
    per_clip = len(tasks) // B
    latents = _clip_latents(model, batch)
    output = model.perceive(jnp.repeat(latents, per_clip, axis=0), conditioning)
    targets = _targets(batch)
    dense_tasks = sum(TASKS[name].kind == "dense" for name in targets)
    decoded = min(per_clip, dense_tasks)  # rows of each clip, from its first on, that may be dense
    if stage == "pixel" and decoded:
        dense = model.decode(_first_rows(output.latents, per_clip, decoded))
        output = dataclasses.replace(output, dense=dense)
    elif stage == "latent":
        truth = jax.lax.stop_gradient(_target_latents(model, batch, tasks, per_clip))

    total = jnp.zeros(())
    metrics: Metrics = {}
    for task, (name, spec) in enumerate(TASKS.items()):
        if name not in targets:
            continue
        mine = known & (tasks == task)
        if spec.kind == "dense" and stage == "latent":
            loss, parts = losses.latent_loss(output.latents, truth, _like(mine, truth))
        elif spec.kind == "dense":
            rows = _first_rows(mine, per_clip, decoded)
            loss, parts = spec.loss(output.dense, row_targets(targets[name], rows, decoded))
        else:
            target = row_targets(targets[name], mine, per_clip)
            loss, parts = spec.loss(output.sparse, target, (height, width))
        if spec is keypoints2d.SPEC and output.pointing is not None:
            parts["pointing"] = keypoints2d.pointing_loss(output.pointing, target, (height, width))
            loss += parts["pointing"]
        total += scale.get(name, 1.0) * loss
        metrics |= {f"{name}/{part}": value for part, value in parts.items()}
        metrics[f"{name}/rows"] = mine.sum().astype(jnp.float32)
    return total, metrics


def row_targets(target: Target, mine: Bool[Array, "R"], per_clip: int) -> Target:
    """The target repeated for each row of its clip, with no weight in rows of other tasks.

    All that is labelled in a row weighs as much as in any other, so that who is small in the
    picture counts like who fills it, as in evaluation.
    """
    weight = weights(target.value, target.mask)
    total = jnp.sum(weight, axis=tuple(range(1, weight.ndim)), keepdims=True)
    share = weight / jnp.where(total > 0, total, 1)
    value, share = (jnp.repeat(x, per_clip, axis=0) for x in (target.value, share))
    return Target(value, jnp.where(mine.reshape(-1, *[1] * (share.ndim - 1)), share, 0))


def _targets(batch: Batch) -> dict[str, Target]:
    """All that is labelled, of dense tasks their maps or the latents of these."""
    return batch.targets | (batch.latents.targets if batch.latents else {})


def _clip_latents(model: Thfm, batch: Batch) -> Float[Array, "B Tz Hz Wz Z"]:
    if batch.latents:
        return batch.latents.clip.astype(jnp.float32)
    return model.encode(batch.clip.frames)


def _target_latents(
    model: Thfm, batch: Batch, tasks: Int[Array, "R"], count: int
) -> Float[Array, "R Tz Hz Wz Z"]:
    """Latents of each row's map; of rows of keypoint tasks anything."""
    if batch.latents is None:
        return model.vae.encode(target_video(batch, tasks, count))
    values = {name: target.value for name, target in batch.latents.targets.items()}
    nothing = jnp.zeros_like(batch.latents.clip)
    return pick(tasks, count, values, nothing).astype(jnp.float32)


def _first_rows(x: Shaped[Array, "R *S"], per_clip: int, count: int) -> Shaped[Array, "R2 *S"]:
    """The first `count` of each clip's rows."""
    return x.reshape(-1, per_clip, *x.shape[1:])[:, :count].reshape(-1, *x.shape[1:])


def _like(mine: Bool[Array, "R"], latents: Float[Array, "R Tz Hz Wz Z"]) -> Float[Array, "..."]:
    """1 for every latent position of the rows that are `mine`."""
    rows = mine.astype(latents.dtype)[:, None, None, None]
    return jnp.broadcast_to(rows, latents.shape[:-1])

"""One step of training, as a pure function to be jitted over a mesh."""

import dataclasses
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jaxtyping import Float

from thfm_jax.config import Compute, ThfmConfig
from thfm_jax.models.thfm import Thfm
from thfm_jax.models.umt5 import Umt5Encoder
from thfm_jax.tasks import TASKS
from thfm_jax.training import autoencoder, lora
from thfm_jax.training import objective as objective_lib
from thfm_jax.training.lora import LoraConfig
from thfm_jax.training.state import TrainState, is_matrix, join, move_average
from thfm_jax.training.wordings import Wordings
from thfm_jax.types import Array, Batch, Conditioning, Pytree

Metrics = dict[str, Float[Array, ""]]
Step = Callable[[TrainState, Batch, Wordings], tuple[TrainState, Metrics]]


@dataclasses.dataclass(frozen=True)
class Objective:
    """What a step minimises.

    Attributes:
      stage: "vae" (the autoencoder alone, of a model from scratch), then "latent" (against the
        latents of the target maps), then "pixel" (decoded maps).
      tasks: task -> how often it is drawn, relative to the others; 0 or absent for never.
      tasks_per_clip: rows that each clip gives, of different tasks.
      scale: task -> factor of its loss; 1 where absent.
    """

    stage: str = "latent"
    tasks: Mapping[str, float] = dataclasses.field(
        default_factory=lambda: dict.fromkeys(TASKS, 1.0)
    )
    tasks_per_clip: int = 1
    scale: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        if self.stage not in ("vae", "latent", "pixel"):
            raise ValueError(f'stage is "vae", "latent" or "pixel", not {self.stage!r}')
        for name in (*self.tasks, *self.scale):
            if name not in TASKS:
                raise ValueError(f"unknown task {name!r}; there are {', '.join(TASKS)}")
        drawn = sum(share > 0 for share in self.shares)
        if not 1 <= self.tasks_per_clip <= drawn:
            raise ValueError(
                f"tasks_per_clip is 1 to {drawn}, the number of tasks drawn, "
                f"not {self.tasks_per_clip}"
            )

    @property
    def shares(self) -> tuple[float, ...]:
        """How often each of `TASKS` is drawn."""
        shares = [self.tasks.get(name, 0.0) for name in TASKS]
        return tuple(shares * autoencoder.DENSE) if self.stage == "vae" else tuple(shares)


class Builder:
    """Puts parameters into the modules that compute with them."""

    def __init__(self, config: ThfmConfig, compute: Compute, adapters: LoraConfig | None = None):
        self.config, self.compute = config, compute
        model = nnx.eval_shape(lambda: Thfm(config, compute, rngs=nnx.Rngs(0)))
        if adapters:
            params = nnx.to_pure_dict(nnx.state(model))
            adapted = jax.eval_shape(lambda p: lora.add(p, adapters, jax.random.key(0)), params)
            lora.attach(model, adapted, adapters)
        self._model = nnx.split(model)
        self._encoder = nnx.split(
            nnx.eval_shape(lambda: Umt5Encoder(config.text, compute, rngs=nnx.Rngs(0)))
        )

    def model(self, params: Pytree) -> Thfm:
        """The model of "dit", "vae" and "sparse", its matrices in the dtype of the matmuls.

        One of them that is not in `params` stays abstract: nothing can be computed with it.
        """
        parts = {name: params[name] for name in ("dit", "vae", "sparse") if name in params}
        return _merge(self._model, _narrowed(parts, self.compute))

    def text_encoder(self, params: Pytree) -> Umt5Encoder:
        """The text encoder of "text_encoder"."""
        return _merge(self._encoder, params["text_encoder"])

    def condition(
        self, model: Thfm, params: Pytree, wordings: Wordings, tasks: Array, wording: Array
    ) -> Conditioning:
        """Conditioning of rows, each on a wording of its task's prompt."""
        text, lengths, bias = wordings.draw(tasks, wording)
        if jnp.issubdtype(text.dtype, jnp.integer):
            mask = jnp.arange(text.shape[1]) < lengths[:, None]
            text = self.text_encoder(params)(text, mask) * mask[..., None]
        return dataclasses.replace(model.condition(text), text_bias=bias)


def make_step(
    builder: Builder,
    objective: Objective,
    optimizer: optax.GradientTransformation,
    *,
    accumulate: int = 1,
    average_decay: float = 0.0,
) -> Step:
    """The function (state, batch, wordings) -> (state, metrics) of one optimiser step.

    Random numbers depend on the state's key and step alone. Where the loss or a gradient is not
    finite the parameters stay as they are and `skipped` grows; the step counts nevertheless.

    Args:
      builder: of the model.
      objective: what to minimise.
      optimizer: of the trained parameters.
      accumulate: pieces in which the batch goes through the model, one after the other; its size
        must be a multiple.
      average_decay: of the moving average, if the state has one.
    """
    share = jnp.array(objective.shares, jnp.float32)

    def loss(trained, frozen, batch: Batch, wordings: Wordings, key: Array):
        params = join(trained, frozen)
        model = builder.model(params)
        task_key, wording_key = jax.random.split(key)
        known = objective_lib.labelled(batch)
        tasks, counts = objective_lib.draw_tasks(task_key, share, known, objective.tasks_per_clip)
        if objective.stage == "vae":
            return autoencoder.objective(model.vae, batch, tasks, counts, wording_key)
        wording = jax.random.randint(wording_key, tasks.shape, 0, wordings.lengths.shape[1])
        conditioning = builder.condition(model, params, wordings, tasks, wording)
        return objective_lib.objective(
            model, batch, conditioning, tasks, counts, objective.scale, objective.stage
        )

    def gradients(state: TrainState, batch: Batch, wordings: Wordings):
        key = jax.random.fold_in(jax.random.wrap_key_data(state.key), state.step)
        grad = jax.value_and_grad(loss, has_aux=True)

        def piece(total, given):
            part, number = given
            key_of_piece = jax.random.fold_in(key, number)
            found = grad(state.trained, state.frozen, part, wordings, key_of_piece)
            return jax.tree.map(jnp.add, total, found), None

        pieces = (_cut(batch, accumulate), jnp.arange(accumulate))
        if accumulate == 1:
            return grad(state.trained, state.frozen, batch, wordings, jax.random.fold_in(key, 0))
        first = jax.tree.map(lambda x: x[0], pieces)
        shapes = jax.eval_shape(lambda: grad(state.trained, state.frozen, first[0], wordings, key))
        zero = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
        total, _ = jax.lax.scan(piece, zero, pieces)
        return jax.tree.map(lambda x: x / accumulate, total)

    def step(state: TrainState, batch: Batch, wordings: Wordings):
        (value, metrics), grads = gradients(state, batch, wordings)
        norm = optax.global_norm(grads)
        fine = jnp.isfinite(value) & jnp.isfinite(norm)
        updates, optimizer_state = optimizer.update(grads, state.optimizer, state.trained)
        trained = optax.apply_updates(state.trained, updates)
        average = state.average
        if average is not None:
            average = move_average(average, trained, average_decay, state.step)
        after = (trained, optimizer_state, average)
        before = (state.trained, state.optimizer, state.average)
        kept = jax.tree.map(lambda new, old: jnp.where(fine, new, old), after, before)
        metrics = {
            "loss": value,
            "gradient_norm": norm,
            "fine": fine.astype(jnp.float32),
            **metrics,
        }
        return dataclasses.replace(
            state,
            step=state.step + 1,
            trained=kept[0],
            optimizer=kept[1],
            average=kept[2],
            skipped=state.skipped + ~fine,
        ), metrics

    return step


def _merge(split: tuple, params: Pytree):
    graph, abstract = split
    state = jax.tree.map(lambda x: x, abstract)
    nnx.replace_by_pure_dict(state, params)
    return nnx.merge(graph, state)


def _narrowed(params: Pytree, compute: Compute) -> Pytree:
    """`params` with matrices in the dtype they are used in.

    Cast before the layers' loop, a matrix that is spread over devices is gathered at half the size.
    """

    def one(path, leaf):
        if not is_matrix(path):
            return leaf
        part = path[0].key
        return leaf.astype(compute.vae_dtype if part == "vae" else compute.dtype)

    return jax.tree_util.tree_map_with_path(one, params)


def _cut(batch: Batch, pieces: int) -> Batch:
    """Every array [B, ...] as [pieces, B / pieces, ...]."""

    def one(x):
        if x.shape[0] % pieces:
            raise ValueError(f"a batch of {x.shape[0]} does not divide into {pieces} pieces")
        # Interleaved, so that each piece lies on all the devices that the batch lies on.
        return x.reshape(x.shape[0] // pieces, pieces, *x.shape[1:]).swapaxes(0, 1)

    return jax.tree.map(one, batch)

"""AdamW, or Muon for matrices, with a schedule and a learning rate for each group of parameters."""

import dataclasses
import math
import re
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import optax
import optax.contrib

from thfm_jax.types import Pytree


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    """AdamW.

    Attributes:
      learning_rate: at its peak.
      warmup_steps: over which it grows linearly from 0.
      decay: "cosine", "linear" or "constant" from the end of the warm-up to that of the training.
      final_share: of the peak that is left at the end.
      groups: pattern -> factor of the learning rate, for parameters whose path, written
        "dit/blocks/ffn/up/kernel", the regular expression finds; the first that does counts.
      beta1, beta2, eps: of Adam.
      weight_decay: decoupled; of matrices only.
      clip_norm: largest norm of all gradients together; 0 for no limit.
      state_dtype: of the first moment.
      muon: pattern of the paths of kernels that Muon moves instead, "" for none: their momentum
        made orthogonal, at the size of Adam's updates (Liu et al., "Muon is scalable for LLM
        training", 2025), so that the learning rate means the same.
    """

    learning_rate: float = 1e-4
    warmup_steps: int = 1000
    decay: str = "cosine"
    final_share: float = 0.01
    groups: Mapping[str, float] = dataclasses.field(default_factory=dict)
    beta1: float = 0.9
    beta2: float = 0.95
    eps: float = 1e-8
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    state_dtype: str = "float32"
    muon: str = ""


def schedule(config: OptimizerConfig, steps: int) -> optax.Schedule:
    """Learning rate by step, for a training of `steps`."""
    c = config
    length, end = max(steps - c.warmup_steps, 1), c.final_share * c.learning_rate
    decays = {
        "cosine": lambda: optax.cosine_decay_schedule(c.learning_rate, length, c.final_share),
        "linear": lambda: optax.linear_schedule(c.learning_rate, end, length),
        "constant": lambda: optax.constant_schedule(c.learning_rate),
    }
    if c.decay not in decays:
        raise ValueError(f"decay is {', '.join(decays)}, not {c.decay!r}")
    warmup = optax.linear_schedule(0.0, c.learning_rate, max(c.warmup_steps, 1))
    return optax.join_schedules([warmup, decays[c.decay]()], [c.warmup_steps])


def make_optimizer(config: OptimizerConfig, steps: int) -> optax.GradientTransformation:
    """The optimiser of nested dicts of parameters, whose keys make up their paths."""
    c = config
    return optax.chain(
        optax.clip_by_global_norm(c.clip_norm) if c.clip_norm else optax.identity(),
        _directions(c),
        optax.add_decayed_weights(c.weight_decay, _matrices),
        optax.stateless(lambda updates, _: _scaled(updates, c.groups)),
        optax.scale_by_learning_rate(schedule(c, steps)),
    )


def _directions(c: OptimizerConfig) -> optax.GradientTransformation:
    dtype = jnp.dtype(c.state_dtype)
    adam = optax.scale_by_adam(c.beta1, c.beta2, c.eps, mu_dtype=dtype)
    if not c.muon:
        return adam

    def labels(params: Pytree) -> Pytree:
        def one(path, leaf):
            name = path_name(path)
            matrix = name.endswith("/kernel") and leaf.ndim > 1 and re.search(c.muon, name)
            return "muon" if matrix else "adam"

        return jax.tree_util.tree_map_with_path(one, params)

    muon = optax.chain(
        optax.contrib.scale_by_muon(mu_dtype=dtype, weight_dimension_numbers=_inputs_and_outputs),
        optax.stateless(lambda updates, _: jax.tree_util.tree_map_with_path(_as_large, updates)),
    )
    return optax.partition({"adam": adam, "muon": muon}, labels)


def _inputs(path: tuple, kernel: jax.Array) -> tuple[int, ...]:
    """Axes of a kernel's inputs: all but the last and, of the trunk's blocks, that of layers."""
    return tuple(range(1 if "/blocks/" in path_name(path) else 0, kernel.ndim - 1))


def _inputs_and_outputs(kernels: Pytree) -> Pytree:
    numbers = lambda path, x: optax.contrib.MuonDimensionNumbers(_inputs(path, x), x.ndim - 1)
    return jax.tree_util.tree_map_with_path(numbers, kernels)


def _as_large(path: tuple, update: jax.Array) -> jax.Array:
    """An orthogonal update at the root mean square of Adam's, 0.2."""
    inputs = math.prod(update.shape[axis] for axis in _inputs(path, update))
    return update * 0.2 * max(inputs, update.shape[-1]) ** 0.5


def path_name(path: tuple) -> str:
    """A key path of `jax.tree_util` as "dit/blocks/ffn/up/kernel"."""
    return "/".join(str(getattr(entry, "key", getattr(entry, "idx", entry))) for entry in path)


def _matrices(params: Pytree) -> Pytree:
    """True for what is a matrix in every layer: biases, norms and modulation do not decay."""
    ends = ("kernel", "embedding", "lora_a", "lora_b")
    return jax.tree_util.tree_map_with_path(
        lambda path, _: path_name(path).rsplit("/", 1)[-1] in ends, params
    )


def _scaled(updates: Pytree, groups: Mapping[str, float]) -> Pytree:
    def one(path, update):
        name = path_name(path)
        factor = next((f for pattern, f in groups.items() if re.search(pattern, name)), 1.0)
        return update * factor

    return jax.tree_util.tree_map_with_path(one, updates) if groups else updates

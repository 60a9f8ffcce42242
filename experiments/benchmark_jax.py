"""The programs of this package that `experiments.benchmark` measures, with random weights.

A builder runs in the process that will run the program. Sizes are (frames, height, width).
"""

import time
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from thfm_jax import predict
from thfm_jax.config import Compute, ThfmConfig
from thfm_jax.data import video
from thfm_jax.models.dit import Dit
from thfm_jax.models.thfm import Thfm, fold_padding
from thfm_jax.models.vae import Vae
from thfm_jax.ops import attention as attention_lib
from thfm_jax.ops.convolution import conv3d
from thfm_jax.ops.patches import patch_grid, patchify, unpatchify
from thfm_jax.ops.rope import grid_positions, rope_table

Size = tuple[int, int, int]

PROMPT_TOKENS = 7  # of each task's prompt
FOLDED_TOKENS = 8  # with the one that stands for its padding
_WEIGHT = 0.02  # weights are uniform in [-_WEIGHT, _WEIGHT]: no value is a denormal or grows


class Compiled:
    """A jitted function with its arguments, compiled ahead of the first run."""

    def __init__(self, function, *args):
        start = time.perf_counter()
        self._run = jax.jit(function).lower(*args).compile()
        self._compile_seconds = time.perf_counter() - start
        self._args = args

    def __call__(self) -> None:
        jax.block_until_ready(self._run(*self._args))

    def facts(self) -> dict[str, Any]:
        device = jax.devices()[0]
        return {
            "device": device.device_kind,
            "compile_seconds": self._compile_seconds,
            "peak_device_bytes": (device.memory_stats() or {}).get("peak_bytes_in_use"),
        }


class Prediction:
    """All tasks of the model in the box for the middle of the sample clip, people followed."""

    def __init__(self, size: Size):
        frames, height, width = size
        clip, _ = video.read(predict.SAMPLE)
        top, left = (clip.shape[1] - height) // 2, (clip.shape[2] - width) // 2
        if len(clip) < frames or min(top, left) < 0:
            raise ValueError(f"the sample clip has {clip.shape[:3]}, less than {size}")
        self._clip = clip[:frames, top : top + height, left : left + width]
        start = time.perf_counter()
        self._predictor = predict.load()
        self()
        self._first_seconds = time.perf_counter() - start

    def __call__(self) -> None:
        self._predictor(self._clip)

    def facts(self) -> dict[str, Any]:
        return {"device": jax.devices()[0].device_kind, "compile_seconds": self._first_seconds}


def dit(config: ThfmConfig, compute: Compute, size: Size) -> Compiled:
    """Latents and prompt features to latents: conditioning included, as in diffusers."""
    c = config.dit
    latent_grid = config.vae.latent_grid(*size)
    grid = patch_grid(latent_grid, c.patch)
    module = nnx.eval_shape(lambda: Dit(c, compute, rngs=nnx.Rngs(0)))
    _fill(module, compute.dtype)
    graph, state = nnx.split(module)

    def forward(state, latents, timestep, text):
        dit = nnx.merge(graph, state)
        conditioning = dit.condition(timestep, text)
        rope = rope_table(grid_positions(grid), c.head_dim, c.rope_theta, c.rope_length)
        x = dit.trunk(dit.embed(patchify(latents, c.patch)), conditioning, rope)
        return unpatchify(dit.project(x, conditioning), grid, c.patch)

    latents, text = _normal(1, *latent_grid, c.channels), _normal(1, c.text_length, c.text_dim)
    return Compiled(forward, state, latents, jnp.full(1, config.timestep), text)


def encode(config: ThfmConfig, compute: Compute, size: Size) -> Compiled:
    """Video in [-1, 1] to latents."""
    graph, state = _vae(config, compute)
    video = jnp.clip(_normal(1, *size, 3), -1, 1)
    return Compiled(lambda state, x: nnx.merge(graph, state).encode(x), state, video)


def decode(config: ThfmConfig, compute: Compute, size: Size) -> Compiled:
    """Latents to video."""
    graph, state = _vae(config, compute)
    latents = _normal(1, *config.vae.latent_grid(*size), config.vae.z_dim)
    return Compiled(lambda state, z: nnx.merge(graph, state).decode(z), state, latents)


def perceive(config: ThfmConfig, compute: Compute, size: Size, dense: tuple[bool, ...]) -> Compiled:
    """Frames to the outputs of len(dense) tasks, with folded prompts; `dense` as in the model."""
    model = nnx.eval_shape(lambda: Thfm(config, compute, rngs=nnx.Rngs(0)))
    for part, dtype in (
        (model.vae, compute.vae_dtype),
        (model.dit, compute.dtype),
        (model.sparse, "float32"),
    ):
        _fill(part, dtype)
    graph, state = nnx.split(model)
    tasks = len(dense)
    text = _normal(tasks, config.dit.text_length, config.dit.text_dim)
    condition = jax.jit(lambda state, text: nnx.merge(graph, state).condition(text))
    conditioning = fold_padding(condition(state, text), [PROMPT_TOKENS] * tasks)

    def forward(state, frames, conditioning, dense, rows, count):
        model = nnx.merge(graph, state)
        return model.perceive_tasks(frames, conditioning, dense, rows, count)

    frames = jax.random.randint(jax.random.key(1), (1, *size, 3), 0, 256).astype(jnp.uint8)
    return Compiled(
        forward, state, frames, conditioning, jnp.array(dense), jnp.arange(tasks), jnp.array(tasks)
    )


def convolution(size: Size, channels: int, dtype: str, implementation: str) -> Compiled:
    """A causal 3x3x3 convolution of the VAE: `size` frames come out."""
    frames, height, width = size
    x = _normal(1, frames + 2, height, width, channels).astype(dtype)
    kernel = _WEIGHT * _normal(3, 3, 3, channels, channels).astype(dtype)
    return Compiled(lambda x, k: conv3d(x, k, implementation=implementation), x, kernel)


def attention(tokens: int, heads: int, head_dim: int, dtype: str, logits_mib: int) -> Compiled:
    """Self-attention by XLA with at most that many MiB of logits at a time."""
    attention_lib.LOGITS_BYTES[jax.default_backend()] = logits_mib << 20
    x = _normal(1, tokens, heads, head_dim).astype(dtype)
    return Compiled(lambda x: attention_lib.attention(x, x, x, implementation="xla"), x)


def _vae(config: ThfmConfig, compute: Compute):
    module = nnx.eval_shape(lambda: Vae(config.vae, compute, rngs=nnx.Rngs(0)))
    _fill(module, compute.vae_dtype)
    return nnx.split(module)


def _fill(module: nnx.Module, dtype: str) -> None:
    """Gives an abstract module weights, made on the device: kernels in `dtype`.

    They repeat a list of random numbers; a generator for each parameter takes longer to compile
    than the model. The list's length is a prime, so that no rows of a matrix are the same.
    """
    state = nnx.state(module)
    flat = nnx.to_flat_state(state)

    @jax.jit
    def spread(numbers):
        return [
            jnp.resize(numbers.astype(dtype if path[-1] == "kernel" else "float32"), leaf.shape)
            for path, leaf in flat
        ]

    numbers = jax.random.uniform(jax.random.key(0), (1_000_003,), minval=-_WEIGHT, maxval=_WEIGHT)
    for (_, leaf), value in zip(flat, spread(numbers), strict=True):
        leaf.set_value(value)
    nnx.update(module, state)


def _normal(*shape):
    return jax.random.normal(jax.random.key(1), shape)

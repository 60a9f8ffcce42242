"""What eight fake devices compute, against one: a program of its own, started by `test_meshes.py`.

The number of fake devices is fixed when JAX starts, so this runs with the XLA_FLAGS that make them.
Its arguments name functions of this module; it prints, as its last line, a JSON object of what they
yield: case -> relative error, or another number where the case says so.
"""

import functools
import json
import sys
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import NamedSharding, PartitionSpec

from thfm_jax import hlo
from thfm_jax.config import Compute, DitConfig, SparseConfig, TextConfig, ThfmConfig, VaeConfig
from thfm_jax.models.thfm import Thfm
from thfm_jax.ops import attention as attention_lib
from thfm_jax.ops.parallel_attention import self_attention
from thfm_jax.sharding import batch_sharding, make_mesh, state_sharding

# 4 heads: eight ways of the sequence take the gather of keys, two and four the all-to-all. The
# 18 video and 15 keypoint tokens of a clip divide by none of them.
CONFIG = ThfmConfig(
    name="test",
    dit=DitConfig(
        layers=2, heads=4, head_dim=16, ffn_dim=128, text_dim=12, text_length=10, channels=4,
        freq_dim=16,
    ),
    vae=VaeConfig(
        base_dim=4, z_dim=4, multipliers=(1, 2, 2), res_blocks=1, temporal_down=(True, True),
        latent_mean=(0.0,) * 4, latent_std=(1.0,) * 4,
    ),
    text=TextConfig(dim=12),
    sparse=SparseConfig(joints=5, hidden_dim=16),
)  # fmt: skip
MESHES: tuple[dict[str, int], ...] = (
    {"data": 8},
    {"fsdp": 8},
    {"data": 2, "fsdp": 2, "tensor": 2},
    {"data": 2, "sequence": 4},
    {"fsdp": 2, "tensor": 2, "sequence": 2},
    {"tensor": 4, "sequence": 2},
    {"sequence": 8},
)
B = 8


def name(mesh: dict[str, int]) -> str:
    return " x ".join(f"{axis} {size}" for axis, size in mesh.items())


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def error(ours, theirs) -> float:
    """The largest relative error of an array of a tree, in the Euclidean norm."""
    norm = np.linalg.norm
    pairs = [
        (np.asarray(a), np.asarray(b))
        for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True)
    ]
    return max(float(norm(a - b) / max(norm(b), 1e-20)) for a, b in pairs)


@functools.cache
def model() -> Thfm:
    key = jax.random.key(0, impl="rbg")  # compiles faster than the default
    return nnx.jit(lambda: Thfm(CONFIG, Compute(remat="full", vae_chunk=0), rngs=nnx.Rngs(key)))()


def losses() -> Iterator[tuple[str, float]]:
    """Loss and gradients of all that the model returns, on every mesh."""
    graph, state = nnx.split(model())
    latents, text = random(B, 3, 4, 6, 4), random(B, 10, 12)

    def loss(state, latents, text, decode: bool):
        model = nnx.merge(graph, state)
        output = model.perceive(latents, model.condition(text))
        total = jnp.mean(output.latents**2) + jnp.mean(jnp.sin(output.sparse))
        return total + (jnp.mean(jnp.sin(model.vae.decode(output.latents))) if decode else 0)

    run = jax.jit(jax.value_and_grad(loss), static_argnums=3)
    whole = {decode: run(state, latents, text, decode) for decode in (False, True)}
    cases = [(mesh, False) for mesh in MESHES] + [(MESHES[4], True)]
    for sizes, decode in cases:
        mesh = make_mesh(**sizes)
        shardings = state_sharding(state, mesh), *[batch_sharding(mesh, B)] * 2
        args = jax.device_put((state, latents, text), shardings)
        with jax.set_mesh(mesh):
            yield (
                f"loss{' with decoder' * decode}, {name(sizes)}",
                error(run(*args, decode), whole[decode]),
            )


def weights_alone() -> Iterator[tuple[str, float]]:
    """Weights that lie on a mesh, as `load(mesh=...)` leaves them, and no ambient mesh."""
    graph, state = nnx.split(model())
    latents, text = random(1, 3, 4, 6, 4), random(1, 10, 12)

    @jax.jit
    def run(state, latents, text):
        model = nnx.merge(graph, state)
        return model.perceive(latents, model.condition(text))

    placed = jax.device_put(state, state_sharding(state, make_mesh(fsdp=4, tensor=2)))
    yield "weights alone", error(run(placed, latents, text), run(state, latents, text))


def tasks() -> Iterator[tuple[str, float]]:
    """One clip, several tasks, as `perceive_tasks` runs them: fewer clips than devices."""
    frames = np.random.default_rng(0).integers(0, 256, (1, 9, 16, 24, 3), np.uint8)
    text = random(3, 10, 12)
    dense, rows = jnp.array([True, False, True]), jnp.array([2, 0, 1])

    @jax.jit
    def run(model, frames, text):
        return model.perceive_tasks(frames, model.condition(text), dense, rows, jnp.array(3))

    whole = run(model(), frames, text)
    for sizes in ({"sequence": 8}, {"fsdp": 4, "tensor": 2}):
        mesh = make_mesh(**sizes)
        placed = jax.device_put(model(), state_sharding(model(), mesh))
        with jax.set_mesh(mesh):
            yield f"tasks, {name(sizes)}", error(run(placed, frames, text), whole)


def vae_encode() -> Iterator[tuple[str, float]]:
    return _vae("encode", random(1, 5, 64, 64, 3))


def vae_decode() -> Iterator[tuple[str, float]]:
    return _vae("decode", random(1, 2, 16, 16, 4))


def _vae(part: str, x: np.ndarray) -> Iterator[tuple[str, float]]:
    """One clip of 5 x 64 x 64 pixels, split in space over all devices."""
    vae, mesh = model().vae, make_mesh(fsdp=2, tensor=2, sequence=2)
    run = jax.jit(lambda vae, x: getattr(vae, part)(x))
    expected = run(vae, x)
    args = jax.device_put((vae, x), NamedSharding(mesh, PartitionSpec()))
    with jax.set_mesh(mesh):
        yield "error", error(run(*args), expected)
        traffic = hlo.collectives(run.lower(*args).compile().as_text())
    yield "halo exchanges", traffic.pop("collective-permute").count
    yield "bytes gathered", sum(other.bytes for other in traffic.values())
    yield "bytes of the widest activation", 5 * 64 * 64 * CONFIG.vae.base_dim * 4


def splash() -> Iterator[tuple[str, float]]:
    """The TPU kernel, interpreted, inside `shard_map`: tokens, heads and clips all split."""
    kernel = functools.partial(attention_lib.splash, block=128, interpret=True)
    attention_lib.splash = kernel
    q, k, v = (random(2, 260, 4, 128, seed=seed) for seed in range(3))
    expected = attention_lib.attention(q, k[:, :250], v[:, :250], implementation="xla")
    for sizes in ({"data": 2, "tensor": 2, "sequence": 2}, {"data": 2, "sequence": 4}):
        with jax.set_mesh(make_mesh(**sizes)):
            ours = jax.jit(self_attention, static_argnums=(3, 4))(q, k, v, 250, "splash")
        yield f"splash, {name(sizes)}", error(ours, expected)


if __name__ == "__main__":
    assert jax.device_count() == 8
    result: dict[str, float] = {}
    for cases in sys.argv[1:]:
        result |= dict(globals()[cases]())
    print(json.dumps(result))

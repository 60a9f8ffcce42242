"""The FLOP formulas agree with the operations that JAX traces, and with the published totals."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import pytest
from flax import nnx
from jax.extend.core import jaxprs_in_params

from thfm_jax import flops
from thfm_jax.config import Compute, SparseConfig, preset
from thfm_jax.models.dit import Dit
from thfm_jax.models.thfm import Thfm
from thfm_jax.models.vae import Vae
from thfm_jax.ops.patches import patchify
from thfm_jax.ops.rope import grid_positions, rope_table

TINY = dataclasses.replace(preset("tiny"), sparse=SparseConfig(joints=5, hidden_dim=24))
WAN = preset("wan_1_3b")


def traced(function, *shapes) -> int:
    """FLOPs of the matmuls and convolutions in the jaxpr of `function`."""
    return _count(jax.make_jaxpr(function)(*shapes).jaxpr)


def _count(jaxpr) -> int:
    total = 0
    for equation in jaxpr.eqns:
        size = math.prod(equation.outvars[0].aval.shape)
        name, params = equation.primitive.name, equation.params
        if name == "dot_general":
            ((contracted, _), _) = params["dimension_numbers"]
            lhs = equation.invars[0].aval.shape
            total += 2 * size * math.prod(lhs[axis] for axis in contracted)
        elif name == "conv_general_dilated":
            kernel = equation.invars[1].aval.shape
            outputs = kernel[params["dimension_numbers"].rhs_spec[0]]
            total += 2 * size * math.prod(kernel) // outputs
        for inner in jaxprs_in_params(params):
            total += _count(inner) * params.get("length", 1)
    return total


def parts(make):
    return nnx.split(nnx.eval_shape(make))


def floats(*shape):
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def test_dit_forward_is_what_jax_traces():
    grid, L = (3, 8, 12), 20
    config = TINY.dit
    graph, state = parts(lambda: Dit(config, rngs=nnx.Rngs(0)))

    def forward(state, latents, timestep, text):
        dit = nnx.merge(graph, state)
        conditioning = dit.condition(timestep, text)
        rope = rope_table(grid_positions((3, 4, 6)), config.head_dim)
        x = dit.trunk(dit.embed(patchify(latents, config.patch)), conditioning, rope)
        return dit.project(x, conditioning)

    got = traced(
        forward, state, floats(1, *grid, config.channels), floats(1), floats(1, L, config.text_dim)
    )
    assert flops.dit_forward(config, grid, L) == got


@pytest.mark.parametrize("frames", [1, 9])
@pytest.mark.parametrize("chunk", [0, 1, 2])
@pytest.mark.parametrize("conv", ["native", "planes"])
def test_vae_is_what_jax_traces_however_it_runs(frames, chunk, conv):
    config, compute = TINY.vae, Compute(conv=conv, vae_chunk=chunk)
    graph, state = parts(lambda: Vae(config, compute, rngs=nnx.Rngs(0)))
    size = (frames, 24, 40)
    encode = traced(lambda s, x: nnx.merge(graph, s).encode(x), state, floats(1, *size, 3))
    # The planes leave out the empty frames before a clip, which a picture has most of.
    share = (1.0, 1.0) if conv == "native" else (0.3, 0.4) if frames == 1 else (0.7, 0.95)
    assert share[0] <= encode / flops.vae_encode(config, *size) <= share[1]
    latents = floats(1, *config.latent_grid(*size), config.z_dim)
    decode = traced(lambda s, z: nnx.merge(graph, s).decode(z), state, latents)
    assert share[0] <= decode / flops.vae_decode(config, *size) <= share[1]


def test_perceive_tasks_is_the_sum_of_its_parts():
    graph, state = parts(lambda: Thfm(TINY, Compute(conv="native"), rngs=nnx.Rngs(0)))
    size, L = (9, 32, 48), 8
    condition = lambda s, text: nnx.merge(graph, s).condition(text)
    conditioning = jax.eval_shape(condition, state, floats(1, L, TINY.dit.text_dim))

    def tasks(state, frames, conditioning):
        """Three tasks, two of them dense."""
        model = nnx.merge(graph, state)
        latents = model.encode(frames)
        outputs = [model.perceive(latents, conditioning) for _ in range(3)]
        return outputs, [model.vae.decode(output.latents) for output in outputs[:2]]

    frames = jax.ShapeDtypeStruct((1, *size, 3), jnp.uint8)
    want = traced(tasks, state, frames, conditioning)
    assert flops.perceive_tasks(TINY, *size, tasks=3, dense_tasks=2, text_tokens=L) == want


@pytest.mark.parametrize(
    "name, frames, height, width, tera",
    [
        ("wan_1_3b", 81, 480, 832, 283.0),
        ("wan_1_3b", 81, 720, 1280, 1249.8),
        ("wan_14b", 81, 480, 832, 1678.4),
        ("wan_14b", 81, 720, 1280, 6523.4),
    ],
)
def test_full_size_trunk(name, frames, height, width, tera):
    """The 14B's total at 480p is 785.5 linear, as diffusers' benchmark has it, and attention."""
    config = preset(name)
    grid = config.vae.latent_grid(frames, height, width)
    got = flops.dit_forward(config.dit, grid, config.dit.text_length)
    assert got / 1e12 == pytest.approx(tera, abs=0.06)


def test_full_size_vae():
    assert flops.vae_encode(WAN.vae, 81, 480, 832) / 1e12 == pytest.approx(163.7, abs=0.06)
    assert flops.vae_decode(WAN.vae, 81, 480, 832) / 1e12 == pytest.approx(275.4, abs=0.06)


@pytest.mark.parametrize(
    "kind, tera",
    [
        ("NVIDIA H200", 989),
        ("NVIDIA H100 80GB HBM3", 989),
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA A100-SXM4-40GB", 312),
        ("TPU v5 lite", 197),
        ("TPU v5", 459),
        ("TPU v6 lite", 918),
    ],
)
def test_peak_goes_by_the_longest_name_that_fits(kind, tera):
    assert flops.peak(kind) == tera * 1e12


@pytest.mark.parametrize("kind", ["cpu", "NVIDIA L40S", "TPU v5x", "NVIDIA H1000"])
def test_unknown_devices_have_no_peak(kind):
    assert flops.peak(kind) is None

"""Parameters are split as the rules say, and the result is the same on any mesh."""

import json
import os
import subprocess
import sys
import textwrap

import jax
import numpy as np
import pytest
from flax import nnx
from jax.sharding import AbstractMesh, AxisType, PartitionSpec

from thfm_jax import sharding
from thfm_jax.config import preset
from thfm_jax.models.dit import Dit


def mesh_of(**sizes) -> AbstractMesh:
    shape = tuple(sizes.get(axis, 1) for axis in sharding.AXES)
    return AbstractMesh(shape, sharding.AXES, axis_types=(AxisType.Auto,) * 4)


@pytest.mark.parametrize("name", ["wan_1_3b", "wan_14b"])
def test_no_device_holds_more_than_its_share(name):
    """fsdp 4 x tensor 2: what is not split eight ways, the small arrays, adds two per cent."""
    mesh = mesh_of(fsdp=4, tensor=2)
    state = nnx.state(nnx.eval_shape(lambda: Dit(preset(name).dit, rngs=nnx.Rngs(0))))
    total = held = 0
    for path, leaf in nnx.to_flat_state(state):
        spec = sharding.parameter_spec(path, leaf.shape, mesh)
        ways = np.prod([mesh.shape[axis] for axis in spec if axis], dtype=int)
        total += leaf.size
        held += leaf.size // ways
    assert held < total / 8 * 1.02


def test_queries_split_by_heads_and_outputs_gather_them():
    mesh = mesh_of(fsdp=2, tensor=2)
    path = ("blocks", "self_attention", "q", "kernel")
    spec = sharding.parameter_spec(path, (30, 1536, 1536), mesh)
    assert spec == PartitionSpec(None, "fsdp", "tensor")
    spec = sharding.parameter_spec((*path[:2], "o", "kernel"), (30, 1536, 1536), mesh)
    assert spec == PartitionSpec(None, "tensor", "fsdp")


def test_what_does_not_divide_stays_whole():
    path = ("blocks", "ffn", "up", "kernel")
    spec = sharding.parameter_spec(path, (2, 30, 64), mesh_of(fsdp=4, tensor=2))
    assert spec == PartitionSpec(None, None, "tensor")


def test_a_mesh_that_does_not_multiply_up():
    with pytest.raises(ValueError, match="a mesh of data 1, fsdp 3, tensor 1, sequence 1 needs 3"):
        sharding.make_mesh(fsdp=3, devices=jax.devices()[:1])


def test_the_forward_is_the_same_on_eight_devices():
    """In a process of its own, since the number of fake devices is fixed when JAX starts."""
    program = textwrap.dedent(
        """
        import json, jax, numpy as np
        from flax import nnx
        from thfm_jax.config import Compute, DitConfig
        from thfm_jax.models.dit import Dit
        from thfm_jax.ops.rope import grid_positions, rope_table
        from thfm_jax.sharding import make_mesh, parameter_sharding

        config = DitConfig(layers=2, heads=4, head_dim=16, ffn_dim=128, text_dim=32)
        dit = Dit(config, Compute(), rngs=nnx.Rngs(0))
        graph, state = nnx.split(dit)
        rope = rope_table(grid_positions((2, 3, 4)), 16)
        rng = np.random.default_rng(0)
        x, text = rng.standard_normal((4, 24, 64)), rng.standard_normal((4, 9, 32))

        @jax.jit
        def run(state, x, text):
            dit = nnx.merge(graph, state)
            return dit.trunk(x, dit.condition(np.full(1, 500.0), text), rope)

        x, text = x.astype("float32"), text.astype("float32")
        whole = run(state, x, text)
        errors = {}
        for sizes in ({"fsdp": 8}, {"tensor": 4, "fsdp": 2}, {"data": 2, "fsdp": 2, "tensor": 2}):
            mesh = make_mesh(**sizes)
            flat = [
                (path, jax.device_put(leaf, parameter_sharding(path, leaf.shape, mesh)))
                for path, leaf in nnx.to_flat_state(state)
            ]
            split = run(nnx.from_flat_state(flat), x, text)
            errors[str(sizes)] = float(np.linalg.norm(split - whole) / np.linalg.norm(whole))
        print(json.dumps(errors))
        """
    )
    flags = "--xla_force_host_platform_device_count=8"
    env = {**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags}
    done = subprocess.run(
        [sys.executable, "-c", program], env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    errors = json.loads(done.stdout.splitlines()[-1])
    assert len(errors) == 3
    assert max(errors.values()) < 1e-5, errors

"""The model computes on any mesh what it computes on one device: values and gradients."""

import json
import os
import subprocess
import sys

import pytest

from tests.unit import eight_devices

_FLAGS = "--xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0"


def on_eight_devices(*cases: str) -> dict[str, float]:
    """What those functions of `eight_devices` yield, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", eight_devices.__name__, *cases],
        env={**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": _FLAGS},
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_attention_with_a_kernel_that_xla_cannot_split():
    errors = on_eight_devices("splash")
    assert len(errors) == 2
    assert max(errors.values()) < 1e-5, errors


def test_weights_on_a_mesh_need_no_ambient_mesh():
    (error,) = on_eight_devices("weights_alone").values()
    assert error < 1e-5


@pytest.mark.slow
def test_loss_and_gradients_are_those_of_one_device():
    errors = on_eight_devices("losses")
    assert len(errors) == len(eight_devices.MESHES) + 1
    assert max(errors.values()) < 1e-5, errors


@pytest.mark.slow
def test_tasks_of_one_clip_are_those_of_one_device():
    errors = on_eight_devices("tasks")
    assert len(errors) == 2
    assert max(errors.values()) < 1e-5, errors


@pytest.mark.slow
@pytest.mark.parametrize("part", ["encode", "decode"])
def test_the_vae_splits_space_by_exchanging_halos(part):
    result = on_eight_devices(f"vae_{part}")
    assert result["error"] < 1e-5
    assert result["halo exchanges"] > 20
    # What else is sent, above all the keys of the attention within a frame, as a share of the
    # widest activation: gathering one of those would alone make 1.
    assert result["bytes gathered"] < 0.5 * result["bytes of the widest activation"]

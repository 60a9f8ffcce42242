"""The command compiles real programs for pods where libtpu is installed, and says how where not."""

import importlib.util
import json
import os
import subprocess
import sys
import textwrap

import pytest

from thfm_jax.config import preset

installed = importlib.util.find_spec("libtpu") is not None


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "config.py"
    file.write_text(
        textwrap.dedent(
            """
            import ml_collections

            def get_config():
                config = ml_collections.ConfigDict()
                config.model = "tiny"
                config.compute = {"dtype": "bfloat16", "vae_dtype": "bfloat16", "remat": "full"}
                config.loader = {
                    "sources": ({"kind": "live"},),
                    "buckets": ({"frames": 5, "height": 64, "width": 64, "batch": 2},),
                }
                config.mesh = {"data": 1, "fsdp": 2, "sequence": 2}
                return config
            """
        )
    )
    return file


def run(*arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "experiments.compile_topology", *map(str, arguments)]
    env = {**os.environ, "JAX_PLATFORMS": "cpu"}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=900)


@pytest.mark.skipif(installed, reason="libtpu is installed")
def test_without_the_compiler(config):
    done = run(f"--config={config}", "--topology=v5e:2x2")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        "error: compiling for TPUs needs their compiler: pip install "
    )


@pytest.mark.slow
@pytest.mark.skipif(not installed, reason="needs libtpu")
@pytest.mark.parametrize("program", ["train", "forward"])
def test_a_small_pod(config, program, tmp_path):
    output = tmp_path / "report.json"
    done = run(
        f"--config={config}",
        "--topology=v5e:2x2",
        f"--program={program}",
        "--tasks=2",
        f"--output={output}",
    )
    assert done.returncode == 0, done.stderr
    assert "| v5e:2x2 | fsdp 2 x sequence 2 |" in done.stdout
    (report,) = json.loads(output.read_text())
    assert report["device_kind"] == "TPU v5 lite"
    assert 0 < report["arguments"] < 1 << 30
    assert report["flops"] > 1e9
    # Four heads of tokens split in two: exchanged in every block, on top of gathered weights.
    assert report["collectives"]["all-to-all"]["count"] >= 4 * preset("tiny").dit.layers
    assert report["collectives"]["all-gather"]["bytes"] > 0


@pytest.mark.skipif(not installed, reason="needs libtpu")
def test_an_unknown_topology_and_a_mesh_that_does_not_fit(config):
    done = run(f"--config={config}", "--topology=v5e:3x5")
    assert done.returncode == 1
    assert "error: libtpu knows no topology v5e:3x5" in done.stderr
    done = run(f"--config={config}", "--topology=v5e:2x2", "--mesh=fsdp=3")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: a mesh of")
    assert "does not fit 4 devices" in done.stderr

"""CPU only, and shape annotations of `ops` and `models` checked at run time."""

import os
import subprocess
import sys

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# The models here are tiny, so that most of the time is LLVM's; half of it goes into optimising.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

from jaxtyping import install_import_hook

install_import_hook(["thfm_jax.ops", "thfm_jax.models"], "beartype.beartype")

import jax  # noqa: E402
import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

# The first example of a test often compiles something.
settings.register_profile("thfm", deadline=None)
settings.load_profile("thfm")


@pytest.fixture(scope="module", autouse=True)
def forget_programs():
    """Frees the programs that a module's tests compiled: together they take gigabytes."""
    yield
    jax.clear_caches()


@pytest.fixture(scope="session")
def pack():
    """The asset pack where `assets.load` looks for it; built once if it is missing."""
    from thfm_jax.data.synthetic import assets

    if not assets.default_path().exists():
        subprocess.run([sys.executable, "-m", "experiments.build_assets"], check=True)
    return assets.load()

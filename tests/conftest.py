"""CPU only, and shape annotations of `ops` and `models` checked at run time."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")

from jaxtyping import install_import_hook

install_import_hook(["thfm_jax.ops", "thfm_jax.models"], "beartype.beartype")

"""How many FLOPs a training step is worth: those that its clips and rows need.

The forward pass, the gradient of each product's input where something before it is trained, and
that of each matrix that is trained itself: three times the forward pass for a trunk trained whole.
What is computed again for the backward pass, and rows that count for nothing, are worth nothing; so
the share of the devices' peak that results is the usual MFU.
"""

from collections.abc import Mapping, Sequence

from thfm_jax import flops
from thfm_jax.config import ThfmConfig
from thfm_jax.ops.patches import patch_grid
from thfm_jax.tasks import TASKS
from thfm_jax.training import lora
from thfm_jax.training.checkpoint import by_path
from thfm_jax.training.recipe import Recipe
from thfm_jax.types import Batch, Pytree


class StepCost:
    """FLOPs of a recipe's steps, by the shape of their batch and what was drawn for it."""

    def __init__(
        self, recipe: Recipe, config: ThfmConfig, trained: Pytree, text_tokens: int, shares: int
    ):
        """Takes the trained parameters, or their shapes, and the tokens kept of prompts.

        Processes load `shares` different parts of a batch.
        """
        self._recipe, self._config, self._shares = recipe, config, shares
        self._trained = {path: leaf.shape for path, leaf in by_path(trained).items()}
        self._text_tokens = text_tokens

    def __call__(self, batch: Batch, figures: Mapping[str, float]) -> float:
        """FLOPs of the whole step of this process's part of a batch, with the step's figures."""
        clips, *size = batch.clip.frames.shape[:4]
        clips *= self._shares
        if self._recipe.objective.stage == "vae":
            videos = clips * (1 + self._recipe.objective.tasks_per_clip)
            return videos * 3 * (self._encode(size) + self._decode(size))
        # Figures are means over the pieces of a batch.
        count = lambda name: figures.get(f"{name}/rows", 0.0) * self._recipe.accumulate
        rows = {name: count(name) for name in TASKS}
        dense = sum(n for name, n in rows.items() if TASKS[name].kind == "dense")
        total = sum(rows.values()) * self._row(size)
        if self._recipe.objective.stage == "pixel":
            total += dense * self._decoded(size)
        elif batch.latents is None:
            total += dense * self._encode(size)
        return total + (clips * self._encoded(size) if batch.latents is None else 0)

    def _encode(self, size: Sequence[int]) -> int:
        return flops.vae_encode(self._config.vae, *size)

    def _decode(self, size: Sequence[int]) -> int:
        return flops.vae_decode(self._config.vae, *size)

    def _encoded(self, size: Sequence[int]) -> int:
        """An encode and, where it is trained, its gradients."""
        return (3 if self._trains("vae/encoder/") else 1) * self._encode(size)

    def _decoded(self, size: Sequence[int]) -> int:
        """A decode and its gradients. Attention has no matrices: each product has two gradients."""
        attention = flops.decoder_attention(self._config.vae, *size)
        passes = 2 + self._trains("vae/decoder/")
        return passes * (self._decode(size) - attention) + 3 * attention

    def _trains(self, part: str) -> bool:
        return any(path.startswith(part) for path in self._trained)

    def _row(self, size: Sequence[int]) -> float:
        """The trunk, its prompt and the keypoints' read-out for one row, with their gradients."""
        c, L = self._config, self._text_tokens
        Tp, Hp, Wp = patch_grid(c.vae.latent_grid(*size), c.dit.patch)
        N, K = Tp * Hp * Wp, Tp * c.sparse.joints
        total: float = 3 * flops.dit_attention(c.dit, N + K, L)
        for name, forward in flops.dit_matrices(c.dit, N + K, N, L).items():
            total += (1 + self._reached(name) + self._has(f"dit/{name}/kernel")) * forward
            total += self._adapter(name, forward)
        stride = c.vae.temporal_stride
        for name, forward in flops.sparse_read_out(
            c.sparse, c.dit.dim, (Tp, Hp, Wp), stride
        ).items():
            # Both factors of the weights have gradients, the patches' centres have none.
            matrix = self._has(f"sparse/{name}/kernel")
            total += (2 + (matrix or name == "weights")) * forward
        if self._recipe.train_text:
            total += 3 * flops.text_encoder(c.text, L)
        return total

    def _adapter(self, name: str, forward: int) -> float:
        """What the low-rank change of a matrix adds to its `forward`, if there is one."""
        a, b = (self._trained.get(f"dit/{name}/{part}") for part in (lora.A, lora.B))
        if a is None or b is None:
            return 0.0
        (inputs, rank), outputs = a[-2:], b[-1]
        return forward * rank * ((2 + self._reached(name)) / outputs + 3 / inputs)

    def _reached(self, name: str) -> bool:
        """Whether anything before this matrix is trained, so that its input has a gradient."""
        embedding = [f"text_embedding/linear_{n}" for n in (1, 2)]
        if name == "patch_embedding":
            return self._trains("vae/encoder/")
        if name in embedding:
            before = embedding[: embedding.index(name)]
        elif name in ("blocks/cross_attention/k", "blocks/cross_attention/v"):
            before = embedding
        else:  # the tokens of the keypoints come before all others
            return True
        return self._recipe.train_text or any(self._has(f"dit/{e}/kernel") for e in before)

    def _has(self, path: str) -> bool:
        return path in self._trained

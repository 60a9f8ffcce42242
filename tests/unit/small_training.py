"""A small model, its prompts and a batch, for tests of training."""

import functools

import jax
import numpy as np
from flax import nnx

from thfm_jax.config import DitConfig, SparseConfig, TextConfig, ThfmConfig, VaeConfig
from thfm_jax.data.prompts import ByteTokenizer
from thfm_jax.models.thfm import Thfm
from thfm_jax.models.umt5 import Umt5Encoder
from thfm_jax.training.wordings import Wordings, task_texts, wordings
from thfm_jax.types import Batch, Clip, Pytree, Target

SMALL = ThfmConfig(
    name="small",
    dit=DitConfig(
        layers=2, heads=2, head_dim=16, ffn_dim=64, text_dim=16, text_length=64, freq_dim=16
    ),
    vae=VaeConfig(base_dim=4, latent_mean=(0.0,) * 16, latent_std=(1.0,) * 16),
    text=TextConfig(layers=1, dim=16, heads=2, head_dim=8, ffn_dim=32, vocab_size=384),
    sparse=SparseConfig(hidden_dim=16),
)
B, T, SIZE = 2, 5, 32


@functools.cache
def parameters() -> Pytree:
    """Random parameters of all parts."""
    rngs = lambda: nnx.Rngs(jax.random.key(0, impl="rbg"))
    parts = nnx.to_pure_dict(nnx.state(nnx.jit(lambda: Thfm(SMALL, rngs=rngs()))()))
    encoder = nnx.jit(lambda: Umt5Encoder(SMALL.text, rngs=rngs()))()
    return {**parts, "text_encoder": nnx.to_pure_dict(nnx.state(encoder))}


def prompts() -> Wordings:
    """All wordings of all tasks, as token ids."""
    return wordings(task_texts(paraphrases=True), ids, SMALL.dit.text_length)


def ids(text: str) -> np.ndarray:
    tokens, mask = ByteTokenizer()([text], SMALL.dit.text_length)
    return np.asarray(tokens[0][mask[0]], np.int32)


def a_batch(seed: int = 0) -> Batch:
    rng = np.random.default_rng(seed)
    foreground = np.zeros((B, T, SIZE, SIZE), bool)
    foreground[:, :, 8:24, 8:24] = True
    normals = rng.normal(size=(B, T, SIZE, SIZE, 3))
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    points = rng.uniform(0, SIZE, (B, T, 52, 2))
    seen = rng.integers(0, 2, (B, T, 52, 1))
    known = np.ones((B, T, 52), bool)
    dense = {
        "depth": rng.uniform(1, 2, (B, T, SIZE, SIZE, 1)),
        "normals": normals,
        "matte": foreground[..., None],
        "densepose": 0.5 * normals,
    }
    targets = {name: Target(value.astype(np.float32), foreground) for name, value in dense.items()}
    targets["keypoints2d"] = Target(np.concatenate([points, seen], -1).astype(np.float32), known)
    targets["keypoints3d"] = Target(rng.normal(size=(B, T, 52, 3)).astype(np.float32), known)
    frames = rng.integers(0, 256, (B, T, SIZE, SIZE, 3)).astype(np.uint8)
    return Batch(Clip(frames, np.full(B, 24, np.float32)), targets)

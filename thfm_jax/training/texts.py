"""A text encoder learns to tell tasks by their wordings, before a trunk learns to listen to it.

Text alone is needed, and minutes on a CPU. The features of a wording, averaged over its tokens, get
a high cosine with those of its own task's prompt and a low one with those of all others; those of a
text that asks for none of the tasks get a low one with all. Nothing is added to the encoder: a
classifier's weights are the prompts' own features, as in Radford et al., "Learning transferable
visual models from natural language supervision", 2021, and the logit of no task is a constant.
"""

import dataclasses
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Bool, Float, Int

from thfm_jax import checkpoints
from thfm_jax.asking import TaskFinder, encode_texts, encoder_of, load_tokenizer
from thfm_jax.checkpoints import TEXT_ENCODER
from thfm_jax.config import PRESETS, TextConfig, ThfmConfig, preset
from thfm_jax.data.prompts import Tokenizer, save_features
from thfm_jax.models.umt5 import Umt5Encoder, sentence
from thfm_jax.tasks import TASKS
from thfm_jax.training.optimizer import OptimizerConfig, make_optimizer
from thfm_jax.training.phrasing import NONE, SUBJECTS, phrase, slip
from thfm_jax.training.start import random_part
from thfm_jax.training.unseen_wordings import UNSEEN
from thfm_jax.types import Array, Pytree

# Cosine with a task's prompt from which a text asks for that task. It is trained to be _BOUNDARY,
# but words that were not learned leave a wording below that more often than they lift others to it.
THRESHOLD = 0.45
_BOUNDARY = 0.5
# Of the cosines before the softmax: one that is 0.25 above all others and the threshold has odds of
# e^4, and the loss asks for little more.
_SCALE = 16.0
# Batches whose wordings are drawn together.
_SORTED = 16

# To make words of bytes, positions have to matter: a bias that begins near 0 has to reach values
# like 5, and bytes' embeddings begin at 1, where matrices begin at 0.1.
_OPTIMIZER = OptimizerConfig(
    learning_rate=1e-3, warmup_steps=50, groups={"relative_bias": 60.0, "token_embedding": 20.0}
)

Progress = Callable[[int, float], None]


@dataclasses.dataclass(frozen=True)
class TextRecipe:
    """How a text encoder is trained.

    Attributes:
      steps: of the optimiser.
      batch: wordings in a step.
      none: share of them that ask for no task.
      own: share of the others that are a task's own prompt or paraphrases.
      seed: of the weights and of the wordings.
      optimizer: see `OptimizerConfig`.
    """

    steps: int = 3000
    batch: int = 64
    none: float = 0.35
    own: float = 0.1
    seed: int = 0
    optimizer: OptimizerConfig = _OPTIMIZER


class Asked(NamedTuple):
    """Token ids, True where a token is, and the index in `SUBJECTS` of what is asked for."""

    ids: Int[Array, "B L"]
    mask: Bool[Array, "B L"]
    subjects: Int[Array, "B"]


def train(
    recipe: TextRecipe,
    config: TextConfig,
    params: Pytree,
    tokenizer: Tokenizer,
    length: int,
    progress: Progress | None = None,
) -> Umt5Encoder:
    """The trained encoder, of `config` with the threshold that `TaskFinder` needs.

    Args:
      recipe: how.
      config: of the encoder.
      params: nested dict of its float32 parameters.
      tokenizer: the one that belongs to it.
      length: tokens of the longest wording.
      progress: called after each step with its number and loss.
    """
    config = dataclasses.replace(config, threshold=THRESHOLD)
    optimizer = make_optimizer(recipe.optimizer, recipe.steps)
    own = [task.prompt for task in TASKS.values()]
    prompts = _asked(*tokenizer(own, length), np.arange(len(TASKS)))

    @jax.jit
    def step(params, state, batch):
        loss = lambda params: objective(encoder_of(config, params), prompts, batch)
        value, gradients = jax.value_and_grad(loss)(params)
        updates, state = optimizer.update(gradients, state, params)
        return optax.apply_updates(params, updates), state, value

    state = optimizer.init(params)
    drawn = itertools.islice(batches(recipe, tokenizer, length), recipe.steps)
    for number, batch in enumerate(drawn, 1):
        params, state, loss = step(params, state, batch)
        if progress:
            progress(number, float(loss))
    return encoder_of(config, params)


def train_model(
    recipe: TextRecipe, model: str | Path, output: Path, progress: Progress | None = None
) -> dict[str, float]:
    """Trains a model's text encoder and returns how many of `UNSEEN` it has `right`.

    Args:
      recipe: how.
      model: a preset, whose text encoder is made from scratch, or a model directory, whose other
        parts are kept. The trunk has to learn anew to listen to it, so the model written does not
        count as trained.
      output: model directory to write, whole or not at all.
      progress: as of `train`.

    Raises:
      CheckpointError: `model` is neither, or a directory without text encoder.
      ValueError: `output` exists.
    """
    if output.exists():
        raise ValueError(f"{output} exists: give a new folder")
    source = None if str(model) in PRESETS else Path(model)
    c = checkpoints.load_config(source) if source else preset(str(model))
    tokenizer = load_tokenizer(source, c)
    make = lambda: random_part(c, TEXT_ENCODER, jax.random.key(recipe.seed, impl="rbg"))
    params = checkpoints.restore(source, TEXT_ENCODER, jax.eval_shape(make)) if source else make()
    encoder = train(recipe, c.text, params, tokenizer, c.dit.text_length, progress)
    shares = right(TaskFinder(encoder, tokenizer, THRESHOLD), UNSEEN)
    manifest = {"trained": False, "start": str(model), "steps": recipe.steps, "unseen": shares}
    _save(output, source, c, encoder, tokenizer, manifest)
    return shares


def objective(encoder: Umt5Encoder, prompts: Asked, batch: Asked) -> Float[Array, ""]:
    """Mean cross-entropy of what the wordings of a batch ask for; `prompts` are the tasks' own."""
    tasks, wordings = (sentence(encoder(x.ids, x.mask), x.mask) for x in (prompts, batch))
    cosines = jnp.pad(wordings @ tasks.T, ((0, 0), (0, 1)), constant_values=_BOUNDARY)
    losses = optax.softmax_cross_entropy_with_integer_labels(_SCALE * cosines, batch.subjects)
    return losses.mean()


def batches(recipe: TextRecipe, tokenizer: Tokenizer, length: int) -> Iterator[Asked]:
    """The wordings of each step; the same for the same recipe.

    Those of a batch are about as long as one another, so that little of it is padding: a few
    batches' wordings are drawn at a time and sorted.
    """
    limit = length - 1  # The end token takes one; no other stands for less than a byte.
    share = np.array([*[(1 - recipe.none) / len(TASKS)] * len(TASKS), recipe.none])
    for number in itertools.count():
        rng = np.random.default_rng([recipe.seed, number])
        subjects = rng.choice(len(SUBJECTS), (_SORTED, recipe.batch), p=share).reshape(-1)
        texts = [_wording(SUBJECTS[subject], recipe.own, rng, limit) for subject in subjects]
        ids, mask = tokenizer(texts, length)
        order = np.argsort(mask.sum(axis=1), kind="stable").reshape(_SORTED, -1)
        for rows in rng.permutation(order):
            yield _asked(ids[rows], mask[rows], subjects[rows])


def right(find: TaskFinder, texts: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Subject -> share of its texts that are taken for it; that of "none" are told to be none."""
    shares = {}
    for subject, asking in texts.items():
        near = find.similarities(asking)
        found = np.where(near.max(axis=1) < find.threshold, len(TASKS), near.argmax(axis=1))
        shares[subject] = float(np.mean(found == SUBJECTS.index(subject)))
    return shares


def _save(
    output: Path,
    source: Path | None,
    c: ThfmConfig,
    encoder: Umt5Encoder,
    tokenizer: Tokenizer,
    manifest: dict[str, Any],
) -> None:
    """Writes the model directory: what `source` has of other parts, and all about text anew."""
    parts = {TEXT_ENCODER, *(checkpoints.present_parts(source) if source else ())}
    prompts = {name: task.prompt for name, task in TASKS.items()}
    features = encode_texts(encoder, tokenizer, prompts, c.dit.text_length)
    with checkpoints.changed(source, output, [TEXT_ENCODER]) as folder:
        checkpoints.save(folder, TEXT_ENCODER, nnx.to_pure_dict(nnx.state(encoder)))
        checkpoints.save_config(folder, dataclasses.replace(c, text=encoder.config), parts)
        save_features(folder / checkpoints.PROMPTS, features)
        (folder / checkpoints.MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")


def _wording(subject: str, own: float, rng: np.random.Generator, limit: int) -> str:
    if subject != NONE and rng.random() < own:
        task = TASKS[subject]
        texts = [task.prompt, *task.paraphrases]
        text = str(rng.choice([text for text in texts if len(text.encode()) <= limit]))
    else:
        text = phrase(subject, rng, limit)
    return slip(text, rng, limit)


def _asked(ids: np.ndarray, mask: np.ndarray, subjects: np.ndarray) -> Asked:
    """All without the padding that no row needs; steps of 16 keep the number of shapes low."""
    used = -(-mask.sum(axis=1).max() // 16) * 16
    return Asked(jnp.asarray(ids[:, :used]), jnp.asarray(mask[:, :used]), jnp.asarray(subjects))

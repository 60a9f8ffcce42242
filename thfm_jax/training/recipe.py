"""A whole training as plain data: what is trained, on what, how long, and on which mesh."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import ml_collections

from thfm_jax import config as config_lib
from thfm_jax.config import Compute
from thfm_jax.data.loader import LoaderConfig
from thfm_jax.training import lora
from thfm_jax.training.lora import LoraConfig
from thfm_jax.training.optimizer import OptimizerConfig
from thfm_jax.training.step import Objective

FROZEN_VAE = "^vae/"


@dataclasses.dataclass(frozen=True)
class MeshConfig:
    """Sizes of the mesh's axes; -1, of one of them at most, takes what devices the others leave."""

    data: int = -1
    fsdp: int = 1
    tensor: int = 1
    sequence: int = 1

    def sizes(self, devices: int) -> dict[str, int]:
        """The sizes for so many devices; ValueError where they do not multiply up to them."""
        sizes = dataclasses.asdict(self)
        free = [axis for axis, size in sizes.items() if size == -1]
        fixed = 1
        for size in sizes.values():
            fixed *= size if size != -1 else 1
        if len(free) > 1 or fixed < 1 or devices % fixed:
            shown = ", ".join(f"{axis} {size}" for axis, size in sizes.items())
            raise ValueError(
                f"a mesh of {shown} does not fit {devices} devices: the sizes multiply up to that "
                "number, and one of them may be -1, for what the others leave"
            )
        return {axis: devices // fixed if axis in free else size for axis, size in sizes.items()}


@dataclasses.dataclass(frozen=True)
class Every:
    """Steps between what the loop does now and then; 0 for never.

    `keep` checkpoints stay, the latest, and one of every `keep_each` steps for ever.
    """

    log: int = 10
    save: int = 500
    evaluate: int = 1000
    pictures: int = 1000
    keep: int = 3
    keep_each: int = 0


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A training.

    Attributes:
      model: preset whose sizes a model from scratch has; unused where `start` is given.
      start: model directory that gives the weights: converted, or trained before; "" for random
        ones. Parts that it lacks are random.
      steps: of the optimiser.
      seed: of weights, of what is drawn in steps, and of nothing else: the loader has its own.
      frozen: regular expressions of parameters that are not trained, on "part/path/to/it"; the
        stage "vae" trains the VAE and nothing else.
      lora: low-rank adapters instead of training the trunk's matrices; None for none.
      objective: see `step.Objective`.
      optimizer: see `OptimizerConfig`.
      accumulate: pieces in which a batch goes through the model.
      average_decay: of the moving average of the weights, which is what is kept; 0 for none.
      train_text: train the text encoder too, on token ids; else its features are constants.
      paraphrases: draw from the tasks' paraphrases as well as from their prompts.
      phrasings: wordings of each task that `phrasing` makes and that are drawn from as well; the
        prompt itself is a quarter then.
      compute: dtypes, attention, what is kept for the backward pass.
      mesh: of devices.
      loader: of training batches.
      evaluation: of the clips that are evaluated on; None for none.
      every: see `Every`.
      worst_loss: a larger loss counts as a failed step.
      failures: failed steps in a row after which the training stops.
    """

    loader: LoaderConfig
    model: str = "tiny"
    start: str = ""
    steps: int = 10_000
    seed: int = 0
    frozen: tuple[str, ...] = (FROZEN_VAE,)
    lora: LoraConfig | None = None
    objective: Objective = dataclasses.field(default_factory=Objective)
    optimizer: OptimizerConfig = dataclasses.field(default_factory=OptimizerConfig)
    accumulate: int = 1
    average_decay: float = 0.999
    train_text: bool = False
    paraphrases: bool = False
    phrasings: int = 0
    compute: Compute = Compute()
    mesh: MeshConfig = MeshConfig()
    evaluation: LoaderConfig | None = None
    every: Every = Every()
    worst_loss: float = float("inf")
    failures: int = 10

    def __post_init__(self):
        if self.steps < 1 or self.accumulate < 1 or self.failures < 1:
            raise ValueError("steps, accumulate and failures are at least 1")
        if not 0 <= self.average_decay < 1:
            raise ValueError(f"average_decay is in [0, 1), not {self.average_decay}")
        if self.objective.stage == "latent" and FROZEN_VAE not in self.frozen:
            raise ValueError(
                "the latent stage learns the latents of a fixed VAE: let frozen have "
                f"{FROZEN_VAE!r}, or train the VAE with the rest in the pixel stage"
            )
        if self.loader.latents:
            self._check_latents()

    def _check_latents(self) -> None:
        """Refuses what cannot be trained from cached latents."""
        if self.objective.stage != "latent":
            raise ValueError(
                f"the {self.objective.stage} stage needs frames and maps themselves, which cached "
                'latents do not hold: set loader.latents to "", or objective.stage to "latent"'
            )
        if self.evaluation and self.evaluation.latents:
            raise ValueError("evaluation needs frames: it cannot read cached latents")

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of the model that steps and evaluation compute with."""
        vae = ("vae",) if self.evaluation or not self.loader.latents else ()
        return ("dit", *vae, "sparse", *(("text_encoder",) if self.train_text else ()))

    @property
    def fixed(self) -> tuple[str, ...]:
        """Patterns of the parameters of `parts` that are not trained."""
        if self.objective.stage == "vae":
            return ("^(?!vae/)",)
        patterns = [p for p in self.frozen if p != FROZEN_VAE or "vae" in self.parts]
        return (*patterns, *(lora.frozen_besides(self.lora) if self.lora else ()))


def with_defaults(config: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
    """A configuration with every entry of a recipe, so that a command line can set any of them."""
    return ml_collections.ConfigDict(config_lib.complete(Recipe, config.to_dict()))


def from_config(config: ml_collections.ConfigDict | Mapping[str, Any]) -> Recipe:
    """The recipe that a configuration file describes; ValueError names a misspelt key.

    An entry "data", which a command line changes more easily than what lies in lists, is the path
    of all stored sources that name none.
    """
    plain = config.to_dict() if isinstance(config, ml_collections.ConfigDict) else dict(config)
    data = plain.pop("data", None)
    for part in ("loader", "evaluation"):
        if data and plain.get(part):
            plain[part] = _reading(plain[part], data)
    return config_lib.build(Recipe, plain)


def _reading(given: Mapping[str, Any], data: str) -> dict[str, Any]:
    """A loader's entries with a path for the stored sources that have none."""
    where = lambda source: {} if source.get("kind") == "live" else {"path": data}
    return {**given, "sources": [{**where(s), **s} for s in given.get("sources", ())]}


def to_json(recipe: Recipe) -> str:
    """JSON text that tells two recipes apart."""
    return json.dumps(dataclasses.asdict(recipe), indent=2, sort_keys=True, default=str) + "\n"

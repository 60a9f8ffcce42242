"""A clip in, predictions out: at the source's resolution and frame count, in physical units.

source frames -> windows -> fitted frames, or where people are small a rectangle that follows them
-> jitted calls -> decoded maps and keypoints -> joined windows at the source's size
"""

import contextlib
import functools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import Mesh
from jaxtyping import Array, Float, UInt8

from thfm_jax import asking, checkpoints, config, following
from thfm_jax.config import Compute, ThfmConfig
from thfm_jax.data.prompts import ByteTokenizer, load_features
from thfm_jax.data.transforms import FitMap, fit_map, pad_frames
from thfm_jax.following import View
from thfm_jax.joining import Joiner, Values
from thfm_jax.models.sparse import KeypointTokens
from thfm_jax.models.thfm import Thfm, fold_padding
from thfm_jax.models.umt5 import Umt5Encoder
from thfm_jax.ops import windows
from thfm_jax.ops.smoothing import whittaker
from thfm_jax.sharding import parameter_sharding
from thfm_jax.tasks import TASKS, lookup
from thfm_jax.types import Clip, Conditioning, ModelOutput, Predictions

DEFAULT_MODEL = "thfm-tiny"
_ASSETS = Path(__file__).parent / "data" / "assets"
SHIPPED = _ASSETS / DEFAULT_MODEL
SAMPLE = _ASSETS / "sample.mp4"
_RANDOM = "tiny"

# For a model that sees each frame by itself.
STILLS = 33  # frames of a window
STIFFNESS = 1.0  # of a sure joint's path against bending: sways of six frames are damped by half
_UNSURE = 0.01  # added to joints' confidence, so that all have some


class Predictor:
    """A model ready to use: `predictor(clip, tasks=["depth"]) -> Predictions`.

    Attributes:
      config: of the model.
      name: of the model.
      trained: False where any weight is random, or has not learned to perceive.
      prompts: task name -> the text that asks for it.
    """

    def __init__(
        self,
        model: Thfm,
        prompts: Mapping[str, tuple[str, Float[np.ndarray, "n D"]]],
        *,
        name: str,
        trained: bool,
        fold: bool = True,
        mesh: Mesh | None = None,
        directory: Path | None = None,
    ):
        """Takes the model and, for every task, its prompt's text and unpadded features.

        `fold` computes now what is constant for these weights and prompts, instead of in each call.
        With a `mesh`, on which the weights lie, a clip's tokens, heads and pixels are split too.
        `task_of` needs the model's `directory`, where its text encoder lies.
        """
        self._mesh, self._directory = mesh, directory
        self.config, self.name, self.trained = model.config, name, trained
        self.prompts = {task: prompts[task][0] for task in TASKS}
        self._graph, self._state = nnx.split(model)
        features = [prompts[task][1] for task in TASKS]
        self._prompt: Array | Conditioning = self._padded(features)
        if fold:
            condition = jax.jit(lambda state, text: nnx.merge(self._graph, state).condition(text))
            with self._on_mesh():
                conditioning = condition(self._state, self._prompt)
            self._prompt = fold_padding(conditioning, [len(rows) for rows in features])
        self.compiled = jax.jit(self._perceive)

    def __call__(
        self,
        clip: Clip | UInt8[np.ndarray, "T H W 3"],
        tasks: str | Sequence[str] = "all",
        *,
        area: int | None = None,
        length: int | None = None,
        overlap: int | None = None,
        follow: bool = True,
    ) -> Predictions:
        """What the tasks predict for a clip, or for frames [T, H, W, 3] uint8, sRGB.

        The arguments are those of `stream`. Raises ValueError for an unknown task or frames of
        another shape.
        """
        frames, fps = (clip.frames, float(clip.fps)) if isinstance(clip, Clip) else (clip, 0.0)
        frames = np.asarray(frames)
        stream = self.stream(
            frames, tasks, area=area, length=length, overlap=overlap, follow=follow
        )
        blocks = [block for _, block in stream]
        values = {task: np.concatenate([b[task] for b in blocks]) for task in blocks[0]}
        return Predictions(values, fps=fps, model=self.name, trained=self.trained)

    def stream(
        self,
        frames: Iterable[UInt8[np.ndarray, "H W 3"]],
        tasks: str | Sequence[str] = "all",
        *,
        area: int | None = None,
        length: int | None = None,
        overlap: int | None = None,
        everywhere: bool = False,
        follow: bool = True,
    ) -> Iterator[tuple[UInt8[np.ndarray, "t H W 3"], Values]]:
        """Blocks of frames and what is predicted for them, for a video of any length.

        Args:
          frames: uint8, sRGB, all of one size.
          tasks: "all", a comma-separated list or a sequence of names.
          area: pixels of the fitted frames, about; the config's by default.
          length: frames of a window, which the model sees at a time, or, if it was made for single
            ones, each by itself; the config's or `STILLS` by default.
          overlap: frames that two windows share; a fifth of the length by default.
          everywhere: keep what is predicted where the matte shows no person: to be scored, a
            prediction has to have a value wherever the truth has one.
          follow: where people are small, predict a rectangle that follows them; see `following`.
            Outside of it nothing is predicted, `everywhere` or not.

        Yields:
          The next source frames, and task name -> array as in `types.Predictions`.
        """
        length, overlap = self.window(length, overlap)
        area = area or self.config.clip_area
        joiner = Joiner(lookup(tasks), overlap, everywhere=everywhere)
        square = fit_map(1, 1, self.config.size_multiple, area).size[0]
        held: list[np.ndarray] = []
        stop = 0
        for window, block in windows.stream(_checked(frames), length, overlap):
            held.extend(block[stop - window.start :])
            stop = window.stop
            whole = fit_map(block.shape[1], block.shape[2], self.config.size_multiple, area)
            look = functools.partial(self._look, block)
            if follow:
                view, values = _followed(look, whole, square, joiner.tasks)
            else:
                view, values = whole, look(whole, joiner.tasks)
            ready = joiner.add(window, values, view)
            count = len(next(iter(ready.values())))
            if count:
                yield np.stack(held[:count]), ready
                held = held[count:]
        if held:
            yield np.stack(held), joiner.finish()

    def window(self, length: int | None = None, overlap: int | None = None) -> tuple[int, int]:
        """Length and overlap of the windows in frames, with the defaults for what is None."""
        length = length or (STILLS if self._alone else self.config.clip_frames)
        return length, length // 5 if overlap is None else overlap

    def outputs(
        self, frames: UInt8[Array | np.ndarray, "B T H W 3"], tasks: Sequence[str]
    ) -> ModelOutput:
        """Raw network values for clips of a size that the model accepts, with a leading task axis.

        One call of one compiled program, whichever the tasks.
        """
        names = list(TASKS)
        rows = np.zeros(len(names), np.int32)
        rows[: len(tasks)] = [names.index(task) for task in tasks]
        with self._on_mesh():
            output = self.compiled(self._state, self._prompt, frames, rows, len(tasks))
        return jax.tree.map(lambda x: x[: len(tasks)], output)

    def task_of(self, text: str) -> str:
        """The task that a text asks for: "depth" for "how far each pixel is".

        The prediction itself answers `prompts`; `load(prompts={task: text})` asks in these words.

        Raises ValueError where it asks for none of the tasks, and where the model's text encoder
        was not trained to tell.
        """
        return self._finder(text)

    @property
    def _alone(self) -> bool:
        """Whether the model was made for single frames."""
        return self.config.clip_frames == 1

    @functools.cached_property
    def _finder(self) -> asking.TaskFinder:
        if self._directory is None:
            raise asking.untrained(self.name)
        return asking.load_finder(self._directory)

    def _on_mesh(self) -> contextlib.AbstractContextManager:
        return jax.set_mesh(self._mesh) if self._mesh else contextlib.nullcontext()

    def _perceive(self, state, prompt, frames, rows, count):
        model = nnx.merge(self._graph, state)
        dense = jnp.array([spec.kind == "dense" for spec in TASKS.values()])
        folded = isinstance(prompt, Conditioning)
        conditioning = prompt if folded else model.condition(prompt)
        return model.perceive_tasks(frames, conditioning, dense, rows, count)

    def _look(self, frames: np.ndarray, view: View, tasks: Sequence[str]) -> Values:
        """Decoded predictions for what a view shows of source frames, in its pixels."""
        shown = view.fit_frames(frames)
        stride = self.config.vae.temporal_stride
        clips = shown[:, None] if self._alone else pad_frames(shown, stride)[0][None]
        output = self.outputs(clips, tasks)
        values = {}
        for row, task in enumerate(tasks):
            spec = TASKS[task]
            raw: Any = output.dense if spec.kind == "dense" else output.sparse
            raw = raw[row].reshape(-1, *raw.shape[3:])[: len(shown)]
            size = () if spec.kind == "dense" else (shown.shape[1:3],)
            values[task] = np.asarray(spec.decode(raw, *size))
        return {t: _steadied(t, x) for t, x in values.items()} if self._alone else values

    def _padded(self, features: Sequence[np.ndarray]) -> Float[Array, "tasks L D"]:
        dit = self.config.dit
        text = np.zeros((len(features), dit.text_length, dit.text_dim), np.float32)
        for row, rows in zip(text, features, strict=True):
            row[: len(rows)] = rows
        return jnp.asarray(text)


def load(
    model: str | Path = DEFAULT_MODEL,
    *,
    compute: Compute | None = None,
    prompts: Mapping[str, str] | None = None,
    fold: bool = True,
    mesh: Mesh | None = None,
) -> Predictor:
    """The `Predictor` of a model.

    Args:
      model: a directory that `experiments.convert` or training wrote; "thfm-tiny", the trained
        model that comes with this package; or "tiny", its preset with random weights.
      compute: how to run it; None takes float32 on CPUs and bfloat16 elsewhere.
      prompts: task name -> text to use instead of the task's own prompt; needs the text encoder.
      fold: see `Predictor`.
      mesh: devices to spread a model directory's weights and the work on a clip over, each weight
        read straight to its place; None takes the default device.

    Raises:
      CheckpointError: the directory is no model, or a part of it is missing or does not fit.
      ValueError: the name is unknown, or a prompt is too long or for no task.
    """
    compute = compute or default_compute()
    texts = {name: task.prompt for name, task in TASKS.items()}
    for name in prompts or {}:
        lookup(name)
    texts.update(prompts or {})
    if str(model) == _RANDOM:
        return _random(config.preset("tiny"), compute, texts, fold)
    return _restored(_directory(model), compute, texts, fold, mesh)


def tasks_asked(texts: Sequence[str], model: str | Path = DEFAULT_MODEL) -> dict[str, str]:
    """Task -> text, of texts that ask for one task each: prompts for `load`.

    Raises ValueError as `Predictor.task_of` and `load`, and where two texts ask for one task.
    """
    if str(model) == _RANDOM:
        raise asking.untrained(f"{model} (random)")
    find = asking.load_finder(_directory(model))
    asked: dict[str, str] = {}
    for text in texts:
        task = find(text)
        if task in asked:
            raise ValueError(f"{asked[task]!r} and {text!r} both ask for {task}: give one of them")
        asked[task] = text
    return asked


def _followed(
    look: Callable[[View, Sequence[str]], Values], whole: FitMap, square: int, tasks: Sequence[str]
) -> tuple[View, Values]:
    """Where people are, and at least the predictions of `tasks` for it."""
    view, values = following.find(whole, square, lambda view: look(view, following.TASKS))
    rest = [task for task in tasks if task not in values]
    return view, (values | look(view, rest) if rest else values)


def _steadied(task: str, values: np.ndarray) -> np.ndarray:
    """Keypoints [T, K, 3] that a model which knows no time gave, as those who move have them."""
    if TASKS[task].kind == "dense":
        return values
    if task == "keypoints3d":
        return whittaker(values, np.ones(values.shape[:2]), STIFFNESS).astype(np.float32)
    xy, confidence = values[..., :2], values[..., 2:]
    xy = whittaker(xy, confidence[..., 0] + _UNSURE, STIFFNESS)
    return np.concatenate([xy, confidence], axis=-1, dtype=np.float32)


def default_compute() -> Compute:
    """float32 on CPUs, bfloat16 matmuls and convolutions on accelerators."""
    if jax.default_backend() == "cpu":
        return Compute()
    return Compute(dtype="bfloat16", vae_dtype="bfloat16")


def _directory(model: str | Path) -> Path:
    """The model directory; CheckpointError for a preset that comes without one."""
    if str(model) == DEFAULT_MODEL:
        return SHIPPED
    if str(model) in config.PRESETS and not Path(model).is_dir():
        raise checkpoints.CheckpointError(
            f"the preset {model} comes without weights: convert the released ones with "
            "experiments.convert and give the directory that it writes"
        )
    return Path(model)


def _random(c: ThfmConfig, compute: Compute, texts: dict[str, str], fold: bool) -> Predictor:
    # XLA compiles this generator four times as fast as the default one.
    key = jax.random.key(0, impl="rbg")
    model = nnx.jit(lambda: Thfm(c, compute, rngs=nnx.Rngs(key)))()
    encoder = nnx.jit(lambda: Umt5Encoder(c.text, rngs=nnx.Rngs(key)))()
    prompts = asking.encode_texts(encoder, ByteTokenizer(), texts, c.dit.text_length)
    return Predictor(model, prompts, name=f"{c.name} (random)", trained=False, fold=fold)


def _restored(
    directory: Path, compute: Compute, texts: dict[str, str], fold: bool, mesh: Mesh | None
) -> Predictor:
    c = checkpoints.load_config(directory)
    abstract = nnx.eval_shape(lambda: Thfm(c, compute, rngs=nnx.Rngs(0)))
    graph, state = nnx.split(abstract)
    params = nnx.to_pure_dict(state)
    present = checkpoints.present_parts(directory)
    for part in (checkpoints.VAE, checkpoints.DIT):
        params[part] = checkpoints.restore(
            directory, part, _stored_as(params[part], part, compute, mesh)
        )
    if checkpoints.SPARSE in present:
        target = _stored_as(params["sparse"], checkpoints.SPARSE, Compute(), mesh)
        params["sparse"] = checkpoints.restore(directory, checkpoints.SPARSE, target)
    else:
        tokens = KeypointTokens(c.sparse, c.dit.dim, c.vae.temporal_stride, rngs=nnx.Rngs(0))
        params["sparse"] = nnx.to_pure_dict(nnx.state(tokens))
    nnx.replace_by_pure_dict(state, params)
    manifest = directory / checkpoints.MANIFEST
    trained = manifest.exists() and bool(json.loads(manifest.read_text()).get("trained", False))
    return Predictor(
        nnx.merge(graph, state),
        _prompts(directory, c, texts),
        name=c.name,
        trained=trained,
        fold=fold,
        mesh=mesh,
        directory=directory,
    )


def _stored_as(target: dict, part: str, compute: Compute, mesh: Mesh | None) -> dict:
    """`target` with the dtypes to hold weights in: matrices as they are used, the rest float32."""
    dtype = compute.vae_dtype if part == checkpoints.VAE else compute.dtype

    def leaf(path, x):
        keys = [entry.key for entry in path]
        matrix = keys[-1] == "kernel" and not {"head", "time_embedding", "time_projection"} & set(
            keys
        )
        sharding = parameter_sharding(keys, x.shape, mesh) if mesh else None
        return jax.ShapeDtypeStruct(
            x.shape, jnp.dtype(dtype) if matrix else x.dtype, sharding=sharding
        )

    return jax.tree_util.tree_map_with_path(leaf, target)


def _prompts(directory: Path, c: ThfmConfig, texts: dict[str, str]) -> dict:
    """Text and features of each task's prompt: those stored, or from the text encoder."""
    path = directory / checkpoints.PROMPTS
    stored = load_features(path) if path.exists() else {}
    known = {text: rows for text, rows in stored.values()}
    missing = {task: text for task, text in texts.items() if text not in known}
    if missing and checkpoints.TEXT_ENCODER not in checkpoints.present_parts(directory):
        task, text = next(iter(missing.items()))
        raise checkpoints.CheckpointError(
            f"{directory} holds no features for the prompt {text!r} of the task {task} and no text "
            "encoder: convert that part too, then run experiments.encode_prompts"
        )
    found = {task: (text, known[text]) for task, text in texts.items() if text in known}
    if missing:
        encoder, tokenizer = asking.load_encoder(directory, c), asking.load_tokenizer(directory, c)
        found.update(asking.encode_texts(encoder, tokenizer, missing, c.dit.text_length))
    return found


def _checked(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    for frame in frames:
        if frame.ndim != 3 or frame.shape[-1] != 3 or frame.dtype != np.uint8:
            raise ValueError(
                f"expected frames [H, W, 3] of uint8, got {list(frame.shape)} of {frame.dtype}"
            )
        yield frame

"""Makes a model directory small enough to ship: its matrices in bfloat16.

    python -m experiments.release --model=runs/tiny_pixel/model --output=models/thfm-tiny

Half the bytes, and `experiments.predict` reads it as any other. What is not a matrix (biases,
norms, modulation) and the weights of the head and of the time's embedding stay float32, as they are
computed with. What predictions differ by is in the model card. The model is named as its folder.
"""

import dataclasses
import json
from pathlib import Path

import jax
import jax.numpy as jnp
from absl import app, flags, logging

from experiments.commands import told
from thfm_jax import checkpoints
from thfm_jax.training.state import is_matrix

_MODEL = flags.DEFINE_string("model", None, "Directory of a trained model.", required=True)
_OUTPUT = flags.DEFINE_string("output", None, "Directory to write.", required=True)
_LENGTH = flags.DEFINE_integer(
    "length", None, "Frames that it is to see at a time; the model's own by default.", lower_bound=1
)


def release(source: Path, output: Path, length: int | None = None) -> int:
    """Writes the model, whole or not at all, and returns its size in bytes.

    It sees `length` frames at a time, if that is given.

    Raises:
      CheckpointError: `source` is no model directory.
      ValueError: it is not trained, or `output` exists.
    """
    parts = checkpoints.present_parts(source)
    manifest = json.loads((source / checkpoints.MANIFEST).read_text())
    if not manifest.get("trained"):
        raise ValueError(f"{source} is not trained, by what its {checkpoints.MANIFEST} says")
    if output.exists():
        raise ValueError(f"{output} exists: remove it to write it again")
    with checkpoints.changed(source, output, parts) as folder:
        for part in parts:
            stored = checkpoints.nest(checkpoints.stored(source, part))
            target = jax.tree_util.tree_map_with_path(_narrow, {part: stored})[part]
            checkpoints.save(folder, part, checkpoints.restore(source, part, target))
        config = dataclasses.replace(checkpoints.load_config(source), name=output.name)
        if length:
            config = dataclasses.replace(config, clip_frames=length)
        checkpoints.save_config(folder, config, parts)
        # Folders of the machine that it was trained and written on.
        manifest.pop("start", None)
        for note in folder.rglob("commit_success.txt"):
            note.write_text("")
        (folder / checkpoints.MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
    return sum(file.stat().st_size for file in output.rglob("*") if file.is_file())


def _narrow(path: tuple, array: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
    dtype = jnp.bfloat16 if is_matrix(path) else array.dtype
    return jax.ShapeDtypeStruct(array.shape, dtype)


def main(_) -> None:
    logging.set_verbosity(logging.ERROR)  # Orbax reports each array that it reads
    with told():
        size = release(Path(_MODEL.value), Path(_OUTPUT.value), _LENGTH.value)
    print(f"wrote {_OUTPUT.value}, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    app.run(main)

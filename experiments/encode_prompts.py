"""Encodes the prompts of all tasks once, so that predicting needs no text encoder.

    python -m experiments.encode_prompts --model=DIR

Reads DIR/text_encoder and DIR/tokenizer of a converted model and writes DIR/prompts.npz. The
weights stay in the dtype they are stored in, UMT5-XXL in bfloat16 takes 11.4 GB; the matmuls are
float32, since this runs once. Expect 20 s on two CPU cores.
"""

from pathlib import Path

from absl import app, flags, logging

from experiments.commands import told
from thfm_jax import checkpoints
from thfm_jax.asking import encode_texts, load_encoder, load_tokenizer
from thfm_jax.data.prompts import save_features
from thfm_jax.tasks import TASKS

_MODEL = flags.DEFINE_string("model", None, "Directory of a converted model.", required=True)


def run() -> None:
    directory = Path(_MODEL.value)
    config = checkpoints.load_config(directory)
    encoder, tokenizer = load_encoder(directory, config), load_tokenizer(directory, config)
    texts = {name: task.prompt for name, task in TASKS.items()}
    features = encode_texts(encoder, tokenizer, texts, config.dit.text_length)
    for name, (text, rows) in features.items():
        print(f"{name:12} {len(rows):3} tokens  {text!r}")
    save_features(directory / checkpoints.PROMPTS, features)
    print(f"wrote {directory / checkpoints.PROMPTS}")


def main(_) -> None:
    logging.set_verbosity(logging.ERROR)  # Orbax reports each array that it reads
    with told():
        run()


if __name__ == "__main__":
    app.run(main)

"""Scores a model, or predictions of any tool, on a benchmark.

    python -m experiments.evaluate --config=configs/eval_emdb.py --model=DIR --data=DIR --output=DIR
    python -m experiments.evaluate --config=configs/eval_emdb.py --predictions=DIR --data=DIR \
        --output=DIR

Writes results.json, per_sequence.csv, table.md, table.tex and gallery/index.html. Started again
with the same flags it goes on where it stopped. On several hosts that share a disk, run the same
command on each with --processes and --process_id. docs/evaluation.md.
"""

import shlex
import sys
from pathlib import Path

from absl import app, flags, logging
from ml_collections import config_flags
from tqdm import tqdm

import thfm_jax
from configs import published
from experiments.commands import parse_flags, told
from thfm_jax import config, predict
from thfm_jax.data.synthetic.assets import AssetError
from thfm_jax.evaluation.job import TRIVIAL, Job, evaluate
from thfm_jax.evaluation.runner import Settings

_CONFIG = config_flags.DEFINE_config_file("config", None, "Benchmark.", lock_config=True)
_DATA = flags.DEFINE_string("data", "", "Folder of the benchmark's data.")
_OUTPUT = flags.DEFINE_string("output", None, "Folder to write.", required=True)
_MODEL = flags.DEFINE_string(
    "model", predict.DEFAULT_MODEL, f"Model directory or name; {TRIVIAL} looks at no picture."
)
_PREDICTIONS = flags.DEFINE_string(
    "predictions", None, "Score DIR/<sequence>/<task>.npy instead of running a model."
)
_LABEL = flags.DEFINE_string("label", "", "Name of the row in the table.")
_FILL = flags.DEFINE_bool("fill", False, "Score what --predictions leave out (NaN) as bad.")
_SKIP_MISSING = flags.DEFINE_bool(
    "skip_missing", False, "Score the sequences that --predictions has, and count the others."
)
_KEEP = flags.DEFINE_bool("keep_predictions", False, "Keep them in OUTPUT/predictions.")
_PROCESSES = flags.DEFINE_integer(
    "processes", 1, "How many processes share the sequences.", lower_bound=1
)
_PROCESS_ID = flags.DEFINE_integer("process_id", 0, "Which of them this is.", lower_bound=0)


def run() -> None:
    if _PROCESS_ID.value >= _PROCESSES.value:
        raise ValueError(f"--process_id counts from 0 to {_PROCESSES.value - 1}")
    if not _DATA.value and not _CONFIG.value.options.get("live"):
        raise ValueError("--data is missing, the folder of the benchmark's data")
    job = Job(
        settings=config.build(Settings, _CONFIG.value.to_dict()),
        data=Path(_DATA.value),
        output=Path(_OUTPUT.value),
        model=_MODEL.value,
        predictions=Path(_PREDICTIONS.value) if _PREDICTIONS.value else None,
        label=_LABEL.value,
        fill=_FILL.value,
        skip_missing=_SKIP_MISSING.value,
        keep=_KEEP.value,
        process=_PROCESS_ID.value,
        processes=_PROCESSES.value,
        command=shlex.join(sys.argv),
        version=thfm_jax.__version__,
    )
    with tqdm(unit="frame", disable=None if job.process == 0 else True) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        found = evaluate(job, published.FIGURES, progress)
    if found is None:
        print("this share is done; the process that finishes last writes the report")
        return
    print((job.output / "table.md").read_text())
    skipped = found["frames"]["skipped"]
    print(f"{found['frames']['scored']} frames scored, {found['frames']['masked']} without a label")
    for name, share in found["details"].items():
        if name.endswith("_without_truth") and share:
            print(f"{share:.2%} of the foreground has no {name.removesuffix('_without_truth')}")
    if skipped:
        print(f"{skipped} frames of {len(found['sequences']['skipped'])} sequences skipped")
    print(f"see {job.output / 'results.json'} and {job.output / 'gallery' / 'index.html'}")


def main(_) -> None:
    logging.set_verbosity(logging.ERROR)  # Orbax reports each array that it reads
    with told(AssetError):
        run()


if __name__ == "__main__":
    flags.mark_flag_as_required("config")
    app.run(main, flags_parser=parse_flags)

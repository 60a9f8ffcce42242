"""Predicts depth, normals, matte, dense pose and keypoints of a video.

    python -m experiments.predict --video=FILE --output=DIR [--tasks=all] [--model=DIR]

Writes the files that thfm_jax/outputs.py lists. --video also takes an image or a folder of images;
without it the sample clip that comes with the package is used.
"""

import sys
from pathlib import Path

from absl import app, flags, logging
from tqdm import tqdm

import thfm_jax
from experiments.commands import told
from thfm_jax import predict
from thfm_jax.data import video
from thfm_jax.outputs import UNTRAINED, PredictionWriter
from thfm_jax.tasks import lookup

_VIDEO = flags.DEFINE_string("video", str(predict.SAMPLE), "Video, image or folder of images.")
_OUTPUT = flags.DEFINE_string("output", None, "Folder to write.", required=True)
_TASKS = flags.DEFINE_string(
    "tasks", None, "Comma-separated task names; all by default, or those that --prompt asks for."
)
_MODEL = flags.DEFINE_string(
    "model", predict.DEFAULT_MODEL, "Model directory; tiny for random weights."
)
_PROMPT = flags.DEFINE_multi_string(
    "prompt", [], "TEXT that says which task it asks for, or TASK=TEXT to ask for one in its words."
)
_AREA = flags.DEFINE_integer("area", None, "Pixels of the frames that the model sees, about.")
_LENGTH = flags.DEFINE_integer(
    "length", None, "Frames of a window, which the model sees at a time."
)
_OVERLAP = flags.DEFINE_integer("overlap", None, "Frames that two windows share.")
_FOLLOW = flags.DEFINE_bool("follow", True, "Look closer at people who are small in the frame.")
_FOLD = flags.DEFINE_bool("fold", True, "Compute what is constant for a prompt once.")
_EVERYWHERE = flags.DEFINE_bool(
    "everywhere", False, "Keep depth and dense pose where nobody is seen, as scores ask for."
)
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Replace predictions in --output.")


def run() -> None:
    named = lookup(_TASKS.value) if _TASKS.value is not None else ()
    info = video.probe(_VIDEO.value)
    free = [text for text in _PROMPT.value if "=" not in text]
    asked = predict.tasks_asked(free, _MODEL.value) if free else {}
    given = dict(item.split("=", 1) for item in _PROMPT.value if "=" in item)
    predictor = thfm_jax.load(_MODEL.value, prompts=asked | given, fold=_FOLD.value)
    tasks = lookup((*named, *asked) or "all")
    for warning in (*info.warnings, *([] if predictor.trained else [UNTRAINED])):
        print(f"warning: {warning}", file=sys.stderr)
    length, overlap = predictor.window(_LENGTH.value, _OVERLAP.value)
    follow = _FOLLOW.value and not _EVERYWHERE.value
    blocks = predictor.stream(
        video.stream(_VIDEO.value),
        tasks,
        area=_AREA.value,
        length=length,
        overlap=overlap,
        everywhere=_EVERYWHERE.value,
        follow=follow,
    )
    writer = PredictionWriter(
        _OUTPUT.value,
        info,
        tasks,
        model=predictor.name,
        version=thfm_jax.__version__,
        trained=predictor.trained,
        windows={"length": length, "overlap": overlap, "follow": follow},
        overwrite=_OVERWRITE.value,
    )
    with writer, tqdm(total=info.frames, unit="frame") as bar:
        for frames, values in blocks:
            writer.append(frames, values)
            bar.update(len(frames))
    for warning in set(writer.info.warnings) - set(info.warnings):
        print(f"warning: {warning}", file=sys.stderr)
    print(f"wrote {', '.join(tasks)} of {writer.info.frames} frames to {_OUTPUT.value}")
    if predictor.trained:
        print(f"look at {Path(_OUTPUT.value) / 'overlay.mp4'}")
    else:
        print(f"{UNTRAINED}: the maps and keypoints in {_OUTPUT.value} mean nothing.")


def main(_) -> None:
    logging.set_verbosity(logging.ERROR)  # Orbax reports each array that it reads
    with told():
        run()


if __name__ == "__main__":
    app.run(main)

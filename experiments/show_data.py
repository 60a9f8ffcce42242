"""Shows training clips with all their labels.

    python -m experiments.show_data --data=DIR --output=DIR [--split=train] [--augment]
    python -m experiments.show_data --output=DIR [--seed=0]

Writes an mp4 for each clip, with all labels side by side, and sheet.jpg with a row for each clip.
Without --data clips are rendered. --augment shows them as training sees them.
"""

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from absl import app, flags
from PIL import Image
from tqdm import tqdm

from experiments.commands import told
from thfm_jax import joints, viz
from thfm_jax.data import augment, sources, temporal, video
from thfm_jax.data.augment import AugmentConfig
from thfm_jax.data.datasets.container import RecordError
from thfm_jax.data.sources import Source, SourceConfig
from thfm_jax.data.synthetic.clip import SyntheticClip

_DATA = flags.DEFINE_string("data", "", "Folder of clips.")
_KIND = flags.DEFINE_enum("kind", "humans", ["humans", "synth_human"], "What the folder holds.")
_SPLIT = flags.DEFINE_string("split", "train", "Split of the clips.")
_SEED = flags.DEFINE_integer("seed", 0, "Of rendered clips, and of augmentation.")
_FIRST = flags.DEFINE_integer("first", 0, "Number of the first clip.")
_CLIPS = flags.DEFINE_integer("clips", 8, "How many clips to show.")
_OUTPUT = flags.DEFINE_string("output", None, "Folder to write.", required=True)
_AUGMENT = flags.DEFINE_bool("augment", False, "Augment the clips.")

TILE = 256  # pixels of the longer side of a picture
_TITLE = (230, 230, 235)
_SKELETON = viz.Skeleton(joints.EDGES, tuple(joints.COLOURS[joint.side] for joint in joints.JOINTS))
_HIDDEN = viz.Skeleton(joints.EDGES, ((120, 120, 128),) * len(joints.JOINTS))


def opened() -> Source:
    """Where the clips come from."""
    kind = _KIND.value if _DATA.value else "live"
    return sources.open_source(
        SourceConfig(kind, path=_DATA.value, split=_SPLIT.value, seed=_SEED.value)
    )


def clips(source: Source, numbers: range) -> Iterator[tuple[int, SyntheticClip]]:
    """The clips to show, by number; names those that are damaged on stderr and leaves them out."""
    for number in tqdm(numbers, unit="clip"):
        try:
            clip = source[number].read(slice(None))
        except RecordError as error:
            print(f"skipped: {error}", file=sys.stderr)
            continue
        yield number, augmented(clip, number) if _AUGMENT.value else clip


def augmented(clip: SyntheticClip, number: int) -> SyntheticClip:
    """The clip as training might see it, at the same size."""
    rng, config = np.random.default_rng([_SEED.value, number]), AugmentConfig()
    chosen = augment.choose_frames(rng, len(clip.rgb), len(clip.rgb), config)
    clip = temporal.take(clip, chosen)
    return augment.augment(rng, clip, (clip.rgb.shape[1], clip.rgb.shape[2]), config)


def pictures(clip: SyntheticClip) -> Iterator[dict[str, viz.Picture]]:
    """For each frame the picture and its labels, by name; soft hair is set off in "instances"."""
    labels = clip.labels
    depth = np.where(labels.instance > 0, labels.depth_m, np.nan)
    template = np.where(labels.posed[..., None], labels.template, np.nan)
    limits = viz.depth_limits(depth) or (0.0, 1.0)
    for t, frame in enumerate(clip.rgb):
        yield {
            "rgb": frame,
            "joints": skeletons(clip, t),
            "depth": viz.depth_picture(depth[t], limits),
            "normals": viz.normals_picture(labels.normals[t]),
            "matte": viz.matte_picture(labels.alpha[t]),
            "dense pose": viz.densepose_picture(template[t]),
            "parts": viz.ids_picture(labels.part[t]),
            "instances": viz.ids_picture(2 * labels.instance[t] + labels.valid[t]),
        }


def skeletons(clip: SyntheticClip, t: int) -> viz.Picture:
    """A frame with the joints of its people, grey where they cannot be seen."""
    picture = viz.mix(clip.rgb[t], viz.DARK, 0.4)
    for points in clip.keypoints2d[clip.keypoints_known, t]:
        picture = viz.points_picture(picture, points, _HIDDEN, threshold=0)
        picture = viz.points_picture(picture, points, _SKELETON)
    return picture


def tile(picture: viz.Picture, title: str = "") -> viz.Picture:
    """The picture in the middle of a square."""
    image = Image.fromarray(picture)
    image.thumbnail((TILE, TILE), Image.Resampling.BICUBIC)
    square = Image.new("RGB", (TILE, TILE), viz.DARK)
    square.paste(image, ((TILE - image.width) // 2, (TILE - image.height) // 2))
    return viz.label(np.asarray(square), title, _TITLE)


def show(clip: SyntheticClip, number: int, output: Path) -> list[viz.Picture]:
    """Writes the clip's video; returns its row of the sheet."""
    frames = list(pictures(clip))
    film = [
        viz.contact_sheet([tile(picture, name) for name, picture in frame.items()], columns=4)
        for frame in frames
    ]
    video.write(output / f"clip_{number:05d}.mp4", film, clip.fps)
    middle = frames[len(frames) // 2]
    row = [
        frames[0]["rgb"],
        middle["rgb"],
        frames[-1]["rgb"],
        *itertools.islice(middle.values(), 1, None),
    ]
    return [tile(picture) for picture in row]


def run() -> None:
    output = Path(_OUTPUT.value)
    output.mkdir(parents=True, exist_ok=True)
    source, rows = opened(), []
    numbers = range(_FIRST.value, min(_FIRST.value + _CLIPS.value, len(source)))
    for number, clip in clips(source, numbers):
        rows += show(clip, number, output)
    if not rows:
        raise ValueError("there is no clip to show")
    sheet = viz.contact_sheet(rows, columns=10)
    Image.fromarray(sheet).save(output / "sheet.jpg", quality=92)
    print(f"wrote {len(rows) // 10} clips and sheet.jpg to {output}")


def main(_) -> None:
    with told():
        run()


if __name__ == "__main__":
    app.run(main)

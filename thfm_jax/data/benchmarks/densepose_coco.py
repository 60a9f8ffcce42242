"""DensePose-COCO: points of people in COCO's pictures, placed on the body's surface by hand.

Licence: annotations for non-commercial use (Guler et al. 2018; facebookresearch/DensePose, LICENSE
and DensePoseData/get_densepose_coco.sh); pictures as `coco` says ("2014 Val images").

    ROOT/val2014/COCO_val2014_000000000139.jpg ...
    ROOT/annotations/densepose_coco_2014_minival.json
    ROOT/surface/                                        see `densepose_surface`; not for parts

The JSON is COCO's, and some of its annotations have besides

    dp_x, dp_y   P points in the person's box, which spans 0 to 255 both ways
    dp_I         their parts: 1, 2 torso; 3 right, 4 left hand; 5 left, 6 right foot; 7, 9 right,
                 8, 10 left upper leg; 11, 13 right, 12, 14 left lower leg; 15, 17 left, 16, 18
                 right upper arm; 19, 21 left, 20, 22 right lower arm; 23, 24 head
    dp_U, dp_V   where on the part's chart, in [0, 1]
    dp_masks     14 masks of 256 x 256 over the box, one for each part, as COCO's run-length codes;
                 [] where the part is not seen

(detectron2 projects/DensePose/doc/DENSEPOSE_DATASETS.md and densepose_coco_evaluation.py; read here
by that description, not verified on the files.)
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import ndimage

from thfm_jax.data.benchmarks import coco, rle
from thfm_jax.data.benchmarks.coco import People, Person
from thfm_jax.data.benchmarks.densepose_surface import PARTS, Surface, open_surface
from thfm_jax.data.benchmarks.sequence import BenchmarkError
from thfm_jax.types import Target

ANNOTATIONS = "annotations/densepose_coco_2014_minival.json"
PICTURES = "val2014"
BOX = 255.0
CELLS = 256


@dataclasses.dataclass(frozen=True, eq=False)
class Points:
    """The annotated points of a person.

    Attributes:
      rows, columns: [P] pixels of the picture.
      part: [P] 1 to 24.
      uv: [P, 2] in [0, 1].
    """

    rows: Int[np.ndarray, "P"]
    columns: Int[np.ndarray, "P"]
    part: Int[np.ndarray, "P"]
    uv: Float[np.ndarray, "P 2"]


@dataclasses.dataclass(frozen=True, eq=False)
class DensePeople(People):
    """A picture, with a frame for each person that has annotated points.

    Attributes:
      surface: that U and V are of; None where only parts are scored.
    """

    surface: Surface | None = None

    def points(self, person: Person) -> Points:
        """A person's points, those on the picture's border inside it."""
        note = person.source
        x, y, width, height = person.box
        columns = np.floor(x + np.asarray(note["dp_x"], np.float64) * width / BOX)
        rows = np.floor(y + np.asarray(note["dp_y"], np.float64) * height / BOX)
        return Points(
            np.clip(rows, 0, self.height - 1).astype(np.int64),
            np.clip(columns, 0, self.width - 1).astype(np.int64),
            np.asarray(note["dp_I"]).astype(np.int64),
            np.stack([np.asarray(note[name], np.float64) for name in ("dp_U", "dp_V")], axis=-1),
        )

    def mask(self, person: Person) -> Bool[np.ndarray, "H W"]:
        """A person's mask: of all parts together, as detectron2's evaluation enlarges it."""
        small = np.zeros((CELLS, CELLS))
        for code in person.source["dp_masks"]:
            if code:
                small[rle.decode(code)] = 1
        x, y, width, height = person.box
        zooms = max(height, 1) / CELLS, max(width, 1) / CELLS
        large = ndimage.zoom(small, zooms, order=1, prefilter=False) > 0.5
        whole = np.zeros((self.height, self.width), bool)
        top, left = max(int(y), 0), max(int(x), 0)
        seen = whole[top : int(y) + large.shape[0], left : int(x) + large.shape[1]]
        seen[:] = large[top - int(y) :, left - int(x) :][: seen.shape[0], : seen.shape[1]]
        return whole

    def truth(self, frames: slice) -> dict[str, Target]:
        """densepose at the annotated pixels; nothing is known there without a surface."""
        people = self.of(frames)
        value = np.zeros((len(people), self.height, self.width, 3), np.float32)
        mask = np.zeros(value.shape[:3], bool)
        if self.surface is not None:
            for frame, points in enumerate(map(self.points, people)):
                vertices = self.surface.annotated(points.part, points.uv)
                value[frame, points.rows, points.columns] = self.surface.canonical[vertices]
                mask[frame, points.rows, points.columns] = True
        labels: tuple[Any, Any] = value, mask
        return {"densepose": Target(*labels)}


def open_densepose_coco(
    root: Path,
    surface: str | Path = "surface",
    annotations: str = ANNOTATIONS,
    pictures: str = PICTURES,
) -> list[DensePeople]:
    """The pictures with annotated points.

    Args:
      root: the folder.
      surface: the folder of DensePose's files, relative to it: see `densepose_surface`.
      annotations: the JSON, relative to the root.
      pictures: their folder, relative to it.
    """
    return _open(root, annotations, pictures, open_surface(root / surface))


def open_densepose_parts(
    root: Path, annotations: str = ANNOTATIONS, pictures: str = PICTURES
) -> list[DensePeople]:
    """Likewise, for scoring parts alone, which needs no other files."""
    return _open(root, annotations, pictures, None)


def _open(
    root: Path, annotations: str, pictures: str, surface: Surface | None
) -> list[DensePeople]:
    file = root / annotations
    found = []
    for image, listed in coco.by_picture(file, coco.load(file)):
        people = tuple(coco.person(file, each) for each in listed)
        for each in listed:
            _check(file, each)
        shown = tuple(i for i, each in enumerate(listed) if "dp_x" in each)
        if shown:
            found.append(_picture(root / pictures, image, people, shown, surface))
    coco.check_exist([each.path for each in found])
    return found


def _picture(
    folder: Path,
    image: dict,
    people: tuple[Person, ...],
    shown: tuple[int, ...],
    surface: Surface | None,
) -> DensePeople:
    plain = coco.picture(folder, image, people, shown)
    fields = {field.name: getattr(plain, field.name) for field in dataclasses.fields(plain)}
    return DensePeople(**fields, surface=surface)


def _check(file: Path, annotation: Mapping[str, Any]) -> None:
    """Raises BenchmarkError for dense annotations that cannot be."""
    if "dp_x" not in annotation:
        return
    where = f"{file}: annotation {annotation['id']}"
    try:
        x, y, part, u, v = (
            np.asarray(annotation[f"dp_{name}"], np.float64) for name in ("x", "y", "I", "U", "V")
        )
        masks = [rle.decode(code) for code in annotation["dp_masks"] if code]
    except KeyError as error:
        raise BenchmarkError(f"{where} has no {error}") from error
    except (TypeError, ValueError) as error:
        raise BenchmarkError(f"{where}: {error}") from error
    if len({values.shape for values in (x, y, part, u, v)}) > 1 or not x.size:
        raise BenchmarkError(f"{where}: dp_x, dp_y, dp_I, dp_U and dp_V differ in length")
    if any(mask.shape != (CELLS, CELLS) for mask in masks):
        raise BenchmarkError(f"{where}: expected dp_masks of {CELLS} x {CELLS}")
    if not np.isin(part, np.arange(1, PARTS + 1)).all():
        raise BenchmarkError(f"{where}: expected dp_I from 1 to {PARTS}")
    if not all(_within(values, 0, high) for values, high in ((x, 256), (y, 256), (u, 1), (v, 1))):
        raise BenchmarkError(
            f"{where}: expected dp_x, dp_y within the box of 256 and dp_U, dp_V in [0, 1]"
        )


def _within(values: Float[np.ndarray, "P"], low: float, high: float) -> bool:
    return bool(np.all((values >= low) & (values <= high)))

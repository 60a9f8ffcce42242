"""COCO keypoints: pictures of everyday scenes with people's 17 joints (Lin et al. 2014).

Licence: annotations CC BY 4.0; the pictures are their photographers', under the Creative Commons
licence that the annotations name for each, some of them non-commercial. From cocodataset.org
("2017 Val images", "2017 Train/Val annotations").

    ROOT/val2017/000000000139.jpg ...
    ROOT/annotations/person_keypoints_val2017.json

The JSON holds `images` (id, file_name, height, width), `categories` (one, "person", with the names
of its `keypoints`) and `annotations`: id, image_id, `bbox` (x, y, width, height), `area` of the
mask in pixels, `iscrowd`, `num_keypoints`, and `keypoints`, 17 times x, y and a visibility: 0 not
labelled, 1 labelled but hidden, 2 visible. Boxes are measured from the picture's top left corner;
joints are indices of pixels, so that half a pixel is added to have them in ours (as detectron2
does in detectron2/data/datasets/coco.py::load_coco_json).
"""

import dataclasses
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from thfm_jax.data.benchmarks import files
from thfm_jax.data.benchmarks.sequence import BenchmarkError
from thfm_jax.joints import SUBSETS
from thfm_jax.types import Target

JOINTS = tuple(match.theirs for match in SUBSETS["coco17"])
PIXEL_CENTRE = 0.5


@dataclasses.dataclass(frozen=True, eq=False)
class Person:
    """An annotation, with its numbers as in the file.

    Attributes:
      id: unique within the set.
      joints: [17, 3] x, y as indices of pixels, and visibility.
      box: [4] x, y, width, height.
      area: of the mask, in pixels.
      crowd: many people in one annotation.
      source: the annotation itself.
    """

    id: int
    joints: Float[np.ndarray, "17 3"]
    box: Float[np.ndarray, "4"]
    area: float
    crowd: bool
    source: Mapping[str, Any]

    @property
    def labelled(self) -> bool:
        """Whether any joint is."""
        return bool(np.any(self.joints[:, 2] > 0))


@dataclasses.dataclass(frozen=True, eq=False)
class People:
    """A picture and those people of it that are to be predicted: a frame for each of them.

    Attributes:
      name: the file's, without its suffix.
      number: the picture's id.
      path: of the picture.
      height, width: in pixels.
      people: all that are annotated, in the file's order.
      shown: indices of those that are to be predicted, in each one's box.
    """

    name: str
    number: int
    path: Path
    height: int
    width: int
    people: tuple[Person, ...]
    shown: tuple[int, ...]
    fps: float = 0.0

    @property
    def groups(self) -> Mapping[str, str]:
        """None."""
        return {}

    @property
    def frames(self) -> int:
        """How many people are to be predicted."""
        return len(self.shown)

    def pictures(self, frames: slice) -> UInt8[np.ndarray, "t H W 3"]:
        """The same picture for each person."""
        picture = files.rgb(self.path)
        if picture.shape[:2] != (self.height, self.width):
            raise BenchmarkError(
                f"{self.path}: expected {self.height} x {self.width} pixels, "
                f"got {picture.shape[0]} x {picture.shape[1]}"
            )
        return np.repeat(picture[None], len(self.of(frames)), axis=0)

    def of(self, frames: slice) -> list[Person]:
        """The people that these frames stand for."""
        return [self.people[index] for index in self.shown[frames]]

    def boxes(self, frames: slice) -> Float[np.ndarray, "t 4"]:
        """x0, y0, x1, y1 of each frame's person in pixels, as annotated."""
        corners = np.array([person.box for person in self.of(frames)]).reshape(-1, 4)
        corners[:, 2:] += corners[:, :2]
        return corners

    def truth(self, frames: slice) -> dict[str, Target]:
        """keypoints2d of each frame's person."""
        joints = np.array([person.joints for person in self.of(frames)], np.float32)
        joints = joints.reshape(-1, len(JOINTS), 3)
        joints[..., :2] += PIXEL_CENTRE
        labels: tuple[Any, Any] = joints, joints[..., 2] > 0
        return {"keypoints2d": Target(*labels)}


def open_coco(
    root: Path,
    annotations: str = "annotations/person_keypoints_val2017.json",
    pictures: str = "val2017",
) -> list[People]:
    """The pictures in which somebody is to be predicted.

    Those are all people with a box and at least one labelled joint, crowds aside. Pictures without
    any cannot change the score: there is nothing to find in them.

    Args:
      root: the folder.
      annotations: the JSON, relative to it.
      pictures: their folder, relative to it.
    """
    data = load(root / annotations)
    check_joints(root / annotations, data["categories"])
    found = []
    for image, listed in by_picture(root / annotations, data):
        people = tuple(person(root / annotations, each) for each in listed)
        shown = tuple(i for i, who in enumerate(people) if is_shown(who) and who.labelled)
        if shown:
            found.append(picture(root / pictures, image, people, shown))
    check_exist([each.path for each in found])
    return found


def is_shown(person: Person) -> bool:
    """Whether it is one person in a box that is not empty."""
    return not person.crowd and bool(np.all(person.box[2:] > 0))


def load(file: Path) -> dict[str, Any]:
    """A JSON in COCO's layout; BenchmarkError where it is none, or uses an id twice."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchmarkError(f"{file}: {error}") from error
    parts = ("images", "annotations", "categories")
    if not isinstance(data, dict) or not all(isinstance(data.get(part), list) for part in parts):
        raise BenchmarkError(f"{file}: expected lists {', '.join(parts)}")
    for part in parts[:2]:
        repeated = [key for key, n in Counter(each["id"] for each in data[part]).items() if n > 1]
        if repeated:
            raise BenchmarkError(f"{file}: id {repeated[0]} occurs more than once in {part}")
    return data


def by_picture(file: Path, data: Mapping[str, Any]) -> Iterable[tuple[dict, list[dict]]]:
    """The images by id, each with its annotations; BenchmarkError for one of an unknown image."""
    listed: dict[int, list[dict]] = {image["id"]: [] for image in data["images"]}
    for each in data["annotations"]:
        if each["image_id"] not in listed:
            raise BenchmarkError(f"{file}: annotation {each['id']} is of no image of the file")
        listed[each["image_id"]].append(each)
    ordered = sorted(data["images"], key=lambda image: image["id"])
    return [(image, listed[image["id"]]) for image in ordered]


def check_joints(file: Path, categories: list[dict]) -> None:
    """Raises BenchmarkError unless the file is of people alone, with COCO's joints in its order."""
    joints = [tuple(category.get("keypoints", ())) for category in categories]
    if joints != [JOINTS]:
        raise BenchmarkError(f"{file}: expected one category with the joints {', '.join(JOINTS)}")


def person(file: Path, annotation: dict) -> Person:
    """An annotation, checked; without `keypoints` no joint is labelled."""
    where = f"{file}: annotation {annotation['id']}"
    try:
        joints = np.array(annotation.get("keypoints", np.zeros(51)), np.float64).reshape(17, 3)
        box = np.array(annotation["bbox"], np.float64).reshape(4)
        area, crowd = float(annotation["area"]), bool(annotation["iscrowd"])
    except KeyError as error:
        raise BenchmarkError(f"{where} has no {error}") from error
    except (TypeError, ValueError) as error:
        raise BenchmarkError(f"{where}: {error}") from error
    if not (np.isfinite(joints).all() and np.isfinite(box).all() and np.isfinite(area)):
        raise BenchmarkError(f"{where} has numbers that are not finite")
    labelled = int(np.count_nonzero(joints[:, 2] > 0))
    if annotation.get("num_keypoints", labelled) != labelled:
        raise BenchmarkError(f"{where}: num_keypoints differs from the {labelled} joints labelled")
    return Person(annotation["id"], joints, box, area, crowd, annotation)


def picture(
    folder: Path, image: dict, people: tuple[Person, ...], shown: tuple[int, ...]
) -> People:
    """The sequence of a picture."""
    path = folder / image["file_name"]
    return People(path.stem, image["id"], path, image["height"], image["width"], people, shown)


def check_exist(paths: list[Path]) -> None:
    """Raises BenchmarkError where pictures are missing."""
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise BenchmarkError(f"{missing[0]}: missing, and {len(missing) - 1} other pictures")

"""COCO keypoints in miniature: pictures and a `person_keypoints` JSON."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

SIDED = ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
NAMES = ["nose", *(f"{side}_{part}" for part in SIDED for side in ("left", "right"))]
# A standing figure in a box of 1 x 1.
FIGURE = np.array(
    [
        *[(0.5, 0.1), (0.53, 0.07), (0.47, 0.07), (0.58, 0.08), (0.42, 0.08)],
        *[(0.7, 0.2), (0.3, 0.2), (0.8, 0.35), (0.2, 0.35), (0.85, 0.5), (0.15, 0.5)],
        *[(0.62, 0.52), (0.38, 0.52), (0.63, 0.75), (0.37, 0.75), (0.64, 0.97), (0.36, 0.97)],
    ]
)
SIZES = ((240, 320), (300, 200))


def person(number: int, image: int, box, seen, crowd: bool = False, hidden=()) -> dict:
    """An annotation: `seen` joints of the figure in the box, some of them hidden."""
    x, y, width, height = box
    points = np.rint(FIGURE * [width, height] + [x, y]).astype(int)
    flags = [0 if joint not in seen else 1 if joint in hidden else 2 for joint in range(17)]
    keypoints = [[px, py, v] if v else [0, 0, 0] for (px, py), v in zip(points, flags, strict=True)]
    outline = [x, y, x + width, y, x + width, y + height, x, y + height]
    return {
        "id": number,
        "image_id": image,
        "category_id": 1,
        "bbox": [float(side) for side in box],
        "area": float(round(0.6 * width * height, 4)),
        "iscrowd": int(crowd),
        "num_keypoints": sum(v > 0 for v in flags),
        "keypoints": [int(value) for joint in keypoints for value in joint],
        "segmentation": [[float(value) for value in outline]],
    }


def people() -> list[dict]:
    """Two large, two medium ones, one without labels, a crowd, and one in a picture of its own."""
    everything = range(17)
    return [
        person(11, 7, (20, 30, 110, 200), everything),
        person(12, 7, (150, 20, 100, 190), everything[:15], hidden=(3, 9)),
        person(13, 7, (260, 40, 40, 60), everything[5:13]),
        person(14, 7, (5, 10, 12, 30), ()),
        person(15, 7, (200, 150, 110, 80), (), crowd=True),
        person(21, 42, (30, 40, 60, 90), everything),
        person(22, 42, (90, 100, 100, 190), everything, hidden=(0,)),
    ]


def write(root: Path, annotations: list[dict] | None = None) -> dict:
    """Writes pictures 7, 42 and 43, the last without anybody; gives what the JSON holds."""
    images = [
        {"id": 42, "file_name": f"{42:012}.jpg", "height": SIZES[1][0], "width": SIZES[1][1]},
        {"id": 7, "file_name": f"{7:012}.jpg", "height": SIZES[0][0], "width": SIZES[0][1]},
        {"id": 43, "file_name": f"{43:012}.jpg", "height": SIZES[1][0], "width": SIZES[1][1]},
    ]
    data = {
        "info": {},
        "licenses": [],
        "categories": [{"id": 1, "name": "person", "supercategory": "person", "keypoints": NAMES}],
        "images": images,
        "annotations": people() if annotations is None else annotations,
    }
    (root / "annotations").mkdir(parents=True)
    (root / "annotations/person_keypoints_val2017.json").write_text(json.dumps(data))
    (root / "val2017").mkdir()
    for image in images:
        pixels = np.full((image["height"], image["width"], 3), image["id"], np.uint8)
        Image.fromarray(pixels).save(root / "val2017" / image["file_name"])
    return data

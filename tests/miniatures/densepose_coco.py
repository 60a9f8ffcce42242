"""DensePose-COCO in miniature: pictures, annotations of points, and DensePose's surface files."""

import json
import pickle
from pathlib import Path

import numpy as np
from PIL import Image
from pycocotools import mask as masks
from scipy.io import savemat
from scipy.spatial.distance import squareform

SIZE = (90, 120)
# id, picture, box and share of the box that the mask fills from its left; the last has no points.
PEOPLE = (
    (5, 3, (10, 20, 40, 60), 1.0),
    (6, 3, (60, 10, 50, 70), 0.5),
    (7, 9, (20, 5, 64, 80), 1.0),
    (8, 9, (90, 50, 20, 20), None),
)


def surface(rng: np.random.Generator, parts: np.ndarray, canonical: np.ndarray) -> dict:
    """A surface of vertices of these parts: charts, the places and a symmetric [V, V] of metres."""
    vertices = len(parts)
    straight = np.linalg.norm(canonical[:, None] - canonical, axis=-1)
    return {
        "part": parts,
        "uv": rng.uniform(size=(vertices, 2)),
        "place": rng.permutation(vertices),
        "geodesic": 1.25 * straight,
        "canonical": canonical,
    }


def write_surface(folder: Path, made: dict) -> None:
    """The files that DensePose's evaluation reads, and `canonical.npy`."""
    folder.mkdir(parents=True)
    vertices = len(made["part"])
    savemat(
        folder / "SMPL_subdiv.mat",
        {
            "Part_ID_subdiv": made["part"][:, None].astype(np.uint8),
            "U_subdiv": made["uv"][:, :1],
            "V_subdiv": made["uv"][:, 1:],
        },
    )
    savemat(folder / "SMPL_SUBDIV_TRANSFORM.mat", {"index": made["place"][:, None] + 1})
    placed = np.zeros((vertices, vertices))
    placed[np.ix_(made["place"], made["place"])] = made["geodesic"]
    rows = [placed[row, column] for row in range(vertices) for column in range(row)]
    assert len(rows) == len(squareform(placed, checks=False))
    matrix = np.array(rows, np.float32)[:, None]
    with (folder / "Pdist_matrix.pkl").open("wb") as file:
        pickle.dump({"Pdist_matrix": matrix}, file, protocol=2)
    np.save(folder / "canonical.npy", made["canonical"])


def person(rng: np.random.Generator, entry: tuple, made: dict, count: int = 12) -> tuple:
    """An annotation of `count` points at vertices, and (rows, columns, vertices) of those."""
    number, picture, (x, y, width, height), filled = entry
    annotation = {
        "id": number,
        "image_id": picture,
        "category_id": 1,
        "bbox": [float(side) for side in (x, y, width, height)],
        "area": float(width * height),
        "iscrowd": 0,
        "segmentation": [],
    }
    if filled is None:
        return annotation, None
    vertices = rng.choice(len(made["part"]), count, replace=False)
    mask = np.zeros((256, 256), np.uint8)
    mask[:, : int(256 * filled)] = 1
    # Points in the middle of pixels that the mask covers, no two in one.
    pixels = rng.choice(int(width * filled) * height, count, replace=False)
    rows, columns = np.divmod(pixels, int(width * filled))
    code = masks.encode(np.asfortranarray(mask))
    annotation |= {
        "dp_x": ((columns + 0.5) * 255 / width).tolist(),
        "dp_y": ((rows + 0.5) * 255 / height).tolist(),
        "dp_I": made["part"][vertices].astype(float).tolist(),
        "dp_U": made["uv"][vertices, 0].tolist(),
        "dp_V": made["uv"][vertices, 1].tolist(),
        "dp_masks": [{"size": [256, 256], "counts": code["counts"].decode()}, *[[]] * 13],
    }
    return annotation, (rows + y, columns + x, vertices)


def write(root: Path, rng: np.random.Generator, made: dict) -> tuple[dict, dict]:
    """Writes pictures 3 and 9; gives what the JSON holds, and {picture's name: predictions}.

    The predictions [t, H, W, 3] are perfect: the annotated vertices' canonical positions at their
    pixels, some other of the body elsewhere on the mask, and (-1, -1, -1) on the background.
    """
    made_annotations, predictions = [], {}
    for entry in PEOPLE:
        annotation, points = person(rng, entry, made)
        made_annotations.append(annotation)
        if points is None:
            continue
        _, picture, (x, y, width, height), filled = entry
        whole = np.full((*SIZE, 3), -1, np.float32)
        whole[y : y + height, x : x + int(width * filled)] = made["canonical"][0]
        rows, columns, vertices = points
        whole[rows, columns] = made["canonical"][vertices]
        predictions.setdefault(f"COCO_val2014_{picture:012}", []).append(whole)
    images = [
        {"id": number, "file_name": f"COCO_val2014_{number:012}.jpg", "height": 90, "width": 120}
        for number in (3, 9)
    ]
    data = {
        "categories": [{"id": 1, "name": "person"}],
        "images": images,
        "annotations": made_annotations,
    }
    (root / "annotations").mkdir(parents=True)
    (root / "annotations/densepose_coco_2014_minival.json").write_text(json.dumps(data))
    (root / "val2014").mkdir()
    for image in images:
        pixels = np.full((*SIZE, 3), image["id"], np.uint8)
        Image.fromarray(pixels).save(root / "val2014" / image["file_name"])
    return data, {name: np.stack(maps) for name, maps in predictions.items()}

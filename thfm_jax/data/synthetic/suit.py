"""The suit: the close-fitting surface of the body model that clothes are cut from, and its charts.

Positions are metres in the frame of MakeHuman's base mesh: x to the body's left, y up with 0 near
the hips, z to its front. The joints of that mesh are the landmarks here. They say where a garment
ends for every shape of body, since shapes share the mesh.
"""

import dataclasses
import functools

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from thfm_jax.data.synthetic import sheets
from thfm_jax.data.synthetic.body import BodyModel
from thfm_jax.data.synthetic.sheets import Sheet

SHOULDER, ELBOW, WRIST = (
    np.array(p) for p in [(0.168, 0.525, 0.015), (0.313, 0.349, 0.013), (0.431, 0.245, 0.176)]
)
HIP, KNEE, ANKLE = (
    np.array(p) for p in [(0.109, 0.0, 0.03), (0.158, -0.369, 0.032), (0.22, -0.745, -0.001)]
)
NECK_Y, SHOULDER_Y, BUST_Y, WAIST_Y, HIPS_Y, CROTCH_Y = 0.6, 0.54, 0.4, 0.19, 0.02, -0.1
KNEE_Y, ANKLE_Y, FOOT_Y = -0.37, -0.745, -0.817
UPPER_ARM_M = float(np.linalg.norm(ELBOW - SHOULDER))
ARM_M = UPPER_ARM_M + float(np.linalg.norm(WRIST - ELBOW))

_ARMS = ("upperarm", "lowerarm", "wrist", "metacarpal", "finger")
TORSO, LEFT_ARM, RIGHT_ARM = 0, 1, 2


@dataclasses.dataclass(frozen=True)
class Suit:
    """The suit of one body model: `N` vertices, `F` triangles, neck to toes and wrists.

    Attributes:
      sheet: on top of the model's vertices.
      position: [N, 3] float32 on the base mesh.
      template: [N, 3] float32 canonical position of the body beneath.
      part: [F] uint8 of `parts.NAMES`.
      chart: [F] uint8 TORSO, LEFT_ARM or RIGHT_ARM: sleeves meet the torso in a seam.
      arm: [N] float32 metres along the arm from the shoulder seam, negative on the torso.
      around: [N, 3, 2] float32 (cosine, sine) of the angle about torso, arm and leg; 0 in the
        middle of the front, at the outside of the arm and at that of the leg.
      near_body: [V] int32 the suit's vertex next to each body vertex; -1 away from the suit.
    """

    sheet: Sheet
    position: np.ndarray
    template: np.ndarray
    part: np.ndarray
    chart: np.ndarray
    arm: np.ndarray
    around: np.ndarray
    near_body: np.ndarray


def base_positions(model: BodyModel) -> np.ndarray:
    """[V, 3] float32 the base mesh in the frame of this module's landmarks."""
    return model.rest + np.array([0, FOOT_Y, 0], np.float32)


@functools.lru_cache(maxsize=2)
def of(model: BodyModel) -> Suit:
    """The suit of a body model, kept."""
    patch = model.patches["tights"]
    ids, corners = np.unique(patch.vertex_ids[patch.triangles], return_inverse=True)
    count = len(model.rest)
    selected = sparse.identity(count, np.float32, format="csr")[ids]
    everything = np.arange(len(patch.triangles), dtype=np.int32)
    coarse = Sheet(selected, corners.reshape(-1, 3).astype(np.int32), everything)
    placed = base_positions(model)
    arm = _along_arm(coarse(placed), coarse(_arm_weight(model)))
    sheet, on_arm = sheets.split(coarse.triangles, arm)
    sheet = sheet.on(coarse)
    position = sheet(placed)
    left = position[sheet.triangles][..., 0].mean(axis=1) > 0
    body = np.unique(model.patches["body"].vertex_ids)
    distance, nearest = cKDTree(position).query(placed[body])
    near_body = np.full(count, -1, np.int32)
    near_body[body] = np.where(distance < 0.03, nearest, -1)
    return Suit(
        sheet=sheet,
        position=position,
        template=sheet(model.template),
        part=patch.part[sheet.faces],
        chart=np.where(on_arm, np.where(left, LEFT_ARM, RIGHT_ARM), TORSO).astype(np.uint8),
        arm=_along_arm(position, sheet(_arm_weight(model))),
        around=np.stack([_about_torso(position), _about_arm(position), _about_leg(position)], 1),
        near_body=near_body,
    )


def _arm_weight(model: BodyModel) -> np.ndarray:
    """[V] float32 share of each vertex that moves with the arms."""
    bones, shares = model.weights
    of_arm = np.array([name.startswith(_ARMS) for name in model.bones])
    return (shares * of_arm[bones]).sum(axis=1, dtype=np.float32)


def _along_arm(position: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """[N] float32 metres beyond the shoulder seam; negative where the arm has little weight."""
    mirrored = np.abs(position[:, 0])[:, None] * (1, 0, 0) + position * (0, 1, 1)
    upper, lower = (ELBOW - SHOULDER) / UPPER_ARM_M, (WRIST - ELBOW) / (ARM_M - UPPER_ARM_M)
    seam = (SHOULDER - (0.012, 0, 0), np.array([0.92, -0.39, 0.0]))
    near = np.minimum((mirrored - seam[0]) @ seam[1], (weight - 0.2) * 0.3)
    first, second = (mirrored - SHOULDER) @ upper, (mirrored - ELBOW) @ lower
    along = np.where(second > 0, UPPER_ARM_M + second, np.minimum(first, UPPER_ARM_M))
    blend = np.clip(near / 0.06, 0, 1)
    return ((1 - blend) * near + blend * np.maximum(along, near)).astype(np.float32)


def _unit(cosine: np.ndarray, sine: np.ndarray) -> np.ndarray:
    size = np.hypot(cosine, sine) + 1e-9
    return np.stack([cosine / size, sine / size], axis=-1).astype(np.float32)


def _about_torso(position: np.ndarray) -> np.ndarray:
    return _unit((position[:, 2] - 0.02) / 0.115, position[:, 0] / 0.17)


def _about_arm(position: np.ndarray) -> np.ndarray:
    """The angle grows from the outside of the arm to its front."""
    x = np.abs(position[:, 0])
    beyond = np.clip((x - ELBOW[0]) / (WRIST[0] - ELBOW[0]), 0, None)[:, None]
    share = np.clip((x - SHOULDER[0]) / (ELBOW[0] - SHOULDER[0]), 0, 1)[:, None]
    axis = SHOULDER + share * (ELBOW - SHOULDER) + beyond * (WRIST - ELBOW)
    offset = position - axis
    return _unit(offset[:, 1] * 0.8 + np.abs(position[:, 0]) * 0.6 - axis[:, 0] * 0.6, offset[:, 2])


def _about_leg(position: np.ndarray) -> np.ndarray:
    """The angle grows from the outside of the leg to its back."""
    share = np.clip((HIP[1] - position[:, 1]) / (HIP[1] - ANKLE[1]), 0, 1)[:, None]
    axis = HIP + share * (ANKLE - HIP)
    return _unit(np.abs(position[:, 0]) - axis[:, 0], axis[:, 2] - position[:, 2])

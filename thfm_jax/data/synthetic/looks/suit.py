"""The suit: the close-fitting surface of the body model that clothes are cut from, and its charts.

Positions are metres in the frame of MakeHuman's base mesh: x to the body's left, y up with 0 near
the hips, z to its front. The joints of that mesh are the landmarks here. They say where a garment
ends for every shape of body, since shapes share the mesh.
"""

import dataclasses
import functools
import itertools

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from thfm_jax.data.synthetic.bodies.body import BodyModel
from thfm_jax.data.synthetic.looks import sheets
from thfm_jax.data.synthetic.looks.sheets import Sheet

SHOULDER, ELBOW, WRIST = (
    np.array(p) for p in [(0.168, 0.525, 0.015), (0.313, 0.349, 0.013), (0.431, 0.245, 0.176)]
)
HIP, KNEE, ANKLE = (
    np.array(p) for p in [(0.109, 0.0, 0.03), (0.158, -0.369, 0.032), (0.22, -0.745, -0.001)]
)
NECK_Y, SHOULDER_Y, BUST_Y, WAIST_Y, HIPS_Y, CROTCH_Y = 0.6, 0.54, 0.4, 0.19, 0.02, -0.1
KNEE_Y, ANKLE_Y, FOOT_Y = -0.37, -0.745, -0.817
GOWN_Y = 0.03  # where a gown leaves the body
UPPER_ARM_M = float(np.linalg.norm(ELBOW - SHOULDER))
ARM_M = UPPER_ARM_M + float(np.linalg.norm(WRIST - ELBOW))

_ARMS = ("upperarm", "lowerarm", "wrist", "metacarpal", "finger")
TORSO, LEFT_ARM, RIGHT_ARM = 0, 1, 2


@dataclasses.dataclass(frozen=True)
class Suit:
    """A surface of `N` vertices and `F` triangles to cut garments from.

    Attributes:
      sheet: on top of the model's vertices.
      position: [N, 3] float32 on the base mesh.
      template: [N, 3] float32 canonical position of the body beneath.
      part: [F] uint8 of `parts.NAMES`.
      chart: [F] uint8 TORSO, LEFT_ARM or RIGHT_ARM: sleeves meet the torso in a seam.
      arm: [N] float32 metres along the arm from the shoulder seam, negative on the torso.
      around: [N, 3, 2] float32 (cosine, sine) of the angle about torso, arm and leg; 0 in the
        middle of the front, at the outside of the arm and at that of the leg.
      close: [N] bool, False where the surface is no skin: where a skirt spans the legs.
      on_suit: [N] int32 vertex of the close-fitting suit; of no meaning where not `close`.
    """

    sheet: Sheet
    position: np.ndarray
    template: np.ndarray
    part: np.ndarray
    chart: np.ndarray
    arm: np.ndarray
    around: np.ndarray
    close: np.ndarray
    on_suit: np.ndarray


def base_positions(model: BodyModel) -> np.ndarray:
    """[V, 3] float32 the base mesh in the frame of this module's landmarks."""
    return model.rest + np.array([0, FOOT_Y, 0], np.float32)


@functools.lru_cache(maxsize=2)
def of(model: BodyModel) -> Suit:
    """The close-fitting suit of a body model, neck to toes and wrists, kept."""
    coarse = _patch_sheet(model, "tights")
    placed = base_positions(model)
    arm = _along_arm(coarse(placed), coarse(_arm_weight(model)))
    sheet, on_arm = sheets.split(coarse.triangles, arm)
    sheet = sheet.on(coarse)
    left = sheet(placed)[sheet.triangles][..., 0].mean(axis=1) > 0
    chart = np.where(on_arm, np.where(left, LEFT_ARM, RIGHT_ARM), TORSO).astype(np.uint8)
    part = model.patches["tights"].part[sheet.faces]
    count = sheet.weights.shape[0]
    return _suit(model, sheet, part, chart, np.ones(count, bool), np.arange(count, dtype=np.int32))


@functools.lru_cache(maxsize=2)
def gown(model: BodyModel) -> Suit:
    """The suit down to the hips, and from there a skirt to the ankles, kept."""
    above = of(model)
    upper = sheets.cut(above.sheet.triangles, above.position[:, 1] - GOWN_Y)
    rings = _skirt_rings(model)
    placed = base_positions(model)
    rings = rings[placed[rings, 1].max(axis=1) < GOWN_Y - 0.02]
    position = upper(above.position)
    lines = sheets.loops(upper.triangles)
    hip = min(lines, key=lambda line: np.abs(position[line, 1] - GOWN_Y).max())
    count = len(position)
    ids = np.arange(rings.size).reshape(rings.shape) + count
    lower = [_zipped(hip, ids[0], position, placed[rings[0]])]
    for here, below in itertools.pairwise(ids):
        a, b, c, d = here, np.roll(here, -1), below, np.roll(below, -1)
        lower += [np.stack([a, c, d], axis=1), np.stack([a, d, b], axis=1)]
    skirt = np.concatenate(lower).astype(np.int32)
    columns = rings.reshape(-1)
    own = sparse.identity(len(placed), np.float32, format="csr")[columns]
    weights = sparse.vstack([upper.on(above.sheet).weights, own], format="csr")
    triangles = np.concatenate([upper.triangles, skirt])
    sheet = Sheet(weights, triangles, np.arange(len(triangles), dtype=np.int32))
    close = np.arange(weights.shape[0]) < count
    on_suit = np.zeros(len(close), np.int32)
    on_suit[:count] = sheets.sources(upper)
    vertex_part = np.zeros(len(placed), np.uint8)
    patch = model.patches["skirt"]
    vertex_part[patch.vertex_ids[patch.triangles]] = patch.part[:, None]
    below_part = vertex_part[columns][np.maximum(skirt.max(axis=1) - count, 0)]
    part = np.concatenate([above.part[upper.faces], below_part])
    chart = np.concatenate([above.chart[upper.faces], np.zeros(len(skirt), np.uint8)])
    return _suit(model, sheet, part, chart, close, on_suit)


def _suit(
    model: BodyModel,
    sheet: Sheet,
    part: np.ndarray,
    chart: np.ndarray,
    close: np.ndarray,
    on_suit: np.ndarray,
) -> Suit:
    position = sheet(base_positions(model))
    return Suit(
        sheet=sheet,
        position=position,
        template=sheet(model.template),
        part=part,
        chart=chart,
        arm=_along_arm(position, sheet(_arm_weight(model))),
        around=np.stack([_about_torso(position), _about_arm(position), _about_leg(position)], 1),
        close=close,
        on_suit=on_suit,
    )


@functools.lru_cache(maxsize=2)
def near_skin(model: BodyModel) -> np.ndarray:
    """[V] int32 the suit's vertex next to each vertex of the skin; -1 away from the suit."""
    placed, body = base_positions(model), np.unique(model.patches["body"].vertex_ids)
    distance, nearest = cKDTree(of(model).position).query(placed[body])
    near = np.full(len(placed), -1, np.int32)
    near[body] = np.where(distance < 0.03, nearest, -1)
    return near


def _patch_sheet(model: BodyModel, name: str) -> Sheet:
    patch = model.patches[name]
    whole = sheets.whole(patch.vertex_ids[patch.triangles], len(model.rest))
    return sheets.part(whole, np.ones(len(whole.triangles), bool))


def _skirt_rings(model: BodyModel) -> np.ndarray:
    """[R, C] model vertices of the skirt: rings from the waist down, each turning leftwards."""
    sheet = _patch_sheet(model, "skirt")
    position = sheet(base_positions(model))
    pairs, _, _ = sheets.edges(sheet.triangles)
    ring = max(sheets.loops(sheet.triangles), key=lambda line: position[line, 1].mean())
    left = np.ones(len(position), bool)
    rings: list[np.ndarray] = []
    neighbours: list[list[int]] = [[] for _ in position]
    for a, b in pairs.tolist():
        neighbours[a].append(b)
        neighbours[b].append(a)
    while len(ring):
        left[ring] = False
        ring = ring[np.argsort(_turned(position[ring]))]
        if rings:
            shifts = [np.roll(ring, k) for k in range(len(ring))]
            ring = min(shifts, key=lambda r: np.abs(position[r] - position[rings[-1]]).sum())
        rings.append(ring)
        ring = np.array(sorted({n for v in ring for n in neighbours[v] if left[n]}), np.int64)
    return sheets.sources(sheet)[np.stack(rings)]


def _turned(points: np.ndarray) -> np.ndarray:
    """[P] angles about y from just before the front leftwards, in [0, 2 pi)."""
    return (np.arctan2(points[:, 0], points[:, 2] - 0.02) + 1e-3) % (2 * np.pi)


def _zipped(
    upper: np.ndarray, lower: np.ndarray, above: np.ndarray, below: np.ndarray
) -> np.ndarray:
    """[F, 3] triangles between two rings about y.

    Args:
      upper, lower: vertices of the rings in any order.
      above: positions that `upper` refers to; below: [C, 3] positions of `lower`.
    """
    first, second = _turned(above[upper]), _turned(below)
    upper, lower = upper[np.argsort(first)], lower[np.argsort(second)]
    first, second = np.sort(first), np.sort(second)
    i = j = 0
    faces = []
    while i < len(upper) or j < len(lower):
        next_first = first[i + 1] if i + 1 < len(upper) else first[0] + 2 * np.pi
        next_second = second[j + 1] if j + 1 < len(lower) else second[0] + 2 * np.pi
        a, b = upper[i % len(upper)], lower[j % len(lower)]
        if i < len(upper) and (j == len(lower) or next_first < next_second):
            i += 1
            faces.append((a, b, upper[i % len(upper)]))
        else:
            j += 1
            faces.append((a, b, lower[j % len(lower)]))
    return np.array(faces, np.int32)


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

"""Soft masks of the skin: where lips, nails, hair and beard are.

Some are painted on MakeHuman's texture; the others are drawn here on the base mesh, in metres of
its own frame (x to the body's left, y up with 0 near the hips, z to the front). As masks of
vertices they follow every shape and pose.
"""

import numpy as np
from jaxtyping import Float, UInt8

from thfm_jax.data.synthetic import parts
from thfm_jax.data.synthetic.assets import Pack
from thfm_jax.data.synthetic.bodies.patches import Patch

_PAINTED = {
    "areolae": "aureolae",
    "ears": "ears",
    "eyelids": "eyelids",
    "face": "face",
    "fingernails": "fingernails",
    "inside_mouth": "inside-mouth",
    "lips": "lips",
    "toenails": "toenails",
}
_Line = tuple[tuple[float, float], ...]
# (z, y) in profile, back to front. Hair grows above: nape, behind the ear, over the ear, in front
# of the ear, temple, forehead.
_HAIRLINE: _Line = (
    *((-0.20, 0.650), (-0.010, 0.655), (0.010, 0.670), (0.025, 0.700), (0.034, 0.728)),
    *((0.056, 0.730), (0.060, 0.712), (0.073, 0.712), (0.080, 0.745), (0.100, 0.772)),
    *((0.120, 0.792), (0.140, 0.800), (0.200, 0.800)),
)
# Whiskers grow below: in front of the ear, over the cheek, to the lower lip.
_WHISKERS: _Line = (
    *((0.050, 0.600), (0.058, 0.640), (0.062, 0.715), (0.073, 0.712), (0.080, 0.690)),
    *((0.100, 0.672), (0.125, 0.662), (0.140, 0.650), (0.200, 0.646)),
)
# (x, y) of a brow seen from the front.
_BROW: _Line = ((0.013, 0.743), (0.022, 0.748), (0.033, 0.750), (0.043, 0.747), (0.051, 0.741))


def read(
    pack: Pack, body: Patch, part: UInt8[np.ndarray, " V"]
) -> dict[str, Float[np.ndarray, " V"]]:
    """name → float32 [V] in [0, 1], 0 off the skin.

    Args:
      pack: the asset pack.
      body: the skin.
      part: of each vertex.
    """
    vertices = pack["mesh/vertices"].astype(np.float64)
    painted = dict(zip(pack["masks/names"].tolist(), pack["masks/values"], strict=True))
    masks = {name: painted[theirs] / 255 for name, theirs in _PAINTED.items()}
    outside = 1 - masks["inside_mouth"]
    head = np.isin(part, [parts.INDEX["face"], parts.INDEX["scalp"], parts.INDEX["neck"]])
    bare = head * outside * (1 - masks["ears"]) * (1 - masks["lips"])
    masks |= {name: bare * mask for name, mask in _on_head(vertices).items()}
    masks |= _on_limbs(vertices, body, part)
    on_skin = np.zeros(len(vertices))
    on_skin[body.vertex_ids] = 1
    return {name: (on_skin * mask).astype(np.float32) for name, mask in masks.items()}


def _on_head(vertices: np.ndarray) -> dict[str, np.ndarray]:
    x, y, z = np.abs(vertices[:, 0]), vertices[:, 1], vertices[:, 2]
    front = _step(z, 0.10, 0.12)
    hairline, whiskers = _curve(z, _HAIRLINE), _curve(z, _WHISKERS)
    moustache = _step(y, 0.661, 0.666) * _step(-y, -0.685, -0.679) * _step(-x, -0.032, -0.024)
    beard = _step(whiskers - y, -0.004, 0.006) * _step(y, 0.585, 0.605) * _step(z, 0.055, 0.068)
    chin = beard * _step(-x, -0.030, -0.018) * front
    return {
        "scalp": _step(y - hairline, -0.004, 0.006),
        "brows": front * _step(-_to_line(x, y, _BROW), -0.0065, -0.0025),
        "moustache": moustache * front,
        "beard": np.maximum(beard, moustache * front),
        "goatee": np.maximum(chin, moustache * front),
        "cheeks": _round(x, y, z, (0.043, 0.693, 0.115), 0.020),
        "nose": _round(x, y, z, (0.0, 0.694, 0.160), 0.022),
        "eye_sockets": _round(x, y, z, (0.031, 0.728, 0.130), 0.022),
    }


def _on_limbs(vertices: np.ndarray, body: Patch, part: np.ndarray) -> dict[str, np.ndarray]:
    normals = _normals(vertices, body)
    masks = {"palms": np.zeros(len(vertices))}
    for side, sign in (("left", 1), ("right", -1)):
        hand = part == parts.INDEX[f"{side}_hand"]
        # The palm looks down, back and towards the body in MakeHuman's A-pose.
        facing = normals @ np.array([-sign * 0.50, -0.60, -0.62])
        masks["palms"] += hand * _step(facing, -0.1, 0.5)
    foot = np.isin(part, [parts.INDEX["left_foot"], parts.INDEX["right_foot"]])
    masks["soles"] = foot * _step(-normals[:, 1], 0.2, 0.7)
    return masks


def _normals(vertices: np.ndarray, body: Patch) -> np.ndarray:
    """[V, 3] unit normals of the skin, 0 elsewhere."""
    corners = body.vertex_ids[body.triangles]
    a, b, c = (vertices[corners[:, k]] for k in range(3))
    normals = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(normals, corners[:, k], np.cross(b - a, c - a))
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def _curve(x: np.ndarray, points: _Line) -> np.ndarray:
    """y of the line through `points` at each x."""
    return np.interp(x, [point[0] for point in points], [point[1] for point in points])


def _step(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _round(
    x: np.ndarray, y: np.ndarray, z: np.ndarray, centre: tuple[float, float, float], radius: float
) -> np.ndarray:
    """1 at `centre`, falling like a Gaussian of half width `radius`."""
    squared = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2
    return np.exp(-np.log(2) * squared / radius**2)


def _to_line(x: np.ndarray, y: np.ndarray, points: _Line) -> np.ndarray:
    """Distance of each (x, y) from the line through `points`."""
    here = np.stack([x, y], axis=-1)
    distances = []
    for start, end in zip(np.array(points[:-1]), np.array(points[1:]), strict=True):
        along = end - start
        share = np.clip((here - start) @ along / (along @ along), 0, 1)
        distances.append(np.linalg.norm(here - start - share[:, None] * along, axis=1))
    return np.min(distances, axis=0)

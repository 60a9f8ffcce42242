"""Measures of generated clips: whether their labels agree with one another, and how they vary."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from thfm_jax import joints
from thfm_jax.data import geometric
from thfm_jax.data.synthetic import generator
from thfm_jax.data.synthetic.assets import Pack
from thfm_jax.data.synthetic.clip import SyntheticClip
from thfm_jax.data.synthetic.generator import Settings
from thfm_jax.data.synthetic.rendering.renderer import render

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
VIEWER = np.array([1.0, -1.0, -1.0])  # OpenCV camera axes to viewer axes and back


def backproject(
    depth_m: Float[np.ndarray, "T H W"], intrinsics: Float[np.ndarray, "T 3 3"]
) -> Float[np.ndarray, "T H W 3"]:
    """Camera-frame points of the pixels' centres at that z, float64 metres."""
    height, width = depth_m.shape[1:]
    x = (np.arange(width) + 0.5 - intrinsics[:, 0, 2, None]) / intrinsics[:, 0, 0, None]
    y = (np.arange(height) + 0.5 - intrinsics[:, 1, 2, None]) / intrinsics[:, 1, 1, None]
    z = depth_m.astype(np.float64)
    return np.stack([x[:, None] * z, y[:, :, None] * z, z], axis=-1)


def position_error_m(clip: SyntheticClip, positions: Float[np.ndarray, "T H W 3"]) -> float:
    """Largest distance between back-projected depth and the map of world positions, on subjects."""
    turn, shift = clip.extrinsics[..., :3], clip.extrinsics[..., 3]
    local = np.einsum("tij,thwj->thwi", turn, positions, optimize=False) + shift[:, None, None]
    error = np.linalg.norm(backproject(clip.labels.depth_m, clip.intrinsics) - local, axis=-1)
    return float(np.max(error, initial=0.0, where=clip.labels.instance > 0))


def normal_errors_deg(clip: SyntheticClip) -> Float[np.ndarray, "n"]:
    """Angles between the normals and those of the depth map's slope, away from edges.

    Away means that the pixel and its eight neighbours are valid, of one subject and one part, and
    that depth steps between neighbours by no more than a slope of 80 degrees would.
    """
    maps = clip.labels
    points = backproject(maps.depth_m, clip.intrinsics)
    down, right = np.gradient(points, axis=(1, 2))
    slope = np.cross(right, down)
    slope /= np.maximum(np.linalg.norm(slope, axis=-1, keepdims=True), 1e-12)
    slope *= -np.sign(np.sum(slope * points, axis=-1, keepdims=True))
    cosine = np.sum(slope * VIEWER * maps.normals, axis=-1)
    return np.degrees(np.arccos(np.clip(cosine[_smooth(clip)], -1, 1)))


def _smooth(clip: SyntheticClip) -> Bool[np.ndarray, "T H W"]:
    maps = clip.labels
    window = (1, 3, 3)
    kind = maps.instance.astype(np.int32) * 256 + maps.part
    alike = ndimage.minimum_filter(kind, window) == ndimage.maximum_filter(kind, window)
    valid = ndimage.minimum_filter(maps.valid, window, mode="constant")
    focal = clip.intrinsics[:, 0, 0, None, None]
    step = ndimage.maximum_filter(maps.depth_m, window) - ndimage.minimum_filter(
        maps.depth_m, window
    )
    return alike & valid & (step <= 2 * maps.depth_m / focal * np.tan(np.radians(80)))


def reprojection_error_px(clip: SyntheticClip) -> float:
    """Largest distance between 2-D keypoints and projected 3-D ones, of those near the picture."""
    deep = clip.keypoints3d.astype(np.float64)
    focal = clip.intrinsics[:, None, [0, 1], [0, 1]]
    with np.errstate(divide="ignore", invalid="ignore"):
        xy = deep[..., :2] / deep[..., 2:] * focal + clip.intrinsics[:, None, :2, 2]
    error = np.linalg.norm(xy - clip.keypoints2d[..., :2], axis=-1)
    near = _in_frame(clip, margin=1.0) & clip.keypoints_known[:, None, None]
    return float(np.max(error, initial=0.0, where=near))


def visible_inside(clip: SyntheticClip) -> tuple[int, int]:
    """(visible keypoints whose pixel the matte covers by more than nothing, visible keypoints)."""
    seen = (clip.keypoints2d[..., 2] > 0) & clip.keypoints_known[:, None, None]
    _, frame, _ = np.nonzero(seen)
    column, row = np.floor(clip.keypoints2d[seen][:, :2]).astype(int).T
    return int(np.sum(clip.labels.alpha[frame, row, column] > 0)), int(seen.sum())


def _in_frame(clip: SyntheticClip, margin: float = 0.0) -> Bool[np.ndarray, "P T K"]:
    """Joints in front of the camera and in the picture, or up to `margin` of its size beside it."""
    size = np.array(clip.rgb.shape[2:0:-1])
    xy = clip.keypoints2d[..., :2]
    inside = np.all((xy >= -margin * size) & (xy < (1 + margin) * size), axis=-1)
    return inside & (clip.keypoints3d[..., 2] > 0)


def diversity(clip: SyntheticClip) -> dict[str, float]:
    """What a clip shows of its main subject; NaN where it has no meaning.

    Angles are in degrees; yaw is 0 for a person who faces the camera and 90 with the left side to
    it; an elbow, knee, shoulder or hip at 0 is stretched, or hangs down.
    """
    points, subject = clip.keypoints3d[0].astype(np.float64), clip.meta["subjects"][0]
    if not clip.keypoints_known[0]:
        return {}
    looks = subject.get("looks", {})
    row = {
        "body_height_m": subject["body"]["height_m"],
        "age_years": subject["body"]["age_years"],
        "person_px": float(np.median(_height_px(clip))),
        "camera_distance_m": float(np.median(points[:, joints.ROOT, 2])),
        "yaw_deg": _yaw_deg(points),
        "occluded_share": _occluded_share(clip),
        "speed_m_s": _speed_m_s(clip),
        **{f"{name}_deg": angle for name, angle in _angles_deg(points).items()},
    }
    for what in ("skin", "top", "bottom", "hair"):
        if looks.get(f"{what}_rgb") is not None:
            row[f"{what}_lightness"] = float(np.mean(looks[f"{what}_rgb"]))
    return row


def _height_px(clip: SyntheticClip) -> Float[np.ndarray, "T"]:
    """Rows between the main subject's uppermost and lowest visible pixel, by frame."""
    rows = np.any(clip.labels.instance == 1, axis=2)
    first, last = rows.argmax(axis=1), rows[:, ::-1].argmax(axis=1)
    return np.where(rows.any(axis=1), rows.shape[1] - first - last, 0)


def _yaw_deg(points: Float[np.ndarray, "T K 3"]) -> float:
    left, right = (points[:, joints.INDEX[f"{side}_hip"]] for side in ("left", "right"))
    across = np.mean(left - right, axis=0)
    return float(np.degrees(np.arctan2(across[2], across[0]))) * -1


def _occluded_share(clip: SyntheticClip) -> float:
    """Share of the main subject's joints in the picture in front of which something else stands."""
    inside = _in_frame(clip)[0]
    if not inside.any():
        return float("nan")
    frame, joint = np.nonzero(inside)
    column, row = np.floor(clip.keypoints2d[0, frame, joint, :2]).astype(int).T
    return float(np.mean(clip.labels.instance[frame, row, column] != 1))


def _speed_m_s(clip: SyntheticClip) -> float:
    """Mean speed of the main subject's joints in the world."""
    turn, shift = clip.extrinsics[..., :3], clip.extrinsics[:, None, :, 3]
    world = np.einsum("tji,tkj->tki", turn, clip.keypoints3d[0] - shift, optimize=False)
    if len(world) < 2:
        return float("nan")
    return float(np.mean(np.linalg.norm(np.diff(world, axis=0), axis=-1)) * clip.fps)


_LIMBS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")


def _angles_deg(points: Float[np.ndarray, "T K 3"]) -> dict[str, float]:
    """Angles of the first frame's joints."""
    at = {name: points[0, index] for name, index in joints.INDEX.items()}
    trunk = at["pelvis"] - at["neck"]
    angles = {}
    for side in ("left", "right"):
        limb = {name: at[f"{side}_{name}"] for name in _LIMBS}
        angles[f"{side}_shoulder"] = _between(limb["elbow"] - limb["shoulder"], trunk)
        angles[f"{side}_elbow"] = _between(
            limb["elbow"] - limb["shoulder"], limb["wrist"] - limb["elbow"]
        )
        angles[f"{side}_hip"] = _between(limb["knee"] - limb["hip"], trunk)
        angles[f"{side}_knee"] = _between(limb["knee"] - limb["hip"], limb["ankle"] - limb["knee"])
    return angles


def _between(a: np.ndarray, b: np.ndarray) -> float:
    cosine = np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b))
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def table(rows: Iterable[Mapping[str, float]]) -> list[dict[str, Any]]:
    """One line a measure: its mean and its `QUANTILES` over the clips."""
    rows = list(rows)
    lines: list[dict[str, Any]] = []
    for name in sorted({name for row in rows for name in row}):
        values = np.array([row[name] for row in rows if name in row and np.isfinite(row[name])])
        spread = {f"{q:.0%}": float(np.quantile(values, q)) for q in QUANTILES}
        lines.append(
            {"measure": name, "clips": len(values), "mean": float(values.mean()), **spread}
        )
    return lines


def consistency(pack: Pack, seed: int, index: int, settings: Settings) -> dict[str, float]:
    """How far the labels of a clip are from one another: as rendered, mirrored, and cropped.

    The names of what the three have in common begin with "flip " and "crop " in the latter two.
    """
    composition = generator.compose(pack, seed, index, settings)
    rendered = render(composition.scene, settings.supersampling, positions=True)
    # Colours are no label: the sensor is spared.
    rgb = np.zeros(rendered.colour.shape, np.uint8)
    clip = generator.label(composition, rendered, rgb, composition.meta)
    assert rendered.positions is not None
    rows = _consistency(clip, rendered.positions)

    frames, (height, width) = len(rgb), settings.size
    mirrored = geometric.flipped(clip)
    positions = rendered.positions[:, :, ::-1] * np.array([-1.0, 1.0, 1.0])
    rows |= {f"flip {name}": value for name, value in _consistency(mirrored, positions).items()}

    top, left, size = height // 8, width // 8, (height * 3 // 4, width * 3 // 4)
    window = np.tile([left, top, size[1], size[0]], (frames, 1)).astype(np.float64)
    cropped = geometric.warp(clip, window, size)
    positions = rendered.positions[:, top : top + size[0], left : left + size[1]]
    return rows | {f"crop {n}": value for n, value in _consistency(cropped, positions).items()}


def _consistency(clip: SyntheticClip, positions: Float[np.ndarray, "T H W 3"]) -> dict[str, float]:
    inside, seen = visible_inside(clip)
    angles = normal_errors_deg(clip)
    return {
        "position error, m": position_error_m(clip, positions),
        "median normal error, deg": float(np.median(angles)) if len(angles) else float("nan"),
        "reprojection error, px": reprojection_error_px(clip),
        "visible keypoints": seen,
        "visible keypoints in the matte": inside,
    }

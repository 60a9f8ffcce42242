"""Pictures of predictions: NumPy in, [H, W, 3] uint8 sRGB out, one frame at a time.

What has no value (NaN) and the background are dark. Lines and letters scale with the picture.
Joints and their colours come as arguments.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image, ImageDraw, ImageFont

Picture = UInt8[np.ndarray, "H W 3"]
Colour = tuple[int, int, int]

DARK: Colour = (18, 18, 24)
ALARM: Colour = (255, 80, 70)

# Far to near. Lightness rises all the way, so that the order shows without colour too.
_DEPTH_STOPS = (
    *((38, 24, 84), (96, 32, 132), (178, 48, 122)),
    *((234, 100, 80), (252, 178, 84), (253, 250, 210)),
)
_BODY_M = np.array([0.9, 0.9, 0.3], np.float32)  # the template's half extent in x, y, z
_VIEW_M = 1.15  # a 3-D view reaches this far from the root
_GRID_M = 0.5
_INK = 2  # lines are drawn at this multiple of the resolution and averaged


@dataclasses.dataclass(frozen=True)
class Skeleton:
    """How joints are drawn.

    Attributes:
      edges: (parent, child) positions; a bone takes the colour of the child.
      colours: sRGB 0-255 of each joint.
    """

    edges: tuple[tuple[int, int], ...]
    colours: tuple[Colour, ...]


@dataclasses.dataclass
class Painter:
    """Pictures of one clip's predictions, by the names of their tasks.

    Attributes:
      skeleton: how joints are drawn.
      depth_limits: (near, far) that span the colours; one pair for the clip, or it would flicker.
      warning: text that stands on every picture; empty for none.
    """

    skeleton: Skeleton
    depth_limits: tuple[float, float] = (0.0, 1.0)
    warning: str = ""

    def picture(self, task: str, value: np.ndarray, frame: Picture) -> Picture:
        """One frame's prediction of one task, at the size of `frame`; ValueError if unknown."""
        return label(self._picture(task, value, frame), self.warning)

    def overlay(self, frame: Picture, values: Mapping[str, np.ndarray]) -> Picture:
        """The frame with its predictions: the surface's colours, joints, and a 3-D inset.

        The surface shows normals, else dense pose, else depth; with a matte alone the background
        darkens.
        """
        picture = frame
        surface = next((task for task in ("normals", "densepose", "depth") if task in values), None)
        if surface:
            colours = self._picture(surface, values[surface], frame)
            alpha = values.get("matte", np.any(colours != np.array(DARK), axis=-1))
            picture = mix(frame, colours, 0.6 * alpha)
        elif "matte" in values:
            picture = mix(mix(frame, DARK, 0.75), frame, values["matte"])
        if "keypoints2d" in values:
            picture = points_picture(picture, values["keypoints2d"], self.skeleton)
        if "keypoints3d" in values:
            picture = self._with_inset(picture, values["keypoints3d"])
        return label(picture, self.warning)

    def _picture(self, task: str, value: np.ndarray, frame: Picture) -> Picture:
        height, width = frame.shape[:2]
        match task:
            case "depth":
                return depth_picture(value, self.depth_limits)
            case "normals":
                return normals_picture(value)
            case "matte":
                return matte_picture(value)
            case "densepose":
                return densepose_picture(value)
            case "keypoints2d":
                return points_picture(mix(frame, DARK, 0.5), value, self.skeleton)
            case "keypoints3d":
                return views_picture(value, self.skeleton, height, width)
        raise ValueError(f"no way to draw the task {task!r}")

    def _with_inset(self, picture: Picture, points: np.ndarray) -> Picture:
        """The picture with both 3-D views in its lower right corner."""
        side = max(min(3 * picture.shape[0] // 10, picture.shape[1] // 5), 1)
        framed = picture.copy()
        framed[-side:, -2 * side :] = views_picture(points, self.skeleton, side, 2 * side)
        return framed


def depth_limits(depth: Float[np.ndarray, "*T H W"]) -> tuple[float, float] | None:
    """(near, far): the 2 % and 98 % quantiles of what is not NaN; None where all is."""
    known = depth[np.isfinite(depth)]
    if not known.size:
        return None
    near, far = np.quantile(known, (0.02, 0.98))
    return float(near), float(far)


def depth_picture(depth: Float[np.ndarray, "H W"], limits: tuple[float, float]) -> Picture:
    """Near bright and far dim, between the `limits` (near, far)."""
    near, far = limits
    known = np.isfinite(depth)
    nearness = np.clip((far - np.where(known, depth, far)) / max(far - near, 1e-6), 0, 1)
    colours = np.take(_depth_colours(), (255 * nearness).astype(np.uint8), axis=0)
    colours[~known] = DARK
    return colours


def normals_picture(normals: Float[np.ndarray, "H W 3"]) -> Picture:
    """x, y, z in [-1, 1] as red, green and blue; zero vectors are dark."""
    return _signed_picture(normals, np.einsum("hwc,hwc->hw", normals, normals) > 0.01)


def densepose_picture(points: Float[np.ndarray, "H W 3"]) -> Picture:
    """Metres on the template body as red (to its left), green (up) and blue (to its front)."""
    return _signed_picture(points / _BODY_M, np.isfinite(points).all(axis=-1))


def matte_picture(alpha: Float[np.ndarray, "H W"]) -> Picture:
    """Alpha in [0, 1] as grey."""
    return np.repeat(_to_bytes(alpha)[..., None], 3, axis=-1)


def ids_picture(ids: UInt8[np.ndarray, "H W"]) -> Picture:
    """A colour for each number, neighbouring numbers far apart; 0 is dark."""
    return np.take(_id_colours(), ids, axis=0)


def points_picture(
    picture: Picture,
    points: Float[np.ndarray, "K 3"],
    skeleton: Skeleton,
    threshold: float = 0.3,
) -> Picture:
    """The picture with the joints (x, y in pixels, confidence) that reach the threshold."""
    shown = np.isfinite(points).all(axis=-1) & (points[:, 2] >= threshold)
    return _draw_skeleton(picture, points[:, :2], shown, skeleton)


def views_picture(
    points: Float[np.ndarray, "K 3"], skeleton: Skeleton, height: int, width: int
) -> Picture:
    """Joints in metres from the root (x right, y down, z forward): from the front, from the side.

    Without perspective. The side view looks along x, with the camera at its left. Grid: 0.5 m.
    """
    picture = _views_ground(height, width)
    shown = np.isfinite(points).all(axis=-1)
    for centre, axes in zip(_view_centres(height, width), ((0, 1), (2, 1)), strict=True):
        xy = centre + _pixels_per_m(height, width) * points[:, axes]
        picture = _draw_skeleton(picture, xy, shown, skeleton)
    return picture


def mix(ground: Picture, top: Picture | Colour, alpha: Float[np.ndarray, "H W"] | float) -> Picture:
    """`top` over `ground`, where alpha in [0, 1] says how much of it; NaN counts as 0."""
    size = ground.shape[1], ground.shape[0]
    above = Image.new("RGB", size, top) if isinstance(top, tuple) else Image.fromarray(top)
    share = np.broadcast_to(_to_bytes(np.asarray(alpha)), ground.shape[:2])
    return np.asarray(Image.composite(above, Image.fromarray(ground), Image.fromarray(share)))


def label(picture: Picture, text: str, colour: Colour = ALARM) -> Picture:
    """The picture with `text` across its top on a darkened band."""
    if not text:
        return picture
    ink = _text_ink(text, picture.shape[0], picture.shape[1])
    labelled = picture.copy()
    labelled[: len(ink)] = mix(mix(labelled[: len(ink)], DARK, 0.7), colour, ink)
    return labelled


def contact_sheet(pictures: Sequence[Picture], columns: int, gap: int = 4) -> Picture:
    """Pictures of one size in rows of `columns`, row by row, with dark gaps of `gap` pixels."""
    height, width = pictures[0].shape[:2]
    rows = -(-len(pictures) // columns)
    size = (rows * (height + gap) - gap, columns * (width + gap) - gap, 3)
    sheet = np.full(size, DARK, np.uint8)
    for index, picture in enumerate(pictures):
        top, left = (index // columns) * (height + gap), (index % columns) * (width + gap)
        sheet[top : top + height, left : left + width] = picture
    return sheet


def _signed_picture(values: np.ndarray, known: Bool[np.ndarray, "H W"]) -> Picture:
    """Three values in [-1, 1] as colours around grey, dark where not `known`."""
    scaled = 127.5 * values + 127.5
    scaled[~known] = DARK
    return np.clip(scaled, 0, 255).astype(np.uint8)


def _to_bytes(alpha: np.ndarray) -> np.ndarray:
    """[0, 1] as 0-255; NaN is 0."""
    return (255 * np.clip(np.nan_to_num(alpha), 0, 1) + 0.5).astype(np.uint8)


@functools.cache
def _depth_colours() -> UInt8[np.ndarray, "256 3"]:
    """The depth ramp from far to near."""
    stops = np.array(_DEPTH_STOPS)
    at = np.linspace(0, 255, len(stops))
    return np.stack([np.interp(np.arange(256), at, channel) for channel in stops.T], 1).astype("u1")


@functools.cache
def _id_colours() -> UInt8[np.ndarray, "256 3"]:
    """Hues a golden angle apart, in three brightnesses."""
    number = np.arange(256)
    hue = number * 0.381966 % 1
    brightness = np.array([255, 200, 145])[number // 7 % 3]
    channel = np.abs((hue[:, None] * 6 + [0, 4, 2]) % 6 - 3) - 1
    colours = (brightness[:, None] * (0.25 + 0.75 * np.clip(channel, 0, 1))).astype(np.uint8)
    colours[0] = DARK
    return colours


def _draw_skeleton(
    picture: Picture,
    xy: Float[np.ndarray, "K 2"],
    shown: Bool[np.ndarray, "K"],
    skeleton: Skeleton,
) -> Picture:
    """Bones between shown joints, then the joints, with a dark rim that sets them off."""
    height, width = picture.shape[:2]
    # Far outside only the direction matters, and Pillow wants small integers.
    limits = np.array([width, height])
    ends = _INK * np.clip(np.nan_to_num(xy), -limits, 2 * limits) - 0.5
    line = max(round(_INK * min(height, width) / 200), 3)
    fine = (_INK * width, _INK * height)
    canvas = Image.fromarray(picture).resize(fine, Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(canvas)
    bones = [edge for edge in skeleton.edges if shown[list(edge)].all()]
    for rim in (line, 0):
        for parent, child in bones:
            colour = DARK if rim else skeleton.colours[child]
            draw.line([*ends[parent], *ends[child]], colour, line + rim)
    for joint in np.flatnonzero(shown):
        colour, rim = skeleton.colours[joint], max(line // 3, 1)
        draw.circle(tuple(ends[joint]), 1.2 * line, colour, DARK, rim)
    return np.asarray(canvas.reduce(_INK))


def _pixels_per_m(height: int, width: int) -> float:
    return min(width / 2, height) / (2 * _VIEW_M)


def _view_centres(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the root joint lies in the front and in the side view."""
    return np.array([width / 4, height / 2]), np.array([3 * width / 4, height / 2])


@functools.lru_cache(maxsize=4)
def _views_ground(height: int, width: int) -> Picture:
    """The 3-D views' titles and grids."""
    canvas = Image.new("RGB", (width, height), DARK)
    draw = ImageDraw.Draw(canvas)
    step = _GRID_M * _pixels_per_m(height, width)
    reach = int(_VIEW_M / _GRID_M)
    font = ImageFont.load_default(max(height // 16, 8))
    for (x, y), title in zip(_view_centres(height, width), ("front", "side"), strict=True):
        for line in step * np.arange(-reach, reach + 1):
            draw.line([x + line, y - reach * step, x + line, y + reach * step], (52, 52, 62))
            draw.line([x - reach * step, y + line, x + reach * step, y + line], (52, 52, 62))
        draw.text((x, height - 2), title, (170, 170, 180), font, anchor="mb")
    return np.asarray(canvas)


@functools.lru_cache(maxsize=16)
def _text_ink(text: str, height: int, width: int) -> Float[np.ndarray, "h W"]:
    """Coverage in [0, 1] of a line of text, a fifteenth of the height but at least 14 points."""
    per_point = ImageFont.load_default(100).getlength(text) / 100
    points = max(min(0.94 * width / per_point, max(height / 15, 14)), 1)
    canvas = Image.new("L", (width, min(round(1.6 * points), height)))
    font, middle = ImageFont.load_default(points), (width / 2, canvas.height / 2)
    draw = ImageDraw.Draw(canvas)
    draw.text(middle, text, 255, font, anchor="mm", stroke_width=points / 40, stroke_fill=255)
    return np.asarray(canvas, np.float32) / 255

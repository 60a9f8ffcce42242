"""Pictures of a scene and their ground truth, from the same triangles.

A frame is drawn twice. The picture has several samples a pixel, each at its own time while the
shutter is open, and is shaded; the labels have one, at the pixel's centre and in the middle of that
time.
"""

import dataclasses

import numpy as np
from jaxtyping import Float, Int

from thfm_jax.data.synthetic import (
    backdrop,
    drawables,
    fragments,
    groundtruth,
    occlusion,
    points,
    raster,
    shadows,
)
from thfm_jax.data.synthetic import scene as scenes
from thfm_jax.data.synthetic.clip import Labels
from thfm_jax.data.synthetic.drawables import Drawable, Posed
from thfm_jax.data.synthetic.shade import ambient_light, reflect

__all__ = ["Rendered", "ambient_light", "render"]


@dataclasses.dataclass(frozen=True)
class Rendered:
    """A drawn clip: `T` frames of `H` x `W` pixels.

    Attributes:
      colour: [T, H, W, 3] float32 linear RGB.
      labels: ground truth.
      mesh: [T, H, W] int32 index in `scene.Scene.meshes` of what the labels show, surroundings too,
        -1 where that is the backdrop.
      triangle: [T, H, W] int32 index of its triangle.
      barycentrics: [T, H, W, 3] float32 shares of that triangle's corners.
      nearest_m: [T, H, W] float32 z in the camera frame of any mesh, infinite where there is none.
      positions: [T, H, W, 3] float32 world positions, NaN where there is no mesh; None if not asked
        for.
    """

    colour: np.ndarray
    labels: Labels
    mesh: np.ndarray
    triangle: np.ndarray
    barycentrics: np.ndarray
    nearest_m: np.ndarray
    positions: np.ndarray | None


def render(scene: scenes.Scene, supersampling: int = 3, positions: bool = False) -> Rendered:
    """Draws every frame of a scene.

    Args:
      scene: what to draw.
      supersampling: samples along each side of a pixel.
      positions: whether to return world positions.

    Raises:
      ValueError: naming the mesh that cannot be drawn.
    """
    renderer = _Renderer(scene, supersampling)
    frames = [renderer.draw(frame) for frame in range(len(scene.camera.rotation))]
    colour, alpha = (np.stack(values) for values in list(zip(*frames, strict=True))[:2])
    maps = {
        name: np.stack([getattr(m, name) for *_, m in frames]) for name in groundtruth.Maps._fields
    }
    names = {field.name for field in dataclasses.fields(Labels)} - {"alpha"}
    return Rendered(
        colour=colour,
        labels=Labels(alpha=alpha, **{name: maps[name] for name in names}),
        mesh=maps["mesh"],
        triangle=maps["triangle"],
        barycentrics=maps["barycentrics"],
        nearest_m=maps["nearest_m"],
        positions=maps["positions"] if positions else None,
    )


class _Renderer:
    """Draws frames of one scene with the buffers and tables that they share."""

    def __init__(self, scene: scenes.Scene, side: int):
        self.scene, self.side = scene, side
        self.size = scene.camera.size
        self.drawables = drawables.prepare(scene.meshes)
        counts = [len(d.mesh.triangles) for d in self.drawables]
        self.owner = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        self.painter = backdrop.Painter(scene.backdrop, scene.camera)
        self.shades = shadows.Shades(scene.lighting.suns, self.drawables)

    def draw(
        self, frame: int
    ) -> tuple[Float[np.ndarray, "H W 3"], Float[np.ndarray, "H W"], groundtruth.Maps]:
        """(colour, alpha, maps of the labels) of a frame."""
        times = _times(self.scene.shutter, self.side)
        posed = [
            d.posed(self.scene.camera, frame, times if self._moves(d) else [0.0])
            for d in self.drawables
        ]
        colour, alpha, soft = self._picture(frame, posed)
        return colour, alpha, self._labels(frame, posed, soft)

    def _moves(self, drawable: Drawable) -> bool:
        return drawable.moves or len(self.scene.camera.rotation) > 1

    def _picture(self, frame: int, posed: list[Posed]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(colour [H, W, 3], alpha [H, W], share of strands of hair [H, W])."""
        side, (height, width) = self.side, self.size
        near = np.zeros((height * side, width * side), np.float32)
        ids = np.full(near.shape, -1, np.int32)
        _draw_all(self.drawables, posed, "label", near, ids, side)
        seen = fragments.gather(near, ids, self.owner, len(self.drawables), side)
        surface = points.look_up(seen, self.drawables, posed, width, side)

        lighting, camera = self.scene.lighting, self.scene.camera
        lit = self.shades.lit(seen, surface, posed)
        opened = occlusion.openness(near, camera.intrinsics[frame], lighting.occlusion, seen, side)
        materials = [d.mesh.material for d in self.drawables]
        eye = camera.positions[frame]
        colours = reflect(seen, surface, materials, lighting, eye, lit, opened)

        people = np.array([d.mesh.instance > 0 for d in self.drawables], bool)
        strands = np.array([d.mesh.passes == "seen" for d in self.drawables], bool)
        image = np.zeros((height * width, 3), np.float32)
        shares = np.zeros((3, height * width), np.float32)
        fragments.add_up(seen, colours, people, strands, image, shares)
        covered, alpha, soft = shares.reshape(3, height, width)
        image = image.reshape(height, width, 3) + self.painter.behind(frame, covered)
        return image, alpha, soft

    def _labels(self, frame: int, posed: list[Posed], soft: np.ndarray) -> groundtruth.Maps:
        height, width = self.size
        camera = self.scene.camera
        posed = [
            p if p.corners.shape[0] == 1 else p._replace(corners=d.corners(camera, frame, [0.0]))
            for d, p in zip(self.drawables, posed, strict=True)
        ]
        near = np.zeros((height, width), np.float32)
        ids = np.full(near.shape, -1, np.int32)
        _draw_all(self.drawables, posed, "seen", near, ids, 1)
        seen = fragments.gather(near, ids, self.owner, len(self.drawables), 1)
        maps = groundtruth.empty(height, width)
        rotation, eye = camera.rotation[frame], camera.positions[frame]
        groundtruth.fill(maps, seen, self.drawables, posed, rotation, eye, soft)
        return maps


def _times(shutter: float, side: int) -> list[float]:
    """Times of a pixel's samples, in frames from the middle of the shutter's time.

    Neighbouring samples are far apart in time.
    """
    count = side * side
    if shutter == 0:
        return [0.0]
    stride = next(k for k in range(max(1, round(0.62 * count)), 2 * count) if np.gcd(k, count) == 1)
    return [shutter * ((s * stride % count + 0.5) / count - 0.5) for s in range(count)]


def _draw_all(
    of: list[Drawable],
    posed: list[Posed],
    hidden: scenes.Passes,
    near: Float[np.ndarray, "rows columns"],
    ids: Int[np.ndarray, "rows columns"],
    side: int,
) -> None:
    """Draws all but the meshes of pass `hidden`, those with holes last."""
    for drawable, mesh in sorted(
        zip(of, posed, strict=True), key=lambda pair: len(pair[0].opacity) > 0
    ):
        if drawable.mesh.passes == hidden:
            continue
        if len(mesh.corners) == 1:
            _draw(drawable, mesh.corners[0], (0.5 / side, 0.5 / side, 1 / side), near, ids)
            continue
        for sample, corners in enumerate(mesh.corners):
            row, column = sample // side, sample % side
            grid = ((column + 0.5) / side, (row + 0.5) / side, 1.0)
            lattice = (slice(row, None, side), slice(column, None, side))
            _draw(drawable, corners, grid, near[lattice], ids[lattice])


def _draw(
    drawable: Drawable,
    corners: Float[np.ndarray, "V 5"],
    grid: tuple[float, float, float],
    near: np.ndarray,
    ids: np.ndarray,
) -> None:
    mesh = drawable.mesh
    repeat = (float(mesh.material.repeat[0]), float(mesh.material.repeat[1]))
    raster.draw(
        corners,
        mesh.triangles,
        drawable.first_id,
        mesh.material.two_sided,
        grid,
        mesh.uv,
        drawable.cutoff,
        drawable.opacity,
        repeat,
        near,
        ids,
    )

"""Pictures of a scene and their ground truth, from the same triangles.

A frame is drawn twice. The picture has several samples a pixel, each at its own time while the
shutter is open, and is shaded; the labels have one, at the pixel's centre and in the middle of that
time.
"""

import dataclasses

import numpy as np
from jaxtyping import Float

from thfm_jax.data.synthetic import scene as scenes
from thfm_jax.data.synthetic.clip import Labels
from thfm_jax.data.synthetic.rendering import (
    backdrop,
    drawables,
    fragments,
    groundtruth,
    occlusion,
    points,
    raster,
    shadows,
)
from thfm_jax.data.synthetic.rendering.drawables import Drawable, Posed
from thfm_jax.data.synthetic.rendering.shade import ambient_light, reflect

__all__ = ["Rendered", "ambient_light", "render"]

# What moves less than this while the shutter is open is drawn once.
STILL_PX = 0.4
# Way between two times of a thing that moves farther.
GAP_PX = 2.0
# Things of more triangles are not drawn more often than a pixel has samples.
FEW = 4000


@dataclasses.dataclass(frozen=True)
class Rendered:
    """A drawn clip: `T` frames of `H` x `W` pixels.

    Attributes:
      colour: [T, H, W, 3] float32 linear RGB.
      labels: ground truth.
      mesh: [T, H, W] int32 index in `scene.Scene.meshes` of what the labels show, surroundings too,
        -1 where that is the backdrop.
      triangle: [T, H, W] int32 index of its triangle.
      barycentrics: [T, H, W, 3] float32 shares of that triangle's corners; 0 where instance is 0.
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
    frames, (height, width) = len(scene.camera.rotation), scene.camera.size
    renderer = _Renderer(scene, supersampling)
    maps = groundtruth.empty(frames, height, width, positions)
    colour = np.empty((frames, height, width, 3), np.float32)
    alpha = np.empty((frames, height, width), np.float32)
    for frame in range(frames):
        seen = renderer.pose(frame)
        colour[frame], alpha[frame], soft = renderer.picture(frame, seen)
        renderer.label(frame, seen, soft, groundtruth.Maps(*(values[frame] for values in maps)))
    names = {field.name for field in dataclasses.fields(Labels)} - {"alpha"}
    return Rendered(
        colour=colour,
        labels=Labels(alpha=alpha, **{name: getattr(maps, name) for name in names}),
        mesh=maps.mesh,
        triangle=maps.triangle,
        barycentrics=maps.barycentrics,
        nearest_m=maps.nearest_m,
        positions=maps.positions if positions else None,
    )


class _Renderer:
    """Draws frames of one scene with the buffers and tables that they share."""

    def __init__(self, scene: scenes.Scene, side: int):
        self.scene, self.side = scene, side
        self.size, self.view = scene.camera.size, drawables.View(scene.camera)
        self.drawables = drawables.prepare(scene.meshes)
        counts = [len(d.mesh.triangles) for d in self.drawables]
        self.owner = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        self.painter = backdrop.Painter(scene.backdrop, scene.camera)
        self.shades = shadows.Shades(scene.lighting.suns, self.drawables)
        self.fine = fragments.Samples(*self.size, side)
        self.coarse = fragments.Samples(*self.size, 1)

    def pose(self, frame: int) -> list[Posed]:
        """The drawables in a frame, at all times that the picture asks for."""
        posed = []
        for drawable in self.drawables:
            lattice = self._lattice(drawable, frame)
            count = lattice[0] * lattice[1]
            shutter = self.scene.shutter if count > 1 else 0.0
            times = [shutter * ((slot + 0.5) / count - 0.5) for slot in _scattered(count)]
            posed.append(drawable.posed(self.view, frame, times, lattice))
        return posed

    def _lattice(self, drawable: Drawable, frame: int) -> tuple[int, int]:
        """See `Posed.lattice`: the farther things move, the more times they are drawn at.

        Once, for each row of samples in a pixel, for each sample, for each in 2 x 2 pixels.
        """
        shutter, side, (height, width) = self.scene.shutter, self.side, self.size
        if shutter == 0 or not (drawable.moves or self.view.moves):
            return 1, 1
        start, end = drawable.corners(self.view, frame, [-shutter / 2, shutter / 2])
        way_px = raster.travel(start, end, width, height)
        if way_px < STILL_PX:
            return 1, 1
        if way_px < GAP_PX * side:
            return side, 1
        if way_px < GAP_PX * side**2 or len(drawable.mesh.triangles) > FEW:
            return side, side
        return 2 * side, 2 * side

    def picture(
        self, frame: int, posed: list[Posed]
    ) -> tuple[Float[np.ndarray, "H W 3"], Float[np.ndarray, "H W"], Float[np.ndarray, "H W"]]:
        """(colour, alpha, share of the pixel that strands of hair cover) of a frame."""
        lighting, camera, (height, width) = self.scene.lighting, self.scene.camera, self.size
        _draw_all(self.drawables, posed, "label", self.fine)
        seen = self.fine.gather(self.owner, len(self.drawables))
        surface = points.look_up(seen, self.drawables, posed, width, self.side)
        lit = self.shades.lit(seen, surface, posed, self.size)
        opened = occlusion.openness(
            self.fine.centres(2), camera.intrinsics[frame], lighting.occlusion, seen, width
        )
        for sun, arriving in zip(lighting.suns, lit, strict=True):
            if not sun.shadow:  # at least kept out of corners
                arriving *= opened
        materials = [d.mesh.material for d in self.drawables]
        eye = self.view.positions[frame]
        colours = reflect(seen, surface, materials, lighting, eye, lit, opened)

        people = np.array([d.mesh.instance > 0 for d in self.drawables], bool)
        strands = np.array([d.mesh.passes == "seen" for d in self.drawables], bool)
        image = np.zeros((height * width, 3), np.float32)
        shares = np.zeros((3, height * width), np.float32)
        fragments.add_up(seen, colours, people, strands, image, shares)
        covered, alpha, soft = shares.reshape(3, height, width)
        image = image.reshape(height, width, 3) + self.painter.behind(frame, covered)
        return image, np.minimum(alpha, 1), soft

    def label(
        self,
        frame: int,
        posed: list[Posed],
        soft: Float[np.ndarray, "H W"],
        maps: groundtruth.Maps,
    ) -> None:
        """Fills in the empty `maps` of a frame; `soft` as from `picture`."""
        posed = [
            p
            if p.lattice == (1, 1)
            else p._replace(corners=d.corners(self.view, frame, [0.0]), lattice=(1, 1))
            for d, p in zip(self.drawables, posed, strict=True)
        ]
        _draw_all(self.drawables, posed, "seen", self.coarse)
        seen = self.coarse.gather(self.owner, len(self.drawables))
        rotation, eye = self.scene.camera.rotation[frame], self.view.positions[frame]
        groundtruth.fill(maps, seen, self.drawables, posed, rotation, eye, soft)


def _scattered(count: int) -> list[int]:
    """0 to count - 1 in an order that keeps neighbours apart."""
    stride = next(k for k in range(round(0.62 * count), 2 * count) if np.gcd(k, count) == 1)
    return [index * stride % count for index in range(count)]


def _draw_all(
    of: list[Drawable], posed: list[Posed], hidden: scenes.Passes, samples: fragments.Samples
) -> None:
    """Draws all but the meshes of pass `hidden`, those with holes last."""
    samples.clear()
    side = samples.side
    for drawable, mesh in sorted(
        zip(of, posed, strict=True), key=lambda pair: len(pair[0].opacity) > 0
    ):
        if drawable.mesh.passes == hidden:
            continue
        rows, columns = mesh.lattice
        for time, corners in enumerate(mesh.corners):
            row, column = time // columns, time % columns
            grid = ((column + 0.5) / side, (row + 0.5) / side, columns / side, rows / side)
            some = (slice(row, None, rows), slice(column, None, columns))
            _draw(drawable, corners, grid, samples.near[some], samples.ids[some])


def _draw(
    drawable: Drawable,
    corners: Float[np.ndarray, "V 5"],
    grid: tuple[float, float, float, float],
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

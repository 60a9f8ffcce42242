"""What the renderer draws: meshes with materials, a camera, lights and a backdrop.

Arrays are NumPy. `T` frames, `V` vertices, `F` triangles. Colours are linear RGB, 1 = diffuse white
under unit light. Between frames, things move on a straight line: see `Mesh.at` and `Camera.at`.
"""

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy.spatial.transform import Rotation

# "seen" is drawn in the picture only, "label" in the ground truth only, "both" in both. Strands of
# hair are "seen"; the smooth hull that stands for them in depth and normals is "label".
Passes = Literal["both", "seen", "label"]


@dataclasses.dataclass(frozen=True)
class Material:
    """How a surface looks.

    Attributes:
      albedo: [R, R, 3] float32 linear RGB in [0, 1], R a power of two, repeated over the plane:
        texture coordinate (u, v) times `repeat` falls on texel (u R, v R) modulo R. [1, 1, 3] is a
        plain colour.
      repeat: (u, v) repetitions per unit of the mesh's uv.
      height: [R, R] float32 metres of relief that tilts normals in the picture (never in the
        labels), or None; same repetition.
      opacity: [R, R] uint8, or None for opaque; same repetition. A sample where it is below the
        vertices' `cutoff` is a hole.
      specular: 0 to 1, strength of the highlight.
      roughness: 0.05 (mirror) to 1.
      wrap: 0 to 1, how far light goes round the terminator: skin, cloth.
      sheen: 0 to 1, light at grazing angles: velvet, fuzz.
      strand: True for hair: the highlight stretches across `tangent`s, along v of the uv.
      two_sided: False hides faces seen from behind, True flips their normals to the camera.
    """

    albedo: np.ndarray
    repeat: tuple[float, float] = (1.0, 1.0)
    height: np.ndarray | None = None
    opacity: np.ndarray | None = None
    specular: float = 0.04
    roughness: float = 0.6
    wrap: float = 0.0
    sheen: float = 0.0
    strand: bool = False
    two_sided: bool = True


@dataclasses.dataclass(frozen=True)
class Mesh:
    """Triangles with constant connectivity.

    Attributes:
      vertices: [T, V, 3] float32 world positions in metres; [1, V, 3] for what stands still.
      triangles: [F, 3] int32, counter-clockwise seen from outside.
      uv: [V, 2] float32.
      material: how it looks.
      instance: 0 for the surroundings, 1 and up for people and animals, what they wear and hold.
      template: [V, 3] float32 canonical dense-pose positions in metres; None where it has none.
      part: [F] uint8 of `parts.NAMES`; None where instance is 0.
      tint: [V, 3] float32 factor of the albedo, or None for ones: blush, stubble, baked shade.
      cutoff: [V] float32, 0-255: see `Material.opacity`; None for no holes.
      passes: where it is drawn.
      shades: whether it casts shadows.
      smooth_normals: False for faceted things (boxes); True averages over shared vertices.
      normal_ids: [V] int32; vertices of equal id share their smooth normal across uv seams; None
        where every vertex is its own.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray
    material: Material
    instance: int = 0
    template: np.ndarray | None = None
    part: np.ndarray | None = None
    tint: np.ndarray | None = None
    cutoff: np.ndarray | None = None
    passes: Passes = "both"
    shades: bool = True
    smooth_normals: bool = True
    normal_ids: np.ndarray | None = None

    def at(self, frame: int, offset: float = 0.0) -> np.ndarray:
        """Vertices [V, 3] at `frame` + `offset`, offset in frames and at most half of one."""
        here = self.vertices[min(frame, len(self.vertices) - 1)]
        return here + np.float32(offset) * velocity(self.vertices, frame) if offset else here


@dataclasses.dataclass(frozen=True)
class Camera:
    """A moving pinhole camera.

    Attributes:
      intrinsics: [T, 3, 3] float64 in pixels, no skew.
      rotation: [T, 3, 3] float64, world to camera.
      translation: [T, 3] float64 metres; a world point p is rotation @ p + translation.
      size: (height, width) of the image in pixels.
    """

    intrinsics: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray
    size: tuple[int, int]

    @property
    def positions(self) -> np.ndarray:
        """[T, 3] float64 places of the camera in the world."""
        return -np.einsum("tji,tj->ti", self.rotation, self.translation)

    def at(self, frame: int, offset: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(intrinsics, rotation, translation) at `frame` + `offset`: see `Mesh.at`."""
        intrinsics, rotation = self.intrinsics[frame], self.rotation[frame]
        position = self.positions[frame]
        if offset:
            before, after, share = _neighbours(len(self.rotation), frame)
            turn = Rotation.from_matrix(self.rotation[after] @ self.rotation[before].T).as_rotvec()
            rotation = Rotation.from_rotvec(offset * share * turn).as_matrix() @ rotation
            position = position + offset * velocity(self.positions, frame)
            intrinsics = intrinsics + offset * velocity(self.intrinsics, frame)
        return intrinsics, rotation, -rotation @ position


@dataclasses.dataclass(frozen=True)
class Sun:
    """Light from far away.

    Attributes:
      direction: [3] float64 unit vector towards the light.
      colour: [3] float32 linear RGB.
      softness_deg: half angle under which the light is seen: the blur of its shadow.
      shadow: whether things cast shadows in it.
    """

    direction: np.ndarray
    colour: np.ndarray
    softness_deg: float = 1.0
    shadow: bool = True


@dataclasses.dataclass(frozen=True)
class Lighting:
    """The light of a scene.

    Attributes:
      ambient: [9, 3] float32 spherical harmonics (order 2, real, world axes x y z) of the light
        that arrives, so that a diffuse white surface with normal n shows
        `renderer.ambient_light(ambient, n)`.
      suns: at most 3; the first is the key light.
      occlusion: 0 to 1, strength of ambient occlusion.
    """

    ambient: np.ndarray
    suns: tuple[Sun, ...] = ()
    occlusion: float = 0.7


@dataclasses.dataclass(frozen=True)
class Backdrop:
    """What is seen where there is no mesh.

    Attributes:
      image: [h, w, 3] float32 linear RGB; a panorama (equirectangular, row 0 up, middle column
        along -z, columns rightwards as seen from inside) or a flat picture.
      panorama: which of the two.
      window: [T, 4] float64 (left, top, right, bottom) of the flat picture that fills the image,
        in its pixels; None fills the image with all of it. Ignored for a panorama.
      blur_px: standard deviation in pixels of the image at which the backdrop is out of focus.
    """

    image: np.ndarray
    panorama: bool
    window: np.ndarray | None = None
    blur_px: float = 0.0


@dataclasses.dataclass(frozen=True)
class Scene:
    """All that one clip shows.

    Attributes:
      meshes: surroundings, people and animals.
      camera: with as many frames as the clip.
      lighting: constant over the clip.
      backdrop: behind everything.
      shutter: share of the frame's time for which the shutter is open, 0 (no motion blur) to 1.
    """

    meshes: Sequence[Mesh]
    camera: Camera
    lighting: Lighting
    backdrop: Backdrop
    shutter: float = 0.0


def velocity(track: np.ndarray, frame: int) -> np.ndarray:
    """Change of `track` [T, ...] per frame at `frame`: central, one-sided at the ends."""
    before, after, share = _neighbours(len(track), frame)
    return ((track[after] - track[before]) * share).astype(track.dtype)


def _neighbours(count: int, frame: int) -> tuple[int, int, float]:
    """Frames before and after, and one over their distance; 0 where there is only one frame."""
    before, after = max(min(frame, count - 1) - 1, 0), min(frame + 1, count - 1)
    return before, after, 1 / (after - before) if after > before else 0.0

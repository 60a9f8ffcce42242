"""The tailor: dresses one moving person in layers that are cut from the suit.

Each garment is cut along the zero line of a field on the suit, eased off the body, draped over it
(`cloth`), refined, and given coordinates for its fabric. The next one lies outside of it.
"""

import dataclasses

import numpy as np
from numba import njit

from thfm_jax.data.synthetic import cloth, sheets, suit
from thfm_jax.data.synthetic.body import BodyModel, Posed, Shape
from thfm_jax.data.synthetic.cloth import Fabric, Hold
from thfm_jax.data.synthetic.scene import Material, Mesh
from thfm_jax.data.synthetic.suit import Suit

_COVER_M = 0.025  # skin this far inside a garment's edge is not drawn
_LAYER_M = 0.003


@dataclasses.dataclass(frozen=True)
class Cloth:
    """A garment's surface before it has a material: `T` frames, `V` vertices, `F` triangles.

    Attributes:
      vertices: [T, V, 3] float32 metres in the world.
      triangles: [F, 3] int32.
      uv: [V, 2] float32 metres: see `coordinates`.
      template: [V, 3] float32 canonical position of the body beneath.
      part: [F] uint8 of `parts.NAMES`.
      normal_ids: [V] int32.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray
    template: np.ndarray
    part: np.ndarray
    normal_ids: np.ndarray

    def mesh(self, material: Material, instance: int) -> Mesh:
        return Mesh(
            self.vertices,
            self.triangles,
            self.uv,
            material,
            instance,
            self.template,
            self.part,
            normal_ids=self.normal_ids,
        )


@dataclasses.dataclass(frozen=True)
class Pattern:
    """What to cut: values at the suit's `N` vertices.

    Attributes:
      field: [N] above 0 where there is cloth, in metres from its edge.
      ease: [N] metres between the body and the cloth at rest.
      leash: [N] metres that the cloth may move from where the body carries it.
      fabric: how it moves.
      legs: whether the cloth's coordinates run round the legs, as trousers', or round the torso.
      relax: 0 to 1, how far hollows of the body are bridged.
    """

    field: np.ndarray
    ease: np.ndarray
    leash: np.ndarray
    fabric: Fabric
    legs: bool = False
    relax: float = 1.0


class Tailor:
    """Dresses one person.

    Attributes:
      suit: what garments are cut from.
      rest: [N, 3] float32 the suit on this body at rest.
      posed, normals: [T, N, 3] float32 the suit on the moving body.
      height: [T, N] float32 metres of cloth above the suit so far.
      covered: [N] float32 metres inside of the edge of some garment.
    """

    def __init__(self, model: BodyModel, shape: Shape, posed: Posed, fps: float):
        self.suit: Suit = suit.of(model)
        self.fps = fps
        triangles = self.suit.sheet.triangles
        self.rest = self.suit.sheet(shape.vertices)
        self.rest_normals = sheets.vertex_normals(self.rest[None], triangles)[0]
        self.posed = sheets.frames(self.suit.sheet, posed.vertices)
        self.normals = sheets.vertex_normals(self.posed, triangles)
        self.height = np.zeros(self.posed.shape[:2], np.float32)
        self.covered = np.full(len(self.rest), -1, np.float32)

    def sew(self, rng: np.random.Generator, pattern: Pattern) -> Cloth:
        """One garment, outside of all those before it."""
        piece = sheets.cut(self.suit.sheet.triangles, pattern.field)
        floor = sheets.frames(piece, self.posed)
        normals = sheets.frames(piece, self.normals)
        gap = piece(np.ascontiguousarray(self.height.T)).T + np.float32(_LAYER_M)
        rest_floor, rest_normals = piece(self.rest), piece(self.rest_normals)
        ease = np.maximum(piece(pattern.ease), gap.mean(axis=0))
        pairs, _, _ = sheets.edges(piece.triangles)
        rest = _relaxed(rest_floor, rest_normals, ease, pairs, np.float32(pattern.relax))
        lift = np.einsum("vc,vc->v", rest - rest_floor, rest_normals, optimize=False)
        lift = np.maximum(lift, ease)
        hold = Hold(
            target=floor + lift[None, :, None] * normals,
            leash=piece(pattern.leash),
            floor=floor,
            normal=normals,
            gap=np.ascontiguousarray(gap),
            capsules=np.zeros((len(floor), 0, 8), np.float32),
        )
        draped = cloth.drape(rng, rest, piece.triangles, hold, pattern.fabric, self.fps)
        self.cover(pattern.field)
        self._raise(piece, draped, floor, normals)
        return self._finish(piece, draped, pattern.legs)

    def bare(self, model: BodyModel) -> np.ndarray:
        """[V] bool, the model's vertices that no garment hides."""
        nearest = self.suit.near_body
        return (nearest < 0) | (self.covered[nearest] < _COVER_M)

    def cover(self, field: np.ndarray) -> None:
        """Notes that something hides the skin where `field` [N] is above 0, metres from its edge."""
        self.covered = np.maximum(self.covered, field)

    def _raise(self, piece, draped, floor, normals) -> None:
        height = np.einsum("tvc,tvc->tv", draped - floor, normals, optimize=False)
        kept = sheets.sources(piece)
        self.height[:, kept] = np.maximum(self.height[:, kept], height)

    def _finish(self, piece: sheets.Sheet, draped: np.ndarray, legs: bool) -> Cloth:
        fine = sheets.refine(piece.triangles, len(draped[0]))
        vertices = sheets.frames(fine, draped)
        uv, triangles, ids = coordinates(self.suit, piece, fine, legs)
        return Cloth(
            vertices[:, ids],
            triangles,
            uv,
            fine(piece(self.suit.template))[ids],
            self.suit.part[piece.faces][fine.faces],
            ids,
        )


def coordinates(
    of: Suit, piece: sheets.Sheet, fine: sheets.Sheet, legs: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coordinates of a fabric of 1 m by 1 m on a refined piece of the suit.

    The torso takes the whole width, u = 0.5 in the middle of its front, growing to the body's left;
    v is metres down from the neck. Sleeves take 0.4 about u = 0, legs a half on either side.

    Returns:
      uv, triangles, ids: see `sheets.seamed`.
    """
    around = fine(piece(of.around))
    angle = np.arctan2(around[..., 1], around[..., 0]) / np.float32(2 * np.pi)
    position, arm = fine(piece(of.position)), fine(piece(of.arm))
    chart = of.chart[piece.faces][fine.faces]
    corners = fine.triangles
    if legs:
        turn = np.float32(0.5) * sheets.unwrapped(angle[:, 2][corners])
        left = position[corners][..., 0].mean(axis=1) > 0
        u = np.where(left[:, None], 0.75 + turn, 0.25 - turn)
    else:
        u = 0.5 + sheets.unwrapped(angle[:, 0][corners])
    v = suit.NECK_Y - position[:, 1][corners]
    sleeve = (chart != suit.TORSO)[:, None]
    side = np.where(chart == suit.LEFT_ARM, -0.4, 0.4)[:, None]
    u = np.where(sleeve, side * sheets.unwrapped(angle[:, 1][corners]), u)
    v = np.where(sleeve, arm[corners] + 0.05, v)
    return sheets.seamed(corners, np.stack([u, v], axis=-1))


@njit(cache=True)
def _relaxed(floor, normal, ease, pairs, amount):
    """[V, 3] cloth at `ease` above its floor, smoothed where that lifts it."""
    count = len(floor)
    x = np.empty_like(floor)
    for i in range(count):
        for k in range(3):
            x[i, k] = floor[i, k] + ease[i] * normal[i, k]
    total = np.empty_like(x)
    number = np.empty(count, np.float32)
    for _ in range(12):
        total[:] = 0
        number[:] = 0
        for e in range(len(pairs)):
            a, b = pairs[e, 0], pairs[e, 1]
            number[a] += 1
            number[b] += 1
            for k in range(3):
                total[a, k] += x[b, k]
                total[b, k] += x[a, k]
        for i in range(count):
            height = np.float32(0)
            for k in range(3):
                x[i, k] += amount * np.float32(0.5) * (total[i, k] / number[i] - x[i, k])
                height += (x[i, k] - floor[i, k]) * normal[i, k]
            lack = ease[i] - height
            if lack > 0:
                for k in range(3):
                    x[i, k] += lack * normal[i, k]
    return x

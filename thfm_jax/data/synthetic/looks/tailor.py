"""The tailor: dresses one moving person in layers that are cut from the suit.

Each garment is cut along the zero line of a field on the suit, eased off the body, draped over it
(`cloth`), refined, and given coordinates for its fabric. The next one lies outside of it.
"""

import dataclasses

import numpy as np
from numba import njit

from thfm_jax.data.synthetic.bodies.body import BodyModel, Posed, Shape
from thfm_jax.data.synthetic.looks import cloth, limbs, sheets, suit
from thfm_jax.data.synthetic.looks.cloth import Fabric, Hold
from thfm_jax.data.synthetic.looks.sheets import Sheet
from thfm_jax.data.synthetic.looks.suit import Suit
from thfm_jax.data.synthetic.scene import Material, Mesh

_COVER_M = 0.025  # skin this far inside a garment's edge is not drawn
_LAYER_M = 0.003
_EDGE_M, _TRIM_M = 0.03, 0.006  # where trims make a garment thicker, and by how much


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
      position: [V, 3] float32 on the base mesh, in the frame of `suit`.
      arm: [V] float32 metres along the arm: see `suit.Suit`.
      on_suit: [V] int32 the suit's vertex beneath; -1 where a skirt spans the legs.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray
    template: np.ndarray
    part: np.ndarray
    normal_ids: np.ndarray
    position: np.ndarray
    arm: np.ndarray
    on_suit: np.ndarray

    def without(self, hidden: np.ndarray) -> "Cloth":
        """What is left where `hidden` [N] bool, at the suit's vertices, does not cover it."""
        gone = (self.on_suit >= 0) & hidden[self.on_suit]
        kept = ~gone[self.triangles].all(axis=1)
        return dataclasses.replace(self, triangles=self.triangles[kept], part=self.part[kept])

    def mesh(self, material: Material, instance: int) -> Mesh:
        """The garment, drawn; vertices that no triangle needs are dropped."""
        used, corners = np.unique(self.triangles, return_inverse=True)
        return Mesh(
            self.vertices[:, used],
            corners.reshape(-1, 3).astype(np.int32),
            self.uv[used],
            material,
            instance,
            self.template[used],
            self.part,
            normal_ids=self.normal_ids[used],
        )


@dataclasses.dataclass(frozen=True)
class Pattern:
    """What to cut: values at the `N` vertices of a suit.

    Attributes:
      suit: what it is cut from.
      field: [N] above 0 where there is cloth, in metres from its edge.
      ease: [N] metres between the body and the cloth at rest.
      leash: [N] metres that the cloth may move from where the body carries it.
      fabric: how it moves.
      legs: whether the cloth's coordinates run round the legs, as trousers', or round the torso.
      relax: 0 to 1, how far hollows of the body are bridged.
    """

    suit: Suit
    field: np.ndarray
    ease: np.ndarray
    leash: np.ndarray
    fabric: Fabric
    legs: bool = False
    relax: float = 1.0


@dataclasses.dataclass(frozen=True)
class _Body:
    """A suit of `N` vertices on one person: at rest [N, 3], in motion [T, N, 3], and normals."""

    rest: np.ndarray
    rest_normals: np.ndarray
    posed: np.ndarray
    normals: np.ndarray


class Tailor:
    """Dresses one person.

    Attributes:
      suit, gown: what garments are cut from.
      height: [T, N] float32 metres of cloth above the suit so far.
      fields: for each garment so far, [N] float32 metres inside of its edge.

    `N` are the suit's vertices.
    """

    def __init__(self, model: BodyModel, shape: Shape, posed: Posed, fps: float):
        self.suit, self.gown = suit.of(model), suit.gown(model)
        self._model, self._shape, self._posed, self._fps = model, shape, posed, fps
        self._bodies: dict[int, _Body] = {}
        count = len(self.suit.position)
        self.height = np.zeros((len(posed.vertices), count), np.float32)
        self.fields: list[np.ndarray] = []

    def body(self, of: Suit) -> _Body:
        """A suit on this person."""
        if id(of) not in self._bodies:
            triangles = of.sheet.triangles
            rest = of.sheet(self._shape.vertices)
            posed = sheets.frames(of.sheet, self._posed.vertices)
            self._bodies[id(of)] = _Body(
                rest,
                sheets.vertex_normals(rest[None], triangles)[0],
                posed,
                sheets.vertex_normals(posed, triangles),
            )
        return self._bodies[id(of)]

    def sew(self, rng: np.random.Generator, pattern: Pattern) -> Cloth:
        """One garment, outside of all those before it."""
        of, body = pattern.suit, self.body(pattern.suit)
        piece = sheets.cut(of.sheet.triangles, pattern.field)
        below = np.where(of.close, self.height[:, of.on_suit], 0)
        gap = np.ascontiguousarray(piece(below.T).T) + np.float32(_LAYER_M)
        close = piece(of.close) > 0.99
        ease = np.where(
            close, np.maximum(piece(pattern.ease), gap.mean(axis=0)), piece(pattern.ease)
        )
        floor, normals = sheets.frames(piece, body.posed), sheets.frames(piece, body.normals)
        rest_floor, rest_normals = piece(body.rest), piece(body.rest_normals)
        pairs, _, _ = sheets.edges(piece.triangles)
        # Just below the hips, where skin ends, a skirt may smooth itself out.
        firm = close | (piece(of.position)[:, 1] < suit.GOWN_Y - 0.12)
        rest = _relaxed(rest_floor, rest_normals, ease, firm, pairs, np.float32(pattern.relax))
        lift = np.einsum("vc,vc->v", rest - rest_floor, rest_normals, optimize=False)
        hold = Hold(
            target=floor + lift[None, :, None] * normals,
            leash=piece(pattern.leash),
            floor=floor,
            normal=normals,
            gap=np.where(close, gap, np.float32(-2)),
            capsules=self._legs(close),
        )
        draped = cloth.drape(rng, rest, piece.triangles, hold, pattern.fabric, self._fps)
        self._note(pattern, piece, draped, floor, normals)
        return self._finish(of, piece, draped, pattern.legs)

    def bare(self) -> np.ndarray:
        """[V] bool, the model's vertices that no garment hides."""
        nearest = suit.near_skin(self._model)
        return (nearest < 0) | ~self.hidden(0)[nearest]

    def hidden(self, layer: int) -> np.ndarray:
        """[N] bool, where the garments from the one numbered `layer` on hide what is beneath."""
        edges = self.fields[layer:]
        return np.max(edges, axis=0) > _COVER_M if edges else np.zeros(len(self.height[0]), bool)

    def cover(self, field: np.ndarray) -> None:
        """Notes a garment that covers where `field` [N] is above 0, metres from its edge."""
        self.fields.append(field.astype(np.float32))

    def _legs(self, close: np.ndarray) -> np.ndarray:
        """Capsules [T, C, 8] for cloth that does not lie on the skin everywhere."""
        if close.all():
            return np.zeros((len(self.height), 0, 8), np.float32)
        on_legs = (self.suit.position[:, 1] < suit.CROTCH_Y) & (self.suit.position[:, 1] > -0.7)
        worn = float(self.height[:, on_legs].mean())
        return limbs.capsules(
            self._model, self._shape, self._posed, limbs.LEGS, worn + 3 * _LAYER_M
        )

    def _note(
        self,
        pattern: Pattern,
        piece: Sheet,
        draped: np.ndarray,
        floor: np.ndarray,
        normals: np.ndarray,
    ) -> None:
        """Raises what the next garment lies on, and hides the skin beneath."""
        of = pattern.suit
        field = np.full(len(self.suit.position), -1, np.float32)
        field[of.on_suit[of.close]] = pattern.field[of.close]
        self.cover(np.maximum(field, self._over_legs(of, pattern.field)))
        height = np.einsum("tvc,tvc->tv", draped - floor, normals, optimize=False)
        height += np.where(piece(pattern.field) < _EDGE_M, np.float32(_TRIM_M), 0)
        sources = sheets.sources(piece)
        close = of.close[sources]
        kept = of.on_suit[sources[close]]
        self.height[:, kept] = np.maximum(self.height[:, kept], height[:, close])

    def _over_legs(self, of: Suit, field: np.ndarray) -> np.ndarray:
        """[N] how far inside a skirt that surrounds them legs are; negative for none."""
        height = np.where(of.close, 1.0, of.position[:, 1])
        inside = (field > 0) & ~of.close
        if not inside.any() or (field[~of.close & (height > height[inside].min())] <= 0).any():
            return np.full(len(self.suit.position), -1, np.float32)
        y = self.suit.position[:, 1]
        return np.minimum(suit.GOWN_Y - y, y - height[inside].min() - 0.06).astype(np.float32)

    def _finish(self, of: Suit, piece: Sheet, draped: np.ndarray, legs: bool) -> Cloth:
        fine = sheets.refine(piece.triangles, len(draped[0]))
        uv, triangles, ids = coordinates(of, piece, fine, legs)
        below = sheets.sources(piece)[sheets.sources(fine)[ids]]
        return Cloth(
            sheets.frames(fine, draped)[:, ids],
            triangles,
            uv,
            fine(piece(of.template))[ids],
            of.part[piece.faces][fine.faces],
            ids,
            fine(piece(of.position))[ids],
            fine(piece(of.arm))[ids],
            np.where(of.close[below], of.on_suit[below], -1).astype(np.int32),
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
def _relaxed(floor, normal, ease, firm, pairs, amount):
    """[V, 3] cloth at `ease` above its floor, smoothed; where `firm`, only if that lifts it."""
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
            if lack > 0 and firm[i]:
                for k in range(3):
                    x[i, k] += lack * normal[i, k]
    return x

"""A parametric human body: from a phenotype to a shape, from joint turns to posed vertices.

MakeHuman's base mesh, targets, default rig and skin weights, read from the asset pack. Bones turn
about their heads in rest-world axes, so that bone rolls play no role.
"""

import dataclasses
import functools
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from thfm_jax.data.synthetic.assets import Pack
from thfm_jax.data.synthetic.bodies import landmarks, patches, regions, scaling, skinning
from thfm_jax.data.synthetic.bodies.closest import Surface
from thfm_jax.data.synthetic.bodies.phenotype import Phenotype
from thfm_jax.data.synthetic.bodies.targets import Targets

_UNIT = "face/"  # folder of the face units among the targets


@dataclasses.dataclass(frozen=True)
class Shape:
    """A person at rest: MakeHuman's A-pose, feet on y = 0, facing +z.

    Attributes:
      vertices: [V, 3] float32 metres.
      heads: [J, 3] float64 metres, where the bones turn.
      tails: [J, 3] float64 metres.
      expression_scale: factor of the face units' displacements, about 1: small heads move less.
      phenotype: whose shape it is.
    """

    vertices: np.ndarray
    heads: np.ndarray
    tails: np.ndarray
    expression_scale: float
    phenotype: Phenotype


@dataclasses.dataclass(frozen=True)
class Posed:
    """A person in motion.

    Attributes:
      vertices: [T, V, 3] float32 metres, world.
      bones: [T, J, 3, 4] float64 maps from rest to world.
      heads: [T, J, 3] float64 metres, world.
    """

    vertices: np.ndarray
    bones: np.ndarray
    heads: np.ndarray


class Weights(NamedTuple):
    """Skin weights: `bones` int32 [V, K] and `values` float32 [V, K], strongest first, sum 1."""

    bones: np.ndarray
    values: np.ndarray


class BodyModel:
    """The body model; `BodyModel.load(pack)` makes one per process and pack.

    Attributes:
      bones: names of the J bones, parents first.
      bone: bone → index.
      parents: int32 [J], -1 for the root.
      rest: [V, 3] float32 base mesh in metres, feet on y = 0; body and helper geometry.
      patches: name → surface: body, tights, skirt, hair, left_eye, right_eye, upper_teeth,
        lower_teeth, tongue, lashes.
      template: [V, 3] float32 canonical dense-pose positions.
      targets: the shape targets that phenotypes and expressions weigh.
      part: uint8 [V] of `parts.NAMES`.
      regions: name → float32 [V] in [0, 1]: soft masks of the skin.
      weights: skin weights, K = 8.
      expressions: names of the 52 face units.
    """

    def __init__(self, pack: Pack):
        raw = pack["mesh/vertices"]
        self.bones = tuple(str(name) for name in pack["rig/bones"])
        self.bone = {name: index for index, name in enumerate(self.bones)}
        self.parents = pack["rig/parents"]
        self.weights = Weights(pack["rig/weight_bones"].astype(np.int32), pack["rig/weights"])
        self._head_ids, self._tail_ids = pack["rig/heads"], pack["rig/tails"]
        self.targets = Targets(pack)
        units = [name for name in self.targets.index if name.startswith(_UNIT)]
        self.expressions = tuple(name.removeprefix(_UNIT) for name in units)
        by_bones, part = patches.read(pack, self.bones, *self.weights)
        self.regions = regions.read(pack, by_bones["body"], part)
        self.patches, self.part = patches.with_scalp(by_bones, part, self.regions["scalp"])
        body = self.patches["body"]
        self._body_ids = np.unique(body.vertex_ids)
        self.rest = raw - np.array([0, raw[self._body_ids, 1].min(), 0], np.float32)
        self.template = patches.template(self.rest, self.patches)
        self._landmarks = landmarks.find(self.rest, self._body_ids, self.bone)
        # The skin as a joint sees it: without the cavity of the mouth.
        corners = body.vertex_ids[body.triangles]
        outside = self.regions["inside_mouth"][corners].max(axis=1) < 0.5
        self._skin = Surface(self.rest, corners[outside])

    @staticmethod
    def load(pack: Pack) -> "BodyModel":
        """The body model of `pack`, made once per process."""
        return _load(pack)

    def shape(self, phenotype: Phenotype) -> Shape:
        """The person at rest; ValueError for an unknown feature or bone."""
        vertices = self.rest.copy()
        # A macro target that moves nothing has no file.
        macros = {name: w for name, w in phenotype.macros.items() if name in self.targets.index}
        self.targets.add(vertices, {**macros, **phenotype.features})
        heads, tails = self._ends(vertices)
        size = self._face_span(heads) / self._face_span(self._ends(self.rest)[0])
        if phenotype.scales:
            maps, sizes = scaling.maps(phenotype.scales, self.bone, self.parents, heads, tails)
            stretch = maps[None].astype(np.float32)
            vertices = skinning.skin(vertices[None], stretch, *self.weights)[0]
            heads, tails = (_apply(maps, ends) for ends in (heads, tails))
            size *= sizes[self.bone["head"]]
        floor = vertices[self._body_ids, 1].min()
        vertices[:, 1] -= floor
        heads[:, 1] -= floor
        tails[:, 1] -= floor
        return Shape(vertices, heads, tails, float(size), phenotype)

    def pose(
        self,
        shape: Shape,
        rotations: Float[np.ndarray, "T J 3 3"],
        translation: Float[np.ndarray, "T 3"],
        expression: Float[np.ndarray, "T E"] | None = None,
    ) -> Posed:
        """The person in each frame.

        Args:
          shape: from `shape`.
          rotations: [T, J, 3, 3] float64 in rest-world axes, relative to the parent: a bone's turn
            in the world is its parent's times its own; identity is rest.
          translation: [T, 3] metres, added to the root's head at rest.
          expression: [T, 52] weights of `expressions`, or None for a calm face.

        Raises:
          ValueError: the arrays are not of these shapes.
        """
        frames = len(rotations)
        _check("rotations", rotations, (frames, len(self.bones), 3, 3))
        _check("translation", translation, (frames, 3))
        local = np.ascontiguousarray(rotations, np.float64)
        moved = np.ascontiguousarray(translation, np.float64)
        world = skinning.chain(self.parents, shape.heads, local, moved)
        rest = shape.vertices[None]
        if expression is not None:
            _check("expression", expression, (frames, len(self.expressions)))
            rest = self._expressed(shape, expression)
        vertices = skinning.skin(rest, world.astype(np.float32), *self.weights)
        return Posed(vertices, world, _apply(world, shape.heads))

    def joints(self, shape: Shape, posed: Posed) -> Float[np.ndarray, "T K 3"]:
        """[T, 52, 3] float64 world positions of `thfm_jax.joints`."""
        return landmarks.place(self._landmarks, posed.vertices, posed.heads)

    def joint_radius(self, shape: Shape) -> Float[np.ndarray, " K"]:
        """[52] float64 metres at rest from each joint to the nearest skin; 0 for those on it."""
        still = landmarks.place(self._landmarks, shape.vertices[None], shape.heads[None])[0]
        inside = self._landmarks.bones.any(axis=1)
        distance = self._skin.moved(shape.vertices).closest(still).distance
        return np.where(inside, distance, 0.0)

    def _expressed(self, shape: Shape, expression: np.ndarray) -> np.ndarray:
        """[T, V, 3] float32 vertices at rest with the face of each frame."""
        frames = np.repeat(shape.vertices[None], len(expression), axis=0)
        for vertices, weights in zip(frames, expression, strict=True):
            units = {
                _UNIT + self.expressions[unit]: weights[unit] for unit in np.flatnonzero(weights)
            }
            self.targets.add(vertices, units, shape.expression_scale)
        return frames

    def _ends(self, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """[J, 3] float64 heads and tails of the bones in a body at rest."""
        exact = vertices.astype(np.float64)
        return exact[self._head_ids].mean(axis=1), exact[self._tail_ids].mean(axis=1)

    def _face_span(self, heads: np.ndarray) -> float:
        """Metres between the eyes plus metres from the eyes to the jaw."""
        left, right, jaw = (heads[self.bone[name]] for name in ("eye.L", "eye.R", "jaw"))
        middle = (left + right) / 2
        return float(np.linalg.norm(left - right) + np.linalg.norm(middle - jaw))


def _check(name: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise ValueError(f"{name} has the shape {array.shape}, expected {shape}")


def _apply(maps: np.ndarray, points: np.ndarray) -> np.ndarray:
    """[..., J, 3] points at rest, each moved by its bone's map [..., J, 3, 4]."""
    return np.einsum("...jrc,jc->...jr", maps[..., :3], points) + maps[..., 3]


@functools.lru_cache(maxsize=4)
def _load(pack: Pack) -> BodyModel:
    return BodyModel(pack)

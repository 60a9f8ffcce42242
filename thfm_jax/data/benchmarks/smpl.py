"""SMPL and SMPL-X bodies from the user's own model files.

Several benchmarks label people by the parameters of these models, which their owners hand out under
licences of their own (smpl.is.tue.mpg.de, smpl-x.is.tue.mpg.de); nothing of them is in this
package. The files lie in one folder under the names that the `smplx` package asks for:

    SMPL_MALE.pkl  SMPL_FEMALE.pkl  SMPL_NEUTRAL.pkl           pickles, with or without chumpy
    SMPLX_MALE.npz  SMPLX_FEMALE.npz  SMPLX_NEUTRAL.npz        .pkl and .npz are both read

with the keys `v_template` [V, 3], `shapedirs` [V, 3, S], `posedirs` [V, 3, 9 (J - 1)],
`J_regressor` [J, V], `weights` [V, J], `kintree_table` [2, J], and for SMPL-X `hands_componentsl`,
`hands_componentsr` [45, 45], `hands_meanl`, `hands_meanr` [45].

A body (Loper et al., "SMPL: a skinned multi-person linear model", 2015): the template, moved by the
shape and by the pose, each linearly, is skinned by the rotations of its joints. Everything is
float64 and vectorised over frames.
"""

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse
from scipy.spatial.transform import Rotation

from thfm_jax.data.benchmarks.persons import check_metres
from thfm_jax.data.benchmarks.pickles import read_pickle
from thfm_jax.data.benchmarks.sequence import BenchmarkError

Values = Float[np.ndarray, "..."]

BETAS = (
    10  # all the benchmarks use the first ten shape parameters, and SMPL-X's first ten expressions
)
_EXPRESSIONS_FROM = 300  # in the files of SMPL-X that hold 300 shape and 100 expression parameters
_KEYS = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table")
_SIDES = ("l", "r")


@dataclasses.dataclass(frozen=True)
class BodyModel:
    """A body model.

    Attributes:
      basis: [V, 3, 1 + S + 9 (J - 1)] metres: the template, what each shape parameter adds to it,
        and what each entry of the rotation matrices adds, less the identity, of all but the root.
      shapes: S, 10 for SMPL and 20 for SMPL-X, whose last 10 are expressions.
      weights: [V, J] of the skin to the joints; each vertex' sum to 1.
      regressor: [J, V] joints at rest from the vertices.
      parents: [J] of each joint, parents first; -1 for the root, which is the first.
      hands: axis-angle means [2, 45] and principal components [2, 45, 45], left hand first; None
        for SMPL.
    """

    basis: Float[np.ndarray, "V 3 F"]
    shapes: int
    weights: Float[np.ndarray, "V J"]
    regressor: sparse.csr_array
    parents: Int[np.ndarray, "J"]
    hands: tuple[Float[np.ndarray, "2 45"], Float[np.ndarray, "2 45 45"]] | None = None

    @functools.cached_property
    def rest_basis(self) -> Float[np.ndarray, "J 3 1+S"]:
        """Joints at rest, as `basis` has the vertices."""
        shaped = self.basis[..., : 1 + self.shapes]
        return (self.regressor @ shaped.reshape(len(shaped), -1)).reshape(-1, *shaped.shape[1:])


@dataclasses.dataclass(frozen=True)
class Bodies:
    """A person in N frames, in the world of the data set.

    Attributes:
      pose: [N, J, 3] axis-angle of each joint relative to its parent, of the root to the world.
      shape: [N, S], or [1, S] where it is the same in all frames.
      translation: [N, 3] metres.
    """

    pose: Float[np.ndarray, "N J 3"]
    shape: Float[np.ndarray, "#N S"]
    translation: Float[np.ndarray, "N 3"]


def read_model(folder: Path, family: str, gender: str) -> BodyModel:
    """The model of a family, "SMPL" or "SMPLX", and gender, "male", "female" or "neutral".

    Raises:
      BenchmarkError: the file is missing or not such a model; says where to get it.
    """
    stem = f"{family}_{gender.upper()}"
    found = [path for end in (".npz", ".pkl") if (path := folder / (stem + end)).is_file()]
    if not found:
        raise BenchmarkError(
            f"{folder / stem}.pkl: not found, nor .npz; labels of this set are parameters of "
            f"{family}: get the model from its makers and name its folder by the option smpl"
        )
    return _model(found[0], _content(found[0]))


def _content(path: Path) -> Mapping[str, Any]:
    if path.suffix == ".pkl":
        return read_pickle(path)
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise BenchmarkError(f"{path}: expected a body model: {error}") from error


def _model(path: Path, content: Mapping[str, Any]) -> BodyModel:
    try:
        template, directions, bends, regressor, weights, tree = (content[key] for key in _KEYS)
        parents = np.array(tree)[0].astype(np.int64)
        parents[0] = -1  # 2^32 - 1 in the files
        directions = _chosen(np.asarray(directions, np.float64))
        template = np.asarray(template, np.float64)
        bends = np.asarray(bends, np.float64).reshape(*template.shape, 9 * (len(parents) - 1))
        model = BodyModel(
            basis=np.concatenate([template[..., None], directions, bends], axis=-1),
            shapes=directions.shape[-1],
            weights=np.asarray(weights, np.float64).reshape(len(template), len(parents)),
            regressor=sparse.csr_array(regressor).astype(np.float64),
            parents=parents,
            hands=_hands(content) if "hands_meanl" in content else None,
        )
        model.rest_basis  # noqa: B018  it fails for a regressor of another shape
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise BenchmarkError(f"{path}: expected a model of SMPL or SMPL-X: {error}") from error
    if not (parents[1:] < np.arange(1, len(parents))).all():
        raise BenchmarkError(f"{path}: a joint stands before its parent in kintree_table")
    check_metres(template[None], f"{path}: v_template")
    return model


def _chosen(directions: Float[np.ndarray, "V 3 D"]) -> Float[np.ndarray, "V 3 S"]:
    """The first ten shape parameters, and of SMPL-X's files the first ten expressions."""
    count = directions.shape[-1]
    if count > _EXPRESSIONS_FROM:
        expressions = directions[..., _EXPRESSIONS_FROM : _EXPRESSIONS_FROM + BETAS]
        return np.concatenate([directions[..., :BETAS], expressions], axis=-1)
    return directions[..., : 2 * BETAS] if count == 2 * BETAS else directions[..., :BETAS]


def _hands(content: Mapping[str, Any]) -> tuple[Values, Values]:
    means, components = (
        np.stack([np.asarray(content[f"hands_{part}{side}"], np.float64) for side in _SIDES])
        for part in ("mean", "components")
    )
    return means.reshape(2, 45), components.reshape(2, 45, 45)


def vertices(model: BodyModel, bodies: Bodies) -> Float[np.ndarray, "N V 3"]:
    """The skin in the world, in metres."""
    turns = _rotations(bodies.pose)
    features = _features(turns, bodies.shape)
    flat = model.basis.reshape(-1, features.shape[1])
    unposed = (features @ flat.T).reshape(len(features), -1, 3)
    turns, moves = _global(model, turns, features)
    moved = np.concatenate([turns, moves[..., None]], axis=-1)
    # One product for all frames: several times as fast as one for each.
    skin = model.weights @ moved.swapaxes(0, 1).reshape(len(model.parents), -1)
    skin = skin.reshape(len(skin), *turns.shape[:1], 3, 4)
    points = np.einsum("vnab,nvb->nva", skin[..., :3], unposed) + skin[..., 3].swapaxes(0, 1)
    return points + bodies.translation[:, None]


class Landmarks:
    """Points that depend linearly on the skin's vertices, such as regressed joints.

    Equals `matrix @ vertices(model, bodies)`, without making the vertices: what the shape and the
    pose add to each point through each joint is linear too, so that it is summed over the vertices
    beforehand.
    """

    def __init__(self, model: BodyModel, matrix: sparse.csr_array):
        """`matrix`: [K, V]."""
        self._model = model
        self._count, joints = matrix.shape[0], model.weights.shape[1]
        # [K, J]: how much of each point hangs on each joint.
        self._shares = matrix @ model.weights
        # [K J, V] and [F, K J 3]: each point's vertices by the joint that moves them.
        split = sparse.vstack([matrix * model.weights[:, joint] for joint in range(joints)])
        table = split @ model.basis.reshape(len(model.basis), -1)
        table = table.reshape(joints, self._count, 3, -1).transpose(3, 1, 0, 2)
        self._table = table.reshape(len(table), -1)

    def __call__(self, bodies: Bodies) -> Float[np.ndarray, "N K 3"]:
        """The points in the world, in metres."""
        turns = _rotations(bodies.pose)
        features = _features(turns, bodies.shape)
        turns, moves = _global(self._model, turns, features)
        parts = (features @ self._table).reshape(len(turns), self._count, -1, 3)
        points = np.einsum("njab,nkjb->nka", turns, parts, optimize=True)
        return points + self._shares @ moves + bodies.translation[:, None]


def _rotations(pose: Float[np.ndarray, "N J 3"]) -> Float[np.ndarray, "N J 3 3"]:
    return Rotation.from_rotvec(pose.reshape(-1, 3)).as_matrix().reshape(*pose.shape, 3)


def _features(
    turns: Float[np.ndarray, "N J 3 3"], shape: Float[np.ndarray, "#N S"]
) -> Float[np.ndarray, "N F"]:
    """The factors of `BodyModel.basis`."""
    frames = len(turns)
    shape = np.broadcast_to(shape, (frames, shape.shape[1]))
    bent = (turns[:, 1:] - np.eye(3)).reshape(frames, -1)
    return np.concatenate([np.ones((frames, 1)), shape, bent], axis=1)


def _global(
    model: BodyModel, turns: Float[np.ndarray, "N J 3 3"], features: Float[np.ndarray, "N F"]
) -> tuple[Float[np.ndarray, "N J 3 3"], Float[np.ndarray, "N J 3"]]:
    """Rotation and translation by which each joint moves the skin at rest."""
    shaped = features[:, : 1 + model.shapes]
    rest = np.einsum("jaf,nf->nja", model.rest_basis, shaped, optimize=True)
    world, places = np.empty_like(turns), np.empty_like(rest)
    for joint, parent in enumerate(model.parents):
        if parent < 0:
            world[:, joint], places[:, joint] = turns[:, joint], rest[:, joint]
        else:
            bone = (rest[:, joint] - rest[:, parent])[..., None]
            world[:, joint] = world[:, parent] @ turns[:, joint]
            places[:, joint] = places[:, parent] + (world[:, parent] @ bone)[..., 0]
    return world, places - (world @ rest[..., None])[..., 0]

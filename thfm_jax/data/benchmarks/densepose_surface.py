"""The body surface that DensePose's annotations mean, from the user's own files.

DensePose names a point of the body by one of 24 parts and its U, V on that part's chart. Charts and
geodesic distances are DensePose's, made from SMPL, and are not in this package. Its evaluation data
(facebookresearch/DensePose, DensePoseData/get_eval_data.sh; research use only) are three files:

    SMPL_subdiv.mat             Part_ID_subdiv, U_subdiv, V_subdiv: [27554] of each vertex
    SMPL_SUBDIV_TRANSFORM.mat   index [27554]: each vertex's place among the distances, from 1
    Pdist_matrix.pkl            Pdist_matrix [27554 * 27553 / 2, 1]: distances in metres, the lower
                                triangle of their matrix row by row

(detectron2 densepose_coco_evaluation.py::DensePoseCocoEval._loadGEval, getDistancesUV; read here by
that description, not verified on the files.) Positions predicted on a template say nothing about
this surface until somebody says where the one lies on the other, so beside them there has to be

    canonical.npy               [27554, 3] each vertex's position on the predictions' template, in
                                metres, in the order of SMPL_subdiv.mat

The template of this package is MakeHuman's base mesh, arms half down; no correspondence between it
and SMPL is published, so one has to be made by registering SMPL's surface to it. For a model whose
template is SMPL itself they are its own vertices.
"""

import dataclasses
import functools
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from scipy.io import loadmat
from scipy.io.matlab import MatReadError
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from thfm_jax.data.benchmarks import files
from thfm_jax.data.benchmarks.pickles import read_pickle
from thfm_jax.data.benchmarks.sequence import BenchmarkError

PARTS = 24


@dataclasses.dataclass(frozen=True, eq=False)
class Surface:
    """A surface of V vertices.

    Attributes:
      part: [V] 1 to 24.
      uv: [V, 2] on the part's chart.
      place: [V] row of each vertex in the matrix of distances.
      distances: [V (V - 1) / 2] metres, its lower triangle row by row.
      canonical: [V, 3] metres on the predictions' template.
    """

    part: Int[np.ndarray, "V"]
    uv: Float[np.ndarray, "V 2"]
    place: Int[np.ndarray, "V"]
    distances: Float[np.ndarray, "D"]
    canonical: Float[np.ndarray, "V 3"]

    def annotated(
        self, part: Int[np.ndarray, "P"], uv: Float[np.ndarray, "P 2"]
    ) -> Int[np.ndarray, "P"]:
        """The vertex nearest to each point on the chart of its part."""
        nearest = np.empty(len(part), np.int64)
        for each in np.unique(part):
            vertices, points = np.flatnonzero(self.part == each), np.flatnonzero(part == each)
            nearest[points] = vertices[np.argmin(cdist(uv[points], self.uv[vertices]), axis=1)]
        return nearest

    def predicted(self, positions: Float[np.ndarray, "P 3"]) -> Int[np.ndarray, "P"]:
        """The vertex nearest to each canonical position."""
        return self._tree.query(positions)[1]

    def geodesics(
        self, first: Int[np.ndarray, "P"], second: Int[np.ndarray, "P"]
    ) -> Float[np.ndarray, "P"]:
        """Distances along the surface between pairs of vertices, in metres."""
        pair = np.stack([self.place[first], self.place[second]])
        low, high = np.min(pair, axis=0), np.max(pair, axis=0)
        apart = low < high
        # Where a vertex meets itself there is no entry; any will do.
        found = self.distances[np.where(apart, high * (high - 1) // 2 + low, 0)]
        return np.where(apart, found, 0.0)

    @functools.cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.canonical)


def open_surface(folder: Path) -> Surface:
    """Reads the four files; BenchmarkError says which is missing or does not fit the others."""
    charts = _mat(folder / "SMPL_subdiv.mat", ("Part_ID_subdiv", "U_subdiv", "V_subdiv"))
    part = charts["Part_ID_subdiv"].ravel().astype(np.int64)
    uv = np.stack([charts[name].ravel() for name in ("U_subdiv", "V_subdiv")], axis=-1)
    index = _mat(folder / "SMPL_SUBDIV_TRANSFORM.mat", ("index",))["index"]
    canonical = _canonical(folder / "canonical.npy", len(part))
    distances = _distances(folder / "Pdist_matrix.pkl", len(part))
    place = index.ravel().astype(np.int64) - 1
    if not np.array_equal(np.sort(place), np.arange(len(part))):
        raise BenchmarkError(
            f"{folder / 'SMPL_SUBDIV_TRANSFORM.mat'}: expected index to number the {len(part)} "
            "vertices from 1"
        )
    if uv.shape != (len(part), 2) or not np.isin(part, np.arange(1, PARTS + 1)).all():
        raise BenchmarkError(
            f"{folder / 'SMPL_subdiv.mat'}: expected a part of 1 to {PARTS} and U, V of each vertex"
        )
    return Surface(part, uv.astype(np.float64), place, distances, canonical)


def _mat(file: Path, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    try:
        content = loadmat(file, variable_names=list(names))
        return {name: np.asarray(content[name]) for name in names}
    except KeyError as error:
        raise BenchmarkError(f"{file}: expected a variable {error}") from error
    except (OSError, ValueError, TypeError, MatReadError) as error:
        raise BenchmarkError(f"{file}: expected one of DensePose's files: {error}") from error


def _canonical(file: Path, vertices: int) -> Float[np.ndarray, "V 3"]:
    if not file.is_file():
        raise BenchmarkError(
            f"{file}: expected the position of each of DensePose's {vertices} vertices on the "
            f"predictions' template, [{vertices}, 3] in metres; without it surface distances mean "
            "nothing, and only parts can be scored (densepose_coco_parts)"
        )
    canonical = files.array(file, "canonical").astype(np.float64)
    if canonical.shape != (vertices, 3) or not np.isfinite(canonical).all():
        raise BenchmarkError(f"{file}: expected finite [{vertices}, 3], got {canonical.shape}")
    height = float(np.ptp(canonical, axis=0).max())
    if not 0.5 < height < 3:
        raise BenchmarkError(f"{file}: expected a body in metres, but it extends over {height:.4g}")
    return canonical


def _distances(file: Path, vertices: int) -> Float[np.ndarray, "D"]:
    content = read_pickle(file)
    if not isinstance(content, dict) or "Pdist_matrix" not in content:
        raise BenchmarkError(f"{file}: expected a Pdist_matrix")
    distances = np.asarray(content["Pdist_matrix"]).ravel()
    if distances.size != vertices * (vertices - 1) // 2:
        raise BenchmarkError(
            f"{file}: expected the distances of all pairs of {vertices} vertices, "
            f"{vertices * (vertices - 1) // 2} of them, got {distances.size}"
        )
    return distances

"""The joints that pose benchmarks score, as points on the user's own body models."""

from pathlib import Path

from scipy import sparse

from thfm_jax.data.benchmarks.matrices import read_matrix
from thfm_jax.data.benchmarks.sequence import BenchmarkError
from thfm_jax.data.benchmarks.smpl import BodyModel, Landmarks, read_model

# Rows of the 17-joint regressor for Human3.6M that are the 14 joints of LSP, right ankle first
# (nkolot/SPIN constants.py::H36M_TO_J14; its left leg stands before its right one).
H36M_TO_LSP = (6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10)
_HIPS = {24: [1, 2], 14: [3, 2]}  # left and right, in SMPL's and in LSP's order


class GenderedLandmarks:
    """Joints of SMPL or SMPL-X bodies by gender; each model is read when it is first asked for."""

    def __init__(
        self,
        folder: Path,
        joints: int,
        regressor: Path | None = None,
        family: str = "SMPL",
        to_smpl: Path | None = None,
    ):
        """Reads nothing yet.

        Args:
          folder: of the body models.
          joints: 24 for SMPL's, 14 for LSP's.
          regressor: file of a matrix [joints, 6890] from SMPL's vertices, or of Human3.6M's 17
            rows, of which LSP's 14 are taken; SMPL_NEUTRAL's own where None.
          family: of the bodies, "SMPL" or "SMPLX".
          to_smpl: file of a matrix [6890, V] from the family's vertices to SMPL's; None for SMPL.
        """
        self._folder, self._family = folder, family
        self._joints, self._regressor, self._to_smpl = joints, regressor, to_smpl
        self._models: dict[str, BodyModel] = {}
        self._landmarks: dict[str, Landmarks] = {}

    def model(self, gender: str) -> BodyModel:
        if gender not in self._models:
            self._models[gender] = read_model(self._folder, self._family, gender)
        return self._models[gender]

    def __call__(self, gender: str) -> Landmarks:
        if gender not in self._landmarks:
            model = self.model(gender)
            self._landmarks[gender] = Landmarks(model, self._matrix(model))
        return self._landmarks[gender]

    def _matrix(self, model: BodyModel) -> sparse.csr_array:
        """[joints, V] from this model's vertices."""
        if self._to_smpl is None:
            matrix = self._from_smpl(len(model.basis))
        else:
            to_smpl = read_matrix(self._to_smpl, len(model.basis))
            matrix = self._from_smpl(to_smpl.shape[0]) @ to_smpl
        # Templates look along z with y up, so that their left is at the greater x.
        left, right = (matrix @ model.basis[:, 0, 0])[_HIPS[self._joints]]
        if not left > right:
            raise BenchmarkError(f"{self._source}: it has left and right the other way about")
        return matrix

    def _from_smpl(self, vertices: int) -> sparse.csr_array:
        if self._regressor is None:
            matrix = read_model(self._folder, "SMPL", "neutral").regressor
        else:
            matrix = read_matrix(self._regressor, vertices)
        if matrix.shape[0] == 17 and self._joints == 14:
            matrix = matrix[list(H36M_TO_LSP)]
        if matrix.shape != (self._joints, vertices):
            raise BenchmarkError(
                f"{self._source}: expected a regressor of {self._joints} joints from {vertices} "
                f"vertices, got one of shape {matrix.shape}"
            )
        return matrix

    @property
    def _source(self) -> Path:
        return self._regressor or self._folder / "SMPL_NEUTRAL"

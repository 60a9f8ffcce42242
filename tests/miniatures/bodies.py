"""Small body models in the files of SMPL and SMPL-X, and skinning written out slowly.

Nothing here comes from the licensed models: a vertex or two are scattered about each joint of a
stick figure, and all that the formats ask for besides is random.
"""

import io
import pickle
import struct
import sys
import types
from pathlib import Path

import numpy as np
from scipy import sparse

PARENTS = [-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21]
# Of SMPL-X: SMPL's without its hands, jaw and eyes, and 15 joints of each hand.
PARENTS_X = (
    PARENTS[:22]
    + [15, 15, 15]
    + [
        parent
        for wrist, first in ((20, 25), (21, 40))
        for finger in range(5)
        for parent in (wrist, first + 3 * finger, first + 3 * finger + 1)
    ]
)
# A person who looks along z with y up, so that the left is at the greater x.
PLACES = np.array([
    [0, 0, 0], [0.1, -0.08, 0], [-0.1, -0.08, 0], [0, 0.12, 0], [0.12, -0.5, 0], [-0.12, -0.5, 0],
    [0, 0.25, 0], [0.12, -0.9, 0], [-0.12, -0.9, 0], [0, 0.3, 0], [0.14, -0.95, 0.15],
    [-0.14, -0.95, 0.15], [0, 0.5, 0], [0.08, 0.42, 0], [-0.08, 0.42, 0], [0, 0.6, 0],
    [0.18, 0.45, 0], [-0.18, 0.45, 0], [0.45, 0.45, 0], [-0.45, 0.45, 0], [0.7, 0.45, 0],
    [-0.7, 0.45, 0], [0.78, 0.45, 0], [-0.78, 0.45, 0],
])  # fmt: skip
PLACES_X = np.concatenate(
    [
        PLACES[:22],
        [[0, 0.55, 0.1], [0.03, 0.65, 0.1], [-0.03, 0.65, 0.1]],
        PLACES[20] + [[0.02 * (i % 3 + 1), 0, 0.02 * (i // 3 - 2)] for i in range(15)],
        PLACES[21] + [[-0.02 * (i % 3 + 1), 0, 0.02 * (i // 3 - 2)] for i in range(15)],
    ]
)
# Rows of the 17-joint regressor for Human3.6M, whose left leg comes first, as joints of SMPL.
H36M_ROWS = [0, 1, 4, 7, 2, 5, 8, 6, 12, 15, 15, 16, 18, 20, 17, 19, 21]
# And LSP's 14 joints, right ankle first.
LSP_ROWS = [8, 5, 2, 1, 4, 7, 21, 19, 17, 16, 18, 20, 12, 15]
AROUND = 2  # vertices about each joint


def random_model(rng, places=PLACES, parents=PARENTS, directions=10):
    """The content of a model file, as NumPy arrays."""
    joints = len(parents)
    vertices = AROUND * joints
    template = np.repeat(places, AROUND, axis=0) + rng.uniform(-0.02, 0.02, (vertices, 3))
    weights = 0.2 * rng.dirichlet(np.ones(joints), vertices)
    weights[np.arange(vertices), np.arange(vertices) // AROUND] += 0.8
    regressor = np.kron(np.eye(joints), np.full((1, AROUND), 1 / AROUND))
    tree = np.stack([np.array(parents) % 2**32, np.arange(joints)]).astype(np.uint32)
    return {
        "v_template": template,
        "shapedirs": rng.normal(0, 0.01, (vertices, 3, directions)),
        "posedirs": rng.normal(0, 0.005, (vertices, 3, 9 * (joints - 1))),
        "J_regressor": regressor,
        "weights": weights,
        "kintree_table": tree,
        "f": rng.integers(0, vertices, (10, 3)).astype(np.uint32),
    }


def random_model_x(rng):
    """Likewise of SMPL-X: 300 shapes and 100 expressions, and the hands' components."""
    hands = {
        f"hands_{part}{side}": rng.normal(0, 0.2, shape)
        for side in "lr"
        for part, shape in (("mean", 45), ("components", (45, 45)))
    }
    return random_model(rng, PLACES_X, PARENTS_X, 400) | hands


def write_smpl(folder: Path, rng) -> dict[str, dict]:
    """SMPL's three models, pickled with chumpy as they are handed out; contents by gender."""
    folder.mkdir(parents=True, exist_ok=True)
    models = {}
    for gender in ("male", "female", "neutral"):
        models[gender] = content = random_model(rng)
        stored = dict(content, J_regressor=sparse.csc_matrix(content["J_regressor"]))
        with chumpy() as array:
            for key in ("v_template", "shapedirs", "weights"):
                stored[key] = array(content[key])
            (folder / f"SMPL_{gender.upper()}.pkl").write_bytes(python2_pickle(stored))
    return models


def write_smplx(folder: Path, rng) -> dict[str, dict]:
    """SMPL-X's models as .npz, and smplx_to_smpl.pkl; contents by gender, and "map" [V, V']."""
    models = {gender: random_model_x(rng) for gender in ("male", "female")}
    for gender, content in models.items():
        np.savez(folder / f"SMPLX_{gender.upper()}.npz", **content)
    to_smpl = np.zeros((AROUND * 24, AROUND * 55))
    sources = np.arange(AROUND * 24)
    sources[AROUND * 22 :] = [AROUND * 28, AROUND * 29, AROUND * 43, AROUND * 44]
    to_smpl[np.arange(AROUND * 24), sources] = 0.75
    to_smpl[np.arange(AROUND * 24), sources + 1] = 0.25
    (folder / "smplx_to_smpl.pkl").write_bytes(pickle.dumps({"matrix": to_smpl}))
    return {**models, "map": to_smpl}


def write_h36m_regressor(folder: Path) -> np.ndarray:
    """J_regressor_h36m.npy; returns what LSP's 14 joints are regressed by."""
    regressor = np.kron(np.eye(24), np.full((1, AROUND), 1 / AROUND))
    np.save(folder / "J_regressor_h36m.npy", regressor[H36M_ROWS])
    return regressor[LSP_ROWS]


class chumpy:
    """A context in which `chumpy.ch.Ch` exists to be pickled; gives the maker of its arrays."""

    def __enter__(self):
        names = ("chumpy", "chumpy.ch")
        self._modules = {name: types.ModuleType(name) for name in names}
        self._kind = type("Ch", (), {"__module__": "chumpy.ch", "__qualname__": "Ch"})
        self._modules["chumpy.ch"].Ch = self._kind
        sys.modules.update(self._modules)
        return self._array

    def __exit__(self, *_):
        for name in self._modules:
            del sys.modules[name]

    def _array(self, values):
        made = self._kind()
        made.__dict__.update(x=values, _parents={}, _cache={"r": None, "drs": {}})
        return made


class _Python2Pickler(pickle._Pickler):
    """Writes text and bytes as Python 2 did, whose strings were both."""

    dispatch = pickle._Pickler.dispatch.copy()

    def _save_text(self, text):
        self._save_bytes(text.encode("ascii"))

    def _save_bytes(self, data):
        if len(data) < 256:
            self.write(pickle.SHORT_BINSTRING + bytes([len(data)]) + data)
        else:
            self.write(pickle.BINSTRING + struct.pack("<i", len(data)) + data)

    dispatch[str], dispatch[bytes] = _save_text, _save_bytes


def python2_pickle(content) -> bytes:
    """A pickle as Python 2 wrote it."""
    file = io.BytesIO()
    _Python2Pickler(file, protocol=2).dump(content)
    return file.getvalue()


def rotation(vector) -> np.ndarray:
    """Rodrigues' formula."""
    angle = np.sqrt(sum(part * part for part in vector))
    if angle == 0:
        return np.eye(3)
    x, y, z = (part / angle for part in vector)
    c, s = np.cos(angle), np.sin(angle)
    return np.array(
        [
            [c + x * x * (1 - c), x * y * (1 - c) - z * s, x * z * (1 - c) + y * s],
            [y * x * (1 - c) + z * s, c + y * y * (1 - c), y * z * (1 - c) - x * s],
            [z * x * (1 - c) - y * s, z * y * (1 - c) + x * s, c + z * z * (1 - c)],
        ]
    )


def skin(content, pose, shape, translation, directions=range(10)) -> np.ndarray:
    """Vertices of one frame by the definition of SMPL, one vertex after another.

    Args:
      content: of the model file.
      pose: [J, 3] axis-angle.
      shape: factors of the shape directions that `directions` names.
      translation: [3].
    """
    count, joints = content["weights"].shape
    shaped = content["v_template"].copy()
    for factor, direction in zip(shape, directions, strict=True):
        shaped = shaped + factor * content["shapedirs"][:, :, direction]
    rest = content["J_regressor"] @ shaped
    turns = [rotation(vector) for vector in pose]
    moves = []
    for joint in range(joints):
        local = np.eye(4)
        local[:3, :3] = turns[joint]
        parent = int(content["kintree_table"][0, joint])
        local[:3, 3] = rest[joint] - (rest[parent] if joint else 0)
        moves.append(moves[parent] @ local if joint else local)
    bent = shaped.copy()
    for joint in range(1, joints):
        for entry in range(9):
            factor = (turns[joint] - np.eye(3)).flat[entry]
            bent = bent + factor * content["posedirs"][:, :, 9 * (joint - 1) + entry]
    result = np.zeros((count, 3))
    for vertex in range(count):
        for joint in range(joints):
            local = moves[joint][:3, :3] @ (bent[vertex] - rest[joint]) + moves[joint][:3, 3]
            result[vertex] += content["weights"][vertex, joint] * local
    return result + translation


def random_pose(rng, joints=24) -> np.ndarray:
    """[J, 3] axis-angle: upside down for a camera whose y points down, and bent all over."""
    pose = rng.normal(0, 0.25, (joints, 3))
    pose[0] = [np.pi - 0.2, 0.1, 0.2] + rng.normal(0, 0.2, 3)
    return pose


def random_camera(rng, frames: int) -> np.ndarray:
    """[frames, 4, 4] world to camera, of a camera that looks at the world's origin from 4 m."""
    matrices = np.tile(np.eye(4), (frames, 1, 1))
    for matrix in matrices:
        matrix[:3, :3] = rotation(rng.normal(0, 0.3, 3))
        matrix[:3, 3] = [0.1, -0.1, 4 + rng.uniform(-0.2, 0.2)]
    return matrices


def to_camera(points, matrix) -> np.ndarray:
    return np.array([matrix[:3, :3] @ point + matrix[:3, 3] for point in points])

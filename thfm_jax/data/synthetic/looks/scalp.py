"""Where hair grows: points of the head by their direction from the middle of the skull."""

import functools

import numpy as np
from numba import njit
from scipy import sparse

from thfm_jax.data.synthetic.bodies.body import BodyModel
from thfm_jax.data.synthetic.looks import sheets, suit
from thfm_jax.data.synthetic.looks.sheets import Sheet

MIDDLE = np.array([0.0, 0.755, 0.015])  # of the skull, on the base mesh
_ROWS, _COLUMNS = 64, 96
# The hairline in profile, (z, y) on the base mesh: nape, behind and over the ear, temple, forehead.
_LINE = (
    *((-0.20, 0.650), (-0.010, 0.655), (0.010, 0.670), (0.022, 0.700), (0.030, 0.732)),
    *((0.054, 0.736), (0.060, 0.716), (0.072, 0.716), (0.078, 0.748), (0.096, 0.780)),
    *((0.118, 0.795), (0.140, 0.798), (0.200, 0.800)),
)


def hairline(model: BodyModel, line: float) -> np.ndarray:
    """[V] float32 metres above the hairline, which recedes in front by `line` metres."""
    position = suit.base_positions(model)
    x, y, z = np.abs(position[:, 0]), position[:, 1], position[:, 2]
    height = np.interp(z, *np.array(_LINE).T) + line * np.clip((z - 0.08) / 0.03, 0, 1)
    corner = np.clip((x - 0.02) / 0.02, 0, 1) * np.clip((z - 0.06) / 0.03, 0, 1)
    above = y - height - 0.8 * line * corner - 0.1 * model.regions["ears"]
    return np.where(y > 0.6, above, -1).astype(np.float32)


def edge(model: BodyModel, azimuth: np.ndarray, line: float, over_ears: bool = False) -> np.ndarray:
    """[C, 3] unit directions of the hairline at azimuths [C], radians from the front to the left.

    With `over_ears` it passes them in an even line.
    """
    at, polar = _edge(model, round(line, 3))
    if over_ears:
        span = np.hanning(_COLUMNS // 3 | 1)
        around = np.concatenate([polar] * 3)
        smooth = np.convolve(around, span / span.sum(), "same")[_COLUMNS : 2 * _COLUMNS]
        ears = np.clip(2.2 - 2 * np.abs(np.abs(at - np.pi) - 1.5), 0, 1)
        polar = polar + ears * (smooth - polar)
    return directions(azimuth, np.interp(azimuth % (2 * np.pi), at, polar, period=2 * np.pi))


def directions(azimuth: np.ndarray, polar: np.ndarray) -> np.ndarray:
    """[..., 3] unit vectors: azimuth from the front to the left, polar angle from straight up."""
    side = np.sin(polar)
    return np.stack(
        [side * np.sin(azimuth), np.cos(polar) + 0 * azimuth, side * np.cos(azimuth)], -1
    )


@functools.lru_cache(maxsize=32)
def _edge(model: BodyModel, line: float) -> tuple[np.ndarray, np.ndarray]:
    """Azimuths and the polar angles at which the hairline is crossed there."""
    above = (_table(model) @ hairline(model, line)).reshape(_ROWS, _COLUMNS)
    polar, azimuth = _angles()
    crossed = np.where(above < 0, np.arange(_ROWS)[:, None], _ROWS - 1).min(axis=0).clip(1)
    columns = np.arange(_COLUMNS)
    inner, outer = above[crossed - 1, columns], above[crossed, columns]
    share = np.clip(inner / np.maximum(inner - outer, 1e-6), 0, 1)
    found = polar[crossed - 1] + share * (polar[1] - polar[0])
    smooth = (np.roll(found, 1) + 2 * found + np.roll(found, -1)) / 4
    return azimuth, smooth


def _angles() -> tuple[np.ndarray, np.ndarray]:
    polar = np.linspace(0.01, 0.85 * np.pi, _ROWS)
    return polar, np.linspace(0, 2 * np.pi, _COLUMNS, endpoint=False)


def points(model: BodyModel, towards: np.ndarray) -> sparse.csr_matrix:
    """[N, V] weights of the surface points that lie towards unit directions [N, 3]."""
    polar = np.arccos(np.clip(towards[:, 1], -1, 1))
    azimuth = np.arctan2(towards[:, 0], towards[:, 2])
    rows, _ = _angles()
    row = np.clip((polar - rows[0]) / (rows[1] - rows[0]), 0, _ROWS - 1.001)
    column = (azimuth / (2 * np.pi) * _COLUMNS) % _COLUMNS
    above, left = np.floor(row).astype(int), np.floor(column).astype(int) % _COLUMNS
    down, right = row - above, column - np.floor(column)
    after = (left + 1) % _COLUMNS
    cells = np.stack([above * _COLUMNS + left, above * _COLUMNS + after], axis=1)
    cells = np.concatenate([cells, cells + _COLUMNS], axis=1)
    shares = np.stack(
        [(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right], axis=1
    )
    rows_of = np.arange(len(towards)).repeat(4)
    grid = sparse.csr_matrix(
        (shares.reshape(-1).astype(np.float32), (rows_of, cells.reshape(-1))),
        (len(towards), _ROWS * _COLUMNS),
    )
    return (grid @ _table(model)).tocsr()


@functools.lru_cache(maxsize=2)
def _table(model: BodyModel) -> sparse.csr_matrix:
    """[rows * columns, V] weights of the surface points towards a grid of directions."""
    patch = model.patches["body"]
    corners = patch.vertex_ids[patch.triangles]
    position = suit.base_positions(model).astype(np.float64)
    head = corners[(position[corners][..., 1] > 0.58).all(axis=1)]
    head = head[(model.regions["inside_mouth"][head] < 0.5).all(axis=1)]
    polar, azimuth = np.meshgrid(*_angles(), indexing="ij")
    towards = directions(azimuth, polar).reshape(-1, 3)
    face, shares = _cast(MIDDLE, towards, position, head)
    rows = np.arange(len(towards)).repeat(3)
    return sparse.csr_matrix(
        (shares.reshape(-1).astype(np.float32), (rows, head[face].reshape(-1))),
        (len(towards), len(position)),
    )


@njit(cache=True)
def _cast(origin, towards, position, triangles):
    """The first triangle that each ray meets, and its shares of that one's corners."""
    face = np.zeros(len(towards), np.int64)
    shares = np.zeros((len(towards), 3))
    for r in range(len(towards)):
        far = np.inf
        d = towards[r]
        for f in range(len(triangles)):
            a, b, c = (
                position[triangles[f, 0]],
                position[triangles[f, 1]],
                position[triangles[f, 2]],
            )
            u, v, w = b - a, c - a, origin - a
            px, py, pz = (
                d[1] * v[2] - d[2] * v[1],
                d[2] * v[0] - d[0] * v[2],
                d[0] * v[1] - d[1] * v[0],
            )
            det = u[0] * px + u[1] * py + u[2] * pz
            if abs(det) < 1e-14:
                continue
            first = (w[0] * px + w[1] * py + w[2] * pz) / det
            qx, qy, qz = (
                w[1] * u[2] - w[2] * u[1],
                w[2] * u[0] - w[0] * u[2],
                w[0] * u[1] - w[1] * u[0],
            )
            second = (d[0] * qx + d[1] * qy + d[2] * qz) / det
            along = (v[0] * qx + v[1] * qy + v[2] * qz) / det
            if (
                first < -1e-9
                or second < -1e-9
                or first + second > 1 + 1e-9
                or not 0.04 < along < far
            ):
                continue
            far = along
            face[r] = f
            shares[r] = (1 - first - second, first, second)
    return face, shares


def sheet(model: BodyModel, towards: np.ndarray) -> Sheet:
    """The surface over a grid of directions [R, C, 3], outside up: rows run outwards, columns from
    the body's right to its left over the back."""
    triangles = sheets.grid(*towards.shape[:2])
    weights = points(model, towards.reshape(-1, 3))
    return Sheet(weights, triangles, np.arange(len(triangles), dtype=np.int32))

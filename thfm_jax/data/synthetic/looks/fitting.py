"""What things for the head are built with: grids of points over the skull, worn by one head."""

import dataclasses

import numpy as np

from thfm_jax.data.synthetic import parts
from thfm_jax.data.synthetic.looks import colours, fabrics, scalp, sheets
from thfm_jax.data.synthetic.looks.heads import Head
from thfm_jax.data.synthetic.scene import Material, Mesh

SIDES = 40  # of what goes round the head


@dataclasses.dataclass(frozen=True)
class Fit:
    """Whom it is made for: a head, and the metres of hair on it."""

    head: Head
    hair_m: float
    flat: bool

    def points(self, towards: np.ndarray, lift_m: float = 0.0) -> np.ndarray:
        return self.head.points(towards, lift_m)

    def mesh(self, rest: np.ndarray, material: Material, part: str, smooth: bool = True) -> Mesh:
        """A grid of points [R, C, 3] at rest as a mesh; the skin beneath gives its template."""
        rows, columns = rest.shape[:2]
        flat = rest.reshape(-1, 3)
        middle = self.points(scalp.directions(np.array([1.6, 4.7]), np.full(2, 1.5))).mean(axis=0)
        away = flat - middle
        away = away / (np.linalg.norm(away, axis=1, keepdims=True) + 1e-9)
        across = np.linalg.norm(np.diff(rest, axis=1, prepend=rest[:, :1]), axis=-1)
        down = np.linalg.norm(np.diff(rest, axis=0, prepend=rest[:1]), axis=-1)
        widest = across[across.sum(axis=1).argmax()].cumsum()
        uv = np.stack(np.broadcast_arrays(widest[None], down.cumsum(axis=0)), axis=-1)
        return Mesh(
            self.head.carried(flat),
            sheets.grid(rows, columns),
            uv.reshape(-1, 2).astype(np.float32),
            material,
            self.head.instance,
            self.head.template(away),
            np.full(2 * (rows - 1) * (columns - 1), parts.INDEX[part], np.uint8),
            smooth_normals=smooth,
            normal_ids=_welded(flat),
        )


def _welded(points: np.ndarray) -> np.ndarray:
    """[V] int32, equal for points at one place."""
    keys = np.rint(points * 1e5).astype(np.int64)
    return np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int32)


def look_of(rng: np.random.Generator, cut: fabrics.Cut, fit: Fit) -> Material:
    """A fabric of a random colour."""
    return fabrics.make(rng, cut, colours.cloth(rng, 0.35), 0.3, fit.flat).material


def plain(rng: np.random.Generator, dark: float = 0.7, roughness: float = 0.35) -> Material:
    """Smooth plastic, black in the share `dark` of draws."""
    colour = colours.linear((22, 22, 24)) if rng.uniform() < dark else colours.cloth(rng, 0.5)
    return Material(colour.reshape(1, 1, 3), specular=0.05, roughness=roughness)


def bowl(fit: Fit, polar: np.ndarray, lift: np.ndarray, rows: int = 10) -> np.ndarray:
    """[rows, C, 3] a surface over the skull down to polar angles [C], `lift` [rows] off it."""
    azimuth = np.linspace(0, 2 * np.pi, len(polar))
    angle = np.linspace(0.01, 1, rows)[:, None] * polar
    return rounded(fit.points(scalp.directions(azimuth[None] + 0 * angle, angle)), lift)


def rounded(points: np.ndarray, lift: np.ndarray) -> np.ndarray:
    """Points [R, C, 3] moved away from their middle by `lift` [R], without the head's detail."""
    middle = points.mean(axis=(0, 1)) - (0, 0.02, 0)
    away = points - middle
    far = np.linalg.norm(away, axis=-1)
    for _ in range(3):
        far = (np.roll(far, 1, 1) + 2 * far + np.roll(far, -1, 1)) / 4
    far = far + lift[:, None]
    return middle + away / np.linalg.norm(away, axis=-1, keepdims=True) * far[..., None]


def hat_line(front: float, side: float, back: float) -> np.ndarray:
    """[C] polar angles of a hat's edge."""
    azimuth = np.linspace(0, 2 * np.pi, SIDES + 1)
    ahead = np.cos(azimuth)
    return side + np.where(ahead > 0, (front - side) * ahead, (side - back) * ahead)

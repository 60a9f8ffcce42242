"""Locks: a surface of hair, the layers of strands off it, and the hull that stands for them."""

import dataclasses

import numpy as np

from thfm_jax.data.synthetic.looks import sheets, strands
from thfm_jax.data.synthetic.looks.heads import Head
from thfm_jax.data.synthetic.scene import Material, Mesh


@dataclasses.dataclass(frozen=True)
class Coat:
    """How far strands stand off their surface.

    Attributes:
      length_m: reach of the outermost layer.
      layers: how many.
      sweep: (forwards, down, leftwards) metres that the outermost layer is combed.
      bare: share of the innermost layer through which skin is seen.
    """

    length_m: float
    layers: int
    sweep: tuple[float, float, float] = (0.0, 0.0, 0.0)
    bare: float = 0.0


@dataclasses.dataclass(frozen=True)
class Lock:
    """A grid of `R` x `C` vertices over `T` frames; strands run along its columns.

    Attributes:
      points: [T, R, C, 3] float32 metres in the world.
      rest: [R, C, 3] metres, to measure strands by.
      template: [R, C, 3] canonical positions of the skin that it grows on.
      density: [R, C] 0 where there is no hair to 1 where it is full.
      tips: [R, C] 0 to 1, how far strands have thinned out.
      closed: whether the last column is the first.
    """

    points: np.ndarray
    rest: np.ndarray
    template: np.ndarray
    density: np.ndarray
    tips: np.ndarray
    closed: bool = False


def grow(head: Head, lock: Lock, coat: Coat, look: Material) -> list[Mesh]:
    """The strands and the hull of a lock."""
    frames, rows, columns = lock.points.shape[:3]
    triangles = sheets.grid(rows, columns)
    points = np.ascontiguousarray(lock.points.reshape(frames, -1, 3))
    normals = sheets.vertex_normals(points, triangles)
    if lock.closed:
        _close(normals.reshape(frames, rows, columns, 3))
    density, tips = lock.density.reshape(-1), lock.tips.reshape(-1)
    forwards, down, leftwards = coat.sweep
    comb = head.turned((leftwards, down, forwards))
    reach = (np.clip(density * 1.4, 0.12, 1) * coat.length_m).astype(np.float32)
    depth = np.linspace(0.05, 1, coat.layers, dtype=np.float32)
    surfaces = [
        points + (d * reach)[:, None] * normals + (d * d * density)[:, None] * comb for d in depth
    ]
    thin = np.clip(1.15 - 3 * density, 0, 1.2)
    share = [coat.bare - 0.02 + 0.75 * d**1.5 + thin + tips * (0.55 + 0.5 * d) for d in depth]
    uv, template = _coordinates(lock), lock.template.reshape(-1, 3)
    seen = strands.layers(
        surfaces,
        [255 * np.clip(s, 0, 1.02) for s in share],
        0.4 + 0.65 * depth,
        triangles,
        uv,
        look,
        template,
        "scalp",
        head.instance,
    )
    full = (density > 0.3) & (tips < 0.75)
    solid = triangles[full[triangles].all(axis=1)]
    middle = surfaces[(2 * coat.layers) // 3].astype(np.float32)
    return [seen, strands.hull(middle, solid, uv, template, "scalp", head.instance)]


def _close(normals: np.ndarray) -> None:
    """Gives the first and the last column of [T, R, C, 3] one normal, in place."""
    both = normals[:, :, 0] + normals[:, :, -1]
    both /= np.linalg.norm(both, axis=-1, keepdims=True) + 1e-9
    normals[:, :, 0] = normals[:, :, -1] = both


def _coordinates(lock: Lock) -> np.ndarray:
    """[V, 2] float32 uv in tiles: across, measured on the widest row, and along the strands."""
    step = np.linalg.norm(np.diff(lock.rest, axis=0, prepend=lock.rest[:1]), axis=-1)
    across = np.linalg.norm(np.diff(lock.rest, axis=1, prepend=lock.rest[:, :1]), axis=-1)
    u = across[across.sum(axis=1).argmax()].cumsum() / strands.TILE_M
    if lock.closed:
        u = u * max(np.rint(u[-1]), 1) / u[-1]
    v = step.cumsum(axis=0) / strands.TILE_M
    return np.stack([np.broadcast_to(u, v.shape), v], axis=-1).reshape(-1, 2).astype(np.float32)

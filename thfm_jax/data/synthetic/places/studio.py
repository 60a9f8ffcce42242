"""Studios: a paper or cloth backdrop that curves from the floor up a wall."""

import numpy as np

from thfm_jax.data.synthetic.places import surfaces
from thfm_jax.data.synthetic.places.solids import grid
from thfm_jax.data.synthetic.places.space import Space
from thfm_jax.data.synthetic.scene import Material, Mesh

# (how often, ranges of sRGB saturation and value) of rolls of paper; the last two are for keying.
_PAPERS: dict[str, tuple[float, tuple[float, float], tuple[float, float]]] = {
    "light": (0.28, (0.0, 0.1), (0.7, 1.0)),
    "dark": (0.14, (0.0, 0.1), (0.03, 0.3)),
    "coloured": (0.22, (0.1, 0.9), (0.2, 0.95)),
    "mottled": (0.12, (0.0, 0.0), (0.0, 0.0)),
    "green": (0.16, (0.65, 0.85), (0.6, 0.8)),
    "blue": (0.08, (0.75, 0.9), (0.6, 0.8)),
}
_KEY_HUES = {"green": 0.36, "blue": 0.6}


def build(rng: np.random.Generator, space: Space) -> tuple[list[Mesh], dict[str, str]]:
    """The backdrop, behind the subjects as the camera sees them, and under all of them."""
    name, material = _paper(rng)
    side = np.array([-space.ahead[1], space.ahead[0]])
    front = float((space.eyes[:, [0, 2]] @ space.ahead).min()) - 3.0
    wall = float((space.cloud[:, [0, 2]] @ space.ahead).max()) + rng.uniform(0.6, 4.0)
    along, up = _profile(front, wall, rng.uniform(0.1, 1.2))
    middle = float(space.centre[[0, 2]] @ side)
    across = np.linspace(-1, 1, 15) * (5.0 + 1.5 * (wall - front)) + middle
    flat = along[:, None, None] * space.ahead + across[:, None] * side
    height = np.broadcast_to(up[:, None], flat.shape[:2])
    points = np.stack([flat[..., 0], height, flat[..., 1]], axis=-1)
    uv = np.stack(np.broadcast_arrays(across, -(along + up)[:, None]), axis=-1)
    return [grid(points, uv).mesh(material, smooth=True, shades=False)], {"paper": name}


def _profile(front: float, wall: float, bend: float) -> tuple[np.ndarray, np.ndarray]:
    """(way along the floor, height) of the paper's cut, from the top of the wall to the front."""
    angle = np.linspace(np.pi / 2, 0, 7)
    floor = np.linspace(wall, front, 9)[1:]
    along = np.concatenate([[wall + bend], wall + bend * np.sin(angle), floor])
    up = np.concatenate([[4.0 + 2.0 * (wall - front)], bend * (1 - np.cos(angle)), 0 * floor])
    return along, up


def _paper(rng: np.random.Generator) -> tuple[str, Material]:
    """A roll of paper: white, grey, black, of any colour, mottled, or for keying."""
    weights = [weight for weight, _, _ in _PAPERS.values()]
    name = str(rng.choice(list(_PAPERS), p=weights))
    if name == "mottled":
        return name, surfaces.concrete(rng)
    _, saturation, value = _PAPERS[name]
    hue = _KEY_HUES.get(name, rng.random()) + rng.normal(0, 0.02)
    return name, surfaces.plain(surfaces.hsv(hue, rng.uniform(*saturation), rng.uniform(*value)))

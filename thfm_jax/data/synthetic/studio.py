"""Studios: a paper or cloth backdrop that curves from the floor up the wall, and studio light."""

import numpy as np

from thfm_jax.data.synthetic import surfaces
from thfm_jax.data.synthetic.scene import Material, Mesh
from thfm_jax.data.synthetic.solids import grid
from thfm_jax.data.synthetic.space import Space

_SCREENS = {"green": (0.36, 0.75, 0.75), "blue": (0.6, 0.85, 0.7)}


def build(rng: np.random.Generator, space: Space) -> tuple[list[Mesh], dict[str, object]]:
    """The backdrop, behind the subjects as the camera sees them, and under all of them."""
    paper, material = _paper(rng)
    side = np.array([-space.ahead[1], space.ahead[0]])
    eye = space.eyes[:, [0, 2]]
    behind = float((space.cloud[:, [0, 2]] @ space.ahead).max())
    front = float((eye @ space.ahead).min()) - 3.0
    wall = behind + rng.uniform(0.6, 4.0)
    bend = rng.uniform(0.1, 1.2)
    height = 4.0 + 2.0 * (wall - front)
    angle = np.linspace(0, np.pi / 2, 7)
    along = [front, *np.linspace(front, wall, 9)[1:-1], *(wall + bend * np.sin(angle)), wall + bend]
    up = [0.0] * 8 + [*(bend * (1 - np.cos(angle))), height]
    along, up = np.array(along)[::-1, None], np.array(up)[::-1, None]
    middle = float(space.centre[[0, 2]] @ side)
    across = np.linspace(-1, 1, 15) * (5.0 + 1.5 * (wall - front)) + middle
    points = np.stack(
        [
            along * space.ahead[0] + across * side[0],
            np.broadcast_to(up, (len(up), len(across))),
            along * space.ahead[1] + across * side[1],
        ],
        axis=-1,
    )
    uv = np.stack(np.broadcast_arrays(across, -along - up), axis=-1)
    mesh = grid(points, uv).mesh(material, smooth=True, shades=False)
    return [mesh], {"paper": paper}


def _paper(rng: np.random.Generator) -> tuple[str, Material]:
    """A roll of paper: white, grey, black, of any colour, or for keying."""
    kind = str(
        rng.choice(
            ("light", "dark", "coloured", "mottled", "green", "blue"),
            p=(0.28, 0.14, 0.22, 0.12, 0.16, 0.08),
        )
    )
    if kind in _SCREENS:
        hue, saturation, value = _SCREENS[kind]
        spread = rng.normal(0, 0.03, 3)
        return kind, surfaces.plain(surfaces.hsv(hue + spread[0], saturation + spread[1], value))
    if kind == "mottled":
        return kind, surfaces.concrete(rng)
    value = {"light": rng.uniform(0.7, 1.0), "dark": rng.uniform(0.03, 0.3)}.get(kind)
    if value is not None:
        return kind, surfaces.plain(surfaces.hsv(rng.random(), 0.1 * rng.random(), value))
    return kind, surfaces.plain(surfaces.any_colour(rng, 1.0))

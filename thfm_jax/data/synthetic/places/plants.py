"""Plants: in pots, bushes, hedges and trees."""

import functools

import numpy as np

from thfm_jax.data.synthetic.places import noise, surfaces
from thfm_jax.data.synthetic.places.solids import (
    Part,
    Solid,
    ball,
    box,
    cylinder,
    grid,
    joined,
    lathe,
    pole,
    rough,
)
from thfm_jax.data.synthetic.scene import Material

_LEAVES = 220  # on one tile of foliage


@functools.lru_cache(maxsize=16)
def _foliage(index: int) -> tuple[np.ndarray, np.ndarray]:
    """(shade [R, R] float32 in [0, 1], cover [R, R] uint8) of leaves on a tile that repeats."""
    rng = np.random.default_rng((index, 81))
    size = noise.SIZE
    shade, cover = np.zeros((size, size), np.float32), np.zeros((size, size), np.uint8)
    for layer in np.linspace(0.25, 1.0, _LEAVES):
        length, width = rng.uniform(9, 17), rng.uniform(3.5, 7)
        angle, (row, column) = rng.uniform(0, np.pi), rng.integers(0, size, 2)
        reach = int(length) + 1
        y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        along = x * np.cos(angle) + y * np.sin(angle)
        across = y * np.cos(angle) - x * np.sin(angle)
        inside = np.abs(across) < width * np.maximum(1 - (along / length) ** 2, 0)
        at = np.ix_((row + y[:, 0]) % size, (column + x[0]) % size)
        tone = layer * rng.uniform(0.75, 1.0) * (1 - 0.3 * np.abs(across) / width)
        shade[at] = np.where(inside, tone, shade[at])
        cover[at] = np.where(inside, 255, cover[at])
    return shade, cover


def leaves(rng: np.random.Generator, open_: bool = True) -> Material:
    """A material of many small leaves, with holes between them if `open_`."""
    shade, cover = _foliage(noise.pick(rng))
    hue = rng.uniform(0.18, 0.33) if rng.random() < 0.85 else rng.uniform(0.0, 0.14)
    light = surfaces.hsv(hue, rng.uniform(0.4, 0.8), rng.uniform(0.35, 0.75))
    albedo = (light * (0.15 + 0.85 * shade[..., None])).astype(np.float32)
    repeat = rng.uniform(0.8, 2.0)
    return Material(
        albedo, (repeat, repeat), opacity=cover if open_ else None, roughness=0.7, wrap=0.3
    )


def blade(length: float, width: float, bend: float, steps: int = 5) -> Solid:
    """A leaf that grows from the origin upwards and bends to +z."""
    share = np.linspace(1, 0, steps)
    angle = share * bend
    z = length * share * np.sin(angle / 2 + 0.05)
    y = length * share * np.cos(angle / 2)
    half = width / 2 * np.sin(np.pi * (0.08 + 0.92 * (1 - share) ** 0.8)) ** 0.7
    points = np.stack([np.stack([side * half, y, z], axis=-1) for side in (-1, 0, 1)], axis=1)
    points[:, 1, 2] -= 0.25 * half
    uv = np.stack(np.broadcast_arrays([[0.0, 0.5, 1.0]], share[:, None]), axis=-1)
    return grid(points, uv)


def potted(rng: np.random.Generator) -> list[Part]:
    """A plant in a pot, knee-high to above the head."""
    height, radius = rng.uniform(0.35, 1.9), rng.uniform(0.1, 0.22)
    pot_height = radius * rng.uniform(1.2, 2.2)
    pot = lathe(
        [0, radius * 0.9, radius, radius * 0.7, 0], [pot_height - 0.03] * 2 + [pot_height, 0, 0]
    )
    colour = surfaces.hsv(rng.uniform(0.2, 0.38), rng.uniform(0.3, 0.8), rng.uniform(0.25, 0.6))
    streaks = surfaces.blend(noise.fibres(noise.pick(rng)), colour * 0.7, colour * 1.2)
    green = Material(streaks, (1.0, 1.0), specular=0.08, roughness=0.4, wrap=0.3)
    return [
        Part(pot, surfaces.lacquer(rng), True),
        Part(tuft(rng, height, pot_height), green, True),
    ]


def tuft(rng: np.random.Generator, height: float, above: float) -> Solid:
    """Blades of many lengths from one foot, up to `height` and `above` the ground."""
    slim = rng.uniform(0.04, 0.3)
    bend = rng.uniform(0.4, 2.2)
    blades = []
    for yaw in np.linspace(0, 2 * np.pi, int(rng.integers(10, 26))) + rng.uniform(0, 6):
        length = (height - above) * rng.uniform(0.5, 1.0)
        leaf = blade(length, max(length * slim, 0.03), bend * rng.uniform(0.4, 1.3))
        blades.append(leaf.turned(yaw + rng.normal(0, 0.3), rng.normal(0, 0.15)).moved(y=above))
    return joined(blades)


def crown(rng: np.random.Generator, width: float, height: float) -> list[Part]:
    """Clouds of foliage that stand on the origin: dark cores within leaves."""
    inner, outer = leaves(rng, open_=False), leaves(rng)
    cores: list[Solid] = []
    shells: list[Solid] = []
    for size in (1.0, *rng.uniform(0.45, 0.75, int(rng.integers(1, 4)))):
        off = (1 - size) / 2
        x, y, z = rng.uniform(-off, off, 3) * (width, height, width)
        for share, to, sides in ((0.82, cores, 8), (1.0, shells, 12)):
            cloud = rough(ball(1.0, sides), rng, 0.12)
            cloud = Solid(cloud.vertices, cloud.triangles, cloud.uv * width * size / 2)
            cloud = cloud.scaled(*(share * size / 2 * np.array([width, height, width])))
            to.append(cloud.moved(x, height / 2 + y, z))
    core = joined(cores)
    dim = np.full((len(core.vertices), 3), 0.5)
    return [Part(core, inner, True, dim), Part(joined(shells), outer, True)]


def bush(rng: np.random.Generator) -> list[Part]:
    """A bush."""
    return crown(rng, rng.uniform(0.5, 2.0), rng.uniform(0.5, 1.8))


def hedge(rng: np.random.Generator) -> list[Part]:
    """A clipped hedge."""
    solid = box(rng.uniform(1.5, 5.0), rng.uniform(0.6, 2.2), rng.uniform(0.4, 0.9))
    return [Part(solid, leaves(rng, open_=False))]


def grass_tuft(rng: np.random.Generator) -> list[Part]:
    """Tall grass."""
    colour = surfaces.hsv(rng.uniform(0.12, 0.3), rng.uniform(0.4, 0.8), rng.uniform(0.3, 0.7))
    return [Part(tuft(rng, rng.uniform(0.2, 0.8), 0.0), surfaces.plain(colour), True)]


def tree(rng: np.random.Generator) -> list[Part]:
    """A tree with leaves or needles, on a trunk."""
    trunk_height, height = rng.uniform(0.8, 2.6), rng.uniform(3.0, 9.0)
    radius = rng.uniform(0.06, 0.25)
    bark = surfaces.bark(rng)
    trunk = pole((0, 0, 0), (rng.normal(0, 0.1), trunk_height + 0.8, rng.normal(0, 0.1)), radius)
    if rng.random() < 0.3:
        return [Part(trunk, bark, True), *_needles(rng, trunk_height, height)]
    spread = height * rng.uniform(0.4, 0.8)
    parts = [Part(trunk, bark, True)]
    for part in crown(rng, spread, height - trunk_height):
        parts.append(Part(part.solid.moved(y=trunk_height), part.material, True, part.tint))
    return parts


def _needles(rng: np.random.Generator, low: float, high: float) -> list[Part]:
    """A conifer's crown: stacked cones."""
    material = leaves(rng, open_=False)
    count, width = int(rng.integers(3, 6)), rng.uniform(0.8, 1.6)
    cones = []
    for share in np.arange(count) / count:
        foot = low * 0.7 + share * (high - low)
        cone = cylinder(width * (1 - 0.75 * share), (high - low) / count * 1.6, 10, top=0.02)
        cones.append(rough(cone, rng, 0.02).moved(y=foot))
    return [Part(joined(cones), material, True)]

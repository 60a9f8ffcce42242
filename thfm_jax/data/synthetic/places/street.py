"""What stands outdoors: buildings, cars, fences, lamps, benches, rocks."""

import numpy as np

from thfm_jax.data.synthetic.places import noise, surfaces
from thfm_jax.data.synthetic.places.solids import (
    Part,
    ball,
    bar,
    box,
    cushion,
    cylinder,
    lathe,
    pole,
    rough,
)
from thfm_jax.data.synthetic.places.surfaces import FURNITURE, draw
from thfm_jax.data.synthetic.scene import Material


def facade(rng: np.random.Generator) -> Material:
    """A wall with rows of windows, several storeys a tile."""
    size, rows, columns = noise.SIZE, int(rng.integers(2, 5)), int(rng.integers(2, 6))
    wall = surfaces.hsv(rng.uniform(0, 0.15), rng.uniform(0, 0.45), rng.uniform(0.4, 0.95))
    unit = (np.arange(size) + 0.5) / size
    x, y = unit[None] * columns % 1, unit[:, None] * rows % 1
    wide, tall = rng.uniform(0.3, 0.75), rng.uniform(0.4, 0.75)
    window = (np.abs(x - 0.5) < wide / 2) & (np.abs(y - 0.5) < tall / 2)
    frame = window & ~(
        (np.abs(np.abs(x - 0.5) - wide / 4) < wide / 4 - 0.03) & (np.abs(y - 0.5) < tall / 2 - 0.03)
    )
    lit = rng.uniform(0.02, 0.5, (rows, columns)) ** 2
    pane = lit[(unit * rows).astype(int)[:, None], (unit * columns).astype(int)[None]]
    stains = 0.85 + 0.3 * noise.cloud(noise.pick(rng), 1.0)[..., None]
    albedo = np.where(window[..., None], pane[..., None] * (0.7, 0.85, 1.0), wall * stains)
    albedo = np.where(frame[..., None], surfaces.hsv(0.1, 0.1, rng.choice((0.2, 0.95))), albedo)
    repeat = 1 / (rng.uniform(2.6, 3.4) * rows)
    height = np.where(window, np.float32(0), np.float32(0.05))
    return Material(
        np.clip(albedo, 0, 1).astype(np.float32),
        (repeat, repeat),
        height.astype(np.float32),
        specular=0.05,
    )


def building(rng: np.random.Generator) -> list[Part]:
    """A house or block of flats, with a flat or gabled roof."""
    width, height, depth = rng.uniform(6, 22), rng.uniform(3.5, 22), rng.uniform(6, 12)
    wall = facade(rng)
    parts = [Part(box(width, height, depth), wall)]
    if height < 9 and rng.random() < 0.6:
        tiles = surfaces.tiles(rng)
        for side in (-1, 1):
            roof = box(width + 0.8, 0.15, depth * 0.62).moved(y=-0.1)
            pitch = side * 0.6
            parts.append(
                Part(
                    roof.turned(pitch=pitch).moved(y=height + depth * 0.17, z=side * depth * 0.25),
                    tiles,
                )
            )
    else:
        parts.append(
            Part(box(width + 0.3, 0.4, depth + 0.3).moved(y=height), surfaces.concrete(rng))
        )
    return parts


def wall(rng: np.random.Generator) -> list[Part]:
    """A garden wall or hoarding."""
    kinds = {surfaces.bricks: 3.0, surfaces.concrete: 2.0, surfaces.planks: 2.0, facade: 0.5}
    size = rng.uniform(4, 12), rng.uniform(0.8, 3.0), 0.2
    return [Part(box(*size), draw(rng, kinds))]


def car(rng: np.random.Generator) -> list[Part]:
    """A car, van or lorry of rounded boxes; its length lies along x."""
    length, width = rng.uniform(3.6, 5.2), rng.uniform(1.65, 1.95)
    tall = rng.random() < 0.25
    paint = surfaces.plain(surfaces.any_colour(rng, 1.0), 0.5, 0.2)
    glass = surfaces.plain(surfaces.hsv(0.6, 0.2, 0.15), 0.6, 0.1)
    rubber = surfaces.plain(surfaces.hsv(0.6, 0.05, 0.12), 0.05, 0.7)
    lamp = surfaces.plain(surfaces.hsv(0.14, 0.1, 0.95), 0.5, 0.2)
    cabin = (length * rng.uniform(0.45, 0.6), rng.uniform(0.5, 0.65), width * 0.88)
    cabin = (length * 0.8, 1.0, width * 0.95) if tall else cabin
    shift = rng.uniform(-0.1, 0.1) * length
    roof = 0.85 + cabin[1]
    parts = [
        Part(cushion(length, 0.7, width, 0.3).moved(y=0.28), paint, True),
        Part(cushion(*cabin, 0.4).moved(shift, 0.82), glass, True),
        Part(
            cushion(cabin[0] * 0.82, 0.1, cabin[2] * 0.9, 0.4).moved(shift, roof - 0.1), paint, True
        ),
    ]
    for end in (-1, 1):
        for side in (-1, 1):
            wheel = cylinder(0.32, 0.2, 16).turned(pitch=side * np.pi / 2)
            parts.append(
                Part(wheel.moved(end * length * 0.31, 0.32, side * (width / 2 - 0.17)), rubber)
            )
            light = ball(0.09, 8).moved(end * (length / 2 - 0.08), 0.68, side * width * 0.36)
            parts.append(Part(light, lamp, True))
    return parts


def fence(rng: np.random.Generator, length: float | None = None) -> list[Part]:
    """A fence, railing or balustrade along x."""
    length = length or rng.uniform(2.0, 6.0)
    height, material = rng.uniform(0.7, 1.4), draw(rng, FURNITURE)
    thick = rng.uniform(0.02, 0.06)
    posts = max(2, round(length / rng.uniform(0.8, 2.0)))
    parts = [
        Part(bar((x, 0, 0), (x, height, 0), thick * 1.4), material)
        for x in np.linspace(-length / 2, length / 2, posts)
    ]
    if rng.random() < 0.5:
        for y in np.linspace(0.25, 1.0, int(rng.integers(2, 5))) * height:
            parts.append(Part(bar((-length / 2, y, 0), (length / 2, y, 0), thick), material))
        return parts
    for y in (0.15 * height, 0.9 * height):
        parts.append(Part(bar((-length / 2, y, 0), (length / 2, y, 0), thick), material))
    slat = box(rng.uniform(0.015, 0.09), height * rng.uniform(0.9, 1.05), 0.02)
    for x in np.arange(-length / 2, length / 2, rng.uniform(0.1, 0.22)):
        parts.append(Part(slat.moved(x), material))
    return parts


def lamp_post(rng: np.random.Generator) -> list[Part]:
    """A street lamp, mast, sign or column."""
    material, height = draw(rng, {surfaces.metal: 3.0, surfaces.concrete: 1.0}), rng.uniform(2.2, 6)
    radius = rng.uniform(0.03, 0.15)
    parts = [Part(pole((0, 0, 0), (0, height, 0), radius), material, True)]
    style = rng.integers(3)
    if style == 0:
        parts.append(Part(ball(0.2, 10).moved(y=height), surfaces.plain(np.ones(3)), True))
    elif style == 1:
        sign = surfaces.plain(surfaces.any_colour(rng, 1.2), 0.1, 0.4)
        parts.append(
            Part(
                box(rng.uniform(0.3, 0.9), rng.uniform(0.3, 0.7), 0.02).moved(y=height - 0.7), sign
            )
        )
    else:
        parts.append(
            Part(pole((0, height, 0), (1.2, height + 0.2, 0), radius * 0.6), material, True)
        )
    return parts


def bench(rng: np.random.Generator) -> list[Part]:
    """A park bench."""
    width, material, iron = rng.uniform(1.2, 1.9), surfaces.wood(rng), surfaces.metal(rng)
    parts = [
        Part(box(width, 0.03, 0.09).moved(y=0.43, z=z), material)
        for z in (-0.16, -0.05, 0.06, 0.17)
    ]
    parts += [
        Part(box(width, 0.09, 0.03).moved(y=y, z=-0.25), material) for y in (0.55, 0.68, 0.81)
    ]
    for side in (-1, 1):
        x = side * width * 0.42
        parts.append(Part(box(0.05, 0.43, 0.4).moved(x), iron))
        parts.append(Part(box(0.05, 0.5, 0.04).moved(x, 0.4, -0.27), iron))
    return parts


def rock(rng: np.random.Generator) -> list[Part]:
    """A boulder."""
    width, height, depth = rng.uniform(0.2, 1.4, 3)
    stone = rough(ball(0.5, 10), rng, 0.1).scaled(width, height, depth).moved(y=height * 0.3)
    return [Part(stone, surfaces.concrete(rng), True)]


def bollard(rng: np.random.Generator) -> list[Part]:
    """A bollard, traffic cone, hydrant or bin."""
    if rng.random() < 0.35:
        cone = surfaces.plain(surfaces.hsv(rng.uniform(0.02, 0.08), 0.9, 0.95))
        body = lathe([0.02, 0.15, 0.15], [rng.uniform(0.4, 0.8), 0.03, 0.03], 12)
        return [Part(body, cone, True), Part(box(0.36, 0.03, 0.36), cone)]
    height, radius = rng.uniform(0.5, 1.1), rng.uniform(0.06, 0.28)
    return [
        Part(cylinder(radius, height, 14), draw(rng, {**FURNITURE, surfaces.concrete: 2.0}), True)
    ]

"""Furniture: what people sit and lie on, tables, shelves, lamps and what stands about in rooms.

Every function draws one thing as parts: it stands on the origin, its front faces +z, its back -z.
"""

import itertools
from collections.abc import Callable

import numpy as np

from thfm_jax.data.synthetic.places import surfaces
from thfm_jax.data.synthetic.places.solids import (
    Part,
    ball,
    bar,
    box,
    cushion,
    cylinder,
    lathe,
    panel,
)
from thfm_jax.data.synthetic.places.surfaces import FURNITURE, UPHOLSTERY, draw
from thfm_jax.data.synthetic.scene import Material

Thing = Callable[[np.random.Generator], list[Part]]


def legs(
    rng: np.random.Generator, width: float, depth: float, height: float, inset: float = 0.03
) -> list[Part]:
    """Four legs under a plate, straight or splayed, square or round."""
    material = draw(rng, FURNITURE)
    thick = rng.uniform(0.02, 0.05)
    splay = rng.uniform(0, 0.08) if rng.random() < 0.4 else 0.0
    x, z = width / 2 - inset - thick / 2, depth / 2 - inset - thick / 2
    parts = []
    for side in (-1, 1):
        for end in (-1, 1):
            foot = (side * (x + splay), 0.0, end * (z + splay))
            parts.append(Part(bar(foot, (side * x, height, end * z), thick), material))
    return parts


def chair(
    rng: np.random.Generator,
    width: float = 0.45,
    depth: float = 0.45,
    height: float = 0.46,
    back: bool = True,
) -> list[Part]:
    """A chair whose seat's top is at `height`, with or without a back."""
    material = draw(rng, FURNITURE)
    thick = rng.uniform(0.02, 0.05)
    padded = rng.random() < 0.5
    seat = draw(rng, UPHOLSTERY) if padded else material
    plate = cushion(width, 0.07, depth) if padded else box(width, thick, depth)
    thick = 0.07 if padded else thick
    parts = [Part(plate.moved(y=height - thick), seat, padded)]
    if rng.random() < 0.2 and not back:
        parts += [Part(cylinder(0.03, height - thick), material, True)]
        parts += [Part(cylinder(width * 0.4, 0.03, 16), material, True)]
    else:
        parts += legs(rng, width, depth, height - thick)
    return parts + (_chair_back(rng, width, depth, height, material, seat) if back else [])


def _chair_back(
    rng: np.random.Generator,
    width: float,
    depth: float,
    height: float,
    material: Material,
    seat: Material,
) -> list[Part]:
    """A plate, slats or bars behind the seat."""
    top = height + rng.uniform(0.3, 0.55)
    lean, z = rng.uniform(0.0, 0.1), -depth / 2 + 0.015
    thick = rng.uniform(0.02, 0.04)
    x = width / 2 - thick / 2
    parts = [
        Part(bar((side * x, height - 0.05, z), (side * x, top, z - lean), thick), material)
        for side in (-1, 1)
    ]
    style = rng.integers(3)
    if style == 0:
        plate = box(width - thick, (top - height) * 0.7, 0.03).turned(pitch=-lean)
        parts.append(Part(plate.moved(y=top - (top - height) * 0.75, z=z - lean * 0.6), seat))
    elif style == 1:
        for share in np.linspace(0.3, 0.95, int(rng.integers(2, 5))):
            y, back = height + share * (top - height), z - share * lean
            parts.append(Part(bar((-x, y, back), (x, y, back), thick), material))
    else:
        parts.append(Part(bar((-x, top, z - lean), (x, top, z - lean), thick * 1.3), material))
        for place in np.linspace(-0.7, 0.7, int(rng.integers(3, 7))) * x:
            parts.append(Part(bar((place, height, z), (place, top, z - lean), 0.012), material))
    return parts


def stool(rng: np.random.Generator, radius: float = 0.18, height: float = 0.46) -> list[Part]:
    """A round stool, pouffe or tree stump."""
    style = rng.integers(3)
    if style == 0:
        return [Part(cylinder(radius, height, 16), draw(rng, UPHOLSTERY), True)]
    top = Part(cylinder(radius, 0.04, 16).moved(y=height - 0.04), draw(rng, FURNITURE), True)
    if style == 1:
        return [top, *legs(rng, radius * 1.3, radius * 1.3, height - 0.04, 0.0)]
    foot = draw(rng, FURNITURE)
    return [
        top,
        Part(cylinder(0.03, height - 0.04, 8), foot, True),
        Part(cylinder(radius * 0.9, 0.02, 16, top=0.05), foot, True),
    ]


def sofa(
    rng: np.random.Generator,
    width: float = 1.8,
    depth: float = 0.85,
    height: float = 0.42,
    back: bool = True,
    arms: bool = True,
) -> list[Part]:
    """A sofa or armchair; its seat's top, level with `height`, is `width` by `depth`."""
    material, accent = draw(rng, UPHOLSTERY), draw(rng, UPHOLSTERY)
    thick = rng.uniform(0.12, 0.2)
    count = max(1, round(width / 0.7))
    parts = [Part(cushion(width, height - 0.1, depth, 0.15).moved(y=0.0), material, True)]
    for index in range(count):
        x = (index + 0.5) / count * width - width / 2
        seat = cushion(width / count, 0.16, depth, 0.2).moved(x, height - 0.16)
        parts.append(Part(seat, material, True))
    if back:
        tall = rng.uniform(0.35, 0.5)
        rest = cushion(width + 2 * thick * arms, height + tall, thick, 0.25)
        parts.append(Part(rest.moved(z=-depth / 2 - thick / 2), material, True))
    if arms:
        for side in (-1, 1):
            arm = cushion(thick, height + rng.uniform(0.12, 0.22), depth, 0.25)
            parts.append(Part(arm.moved(side * (width + thick) / 2), material, True))
    if back and width > 1.0 and rng.random() < 0.6:
        pillow = cushion(0.42, 0.42, 0.14, 0.6).turned(rng.uniform(-0.4, 0.4), -0.3)
        x = rng.choice((-1, 1)) * (width / 2 - 0.2)
        parts.append(Part(pillow.moved(x, height, -depth / 2 + 0.12), accent, True))
    return parts


def bed(
    rng: np.random.Generator, width: float = 1.4, length: float = 2.05, height: float = 0.5
) -> list[Part]:
    """A bed; its mattress's top is at `height`, its head at -z."""
    frame, sheet, cover = draw(rng, FURNITURE), draw(rng, UPHOLSTERY), draw(rng, UPHOLSTERY)
    low = min(0.25, height * 0.5)
    head = height + rng.uniform(0.2, 0.6)
    parts = [
        Part(box(width + 0.06, low, length + 0.06), frame),
        Part(cushion(width, height - low, length, 0.12).moved(y=low), sheet, True),
        Part(box(width + 0.06, head, 0.06).moved(z=-length / 2 - 0.06), frame),
    ]
    for side in (-1, 1):
        pillow = cushion(min(0.65, width * 0.45), 0.12, 0.4, 0.4)
        parts.append(
            Part(pillow.moved(side * width * 0.25, height, 0.25 - length / 2), cover, True)
        )
    return parts


def mat(rng: np.random.Generator, width: float, length: float, height: float) -> list[Part]:
    """A mattress, bench or block whose top is at `height`."""
    if height < 0.12:
        return [Part(box(width, max(height, 0.005), length), draw(rng, UPHOLSTERY))]
    if rng.random() < 0.5:
        return [Part(cushion(width, height, length, 0.12), draw(rng, UPHOLSTERY), True)]
    plate = Part(box(width, 0.05, length).moved(y=height - 0.05), draw(rng, FURNITURE))
    return [plate, *legs(rng, width, length, height - 0.05)]


def block(rng: np.random.Generator, width: float, depth: float, height: float) -> list[Part]:
    """A crate, step or low wall."""
    kinds = {
        surfaces.wood: 2.0,
        surfaces.concrete: 2.0,
        surfaces.bricks: 1.0,
        surfaces.lacquer: 1.0,
    }
    return [Part(box(width, height, depth), draw(rng, kinds))]


def table(rng: np.random.Generator) -> list[Part]:
    """A dining, coffee or writing table, mostly with things on it."""
    width, depth = rng.uniform(0.6, 1.8), rng.uniform(0.5, 0.95)
    height = rng.uniform(0.7, 0.78) if rng.random() < 0.75 else rng.uniform(0.35, 0.5)
    material = draw(rng, FURNITURE)
    if rng.random() < 0.25:
        radius = depth * 0.6
        plate = Part(cylinder(radius, 0.03, 24).moved(y=height - 0.03), material, False)
        parts = [plate, Part(cylinder(0.04, height - 0.03), material, True)]
        parts.append(Part(cylinder(radius * 0.5, 0.03, 16, top=0.05), material, True))
        width = depth = radius
    else:
        plate = Part(box(width, 0.035, depth).moved(y=height - 0.035), material)
        parts = [plate, *legs(rng, width, depth, height - 0.035)]
    return parts + on_top(rng, width * 0.8, depth * 0.7, height, int(rng.integers(0, 6)))


def on_top(
    rng: np.random.Generator, width: float, depth: float, height: float, count: int
) -> list[Part]:
    """Small things on a surface of that size at that height."""
    parts = []
    for index in range(count):
        x = ((index + rng.uniform(0.2, 0.8)) / count - 0.5) * width
        z = rng.uniform(-0.5, 0.5) * depth
        small = SMALL[rng.integers(len(SMALL))](rng)
        yaw = rng.uniform(-np.pi, np.pi)
        parts += [
            Part(p.solid.turned(yaw).moved(x, height, z), p.material, p.smooth, p.tint)
            for p in small
        ]
    return parts


def vase(rng: np.random.Generator) -> list[Part]:
    """A vase, bottle, mug or bowl: any turned vessel."""
    height, radius = rng.uniform(0.08, 0.35), rng.uniform(0.03, 0.1)
    heights = np.linspace(height, 0, 6)
    radii = [*(radius * rng.uniform(0.35, 1.0, 5)), radius * rng.uniform(0.4, 0.9)]
    material = draw(rng, {surfaces.lacquer: 3.0, surfaces.metal: 1.0})
    return [Part(lathe([*radii, 0.0], [*heights, 0.0], 10), material, True)]


def books(rng: np.random.Generator) -> list[Part]:
    """A pile of books or boxes."""
    parts, y = [], 0.0
    for _ in range(int(rng.integers(1, 5))):
        thick = rng.uniform(0.015, 0.06)
        book = box(rng.uniform(0.15, 0.3), thick, rng.uniform(0.12, 0.2))
        parts.append(Part(book.turned(rng.normal(0, 0.15)).moved(y=y), surfaces.lacquer(rng)))
        y += thick
    return parts


def screen(rng: np.random.Generator) -> list[Part]:
    """A computer's screen or a picture frame on its foot."""
    width = rng.uniform(0.2, 0.65)
    dark = surfaces.plain(surfaces.hsv(0.6, 0.2, 0.04), 0.3, 0.15)
    plate = box(width, width * 0.6, 0.03).turned(pitch=-0.1).moved(y=0.08)
    return [Part(plate, dark), Part(box(width * 0.3, 0.09, 0.12), dark)]


def table_lamp(rng: np.random.Generator) -> list[Part]:
    """A foot, a stem and a shade."""
    height, radius = rng.uniform(0.3, 0.55), rng.uniform(0.1, 0.18)
    shade = surfaces.plain(surfaces.hsv(0.1, rng.uniform(0, 0.5), 1.0))
    metal = surfaces.metal(rng)
    top = lathe([radius * 0.6, radius], [height, height - 0.2], 14)
    return [
        Part(top, shade, True),
        Part(cylinder(0.012, height - 0.1), metal, True),
        Part(cylinder(radius * 0.6, 0.02, 12), metal, True),
    ]


def ball_toy(rng: np.random.Generator) -> list[Part]:
    """A ball or fruit."""
    radius = rng.uniform(0.03, 0.12)
    return [Part(ball(radius, 12).moved(y=radius), surfaces.lacquer(rng), True)]


SMALL: tuple[Thing, ...] = (vase, vase, books, books, screen, table_lamp, ball_toy)


def shelf(rng: np.random.Generator) -> list[Part]:
    """A bookcase or shop's rack, filled with books and things."""
    width, height, depth = rng.uniform(0.5, 1.8), rng.uniform(0.7, 2.3), rng.uniform(0.22, 0.45)
    material = draw(rng, FURNITURE)
    boards = max(2, round(height / rng.uniform(0.28, 0.45)))
    levels = np.linspace(0.02, height - 0.02, boards)
    parts = [Part(box(0.025, height, depth).moved(side * width / 2), material) for side in (-1, 1)]
    if rng.random() < 0.7:
        parts.append(Part(panel(width, height).moved(z=-depth / 2), material))
    parts += [Part(box(width, 0.025, depth).moved(y=y - 0.0125), material) for y in levels]
    colours = [surfaces.lacquer(rng) for _ in range(5)]
    for level, above in itertools.pairwise(levels):
        if rng.random() < 0.7:
            parts += _book_row(rng, width, depth, level + 0.0125, above - level, colours)
        else:
            parts += on_top(rng, width * 0.8, depth * 0.4, level + 0.0125, int(rng.integers(1, 4)))
    return parts


def _book_row(
    rng: np.random.Generator,
    width: float,
    depth: float,
    level: float,
    gap: float,
    colours: list[Material],
) -> list[Part]:
    """Upright books from one end of a board to somewhere along it."""
    parts, x, end = [], -width / 2 + 0.03, width * rng.uniform(-0.1, 0.48)
    while x < end:
        thick = rng.uniform(0.03, 0.09)
        book = box(thick * 0.92, gap * rng.uniform(0.55, 0.88), depth * rng.uniform(0.5, 0.8))
        parts.append(Part(book.moved(x + thick / 2, level, 0.0), colours[rng.integers(5)]))
        x += thick
    return parts


def cabinet(rng: np.random.Generator) -> list[Part]:
    """A chest of drawers, wardrobe or refrigerator, with things on it if it is low."""
    width, height, depth = rng.uniform(0.5, 1.6), rng.uniform(0.5, 2.1), rng.uniform(0.35, 0.6)
    body, front, knob = draw(rng, FURNITURE), draw(rng, FURNITURE), surfaces.metal(rng)
    columns = max(1, round(width / rng.uniform(0.4, 0.8)))
    rows = max(1, round(height / rng.uniform(0.25, 1.2)))
    parts = [Part(box(width, height, depth), body)]
    for column in range(columns):
        for row in range(rows):
            x, y = (column + 0.5) * width / columns - width / 2, row * height / rows
            door = box(width / columns - 0.015, height / rows - 0.015, 0.015)
            parts.append(Part(door.moved(x, y + 0.0075, depth / 2 + 0.008), front))
            handle = box(0.1, 0.015, 0.02).moved(x, y + height / rows * 0.6, depth / 2 + 0.025)
            parts.append(Part(handle, knob))
    if height < 1.3:
        parts += on_top(rng, width * 0.8, depth * 0.5, height, int(rng.integers(0, 5)))
    return parts


def floor_lamp(rng: np.random.Generator) -> list[Part]:
    """A standing lamp."""
    height, radius = rng.uniform(1.3, 1.8), rng.uniform(0.14, 0.24)
    metal = surfaces.metal(rng)
    shade = surfaces.plain(surfaces.hsv(0.1, rng.uniform(0, 0.4), 1.0))
    return [
        Part(lathe([radius * 0.7, radius], [height, height - 0.28], 14), shade, True),
        Part(cylinder(0.012, height - 0.1, 6), metal, True),
        Part(cylinder(0.14, 0.03, 14), metal, True),
    ]


def crates(rng: np.random.Generator) -> list[Part]:
    """A stack of cardboard boxes, crates or suitcases."""
    parts, y = [], 0.0
    paper = surfaces.plain(surfaces.hsv(0.09, rng.uniform(0.2, 0.5), rng.uniform(0.4, 0.75)))
    for _ in range(int(rng.integers(1, 5))):
        width, height, depth = rng.uniform(0.25, 0.6, 3) * (1, 0.8, 1)
        solid = box(width, height, depth).turned(rng.normal(0, 0.2))
        material = paper if rng.random() < 0.6 else draw(rng, FURNITURE)
        parts.append(Part(solid.moved(rng.normal(0, 0.03), y, rng.normal(0, 0.03)), material))
        y += height
    return parts


def armchair(rng: np.random.Generator) -> list[Part]:
    """A sofa for one."""
    return sofa(rng, rng.uniform(0.5, 0.65), rng.uniform(0.5, 0.65), rng.uniform(0.38, 0.46))


def barrel(rng: np.random.Generator) -> list[Part]:
    """A bin, bucket, barrel or pouffe."""
    height, radius = rng.uniform(0.3, 0.9), rng.uniform(0.15, 0.35)
    bulge = radius * rng.uniform(0.95, 1.15)
    solid = lathe([0, radius, bulge, radius, 0], [height, height, height / 2, 0, 0], 16)
    return [Part(solid, draw(rng, FURNITURE), True)]


def ladder(rng: np.random.Generator) -> list[Part]:
    """A pair of steps or a clothes rail's frame."""
    material, height, width = draw(rng, FURNITURE), rng.uniform(0.9, 1.9), rng.uniform(0.35, 0.6)
    parts = []
    for side in (-1, 1):
        for end in (-1, 1):
            foot, head = (side * width / 2, 0.0, end * height * 0.22), (side * width / 2, height, 0)
            parts.append(Part(bar(foot, head, 0.035), material))
    for share in np.linspace(0.15, 0.95, int(rng.integers(3, 7))):
        y, z = share * height, (1 - share) * height * 0.22
        parts.append(Part(bar((-width / 2, y, z), (width / 2, y, z), 0.04), material))
    return parts


# What stands along walls, and what stands about.
ALONG_WALLS: tuple[Thing, ...] = (shelf, shelf, cabinet, cabinet, sofa, table, crates, bed)
ABOUT: tuple[Thing, ...] = (
    *(chair, stool, armchair, table, floor_lamp, crates, barrel, ladder, shelf, cabinet),
)

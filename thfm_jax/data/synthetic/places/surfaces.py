"""Materials of the surroundings: walls, floors, grounds, wood, cloth, metal, leaves.

Every function draws one material. Its texture covers `1 / repeat` metres of the mesh's uv.
"""

import colorsys
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from thfm_jax.data.synthetic.looks import colours
from thfm_jax.data.synthetic.places import noise
from thfm_jax.data.synthetic.scene import Material

Colour = Float[np.ndarray, "3"]
_UNIT = (np.arange(noise.SIZE, dtype=np.float32) + 0.5) / noise.SIZE


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """Linear RGB of a colour by sRGB hue, saturation and value, each in [0, 1]."""
    saturation, value = np.clip((saturation, value), 0, 1)
    return colours.linear(255 * np.array(colorsys.hsv_to_rgb(hue % 1, saturation, value)))


def any_colour(rng: np.random.Generator, saturation: float = 0.6) -> Colour:
    """A colour of things: mostly muted, of any brightness."""
    return hsv(rng.random(), saturation * rng.random() ** 1.5, rng.uniform(0.15, 0.95))


def plain(colour: Colour, specular: float = 0.04, roughness: float = 0.6) -> Material:
    """One colour all over."""
    albedo = np.clip(colour, 0, 1).astype(np.float32).reshape(1, 1, 3)
    return Material(albedo, specular=specular, roughness=roughness)


def blend(field: np.ndarray, low: Colour, high: Colour) -> Float[np.ndarray, "R R 3"]:
    """Albedo that goes from one colour, where the field is 0, to another, where it is 1."""
    low, high = np.clip(low, 0, 1), np.clip(high, 0, 1)
    albedo = np.empty((*field.shape, 3), np.float32)
    for channel in range(3):
        np.multiply(field, high[channel] - low[channel], out=albedo[..., channel])
        albedo[..., channel] += low[channel]
    return albedo


def _around(colour: Colour, contrast: float) -> tuple[Colour, Colour]:
    return colour * (1 - contrast), np.minimum(colour * (1 + contrast), 1).astype(np.float32)


def plaster(rng: np.random.Generator) -> Material:
    """A painted wall: nearly plain, light, with stains and a little relief."""
    # Most walls are white, beige or grey.
    hue, saturation = rng.normal(0.1, 0.04), 0.14 * rng.random()
    if rng.random() < 0.3:
        hue, saturation = rng.random(), rng.uniform(0.1, 0.5)
    colour = hsv(hue, saturation, rng.uniform(0.55, 0.97))
    stains = noise.cloud(noise.pick(rng), 1.3)
    relief = noise.cloud(noise.pick(rng), 0.2, 8.0)
    albedo = blend(stains, *_around(colour, rng.uniform(0.01, 0.1)))
    height = relief * np.float32(rng.uniform(0, 0.002))
    return Material(albedo, (0.4, 0.4), height, specular=0.03, roughness=0.8)


def wallpaper(rng: np.random.Generator) -> Material:
    """Stripes, checks, dots or trellis in two or three tones."""
    ground = hsv(rng.random(), 0.45 * rng.random() ** 1.5, rng.uniform(0.5, 0.95))
    figure = hsv(rng.random(), rng.uniform(0, 0.6), rng.uniform(0.3, 0.95))
    figure = ground + (figure - ground) * np.float32(rng.uniform(0.15, 0.9))
    count = int(rng.integers(2, 8))
    x, y = _UNIT[None] * count % 1, _UNIT[:, None] * count % 1
    share = rng.uniform(0.15, 0.5)
    patterns: tuple[Callable[[], np.ndarray], ...] = (
        lambda: (x < share) + 0 * y,
        lambda: ((x < share) + (y < share)) / 2,
        lambda: np.hypot(x - 0.5, y - 0.5) < share * 0.8,
        lambda: np.minimum(np.abs(x - y), np.abs(x + y - 1)) < share * 0.2,
        lambda: np.abs(np.sin(2 * np.pi * x) * 0.25 + 0.5 - y) < share * 0.3,
    )
    worn = 0.85 + 0.15 * noise.cloud(noise.pick(rng))
    drawn = patterns[rng.integers(len(patterns))]().astype(np.float32) * worn
    repeat = rng.uniform(0.6, 2.0)
    return Material(blend(drawn, ground, figure), (repeat, repeat), roughness=0.8)


def _cells(
    rng: np.random.Generator, columns: int, rows: int, joint: float, shift: float
) -> tuple[np.ndarray, np.ndarray]:
    """(tone of each cell in [0, 1] [R, R], 1 in cells falling to 0 in their joints [R, R]).

    Rows are shifted against each other by `shift` of a cell; `joint` is the joint's width as a
    share of a row's height.
    """
    down = _UNIT * rows
    across = _UNIT[None] * columns + np.floor(down)[:, None] * shift
    row, column = np.floor(down).astype(int), np.floor(across).astype(int) % columns
    tones = rng.random((rows, columns)).astype(np.float32)
    inside_y = np.minimum(down % 1, 1 - down % 1)[:, None]
    inside_x = np.minimum(across % 1, 1 - across % 1) * rows / columns
    edge = np.minimum(inside_x, inside_y) / joint
    return tones[row[:, None], column], np.clip(edge * 2 - 0.5, 0, 1).astype(np.float32)


def _laid(
    rng: np.random.Generator,
    grain: np.ndarray,
    cells: tuple[np.ndarray, np.ndarray],
    colour: Colour,
    grout: Colour,
    variety: float,
    depth_m: float,
    **look,
) -> Material:
    """Cells of a colour with tones of their own, with joints between them."""
    tone, cell = cells
    shade = np.float32(1 - variety) + np.float32(2 * variety) * tone
    shade *= np.float32(0.85) + np.float32(0.3) * grain
    albedo = np.empty((*shade.shape, 3), np.float32)
    for channel in range(3):
        laid = grout[channel] + cell * (colour[channel] * shade - grout[channel])
        np.clip(laid, 0, 1, out=albedo[..., channel])
    height = cell * np.float32(depth_m) + grain * np.float32(depth_m * rng.uniform(0.1, 0.4))
    return Material(albedo, height=height, **look)


def bricks(rng: np.random.Generator) -> Material:
    """A brick wall, bare or painted."""
    hue, saturation = rng.normal(0.04, 0.02) % 1, rng.uniform(0.3, 0.65)
    if rng.random() < 0.3:
        saturation *= 0.15
    colour = hsv(hue, saturation, rng.uniform(0.4, 0.85))
    grout = hsv(0.1, 0.1, rng.uniform(0.4, 0.8))
    repeat = rng.uniform(0.7, 1.1)
    grain = noise.cloud(noise.pick(rng), 0.6, 4.0)
    cells = _cells(rng, 4, 12, 0.12, 0.5)
    look = {"repeat": (repeat, repeat), "roughness": 0.9, "specular": 0.02}
    return _laid(rng, grain, cells, colour, grout, 0.25, 0.008, **look)


def tiles(rng: np.random.Generator) -> Material:
    """Square or oblong tiles on floors, walls and pavements, mat or glazed."""
    colour = hsv(rng.normal(0.1, 0.1), 0.45 * rng.random() ** 3, rng.uniform(0.3, 0.95))
    grout = hsv(0.1, 0.05, rng.uniform(0.25, 0.8))
    columns, rows = ((4, 4), (2, 2), (4, 8), (3, 6), (8, 8))[rng.integers(5)]
    shift = 0.5 * (rng.random() < 0.3) if rows != columns and rows % 2 == 0 else 0.0
    tone, cell = _cells(rng, columns, rows, rng.uniform(0.04, 0.1), shift)
    if rng.random() < 0.25 and rows % 2 == 0 and columns % 2 == 0:
        row, column = np.floor(_UNIT * rows), np.floor(_UNIT * columns)
        tone = ((row[:, None] + column) % 2).astype(np.float32)
    repeat = rng.uniform(0.4, 1.0)
    gloss = rng.random() < 0.5
    look = {
        "repeat": (repeat, repeat),
        "specular": 0.25 if gloss else 0.03,
        "roughness": rng.uniform(0.15, 0.4) if gloss else 0.8,
    }
    grain = noise.cloud(noise.pick(rng), 1.2)
    return _laid(rng, grain, (tone, cell), colour, grout, rng.uniform(0.02, 0.4), 0.003, **look)


def planks(rng: np.random.Generator) -> Material:
    """A wooden floor or cladding; boards run along u."""
    colour = _wood_colour(rng)
    grain = noise.fibres(noise.pick(rng))
    cells = _cells(rng, 2, int(rng.integers(4, 11)), 0.03, rng.choice((0.5, 0.0)))
    repeat = rng.uniform(0.5, 0.9)
    gloss = rng.random() < 0.4
    look = {
        "repeat": (repeat, repeat),
        "specular": 0.15 if gloss else 0.04,
        "roughness": rng.uniform(0.3, 0.5) if gloss else 0.7,
    }
    return _laid(rng, grain, cells, colour, colour * 0.25, rng.uniform(0.05, 0.25), 0.002, **look)


def _wood_colour(rng: np.random.Generator) -> Colour:
    return hsv(rng.normal(0.08, 0.012) % 1, rng.uniform(0.2, 0.7), rng.uniform(0.2, 0.85))


def wood(rng: np.random.Generator) -> Material:
    """Furniture wood, plain or varnished; its grain runs along u."""
    colour = _wood_colour(rng)
    grain = noise.fibres(noise.pick(rng), 20.0)
    albedo = blend(grain, *_around(colour, rng.uniform(0.1, 0.35)))
    gloss = rng.uniform(0.03, 0.2)
    return Material(albedo, (1.0, 1.0), specular=gloss, roughness=rng.uniform(0.3, 0.7))


def bark(rng: np.random.Generator) -> Material:
    """A tree's trunk; its furrows run along v."""
    colour = hsv(0.08, rng.uniform(0.1, 0.5), rng.uniform(0.2, 0.55))
    furrows = noise.fibres(noise.pick(rng), 6.0).T
    albedo = blend(furrows, *_around(colour, 0.5))
    return Material(albedo, (1.0, 0.5), furrows * np.float32(0.02), specular=0.01, roughness=0.95)


def lacquer(rng: np.random.Generator) -> Material:
    """Painted wood or plastic."""
    return plain(any_colour(rng), rng.uniform(0.04, 0.3), rng.uniform(0.2, 0.6))


def metal(rng: np.random.Generator) -> Material:
    """Steel, brass or painted tubes, brushed."""
    hue, saturation = rng.choice((0.6, 0.12)), rng.choice((0.05, 0.35))
    colour = hsv(hue, saturation, rng.uniform(0.15, 0.7))
    albedo = blend(noise.fibres(noise.pick(rng), 30.0), *_around(colour, 0.15))
    return Material(albedo, (2.0, 2.0), specular=0.7, roughness=rng.uniform(0.2, 0.5))


def fabric(rng: np.random.Generator) -> Material:
    """Upholstery and curtains: plain weave, stripes or checks."""
    colour, other = any_colour(rng, 0.8), any_colour(rng, 0.8)
    weave = noise.cloud(noise.pick(rng), -0.3, 16.0)
    count = int(rng.integers(1, 7))
    x, y = np.sin(2 * np.pi * count * _UNIT[None]), np.sin(2 * np.pi * count * _UNIT[:, None])
    style = rng.random()
    drawn = np.zeros_like(weave) if style < 0.6 else (x > 0.3) * (1.0 if style < 0.8 else 0.5)
    drawn = drawn + (0.5 * (y > 0.3) if style >= 0.8 else 0.0)
    albedo = blend(np.broadcast_to(drawn, weave.shape), colour, other)
    albedo = albedo * (0.8 + 0.2 * weave[..., None])
    height = weave * np.float32(0.0008)
    sheen = rng.uniform(0, 0.4)
    return Material(albedo, (3.0, 3.0), height, specular=0.02, roughness=0.9, wrap=0.3, sheen=sheen)


def leather(rng: np.random.Generator) -> Material:
    """Dark or coloured, grained and a little glossy."""
    colour = hsv(rng.normal(0.06, 0.03) % 1, rng.uniform(0, 0.8), rng.uniform(0.08, 0.6))
    grain = noise.cloud(noise.pick(rng), 0.0, 12.0)
    albedo = blend(grain, *_around(colour, 0.15))
    return Material(albedo, (3.0, 3.0), grain * np.float32(0.001), specular=0.15, roughness=0.45)


def carpet(rng: np.random.Generator) -> Material:
    """A floor of wool: grained, plain or mottled."""
    pile = noise.cloud(noise.pick(rng), -0.2, 24.0)
    mottle = noise.cloud(noise.pick(rng), 1.5)
    colour = any_colour(rng, 0.7)
    field = pile * 0.6 + mottle * 0.4
    albedo = blend(field, *_around(colour, rng.uniform(0.1, 0.4)))
    return Material(
        albedo, (0.8, 0.8), pile * np.float32(0.004), specular=0.0, roughness=1.0, wrap=0.2
    )


def rug(rng: np.random.Generator) -> Material:
    """One whole rug with its border: its uv must run from 0 to 1."""
    x, y = np.abs(_UNIT[None] * 2 - 1), np.abs(_UNIT[:, None] * 2 - 1)
    rings = np.maximum(x, y)
    inks = [any_colour(rng, 0.9) for _ in range(4)]
    bands = np.floor(rings * rng.integers(2, 7)).astype(int) % 3
    count = int(rng.integers(2, 8))
    figure = np.sin(np.pi * count * x) * np.sin(np.pi * count * y) > rng.uniform(-0.3, 0.6)
    chosen = np.where((rings < rng.uniform(0.6, 0.9)) & figure, 3, bands)
    albedo = np.stack(inks)[chosen] * (0.75 + 0.25 * noise.cloud(0, -0.2, 24.0)[..., None])
    return Material(albedo.astype(np.float32), roughness=1.0, specular=0.0, wrap=0.2)


def concrete(rng: np.random.Generator) -> Material:
    """Grey, stained and pitted."""
    colour = hsv(0.1, rng.uniform(0, 0.12), rng.uniform(0.35, 0.75))
    field = 0.6 * noise.cloud(noise.pick(rng), 1.2) + 0.4 * noise.cloud(noise.pick(rng), 0.1, 8.0)
    albedo = blend(field, *_around(colour, rng.uniform(0.15, 0.4)))
    return Material(albedo, (0.4, 0.4), field * np.float32(0.004), specular=0.03, roughness=0.85)


def asphalt(rng: np.random.Generator) -> Material:
    """A road."""
    colour = hsv(0.6, 0.05, rng.uniform(0.2, 0.45))
    grain = noise.cloud(noise.pick(rng), -0.4, 16.0)
    field = 0.6 * grain + 0.4 * noise.cloud(noise.pick(rng), 1.3)
    albedo = blend(field, *_around(colour, 0.45))
    return Material(albedo, (0.5, 0.5), grain * np.float32(0.006), specular=0.03, roughness=0.9)


def grass(rng: np.random.Generator) -> Material:
    """A meadow or lawn, green to dry."""
    dark = hsv(rng.uniform(0.2, 0.33), rng.uniform(0.5, 0.8), rng.uniform(0.15, 0.35))
    light = hsv(rng.uniform(0.14, 0.28), rng.uniform(0.4, 0.7), rng.uniform(0.4, 0.7))
    blades = noise.cloud(noise.pick(rng), -0.1, 12.0)
    patches = noise.cloud(noise.pick(rng), 1.2)
    albedo = blend(blades * 0.6 + patches * 0.4, dark, light)
    return Material(albedo, (0.5, 0.5), blades * np.float32(0.02), specular=0.01, roughness=0.9)


def earth(rng: np.random.Generator) -> Material:
    """Sand, soil or gravel."""
    colour = hsv(rng.uniform(0.05, 0.12), rng.uniform(0.15, 0.55), rng.uniform(0.3, 0.9))
    grain = noise.cloud(noise.pick(rng), rng.uniform(-0.2, 0.6), 6.0)
    field = 0.5 * grain + 0.5 * noise.cloud(noise.pick(rng), 1.1)
    albedo = blend(field, *_around(colour, rng.uniform(0.2, 0.5)))
    depth = np.float32(rng.uniform(0.005, 0.03))
    return Material(albedo, (0.4, 0.4), field * depth, specular=0.01, roughness=0.95)


def snow(rng: np.random.Generator) -> Material:
    """Trodden snow."""
    colour = hsv(0.6, rng.uniform(0, 0.06), rng.uniform(0.88, 0.98))
    field = noise.cloud(noise.pick(rng), 0.9, 2.0)
    albedo = blend(field, *_around(colour, 0.06))
    return Material(albedo, (0.35, 0.35), field * np.float32(0.05), specular=0.05, wrap=0.3)


def draw(rng: np.random.Generator, choices: dict[Callable, float]) -> Material:
    """A material of one of the kinds, chosen by weight."""
    weights = np.array(list(choices.values()))
    return list(choices)[rng.choice(len(weights), p=weights / weights.sum())](rng)


WALLS = {plaster: 5.0, wallpaper: 1.5, bricks: 0.8, tiles: 0.6, planks: 0.5, concrete: 0.6}
FLOORS = {planks: 4.0, tiles: 2.0, carpet: 1.5, concrete: 1.0}
GROUNDS = {grass: 3.0, asphalt: 2.0, tiles: 1.5, earth: 2.0, snow: 0.7, concrete: 1.0}
FURNITURE = {wood: 4.0, lacquer: 3.0, metal: 0.7}
UPHOLSTERY = {fabric: 3.0, leather: 1.0}

# Cut-out shapes and other things that may be made of anything.
ANYTHING = {**WALLS, **GROUNDS, **FURNITURE, **UPHOLSTERY}

"""Marks on a fabric: plackets and buttons, zips, pockets, seams, prints.

They are drawn in the coordinates that `tailor.coordinates` gives garments: u = 0.5 is the middle of
the front and v counts metres down from the neck; of trousers, u = 0.25 and 0.75 are the sides.
"""

import numpy as np
from numba import njit

from thfm_jax.data.synthetic.looks import colours

SIZE = 512
_FONT = (
    *("01110 10001 10001 11111 10001 10001 10001", "11110 10001 11110 10001 10001 10001 11110"),
    *("01111 10000 10000 10000 10000 10000 01111", "11111 10000 11110 10000 10000 10000 11111"),
    *("10001 11011 10101 10101 10001 10001 10001", "01110 10001 10001 10001 10001 10001 01110"),
    *("01110 10001 10000 01110 00001 10001 01110", "11111 00100 00100 00100 00100 00100 00100"),
    *("00100 01100 00100 00100 00100 00100 01110", "11111 00010 00100 00010 00001 10001 01110"),
    *("11111 10000 11110 00001 00001 10001 01110", "11111 00001 00010 00100 01000 01000 01000"),
)
GLYPHS = np.array([[[int(x) for x in row] for row in glyph.split()] for glyph in _FONT], np.uint8)
Canvas = tuple[np.ndarray, np.ndarray]


def canvas(albedo: np.ndarray, height: np.ndarray) -> Canvas:
    """Copies of a fabric's tiles at `SIZE`, to draw on."""
    times = SIZE // len(albedo)
    return (
        np.repeat(np.repeat(albedo, times, axis=0), times, axis=1),
        np.repeat(np.repeat(height, times, axis=0), times, axis=1),
    )


def placket(rng: np.random.Generator, at: Canvas, base: np.ndarray) -> None:
    """A buttoned front."""
    down = float(rng.choice([0.78, 0.3], p=[0.85, 0.15]))
    button = colours.linear((235, 232, 225)) if rng.uniform() < 0.6 else base * np.float32(0.3)
    _box(at, 0.486, 0.06, 0.514, down, None, 0.0012)
    for v in np.arange(0.1, down - 0.02, float(rng.uniform(0.075, 0.1))):
        _disc(at, 0.5, float(v), 0.0058, button, 0.002)


def zipper(rng: np.random.Generator, at: Canvas, base: np.ndarray) -> None:
    """A zip down the front."""
    _box(at, 0.488, 0.0, 0.512, 0.8, base * np.float32(0.55), 0.001)
    _box(at, 0.4965, 0.0, 0.5035, 0.8, colours.linear((170, 170, 172)), 0.002)


def breast_pocket(rng: np.random.Generator, at: Canvas, base: np.ndarray) -> None:
    for u in (0.61,) if rng.uniform() < 0.6 else (0.61, 0.39):
        _outline(at, u - 0.045, 0.2, u + 0.045, 0.31, base)


def hip_pockets(rng: np.random.Generator, at: Canvas, base: np.ndarray) -> None:
    for u in (0.62, 0.38):
        _outline(at, u - 0.055, 0.5, u + 0.055, 0.62, base)


def pouch(rng: np.random.Generator, at: Canvas, base: np.ndarray) -> None:
    """A hooded jumper's pocket."""
    _outline(at, 0.39, 0.4, 0.61, 0.55, base)


def seams(rng: np.random.Generator, at: Canvas, base: np.ndarray) -> None:
    """What trousers are sewn with: sides, fly, pockets in front and behind."""
    for u in (0.25, 0.75):
        _box(at, u - 0.002, 0.45, u + 0.002, 1.0, base * np.float32(0.6), -0.001)
        _outline(
            at,
            u + np.sign(u - 0.5) * 0.125 - 0.05,
            0.53,
            u + np.sign(u - 0.5) * 0.125 + 0.05,
            0.65,
            base,
        )
    _box(at, 0.502, 0.46, 0.53, 0.62, None, 0.0008)
    _box(at, 0.0, 0.455, 1.0, 0.49, None, 0.0012)


def faded(rng: np.random.Generator, at: Canvas, base: np.ndarray) -> None:
    """Denim that is worn where thighs and seat are."""
    line = (np.arange(SIZE, dtype=np.float32) + 0.5) / SIZE
    front = sum(np.exp(-(((line - u) / 0.055) ** 2)) for u in (0.375, 0.625, 0.125, 0.875))
    rows = np.exp(-(((line - 0.83) / 0.16) ** 2))
    glow = np.float32(rng.uniform(0.2, 1.0)) * rows[:, None] * front
    at[0][:] = np.minimum(at[0] * (1 + glow[..., None]), 1)
    seams(rng, at, base)


def side_stripes(rng: np.random.Generator, at: Canvas, base: np.ndarray) -> None:
    """Stripes down the outside of legs and sleeves."""
    colour = colours.linear((240, 240, 238)) if rng.uniform() < 0.6 else colours.wild(rng)
    for k in range(int(rng.integers(1, 4))):
        for u in (0.25, 0.75, 0.0, 1.0):
            left = u - 0.02 + 0.016 * k
            _box(at, left, 0.0, left + 0.009, 1.0, colour, 0.0)


def logo(rng: np.random.Generator, at: Canvas, base: np.ndarray) -> None:
    """A small emblem on the chest."""
    _motif(rng, at, 0.585, 0.19, float(rng.uniform(0.012, 0.025)), base)


def printed(rng: np.random.Generator, at: Canvas, base: np.ndarray) -> None:
    """A large print on the chest."""
    if rng.uniform() < 0.45:
        _lettering(
            rng, at, 0.5, float(rng.uniform(0.16, 0.26)), float(rng.uniform(0.15, 0.24)), base
        )
    else:
        for _ in range(int(rng.integers(1, 5))):
            u, v = 0.5 + rng.normal(0, 0.03), 0.26 + rng.normal(0, 0.03)
            _motif(rng, at, float(u), float(v), float(rng.uniform(0.03, 0.09)), base)


def number(rng: np.random.Generator, at: Canvas, base: np.ndarray) -> None:
    """A player's number."""
    ink = _contrast(rng, base)
    for k in range(int(rng.integers(1, 3))):
        glyph = GLYPHS[rng.integers(8, len(GLYPHS))]
        _stamp(*at, 0.41 + 0.1 * k, 0.18, 0.018, glyph, ink)


def _lettering(rng, at: Canvas, u: float, v: float, wide: float, base: np.ndarray) -> None:
    ink, count = _contrast(rng, base), int(rng.integers(2, 7))
    pixel = wide / (count * 6)
    for row in range(int(rng.integers(1, 3))):
        for k in range(count):
            glyph = GLYPHS[rng.integers(len(GLYPHS))]
            _stamp(*at, u - wide / 2 + 6 * k * pixel, v + 9 * row * pixel, pixel, glyph, ink)


def _motif(rng, at: Canvas, u: float, v: float, size: float, base: np.ndarray) -> None:
    """A star-shaped, round or square figure."""
    ink, form = _contrast(rng, base), rng.integers(4)
    if form == 0:
        _disc(at, u, v, size, ink, 0.0003)
    elif form == 1:
        _box(at, u - size, v - size * 0.6, u + size, v + size * 0.6, ink, 0.0003)
    else:
        points, depth = int(rng.integers(3, 9)), float(rng.uniform(0.2, 0.6))
        _star(*at, u, v, size, points, depth, float(rng.uniform(0, 6)), ink)


def _contrast(rng: np.random.Generator, base: np.ndarray) -> np.ndarray:
    if rng.uniform() < 0.5:
        return colours.wild(rng)
    return colours.linear((245, 244, 240) if base.mean() < 0.25 else (24, 24, 28))


def _box(
    at: Canvas,
    left: float,
    top: float,
    right: float,
    bottom: float,
    ink: np.ndarray | None,
    rise: float,
) -> None:
    """Paints a rectangle, which may cross the seam of the tile, and raises its relief."""
    rows = slice(round(top * SIZE), max(round(bottom * SIZE), round(top * SIZE) + 1))
    columns = np.arange(round(left * SIZE), max(round(right * SIZE), round(left * SIZE) + 1)) % SIZE
    if ink is not None:
        at[0][rows, columns] = ink
    at[1][rows, columns] += np.float32(rise)


def _outline(at: Canvas, left: float, top: float, right: float, bottom: float, base) -> None:
    """A sewn-on pocket."""
    seam = base * np.float32(0.55)
    _box(at, left, top, right, bottom, None, 0.0015)
    _box(at, left, top, right, top + 0.003, seam, 0.0)
    _box(at, left, bottom, right, bottom + 0.003, seam, 0.0)
    _box(at, left, top, left + 0.003, bottom, seam, 0.0)
    _box(at, right, top, right + 0.003, bottom, seam, 0.0)


def _disc(at: Canvas, u: float, v: float, radius: float, ink: np.ndarray, rise: float) -> None:
    _star(*at, u, v, radius, 0, 0.0, 0.0, ink.astype(np.float32), rise)


@njit(cache=True)
def _star(albedo, height, u, v, size, points, depth, turn, ink, rise=0.0003):
    """Paints a star of `points` rays, or a disc, about (u, v)."""
    side = len(albedo)
    for row in range(int((v - size) * side), int((v + size) * side) + 2):
        for column in range(int((u - size) * side), int((u + size) * side) + 2):
            x, y = (column + 0.5) / side - u, (row + 0.5) / side - v
            reach = size * (1 - depth * 0.5 * (1 + np.cos(points * np.arctan2(y, x) + turn)))
            if x * x + y * y < reach * reach:
                for c in range(3):
                    albedo[row % side, column % side, c] = ink[c]
                height[row % side, column % side] += np.float32(rise)


@njit(cache=True)
def _stamp(albedo, height, u, v, pixel, glyph, ink):
    """Paints a glyph of square pixels whose upper left corner is at (u, v)."""
    side = len(albedo)
    rows, columns = glyph.shape
    for row in range(int(v * side), int((v + rows * pixel) * side)):
        for column in range(int(u * side), int((u + columns * pixel) * side)):
            i = int(((row + 0.5) / side - v) / pixel)
            j = int(((column + 0.5) / side - u) / pixel)
            if 0 <= i < rows and 0 <= j < columns and glyph[i, j]:
                for c in range(3):
                    albedo[row % side, column % side, c] = ink[c]
                height[row % side, column % side] += np.float32(2e-4)


MARKS = {
    mark.__name__: mark
    for mark in (placket, zipper, breast_pocket, hip_pockets, pouch, seams, faded, side_stripes,
                 logo, printed, number)
}  # fmt: skip

"""Patterns and reliefs of cloth: tiles of one metre by one metre that repeat without a seam.

A pattern is a map of ink numbers; a palette turns it into colours. Maps come from banks: they
depend on their arguments alone and are kept by the process.
"""

import functools

import numpy as np
from scipy import ndimage

from thfm_jax.data.synthetic.places import noise

SIZE = 256
LEVELS = 32  # inks of a gradient
KINDS: tuple[str, ...] = (
    "plain", "hoops", "stripes", "checks", "plaid", "dots", "flowers", "camouflage", "leopard",
    "zigzag", "gradient", "tie_dye", "blocks", "heather",
)  # fmt: skip
WEAVES: tuple[str, ...] = (
    "plain",
    "twill",
    "rib",
    "cable",
    "leather",
    "fleece",
    "smooth",
    "quilt",
    "pleats",
)


def _grid() -> tuple[np.ndarray, np.ndarray]:
    """u along columns and v along rows, in [0, 1)."""
    line = (np.arange(SIZE) + 0.5) / SIZE
    return np.broadcast_to(line, (SIZE, SIZE)), np.broadcast_to(line[:, None], (SIZE, SIZE))


@functools.lru_cache(maxsize=512)
def pattern(kind: str, variant: int) -> np.ndarray:
    """uint8 [R, R] ink numbers below `LEVELS`, read-only; `kind` is one of `KINDS`."""
    rng = np.random.default_rng((variant, KINDS.index(kind), 81))
    u, v = _grid()
    ink = _PATTERNS[kind](rng, u, v).astype(np.uint8)
    ink.flags.writeable = False
    return ink


def _plain(rng, u, v):
    return np.zeros((SIZE, SIZE))


def _bands(rng: np.random.Generator, across: np.ndarray, count: int) -> np.ndarray:
    """A set of stripes of up to four inks, `count` times over the tile."""
    edges = np.sort(rng.uniform(0, 1, rng.choice([1, 1, 3, 5])))
    inks = np.concatenate([[0], rng.permutation([1, 2, 3, 1, 2])])
    return inks[np.searchsorted(edges, (across * count) % 1)]


def _hoops(rng, u, v):
    return _bands(rng, v, int(rng.choice([3, 5, 8, 12, 16, 24, 32])))


def _stripes(rng, u, v):
    return _bands(rng, u, int(rng.choice([12, 16, 24, 32, 40])))


def _checks(rng, u, v):
    count = int(rng.choice([8, 12, 20, 32]))
    return ((u * count) % 1 < 0.5).astype(int) + ((v * count) % 1 < 0.5)


def _plaid(rng, u, v):
    count = int(rng.choice([6, 8, 10, 14]))
    weft, warp = _bands(rng, u, count), _bands(rng, v, count)
    thread = (np.arange(SIZE)[:, None] + np.arange(SIZE)) % 2
    return np.where(thread == 0, weft, warp)


def _dots(rng, u, v):
    count, radius = int(rng.choice([8, 12, 16, 24])), rng.uniform(0.15, 0.38)
    odd = np.floor(v * count) % 2
    x, y = (u * count + odd / 2) % 1 - 0.5, (v * count) % 1 - 0.5
    return np.hypot(x, y) < radius


def _flowers(rng, u, v):
    ink = np.zeros((SIZE, SIZE))
    size = rng.uniform(0.025, 0.06)
    for _ in range(int(2.2 / (size * 12) ** 2) + 20):
        x, y = (u - rng.uniform() + 0.5) % 1 - 0.5, (v - rng.uniform() + 0.5) % 1 - 0.5
        petals, turn, own = rng.integers(4, 8), rng.uniform(0, 6), size * rng.uniform(0.6, 1.3)
        radius, angle = np.hypot(x, y), np.arctan2(y, x)
        outline = own * (0.65 + 0.35 * np.cos(petals * angle + turn))
        ink[radius < outline] = rng.integers(1, 4)
        ink[radius < 0.28 * own] = 4
    return ink


def _camouflage(rng, u, v):
    ink = np.zeros((SIZE, SIZE))
    for number in (1, 2, 3):
        ink[noise.cloud(int(rng.integers(64)), 1.0, 4.0) > 0.58] = number
    return ink


def _leopard(rng, u, v):
    field = noise.cloud(int(rng.integers(64)), 1.5, float(rng.choice([10, 14])))
    return np.where(field > 0.72, 2, np.where(field > 0.58, 1, 0))


def _zigzag(rng, u, v):
    count = int(rng.choice([6, 10, 16]))
    wave = np.abs((u * count * 2) % 2 - 1) / count
    return _bands(rng, (v + wave * 0.8) % 1, count)


def _gradient(rng, u, v):
    return np.abs(2 * v - 1) * (LEVELS - 1)


def _tie_dye(rng, u, v):
    x, y = u - 0.5, (v - 0.3 + 0.5) % 1 - 0.5
    warp = noise.cloud(int(rng.integers(64)), 1.0, 2.0)
    angle = np.arctan2(y, x) / (2 * np.pi) * rng.integers(1, 4)
    ring = np.hypot(x, y) * rng.uniform(2, 6) + angle + warp
    return np.abs((ring % 1) * 2 - 1) * (LEVELS - 1)


def _blocks(rng, u, v):
    """Yoke, body and side panels of different colours."""
    yoke = v < rng.uniform(0.12, 0.32)
    sides = np.abs(np.abs(u - 0.5) - 0.25) < rng.uniform(0.02, 0.08)
    band = np.abs(v - rng.uniform(0.25, 0.4)) < rng.uniform(0.02, 0.06)
    return np.where(yoke, 1, np.where(sides, 2, np.where(band, 3, 0)))


def _heather(rng, u, v):
    return noise.cloud(int(rng.integers(64)), 0.0, 20.0) * (LEVELS - 1)


_PATTERNS = {kind: globals()[f"_{kind}"] for kind in KINDS}


@functools.lru_cache(maxsize=64)
def weave(kind: str, variant: int) -> tuple[np.ndarray, np.ndarray]:
    """The small structure of a cloth: its relief, float32 [R, R] metres, and a shade about 1.

    `kind` is one of `WEAVES`; the shade is float32 [R, R, 1].
    """
    rng = np.random.default_rng((variant, WEAVES.index(kind), 82))
    u, v = _grid()
    grain = noise.cloud(variant, 0.0, 8.0) - 0.5
    if kind == "twill":
        lines = np.cos(2 * np.pi * (u + v) * 64)
        relief, shade = 1e-4 * lines, 0.12 * lines + 0.35 * grain
    elif kind == "rib":
        count = int(rng.choice([32, 48, 64]))
        relief = 1.2e-3 * np.abs(np.sin(np.pi * u * count))
        shade = 0.25 * (np.abs(np.sin(np.pi * u * count)) - 0.7) + 0.15 * grain
    elif kind == "cable":
        count = int(rng.choice([10, 14]))
        braid = np.sin(2 * np.pi * (v * 16 + 0.35 * np.sin(2 * np.pi * u * count)))
        column = np.abs(np.sin(np.pi * u * count)) ** 0.5
        relief = 2.5e-3 * column * (1 + 0.5 * braid)
        shade = 0.2 * (column - 0.7) + 0.1 * grain
    elif kind == "leather":
        cells = noise.cloud(variant, 0.6, 12.0)
        relief, shade = 6e-4 * np.abs(cells - 0.5), 0.15 * (cells - 0.5)
    elif kind == "fleece":
        fluff = noise.cloud(variant, 0.5, 10.0)
        relief, shade = 1.5e-3 * fluff, 0.35 * (fluff - 0.5)
    elif kind == "quilt":
        count = int(rng.choice([6, 9, 12]))
        relief = 1.2e-2 * np.abs(np.sin(np.pi * v * count)) ** 0.6
        shade = 0.1 * (np.abs(np.sin(np.pi * v * count)) ** 0.3 - 0.8)
    elif kind == "pleats":
        slope = (u * int(rng.choice([20, 28, 36]))) % 1
        relief, shade = 8e-3 * np.minimum(slope, 6 * (1 - slope)), 0.25 * (slope - 0.5)
    elif kind == "smooth":
        relief, shade = np.zeros_like(grain), 0.02 * grain
    else:
        relief, shade = 1.5e-4 * grain, 0.2 * grain
    return relief.astype(np.float32), (1 + shade).astype(np.float32)[..., None]


@functools.lru_cache(maxsize=128)
def folds(variant: int, upright: float) -> np.ndarray:
    """float32 [R, R] relief of folds some centimetres wide, drawn out along v by `upright`.

    Its standard deviation is about 1.
    """
    rng = np.random.default_rng((variant, 83))
    vertical, horizontal = np.fft.fftfreq(SIZE, 1 / SIZE), np.fft.rfftfreq(SIZE, 1 / SIZE)
    frequency = np.hypot(vertical[:, None] * upright, horizontal)
    gain = np.exp(-((np.log(frequency + 1e-3) - np.log(8.0)) ** 2) / 0.6)
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((SIZE, SIZE))) * gain, s=(SIZE, SIZE))
    field /= field.std()
    ridges = np.sqrt(np.abs(field) + 0.02) * np.sign(field)
    ridges = ndimage.gaussian_filter(ridges, 1.5, mode="wrap")
    return ridges.astype(np.float32)

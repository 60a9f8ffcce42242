"""Worn on ears and face: headphones, goggles, glasses, masks."""

import numpy as np
from scipy import ndimage

from thfm_jax.data.synthetic.looks import colours, fabrics, scalp
from thfm_jax.data.synthetic.looks.fitting import SIDES, Fit, bowl, plain
from thfm_jax.data.synthetic.scene import Material, Mesh


def _band(fit: Fit, lift: float, wide: float, low: float, tilt: float = 0.0) -> np.ndarray:
    """[5, C, 3] a strap over the head from ear to ear."""
    across = np.linspace(-low, low, 25)
    towards = np.stack([np.sin(across), np.cos(across), np.sin(tilt) + 0 * across], axis=-1)
    towards = towards / np.linalg.norm(towards, axis=-1, keepdims=True)
    line = fit.points(towards)
    middle = line.mean(axis=0) - (0, 0.03, 0)
    out = (line - middle) / np.linalg.norm(line - middle, axis=-1, keepdims=True)
    ahead = np.array([0, 0, 1.0])
    return np.stack(
        [
            line + out * (lift + b) + ahead * wide * a
            for a, b in ((1, 0), (1, 0.006), (-1, 0.006), (-1, 0), (1, 0))
        ]
    )


def _ring(
    centre: np.ndarray, axis: np.ndarray, profile: list[tuple[float, float]], sides: int = 20
):
    """[R, C, 3] a turned solid: (radius, height along the axis)."""
    axis = axis / np.linalg.norm(axis)
    first = np.cross(axis, [0, 0, 1.0] if abs(axis[2]) < 0.9 else [0, 1.0, 0])
    first = first / np.linalg.norm(first)
    second = np.cross(axis, first)
    turn = np.linspace(0, 2 * np.pi, sides + 1)[:, None]
    ring = np.cos(turn) * first + np.sin(turn) * second
    return np.stack([centre + r * ring + h * axis for r, h in profile])


def _ears(fit: Fit) -> np.ndarray:
    """[2, 3] points on the left and the right ear, at rest."""
    ears = fit.head.model.regions["ears"] > 0.5
    left = fit.head.model.rest[:, 0] > 0
    points = fit.head.shape.vertices
    return np.stack([points[ears & left].mean(axis=0), points[ears & ~left].mean(axis=0)])


def _headphones(rng: np.random.Generator, fit: Fit) -> list[Mesh]:
    look, lift = plain(rng), 0.012 + min(fit.hair_m, 0.03)
    meshes = [fit.mesh(_band(fit, lift, float(rng.uniform(0.008, 0.016)), 1.45), look, "scalp")]
    size = float(rng.uniform(0.03, 0.042))
    for ear, sign in zip(_ears(fit), (1.0, -1.0), strict=True):
        profile = [
            (0.001, 0.032),
            (size * 0.8, 0.03),
            (size, 0.02),
            (size, 0.006),
            (size * 0.9, -0.006),
        ]
        meshes.append(fit.mesh(_ring(ear, np.array([sign, 0, 0]), profile), look, "scalp"))
    return meshes


def _headset(rng: np.random.Generator, fit: Fit) -> list[Mesh]:
    """Goggles of virtual reality, and their straps."""
    left, right = (fit.head.shape.heads[fit.head.model.bone[f"eye.{s}"]] for s in ("L", "R"))
    middle, apart = (left + right) / 2, float(np.linalg.norm(left - right))
    look = plain(rng, 0.6)
    turn = np.linspace(0, 2 * np.pi, 33)
    shape = (
        np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** 0.5,
        np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** 0.5,
    )
    outline = np.stack([-shape[0] * apart * 1.35, shape[1] * apart * 0.75, 0 * turn], axis=-1)
    rings = [
        middle + outline * s + (0, 0, z)
        for s, z in ((0.01, 0.085), (0.9, 0.083), (1, 0.075), (1, 0.02), (0.95, -0.012))
    ]
    strap = bowl(fit, np.full(SIDES + 1, 1.28), np.full(4, 0.012 + min(fit.hair_m, 0.02)), 4)[-1]
    strap = np.stack([strap + (0, y, 0) for y in (0.018, -0.018)])
    return [fit.mesh(np.stack(rings), look, "face", False), fit.mesh(strap, look, "scalp")]


def _glasses(rng: np.random.Generator, fit: Fit, dark: bool = False) -> list[Mesh]:
    left, right = (fit.head.shape.heads[fit.head.model.bone[f"eye.{s}"]] for s in ("L", "R"))
    apart = float(np.linalg.norm(left - right))
    frame = plain(rng, 0.6, 0.3)
    lens = Material(colours.linear((14, 15, 18)).reshape(1, 1, 3), specular=0.08, roughness=0.1)
    square, tall = float(rng.choice([0.35, 0.6, 1.0])), float(rng.uniform(0.3, 0.42))
    turn = np.linspace(0, 2 * np.pi, 29)
    x = np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** square * apart * 0.41
    y = np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** square * apart * tall - 0.002
    thick, meshes, ahead = float(rng.uniform(0.0012, 0.0035)), [], 0.03
    for eye, sign in ((left, 1.0), (right, -1.0)):
        rim = eye + np.stack([sign * (x + 0.03 * apart), y, ahead - 0.1 * np.abs(x)], axis=-1)
        out = (rim - rim.mean(axis=0)) / np.linalg.norm(
            rim - rim.mean(axis=0), axis=1, keepdims=True
        )
        tube = [
            rim + out * a * thick + (0, 0, b * thick)
            for a, b in ((1, 0), (0, 1.2), (-1, 0), (0, -1.2), (1, 0))
        ]
        meshes.append(fit.mesh(np.stack(tube), frame, "face"))
        if dark:
            pane = np.stack([rim * s + rim.mean(axis=0) * (1 - s) for s in (0.01, 0.6, 1.0)])
            meshes.append(fit.mesh(pane, lens, "face"))
    ears = _ears(fit)
    for eye, ear, sign in ((left, ears[0], 1.0), (right, ears[1], -1.0)):
        hinge = eye + (sign * apart * 0.44, 0.004, ahead - 0.004)
        hook = ear + (sign * 0.002, 0.022, -0.012)
        line = np.stack(
            [hinge, hinge * 0.9 + hook * 0.1 + (sign * 0.004, 0, 0), hook, hook - (0, 0.025, 0.008)]
        )
        arm = [
            line + (a * thick, b * thick * 1.6, 0)
            for a, b in ((1, 1), (1, -1), (-1, -1), (-1, 1), (1, 1))
        ]
        meshes.append(fit.mesh(np.stack(arm), frame, "face", False))
    inner = [eye + (-s * apart * 0.38, 0.004, ahead - 0.004) for eye, s in ((left, 1), (right, -1))]
    bridge = np.stack([inner[0], (inner[0] + inner[1]) / 2 + (0, 0.003, 0.004), inner[1]])
    bar = [
        bridge + (0, a * thick, b * thick) for a, b in ((1, 1), (-1, 1), (-1, -1), (1, -1), (1, 1))
    ]
    return [*meshes, fit.mesh(np.stack(bar), frame, "face", False)]


def _sunglasses(rng: np.random.Generator, fit: Fit) -> list[Mesh]:
    return _glasses(rng, fit, dark=True)


def _mask(rng: np.random.Generator, fit: Fit) -> list[Mesh]:
    """A cloth over nose and mouth, and its loops."""
    across, down = np.linspace(1.12, -1.12, 17), np.linspace(0, 1, 9)
    top, bottom = 1.88 - 0.1 * np.cos(across * 1.4), 2.42 - 0.35 * (across / 1.12) ** 2
    polar = top[None] + down[:, None] * (bottom - top)[None]
    skin = fit.points(scalp.directions(-across[None] + 0 * polar, polar))
    middle = fit.points(scalp.directions(np.array([1.6, 4.7]), np.full(2, 1.6))).mean(axis=0)
    away = skin - middle
    far = ndimage.grey_dilation(np.linalg.norm(away, axis=-1), 3)
    for _ in range(4):
        smooth = far.copy()
        smooth[1:-1, 1:-1] = (far[:-2, 1:-1] + far[2:, 1:-1] + far[1:-1, :-2] + far[1:-1, 2:]) / 4
        far = np.maximum(smooth, far)
    surface = (
        middle + away / np.linalg.norm(away, axis=-1, keepdims=True) * (far + 0.004)[..., None]
    )
    shades = ((190, 215, 232), (240, 240, 240), (28, 28, 30))
    tone = (
        colours.linear(shades[rng.integers(3)]) if rng.uniform() < 0.8 else colours.cloth(rng, 0.5)
    )
    look = fabrics.make(rng, fabrics.PLAIN, tone, 0.0, fit.flat).material
    meshes = [fit.mesh(surface, look, "face")]
    for ear, column in zip(_ears(fit), (-1, 0), strict=True):
        hook = ear + (0, 0.012, -0.014)
        for row in (1, 7):
            line = np.stack([surface[row, column], hook])
            strap = [line + (0, y, 0) for y in (0.0015, -0.0015)]
            meshes.append(fit.mesh(np.stack(strap), look, "face"))
    return meshes


MAKERS = {
    "headphones": _headphones,
    "headset": _headset,
    "sunglasses": _sunglasses,
    "glasses": _glasses,
    "face mask": _mask,
}

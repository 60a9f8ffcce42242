"""Hats, caps, helmets, hoods, headscarves, headphones, glasses and masks: what heads wear.

All of it is carried by the head. It is made on the person at rest, from points of the skull by
their direction (`scalp`), so that it fits every head.
"""

import dataclasses

import numpy as np
from scipy import ndimage

from thfm_jax.data.synthetic import cloth, colours, fabrics, limbs, parts, scalp, sheets
from thfm_jax.data.synthetic.body import BodyModel, Posed, Shape
from thfm_jax.data.synthetic.scene import Material, Mesh

KINDS: tuple[str, ...] = (
    "beanie", "cap", "brimmed hat", "helmet", "headscarf", "headphones", "headset", "sunglasses",
    "glasses", "face mask", "headband",
)  # fmt: skip
HIDE_HAIR: tuple[str, ...] = ("headscarf",)
_SIDES = 40
_SCARF = cloth.Fabric(push=0.4, bend=0.4, crease=0.02)


@dataclasses.dataclass(frozen=True)
class Head:
    """The head that wears it: `ring` and `radius` are of the person at rest."""

    model: BodyModel
    shape: Shape
    posed: Posed
    fps: float
    instance: int
    hair_m: float

    def points(self, towards: np.ndarray, lift_m: float = 0.0) -> np.ndarray:
        """[..., 3] points over the skin towards unit directions [..., 3], at rest."""
        flat = towards.reshape(-1, 3)
        skin = scalp.points(self.model, flat) @ self.shape.vertices
        return (skin + (lift_m * flat)).reshape(towards.shape)

    def carried(self, rest: np.ndarray) -> np.ndarray:
        """[T, N, 3] float32 points [N, 3] at rest, carried by the head."""
        bone = self.posed.bones[:, self.model.bone["head"]]
        moved = np.einsum("trc,nc->tnr", bone[..., :3], rest.reshape(-1, 3))
        return np.ascontiguousarray(moved + bone[:, None, :, 3], np.float32)

    def mesh(self, rest: np.ndarray, material: Material, part: str, smooth: bool = True) -> Mesh:
        """A grid of points [R, C, 3] at rest as a mesh; the skin beneath gives its template."""
        rows, columns = rest.shape[:2]
        flat = rest.reshape(-1, 3)
        middle = self.points(scalp.directions(np.array([1.6, 4.7]), np.full(2, 1.5))).mean(axis=0)
        away = flat - middle
        away = away / (np.linalg.norm(away, axis=1, keepdims=True) + 1e-9)
        template = scalp.points(self.model, away) @ self.model.template
        step = np.linalg.norm(np.diff(rest, axis=1, prepend=rest[:, :1]), axis=-1)
        down = np.linalg.norm(np.diff(rest, axis=0, prepend=rest[:1]), axis=-1)
        widest = step[step.sum(axis=1).argmax()].cumsum()
        uv = np.stack(np.broadcast_arrays(widest[None], down.cumsum(axis=0)), axis=-1)
        return Mesh(
            self.carried(flat),
            grid(rows, columns),
            uv.reshape(-1, 2).astype(np.float32),
            material,
            self.instance,
            template.astype(np.float32),
            np.full(2 * (rows - 1) * (columns - 1), parts.INDEX[part], np.uint8),
            smooth_normals=smooth,
            normal_ids=_welded(flat),
        )


def grid(rows: int, columns: int) -> np.ndarray:
    """[F, 3] int32 of a grid whose outside is where columns run rightwards and rows down."""
    index = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    return np.stack([a, c, d, a, d, b], axis=-1).reshape(-1, 3)


def _welded(points: np.ndarray) -> np.ndarray:
    """[V] int32, equal for points at one place."""
    keys = np.rint(points * 1e5).astype(np.int64)
    return np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int32)


def make(rng: np.random.Generator, kind: str, head: Head, flat: bool = False) -> list[Mesh]:
    """What a head wears; `kind` is one of `KINDS`."""
    return _MAKERS[kind](rng, head, flat)


def _look(rng: np.random.Generator, cut: fabrics.Cut, flat: bool) -> Material:
    return fabrics.make(rng, cut, colours.cloth(rng, 0.35), 0.3, flat).material


def _plain(rng: np.random.Generator, dark: float = 0.7, roughness: float = 0.35) -> Material:
    colour = colours.linear((22, 22, 24)) if rng.uniform() < dark else colours.cloth(rng, 0.5)
    return Material(colour.reshape(1, 1, 3), specular=0.05, roughness=roughness)


def _bowl(head: Head, polar: np.ndarray, lift: np.ndarray, rows: int = 10) -> np.ndarray:
    """[rows, C, 3] a surface over the skull down to polar angles [C], `lift` [rows] off it."""
    azimuth = np.linspace(0, 2 * np.pi, len(polar))
    angle = np.linspace(0.01, 1, rows)[:, None] * polar
    return _rounded(head.points(scalp.directions(azimuth[None] + 0 * angle, angle)), lift)


def _rounded(points: np.ndarray, lift: np.ndarray) -> np.ndarray:
    """Points [R, C, 3] moved away from their middle by `lift` [R], without the head's detail."""
    middle = points.mean(axis=(0, 1)) - (0, 0.02, 0)
    away = points - middle
    far = np.linalg.norm(away, axis=-1)
    for _ in range(3):
        far = (np.roll(far, 1, 1) + 2 * far + np.roll(far, -1, 1)) / 4
    far = far + lift[:, None]
    return middle + away / np.linalg.norm(away, axis=-1, keepdims=True) * far[..., None]


def _hat_line(front: float, side: float, back: float) -> np.ndarray:
    """[C] polar angles of a hat's edge."""
    azimuth = np.linspace(0, 2 * np.pi, _SIDES + 1)
    ahead = np.cos(azimuth)
    return side + np.where(ahead > 0, (front - side) * ahead, (side - back) * ahead)


def _beanie(rng: np.random.Generator, head: Head, flat: bool) -> list[Mesh]:
    lift = 0.006 + min(head.hair_m, 0.02)
    slouch = float(rng.uniform(0.0, 0.03))
    rows = np.linspace(1, 0, 12)
    surface = _bowl(head, _hat_line(1.28, 1.72, 1.9), lift + slouch * rows**2, 12)
    look = _look(rng, fabrics.KNIT, flat)
    edge = surface[-1] - surface[-2]
    out = surface[-1] - surface[-1].mean(axis=0)
    out = out / np.linalg.norm(out, axis=-1, keepdims=True)
    brim = np.stack([surface[-1] + out * b - edge * a for a, b in
                     ((0.0, 0.0), (0.05, 0.006), (1.0, 0.008), (2.2, 0.007), (2.3, 0.002))])  # fmt: skip
    return [head.mesh(surface, look, "scalp"), head.mesh(brim[::-1], look, "scalp")]


def _cap(rng: np.random.Generator, head: Head, flat: bool) -> list[Mesh]:
    backwards = rng.uniform() < 0.1
    lift = np.full(10, 0.008 + min(head.hair_m, 0.015))
    lift[:4] += 0.012
    surface = _bowl(head, _hat_line(1.3, 1.5, 1.72), lift)
    look = _look(rng, fabrics.WOVEN, flat)
    azimuth = np.linspace(-0.95, 0.95, 17) + (np.pi if backwards else 0.0)
    share = (azimuth % (2 * np.pi)) / (2 * np.pi) * _SIDES
    low = share.astype(int) % _SIDES
    base = surface[-1][low] + (share - low)[:, None] * (surface[-1][low + 1] - surface[-1][low])
    ahead = np.array([0, -0.28, -1.0 if backwards else 1.0])
    reach = float(rng.uniform(0.06, 0.08)) * np.cos(np.linspace(-0.47, 0.47, 17) * np.pi)[:, None]
    droop = np.array([0, -0.02, 0]) * np.linspace(-1, 1, 17)[:, None] ** 2
    outer = base + reach * ahead + droop * 0.6
    visor = np.stack(
        [
            base,
            (base + outer) / 2 + (0, 0.004, 0),
            outer,
            outer - (0, 0.003, 0),
            base - (0, 0.003, 0),
        ]
    )
    return [head.mesh(surface, look, "scalp"), head.mesh(visor, look, "face")]


def _brimmed(rng: np.random.Generator, head: Head, flat: bool) -> list[Mesh]:
    line = _hat_line(1.28, 1.42, 1.55)
    edge = _bowl(head, line, np.full(3, 0.008 + min(head.hair_m, 0.015)), 3)[-1]
    middle, height = edge.mean(axis=0), float(rng.uniform(0.09, 0.13))
    taper, wide = float(rng.uniform(0.7, 0.95)), float(rng.uniform(0.04, 0.12))
    curl = float(rng.uniform(-0.02, 0.03))
    rings = []
    for share, up in ((0.0, 0.9), (0.6, 1.0), (0.95, 0.97), (1.0, 0.8), (1.0, 0.4), (1.0, 0.02)):
        rings.append(
            middle
            + (edge - middle) * (share * (taper + (1 - taper) * (1 - up)))
            + (0, height * up, 0)
        )
    away = (edge - middle) / np.linalg.norm(edge - middle, axis=1, keepdims=True)
    bend = curl * np.abs(away[:, :1]) ** 2 * (0, 1, 0)
    rings += [edge + away * wide * s + bend * s + (0, 0.003, 0) for s in (0.1, 0.5, 1.0)]
    rings += [edge + away * wide * s + bend * s for s in (1.0, 0.3)]
    look = _look(rng, fabrics.COAT if rng.uniform() < 0.6 else fabrics.PLAIN, flat)
    return [head.mesh(np.stack(rings), look, "scalp")]


def _helmet(rng: np.random.Generator, head: Head, flat: bool) -> list[Mesh]:
    surface = _bowl(head, _hat_line(1.22, 1.6, 1.85), np.full(12, 0.03), 12)
    inner = surface[-1] * 0.9 + surface[-1].mean(axis=0) * 0.1
    look = _plain(rng, 0.3, 0.25)
    return [head.mesh(np.concatenate([surface, inner[None]]), look, "scalp")]


def _headscarf(rng: np.random.Generator, head: Head, flat: bool) -> list[Mesh]:
    """A scarf about the head, neck and shoulders, open for the face."""
    around = np.linspace(0, 2 * np.pi, _SIDES + 1)
    up = np.array([0, 0.925, 0.38])
    face = np.sin(around)[:, None] * (0.92, 0, 0) + np.cos(around)[:, None] * up
    # Rows run from the back of the head to the edge about the face, which is an oval.
    ahead = np.array([0, -0.38, 0.925])
    oval = np.where(np.cos(around) > 0, 0.84, 0.8)
    angle = np.linspace(np.pi - 0.02, 0, 13)[:-1]
    angle = np.concatenate([angle[angle > 1.1], [1.05]])[:, None] * np.ones(_SIDES + 1)
    angle[-1] = oval
    angle[-2] = oval + 0.12
    towards = np.cos(angle)[..., None] * ahead + np.sin(angle)[..., None] * face
    low = 0.8 * np.pi
    polar = np.arccos(np.clip(towards[..., 1], -1, 1))
    side = np.arctan2(towards[..., 0], towards[..., 2])
    towards = scalp.directions(side, np.minimum(polar, low))
    lift = np.full(len(angle), 0.012)
    lift[-1] = 0.004
    hood = _rounded(head.points(towards), lift)
    look = _look(rng, fabrics.SILK if rng.uniform() < 0.3 else fabrics.PLAIN, flat)
    return [head.mesh(hood, look, "scalp"), _cape(rng, head, look)]


def _cape(rng: np.random.Generator, head: Head, look: Material) -> Mesh:
    """The part of a headscarf that lies on neck, shoulders and chest."""
    azimuth = np.linspace(0, 2 * np.pi, _SIDES + 1)
    top = head.points(scalp.directions(azimuth, np.pi * (0.7 + 0.12 * np.cos(azimuth))), 0.014)
    neck = head.shape.heads[head.model.bone["neck01"]]
    out = np.stack([np.sin(azimuth), 0 * azimuth, np.cos(azimuth)], axis=-1)
    length = float(rng.uniform(0.1, 0.25))
    rows = [top, neck + (0, 0.045, 0.01) + out * (0.075, 0, 0.085)]
    for share in np.linspace(0.2, 1, 6):
        rows.append(neck + out * (0.09 + 0.13 * share, 0, 0.1 + 0.05 * share)
                    + (0, 0.03 - share * length, 0.01))  # fmt: skip
    rest = np.stack(rows).astype(np.float32)
    target = head.carried(rest)
    spine = head.posed.bones[:, head.model.bone["spine01"]]
    low = np.einsum("trc,nc->tnr", spine[..., :3], rest.reshape(-1, 3)) + spine[:, None, :, 3]
    share = np.clip(np.arange(len(rest)) - 0.5, 0, 2).repeat(_SIDES + 1)[:, None] / 2
    target = (target * (1 - share) + low * share).astype(np.float32)
    leash = np.array([0, 0.012, 0.03, *[0.06] * (len(rest) - 3)]).repeat(_SIDES + 1)
    capsules = limbs.capsules(head.model, head.shape, head.posed, limbs.TRUNK, 0.02)
    hold = cloth.Hold(target, leash.astype(np.float32), target, target,
                      np.full(target.shape[:2], -2, np.float32), capsules)  # fmt: skip
    triangles = grid(len(rest), _SIDES + 1)
    moved = cloth.drape(rng, rest.reshape(-1, 3), triangles, hold, _SCARF, head.fps)
    mesh = head.mesh(rest, look, "neck")
    return dataclasses.replace(mesh, vertices=moved, part=_cape_parts(len(rest)))


def _cape_parts(rows: int) -> np.ndarray:
    per_row = [parts.INDEX["neck"]] * 2 + [parts.INDEX["torso"]] * (rows - 3)
    return np.array(per_row, np.uint8).repeat(2 * _SIDES)


def _band(head: Head, lift: float, wide: float, low: float, tilt: float = 0.0) -> np.ndarray:
    """[5, C, 3] a strap over the head from ear to ear."""
    across = np.linspace(-low, low, 25)
    towards = np.stack([np.sin(across), np.cos(across), np.sin(tilt) + 0 * across], axis=-1)
    towards = towards / np.linalg.norm(towards, axis=-1, keepdims=True)
    line = head.points(towards)
    middle = line.mean(axis=0) - (0, 0.03, 0)
    out = (line - middle) / np.linalg.norm(line - middle, axis=-1, keepdims=True)
    ahead = np.array([0, 0, 1.0])
    return np.stack([line + out * (lift + b) + ahead * wide * a for a, b in
                     ((1, 0), (1, 0.006), (-1, 0.006), (-1, 0), (1, 0))])  # fmt: skip


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


def _ears(head: Head) -> np.ndarray:
    """[2, 3] points on the left and the right ear, at rest."""
    ears = head.model.regions["ears"] > 0.5
    left = head.model.rest[:, 0] > 0
    points = head.shape.vertices
    return np.stack([points[ears & left].mean(axis=0), points[ears & ~left].mean(axis=0)])


def _headphones(rng: np.random.Generator, head: Head, flat: bool) -> list[Mesh]:
    look, lift = _plain(rng), 0.012 + min(head.hair_m, 0.03)
    meshes = [head.mesh(_band(head, lift, float(rng.uniform(0.008, 0.016)), 1.45), look, "scalp")]
    size = float(rng.uniform(0.03, 0.042))
    for ear, sign in zip(_ears(head), (1.0, -1.0), strict=True):
        profile = [
            (0.001, 0.032),
            (size * 0.8, 0.03),
            (size, 0.02),
            (size, 0.006),
            (size * 0.9, -0.006),
        ]
        meshes.append(head.mesh(_ring(ear, np.array([sign, 0, 0]), profile), look, "scalp"))
    return meshes


def _headset(rng: np.random.Generator, head: Head, flat: bool) -> list[Mesh]:
    """Goggles of virtual reality, and their straps."""
    left, right = (head.shape.heads[head.model.bone[f"eye.{s}"]] for s in ("L", "R"))
    middle, apart = (left + right) / 2, float(np.linalg.norm(left - right))
    look = _plain(rng, 0.6)
    turn = np.linspace(0, 2 * np.pi, 33)
    shape = (
        np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** 0.5,
        np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** 0.5,
    )
    outline = np.stack([-shape[0] * apart * 1.35, shape[1] * apart * 0.75, 0 * turn], axis=-1)
    rings = [middle + outline * s + (0, 0, z) for s, z in
             ((0.01, 0.085), (0.9, 0.083), (1, 0.075), (1, 0.02), (0.95, -0.012))]  # fmt: skip
    strap = _bowl(head, np.full(_SIDES + 1, 1.28), np.full(4, 0.012 + min(head.hair_m, 0.02)), 4)[
        -1
    ]
    strap = np.stack([strap + (0, y, 0) for y in (0.018, -0.018)])
    return [head.mesh(np.stack(rings), look, "face", False), head.mesh(strap, look, "scalp")]


def _glasses(rng: np.random.Generator, head: Head, flat: bool, dark: bool = False) -> list[Mesh]:
    left, right = (head.shape.heads[head.model.bone[f"eye.{s}"]] for s in ("L", "R"))
    apart = float(np.linalg.norm(left - right))
    frame = _plain(rng, 0.6, 0.3)
    lens = Material(colours.linear((14, 15, 18)).reshape(1, 1, 3), specular=0.08, roughness=0.1)
    square, tall = float(rng.choice([0.35, 0.6, 1.0])), float(rng.uniform(0.3, 0.42))
    turn = np.linspace(0, 2 * np.pi, 29)
    x = np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** square * apart * 0.43
    y = np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** square * apart * tall - 0.002
    thick, meshes, ahead = float(rng.uniform(0.0012, 0.0035)), [], 0.024
    for eye, sign in ((left, 1.0), (right, -1.0)):
        rim = eye + np.stack([sign * x, y, ahead - 0.1 * np.abs(x)], axis=-1)
        out = (rim - rim.mean(axis=0)) / np.linalg.norm(
            rim - rim.mean(axis=0), axis=1, keepdims=True
        )
        tube = [rim + out * a * thick + (0, 0, b * thick) for a, b in
                ((1, 0), (0, 1.2), (-1, 0), (0, -1.2), (1, 0))]  # fmt: skip
        meshes.append(head.mesh(np.stack(tube), frame, "face"))
        if dark:
            pane = np.stack([rim * s + rim.mean(axis=0) * (1 - s) for s in (0.01, 0.6, 1.0)])
            meshes.append(head.mesh(pane, lens, "face"))
    ears = _ears(head)
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
        meshes.append(head.mesh(np.stack(arm), frame, "face", False))
    inner = [eye + (-s * apart * 0.43, 0.004, ahead - 0.004) for eye, s in ((left, 1), (right, -1))]
    bridge = np.stack([inner[0], (inner[0] + inner[1]) / 2 + (0, 0.003, 0.004), inner[1]])
    bar = [
        bridge + (0, a * thick, b * thick) for a, b in ((1, 1), (-1, 1), (-1, -1), (1, -1), (1, 1))
    ]
    return [*meshes, head.mesh(np.stack(bar), frame, "face", False)]


def _sunglasses(rng: np.random.Generator, head: Head, flat: bool) -> list[Mesh]:
    return _glasses(rng, head, flat, dark=True)


def _mask(rng: np.random.Generator, head: Head, flat: bool) -> list[Mesh]:
    """A cloth over nose and mouth, and its loops."""
    across, down = np.linspace(1.12, -1.12, 17), np.linspace(0, 1, 9)
    top, bottom = 1.88 - 0.1 * np.cos(across * 1.4), 2.42 - 0.35 * (across / 1.12) ** 2
    polar = top[None] + down[:, None] * (bottom - top)[None]
    skin = head.points(scalp.directions(-across[None] + 0 * polar, polar))
    middle = head.points(scalp.directions(np.array([1.6, 4.7]), np.full(2, 1.6))).mean(axis=0)
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
    look = fabrics.make(rng, fabrics.PLAIN, tone, 0.0, flat).material
    meshes = [head.mesh(surface, look, "face")]
    for ear, column in zip(_ears(head), (-1, 0), strict=True):
        hook = ear + (0, 0.012, -0.014)
        for row in (1, 7):
            line = np.stack([surface[row, column], hook])
            strap = [line + (0, y, 0) for y in (0.0015, -0.0015)]
            meshes.append(head.mesh(np.stack(strap), look, "face"))
    return meshes


def _headband(rng: np.random.Generator, head: Head, flat: bool) -> list[Mesh]:
    line, wide = _hat_line(1.1, 1.25, 1.6), float(rng.uniform(0.008, 0.02))
    edge = _bowl(head, line, np.full(4, 0.006 + min(head.hair_m, 0.012)), 4)[-1]
    strip = np.stack([edge + (0, y, 0) for y in (wide, 0.3 * wide, -0.4 * wide, -wide)])
    return [head.mesh(strip, _look(rng, fabrics.SPORT, flat), "scalp")]


_MAKERS = {
    "beanie": _beanie, "cap": _cap, "brimmed hat": _brimmed, "helmet": _helmet,
    "headscarf": _headscarf, "headphones": _headphones, "headset": _headset,
    "sunglasses": _sunglasses, "glasses": _glasses, "face mask": _mask, "headband": _headband,
}  # fmt: skip

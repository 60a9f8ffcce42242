"""Cloth: cuts of a surface, draping over a body, garments that cover what they are to cover."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thfm_jax.data.synthetic.bodies.body import BodyModel
from thfm_jax.data.synthetic.bodies.phenotype import Phenotype
from thfm_jax.data.synthetic.looks import accessories, cloth, garments, sheets, suit, trims
from thfm_jax.data.synthetic.looks.tailor import Tailor

FRAMES, FPS = 4, 25.0
MAKERS = [
    getattr(garments, name)
    for name in (
        *("t_shirt", "tank_top", "shirt", "blouse", "jumper", "hoodie", "jacket", "puffer"),
        *("blazer", "coat", "trousers", "wide_trousers", "leggings", "shorts", "short_skirt"),
        *("long_skirt", "dress", "robe", "overalls", "swimsuit", "bikini", "briefs"),
    )
]


def square(side=6):
    """A grid of triangles over the unit square, and its vertices."""
    line = np.linspace(0, 1, side)
    x, y = np.meshgrid(line, line)
    return sheets.grid(side, side), np.stack([x, -y, 0 * x], axis=-1).reshape(-1, 3)


def area(points, triangles):
    a, b, c = (points[triangles[:, k]] for k in range(3))
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


@pytest.fixture(scope="module")
def model(pack):
    return BodyModel.load(pack)


@pytest.fixture(scope="module")
def walker(model):
    """A person who swings a leg and an arm."""
    shape = model.shape(Phenotype(gender=0.2, weight=0.6))
    rotations = np.tile(np.eye(3), (FRAMES, len(model.bones), 1, 1))
    for frame, angle in enumerate(np.linspace(0.2, 0.8, FRAMES)):
        turn = np.array(
            [[1, 0, 0], [0, np.cos(angle), np.sin(angle)], [0, -np.sin(angle), np.cos(angle)]]
        )
        rotations[frame, model.bone["upperleg01.L"]] = turn
        rotations[frame, model.bone["upperarm01.R"]] = turn
    return shape, model.pose(shape, rotations, np.zeros((FRAMES, 3)))


@pytest.fixture
def tailor(model, walker):
    return Tailor(model, *walker, FPS)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.1, 0.9), st.floats(-3, 3))
def test_a_straight_cut_leaves_its_share_of_a_square(level, turn):
    triangles, points = square(12)
    direction = np.array([np.cos(turn), np.sin(turn), 0])
    height = points @ direction
    field = height - np.quantile(height, level)
    kept, lost = sheets.cut(triangles, field), sheets.cut(triangles, -field)
    assert area(kept(points), kept.triangles) + area(lost(points), lost.triangles) == pytest.approx(
        1, abs=0.02
    )
    # A cut keeps a tenth of an edge away from the edge's ends.
    assert kept(field[:, None]).min() > -0.15 / 11 * 1.5


def test_refining_keeps_a_flat_sheet_and_its_boundary():
    triangles, points = square()
    fine = sheets.refine(triangles, len(points))
    assert len(fine.triangles) == 4 * len(triangles)
    np.testing.assert_allclose(fine.weights.sum(axis=1), 1, atol=1e-6)
    assert np.abs(fine(points)[:, 2]).max() == 0
    assert area(fine(points), fine.triangles) == pytest.approx(1, abs=0.02)
    (line,) = sheets.loops(fine.triangles)
    assert len(line) == 2 * len(sheets.loops(triangles)[0])


def test_cloth_stays_on_its_leash_and_off_the_body():
    rng = np.random.default_rng(0)
    triangles, points = square(10)
    rest = points.astype(np.float32)
    frames = 8
    target = rest + np.linspace(0, 0.5, frames, dtype=np.float32)[:, None, None] * (1, 1, 1)
    target = (target + (0, 2, 0)).astype(np.float32)
    normal = np.broadcast_to(np.float32([0, 0, 1]), target.shape).copy()
    leash = rng.uniform(0, 0.2, len(rest)).astype(np.float32)
    floor = target - 0.05 * normal
    gap = np.full(target.shape[:2], 0.03, np.float32)
    hold = cloth.Hold(target, leash, floor, normal, gap, np.zeros((frames, 0, 8), np.float32))
    draped = cloth.drape(rng, rest, triangles, hold, cloth.Fabric(), FPS)
    assert (np.linalg.norm(draped - target, axis=-1) <= leash + 1e-5).all()
    assert ((draped - floor)[..., 2] >= 0.03 - 1e-5).all()
    # Where nothing holds it, it hangs lower than it is carried.
    assert (draped - target)[..., 1][:, leash > 0.1].mean() < -0.005


def test_nothing_hangs_through_a_limb():
    triangles, points = square(10)
    rest = points.astype(np.float32)
    target = np.repeat((rest + (0, 1.5, 0))[None], 3, axis=0).astype(np.float32)
    limb = np.array([0.5, 0.8, -0.05, 0.5, 1.2, -0.05, 0.2, 0.1], np.float32)
    hold = cloth.Hold(
        target,
        np.full(len(rest), 0.5, np.float32),
        target,
        target,
        np.full(target.shape[:2], -2, np.float32),
        np.broadcast_to(limb, (3, 1, 8)).copy(),
    )
    draped = cloth.drape(np.random.default_rng(1), rest, triangles, hold, cloth.Fabric(), FPS)
    along = np.clip((draped[..., 1] - 0.8) / 0.4, 0, 1)
    axis = np.stack([0 * along + 0.5, 0.8 + 0.4 * along, 0 * along - 0.05], axis=-1)
    assert (np.linalg.norm(draped - axis, axis=-1) >= 0.2 - 0.1 * along - 1e-4).all()


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_every_garment_is_a_sound_surface_on_the_body(maker, tailor):
    rng = np.random.default_rng(7)
    garment = maker(rng, tailor)
    sewn = tailor.sew(rng, garment.pattern)
    pieces = [sewn, *(edge for _, edge in trims.sew(sewn, garment.trims))]
    for piece in pieces:
        assert np.isfinite(piece.vertices).all() and np.isfinite(piece.uv).all()
        assert piece.vertices.shape[0] == FRAMES
        assert piece.triangles.max() < len(piece.uv) == piece.vertices.shape[1]
        assert len(piece.part) == len(piece.triangles) and piece.part.min() > 0
        assert np.abs(piece.template[:, :2]).max() < 0.9
    body = tailor.body(tailor.suit)
    on = sewn.on_suit >= 0
    beneath = sewn.on_suit[on]
    height = ((sewn.vertices[:, on] - body.posed[:, beneath]) * body.normals[:, beneath]).sum(-1)
    # The suit itself stands some 4 mm off the skin.
    assert (height < -0.004).mean() < 0.03


def test_layers_lie_on_one_another(tailor):
    rng = np.random.default_rng(3)
    beneath = tailor.height.copy()
    for maker in (garments.jeans, garments.t_shirt, garments.jacket):
        tailor.sew(rng, maker(rng, tailor).pattern)
        assert (tailor.height >= beneath).all()
        beneath = tailor.height.copy()
    chest = (np.abs(tailor.suit.position[:, 1] - 0.4) < 0.03) & (tailor.suit.arm < 0)
    assert np.median(tailor.height[:, chest]) > 0.012


def test_skin_and_cloth_below_a_garment_are_hidden_away_from_its_edge(model, tailor):
    rng = np.random.default_rng(3)
    shirt = tailor.sew(rng, garments.t_shirt(rng, tailor).pattern)
    tailor.sew(rng, garments.hoodie(rng, tailor).pattern)
    bare = tailor.bare()
    place = suit.base_positions(model)
    belly = (np.abs(place[:, 1] - 0.2) < 0.05) & (np.abs(place[:, 0]) < 0.15)
    belly &= suit.near_skin(model) >= 0
    hands = accessories.hands(model)
    assert not bare[belly].any() and bare[hands].all()
    left = shirt.without(tailor.hidden(1))
    assert len(left.triangles) < 0.3 * len(shirt.triangles)


def test_a_fabric_does_not_stretch_much_on_a_shirt(tailor):
    rng = np.random.default_rng(5)
    sewn = tailor.sew(rng, garments.shirt(rng, tailor).pattern)
    on_cloth = sewn.vertices[0][sewn.triangles]
    on_tile = np.concatenate([sewn.uv, 0 * sewn.uv[:, :1]], axis=1)[sewn.triangles]

    def areas(corners):
        sides = corners[:, 1:] - corners[:, :1]
        return np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1) / 2

    ratio = areas(on_tile) / areas(on_cloth)
    assert 0.5 < np.median(ratio) < 2
    assert np.quantile(ratio, 0.05) > 0.2 and np.quantile(ratio, 0.95) < 4

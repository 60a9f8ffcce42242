"""Hair: where it grows, how it hangs, and the hull that stands for it in depth and normals."""

import numpy as np
import pytest

from thfm_jax.data.synthetic import parts
from thfm_jax.data.synthetic.bodies.body import BodyModel
from thfm_jax.data.synthetic.bodies.phenotype import Phenotype
from thfm_jax.data.synthetic.looks import beards, hair, hairstyles, headwear, scalp
from thfm_jax.data.synthetic.looks.hairstyles import Style
from thfm_jax.data.synthetic.looks.heads import Head

STYLES = (
    Style("buzz cut", 0.004, "curly"),
    Style("short", 0.025, "wavy", sweep=(0.02, 0.0, 0.01)),
    Style("afro", 0.08, "frizzy"),
    Style("long", 0.02, "straight", "left", 0.35, fringe_m=0.05, layers=6),
    Style("ponytail", 0.007, "wavy", "tail", 0.3, "ponytail", layers=5),
    Style("braids", 0.007, "straight", "middle", 0.0, "braids", layers=5),
    Style("bun", 0.006, "straight", "tail", tails="bun", layers=5),
)
MOST_TRIANGLES = 16_000


@pytest.fixture(scope="module")
def model(pack):
    return BodyModel.load(pack)


@pytest.fixture(scope="module")
def head(model):
    shape = model.shape(Phenotype(gender=0.1))
    rotations = np.tile(np.eye(3), (3, len(model.bones), 1, 1))
    posed = model.pose(shape, rotations, np.zeros((3, 3)))
    return Head(model, shape, posed, 25.0, 1)


def grown(head, style, seed=0):
    return hair.grow(np.random.default_rng(seed), head, style, np.full(3, 0.05, np.float32))


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_strands_are_seen_and_one_hull_each_stands_for_them(head, style):
    meshes = grown(head, style)
    seen = [mesh for mesh in meshes if mesh.passes == "seen"]
    hulls = [mesh for mesh in meshes if mesh.passes == "label"]
    assert len(seen) == len(hulls) >= 1
    assert sum(len(mesh.triangles) for mesh in meshes) <= MOST_TRIANGLES
    for mesh in seen:
        assert mesh.material.strand and mesh.material.opacity is not None
        assert mesh.cutoff is not None and len(mesh.cutoff) == len(mesh.uv)
    for mesh in meshes:
        assert np.isfinite(mesh.vertices).all()
        assert mesh.triangles.max() < mesh.vertices.shape[1]
        assert set(mesh.part) == {parts.INDEX["scalp"]}
        # All hair shows a point of the head: the template's head is above its shoulders.
        assert mesh.template[:, 1].min() > 0.55


def test_the_hull_lies_within_the_strands(head):
    seen, hull = grown(head, Style("short", 0.03))
    middle = scalp.MIDDLE + (0, head.shape.vertices[:, 1].max() - 0.849, 0)

    def reach(mesh, used):
        return np.linalg.norm(mesh.vertices[0, used] - middle, axis=1)

    outer = reach(seen, np.unique(seen.triangles)).max()
    assert reach(hull, np.unique(hull.triangles)).max() < outer


def test_hair_keeps_off_ears_and_face(model):
    growing = scalp.hairline(model, 0.0) > 0
    assert not growing[model.regions["ears"] > 0.9].any()
    assert not growing[model.regions["lips"] > 0.5].any()
    assert not growing[model.regions["eyelids"] > 0.5].any()
    assert growing[model.rest[:, 1] > model.rest[:, 1].max() - 0.02].all()


def test_a_receding_hairline_bares_the_forehead_only(model):
    before, after = scalp.hairline(model, 0.0) > 0, scalp.hairline(model, 0.03) > 0
    assert after.sum() < before.sum() and not (after & ~before).any()
    assert (model.rest[before & ~after, 2] > 0.04).all()


def test_long_hair_hangs_below_the_chin_and_out_of_the_neck(head, model):
    long = next(mesh for mesh in grown(head, STYLES[3]) if mesh.passes == "label")
    chin = head.shape.vertices[model.regions["lips"] > 0.5, 1].min() - 0.03
    points = long.vertices[-1, np.unique(long.triangles)]
    assert points[:, 1].min() < chin - 0.1
    neck = head.shape.heads[model.bone["neck02"]]
    near = np.abs(points[:, 1] - neck[1]) < 0.02
    assert np.hypot(*(points[near] - neck)[:, [0, 2]].T).min() > 0.045


def test_everyone_gets_hair_that_suits_them():
    rng = np.random.default_rng(8)
    women = [hairstyles.sample_style(rng, Phenotype(gender=0.05), 0.3) for _ in range(80)]
    men = [hairstyles.sample_style(rng, Phenotype(gender=0.95), 0.3) for _ in range(80)]

    def long(styles):
        return np.mean([bool(s and (s.fall_m or s.tails)) for s in styles])

    assert long(women) > 0.4 > long(men)
    assert None in men and None not in women
    assert all(beards.sample(rng, Phenotype(gender=0.05)) is None for _ in range(20))
    assert any(beards.sample(rng, Phenotype(gender=0.95)) for _ in range(20))


def test_hair_greys_with_age():
    rng = np.random.default_rng(9)
    old, young = (
        [hairstyles.sample_colour(rng, Phenotype(age_years=age), 0.8).mean() for _ in range(40)]
        for age in (85.0, 25.0)
    )
    assert np.median(old) > 3 * np.median(young)


@pytest.mark.parametrize("kind", headwear.KINDS)
def test_headwear_moves_with_the_head(model, kind):
    shape = model.shape(Phenotype())
    still = np.tile(np.eye(3), (2, len(model.bones), 1, 1))
    posed = model.pose(shape, still, np.array([[0, 0, 0], [0.3, 0.2, -0.1]]))
    worn = headwear.make(np.random.default_rng(2), kind, Head(model, shape, posed, 25.0, 1), 0.01)
    carried = [mesh for mesh in worn if parts.INDEX["torso"] not in mesh.part]
    for mesh in carried:
        moved = mesh.vertices[1] - mesh.vertices[0]
        np.testing.assert_allclose(moved, np.broadcast_to([0.3, 0.2, -0.1], moved.shape), atol=1e-5)
        assert mesh.template is not None
    assert carried

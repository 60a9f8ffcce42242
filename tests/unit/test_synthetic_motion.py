"""Motion: what people do looks like people, for any body, at any frame rate."""

import numpy as np
import pytest

from thfm_jax.data.synthetic.bodies.body import BodyModel
from thfm_jax.data.synthetic.bodies.phenotype import Phenotype
from thfm_jax.data.synthetic.motion import KINDS, angles, collide, limits, rig, sample, skeleton

PEOPLE = {
    "adult": Phenotype(age_years=30, gender=0.3),
    "toddler": Phenotype(age_years=2),
    "tall": Phenotype(age_years=25, gender=1.0, height=1.0, muscle=0.7),
    "heavy": Phenotype(age_years=50, gender=0.8, weight=1.4),
}


@pytest.fixture(scope="module")
def model(pack):
    return BodyModel.load(pack)


@pytest.fixture(scope="module", params=PEOPLE)
def shape(request, model):
    return model.shape(PEOPLE[request.param])


def _skin(model, shape, motion):
    """[T, V, 3] positions of the skin."""
    posed = model.pose(shape, motion.rotations, motion.translation)
    return posed.vertices[:, model.patches["body"].vertex_ids].astype(np.float64)


def _soles(model, shape):
    """Two masks of the skin: what a foot stands on."""
    ids = model.patches["body"].vertex_ids
    owner = model.weights.bones[ids, 0]
    low = shape.vertices[ids, 1] < 0.007 * shape.vertices[ids, 1].max()
    return [
        low & np.isin(owner, [k for b, k in model.bone.items() if b.endswith(end) and _foot(b)])
        for end in (".L", ".R")
    ]


def _foot(bone):
    return bone.startswith(("foot", "toe"))


def _seed(kind):
    return 100 + KINDS.index(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_joints_stay_inside_human_limits(model, shape, kind):
    motion = sample(np.random.default_rng(_seed(kind)), model, shape, 9, 12.0, kind=kind)
    measured = angles.measure(rig.measure(model, shape), motion.rotations)
    assert set(measured) <= set(limits.LIMITS)
    for name, value in measured.items():
        # Twist is shared by bones whose lines differ by a degree or two.
        assert limits.excess(name, value) < 1.0, name


@pytest.mark.parametrize("kind", KINDS)
def test_feet_neither_sink_nor_slide(model, shape, kind):
    motion = sample(np.random.default_rng(_seed(kind)), model, shape, 25, 30.0, kind=kind)
    skin = _skin(model, shape, motion)
    floor = motion.seat.height if motion.seat and kind == "lie" else 0.0
    assert skin[..., 1].min() > floor - 0.01
    for side, sole in enumerate(_soles(model, shape)):
        standing = motion.contact[1:, side] & motion.contact[:-1, side]
        along = skin[:, sole][..., [0, 2]]
        moved = np.linalg.norm(np.diff(along, axis=0), axis=-1)
        # Of a rolling foot, the heel or the ball rests.
        assert (moved.min(1)[standing] < 0.005).all()


@pytest.mark.parametrize("kind", KINDS)
def test_frame_rate_samples_the_same_motion(model, shape, kind):
    slow = sample(np.random.default_rng(_seed(kind)), model, shape, 5, 12.0, kind=kind)
    fast = sample(np.random.default_rng(_seed(kind)), model, shape, 9, 24.0, kind=kind)
    np.testing.assert_allclose(fast.rotations[::2], slow.rotations, atol=1e-9)
    np.testing.assert_allclose(fast.translation[::2], slow.translation, atol=1e-9)
    np.testing.assert_allclose(fast.expression[::2], slow.expression, atol=1e-6)
    assert fast.kind == slow.kind
    np.testing.assert_array_equal(fast.contact[::2], slow.contact)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_jumps(model, shape, kind):
    """Joints of people move at 12 m/s at most, and speeds change gradually."""
    fps = 120.0
    motion = sample(np.random.default_rng(_seed(kind)), model, shape, 60, fps, kind=kind)
    heads = model.pose(shape, motion.rotations, motion.translation).heads
    assert np.linalg.norm(np.diff(heads, axis=0), axis=-1).max() * fps < 12


def test_arms_stay_out_of_the_body(model, shape):
    body = rig.measure(model, shape)
    solids = collide.measure(body)
    depths = []
    for seed in range(40):
        motion = sample(np.random.default_rng(seed), model, shape, 4, 6.0)
        turns, places = skeleton.forward(body, motion.rotations, motion.translation)
        named = [{bone: track[:, k] for bone, k in model.bone.items()} for track in (turns, places)]
        depths.append(collide.deepest(solids, *named))
    depths = np.concatenate(depths)
    assert np.mean(depths > 0.02) < 0.03
    assert depths.max() < 0.04


def test_one_seed_makes_one_motion(model, shape):
    first, second = (sample(np.random.default_rng(5), model, shape, 6, 12.0) for _ in range(2))
    for name in ("rotations", "translation", "expression", "contact"):
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes()
    other = sample(np.random.default_rng(6), model, shape, 6, 12.0)
    assert not np.array_equal(first.rotations, other.rotations)


def test_clips_have_the_asked_shape(model, shape):
    motion = sample(np.random.default_rng(0), model, shape, 81, 60.0)
    bones, units = len(model.bones), len(model.expressions)
    assert motion.rotations.shape == (81, bones, 3, 3)
    assert motion.rotations.dtype == np.float64
    assert motion.translation.shape == (81, 3)
    assert motion.expression.shape == (81, units)
    assert motion.expression.dtype == np.float32
    assert motion.expression.min() >= 0 and motion.expression.max() <= 1
    assert motion.contact.shape == (81, 2)
    products = motion.rotations @ np.swapaxes(motion.rotations, -1, -2)
    np.testing.assert_allclose(products, np.broadcast_to(np.eye(3), products.shape), atol=1e-9)


def test_who_sits_touches_the_seat(model, shape):
    motion = sample(np.random.default_rng(3), model, shape, 4, 6.0, kind="sit")
    seat = motion.seat
    assert seat.height == seat.position[1] > 0
    skin = _skin(model, shape, motion)[0]
    above = np.abs(skin[:, [0, 2]] - seat.position[[0, 2]]).max(1) < 0.25 * seat.size[1]
    trunk = skin[above & (skin[:, 1] > 0.5 * seat.height)]
    assert abs(trunk[:, 1].min() - seat.height) < 0.06


@pytest.mark.parametrize("held", ["phone", "cup", "bag", "stick"])
def test_a_hand_holds_what_is_held(model, shape, held):
    motion = sample(np.random.default_rng(1), model, shape, 3, 6.0, kind="stand", held=held)
    fingers = angles.measure(rig.measure(model, shape), motion.rotations)["fingers"]
    assert motion.hand in (0, 1)
    bends = np.degrees(fingers[motion.hand, :, :, :2].sum(-1))
    assert (bends > 30).all()


def test_gestures_can_be_asked_for(model, shape):
    motion = sample(np.random.default_rng(1), model, shape, 3, 6.0, kind="walk+wave")
    assert motion.kind == "walk+wave"


@pytest.mark.parametrize("kind", ["fly", "walk+fly"])
def test_unknown_kinds_are_named(model, shape, kind):
    with pytest.raises(ValueError, match="'fly'"):
        sample(np.random.default_rng(0), model, shape, 3, 6.0, kind=kind)

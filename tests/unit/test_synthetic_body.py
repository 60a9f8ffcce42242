"""The body model: shapes, poses, and joints that follow both."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from thfm_jax import joints
from thfm_jax.data.synthetic import parts
from thfm_jax.data.synthetic.bodies.body import BodyModel
from thfm_jax.data.synthetic.bodies.phenotype import Phenotype, sample_phenotype
from thfm_jax.data.synthetic.bodies.scaling import Scale

FLOAT32_M = 5e-6  # what float32 leaves of a position within a few metres of the origin
angle = st.floats(-np.pi, np.pi)
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def model(pack):
    return BodyModel.load(pack)


@pytest.fixture(scope="module")
def person(model):
    return model.shape(sample_phenotype(np.random.default_rng(5)))


def still(model, frames=1):
    return np.tile(np.eye(3), (frames, len(model.bones), 1, 1)), np.zeros((frames, 3))


def volume(vertices, triangles):
    a, b, c = (vertices[triangles[:, k]].astype(np.float64) for k in range(3))
    return float((np.cross(a, b) * c).sum() / 6)


def test_the_rig_is_a_tree_with_parents_first(model):
    assert len(model.bones) == len(set(model.bones)) == 163
    assert model.parents[0] == -1
    assert (model.parents[1:] < np.arange(1, 163)).all() and (model.parents[1:] >= 0).all()


def test_skin_weights_sum_to_one_strongest_first(model):
    bones, values = model.weights
    np.testing.assert_allclose(values.sum(axis=1), 1, atol=1e-6)
    assert (np.diff(values, axis=1) <= 0).all()
    assert bones.max() < len(model.bones)


def test_patches_are_wound_outwards_and_seams_share_places(model):
    for name in ("body", "left_eye", "right_eye", "tongue", "tights"):
        patch = model.patches[name]
        assert volume(model.rest[patch.vertex_ids], patch.triangles) > 0, name
    body = model.patches["body"]
    assert len(body.triangles) == 2 * 13378
    assert len(body.part) == len(body.triangles)
    assert len(body.vertex_ids) > len(np.unique(body.vertex_ids))
    assert body.uv.min() >= 0 and body.uv.max() <= 1


def test_people_stand_on_the_ground_and_look_along_z(model, person):
    body = np.unique(model.patches["body"].vertex_ids)
    assert person.vertices[body, 1].min() == pytest.approx(0, abs=1e-7)
    still_joints = model.joints(person, model.pose(person, *still(model)))[0]
    assert still_joints[joints.INDEX["nose"], 2] > still_joints[joints.INDEX["head"], 2]
    assert still_joints[joints.INDEX["left_hand"], 0] > 0


def test_identity_is_the_shape_at_rest(model, person):
    posed = model.pose(person, *still(model, 2), np.zeros((2, 52), np.float32))
    np.testing.assert_allclose(posed.vertices[1], person.vertices, atol=FLOAT32_M)
    np.testing.assert_allclose(posed.heads[0], person.heads, atol=1e-12)


@given(angle, angle, angle, st.tuples(*[st.floats(-3, 3)] * 3))
@settings(max_examples=20)
def test_turning_the_root_moves_everything_rigidly(model, person, a, b, c, shift):
    turn = Rotation.from_euler("yxz", (a, b, c)).as_matrix()
    rotations, translation = still(model)
    rotations[0, 0], translation[0] = turn, shift
    rest = model.pose(person, *still(model))
    moved = model.pose(person, rotations, translation)
    pivot = person.heads[0]
    expected = (rest.vertices[0] - pivot) @ turn.T + pivot + shift
    np.testing.assert_allclose(moved.vertices[0], expected, atol=FLOAT32_M)
    before, after = model.joints(person, rest)[0], model.joints(person, moved)[0]
    np.testing.assert_allclose(after, (before - pivot) @ turn.T + pivot + shift, atol=FLOAT32_M)


@given(seeds)
@settings(max_examples=15)
def test_bones_keep_their_lengths_in_any_pose(model, person, seed):
    rng = np.random.default_rng(seed)
    rotations = Rotation.random(len(model.bones), rng).as_matrix()[None]
    posed = model.pose(person, rotations, np.zeros((1, 3)))
    children = np.arange(1, len(model.bones))
    parents = model.parents[children]

    def lengths(heads):
        return np.linalg.norm(heads[children] - heads[parents], axis=1)

    np.testing.assert_allclose(lengths(posed.heads[0]), lengths(person.heads), atol=1e-9)
    # A turn is relative to the parent, in the axes of the world at rest.
    world = posed.bones[0, :, :, :3]
    np.testing.assert_allclose(world[children], world[parents] @ rotations[0, children], atol=1e-9)


def test_bending_an_elbow_moves_the_arm_below_it_only(model, person):
    rotations, translation = still(model)
    rotations[0, model.bone["lowerarm01.L"]] = Rotation.from_rotvec([-1.0, 0, 0]).as_matrix()
    before = model.joints(person, model.pose(person, *still(model)))[0]
    after = model.joints(person, model.pose(person, rotations, translation))[0]
    moved = np.linalg.norm(after - before, axis=1) > 1e-6
    below = {"wrist", "hand"} | {
        f"{f}_{part}" for f in ("index", "pinky") for part in ("knuckle", "tip")
    }
    below |= {f"{finger}_tip" for finger in ("thumb", "middle", "ring")}
    assert {joints.NAMES[k] for k in np.flatnonzero(moved)} == {f"left_{name}" for name in below}


def test_joints_of_an_even_person_mirror(model):
    shape = model.shape(Phenotype(gender=0.8, weight=0.9, age_years=60))
    found = model.joints(shape, model.pose(shape, *still(model)))[0]
    np.testing.assert_allclose(found[joints.MIRROR] * [-1, 1, 1], found, atol=1e-6)


def test_joints_stand_in_the_order_of_a_body(model, person):
    found = model.joints(person, model.pose(person, *still(model)))[0]
    height = {name: found[index, 1] for name, index in joints.INDEX.items()}
    up = "left_heel left_ankle left_knee mid_hip pelvis spine1 spine2 spine3 neck head head_top"
    heights = [height[name] for name in up.split()]
    assert heights == sorted(heights)
    pelvis, neck = found[joints.INDEX["pelvis"]], found[joints.INDEX["neck"]]
    for name, share in (("spine1", 0.2), ("spine2", 0.5), ("spine3", 0.6)):
        along = (
            (found[joints.INDEX[name]] - pelvis) @ (neck - pelvis) / ((neck - pelvis) ** 2).sum()
        )
        assert along == pytest.approx(share, abs=0.05), name


@given(seeds, st.booleans())
@settings(max_examples=15)
def test_joints_lie_inside_the_body_or_on_its_skin(model, seed, cartoon):
    shape = model.shape(sample_phenotype(np.random.default_rng(seed), cartoon))
    depth = model.joint_radius(shape)
    on_skin = ["nose", "chin", "head_top", "left_ear", "left_heel", "left_index_tip"]
    assert (depth[joints.indices(on_skin)] == 0).all()
    inside = ["left_eye", "left_shoulder", "left_knee", "mid_hip", "spine2", "head", "left_hand"]
    stature = shape.vertices[np.unique(model.patches["body"].vertex_ids), 1].max()
    assert (depth[joints.indices(inside)] > 0).all()
    assert depth.max() < 0.2 * stature


def test_an_eye_joint_is_the_centre_of_its_ball(model):
    rng = np.random.default_rng(6)
    for _ in range(10):
        shape = model.shape(sample_phenotype(rng))
        found = model.joints(shape, model.pose(shape, *still(model)))[0]
        for side in ("left", "right"):
            ball = shape.vertices[np.unique(model.patches[f"{side}_eye"].vertex_ids)].astype(float)
            solved = np.linalg.lstsq(np.c_[2 * ball, np.ones(len(ball))], (ball**2).sum(1))[0]
            miss = np.linalg.norm(found[joints.INDEX[f"{side}_eye"]] - solved[:3])
            assert miss < 0.003


def test_fingers_that_grow_carry_their_joints(model):
    longer = Phenotype(features={"hands/l-hand-fingers-length-incr": 1.0})

    def length(shape, side):
        found = model.joints(shape, model.pose(shape, *still(model)))[0]
        tip, knuckle = (joints.INDEX[f"{side}_index_{part}"] for part in ("tip", "knuckle"))
        return np.linalg.norm(found[tip] - found[knuckle])

    before, after = model.shape(Phenotype()), model.shape(longer)
    assert length(after, "left") > 1.1 * length(before, "left")
    assert length(after, "right") == pytest.approx(length(before, "right"), abs=1e-6)
    # The joints within the finger move with it, so that it bends where its skin does.
    bone = model.bone["finger2-3.L"]
    moved = np.linalg.norm(after.heads[bone] - before.heads[bone])
    assert moved > 0.005 and model.joint_radius(after).max() < 0.2


def test_expressions_move_the_face_and_nothing_else(model, person):
    assert len(model.expressions) == 52
    weights = np.zeros((2, 52), np.float32)
    weights[1, model.expressions.index("jawOpen")] = 1
    posed = model.pose(person, *still(model, 2), weights)
    closed, opened = model.joints(person, posed)
    drop = closed[joints.INDEX["chin"], 1] - opened[joints.INDEX["chin"], 1]
    assert 0.01 < drop < 0.06
    moved = np.linalg.norm(posed.vertices[1] - posed.vertices[0], axis=1) > 1e-6
    body = model.patches["body"].vertex_ids
    assert moved[model.patches["lower_teeth"].vertex_ids].all()
    below = np.isin(model.part[body], [parts.INDEX["pelvis"], parts.INDEX["left_hand"]])
    assert not moved[body][below].any()


def test_small_faces_move_less(model):
    child = model.shape(Phenotype(age_years=2))
    assert child.expression_scale < 0.85 * model.shape(Phenotype()).expression_scale


def test_every_bone_moves_its_own_part(model):
    body = model.patches["body"]
    assert set(np.unique(body.part)) == set(range(1, parts.INDEX["held"]))
    centre = model.rest[body.vertex_ids][body.triangles].mean(axis=1)
    for name in parts.NAMES[1 : parts.INDEX["held"]]:
        x, y, _ = centre[body.part == parts.INDEX[name]].mean(axis=0)
        side = {"left": 1, "right": -1}.get(name.split("_")[0], 0)
        assert np.sign(round(x, 3)) == side, name
        assert (y > 0.9) == (not name.endswith(("leg", "foot", "pelvis"))), name


def test_regions_lie_where_their_names_say(model):
    rest, ids = model.rest, np.unique(model.patches["body"].vertex_ids)
    for name, mask in model.regions.items():
        assert mask.min() >= 0 and mask.max() <= 1 and (mask > 0.5).sum() > 20, name
        assert not np.delete(mask, ids).any(), name
    centre = {name: (m[:, None] * rest).sum(0) / m.sum() for name, m in model.regions.items()}
    assert centre["soles"][1] < 0.03
    assert centre["scalp"][1] > centre["brows"][1] > centre["moustache"][1] > centre["beard"][1]
    assert centre["lips"][2] > 0.1 and centre["scalp"][2] < centre["brows"][2]
    # Seen from the middle of the body, palms are nearer than the backs of the hands.
    hand = model.part == parts.INDEX["left_hand"]
    assert (model.regions["palms"][hand] > 0.5).mean() < 0.7


def test_scaled_bones_are_that_much_longer(model):
    arm = {"upperarm01.L": Scale(length=1.5), "upperarm02.L": Scale(length=1.5)}
    scaled = model.shape(Phenotype(scales={**arm, "wrist.R": Scale(size=2.0)}))
    plain = model.shape(Phenotype())

    def length(shape, first, second):
        a, b = shape.heads[model.bone[first]], shape.heads[model.bone[second]]
        return np.linalg.norm(a - b)

    arm_of = ("upperarm02.L", "lowerarm01.L")
    assert length(scaled, *arm_of) == pytest.approx(1.5 * length(plain, *arm_of), rel=1e-6)
    hand = ("wrist.R", "finger3-3.R")
    assert length(scaled, *hand) == pytest.approx(2 * length(plain, *hand), rel=1e-6)
    finger = model.joints(scaled, model.pose(scaled, *still(model)))[0]
    tip, knuckle = (finger[joints.INDEX[f"right_index_{part}"]] for part in ("tip", "knuckle"))
    assert np.linalg.norm(tip - knuckle) > 0.12


def test_arrays_of_other_shapes_are_refused(model, person):
    rotations, translation = still(model, 2)
    with pytest.raises(ValueError, match="rotations"):
        model.pose(person, rotations[:, :100], translation)
    with pytest.raises(ValueError, match="translation"):
        model.pose(person, rotations, translation[:1])
    with pytest.raises(ValueError, match="expression"):
        model.pose(person, rotations, translation, np.zeros((1, 52), np.float32))


def test_unknown_features_and_bones_are_named(model):
    with pytest.raises(ValueError, match="nose/long"):
        model.shape(Phenotype(features={"nose/long": 1.0}))
    with pytest.raises(ValueError, match="tail"):
        model.shape(Phenotype(scales={"tail": Scale(2.0)}))

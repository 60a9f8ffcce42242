"""Bodies of SMPL and SMPL-X: against a slow implementation, and by hand."""

import numpy as np
import pytest
from scipy import sparse

from tests.miniatures import bodies
from thfm_jax.data.benchmarks.sequence import BenchmarkError
from thfm_jax.data.benchmarks.smpl import Bodies, Landmarks, read_model, vertices

FRAMES = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of models of both families, and what they hold."""
    path = tmp_path_factory.mktemp("models")
    rng = np.random.default_rng(0)
    return path, bodies.write_smpl(path, rng), bodies.write_smplx(path, rng)


def random_people(rng, joints, shapes):
    return Bodies(
        rng.normal(0, 0.5, (FRAMES, joints, 3)),
        rng.normal(0, 1, (FRAMES, shapes)),
        rng.normal(0, 1, (FRAMES, 3)),
    )


@pytest.mark.parametrize("family, shapes", [("SMPL", 10), ("SMPLX", 20)])
def test_skin_equals_the_definition_written_out(folder, family, shapes):
    path, smpl, smplx = folder
    content = {"SMPL": smpl, "SMPLX": smplx}[family]["female"]
    people = random_people(np.random.default_rng(1), len(content["J_regressor"]), shapes)
    directions = range(10) if family == "SMPL" else [*range(10), *range(300, 310)]
    expected = [
        bodies.skin(content, *person, directions)
        for person in zip(people.pose, people.shape, people.translation, strict=True)
    ]
    found = vertices(read_model(path, family, "female"), people)
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("family, shapes", [("SMPL", 10), ("SMPLX", 20)])
def test_landmarks_equal_their_matrix_times_the_skin(folder, family, shapes):
    model = read_model(folder[0], family, "male")
    rng = np.random.default_rng(2)
    matrix = rng.normal(size=(5, len(model.basis)))
    matrix /= matrix.sum(axis=1, keepdims=True)  # so that a translation moves them along
    people = random_people(rng, len(model.parents), shapes)
    found = Landmarks(model, sparse.csr_array(matrix))(people)
    np.testing.assert_allclose(found, matrix @ vertices(model, people), atol=1e-10)


def test_one_shape_serves_all_frames(folder):
    model = read_model(folder[0], "SMPL", "male")
    people = random_people(np.random.default_rng(3), 24, 10)
    one = Bodies(people.pose, people.shape[:1], people.translation)
    same = Bodies(people.pose, np.repeat(people.shape[:1], FRAMES, 0), people.translation)
    np.testing.assert_array_equal(vertices(model, one), vertices(model, same))


def test_zero_pose_is_the_template_moved(folder):
    path, smpl, _ = folder
    move = np.array([[1.0, 2.0, 3.0]])
    people = Bodies(np.zeros((1, 24, 3)), np.zeros((1, 10)), move)
    found = vertices(read_model(path, "SMPL", "neutral"), people)[0]
    np.testing.assert_allclose(found, smpl["neutral"]["v_template"] + move, atol=1e-15)


def two_bones(tmp_path):
    """A forearm along x on a shoulder at the origin and an elbow at x = 1; no pose directions."""
    content = {
        "v_template": np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [1.5, 0.2, 0]]),
        "shapedirs": np.zeros((4, 3, 10)),
        "posedirs": np.zeros((4, 3, 9)),
        "J_regressor": np.array([[1.0, 0, 0, 0], [0, 1, 0, 0]]),
        "weights": np.array([[1.0, 0], [1, 0], [0, 1], [0.5, 0.5]]),
        "kintree_table": np.array([[2**32 - 1, 0], [0, 1]], np.uint32),
    }
    np.savez(tmp_path / "SMPL_NEUTRAL.npz", **content)
    return read_model(tmp_path, "SMPL", "neutral")


def test_an_elbow_bent_by_a_right_angle_by_hand(tmp_path):
    pose = np.array([[[0, 0, 0], [0, 0, np.pi / 2]]])  # about z: x goes to y
    found = vertices(two_bones(tmp_path), Bodies(pose, np.zeros((1, 10)), np.zeros((1, 3))))[0]
    # The wrist goes from (2, 0) to (1, 1). The last vertex goes half way, between where it was and
    # (1, 0) + turned (0.5, 0.2) = (0.8, 0.5).
    np.testing.assert_allclose(
        found, [[0, 0, 0], [1, 0, 0], [1, 1, 0], [1.15, 0.35, 0]], atol=1e-15
    )


def test_a_shoulder_turns_all_below_it_by_hand(tmp_path):
    pose = np.array([[[0, 0, np.pi / 2], [0, 0, np.pi / 2]]])
    people = Bodies(pose, np.zeros((1, 10)), np.array([[0, 0, 5.0]]))
    found = vertices(two_bones(tmp_path), people)[0]
    np.testing.assert_allclose(found[:3], [[0, 0, 5], [0, 1, 5], [-1, 1, 5]], atol=1e-15)


def test_a_missing_model_is_named_with_where_to_get_it(tmp_path):
    with pytest.raises(BenchmarkError, match=r"SMPL_FEMALE\.pkl: not found.*option smpl"):
        read_model(tmp_path, "SMPL", "female")


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda c: c.pop("weights"), "expected a model of SMPL"),
        (lambda c: c.update(posedirs=c["posedirs"][..., :-1]), "expected a model of SMPL"),
        (lambda c: c.update(J_regressor=c["J_regressor"][:, :-1]), "expected a model of SMPL"),
        (lambda c: c.update(kintree_table=c["kintree_table"][:, ::-1]), "before its parent"),
        (lambda c: c.update(v_template=100 * c["v_template"]), "centimetres"),
    ],
)
def test_other_files_are_no_models(tmp_path, change, message):
    content = bodies.random_model(np.random.default_rng(0))
    change(content)
    np.savez(tmp_path / "SMPL_MALE.npz", **content)
    with pytest.raises(BenchmarkError, match=rf"SMPL_MALE\.npz.*{message}"):
        read_model(tmp_path, "SMPL", "male")

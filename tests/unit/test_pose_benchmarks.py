"""EMDB, RICH, 3DPW and Human3.6M, from files on disk to figures."""

import dataclasses
import json
import pickle
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from tests.miniatures import bodies, emdb, human36m, rich, threedpw
from tests.miniatures.pictures import write_picture
from thfm_jax import joints
from thfm_jax.data.benchmarks import pose_sequence
from thfm_jax.data.benchmarks.sequence import BenchmarkError
from thfm_jax.evaluation import pose
from thfm_jax.evaluation.benchmark import open_benchmark
from thfm_jax.evaluation.predictions import FromFiles, PredictionError
from thfm_jax.evaluation.registry import find
from thfm_jax.evaluation.runner import score_sequence
from thfm_jax.types import Target

# Benchmark -> its miniature, options of its reader, and what each sequence does not score.
SETS = {
    "emdb1": (emdb, {"sequences": 2}, [emdb.HIDDEN]),
    "emdb2": (emdb, {"sequences": 2}, [emdb.HIDDEN]),
    "rich": (rich, {}, [rich.NO_BODY - rich.FRAMES[0]]),
    "3dpw": (threedpw, {"sequences": 2}, [threedpw.INVALID]),
    "h36m_p1": (human36m, {}, []),
    "h36m_p2": (human36m, {}, []),
}
NAMES = {
    "emdb1": ["P1/14_outdoor_climb", "P8/64_outdoor_skateboard"],
    "emdb2": ["P2/24_outdoor_long_walk", "P8/64_outdoor_skateboard"],
    "rich": ["Gym_013_burpee4/cam_00", "Gym_013_burpee4/cam_04"],
    "3dpw": ["downtown_bar_00_0", "downtown_bar_00_1", "office_phoneCall_00_0"],
    "h36m_p1": [
        f"{subject}/{action}.{camera}"
        for subject, action in (("S11", "Walking"), ("S9", "Directions_1"), ("S9", "Eating"))
        for camera in human36m.CAMERAS
    ],
    "h36m_p2": [
        "S11/Walking.60457274", "S9/Directions_1.60457274", "S9/Eating.60457274",
    ],
}  # fmt: skip
HIPS = {24: [1, 2], 14: [2, 3]}
each_set = pytest.mark.parametrize("name", SETS)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """module of a miniature -> (its folder, its truth); not to be changed."""
    made = {}
    for module in (emdb, rich, threedpw, human36m):
        root = tmp_path_factory.mktemp(module.__name__.rsplit(".", 1)[-1])
        made[module] = root, module.write(root, np.random.default_rng(7))
    return made


def opened(name, root, **options):
    return open_benchmark(find(name), root, **{**SETS[name][1], **options})


def copied(written, module, tmp_path):
    """A copy that may be spoiled."""
    return shutil.copytree(written[module][0], tmp_path / "set")


def evaluated(name, root, predictions, tmp_path, meta=None):
    """Figures of predictions, {sequence: [T, K, 3]}, by way of files; and how many frames count."""
    for sequence, points in predictions.items():
        folder = tmp_path / "predictions" / sequence
        folder.mkdir(parents=True)
        np.save(folder / "keypoints3d.npy", points.astype(np.float32))
        if meta:
            (folder / "meta.json").write_text(json.dumps(meta))
    source, tallies, scored = FromFiles(tmp_path / "predictions"), {}, 0
    for sequence in opened(name, root):
        result, _ = score_sequence(find(name), sequence, source)
        scored += result.scored
        for measure, tally in result.tallies.items():
            tallies[measure] = tallies[measure] + tally if measure in tallies else tally
    return {measure: tally.value() for measure, tally in tallies.items()}, scored


def truth_of(name, written):
    truth = written[SETS[name][0]][1]
    return {sequence: np.nan_to_num(truth[sequence]) for sequence in NAMES[name]}


# Readers


@each_set
def test_labels_equal_the_miniature_s(name, written):
    root, truth = written[SETS[name][0]]
    sequences = opened(name, root)
    assert [sequence.name for sequence in sequences] == NAMES[name]
    for sequence in sequences:
        label = sequence.truth(slice(0, sequence.frames))["keypoints3d"]
        expected = truth[sequence.name]
        scored = np.ones(len(expected), bool)
        if not (name == "3dpw" and sequence.name.endswith("_1")):  # only the first has bad frames
            scored[SETS[name][2]] = False
        np.testing.assert_array_equal(label.mask, np.repeat(scored[:, None], expected.shape[1], 1))
        assert label.value.dtype == np.float32
        np.testing.assert_allclose(label.value[scored], expected[scored], atol=1e-6)


@each_set
def test_parts_of_labels_and_pictures(name, written):
    module = SETS[name][0]
    for sequence in opened(name, written[module][0]):
        assert (sequence.height, sequence.width) == (module.HEIGHT, module.WIDTH)
        whole = sequence.truth(slice(0, sequence.frames))["keypoints3d"]
        part = sequence.truth(slice(1, 3))["keypoints3d"]
        np.testing.assert_array_equal(part.value, whole.value[1:3])
        pictures = sequence.pictures(slice(1, 3))
        assert pictures.shape == (2, module.HEIGHT, module.WIDTH, 3) and pictures.dtype == np.uint8
        levels = sequence.pictures(slice(0, sequence.frames)).mean(axis=(1, 2, 3))
        assert (np.diff(levels) > 5).all()  # in the order in which they were written


@each_set
def test_boxes_lie_round_the_person(name, written):
    for sequence in opened(name, written[SETS[name][0]][0]):
        boxes = sequence.boxes(slice(0, sequence.frames))
        scored = sequence.truth(slice(0, sequence.frames))["keypoints3d"].mask[:, 0]
        assert np.isnan(boxes[~scored]).all() and np.isfinite(boxes[scored]).all()
        assert ((boxes[scored, 2:] - boxes[scored, :2]).max(axis=1) > 8).all()
        centre = (boxes[scored, :2] + boxes[scored, 2:]) / 2
        assert (centre > 0).all() and (centre < [sequence.width, sequence.height]).all()


def test_boxes_of_3dpw_hold_the_joints_and_of_rich_are_in_pixels_of_reduced_pictures(written):
    focal = {"3dpw": 60, "rich": 160 / 4}
    for name in focal:
        for sequence in opened(name, written[SETS[name][0]][0]):
            label = sequence.truth(slice(0, 2))["keypoints3d"].value
            centre = [sequence.width / 2, sequence.height / 2]
            pixels = focal[name] * label[..., :2] / label[..., 2:] + centre
            boxes = sequence.boxes(slice(0, 2))
            assert (pixels >= boxes[:, None, :2]).all() and (pixels <= boxes[:, None, 2:]).all()


def test_boxes_are_the_same_however_many_are_made_at_a_time(written, monkeypatch):
    for name in ("3dpw", "rich", "emdb1"):
        sequence = opened(name, written[SETS[name][0]][0])[-1]
        whole = sequence.boxes(slice(0, sequence.frames))
        with monkeypatch.context() as patch:
            patch.setattr(pose_sequence, "_BLOCK", 2)
            np.testing.assert_allclose(sequence.boxes(slice(0, sequence.frames)), whole)
            np.testing.assert_allclose(sequence.boxes(slice(1, 4)), whole[1:4])
            assert sequence.boxes(slice(3, 3)).shape == (0, 4)


def test_spin_s_labels_are_mmpose_s_relative_to_the_pelvis(written, tmp_path):
    root = copied(written, human36m, tmp_path)
    annotations = human36m.write_spin(root)
    truth = written[human36m][1]
    for sequence in opened("h36m_p2", root, annotations=str(annotations)):
        label = sequence.truth(slice(0, 4))["keypoints3d"].value
        expected = truth[sequence.name]
        expected = expected - expected[:, [2, 3]].mean(axis=1, keepdims=True)
        np.testing.assert_allclose(label, expected, atol=1e-6)


# From files to figures


@each_set
def test_perfect_predictions_score_perfectly(name, written, tmp_path):
    truth = truth_of(name, written)
    moved = {sequence: points + [3.0, -2, 5] for sequence, points in truth.items()}
    found, scored = evaluated(name, written[SETS[name][0]][0], moved, tmp_path)
    bad = len(SETS[name][2]) * (2 if name == "3dpw" else len(truth))
    assert scored == sum(map(len, truth.values())) - bad
    assert {measure.name for measure in find(name).measures} <= set(found)
    jitter = found.pop("jitter_10m_s3", 1.0)
    assert jitter > 0  # of the prediction itself
    assert max(found.values()) < 5e-3  # float32 at a distance of 5 m


@each_set
def test_a_joint_24_mm_off(name, written, tmp_path):
    wrong = truth_of(name, written)
    for points in wrong.values():
        points[:, 5] += [0, 0.024, 0]
    found, _ = evaluated(name, written[SETS[name][0]][0], wrong, tmp_path)
    count = len(find(name).joints)
    assert found["mpjpe_mm"] == pytest.approx(24 / count, abs=1e-3)
    # The alignment minimises squares, of which the mean is 24^2 / count before.
    assert 0.1 < found["pa_mpjpe_mm"] < 24 / np.sqrt(count)
    assert found.get("acceleration_m_s2", 0) < 1e-2


@each_set
def test_a_person_tenth_too_large(name, written, tmp_path):
    truth = truth_of(name, written)
    large = {sequence: 1.1 * points for sequence, points in truth.items()}
    found, _ = evaluated(name, written[SETS[name][0]][0], large, tmp_path)
    distances = []
    for sequence in opened(name, written[SETS[name][0]][0]):
        points = truth[sequence.name]
        points = points - points[:, HIPS[points.shape[1]]].mean(axis=1, keepdims=True)
        kept = sequence.truth(slice(0, len(points)))["keypoints3d"].mask[:, 0]
        distances += list(np.linalg.norm(points[kept], axis=-1).mean(axis=1))
    assert found["mpjpe_mm"] == pytest.approx(100 * np.mean(distances), rel=1e-4)
    assert found["n_mpjpe_mm"] < 5e-3 and found["pa_mpjpe_mm"] < 5e-3


def test_acceleration_skips_frames_that_are_not_scored(written, tmp_path):
    """As in the published code: of t^2 at 0 1 2 3 5 6 the second differences are 2 2 11 -5."""
    wrong = truth_of("emdb1", written)
    for points in wrong.values():
        points[:, 9, 0] += 0.001 * np.arange(emdb.FRAMES) ** 2
    found, _ = evaluated("emdb1", written[emdb][0], wrong, tmp_path)
    assert found["acceleration_m_s2"] == pytest.approx(0.001 * 5 * 30**2 / 24, abs=2e-3)


@each_set
def test_our_joints_are_mapped_onto_the_set_s(name, written, tmp_path):
    ours = {}
    for sequence, points in truth_of(name, written).items():
        ours[sequence] = np.repeat(points[:, :1], len(joints.NAMES), axis=1)
        for index, joint in enumerate(find(name).joints.values()):
            ours[sequence][:, joints.INDEX[joint]] = points[:, index]
    found, _ = evaluated(name, written[SETS[name][0]][0], ours, tmp_path)
    assert found["pa_mpjpe_mm"] < 5e-3 and found["mpjpe_mm"] < 5e-3


def test_named_joints_come_in_any_order(written, tmp_path):
    names = list(find("3dpw").joints)[::-1]
    turned = {name: points[:, ::-1] for name, points in truth_of("3dpw", written).items()}
    found, _ = evaluated("3dpw", written[threedpw][0], turned, tmp_path, {"joints": names})
    assert found["mpjpe_mm"] < 5e-3


@pytest.mark.parametrize("frames, count, message", [(6, 24, "24"), (7, 23, "23 *")])
def test_predictions_of_another_shape_are_named(written, tmp_path, frames, count, message):
    wrong = {name: np.ones((frames, count, 3)) for name in NAMES["emdb1"]}
    wrong = {name: points + np.arange(3) for name, points in wrong.items()}
    with pytest.raises(PredictionError, match="14_outdoor_climb"):
        evaluated("emdb1", written[emdb][0], wrong, tmp_path)


@pytest.mark.parametrize(
    "factor, unit", [(10, "decimetres"), (100, "centimetres"), (1000, "millimetres")]
)
def test_predictions_in_another_unit_are_named(written, tmp_path, factor, unit):
    wrong = {name: factor * points for name, points in truth_of("rich", written).items()}
    with pytest.raises(PredictionError, match=rf"keypoints3d\.npy: expected metres, not {unit}"):
        evaluated("rich", written[rich][0], wrong, tmp_path)


def test_errors_of_single_joints_are_reported(written, tmp_path):
    wrong = truth_of("h36m_p2", written)
    for points in wrong.values():
        points[:, 12] += [0.05, 0, 0]
    found, _ = evaluated("h36m_p2", written[human36m][0], wrong, tmp_path)
    assert found["mpjpe_mm.neck"] == pytest.approx(50, abs=1e-2)
    assert found["mpjpe_mm.left_knee"] < 1e-2


# The protocol by hand


def by_hand(name, predicted, true, mask=None, fps=30.0):
    """Scores of a sequence given as arrays."""
    mask = np.ones(true.shape[:2], bool) if mask is None else mask
    clip = dataclasses.make_dataclass("Clip", ["fps"])(fps)
    labels = {"keypoints3d": Target(true, mask)}
    return find(name).score({"keypoints3d": predicted}, labels, clip)


def cross(count):
    """A body of `count` joints: the hips at x = -1 and 1, and the others at y = 1 ... in metres."""
    points = np.zeros((count, 3))
    points[:, 1] = np.arange(count)
    points[HIPS[count]] = [[1, 0, 0], [-1, 0, 0]]
    return points


def test_the_root_is_the_middle_of_the_hips():
    """A prediction with one hip 0.2 m off is rooted 0.1 m off: all others are 100 mm wrong."""
    for name, count in (("emdb1", 24), ("rich", 24), ("3dpw", 14), ("h36m_p2", 14)):
        wrong = cross(count)
        wrong[HIPS[count][0]] += [0, 0, 0.2]
        found = by_hand(name, wrong[None], cross(count)[None]).tallies
        # The hip itself is 0.2 - 0.1 m off.
        assert found["mpjpe_mm"].value() == pytest.approx(100)


def test_two_joints_off_by_3_4_5():
    wrong = cross(14)
    wrong[0] += [0.03, 0.04, 0]
    wrong[13] += [0, 0.06, 0.08]
    found = by_hand("3dpw", wrong[None], cross(14)[None]).tallies
    assert found["mpjpe_mm"].value() == pytest.approx((50 + 100) / 14)
    assert found["mpjpe_mm.right_ankle"].value() == pytest.approx(50)
    assert found["mpjpe_mm.head"].value() == pytest.approx(100)
    assert found["mpjpe_mm.neck"].value() == pytest.approx(0, abs=1e-9)


def test_frames_are_pooled_over_sequences():
    """1 frame of 10 mm and 3 frames of 2 mm are 4 mm, not the 6 mm of sequences averaged."""
    true = np.repeat(cross(24)[None], 3, axis=0)
    shift = np.zeros((24, 3))
    shift[[0, *range(3, 24)], 2] = 0.024 / 22
    first = by_hand("emdb1", true[:1] + 10 * shift, true[:1]).tallies["mpjpe_mm"]
    second = by_hand("emdb1", true + 2 * shift, true).tallies["mpjpe_mm"]
    assert first.value() == pytest.approx(10)
    assert second.value() == pytest.approx(2)
    assert (first + second).value() == pytest.approx((10 + 3 * 2) / 4)


def test_a_mirrored_person_is_not_aligned_away():
    """By hand: the nearest rotation of a triangle's mirror image is itself where it is flat."""
    rng = np.random.default_rng(0)
    true = rng.normal(size=(5, 24, 3))
    found = by_hand("emdb1", true * [-1, 1, 1], true)
    assert found.tallies["pa_mpjpe_mm"].value() > 100
    flat = true * [1, 1, 0]
    found = by_hand("emdb1", flat * [-1, 1, 1], flat)  # half a turn about y mirrors what is flat
    assert found.tallies["pa_mpjpe_mm"].value() < 1e-6


def test_acceleration_and_jitter_by_hand():
    """x = t^3 mm of one joint: second differences 6 (t + 1) mm, third differences 6 mm."""
    true = np.repeat(cross(24)[None], 5, axis=0)
    predicted = true.copy()
    predicted[:, 7, 0] += 0.001 * np.arange(5) ** 3
    found = by_hand("emdb1", predicted, true).tallies
    assert found["acceleration_m_s2"].value() == pytest.approx(0.012 * 900 / 24)
    assert found["jitter_10m_s3"].value() == pytest.approx(0.006 * 27000 / 10 / 24)
    slow = by_hand("emdb1", predicted, true, fps=15.0).tallies
    assert slow["acceleration_m_s2"].value() == pytest.approx(0.012 * 225 / 24)


def test_no_motion_of_pictures_at_10_hz():
    assert not any("acc" in measure.name for measure in find("h36m_p2").measures)


def test_frames_without_a_person_are_nan():
    true = np.repeat(cross(24)[None], 4, axis=0)
    mask = np.ones((4, 24), bool)
    mask[1] = False
    broken = true.copy()
    broken[1] = np.nan
    found = by_hand("emdb1", broken, true, mask)
    np.testing.assert_array_equal(np.isnan(found.frames), ~mask[:, 0])
    empty = by_hand("emdb1", broken, true, np.zeros_like(mask))
    assert np.isnan(empty.frames).all() and np.isnan(empty.tallies["pa_mpjpe_mm"].value())


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 10))
def test_what_each_measure_does_not_see(seed, zoom):
    rng = np.random.default_rng(seed)
    predicted, true = rng.normal(size=(2, 4, 24, 3))
    turns = Rotation.random(4, random_state=seed).as_matrix()
    shifts = rng.normal(size=(4, 1, 3))
    value = lambda points, name: by_hand("rich", points, true).tallies[name].value()
    for name, moved in (
        ("mpjpe_mm", predicted + shifts),
        ("acceleration_m_s2", predicted + shifts),
        ("n_mpjpe_mm", zoom * predicted + shifts),
        ("pa_mpjpe_mm", zoom * predicted @ turns.mT + shifts),
    ):
        assert value(moved, name) == pytest.approx(value(predicted, name), rel=1e-6)
    order = rng.permutation(4)
    shuffled = by_hand("rich", predicted[order], true[order])
    np.testing.assert_allclose(shuffled.frames, by_hand("rich", predicted, true).frames[order])


def test_every_pose_benchmark_is_listed_with_its_protocol():
    for benchmark in (
        pose.EMDB1, pose.EMDB2, pose.RICH, pose.THREEDPW, pose.H36M_P1, pose.H36M_P2,
    ):  # fmt: skip
        assert find(benchmark.name) is benchmark
        assert f"{len(benchmark.joints)} joints" in benchmark.protocol
        assert set(benchmark.joints.values()) <= set(joints.NAMES)


# Bad input


def edit_pickle(path, change):
    content = pickle.loads(path.read_bytes(), encoding="latin1")
    change(content)
    path.write_bytes(pickle.dumps(content))


EMDB_FILE = "P1/14_outdoor_climb/P1_14_outdoor_climb_data.pkl"


def spoil_emdb(change):
    return lambda root: edit_pickle(root / EMDB_FILE, change)


def spoil_3dpw(change):
    return lambda root: edit_pickle(root / "sequenceFiles/test/office_phoneCall_00.pkl", change)


RICH_FILE = "bodies/test/Gym_013_burpee4/00012/013.pkl"


def spoil_rich(change):
    return lambda root: edit_pickle(root / RICH_FILE, change)


def spoil_h36m(change):
    def spoil(root):
        path = root / "annotation_body3d/fps10/h36m_test.npz"
        with np.load(path) as file:
            content = {key: file[key] for key in file.files}
        change(content)
        np.savez(path, **content)

    return spoil


def scaled(key, factor):
    return lambda content: content.update({key: factor * content[key]})


def move_sequence(root):
    shutil.copytree(root / "P1/14_outdoor_climb", root / "P1/99_outdoor_climb")


BAD = {
    "a missing sequence": (
        "emdb1", lambda root: shutil.rmtree(root / "P1"),
        r"expected 2 sequences of EMDB 1, found 1 \(P8/64_outdoor_skateboard\)",
    ),
    "labels without pictures": (
        "emdb1", lambda root: (root / "P1/14_outdoor_climb/images/00003.jpg").unlink(),
        r"images: lacks 1 pictures, 00003\.jpg the first; .*data\.pkl has labels of 7 frames",
    ),
    "pictures without labels": (
        "emdb1", lambda root: write_picture(
            root / "P1/14_outdoor_climb/images/00007.jpg", emdb.HEIGHT, emdb.WIDTH, 0
        ),
        r"images: has, but should not, 1 pictures, 00007\.jpg",
    ),
    "another number of frames": (
        "emdb1", spoil_emdb(lambda c: c.update(n_frames=6)),
        r"data\.pkl: extrinsics: expected the shape \(6, 4, 4\), got \(7, 4, 4\)",
    ),
    "pictures of another size than the labels say": (
        "emdb1", spoil_emdb(lambda c: c["camera"].update(width=99)), r"00000\.jpg: .* 99 by 48",
    ),
    "a picture of another size": (
        "emdb1", lambda root: write_picture(
            root / "P1/14_outdoor_climb/images/00002.jpg", 20, 30, 0
        ),
        r"00002\.jpg: expected a picture 36 wide and 48 high",
    ),
    "a broken picture": (
        "emdb1", lambda root: (root / "P1/14_outdoor_climb/images/00002.jpg").write_bytes(b"no"),
        r"00002\.jpg",
    ),
    "labels of somebody else": (
        "emdb1", move_sequence, r"P1_14_outdoor_climb_data\.pkl: holds the labels of P1_14",
    ),
    "a key that is missing": (
        "emdb1", spoil_emdb(lambda c: c.pop("camera")), r"data\.pkl: lacks camera",
    ),
    "NaN": (
        "emdb1", spoil_emdb(lambda c: c["smpl"]["trans"].__setitem__((2, 0), np.nan)),
        r"data\.pkl: .*P1/14_outdoor_climb: 1 of 6 frames are not finite",
    ),
    "a camera in millimetres": (
        "emdb1", spoil_emdb(lambda c: c["camera"]["extrinsics"].__imul__(
            np.array([1, 1, 1, 1000.0])
        )),
        r"data\.pkl: .*the person is at z = 3\.97e\+03 m",
    ),
    "cameras to the world": (
        "emdb1", spoil_emdb(
            lambda c: c["camera"].update(extrinsics=np.linalg.inv(c["camera"]["extrinsics"]))
        ),
        r"data\.pkl: .*the person is at z = -",
    ),
    "no body model": (
        "emdb1", lambda root: (root / "smpl/SMPL_FEMALE.pkl").unlink(),
        r"SMPL_FEMALE\.pkl: not found",
    ),
    "a body model in millimetres": (
        "emdb1", lambda root: edit_model(root / "smpl/SMPL_FEMALE.pkl", 1000), "millimetres",
    ),
    "a table of RICH that is missing": (
        "rich", lambda root: (root / "meta/test.txt").unlink(), r"test\.txt: not found",
    ),
    "a body without a picture": (
        "rich", lambda root: (
            root / "images/test/Gym_013_burpee4/cam_04/00012_04.png"
        ).unlink(),
        r"cam_04: lacks 1 pictures that have bodies, 00012",
    ),
    "a body of another person": (
        "rich", lambda root: [
            path.rename(path.with_name("014.pkl")) for path in root.glob("bodies/test/*/*/013.pkl")
        ],
        r"Gym_013_burpee4: no body \*/013\.pkl",
    ),
    "a camera without calibration": (
        "rich", lambda root: (root / "scan_calibration/Gym/calibration/004.xml").write_text("<a/>"),
        r"004\.xml: expected a camera's calibration",
    ),
    "a frame twice": (
        "rich", lambda root: write_picture(
            root / "images/test/Gym_013_burpee4/cam_00/00012_00.jpeg", 30, 40, 0
        ),
        r"the frame is also in 00012_00\.jpeg|the frame is also in 00012_00\.png",
    ),
    "a body of SMPL": (
        "rich", spoil_rich(lambda c: c.pop("left_hand_pose")), r"013\.pkl: lacks left_hand_pose",
    ),
    "a sequence of RICH twice": (
        "rich", lambda root: (root / "meta/test.txt").write_text(
            (lines := (root / "meta/test.txt").read_text()) + lines.splitlines()[1] + "\n"
        ),
        r"the sequence Gym_013_burpee4/cam_00 is also in",
    ),
    "a missing person of 3DPW": (
        "3dpw", lambda root: (root / "sequenceFiles/test/office_phoneCall_00.pkl").unlink(),
        r"expected 2 sequences of 3DPW's test split, found 1 \(downtown_bar_00\)",
    ),
    "lists of other lengths": (
        "3dpw", spoil_3dpw(lambda c: c["genders"].append("m")),
        r"office_phoneCall_00\.pkl: expected one entry per person",
    ),
    "a regressor with left and right the other way about": (
        "3dpw", lambda root: np.save(
            root / "smpl/J_regressor_h36m.npy",
            np.load(root / "smpl/J_regressor_h36m.npy")[
                [0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 10, 14, 15, 16, 11, 12, 13]
            ],
        ),
        r"J_regressor_h36m\.npy: it has left and right the other way about",
    ),
    "a regressor of other joints": (
        "3dpw", lambda root: np.save(root / "smpl/J_regressor_h36m.npy", np.eye(24, 48)),
        r"J_regressor_h36m\.npy: expected a regressor of 14 joints",
    ),
    "Human3.6M in millimetres": (
        "h36m_p2", spoil_h36m(scaled("S", np.array([1000, 1000, 1000, 1]))), "millimetres",
    ),
    "Human3.6M in the world": (
        "h36m_p2", spoil_h36m(
            lambda c: c["S"][..., :3].__iadd__([1.0, 0, 2])
        ),
        r"S falls \d+ px beside part; it is not along the camera's axes",
    ),
    "a picture of Human3.6M twice": (
        "h36m_p2", spoil_h36m(lambda c: c["imgname"].__setitem__(1, c["imgname"][0])),
        r"h36m_test\.npz: .* stands twice",
    ),
    "a subject that is missing": (
        "h36m_p2", spoil_h36m(lambda c: c.update(
            imgname=np.char.replace(c["imgname"], "S11", "S8")
        )),
        r"h36m_test\.npz: no pictures of S11",
    ),
    "a picture that is missing": (
        "h36m_p2", lambda root: next(root.glob("images/S9/*.60457274/*_000011.jpg")).unlink(),
        r"000011\.jpg: not found",
    ),
    "joints of another number": (
        "h36m_p2", spoil_h36m(lambda c: c.update(S=c["S"][:, :16])), r"S of 17 or 24 joints",
    ),
}  # fmt: skip


def edit_model(path, factor):
    content = bodies.random_model(np.random.default_rng(0))
    content["v_template"] = factor * content["v_template"]
    path.write_bytes(pickle.dumps(content))


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case, written, tmp_path):
    name, spoil, message = BAD[case]
    root = copied(written, SETS[name][0], tmp_path)
    spoil(root)
    with pytest.raises(BenchmarkError, match=message):
        for sequence in opened(name, root):
            sequence.truth(slice(0, 1))
            sequence.pictures(slice(0, sequence.frames))

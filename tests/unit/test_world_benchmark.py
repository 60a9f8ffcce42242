"""EMDB-2's paths through the world: by hand, against SciPy, and from files on disk."""

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from tests.miniatures import emdb
from thfm_jax.data.benchmarks.sequence import BenchmarkError
from thfm_jax.evaluation.benchmark import open_benchmark
from thfm_jax.evaluation.job import Job, evaluate
from thfm_jax.evaluation.predictions import PredictionError
from thfm_jax.evaluation.runner import Settings
from thfm_jax.evaluation.world import EMDB2_WORLD
from thfm_jax.tasks import metrics
from thfm_jax.types import Target

OPTIONS = {"split": 2, "sequences": 2}


class Clip:
    fps = 30.0


def scored(predicted, true, seen=None):
    """Figures of one sequence given as arrays [T, K, 3]."""
    seen = np.ones(len(true), bool) if seen is None else seen
    label = Target(true, np.repeat(seen[:, None], true.shape[1], axis=1))
    found = EMDB2_WORLD.score({"keypoints3d": predicted}, {"keypoints3d": label}, Clip())
    return {name: tally.value() for name, tally in found.tallies.items()}, found.frames


def walker(frames, step=1.0):
    """Joint 0 walks `step` metres a frame along x; 23 others keep their places about it."""
    places = np.random.default_rng(0).uniform(-0.5, 0.5, (24, 3))
    places[0] = 0
    return places + step * np.arange(frames)[:, None, None] * np.array([1.0, 0, 0])


# By hand


def test_a_path_half_as_long_again():
    """At 0 1 2 3 4 m and 0 1.5 3 4.5 6 m: off by 1 .5 0 .5 1 about the middle, of 4 m in all."""
    true = np.arange(5.0)[:, None] * [1, 0, 0]
    np.testing.assert_allclose(
        metrics.path_errors(1.5 * true, true), np.array([1, 0.5, 0, 0.5, 1]) / 4, atol=1e-12
    )


def test_a_path_to_and_fro_is_as_long_as_the_way():
    """There and back is 4 m: a last frame at 1 m instead of 0 leaves .2 .2 .2 .2 .8 of 4 m."""
    true = np.array([0.0, 1, 2, 1, 0])[:, None] * [1, 0, 0]
    wrong = true.copy()
    wrong[4, 0] = 1
    expected = np.array([0.2, 0.2, 0.2, 0.2, 0.8]) / 4
    np.testing.assert_allclose(metrics.path_errors(wrong, true), expected, atol=1e-12)


def test_drift_after_the_first_two_frames():
    """0, 0, 100, 200 and 300 mm off where two frames fit exactly: 120 mm; all five fit better."""
    true = walker(5)
    wrong = true + np.array([0, 0, 0.1, 0.2, 0.3])[:, None, None] * [0, 0, 1]
    found, frames = scored(wrong, true)
    assert found["w_mpjpe_mm"] == pytest.approx(120)
    assert 0 < found["wa_mpjpe_mm"] < 120
    assert found["wa_mpjpe_mm"] == pytest.approx(frames.mean())


def test_every_run_of_100_frames_is_aligned_by_itself():
    """The second run is somewhere else: no matter to the runs, but the path has a leap of 100 m.

    Frames 0 to 99 and 100 to 199 of 199 m; moved apart by 100 m along the way, both lie 50 m off.
    """
    true = walker(200)
    wrong = true.copy()
    wrong[100:] += [100.0, 0, 0]
    found, _ = scored(wrong, true)
    assert found["w_mpjpe_mm"] < 1e-6 and found["wa_mpjpe_mm"] < 1e-6
    assert found["rte_percent"] == pytest.approx(100 * 50 / 199)
    # Cut elsewhere, a run would hold the leap.
    assert scored(wrong[1:], true[1:])[0]["w_mpjpe_mm"] > 100


def test_a_person_a_tenth_too_large_is_scaled_but_their_path_is_not():
    """x 1.1 is a similarity; the path is 0.1 |x - 2| m off, 0.12 m on average, of 4 m: 3 %."""
    true = walker(5)
    found, _ = scored(1.1 * true, true)
    assert found["wa_mpjpe_mm"] < 1e-6 and found["w_mpjpe_mm"] < 1e-6
    assert found["rte_percent"] == pytest.approx(3)


def test_jitter_is_of_the_world():
    """0.001 t^3 m a frame along the way has third differences of 0.006 m: 0.6 x 27 m/s^3."""
    true = walker(8)
    wrong = true + 0.001 * np.arange(8)[:, None, None] ** 3 * [1, 0, 0]
    assert scored(wrong, true)[0]["jitter_10m_s3"] == pytest.approx(0.006 * 30**3 / 10)


def test_frames_that_are_not_scored_are_taken_out_first():
    true = walker(6)
    wrong = true.copy()
    wrong[[0, 3]] = np.random.default_rng(1).normal(size=(2, 24, 3))
    found, frames = scored(wrong, true, np.array([0, 1, 1, 0, 1, 1], bool))
    assert found["wa_mpjpe_mm"] < 1e-6 and found["w_mpjpe_mm"] < 1e-6
    assert found["rte_percent"] < 1e-6
    np.testing.assert_array_equal(np.isnan(frames), [1, 0, 0, 1, 0, 0])


def test_who_stands_still_has_no_path():
    found, _ = scored(walker(4, step=0.0) + 0.01, walker(4, step=0.0))
    assert np.isnan(found["rte_percent"]) and found["w_mpjpe_mm"] < 1e-6


# What alignments leave out, and that they are least squares


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_origin_axes_and_the_scale_of_runs_do_not_count(seed):
    rng = np.random.default_rng(seed)
    true = walker(7) + rng.normal(0, 0.05, (7, 24, 3))
    wrong = true + rng.normal(0, 0.1, true.shape)
    turn, shift = Rotation.random(random_state=seed).as_matrix(), rng.normal(0, 9, 3)
    before, moved = scored(wrong, true)[0], scored(wrong @ turn.T + shift, true)[0]
    assert moved == pytest.approx(before, rel=1e-6)
    larger = scored(rng.uniform(0.5, 2) * wrong, true)[0]
    for name in ("wa_mpjpe_mm", "w_mpjpe_mm"):
        assert larger[name] == pytest.approx(before[name], rel=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_paths_are_turned_as_scipy_turns_them(seed):
    rng = np.random.default_rng(seed)
    true, wrong = rng.normal(size=(2, 9, 3))
    turn, _ = Rotation.align_vectors(true - true.mean(axis=0), wrong - wrong.mean(axis=0))
    off = turn.apply(wrong - wrong.mean(axis=0)) - (true - true.mean(axis=0))
    length = sum(np.linalg.norm(b - a) for a, b in itertools.pairwise(true))
    expected = np.linalg.norm(off, axis=1) / length
    np.testing.assert_allclose(metrics.path_errors(wrong, true), expected, atol=1e-7)


# From files to figures


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The miniature of EMDB."""
    root = tmp_path_factory.mktemp("emdb")
    return root, emdb.write(root, np.random.default_rng(7))


def in_world(root, name, camera):
    """Joints [T, 24, 3] along the world's axes, back from the camera's."""
    (file,) = (root / name).glob("*.pkl")
    extrinsics = pickle.loads(file.read_bytes())["camera"]["extrinsics"]
    turn, shift = extrinsics[:, :3, :3], extrinsics[:, None, :3, 3]
    return (camera - shift) @ turn


def test_labels_are_along_the_axes_of_the_world(data):
    root, truth = data
    for sequence in open_benchmark(EMDB2_WORLD, root, **OPTIONS):
        label = sequence.truth(slice(0, sequence.frames))["keypoints3d"]
        np.testing.assert_allclose(
            label.value, in_world(root, sequence.name, truth[sequence.name]), atol=1e-5
        )
        assert not label.mask[emdb.HIDDEN].any()


def written(data, folder, change=lambda points: points, name="keypoints3d_world"):
    root, truth = data
    for sequence in open_benchmark(EMDB2_WORLD, root, **OPTIONS):
        points = change(in_world(root, sequence.name, truth[sequence.name]))
        (folder / sequence.name).mkdir(parents=True)
        np.save(folder / sequence.name / f"{name}.npy", points.astype(np.float32))
    return folder


def figures(data, folder, tmp_path):
    job = Job(Settings("emdb2_world", OPTIONS), data[0], tmp_path / "out", predictions=folder)
    return {name: each["value"] for name, each in evaluate(job)["figures"].items()}


def test_perfect_predictions_along_any_axes_score_perfectly(data, tmp_path):
    turn = Rotation.from_euler("xyz", [1, 2, 3]).as_matrix().T
    folder = written(data, tmp_path / "p", lambda points: points @ turn + [30.0, -2, 5])
    found = figures(data, folder, tmp_path)
    assert found.pop("jitter_10m_s3") > 0  # of the prediction itself
    assert max(found.values()) < 1e-2  # float32 at a distance of 30 m


def test_a_person_a_tenth_too_large_through_files(data, tmp_path):
    folder = written(data, tmp_path / "p", lambda points: 1.1 * points)
    shares = []
    for sequence in open_benchmark(EMDB2_WORLD, data[0], **OPTIONS):
        path = in_world(data[0], sequence.name, data[1][sequence.name])[:, 0]
        path = np.delete(path, emdb.HIDDEN, axis=0)
        length = np.linalg.norm(np.diff(path, axis=0), axis=1).sum()
        shares += list(0.1 * np.linalg.norm(path - path.mean(axis=0), axis=1) / length)
    found = figures(data, folder, tmp_path)
    assert found["rte_percent"] == pytest.approx(100 * np.mean(shares), rel=1e-4)
    assert found["wa_mpjpe_mm"] < 1e-2 and found["w_mpjpe_mm"] < 1e-2


def test_joints_seen_from_the_camera_are_not_taken_for_those_of_the_world(data, tmp_path):
    folder = written(data, tmp_path / "p", name="keypoints3d")
    with pytest.raises(PredictionError, match=r"there is no .*keypoints3d_world\.npy"):
        figures(data, folder, tmp_path)


def test_another_unit_is_named(data, tmp_path):
    folder = written(data, tmp_path / "p", lambda points: 1000 * points)
    with pytest.raises(PredictionError, match=r"_world\.npy: expected metres, not millimetres"):
        figures(data, folder, tmp_path)


def test_a_model_has_no_path_to_score(data, tmp_path):
    job = Job(Settings("emdb2_world", OPTIONS), data[0], tmp_path / "out", model="trivial")
    with pytest.raises(PredictionError, match=r"no model here predicts: .* keypoints3d_world\.npy"):
        evaluate(job)


def test_fewer_sequences_than_were_released_are_named(data):
    with pytest.raises(BenchmarkError, match="expected 25 sequences of EMDB 2, found 2"):
        open_benchmark(EMDB2_WORLD, data[0])

"""Metric definitions: by hand, against loops and SciPy, and what they must not see."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import procrustes
from scipy.spatial.transform import Rotation

from thfm_jax.tasks import metrics

examples = settings(deadline=None, max_examples=25)
seeds = st.integers(0, 2**32 - 1)

SHAPE = (3, 6, 7)


def depth_clip(seed):
    rng = np.random.default_rng(seed)
    truth = rng.uniform(1, 5, SHAPE)
    return truth + rng.normal(size=SHAPE), truth, rng.uniform(size=SHAPE) > 0.3


def joint_clip(seed, frames=5, joints=9):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(frames, joints, 3))
    mask = rng.uniform(size=(frames, joints)) > 0.2
    mask[:, :3] = True
    return truth + 0.1 * rng.normal(size=truth.shape), truth, mask


# Depth


def naive_depth(prediction, truth):
    """RMSE, AbsRel and delta1 of pixels that share one fit, which NumPy's own solver finds."""
    scale, shift = np.polyfit(prediction, truth, 1)
    fitted = scale * prediction + shift
    pairs = zip(fitted, truth, strict=True)
    close = [a > 0 and max(a / b, b / a) < 1.25 for a, b in pairs]
    rmse = np.sqrt(np.mean((fitted - truth) ** 2))
    return rmse, np.mean(np.abs(fitted - truth) / truth), np.mean(close)


@examples
@given(seeds)
def test_depth_errors_equal_a_fit_per_unit(seed):
    prediction, truth, mask = depth_clip(seed)
    clip = metrics.depth_errors(prediction, truth, mask, "clip")
    assert tuple(clip.values()) == pytest.approx(naive_depth(prediction[mask], truth[mask]))
    image = metrics.depth_errors(prediction, truth, mask, "image")
    rows = [naive_depth(p[m], t[m]) for p, t, m in zip(prediction, truth, mask, strict=True)]
    assert tuple(image.values()) == pytest.approx(np.mean(rows, axis=0))


@examples
@given(seeds, st.floats(0.01, 100), st.floats(-100, 100))
def test_depth_errors_do_not_see_scale_and_shift(seed, scale, shift):
    prediction, truth, mask = depth_clip(seed)
    for align in ("image", "clip"):
        before = metrics.depth_errors(prediction, truth, mask, align)
        after = metrics.depth_errors(scale * prediction + shift, truth, mask, align)
        assert after == pytest.approx(before, rel=1e-6)


def test_depth_alignment_per_image_forgives_flicker_and_per_clip_does_not():
    _, truth, mask = depth_clip(0)
    flicker = truth * np.array([1.0, 1.5, 0.5])[:, None, None]
    assert metrics.depth_errors(flicker, truth, mask, "image")["rmse_m"] < 1e-12
    assert metrics.depth_errors(flicker, truth, mask, "clip")["rmse_m"] > 0.1


def test_depth_errors_by_hand():
    # The best constant for 1, 2, 2, 3 is 2: errors 1, 0, 0, 1, ratios 2, 1, 1, 1.5.
    truth = np.array([[[1.0, 2.0, 2.0, 3.0]]])
    found = metrics.depth_errors(np.ones_like(truth), truth, truth > 0, "image")
    assert found["rmse_m"] == pytest.approx(np.sqrt(0.5))
    assert found["abs_rel"] == pytest.approx((1 + 1 / 3) / 4)
    assert found["delta1"] == 0.5


def test_frames_without_a_person_do_not_count():
    prediction, truth, mask = depth_clip(0)
    mask[1] = False
    kept = [0, 2]
    for align in ("image", "clip"):
        whole = metrics.depth_errors(prediction, truth, mask, align)
        assert whole == pytest.approx(
            metrics.depth_errors(prediction[kept], truth[kept], mask[kept], align)
        )
        empty = metrics.depth_errors(prediction, truth, np.zeros_like(mask), align)
        assert np.isnan(list(empty.values())).all()


# Normals


@pytest.mark.parametrize("degrees", [0, 1e-6, 4.9, 11.3, 90, 179.9, 180])
def test_angles_by_rotation(degrees):
    first = np.array([0.0, 0.6, 0.8])
    second = Rotation.from_rotvec([degrees, 0, 0], degrees=True).apply(first)
    assert metrics.angles_deg(first, 3 * second) == pytest.approx(degrees, rel=1e-8)


def test_no_direction_is_a_right_angle():
    assert metrics.angles_deg(np.zeros(3), np.array([0.0, 0.0, 1.0])) == 90


def test_normal_errors_by_hand():
    truth = np.tile([0.0, 0.0, 1.0], (1, 1, 5, 1))
    turns = np.array([[4.0, 0, 0], [10, 0, 0], [20, 0, 0], [26, 0, 0], [60, 0, 0]])
    prediction = Rotation.from_rotvec(turns, degrees=True).apply([0, 0, 1])[None, None]
    found = metrics.normal_errors(prediction, truth, np.ones((1, 1, 5), bool))
    assert found == pytest.approx(
        {
            "mean_deg": 24,
            "median_deg": 20,
            "below_5": 0.2,
            "below_11.25": 0.4,
            "below_22.5": 0.6,
            "below_30": 0.8,
        }
    )


@examples
@given(seeds)
def test_normal_errors_do_not_see_length_or_a_common_turn(seed):
    rng = np.random.default_rng(seed)
    prediction, truth = rng.normal(size=(2, *SHAPE, 3))
    mask = rng.uniform(size=SHAPE) > 0.5
    turn = Rotation.random(random_state=seed).as_matrix()
    moved = rng.uniform(0.1, 9, (*SHAPE, 1)) * prediction @ turn.T
    before = metrics.normal_errors(prediction, truth, mask)
    assert metrics.normal_errors(moved, truth @ turn.T, mask) == pytest.approx(before)


# Matte


def test_matte_errors_by_hand():
    truth = np.array([[[0.0, 1.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
    prediction = np.array([[[0.0, 0.5], [1.0, 1.0]], [[0.0, 0.0], [0.0, 0.2]]])
    found = metrics.matte_errors(prediction, truth, np.ones_like(truth, bool))
    assert found == pytest.approx(
        {
            "mse": (1.25 / 4 + 0.04 / 4) / 2,
            "mad": (1.5 / 4 + 0.2 / 4) / 2,
            "sad": (1.5 + 0.2) / 2 / 1000,
            "iou": (1 / 3 + 1) / 2,
        }
    )


# Dense pose


def test_canonical_errors_by_hand():
    prediction = np.zeros((1, 1, 3, 3))
    truth = np.array([[[[0.3, 0.0, 0.4], [0.0, 0.1, 0.0], [0.0, 0.0, 0.0]]]])
    found = metrics.canonical_errors(prediction, truth, np.ones((1, 1, 3), bool))
    assert found == pytest.approx({"mean_m": 0.2, "median_m": 0.1})


# Keypoints


def test_person_size_is_the_longer_side_of_the_labelled_joints():
    truth = np.array([[[10.0, 20.0], [40.0, 25.0], [500.0, 500.0]], [[0.0, 0.0]] * 3])
    mask = np.array([[True, True, False], [False, False, False]])
    np.testing.assert_array_equal(metrics.person_size(truth, mask), [30, np.nan])


def test_pck_by_hand():
    truth = np.array([[[0.0, 0.0], [100.0, 0.0], [0.0, 50.0], [9.0, 9.0]]])
    prediction = truth + np.array([[[3.0, 4.0], [0.0, 5.1], [30.0, 0.0], [999.0, 0.0]]])
    mask = np.array([[True, True, True, False]])
    size = metrics.person_size(truth, mask)
    shares = [metrics.pck(prediction, truth, mask, size, alpha) for alpha in (0.04, 0.05, 0.1, 0.3)]
    assert shares == pytest.approx([0, 1 / 3, 2 / 3, 1])


@examples
@given(seeds, st.floats(0.1, 10))
def test_pck_does_not_see_the_resolution(seed, zoom):
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0, 400, (4, 9, 2))
    prediction = truth + rng.normal(0, 30, truth.shape)
    mask = rng.uniform(size=(4, 9)) > 0.2
    scores = [
        metrics.pck(z * prediction, z * truth, mask, metrics.person_size(z * truth, mask), 0.1)
        for z in (1.0, zoom)
    ]
    assert scores[0] == scores[1]


def test_mpjpe_averages_joints_and_then_frames():
    truth = np.zeros((2, 3, 3))
    prediction = truth + np.array([3.0, 0.0, 4.0])
    prediction[1] *= 3
    mask = np.array([[True, True, True], [True, False, False]])
    assert metrics.mpjpe(prediction, truth, mask) == pytest.approx((5 + 15) / 2)


def test_rooted_takes_the_mean_of_the_roots():
    points = np.array([[[1.0, 0.0, 0.0], [3.0, 2.0, 0.0], [5.0, 5.0, 5.0]]])
    np.testing.assert_array_equal(
        metrics.rooted(points, (0, 1))[0], [[-1, -1, 0], [1, 1, 0], [3, 4, 5]]
    )


@examples
@given(seeds)
def test_pa_mpjpe_does_not_see_a_similarity(seed):
    prediction, truth, mask = joint_clip(seed)
    rng = np.random.default_rng(seed)
    turns = Rotation.random(len(truth), random_state=seed).as_matrix()
    moved = rng.uniform(0.1, 9, (len(truth), 1, 1)) * prediction @ turns.mT
    moved += rng.normal(size=(len(truth), 1, 3))
    before = metrics.pa_mpjpe(prediction, truth, mask)
    assert metrics.pa_mpjpe(moved, truth, mask) == pytest.approx(before)
    assert metrics.pa_mpjpe(moved, prediction, mask) < 1e-9


def test_pa_mpjpe_equals_scipy():
    prediction, truth, _ = joint_clip(0)
    expected = []
    for predicted, true in zip(prediction, truth, strict=True):
        # SciPy standardises the truth to unit norm; undo that.
        norm = np.linalg.norm(true - true.mean(0))
        standard, fitted, _ = procrustes(true, predicted)
        expected.append(norm * np.mean(np.linalg.norm(standard - fitted, axis=-1)))
    found = metrics.pa_mpjpe(prediction, truth, np.ones(truth.shape[:2], bool))
    assert found == pytest.approx(np.mean(expected))


def test_pa_mpjpe_sees_a_mirrored_body():
    _, truth, mask = joint_clip(0)
    assert metrics.pa_mpjpe(truth * [-1, 1, 1], truth, mask) > 0.1


def test_pa_mpjpe_needs_three_joints():
    prediction, truth, mask = joint_clip(0)
    mask[0, 2:] = False
    assert metrics.pa_mpjpe(prediction, truth, mask) == pytest.approx(
        metrics.pa_mpjpe(prediction[1:], truth[1:], mask[1:])
    )


@examples
@given(seeds, st.floats(0.1, 10))
def test_n_mpjpe_sees_all_but_scale(seed, zoom):
    prediction, truth, mask = joint_clip(seed)
    before = metrics.n_mpjpe(prediction, truth, mask)
    assert metrics.n_mpjpe(zoom * prediction, truth, mask) == pytest.approx(before)
    assert metrics.n_mpjpe(zoom * truth, truth, mask) < 1e-9
    turned = truth @ Rotation.from_rotvec([0, 1, 0]).as_matrix().T
    assert metrics.n_mpjpe(turned, truth, mask) > 0.1


def test_n_mpjpe_takes_the_least_squares_scale():
    prediction, truth, mask = joint_clip(1, frames=1)
    seen = mask[0]
    scale = np.linalg.lstsq(prediction[0, seen].reshape(-1, 1), truth[0, seen].reshape(-1))[0]
    assert metrics.n_mpjpe(prediction, truth, mask) == pytest.approx(
        metrics.mpjpe(scale * prediction, truth, mask)
    )


def test_acceleration_error_by_hand():
    time = np.arange(5.0)[:, None, None]
    truth = np.zeros((5, 1, 3))
    prediction = truth + 0.5 * 0.002 * time**2 * np.array([1.0, 0.0, 0.0])
    mask = np.ones((5, 1), bool)
    assert metrics.acceleration_error(prediction, truth, mask) == pytest.approx(0.002)
    assert metrics.acceleration_error(prediction, truth, mask, fps=30.0) == pytest.approx(1.8)
    assert metrics.acceleration_error(prediction + 5 + 7 * time, truth, mask) == pytest.approx(
        0.002
    )


def test_acceleration_needs_three_frames_running():
    prediction, truth, mask = joint_clip(0, frames=4, joints=3)
    mask[:] = [[True], [True], [False], [True]]
    assert np.isnan(metrics.acceleration_error(prediction, truth, mask))
    assert np.isnan(metrics.acceleration_error(prediction[:2], truth[:2], mask[:2]))


# What all of them share

PER_PIXEL = {
    "image depth": lambda *clip: metrics.depth_errors(*clip, "image"),
    "clip depth": lambda *clip: metrics.depth_errors(*clip, "clip"),
    "matte": metrics.matte_errors,
}
PER_VECTOR = {
    "normals": metrics.normal_errors,
    "canonical": metrics.canonical_errors,
    "mpjpe": lambda *clip: {"": metrics.mpjpe(*clip)},
    "n_mpjpe": lambda *clip: {"": metrics.n_mpjpe(*clip)},
    "pa_mpjpe": lambda *clip: {"": metrics.pa_mpjpe(*clip)},
    "acceleration": lambda *clip: {"": metrics.acceleration_error(*clip)},
}
CASES = [(f, depth_clip) for f in PER_PIXEL.values()] + [
    (f, joint_clip) for f in PER_VECTOR.values()
]
all_metrics = pytest.mark.parametrize(("metric", "clip"), CASES, ids=[*PER_PIXEL, *PER_VECTOR])


@all_metrics
def test_what_is_not_labelled_changes_nothing(metric, clip):
    prediction, truth, mask = clip(0)
    spoiled = np.where(mask.reshape(mask.shape + (1,) * (truth.ndim - mask.ndim)), truth, np.nan)
    noise = np.where(np.isnan(spoiled), np.nan, prediction)
    assert metric(noise, spoiled, mask) == pytest.approx(metric(prediction, truth, mask))


@all_metrics
def test_predictions_must_cover_the_labels(metric, clip):
    prediction, truth, mask = clip(0)
    prediction[0][mask[0]] = np.nan
    with pytest.raises(ValueError, match="not finite where there is a label"):
        metric(prediction, truth, mask)


@all_metrics
def test_shapes_must_agree(metric, clip):
    prediction, truth, mask = clip(0)
    with pytest.raises(ValueError, match=r"shapes differ: prediction \(2, "):
        metric(prediction[:2], truth, mask)


@all_metrics
def test_the_truth_itself_has_no_error(metric, clip):
    _, truth, mask = clip(0)
    perfect_score = {"delta1", "iou", "below_5", "below_11.25", "below_22.5", "below_30"}
    for name, value in metric(truth, truth, mask).items():
        assert value == pytest.approx(float(name in perfect_score), abs=1e-7)

"""Grad, Conn and dtSSD: by hand, and against scikit-image and SciPy on definitions written out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import correlate2d
from skimage.measure import label

from thfm_jax.tasks import metrics

examples = settings(deadline=None, max_examples=25)
seeds = st.integers(0, 2**32 - 1)

SHAPE = (3, 17, 23)
PER_FRAME = {
    "grad": metrics.matte_gradient_errors,
    "conn": metrics.matte_connectivity_errors,
    "dtssd": metrics.matte_dtssd,
}
all_metrics = pytest.mark.parametrize("name", PER_FRAME)


def mattes(seed):
    """Blobs with soft edges, in steps of 1/255 as files have them, and a spoiled version."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[1], : SHAPE[2]]
    truth = np.zeros(SHAPE)
    for frame in truth:
        for _ in range(3):
            centre = rng.uniform(0, 20, 2)
            frame += np.clip(1.5 - np.hypot(y - centre[0], x - centre[1]) / rng.uniform(2, 6), 0, 1)
    truth = np.clip(truth, 0, 1)
    spoiled = np.clip(truth + rng.normal(0, rng.choice([0.02, 0.2]), SHAPE), 0, 1)
    return np.rint(255 * spoiled) / 255, np.rint(255 * truth) / 255, rng.uniform(size=SHAPE) > 0.3


def kernel():
    """d/dx of a Gaussian of sigma 1.4 in two dimensions, of norm 1; 9 pixels across."""
    at = np.arange(-4, 5)
    density = np.exp(-(at**2) / (2 * 1.4**2)) / (1.4 * np.sqrt(2 * np.pi))
    square = density[:, None] * (-at * density / 1.4**2)
    return square / np.sqrt(np.sum(square**2))


def slow_gradient(image):
    image = (image - image.min()) / (image.max() - image.min())
    padded = np.pad(image, 4, mode="edge")
    across, down = (correlate2d(padded, k, mode="valid") for k in (kernel(), kernel().T))
    return np.hypot(across, down)


@examples
@given(seeds)
def test_grad_equals_a_two_dimensional_filter(seed):
    prediction, truth, mask = mattes(seed)
    expected = [
        np.sum((slow_gradient(p) - slow_gradient(t))[inside] ** 2) / 1000
        for p, t, inside in zip(prediction, truth, mask, strict=True)
    ]
    np.testing.assert_allclose(metrics.matte_gradient_errors(prediction, truth, mask), expected)


def test_the_filter_stops_where_the_gaussian_falls_below_a_hundredth():
    """One white pixel: Grad sees the filter's whole length, whose square sums to 2, and no more."""
    prediction, truth = np.zeros((2, 1, 21, 21))
    prediction[0, 10, 10] = 0.7  # stretched to 1
    seen = metrics.matte_gradient_errors(prediction, truth, np.ones((1, 21, 21), bool))
    assert seen == pytest.approx(2 / 1000)
    beyond = np.ones((1, 21, 21), bool)
    beyond[0, 6:15, 6:15] = False
    assert metrics.matte_gradient_errors(prediction, truth, beyond) == 0


def test_grad_does_not_see_contrast():
    prediction, truth, mask = mattes(0)
    before = metrics.matte_gradient_errors(prediction, truth, mask)
    after = metrics.matte_gradient_errors(0.5 * prediction + 0.1, truth, mask)
    np.testing.assert_allclose(after, before)


def slow_connectivity(prediction, truth, inside):
    level = np.full(truth.shape, -1.0)
    for step in range(1, 11):
        both = (prediction >= step / 10) & (truth >= step / 10)
        regions = label(both, connectivity=1)
        sizes = np.bincount(regions.ravel())[1:]
        largest = regions == 1 + np.argmax(sizes) if sizes.size else np.zeros_like(both)
        level[(level == -1) & ~largest] = (step - 1) / 10
    level[level == -1] = 1
    phi = [1 - (part - level) * (part - level >= 0.15) for part in (prediction, truth)]
    return np.abs(phi[0] - phi[1])[inside].sum() / 1000


@examples
@given(seeds)
def test_conn_equals_labels_of_every_level(seed):
    prediction, truth, mask = mattes(seed)
    expected = [slow_connectivity(*row) for row in zip(prediction, truth, mask, strict=True)]
    np.testing.assert_allclose(
        metrics.matte_connectivity_errors(prediction, truth, mask), expected, atol=1e-15
    )


@examples
@given(seeds)
def test_conn_of_noise_equals_labels_of_every_level(seed):
    """Many small regions, many of them of one size: the first in reading order is the largest."""
    prediction, truth = np.random.default_rng(seed).integers(0, 11, (2, 1, 6, 8)) / 10
    whole = np.ones(truth.shape, bool)
    expected = slow_connectivity(prediction[0], truth[0], whole[0])
    found = metrics.matte_connectivity_errors(prediction, truth, whole)
    assert found == pytest.approx(expected, abs=1e-15)


def test_conn_by_hand():
    """An island of alpha 0.8 is not connected at all; what the prediction lacks there counts."""
    truth = np.array([[[1.0, 1.0, 1.0, 0.0, 0.8]]])
    whole = np.ones_like(truth, bool)
    conn = lambda prediction: metrics.matte_connectivity_errors(prediction, truth, whole)[0]
    assert conn(truth) == 0
    # Gone: phi of the prediction is 1, of the truth 1 - 0.8.
    assert conn(np.array([[[1.0, 1.0, 1.0, 0.0, 0.0]]])) == pytest.approx(0.8e-3)
    # 0.5 instead of 1 at the end of the main region: level 0.5 there, the truth exceeds it by 0.5.
    assert conn(np.array([[[1.0, 1.0, 0.5, 0.0, 0.8]]])) == pytest.approx(0.5e-3)
    # 0.9 instead of 1 lacks only 0.1: below 0.15, it is let pass.
    assert conn(np.array([[[1.0, 1.0, 0.9, 0.0, 0.8]]])) == 0


def test_dtssd_by_hand():
    """The error is 0, then 0.1 everywhere, then -0.1 in half of the pixels."""
    truth = np.zeros((3, 2, 2)) + np.array([0.0, 0.3, 0.5])[:, None, None]
    error = np.array([[[0, 0], [0, 0]], [[0.1, 0.1], [0.1, 0.1]], [[-0.1, -0.1], [0.1, 0.1]]])
    found = metrics.matte_dtssd(truth + error, truth, np.ones_like(truth, bool))
    np.testing.assert_allclose(found, [0.1, 0.2 * np.sqrt(0.5)])


@all_metrics
def test_the_truth_itself_has_no_error(name):
    _, truth, mask = mattes(0)
    assert np.all(PER_FRAME[name](truth, truth, mask) == 0)


@all_metrics
@pytest.mark.parametrize("move", [lambda x: x[..., ::-1], lambda x: np.swapaxes(x, 1, 2)])
def test_mirrored_and_turned_pictures_score_the_same(name, move):
    clip = mattes(3)
    before = PER_FRAME[name](*clip)
    np.testing.assert_allclose(PER_FRAME[name](*map(move, clip)), before, rtol=1e-9)


@all_metrics
def test_frames_without_a_label_have_no_score(name):
    prediction, truth, mask = mattes(0)
    mask[1] = False
    scores = PER_FRAME[name](prediction, truth, mask)
    known = [True, False, True] if name != "dtssd" else [False, False]
    np.testing.assert_array_equal(~np.isnan(scores), known)


@pytest.mark.parametrize("name", ["grad", "conn"])
def test_neighbours_beyond_the_mask_count_and_must_be_finite(name):
    prediction, truth, mask = mattes(0)
    mask[:] = True
    mask[:, 5, 5] = False
    prediction[0, 5, 5] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        PER_FRAME[name](prediction, truth, mask)


def test_per_image_scores_average_to_the_clip_errors():
    prediction, truth, mask = mattes(1)
    mask[2] = False
    rows = metrics.matte_scores(prediction, truth, mask)
    error = np.abs(prediction - truth)
    for frame in (0, 1):
        inside = mask[frame]
        assert rows["sad"][frame] == pytest.approx(error[frame][inside].sum() / 1000)
        assert rows["mse"][frame] == pytest.approx((error[frame][inside] ** 2).mean())
    assert np.isnan(rows["mad"][2])
    means = metrics.matte_errors(prediction, truth, mask)
    assert means == pytest.approx({name: np.nanmean(row) for name, row in rows.items()})

"""experiments.compare: how far two tools agree on a video."""

import json

import numpy as np
import pytest

from experiments.compare import compare

T, H, W = 6, 40, 60


def write(folder, points, matte, **meta):
    folder.mkdir()
    np.save(folder / "keypoints2d.npy", points.astype(np.float32))
    np.save(folder / "matte.npy", matte.astype(np.float32))
    meta = {"frames": T, "height": H, "width": W, "fps": 24.0, "model": "x", "trained": True} | meta
    units = {"keypoints2d": "pixels", "matte": "alpha"}
    (folder / "meta.json").write_text(json.dumps(meta | {"units": units}))
    return folder


@pytest.fixture
def points():
    """Seventeen resting joints in a box of 40 x 20 pixels, and the rest of the 52 unknown."""
    points = np.full((T, 52, 3), np.nan)
    points[..., 2] = 0
    points[:, :17] = np.linspace([10, 5, 1], [50, 25, 1], 17)
    return points


@pytest.fixture
def matte():
    matte = np.zeros((T, H, W))
    matte[:, 10:20, 10:30] = 0.9
    return matte


def test_a_joint_counts_within_a_tenth_of_the_box_and_mattes_by_their_overlap(
    tmp_path, points, matte
):
    reference = write(tmp_path / "reference", points, matte)
    moved = points.copy()
    moved[:, :8, 0] += 3.9
    moved[:, 8:17, 0] += 4.1
    half = matte.copy()
    half[:, :, 20:] = 0.4
    found = compare(write(tmp_path / "ours", moved, half), reference)
    assert found["pck_0.1"] == pytest.approx(8 / 17)
    assert found["matte_iou"] == pytest.approx(0.5)
    assert found["jitter"] == pytest.approx(0, abs=1e-3)
    assert found["frames_without_reference"] == 0


def test_jitter_is_the_third_difference_in_thousandths_of_the_box(tmp_path, points, matte):
    shaking = points.copy()
    shaking[::2, :17, 0] += 1  # third differences of +-1, 0, +-1 ... are 4 pixels long
    ours = write(tmp_path / "ours", shaking, matte)
    found = compare(ours, write(tmp_path / "reference", points, matte))
    assert found["jitter"] == pytest.approx(1000 * 4 / 40, rel=1e-4)
    assert found["reference_jitter"] == pytest.approx(0, abs=1e-3)


def test_frames_that_the_reference_has_nobody_in_do_not_count(tmp_path, points, matte):
    reference, ours = points.copy(), points.copy()
    reference[0], reference[0, :, 2] = np.nan, 0
    ours[0, :17] += 30
    empty = matte.copy()
    empty[0] = 0
    found = compare(write(tmp_path / "ours", ours, empty), write(tmp_path / "r", reference, empty))
    assert found["pck_0.1"] == 1 and found["matte_iou"] == 1
    assert found["frames_without_reference"] == pytest.approx(1 / T)


def test_folders_of_different_videos_are_refused(tmp_path, points, matte):
    ours = write(tmp_path / "ours", points, matte)
    with pytest.raises(ValueError, match=r"different videos: .* has height 40, .* has 41"):
        compare(ours, write(tmp_path / "reference", points, matte, height=41))

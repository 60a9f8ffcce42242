"""Pictures of predictions: facts that an eye would check."""

import numpy as np
import pytest

from thfm_jax import viz

SKELETON = viz.Skeleton(edges=((0, 1), (1, 2)), colours=((250, 0, 0), (0, 250, 0), (0, 0, 250)))
FRAME = np.full((90, 160, 3), 120, np.uint8)


def luma(picture):
    return picture.astype(float) @ [0.299, 0.587, 0.114]


def test_nearer_is_brighter_and_no_value_is_dark():
    depth = np.linspace(1, 3, 256, dtype=np.float32)[None]
    light = luma(viz.depth_picture(depth, (1.0, 3.0)))[0]
    assert (np.diff(light) <= 0.5).all() and light[0] - light[-1] > 150
    nothing = viz.depth_picture(np.full((2, 2), np.nan, np.float32), (1.0, 3.0))
    np.testing.assert_array_equal(nothing, np.broadcast_to(viz.DARK, (2, 2, 3)))
    assert luma(nothing).max() < light[-1]


def test_depth_limits_leave_out_outliers_and_what_is_not_known():
    depth = np.append(np.linspace(2, 4, 1000), [1e6, np.nan]).reshape(1, 1, -1)
    near, far = viz.depth_limits(depth)
    assert near == pytest.approx(2.04, abs=0.01) and far == pytest.approx(3.96, abs=0.01)
    assert viz.depth_limits(np.full((1, 2, 2), np.nan)) is None


def test_a_flat_surface_has_a_picture():
    flat = np.ones((2, 2), np.float32)
    assert viz.depth_picture(flat, viz.depth_limits(flat)).shape == (2, 2, 3)


def test_neighbouring_numbers_have_colours_that_differ():
    colours = viz.ids_picture(np.arange(24, dtype=np.uint8)[None])[0].astype(int)
    np.testing.assert_array_equal(colours[0], viz.DARK)
    distance = np.abs(colours[:, None] - colours[None]).max(axis=-1)
    assert distance[~np.eye(24, dtype=bool)].min() > 20
    assert np.diagonal(distance, 1).min() > 60


def test_normals_have_the_colours_that_people_know():
    normals = np.array([[[0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 0, 0]]], np.float32)
    picture = viz.normals_picture(normals)[0]
    np.testing.assert_array_equal(picture[:3], [[127, 127, 255], [255, 127, 127], [127, 255, 127]])
    np.testing.assert_array_equal(picture[3], viz.DARK)


def test_dense_pose_tells_the_parts_apart_and_leaves_the_background_dark():
    points = np.array([[[0, 0.8, 0], [0, -0.8, 0], [np.nan] * 3]], np.float32)
    head, feet, nothing = viz.densepose_picture(points)[0].astype(int)
    assert head[1] > 200 and feet[1] < 50
    np.testing.assert_array_equal(nothing, viz.DARK)


def test_a_matte_is_grey():
    picture = viz.matte_picture(np.array([[0.0, 0.5, 1.0, 1.7, np.nan]], np.float32))
    np.testing.assert_array_equal(picture[0, :, 0], [0, 128, 255, 255, 0])
    assert (picture == picture[..., :1]).all()


def test_joints_are_drawn_where_they_are_in_their_colours():
    points = np.array([[20.5, 30.5, 1], [80.5, 30.5, 1], [80.5, 70.5, 1]], np.float32)
    picture = viz.points_picture(FRAME, points, SKELETON)
    for joint, (x, y) in enumerate(points[:, :2].astype(int)):
        np.testing.assert_array_equal(picture[y, x], SKELETON.colours[joint])
    np.testing.assert_array_equal(picture[30, 50], SKELETON.colours[1])
    np.testing.assert_array_equal(picture[50, 80], SKELETON.colours[2])
    np.testing.assert_array_equal(picture[:20], FRAME[:20])


@pytest.mark.parametrize("hidden", [[5, 5, 0.1], [np.nan, 5, 1]])
def test_joints_without_confidence_or_place_are_not_drawn(hidden):
    points = np.array([[80, 60, 1], [60, 60, 1], hidden], np.float32)
    picture = viz.points_picture(FRAME, points, SKELETON)
    np.testing.assert_array_equal(picture[:40], FRAME[:40])
    assert (picture[60, 70] != FRAME[60, 70]).any()


def test_joints_far_outside_do_no_harm():
    points = np.array([[1e9, -1e9, 1], [80, 45, 1], [-1e30, 1e30, 1]], np.float32)
    assert viz.points_picture(FRAME, points, SKELETON).shape == FRAME.shape


def test_3d_views_show_x_from_the_front_and_z_from_the_side():
    points = np.array([[0, 0, 0], [0.5, 0.5, 0], [0, 0.5, 0.5]], np.float32)
    picture = viz.views_picture(points, SKELETON, 200, 400)

    def place(colour):
        """Mean x of a colour's pixels in the front and in the side view, and their mean y."""
        y, x = np.nonzero((picture == colour).all(axis=-1))
        return x[x < 200].mean(), x[x >= 200].mean() - 200, y.mean()

    front_1, side_1, y_1 = place(SKELETON.colours[1])
    _, side_2, _ = place(SKELETON.colours[2])
    assert front_1 > 110 and side_1 == pytest.approx(100, abs=3)
    assert side_2 > 110 and y_1 > 100  # y points down


def test_a_label_is_legible_at_any_size():
    for height, width in ((180, 320), (720, 1280), (320, 180)):
        frame = np.full((height, width, 3), 255, np.uint8)
        labelled = viz.label(frame, "UNTRAINED RANDOM WEIGHTS")
        ink = (labelled[..., 0] > 230) & (labelled[..., 1] < 110)
        rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
        assert np.ptp(rows) >= 7 and np.ptp(rows) < height / 6
        assert np.ptp(columns) > width / 2 and columns[0] > 0 and columns[-1] < width - 1
        np.testing.assert_array_equal(labelled[height // 3 :], frame[height // 3 :])


def test_no_warning_leaves_the_picture():
    np.testing.assert_array_equal(viz.label(FRAME, ""), FRAME)


def values():
    """One frame's predictions of a person in the middle."""
    inside = np.zeros((90, 160), bool)
    inside[20:80, 60:100] = True
    points = np.array([[70, 30, 1], [80, 50, 1], [90, 70, 1]], np.float32)
    return {
        "depth": np.where(inside, 0.5, np.nan).astype(np.float32),
        "normals": np.where(inside[..., None], [0, 0, 1], 0).astype(np.float32),
        "matte": inside.astype(np.float32),
        "densepose": np.where(inside[..., None], 0.3, np.nan).astype(np.float32),
        "keypoints2d": points,
        "keypoints3d": points / 100,
    }


@pytest.mark.parametrize("task", values())
def test_every_task_has_a_picture_and_an_overlay_at_the_frames_size(task):
    painter = viz.Painter(SKELETON)
    value = values()[task]
    picture, overlay = painter.picture(task, value, FRAME), painter.overlay(FRAME, {task: value})
    assert picture.shape == overlay.shape == FRAME.shape
    assert picture.dtype == overlay.dtype == np.uint8
    assert (overlay != FRAME).any()


@pytest.mark.parametrize("task", values())
def test_the_warning_is_on_every_picture(task):
    plain, warned = viz.Painter(SKELETON), viz.Painter(SKELETON, warning="UNTRAINED")
    value = values()[task]
    for draw in (
        lambda p: p.picture(task, value, FRAME),
        lambda p: p.overlay(FRAME, {task: value}),
    ):
        np.testing.assert_array_equal(draw(warned), viz.label(draw(plain), "UNTRAINED"))
        assert (draw(warned) != draw(plain)).any()


def test_an_overlay_colours_the_person_and_leaves_the_background():
    overlay = viz.Painter(SKELETON).overlay(FRAME, {"normals": values()["normals"]})
    assert (overlay[50, 80] != FRAME[50, 80]).any()
    np.testing.assert_array_equal(overlay[:20], FRAME[:20])


def test_an_overlay_of_a_matte_darkens_the_background():
    overlay = viz.Painter(SKELETON).overlay(FRAME, {"matte": values()["matte"]})
    np.testing.assert_array_equal(overlay[50, 80], FRAME[50, 80])
    assert luma(overlay)[5, 5] < 60


def test_an_unknown_task_is_told():
    with pytest.raises(ValueError, match="no way to draw the task 'gait'"):
        viz.Painter(SKELETON).picture("gait", np.zeros(3), FRAME)


def test_a_contact_sheet_lays_pictures_out_in_rows():
    pictures = [np.full((10, 20, 3), level, np.uint8) for level in (50, 100, 150)]
    sheet = viz.contact_sheet(pictures, columns=2, gap=4)
    assert sheet.shape == (24, 44, 3)
    assert (sheet[:10, :20] == 50).all() and (sheet[:10, 24:] == 100).all()
    assert (sheet[14:, :20] == 150).all() and (sheet[14:, 24:] == viz.DARK).all()

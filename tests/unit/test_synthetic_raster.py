"""Triangles: every sample inside is drawn, at the depth of the plane, with the right normal."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit import drawn_shapes as shapes
from thfm_jax.data.synthetic.rendering import drawables, renderer


def _drawn(meshes, view):
    return renderer.render(shapes.scene_of(meshes, view), supersampling=1, positions=True)


@given(st.integers(0, 2**32 - 1), st.floats(0.3, 300.0))
def test_neighbouring_triangles_leave_no_gap(seed, distance):
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.linspace(-1, 1, 9), np.linspace(-1, 1, 9))
    points = np.stack([x, y, 0 * x], axis=-1) * [1.5, 1.5, 0]
    points[1:-1, 1:-1] += rng.uniform(-0.1, 0.1, (7, 7, 3))
    ids = np.arange(81).reshape(9, 9)
    a, b, c, d = ids[:-1, :-1], ids[:-1, 1:], ids[1:, 1:], ids[1:, :-1]
    triangles = np.stack([a, b, c, a, c, d], axis=-1).reshape(-1, 3)
    vertices = points.reshape(-1, 3) * distance
    eye = np.array([*rng.uniform(-0.2, 0.2, 2), 1]) * 2 * distance
    view = shapes.camera(eye, [0, 0, 0], 100.0, roll=rng.uniform(-3, 3))
    assert (_drawn([shapes.mesh(vertices, triangles)], view).mesh == 0).all()


def test_a_floor_that_passes_under_the_camera_reaches_from_its_feet_to_the_horizon():
    floor = [[-1e4, 0, -1e4], [-1e4, 0, 1e4], [1e4, 0, 1e4], [1e4, 0, -1e4]]
    mesh = shapes.mesh(floor, [[0, 1, 2], [0, 2, 3]])
    view = shapes.camera([0, 1.5, 0], [0, 1.5, -1], 50.0)
    labels = _drawn([mesh], view).labels
    # Row r looks down by (r + 0.5 - 32) / 50.
    down = (np.arange(64) + 0.5 - 32) / 50
    seen = np.broadcast_to(np.where(down > 0, 1.5 / down, 0)[:, None], (64, 64))
    np.testing.assert_allclose(labels.depth_m[0], seen, rtol=1e-6)


@pytest.mark.parametrize("distance", [0.06, 1.0, 40.0])
def test_depth_and_position_name_the_same_point(distance):
    ball = shapes.sphere([0, 0, 0], distance / 3)
    view = shapes.camera([0.3 * distance, 0.1 * distance, distance], [0, 0, 0], 90.0, roll=0.4)
    drawn = _drawn([ball], view)
    seen = drawn.labels.instance[0] > 0
    row, column = np.nonzero(seen)
    ray = np.linalg.inv(view.intrinsics[0]) @ [column + 0.5, row + 0.5, np.ones(len(row))]
    points = view.rotation[0].T @ (
        ray * drawn.labels.depth_m[0][seen] - view.translation[0][:, None]
    )
    assert len(row) > 500
    assert np.abs(points.T - drawn.positions[0][seen]).max() <= 1e-5


def test_barycentrics_lead_to_the_template():
    ball = shapes.sphere([0.1, 0, 0], 0.5)
    drawn = _drawn([ball], shapes.camera([0, 0.5, 2], [0, 0, 0], 80.0))
    seen = drawn.labels.posed[0]
    corners = ball.template[ball.triangles[drawn.triangle[0][seen]]]
    expected = np.einsum("nk,nkc->nc", drawn.barycentrics[0][seen], corners)
    np.testing.assert_allclose(drawn.labels.template[0][seen], expected, atol=1e-6)
    np.testing.assert_allclose(
        drawn.labels.template[0][seen] * 0.5 + [0.1, 0, 0], drawn.positions[0][seen], atol=1e-5
    )


def test_the_nearest_surface_is_seen():
    near, far = shapes.square([0, 0, 1], 0.2), shapes.square([0, 0, 0], 0.5, instance=2)
    for meshes in ([near, far], [far, near]):
        drawn = _drawn(meshes, shapes.camera([0, 0, 3], [0, 0, 0], 80.0))
        assert drawn.labels.instance[0, 32, 32] == 1
        assert drawn.labels.instance[0, 32, 22] == 2
        assert drawn.labels.depth_m[0, 32, 32] == 2


def test_one_sided_faces_are_hidden_from_behind_and_two_sided_ones_turn_to_the_camera():
    view = shapes.camera([0, 0, -2], [0, 0, 0], 80.0)
    hidden = shapes.square([0, 0, 0], 0.5, material=shapes.plain(two_sided=False))
    assert not _drawn([hidden], view).labels.instance.any()
    turned = _drawn([shapes.square([0, 0, 0], 0.5)], view).labels
    np.testing.assert_allclose(turned.normals[0, 32, 32], [0, 0, 1], atol=1e-6)


@pytest.mark.parametrize("rings", [8, 16, 64])
def test_vertex_normals_of_a_sphere_point_outwards_also_at_its_seam_and_poles(rings):
    ball = shapes.sphere([0, 0, 0], 0.3, rings)
    normals = drawables.vertex_normals(ball.vertices[0], ball.triangles, ball.normal_ids)
    cosine = (normals * ball.template).sum(axis=-1)
    # The mean of flat faces is off by less than a tenth of the angle between two of them.
    assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < 0.1 * 180 / rings
    np.testing.assert_allclose(np.linalg.norm(normals, axis=-1), 1, atol=1e-6)


def test_normals_of_a_sphere_are_those_of_the_point_and_face_the_camera():
    ball = shapes.sphere([0, 0, 0], 0.5, rings=128)
    view = shapes.camera([0.4, 0.3, 1.5], [0, 0, 0], 100.0)
    drawn = _drawn([ball], view)
    seen = drawn.labels.instance[0] > 0
    in_camera = drawn.labels.normals[0][seen] * [1, -1, -1]
    outwards = drawn.positions[0][seen] / np.linalg.norm(drawn.positions[0][seen], axis=-1)[:, None]
    cosine = np.clip((in_camera @ view.rotation[0] * outwards).sum(axis=-1), -1, 1)
    assert np.degrees(np.arccos(cosine)).max() < 0.5
    towards = view.positions[0] - drawn.positions[0][seen]
    assert ((in_camera @ view.rotation[0]) * towards).sum(axis=-1).min() > -1e-5
    np.testing.assert_allclose(np.linalg.norm(in_camera, axis=-1), 1, atol=1e-5)


def test_faceted_meshes_have_the_normals_of_their_faces():
    corners = [[-1, -1, 0], [1, -1, 0], [0, 1, 0], [0, 0, 1]]
    faces = np.array([[0, 1, 3], [1, 2, 3], [2, 0, 3]])
    tent = shapes.mesh(corners, faces, smooth_normals=False)
    drawn = _drawn([tent], shapes.camera([0, 0, 4], [0, 0, 0], 100.0))
    a, b, c = (np.array(corners)[faces[:, k]] for k in range(3))
    flat = np.cross(b - a, c - a)
    flat = flat / np.linalg.norm(flat, axis=-1)[:, None]
    seen = drawn.labels.instance[0] > 0
    np.testing.assert_allclose(
        drawn.labels.normals[0][seen], flat[drawn.triangle[0][seen]], atol=1e-6
    )


def test_what_has_no_area_or_lies_behind_the_camera_is_not_seen():
    line = shapes.mesh([[0, 0, 0], [1, 0, 0], [2, 0, 0]], [[0, 1, 2]])
    point = shapes.mesh([[0, 0, 0]] * 3, [[0, 1, 2]])
    behind = shapes.square([0, 0, 9], 2.0)
    beside = shapes.square([500, 0, 0], 2.0)
    around = shapes.sphere([0, 0, 3], 0.01)  # closer than what can be seen
    nothing = shapes.mesh(np.zeros((3, 3)), np.zeros((0, 3)))
    meshes = [line, point, behind, beside, around, nothing]
    drawn = _drawn(meshes, shapes.camera([0, 0, 3], [0, 0, 0], 80.0))
    assert not drawn.labels.alpha.any()
    assert (drawn.mesh == -1).all()

"""Camera conventions, and closed-form fits against independent solvers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from thfm_jax.ops import geometry

examples = settings(deadline=None, max_examples=25)
seeds = st.integers(0, 2**32 - 1)

INTRINSICS = jnp.array([[120.0, 0.0, 12.0], [0.0, 110.0, 8.0], [0.0, 0.0, 1.0]])
HEIGHT, WIDTH = 16, 24


def plane_depth(normal, offset):
    """Depth map of the plane normal . X = offset, in closed form from the pixels' rays."""
    rays = geometry.unproject(
        geometry.pixel_centres(HEIGHT, WIDTH), jnp.ones((HEIGHT, WIDTH)), INTRINSICS
    )
    return offset / (rays @ jnp.asarray(normal))


def test_pixel_centres_are_at_one_half():
    centres = geometry.pixel_centres(2, 3)
    np.testing.assert_array_equal(centres[0, 0], [0.5, 0.5])
    np.testing.assert_array_equal(centres[1, 2], [2.5, 1.5])


def test_project_by_hand():
    # 2 m ahead, 0.1 m right and 0.2 m down: 120 * 0.05 + 12 and 110 * 0.1 + 8.
    xy = geometry.project(jnp.array([0.1, 0.2, 2.0]), INTRINSICS)
    np.testing.assert_allclose(xy, [18.0, 19.0], rtol=1e-6)


@examples
@given(seeds)
def test_unproject_inverts_project(seed):
    rng = np.random.default_rng(seed)
    fx, fy, skew, cx, cy = rng.uniform([50, 50, -5, 0, 0], [900, 900, 5, 500, 500])
    intrinsics = jnp.array([[fx, skew, cx], [0, fy, cy], [0, 0, 1]])
    points = jnp.array(rng.uniform([-3, -3, 0.5], [3, 3, 9], (4, 5, 3)), jnp.float32)
    xy = geometry.project(points, intrinsics)
    np.testing.assert_allclose(
        geometry.unproject(xy, points[..., 2], intrinsics), points, rtol=1e-4, atol=1e-4
    )


def test_depth_points_project_to_their_own_pixels():
    depth = jnp.array(np.random.default_rng(0).uniform(1, 5, (2, HEIGHT, WIDTH)), jnp.float32)
    points = geometry.depth_to_points(depth, jnp.stack([INTRINSICS, 2 * INTRINSICS]))
    np.testing.assert_array_equal(points[..., 2], depth)
    xy = geometry.project(points[0], INTRINSICS)
    np.testing.assert_allclose(xy, geometry.pixel_centres(HEIGHT, WIDTH), atol=1e-5)


def test_a_plane_that_faces_the_camera_has_normal_z_towards_the_viewer():
    normals = geometry.depth_to_normals(jnp.full((HEIGHT, WIDTH), 2.0), INTRINSICS)
    towards_viewer = jnp.broadcast_to(jnp.array([0.0, 0.0, 1.0]), (HEIGHT, WIDTH, 3))
    np.testing.assert_allclose(geometry.opencv_to_viewer(normals), towards_viewer, atol=1e-5)


@pytest.mark.parametrize(
    ("recedes", "axis"), [("upper", 1), ("right", 0)], ids=["upper part", "right part"]
)
def test_a_surface_faces_where_it_recedes(recedes, axis):
    x, y = jnp.moveaxis(geometry.pixel_centres(HEIGHT, WIDTH), -1, 0)
    depth = 2 + 0.01 * (HEIGHT - y if recedes == "upper" else x)
    normals = geometry.opencv_to_viewer(geometry.depth_to_normals(depth, INTRINSICS))
    assert jnp.all(normals[..., axis] > 0.1)
    assert jnp.all(normals[..., 2] > 0)


@examples
@given(seeds)
def test_normals_of_any_plane(seed):
    rng = np.random.default_rng(seed)
    normal = np.array([*rng.uniform(-1, 1, 2), -1.0])
    normal /= np.linalg.norm(normal)
    depth = plane_depth(normal, offset=2 * normal[2])
    found = geometry.depth_to_normals(depth.astype(jnp.float32), INTRINSICS)
    # Neighbours are 0.02 m apart at 2 m, where float32 resolves 2e-7 m.
    np.testing.assert_allclose(found, np.broadcast_to(normal, found.shape), atol=2e-4)


def test_normals_are_nan_only_next_to_missing_depth():
    depth = jnp.full((HEIGHT, WIDTH), 2.0).at[5, 7].set(jnp.nan)
    missing = np.isnan(np.asarray(geometry.depth_to_normals(depth, INTRINSICS))).any(-1)
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[4:7, 7] = expected[5, 6:9] = True
    expected[5, 7] = False  # its own depth takes no part in a central difference
    np.testing.assert_array_equal(missing, expected)


def test_viewer_axes_are_their_own_inverse():
    vectors = jnp.array(np.random.default_rng(0).normal(size=(5, 3)), jnp.float32)
    viewer = geometry.opencv_to_viewer(vectors)
    np.testing.assert_array_equal(viewer, vectors * jnp.array([1.0, -1.0, -1.0]))
    np.testing.assert_array_equal(geometry.opencv_to_viewer(viewer), vectors)


@examples
@given(seeds)
def test_scale_and_shift_equal_a_weighted_polynomial_fit(seed):
    rng = np.random.default_rng(seed)
    source, target = rng.normal(size=(2, 3, 40))
    weight = rng.uniform(0.1, 1, (3, 40))
    scale, shift = geometry.fit_scale_shift(source, target, weight, axis=(-1,))
    assert scale.shape == shift.shape == (3, 1)
    for row in range(3):
        # polyfit squares its weights.
        expected = np.polyfit(source[row], target[row], 1, w=np.sqrt(weight[row]))
        np.testing.assert_allclose([scale[row, 0], shift[row, 0]], expected, rtol=1e-8, atol=1e-10)


def test_scale_and_shift_share_the_fit_over_the_named_axes_only():
    source = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    gain = np.array([2.0, -3.0]).reshape(2, 1, 1, 1)
    scale, shift = geometry.fit_scale_shift(
        source, gain * source + 1, np.ones_like(source), axis=(1, 2, 3)
    )
    np.testing.assert_allclose(scale, gain)
    np.testing.assert_allclose(shift, np.ones_like(gain))


@pytest.mark.parametrize("xp", [np, jnp])
def test_degenerate_scale_and_shift(xp):
    source, target = xp.full((1, 4), 3.1), xp.array([[1.0, 2.0, 3.0, 6.0]])
    scale, shift = geometry.fit_scale_shift(source, target, xp.ones((1, 4)), axis=(-1,))
    assert (scale.item(), shift.item()) == (0, pytest.approx(3.0))
    scale, shift = geometry.fit_scale_shift(source, target, xp.zeros((1, 4)), axis=(-1,))
    assert (scale.item(), shift.item()) == (0, 0)


def test_fits_ignore_nan_of_weight_zero():
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(2, 6, 3))
    weight = np.array([1.0, 1.0, 0.0, 1.0, 1.0, 0.0])
    source[2], target[5] = np.nan, np.nan
    kept = weight > 0
    for whole, part in zip(
        geometry.fit_similarity(source, target, weight),
        geometry.fit_similarity(source[kept], target[kept], weight[kept]),
        strict=True,
    ):
        np.testing.assert_allclose(whole, part, rtol=1e-12)
    for whole, part in zip(
        geometry.fit_scale_shift(source[:, 0], target[:, 0], weight, (0,)),
        geometry.fit_scale_shift(source[kept, 0], target[kept, 0], weight[kept], (0,)),
        strict=True,
    ):
        np.testing.assert_allclose(whole, part, rtol=1e-12)


@examples
@given(seeds, st.booleans())
def test_similarity_is_recovered(seed, planar):
    rng = np.random.default_rng(seed)
    source = rng.normal(size=(2, 7, 3)) * [1, 1, 0 if planar else 1]
    rotation = Rotation.random(2, random_state=seed).as_matrix()
    scale, translation = rng.uniform(0.1, 9, 2), rng.normal(size=(2, 3))
    target = scale[:, None, None] * source @ rotation.mT + translation[:, None]
    found = geometry.fit_similarity(source, target, rng.uniform(0.1, 1, (2, 7)))
    for value, expected in zip(found, (scale, rotation, translation), strict=True):
        np.testing.assert_allclose(value, expected, atol=1e-9)


@examples
@given(seeds)
def test_similarity_rotation_equals_scipy(seed):
    rng = np.random.default_rng(seed)
    source, target = rng.normal(size=(2, 7, 3))
    weight = rng.uniform(0.1, 1, 7)
    _, rotation, translation = geometry.fit_similarity(source, target, weight)
    centred = (points - np.average(points, 0, weight) for points in (target, source))
    expected, _ = Rotation.align_vectors(*centred, weights=weight)
    np.testing.assert_allclose(rotation, expected.as_matrix(), atol=1e-7)
    assert translation.shape == (3,)


@examples
@given(seeds)
def test_similarity_scale_and_translation_are_least_squares(seed):
    rng = np.random.default_rng(seed)
    source, target = rng.normal(size=(2, 7, 3))
    weight = rng.uniform(0.1, 1, 7)
    scale, rotation, translation = geometry.fit_similarity(source, target, weight)
    # For a fixed rotation the rest is linear, and the rotated points may be fitted directly.
    turned = source @ rotation.T
    rows = np.concatenate([turned.reshape(-1, 1), np.tile(np.eye(3), (7, 1))], axis=1)
    root = np.sqrt(np.repeat(weight, 3))
    expected = np.linalg.lstsq(rows * root[:, None], target.reshape(-1) * root)[0]
    np.testing.assert_allclose([scale, *translation], expected, atol=1e-9)


def test_similarity_never_mirrors():
    source = np.random.default_rng(0).normal(size=(7, 3))
    scale, rotation, _ = geometry.fit_similarity(source, source * [-1, 1, 1], np.ones(7))
    assert np.linalg.det(rotation) == pytest.approx(1)
    assert 0 < scale < 1


def test_similarity_of_coinciding_points_is_their_shift():
    source, target = np.ones((4, 3)), np.full((4, 3), 5.0)
    scale, _, translation = geometry.fit_similarity(source, target, np.ones(4))
    assert scale == 0
    np.testing.assert_allclose(translation, np.full(3, 5.0))


def test_fits_agree_between_numpy_and_jitted_jax():
    source, target = np.random.default_rng(0).normal(size=(2, 4, 7, 3)).astype(np.float32)
    weight = np.ones((4, 7), np.float32)
    for host, device in zip(
        geometry.fit_similarity(source, target, weight),
        jax.jit(geometry.fit_similarity)(source, target, weight),
        strict=True,
    ):
        assert host.dtype == device.dtype == np.float32
        np.testing.assert_allclose(host, device, atol=1e-5)

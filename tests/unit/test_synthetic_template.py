"""The dense-pose template: exact closest points, its frame, and left and right alike."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thfm_jax.data.synthetic import parts
from thfm_jax.data.synthetic.bodies.body import BodyModel
from thfm_jax.data.synthetic.bodies.closest import Surface
from thfm_jax.data.synthetic.bodies.template import Template
from thfm_jax.tasks import densepose


@pytest.fixture(scope="module")
def template(pack):
    return Template.load(pack)


def distance_to_triangle(point, corners):
    """Independent of the tree: the plane's foot point if it is inside, else the nearest edge."""
    edges = [(corners[k], corners[(k + 1) % 3]) for k in range(3)]
    shares = [
        np.clip((point - a) @ (b - a) / max((b - a) @ (b - a), 1e-30), 0, 1) for a, b in edges
    ]
    nearest = min(
        np.linalg.norm(a + t * (b - a) - point) for (a, b), t in zip(edges, shares, strict=True)
    )
    normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
    if (normal @ normal) < 1e-20:
        return nearest
    foot = point - (point - corners[0]) @ normal / (normal @ normal) * normal
    inside = all(np.cross(b - a, foot - a) @ normal >= 0 for a, b in edges)
    return np.linalg.norm(foot - point) if inside else nearest


@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
@settings(max_examples=60)
def test_closest_agrees_with_every_triangle_tried(seed, count):
    rng = np.random.default_rng(seed)
    vertices = rng.normal(size=(30, 3))
    triangles = rng.integers(0, 30, (count, 3))
    points = rng.normal(size=(5, 3)) * 1.5
    found = Surface(vertices, triangles).closest(points)
    corners = vertices[triangles]
    for k, point in enumerate(points):
        best = min(distance_to_triangle(point, triangle) for triangle in corners)
        assert found.distance[k] == pytest.approx(best, abs=1e-9)
    np.testing.assert_allclose(found.barycentric.sum(axis=1), 1, atol=1e-12)
    assert (found.barycentric >= 0).all()
    rebuilt = np.einsum("nk,nkd->nd", found.barycentric, corners[found.triangle])
    np.testing.assert_allclose(np.linalg.norm(rebuilt - points, axis=1), found.distance, atol=1e-9)


def test_points_of_the_surface_are_found_with_their_texture_and_part(template):
    rng = np.random.default_rng(0)
    rows = rng.integers(0, len(template.triangles), 500)
    weights = rng.dirichlet([2, 2, 2], 500)
    corners = template.vertices[template.triangles[rows]].astype(np.float64)
    found = template.lookup(np.einsum("nk,nkd->nd", weights, corners).reshape(20, 25, 3))
    assert found.part.shape == (20, 25) and found.uv.shape == (20, 25, 2)
    assert found.distance_m.max() < 1e-6
    same = found.triangle.ravel() == rows
    # A few triangles of the teeth coincide.
    assert same.mean() > 0.98
    uv = np.einsum("nk,nkd->nd", weights, template.uv[template.triangles[rows]])
    np.testing.assert_allclose(found.uv.reshape(-1, 2)[same], uv[same], atol=1e-5)
    np.testing.assert_array_equal(found.part.ravel()[same], template.part[rows][same])


def test_the_template_fills_the_frame_of_dense_pose(template):
    low, high = template.vertices.min(axis=0), template.vertices.max(axis=0)
    assert high[1] == pytest.approx(-low[1], abs=1e-6) and high[0] == pytest.approx(-low[0])
    limit = densepose.USED * densepose.BOX_M
    assert -limit < low.min() and high.max() < limit
    assert low[2] > -0.2 and high[2] < 0.4
    points = template.vertices[None, :100]
    code = densepose.encode(points, np.ones(points.shape[:2], np.float32))
    np.testing.assert_allclose(densepose.decode(code), points, atol=1e-6)


def test_a_mirrored_position_is_the_other_side_of_the_body(template):
    """What a horizontal flip needs: x of the canonical position changes its sign."""
    mirror = np.array([-1, 1, 1])
    found = template.lookup(template.vertices * mirror)
    assert found.distance_m.max() < 1e-6
    centres = template.vertices[template.triangles].mean(axis=1)
    found = template.lookup(centres * mirror)
    assert found.distance_m.max() < 1e-6
    # Where the middle plane cuts a pair of triangles, either side may have it.
    assert (found.part == parts.MIRROR[template.part]).mean() > 0.999


def test_clothes_and_hair_show_the_skin_beneath(template, pack):
    model = BodyModel.load(pack)
    for name in ("tights", "skirt", "hair", "lashes"):
        found = template.lookup(model.template[model.patches[name].vertex_ids])
        assert found.distance_m.max() < 1e-6, name
    tights = model.patches["tights"].vertex_ids
    placed = model.rest + (model.template[0] - model.rest[0])
    assert np.linalg.norm(model.template[tights] - placed[tights], axis=1).max() < 0.05

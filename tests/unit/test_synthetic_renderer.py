"""What a rendered clip holds: coverage, hair, motion, light, shadows, backdrops, errors."""

import dataclasses

import numpy as np
import pytest

from tests.unit import drawn_shapes as shapes
from thfm_jax.data.synthetic import scene
from thfm_jax.data.synthetic.rendering import renderer
from thfm_jax.data.synthetic.rendering.renderer import ambient_light, render

FRONT = shapes.camera([0, 0, 4], [0, 0, 0], 64.0)  # 16 pixels a metre at z = 0


def test_alpha_is_the_share_of_the_pixel_that_people_cover():
    # Edges at 32 +- 8.5 pixels: three of six columns of samples.
    drawn = render(shapes.scene_of([shapes.square([0, 0, 0], 8.5 / 16)], FRONT), supersampling=6)
    row = drawn.labels.alpha[0, 32]
    np.testing.assert_allclose(row[[22, 23, 24, 31, 39, 40, 41]], [0, 0.5, 1, 1, 1, 0.5, 0])
    assert drawn.labels.alpha.sum() == pytest.approx(17**2, rel=1e-5)


def test_what_stands_in_front_takes_its_share_of_alpha_away():
    person, pole = shapes.square([0, 0, 0], 0.5), shapes.square([0, 0, 2], 0.125, instance=0)
    drawn = render(shapes.scene_of([person, pole], FRONT))
    assert drawn.labels.alpha[0, 32, 32] == 0
    assert drawn.labels.instance[0, 32, 32] == 0
    assert drawn.mesh[0, 32, 32] == 1
    assert drawn.nearest_m[0, 32, 32] == 2
    assert drawn.labels.alpha[0, 32, 26] == 1


def test_where_nobody_is_labels_are_zero_and_nothing_is_near():
    person, thing = shapes.sphere([0.5, 0, 0], 0.4), shapes.sphere([-0.5, 0, 0], 0.4, instance=0)
    drawn = render(shapes.scene_of([person, thing], FRONT), positions=True)
    empty = drawn.labels.instance == 0
    for name in ("depth_m", "normals", "template", "part", "valid", "posed"):
        assert not getattr(drawn.labels, name)[empty].any()
        assert getattr(drawn.labels, name)[~empty].any()
    assert np.isinf(drawn.nearest_m[drawn.mesh == -1]).all()
    assert np.isnan(drawn.positions[drawn.mesh == -1]).all()
    np.testing.assert_allclose(drawn.nearest_m[~empty], drawn.labels.depth_m[~empty])
    assert (drawn.mesh == 1).any()


def test_held_things_are_foreground_without_a_place_on_the_body():
    drawn = render(shapes.scene_of([shapes.square([0, 0, 0], 0.5, instance=2)], FRONT))
    assert drawn.labels.instance[0, 32, 32] == 2
    assert not drawn.labels.posed.any()


def _hair(share_covered, hull_half):
    """Strands on a square of half side 0.5, over a hull that stands for them."""
    texture = np.zeros((64, 64), np.uint8)
    texture[:, : round(64 * share_covered)] = 255
    strands = shapes.square(
        [0, 0, 0.1],
        0.5,
        material=shapes.plain(opacity=texture),
        uv=np.array([[0, 0], [16, 0], [16, 16], [0, 16]], np.float32),
        cutoff=np.full(4, 128, np.float32),
        passes="seen",
    )
    return [strands, shapes.square([0, 0, 0], hull_half, passes="label")]


def test_in_thin_hair_the_hull_is_labelled_and_invalid():
    labels = render(shapes.scene_of(_hair(0.5, 0.4), FRONT), supersampling=5).labels
    inside = (slice(0, 1), slice(28, 36), slice(28, 36))
    assert (labels.depth_m[inside] == 4).all()
    assert not labels.valid[inside].any()
    assert 0.3 < labels.alpha[inside].mean() < 0.7
    # Strands that stick out of the hull cover, but have no surface of their own.
    assert labels.alpha[0, 32, 25] > 0
    assert labels.instance[0, 32, 25] == 0


def test_in_dense_hair_the_hull_is_a_surface():
    labels = render(shapes.scene_of(_hair(1.0, 0.4), FRONT)).labels
    assert labels.valid[0, 28:36, 28:36].all()
    assert (labels.alpha[0, 28:36, 28:36] == 1).all()


def _moving(step):
    square = shapes.square([0, 0, 0], 0.25)
    track = square.vertices + np.array([-step, 0, step], np.float32)[:, None, None] * [1, 0, 0]
    return dataclasses.replace(square, vertices=track.astype(np.float32))


@pytest.mark.parametrize("step_px", [3.0, 12.0])
def test_motion_blur_spreads_alpha_and_keeps_its_sum(step_px):
    view = shapes.camera([0, 0, 4], [0, 0, 0], 64.0, frames=3)
    still = shapes.scene_of([_moving(step_px / 16)], view)
    sharp = render(still).labels
    blurred = render(dataclasses.replace(still, shutter=1.0)).labels
    # Moves by `step_px` while the shutter is open, seen at nine times or three.
    assert blurred.alpha[1].sum() == pytest.approx(sharp.alpha[1].sum(), rel=0.02)
    widths = [(labels.alpha[1, 32] > 0).sum() for labels in (sharp, blurred)]
    assert 0.6 * step_px - 1 <= widths[1] - widths[0] <= step_px + 1
    np.testing.assert_array_equal(blurred.depth_m, sharp.depth_m)


def test_a_moving_camera_blurs_what_stands_still():
    view = shapes.camera([0, 0, 4], [0, 0, 0], 64.0, frames=3)
    moved = view.translation + np.array([-0.5, 0, 0.5])[:, None] * [1, 0, 0]
    view = dataclasses.replace(view, translation=moved)
    drawn = render(shapes.scene_of([shapes.square([0, 0, 0], 0.25)], view, shutter=0.5)).labels
    assert ((drawn.alpha[1, 32] > 0) & (drawn.alpha[1, 32] < 1)).sum() >= 6


def test_uniform_ambient_light_shows_albedo():
    normals = np.array([[0, 1, 0], [0.6, 0, 0.8], [0, 0, -1.0]])
    np.testing.assert_allclose(ambient_light(shapes.UNIFORM.ambient, normals), 1, atol=1e-5)
    albedo = (0.8, 0.4, 0.1)
    ball = shapes.sphere([0, 0, 0], 1.0, material=shapes.plain(albedo))
    drawn = render(shapes.scene_of([ball], FRONT))
    np.testing.assert_allclose(drawn.colour[0, 32, 32], albedo, atol=0.02)


def test_light_of_order_one_comes_from_its_side():
    ambient = np.zeros((9, 3), np.float32)
    ambient[1] = 1  # y
    up, down = ambient_light(ambient, np.array([[0, 1, 0], [0, -1.0, 0]]))
    # 2/3 of sqrt(3 / 4 pi).
    np.testing.assert_allclose(up, 0.32574, atol=1e-4)
    np.testing.assert_allclose(down, -up)


def test_a_sun_lights_white_surfaces_in_its_colour_but_not_in_shadow():
    sun = scene.Sun(np.array([0, 0, 1.0]), np.array([1, 0.5, 0.25], np.float32), softness_deg=0.5)
    light = scene.Lighting(np.zeros((9, 3), np.float32), (sun,), occlusion=0.0)
    wall = shapes.square([0, 0, 0], 1.5, instance=0, material=shapes.plain((1, 1, 1)))
    square = shapes.square([0, 0, 0.5], 0.3, material=shapes.plain((0, 0, 0)))
    # From the side, the shadow on the wall behind the square is seen.
    view = shapes.camera([2.5, 0, 2.5], [0, 0, 0], 64.0)
    drawn = render(shapes.scene_of([wall, square], view, lighting=light), positions=True)
    on_wall = (drawn.mesh[0] == 0) & (drawn.labels.alpha[0] == 0)
    place = np.abs(drawn.positions[0][..., :2]).max(axis=-1)
    lit, dark = on_wall & (place > 0.4) & (place < 1.4), on_wall & (place < 0.2)
    assert dark.sum() > 5
    np.testing.assert_allclose(drawn.colour[0][lit] / [1, 0.5, 0.25], 1, atol=0.02)
    assert drawn.colour[0][dark].max() < 0.02


def test_a_sphere_in_a_sun_has_no_shadow_on_its_lit_side():
    sun = scene.Sun(np.array([0.6, 0.8, 0]), np.ones(3, np.float32), softness_deg=2.0)
    light = scene.Lighting(np.zeros((9, 3), np.float32), (sun,), occlusion=0.0)
    ball = shapes.sphere([0, 0, 0], 0.5, rings=64, material=shapes.plain((1, 1, 1)))
    drawn = render(
        shapes.scene_of([ball], shapes.camera([0, 0, 2], [0, 0, 0], 100.0), lighting=light)
    )
    cosine = (drawn.labels.normals[0] * [0.6, 0.8, 0]).sum(axis=-1)
    lit = (cosine > 0.3) & (drawn.labels.alpha[0] == 1)
    np.testing.assert_allclose(drawn.colour[0][lit][:, 0], cosine[lit], atol=0.05)


def test_corners_are_darker_with_occlusion():
    floor = shapes.mesh(
        [[-2, 0, -2], [-2, 0, 2], [2, 0, 2], [2, 0, -2]], [[0, 1, 2], [0, 2, 3]], instance=0
    )
    wall = shapes.square([0, 1, -0.5], 1.0, instance=0)
    view = shapes.camera([0, 1.5, 3], [0, 0.4, 0], 200.0, size=(192, 192))
    light = dataclasses.replace(shapes.UNIFORM, occlusion=1.0)
    drawn = render(shapes.scene_of([floor, wall], view, lighting=light), positions=True)
    height = drawn.positions[0][..., 1]
    near, far = (drawn.mesh[0] == 1) & (height < 0.08), (drawn.mesh[0] == 1) & (height > 0.8)
    assert drawn.colour[0][near].mean() < 0.9 * drawn.colour[0][far].mean()


def test_textures_lie_as_the_material_says():
    albedo = np.zeros((4, 4, 3), np.float32)
    albedo[0, 3] = 1  # row 0 is v = 0, column 3 is u towards 1
    square = shapes.square(
        [0, 0, 0],
        0.5,
        material=scene.Material(albedo, specular=0.0, roughness=1.0),
        uv=np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32),
    )
    colour = render(shapes.scene_of([square], FRONT)).colour[0, ..., 0]
    # u grows rightwards and v upwards here: the bright texel is right and low.
    assert colour[37, 37] > 0.7
    assert max(colour[37, 26], colour[26, 26], colour[26, 37]) < 0.1


def test_distant_textures_are_averaged_and_do_not_flicker():
    board = np.indices((64, 64)).sum(axis=0) % 2
    albedo = np.repeat(board[..., None], 3, axis=-1).astype(np.float32)
    square = shapes.square(
        [0, 0, 0],
        1.0,
        material=scene.Material(albedo, specular=0.0, roughness=1.0),
        uv=np.array([[0, 0], [4, 0], [4, 4], [0, 4]], np.float32),
    )
    middle = render(shapes.scene_of([square], FRONT)).colour[0, 20:44, 20:44]
    np.testing.assert_allclose(middle, 0.5, atol=0.02)


def test_relief_changes_the_picture_and_not_the_normals():
    waves = 0.05 * np.sin(np.arange(64) / 64 * 4 * np.pi, dtype=np.float32)
    sun = scene.Sun(np.array([0.6, 0, 0.8]), np.ones(3, np.float32), shadow=False)
    light = scene.Lighting(np.zeros((9, 3), np.float32), (sun,), occlusion=0.0)
    rough = shapes.plain(height=np.broadcast_to(waves, (64, 64)).copy())
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    flat, relief = (
        render(shapes.scene_of([shapes.square([0, 0, 0], 1.0, **m)], FRONT, lighting=light))
        for m in ({"material": shapes.plain(), "uv": uv}, {"material": rough, "uv": uv})
    )
    np.testing.assert_array_equal(flat.labels.normals, relief.labels.normals)
    inside = (0, slice(20, 44), slice(20, 44), 0)
    assert flat.colour[inside].std() < 1e-3
    # Slopes up to 0.05 * 2 pi * 2 / 2 m to either side of 0.8.
    assert relief.colour[inside].std() > 0.05
    assert relief.colour[inside].mean() == pytest.approx(flat.colour[inside].mean(), rel=0.1)


def test_a_panorama_turns_rightwards_and_its_middle_lies_at_minus_z():
    image = np.zeros((32, 64, 3), np.float32)
    image[:, 31:33, 0] = 1  # the middle: -z
    image[:, 47:49, 1] = 1  # three quarters: +x
    image[:4, :, 2] = 1  # up
    for target, channel in (([0, 0, -1], 0), ([1, 0, 0], 1), ([0.05, 1, 0], 2)):
        view = shapes.camera([0, 0, 0], target, 64.0)
        drawn = render(shapes.scene_of([], view, backdrop=scene.Backdrop(image, True)))
        assert drawn.colour[0, 32, 32].argmax() == channel


def test_a_flat_picture_shows_its_window():
    image = np.random.default_rng(0).uniform(size=(16, 16, 3)).astype(np.float32)
    image = image.repeat(8, axis=0).repeat(8, axis=1)
    window = np.array([[64.0, 0, 128, 64]])
    backdrop = scene.Backdrop(image, False, window)
    drawn = render(shapes.scene_of([], FRONT, backdrop=backdrop))
    np.testing.assert_allclose(drawn.colour[0, 4::8, 4::8], image[4:64:8, 68::8], atol=1e-3)


def test_edges_mix_person_and_backdrop_by_alpha():
    backdrop = scene.Backdrop(np.ones((4, 4, 3), np.float32), False)
    ball = shapes.sphere([0, 0, 0], 1.0, material=shapes.plain((0, 0, 0)))
    drawn = render(shapes.scene_of([ball], FRONT, backdrop=backdrop))
    np.testing.assert_allclose(drawn.colour[..., 0], 1 - drawn.labels.alpha, atol=1e-5)


def test_the_same_scene_gives_the_same_bytes():
    ball = shapes.sphere([0, 0, 0], 1.0)
    first, second = (render(shapes.scene_of([ball], FRONT)) for _ in range(2))
    assert first.colour.tobytes() == second.colour.tobytes()
    assert first.labels.normals.tobytes() == second.labels.normals.tobytes()


def test_an_empty_scene_is_its_backdrop():
    drawn = render(shapes.scene_of([], FRONT))
    assert not drawn.colour.any()
    assert not drawn.labels.alpha.any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vertices": np.full((1, 4, 3), np.nan, np.float32)}, "mesh 1 of instance 1.*finite"),
        ({"triangles": np.array([[0, 1, 4]], np.int32)}, "mesh 1.*vertices 0 to 3"),
        ({"part": None}, "mesh 1.*parts"),
        ({"tint": np.ones((3, 3), np.float32)}, r"mesh 1.*tint must be \(4, 3\)"),
        (
            {"material": scene.Material(np.ones((3, 3, 3), np.float32))},
            "mesh 1.*albedo must be square, its side a power of two",
        ),
    ],
)
def test_a_mesh_that_cannot_be_drawn_is_named(change, message):
    meshes = [shapes.square([0, 0, 0], 1.0)]
    meshes.append(dataclasses.replace(meshes[0], **change))
    with pytest.raises(ValueError, match=message):
        renderer.render(shapes.scene_of(meshes, FRONT))

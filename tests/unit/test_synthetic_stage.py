import dataclasses

import numpy as np
import pytest

from tests.unit.stick_people import walking
from thfm_jax import joints
from thfm_jax.data.synthetic import assets
from thfm_jax.data.synthetic.motion.script import Seat
from thfm_jax.data.synthetic.places import cameras, occluders, panorama, seats, stage
from thfm_jax.data.synthetic.places.pictures import Pictures
from thfm_jax.data.synthetic.places.space import Space
from thfm_jax.data.synthetic.scene import Scene

SIZE = (96, 96)
FRAMES = 5
CLIPS = 60


def _clip(seed, pack, pictures=None):
    """(joints, camera, stage) of a person who walks somewhere."""
    rng = np.random.default_rng(seed)
    person = walking(FRAMES, 24.0, rng.uniform(0, 6), height=rng.uniform(1.2, 1.9))
    camera, _ = cameras.sample(rng, [person], SIZE, 24.0)
    return person, camera, stage.build(rng, camera, [person], [], pack, pictures)


@pytest.fixture(scope="module")
def clips(pack):
    return [_clip(seed, pack) for seed in range(CLIPS)]


def _points_on(meshes):
    """Points on all triangles, a few on each, in mid-clip."""
    shares = np.array([(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1), (2, 1, 1), (1, 2, 1), (1, 1, 2)])
    shares = shares / shares.sum(axis=1, keepdims=True)
    corners = [m.vertices[len(m.vertices) // 2][m.triangles] for m in meshes]
    return np.einsum("sk,fkc->fsc", shares, np.concatenate(corners)).reshape(-1, 3)


def _gap_to_bones(points, person):
    """Distance of the nearest of the points from a bone in any frame."""
    gaps = []
    for frame in person:
        for start, end in joints.EDGES:
            along = frame[end] - frame[start]
            share = (points - frame[start]) @ along / max(along @ along, 1e-9)
            nearest = frame[start] + np.clip(share, 0, 1)[:, None] * along
            gaps.append(np.linalg.norm(points - nearest, axis=-1).min())
    return min(gaps)


def _crossings(start, ends, meshes, frame):
    """Which of the segments [N] cross a triangle of the meshes."""
    corners = np.concatenate(
        [m.vertices[min(frame, len(m.vertices) - 1)][m.triangles] for m in meshes]
    )
    corners = corners.astype(np.float64)
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    crossed = []
    for end in ends:
        ray = end - start
        normal = np.cross(ray, second)
        scale = np.einsum("fc,fc->f", first, normal)
        scale = np.where(np.abs(scale) < 1e-12, np.inf, scale)
        offset = start - corners[:, 0]
        u = np.einsum("fc,fc->f", offset, normal) / scale
        across = np.cross(offset, first)
        v = across @ ray / scale
        t = np.einsum("fc,fc->f", second, across) / scale
        crossed.append(((u > 0) & (v > 0) & (u + v < 1) & (t > 0) & (t < 0.999)).any())
    return np.array(crossed)


def test_all_styles_occur(clips):
    assert {built.meta["style"] for _, _, built in clips} == set(stage.STYLES) - {"picture"}


def test_surroundings_are_well_formed(clips):
    for _, _, built in clips:
        assert sum(len(mesh.triangles) for mesh in built.meshes) < 20_000
        assert 1 <= len(built.lighting.suns) <= 3
        assert np.isfinite(built.lighting.ambient).all()
        assert np.isfinite(built.backdrop.image).all()
        assert built.backdrop.image.min() >= 0
        for mesh in built.meshes:
            assert mesh.instance == 0
            assert len(mesh.vertices) in (1, FRAMES)
            assert np.isfinite(mesh.vertices).all()
            assert mesh.triangles.max() < mesh.vertices.shape[1]
            assert (mesh.cutoff is None) == (mesh.material.opacity is None)
            assert mesh.material.albedo.dtype == np.float32
            assert 0 <= mesh.material.albedo.min() <= mesh.material.albedo.max() <= 1
            side = len(mesh.material.albedo)
            assert side & (side - 1) == 0


def test_nothing_touches_the_person(clips):
    for person, _, built in clips:
        if built.meshes:
            points = _points_on(built.meshes)
            above = points[points[:, 1] > 0.05]
            if len(above):
                assert _gap_to_bones(above, person) > 0.2


def test_only_occluders_stand_between_the_camera_and_the_person(clips):
    for person, camera, built in clips:
        if built.meshes and "occluder" not in built.meta:
            frame = FRAMES // 2
            seen = person[frame][person[frame, :, 1] > 0.1]
            start = camera.positions[frame]
            assert not _crossings(start, seen, built.meshes, frame).any()


def test_a_quarter_of_the_clips_has_an_occluder_that_hides_some_but_not_all(pack):
    facts = [_clip(seed, pack)[2].meta for seed in range(200, 320)]
    shares = [meta["hidden"] for meta in facts if "occluder" in meta]
    assert 0.15 < len(shares) / len(facts) < 0.33
    assert min(shares) >= occluders.LEAST
    assert max(shares) <= occluders.MOST


def test_what_an_occluder_hides_is_what_rays_say(clips, pack):
    for seed in range(12):
        rng = np.random.default_rng(seed)
        person = walking(FRAMES)
        camera, _ = cameras.sample(rng, [person], SIZE, 24.0)
        space = Space(camera, [person])
        meshes, facts = occluders.build(rng, space, indoors=True)
        if not facts:
            continue
        worst = 0.0
        for frame in range(FRAMES):
            points = space.body[frame]
            local = points @ camera.rotation[frame].T + camera.translation[frame]
            xy = local @ camera.intrinsics[frame].T
            xy = xy[:, :2] / xy[:, 2:]
            seen = points[((xy > 0) & (xy < SIZE)).all(axis=-1)]
            if len(seen):
                crossed = _crossings(camera.positions[frame], seen, meshes, frame)
                worst = max(worst, float(crossed.mean()))
        assert worst == pytest.approx(facts["hidden"], abs=0.1)


@pytest.mark.parametrize(
    ("size", "height"),
    [((0.45, 0.42), 0.46), ((0.5, 0.5), 0.8), ((0.9, 2.0), 0.5), ((1.6, 0.6), 0.4)],
)
def test_the_top_of_a_seat_is_where_the_motion_puts_it(size, height):
    place = np.array([0.7, height, -0.4])
    seat = Seat(place, size, height, yaw=0.6)
    person = walking(FRAMES, start=(5.0, 0.0, 0.0))
    camera, _ = cameras.sample(np.random.default_rng(0), [person], SIZE, 24.0)
    space = Space(camera, [person])
    cosine, sine = np.cos(0.6), np.sin(0.6)
    for seed in range(20):
        meshes, kind = seats.build(np.random.default_rng(seed), seat, space)
        assert kind
        points = _points_on(meshes) - place
        x = points[:, 0] * cosine - points[:, 2] * sine
        z = points[:, 0] * sine + points[:, 2] * cosine
        inner = (np.abs(x) < 0.25 * size[0]) & (np.abs(z) < 0.25 * size[1])
        assert points[inner, 1].max() == pytest.approx(0, abs=0.02)
        lowest = min(mesh.vertices[..., 1].min() for mesh in meshes)
        assert lowest == pytest.approx(0, abs=0.01)


def test_no_furniture_for_who_sits_on_the_ground():
    seat = Seat(np.zeros(3), (0.4, 0.4), 0.0, 0.0)
    person = walking(FRAMES)
    camera, _ = cameras.sample(np.random.default_rng(0), [person], SIZE, 24.0)
    meshes, _ = seats.build(np.random.default_rng(0), seat, Space(camera, [person]))
    assert meshes == []


def test_a_panorama_and_its_ground_look_the_same(pack):
    """Under light without shadows, the picture with and without the ground differs by its grain."""
    from thfm_jax.data.synthetic.rendering.renderer import render

    rng = np.random.default_rng(1)
    person = walking(1)
    eye, aim = np.array([[0.4, 1.5, 3.0]]), np.array([[0.0, 0.9, 0.0]])
    rotation = cameras.look_at(eye, aim)
    camera = cameras._camera(eye, rotation, np.array([80.0]), np.array([48.0, 48.0]), SIZE)
    space = Space(camera, [person])
    name, image, light = panorama.load(rng, pack, ["city"])
    light = dataclasses.replace(
        light,
        suns=tuple(dataclasses.replace(sun, shadow=False) for sun in light.suns),
        occlusion=0.0,
    )
    ground = panorama.ground(rng, name, image, light, space)
    plain = dataclasses.replace(
        ground,
        material=dataclasses.replace(
            ground.material,
            albedo=ground.material.albedo.mean(axis=(0, 1), keepdims=True),
            height=None,
        ),
    )
    behind = panorama.backdrop(image, space)
    with_, without = (
        render(Scene(meshes, camera, light, behind), 1).colour[0] for meshes in ([plain], [])
    )
    below = slice(60, 96)
    difference = np.abs(with_ - without)[below] / without[below].mean()
    assert np.mean(difference) < 0.06


def test_a_pack_without_panoramas_is_enough(tmp_path):
    assets.save(tmp_path / "small.npz", {"mesh/nothing": np.zeros(1)}, [], "none")
    bare = assets.load(tmp_path / "small.npz")
    styles = {_clip(seed, bare)[2].meta["style"] for seed in range(25)}
    assert styles == set(stage.STYLES) - {"picture", "panorama"}


def test_the_users_pictures_are_used(pack, tmp_path):
    from PIL import Image

    Image.new("RGB", (320, 240), (10, 200, 30)).save(tmp_path / "green.png")
    pictures = Pictures(tmp_path)
    facts = [_clip(seed, pack, pictures)[2] for seed in range(30)]
    drawn = [built for built in facts if built.meta["style"] == "picture"]
    assert 2 <= len(drawn) <= 14
    assert all(built.meta["picture"] == "green.png" for built in drawn)
    assert all(not built.backdrop.panorama for built in drawn)


def test_a_seed_names_a_stage_whatever_was_built_before(clips, pack):
    for seed in (3, 17, 31):
        _, _, first = clips[seed]
        _, _, again = _clip(seed, pack)
        assert first.meta == again.meta
        assert len(first.meshes) == len(again.meshes)
        for one, other in zip(first.meshes, again.meshes, strict=True):
            np.testing.assert_array_equal(one.vertices, other.vertices)
            np.testing.assert_array_equal(one.material.albedo, other.material.albedo)
        np.testing.assert_array_equal(first.backdrop.image, again.backdrop.image)
        np.testing.assert_array_equal(first.lighting.ambient, again.lighting.ambient)

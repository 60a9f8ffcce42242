import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.stick_people import walking
from thfm_jax import joints
from thfm_jax.data.synthetic.places import cameras
from thfm_jax.data.synthetic.places.tremor import wander

SIZE = (256, 256)
CLIPS = 160


def _person(rng: np.random.Generator) -> np.ndarray:
    return walking(
        9, 24.0, rng.uniform(0, 6.3), rng.choice((0.0, 1.2, 3.0)), height=rng.uniform(0.9, 1.9)
    )


def _joints_on_screen(camera, points):
    """(image points in pixels, depths) straight from the definition of the camera."""
    xy, depth = [], []
    for frame in range(len(points)):
        local = points[frame] @ camera.rotation[frame].T + camera.translation[frame]
        image = local @ camera.intrinsics[frame].T
        xy.append(image[:, :2] / image[:, 2:])
        depth.append(local[:, 2])
    return np.stack(xy), np.stack(depth)


@pytest.fixture(scope="module")
def clips():
    """(points, camera, facts) of many random clips."""
    found = []
    for seed in range(CLIPS):
        rng = np.random.default_rng(seed)
        person = _person(rng)
        found.append((person, *cameras.sample(rng, [person], SIZE, 24.0)))
    return found


def test_the_joints_that_a_shot_shows_are_in_the_picture(clips):
    reached = []
    for person, camera, facts in clips:
        names = cameras.SHOTS[facts["shot"]].names
        wanted = person[:, joints.indices(names)] if names else person
        xy, depth = _joints_on_screen(camera, wanted)
        inside = ((xy >= 0) & (xy < SIZE[::-1])).all(axis=-1) & (depth > 0)
        assert inside.mean() == pytest.approx(facts["inside"])
        share = cameras.CUT_INSIDE if facts["cut"] else cameras.SHOTS[facts["shot"]].inside
        reached.append(inside.mean() >= share)
    assert np.mean(reached) >= 0.95


def test_whole_bodies_are_whole_unless_the_border_cuts_them(clips):
    for person, camera, facts in clips:
        if facts["shot"] in ("full_body", "far") and not facts["cut"]:
            xy, _ = _joints_on_screen(camera, person)
            assert ((xy >= 0) & (xy < SIZE[::-1])).all(axis=-1).mean() >= 0.9


def test_people_have_many_heights_in_the_picture(clips):
    heights = []
    for person, camera, _ in clips:
        xy, _ = _joints_on_screen(camera, person[4:5].repeat(9, axis=0))
        heights.append(np.ptp(xy[4, :, 1]))
    small, middle, large = np.percentile(heights, (10, 50, 90))
    assert small < 90
    assert 120 < middle < 400
    assert large > 400


def test_all_shots_and_motions_occur(clips):
    assert {facts["shot"] for _, _, facts in clips} == set(cameras.SHOTS)
    assert {facts["motion"] for _, _, facts in clips} == set(cameras.MOTIONS)


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 3), st.sampled_from((1, 2, 17)))
def test_cameras_stay_above_the_ground_and_off_everybody(seed, people, frames):
    rng = np.random.default_rng(seed)
    group = [
        walking(frames, 24.0, rng.uniform(0, 6), 1.2, (1.1 * number, 0.0, 0.0))
        for number in range(people)
    ]
    camera, _ = cameras.sample(rng, group, (144, 256), 24.0)
    assert camera.positions[:, 1].min() >= cameras.GROUND_M - 1e-9
    for person in group:
        gaps = np.linalg.norm(person - camera.positions[:, None], axis=-1)
        assert gaps.min() >= cameras.CLEARANCE_M - 1e-9
    product = np.einsum("tij,tkj->tik", camera.rotation, camera.rotation)
    np.testing.assert_allclose(product, np.broadcast_to(np.eye(3), product.shape), atol=1e-12)
    assert np.linalg.det(camera.rotation) == pytest.approx(1)


def test_a_tripod_stands_still_and_an_orbit_does_not(clips):
    moved = {name: [] for name in cameras.MOTIONS}
    for _, camera, facts in clips:
        path = np.linalg.norm(np.ptp(camera.positions, axis=0)) / facts["distance_m"]
        moved[facts["motion"]].append(path)
    assert max(moved["tripod"]) < 1e-6
    assert min(moved["orbit"]) > 0.01


def test_a_seed_names_a_camera():
    person = walking(5)
    first, second = (
        cameras.sample(np.random.default_rng(3), [person], SIZE, 24.0) for _ in range(2)
    )
    np.testing.assert_array_equal(first[0].rotation, second[0].rotation)
    np.testing.assert_array_equal(first[0].translation, second[0].translation)
    assert first[1] == second[1]


def test_animals_are_filmed_by_the_points_that_bound_them():
    track = (
        np.random.default_rng(0).uniform(0, 0.4, (1, 48, 3)) + np.linspace(0, 1, 9)[:, None, None]
    )
    for seed in range(10):
        _, facts = cameras.sample(np.random.default_rng(seed), [track], SIZE, 24.0)
        assert facts["shot"] in cameras.NAMELESS
        assert facts["inside"] >= 0.5


def test_tremor_is_of_unit_strength_within_its_band():
    times = np.arange(4096) / 64
    curve = wander(np.random.default_rng(0), times, 3, (1.0, 8.0))
    np.testing.assert_allclose(curve.std(axis=0), 1, atol=0.1)
    power = np.abs(np.fft.rfft(curve * np.hanning(4096)[:, None], axis=0)) ** 2
    outside = np.fft.rfftfreq(4096, 1 / 64)
    outside = (outside < 0.8) | (outside > 8.3)
    assert power[outside].sum() < 1e-3 * power.sum()

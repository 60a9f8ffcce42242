import numpy as np
import pytest

from thfm_jax.data.synthetic import parts
from thfm_jax.data.synthetic.bodies import animals, gaits

FRAMES, FPS = 24, 24.0


@pytest.fixture(scope="module", params=["dog", "rodent"])
def animal(request, pack):
    return animals.load(pack, request.param)


def _toes(animal, kind, seed=0):
    """([T, 4, 3] world positions of the toes, [T, J, 3, 4] maps of all bones)."""
    rng = np.random.default_rng(seed)
    skeleton = animal.skeleton
    world = gaits.animate(rng, skeleton, np.arange(FRAMES) / FPS, kind)
    ids = [skeleton.index(leg[3]) for leg in gaits._LEGS]
    turned = np.einsum("tbij,bj->tbi", world[:, ids][..., :3], skeleton.heads[ids])
    return turned + world[:, ids][..., 3], world


@pytest.mark.parametrize("kind", list(gaits.GAITS))
def test_feet_on_the_ground_do_not_slide(animal, kind):
    toes, _ = _toes(animal, kind)
    rest = animal.skeleton.heads[[animal.skeleton.index(leg[3]) for leg in gaits._LEGS], 1]
    tall = animal.skeleton.hip_m
    down = np.abs(toes[..., 1] - rest) < 0.01 * tall
    still = down[1:] & down[:-1]
    step = np.linalg.norm(np.diff(toes, axis=0), axis=-1)[still]
    assert still.mean() > 0.25
    assert np.median(step) < 0.01 * tall
    ahead = toes[-1, :, 2].mean() - toes[0, :, 2].mean()
    assert ahead > tall


def test_standing_feet_stay_where_they_are_at_rest(animal):
    toes, _ = _toes(animal, "stand")
    rest = animal.skeleton.heads[[animal.skeleton.index(leg[3]) for leg in gaits._LEGS]]
    np.testing.assert_allclose(toes, np.broadcast_to(rest, toes.shape), atol=0.01)


def test_a_sitting_animal_has_its_haunches_low_and_its_shoulders_high(animal):
    _, world = _toes(animal, "sit")
    skeleton = animal.skeleton

    def height(name):
        bone = skeleton.index(name)
        return (world[:, bone, 1, :3] @ skeleton.heads[bone] + world[:, bone, 1, 3]).mean()

    assert height("upper_leg_L") < 0.6 * skeleton.hip_m
    assert height("skull") > 1.2 * height("upper_leg_L")


def test_animals_stand_on_the_ground_within_their_bounds(pack):
    for seed in range(8):
        (mesh,), bounds, meta = animals.sample(np.random.default_rng(seed), pack, 9, FPS, 3)
        assert meta["species"] in animals.SPECIES
        assert mesh.vertices.shape[0] == 9
        assert -1e-6 <= mesh.vertices[..., 1].min() < 0.03
        margin = 0.1 * np.ptp(mesh.vertices[0], axis=0).max()
        assert (bounds.min(axis=1) - margin <= mesh.vertices.min(axis=1)).all()
        assert (bounds.max(axis=1) + margin >= mesh.vertices.max(axis=1)).all()
        assert np.abs(bounds[4, :, [0, 2]].mean(axis=1)).max() < 1.0


def test_animals_are_labelled_as_such(pack):
    (mesh,), _, _ = animals.sample(np.random.default_rng(0), pack, 2, FPS, 3)
    assert mesh.instance == 3
    assert mesh.template is None
    assert set(mesh.part) == {parts.INDEX["animal"]}


def test_seams_of_the_texture_do_not_show_in_the_normals(animal):
    split = np.bincount(animal.normal_ids).max()
    merged = animal.vertices[np.argsort(animal.normal_ids, kind="stable")]
    ids = np.sort(animal.normal_ids)
    same = ids[1:] == ids[:-1]
    assert (np.abs(np.diff(merged, axis=0))[same] < 1e-4).all()
    assert split >= 1


def test_a_seed_names_an_animal(pack):
    one, two = (animals.sample(np.random.default_rng(5), pack, 3, FPS, 1) for _ in range(2))
    np.testing.assert_array_equal(one[0][0].vertices, two[0][0].vertices)
    np.testing.assert_array_equal(one[0][0].material.albedo, two[0][0].material.albedo)
    assert one[2] == two[2]

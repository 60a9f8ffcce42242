"""Phenotypes: people of all ages whose size and build occur, and cartoons whose do not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thfm_jax.data.synthetic.bodies import macros
from thfm_jax.data.synthetic.bodies.body import BodyModel
from thfm_jax.data.synthetic.bodies.phenotype import Phenotype, sample_phenotype

unit = st.floats(0, 1)
ages = st.floats(0, 90)


def stature_m(model, phenotype):
    shape = model.shape(phenotype)
    return float(shape.vertices[model.patches["body"].vertex_ids, 1].max())


@pytest.fixture(scope="module")
def model(pack):
    return BodyModel.load(pack)


@given(ages, unit, unit, st.floats(0, 1.3), unit, unit, unit)
def test_the_shares_of_each_macro_family_sum_to_one(age, gender, muscle, weight, height, prop, cup):
    ancestry = (0.2, 0.3, 0.5)
    weights = macros.weights(age, gender, muscle, weight, height, prop, cup, ancestry)
    by_ancestry = [
        w for name, w in weights.items() if name.split("/")[1].startswith(macros.ANCESTRIES)
    ]
    universal = [w for name, w in weights.items() if name.startswith("macro/universal")]
    tall = [w for name, w in weights.items() if name.endswith("height")]
    assert sum(by_ancestry) == pytest.approx(1)
    assert sum(universal) == pytest.approx(1)
    assert sum(tall) == pytest.approx(abs(2 * height - 1))


@pytest.mark.parametrize("age", [9.0, 25.0, 85.0])
@pytest.mark.parametrize("gender", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("end", [0.1, 0.9])
def test_every_macro_target_of_children_and_adults_exists(model, age, gender, end):
    weights = macros.weights(age, gender, end, end, end, end, end, (0.2, 0.3, 0.5))
    assert not weights.keys() - model.targets.index.keys()


@given(ages, unit, unit, unit)
@settings(max_examples=30)
def test_stature_grows_with_height(model, age, gender, height, other):
    low, high = sorted((height, other))
    short, tall = (
        stature_m(model, Phenotype(age_years=age, gender=gender, height=h)) for h in (low, high)
    )
    assert tall >= short - 1e-6
    assert tall > short or high - low < 1e-3


@given(st.floats(4, 80), unit, st.floats(0.9, 2.0))
@settings(max_examples=30)
def test_height_of_meets_a_stature(model, age, gender, share):
    ancestry = (0.1, 0.6, 0.3)
    height = macros.height_of(share, age, gender, ancestry)
    if 0 < height < 1:
        person = Phenotype(age_years=age, gender=gender, height=height, ancestry=ancestry)
        assert stature_m(model, person) == pytest.approx(share, abs=0.03)


def test_people_have_the_statures_of_their_age(model):
    rng = np.random.default_rng(0)
    people = [sample_phenotype(rng) for _ in range(150)]
    years = np.array([person.age_years for person in people])
    statures = np.array([stature_m(model, person) for person in people])
    adults = statures[years > 18]
    assert adults.min() >= 1.45 and adults.max() <= 2.05
    assert 1.62 < adults.mean() < 1.76
    for low, high, least, most in ((0.5, 2, 0.6, 1.0), (2, 4, 0.75, 1.2), (6, 9, 1.0, 1.5)):
        within = statures[(years > low) & (years < high)]
        assert len(within) and within.min() > least and within.max() < most
    assert years.min() < 4 and years.max() > 80


def test_people_differ_in_build_and_none_is_a_cartoon():
    rng = np.random.default_rng(1)
    people = [sample_phenotype(rng) for _ in range(200)]
    assert np.std([person.weight for person in people]) > 0.15
    assert np.std([person.muscle for person in people]) > 0.15
    assert 0.35 < np.mean([person.gender > 0.5 for person in people]) < 0.65
    assert not any(person.scales for person in people)


def test_the_same_seed_gives_the_same_person():
    one, other = (sample_phenotype(np.random.default_rng(7), cartoon=True) for _ in range(2))
    assert one == other
    assert sample_phenotype(np.random.default_rng(8)) != one


def test_features_are_targets_of_the_pack_with_weights_in_range(model):
    rng = np.random.default_rng(2)
    for cartoon in (False, True):
        features = sample_phenotype(rng, cartoon).features
        assert not features.keys() - model.targets.index.keys()
        assert min(features.values()) >= 0 and max(features.values()) <= 1


def test_both_sides_of_a_face_are_alike_but_not_the_same():
    features = sample_phenotype(np.random.default_rng(3)).features
    left = {name.replace("/l-", "/"): w for name, w in features.items() if "/l-" in name}
    right = {name.replace("/r-", "/"): w for name, w in features.items() if "/r-" in name}
    shared = sorted(left.keys() & right.keys())
    assert len(shared) > 0.8 * len(left)
    differences = np.array([left[name] - right[name] for name in shared])
    assert 0 < np.abs(differences).mean() < 0.1


def test_cartoons_leave_the_human_range(model):
    rng = np.random.default_rng(4)

    def head_share(person):
        shape = model.shape(person)
        top = shape.vertices[model.patches["body"].vertex_ids, 1].max()
        return (top - shape.heads[model.bone["head"], 1]) / top

    adults = (
        person for person in iter(lambda: sample_phenotype(rng), None) if person.age_years > 18
    )
    people = [head_share(next(adults)) for _ in range(30)]
    cartoons = [head_share(sample_phenotype(rng, cartoon=True)) for _ in range(30)]
    assert max(cartoons) > 1.5 * max(people)
    assert np.std(cartoons) > 3 * np.std(people)

"""The wardrobe: whole people, the same from the same seed, dressed whatever the style."""

import hashlib

import numpy as np
import pytest

from thfm_jax.data.synthetic import parts
from thfm_jax.data.synthetic.bodies.body import BodyModel
from thfm_jax.data.synthetic.bodies.phenotype import Phenotype
from thfm_jax.data.synthetic.looks import ensembles, props, suit, wardrobe

FRAMES = 3
MOST_TRIANGLES = 110_000


@pytest.fixture(scope="module")
def model(pack):
    return BodyModel.load(pack)


@pytest.fixture(scope="module")
def people(model):
    """(shape, posed) of a woman, a man and a child at rest."""
    found = {}
    for name, who in {
        "woman": Phenotype(gender=0.05),
        "man": Phenotype(gender=0.95, age_years=40.0),
        "child": Phenotype(gender=0.4, age_years=6.0),
    }.items():
        shape = model.shape(who)
        still = np.tile(np.eye(3), (FRAMES, len(model.bones), 1, 1))
        found[name] = shape, model.pose(shape, still, np.zeros((FRAMES, 3)))
    return found


def dressed(model, person, seed, **options):
    rng = np.random.default_rng(seed)
    return wardrobe.dress(rng, model, *person, None, 25.0, 1, **options)


def digest(outfit):
    found = hashlib.sha256()
    for mesh in outfit.meshes:
        for array in (mesh.vertices, mesh.triangles, mesh.uv, mesh.material.albedo):
            found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def test_a_seed_gives_one_outfit(model, people):
    first, again, other = (dressed(model, people["man"], seed) for seed in (11, 11, 12))
    assert digest(first) == digest(again) != digest(other)
    assert first.meta == again.meta


@pytest.mark.parametrize("style", wardrobe.STYLES)
@pytest.mark.parametrize("who", ["woman", "man", "child"])
def test_every_style_dresses_everyone_as_the_renderer_wants_it(model, people, who, style):
    outfit = dressed(model, people[who], len(style), style=style)
    assert sum(len(mesh.triangles) for mesh in outfit.meshes) < MOST_TRIANGLES
    for mesh in outfit.meshes:
        assert mesh.vertices.dtype == np.float32 and np.isfinite(mesh.vertices).all()
        assert mesh.triangles.dtype == np.int32 and mesh.triangles.max() < mesh.vertices.shape[1]
        assert mesh.uv.dtype == np.float32 and len(mesh.uv) == mesh.vertices.shape[1]
        assert mesh.instance == 1 and len(mesh.part) == len(mesh.triangles)
        assert (mesh.template is None) == (parts.INDEX["held"] in mesh.part)
        assert mesh.material.albedo.dtype == np.float32
        assert mesh.material.albedo.min() >= 0 and mesh.material.albedo.max() <= 1
        if mesh.template is not None:
            assert len(mesh.template) == len(mesh.uv)
    assert outfit.meta["style"] == style and outfit.meta["garments"]


@pytest.mark.parametrize("who", ["woman", "man", "child"])
def test_nobody_is_naked(model, people, who):
    place = suit.base_positions(model)
    loins = (np.abs(place[:, 1] + 0.06) < 0.03) & (np.abs(place[:, 0]) < 0.05)
    private = loins | (model.regions["areolae"] > 0.5) if who == "woman" else loins
    hidden_template = model.template[private & (suit.near_skin(model) >= 0)]
    for seed in range(12):
        skin = dressed(model, people[who], seed).meshes[0]
        shown = skin.template[np.unique(skin.triangles)]
        bare = (np.abs(shown[:, None] - hidden_template[None, ::7]).max(axis=-1) < 1e-6).any()
        assert not bare, seed


def test_held_things_are_no_body(model, people):
    for kind in props.SHARES:
        outfit = dressed(model, people["woman"], 3, held=kind)
        held = [mesh for mesh in outfit.meshes if parts.INDEX["held"] in mesh.part]
        assert held and all(mesh.template is None for mesh in held)
        assert outfit.meta["held"] == kind


def test_soles_stand_on_the_ground(model, people):
    outfit = dressed(model, people["man"], 5, style="formal")
    lowest = min(mesh.vertices[..., 1].min() for mesh in outfit.meshes)
    assert -0.004 < lowest < 0.01


def test_a_style_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match="pirate"):
        ensembles.choose(np.random.default_rng(0), Phenotype(), "pirate")

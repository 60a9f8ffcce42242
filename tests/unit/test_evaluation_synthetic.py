"""The synthetic benchmark: through files on disk, and by hand on several subjects."""

import dataclasses
import math

import numpy as np
import pytest

from tests.unit import drawn_predictions, stored_clips
from thfm_jax import joints
from thfm_jax.data.benchmarks.sequence import BenchmarkError
from thfm_jax.data.benchmarks.synthetic import SUBJECTS, open_synthetic
from thfm_jax.data.synthetic.generator import Settings as ClipSettings
from thfm_jax.data.synthetic.generator import generate
from thfm_jax.evaluation import synthetic
from thfm_jax.evaluation.job import Job, evaluate
from thfm_jax.evaluation.runner import Settings
from thfm_jax.tasks import TASKS
from thfm_jax.types import Target


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return stored_clips.write(tmp_path_factory.mktemp("data"), clips=3, split="test")


def figures(data, tmp_path, spoil=lambda values: values):
    predictions = drawn_predictions.write(tmp_path / "predictions", spoil=spoil)
    settings = Settings("synthetic_test", draws=0, worst=2)
    found = evaluate(Job(settings, data, tmp_path / "out", predictions=predictions))
    return {name: each["value"] for name, each in found["figures"].items()}


# What storing does to labels: 8-bit normals and templates.
ROUNDING = {
    "normals_mean_deg": 0.3,
    "normals_change": 0.01,
    "densepose_median_cm": 0.2,
    "densepose_change_cm": 0.2,
    "depth_change_mm": 0.1,
}
BEST = {"matte_iou": 1.0, "pck@0.1": 1.0}


def test_perfect_predictions_score_perfectly(data, tmp_path):
    for name, value in figures(data, tmp_path).items():
        assert value == pytest.approx(BEST.get(name, 0), abs=ROUNDING.get(name, 1e-3)), name


def turned(normals: np.ndarray, degrees: float) -> np.ndarray:
    """Each normal at this angle to what it was, 0 staying 0."""
    aside = np.cross(normals, np.random.default_rng(0).normal(size=3))
    aside /= np.maximum(np.linalg.norm(aside, axis=-1, keepdims=True), 1e-9)
    angle = np.radians(degrees)
    return np.cos(angle) * normals + np.sin(angle) * aside


def lifted(points: np.ndarray, metres: float) -> np.ndarray:
    """All joints but the root moved along y."""
    moved = points + np.array([0, metres, 0])
    moved[:, joints.ROOT] = points[:, joints.ROOT]
    return moved


@pytest.mark.parametrize(
    "task, change, expected, tolerance",
    [
        ("depth", lambda x: 3 * x - 7, {"depth_rmse_m": 0, "depth_abs_rel": 0}, 1e-3),
        ("normals", lambda x: turned(x, 20), {"normals_mean_deg": 20}, 0.3),
        ("matte", lambda x: np.clip(x, 0.1, 0.9), {"matte_mse": 0.01, "matte_iou": 1}, 1e-4),
        ("densepose", lambda x: x + [0, 0.03, 0], {"densepose_median_cm": 3}, 0.2),
        ("keypoints2d", lambda x: x + [500, 0, 0], {"pck@0.1": 0}, 0),
        ("keypoints3d", lambda x: lifted(x, 0.052), {"mpjpe_mm": 51}, 1e-3),
        ("keypoints3d", lambda x: 2 * x[..., [1, 2, 0]], {"pa_mpjpe_mm": 0}, 1e-3),
    ],
)
def test_known_perturbations_score_their_known_value(
    task, change, expected, tolerance, data, tmp_path
):
    """52 mm off in 51 of 52 joints are 51 mm; a turn and a scale of the pose are fitted away."""
    found = figures(data, tmp_path, lambda values: {**values, task: change(values[task])})
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=tolerance), name
    for name, (other, _, _) in synthetic._CLIP.items():
        if other != task:
            assert found[name] == pytest.approx(BEST.get(name, 0), abs=ROUNDING.get(name, 1e-3))


def test_flicker_is_what_changes_that_should_not():
    """Every second frame's matte is 0.1 off; depth that is nearer throughout does not flicker."""
    predictions, truth = two_subjects()
    longer = lambda value: np.tile(value, (3, *[1] * (value.ndim - 1)))
    truth = {name: Target(longer(t.value), longer(t.mask)) for name, t in truth.items()}
    predictions = {name: longer(value) for name, value in predictions.items()}
    predictions["matte"][1] -= 0.1
    predictions["depth"] -= 1
    found = scored(predictions, truth)
    assert found["matte_change"] == pytest.approx(0.1)
    assert found["depth_change_mm"] == pytest.approx(0, abs=1e-6)
    assert found["normals_change"] == 0


def two_subjects() -> tuple[dict[str, np.ndarray], dict[str, Target]]:
    """One frame of 8 x 32: the left half is subject 1, 3 m away, the right one 2, 5 m away."""
    shape = (1, 8, 32)
    subjects = np.ones(shape, np.float32)
    subjects[..., 16:] = 2
    depth = np.where(subjects == 1, 3.0, 5.0) + np.linspace(0, 0.5, 8)[None, :, None]
    normals = np.tile([0.0, 0, 1], (*shape, 1))
    everywhere = np.ones(shape, bool)
    truth = {
        "matte": Target(np.ones((*shape, 1)), everywhere),
        "depth": Target(depth[..., None], everywhere),
        "normals": Target(normals, everywhere),
        SUBJECTS: Target(subjects[..., None], everywhere),
    }
    return {"matte": np.ones(shape), "depth": depth, "normals": normals}, truth


def scored(predictions, truth):
    tallies = synthetic.score(predictions, truth, None).tallies
    return {name: tally.value() for name, tally in tallies.items()}


def test_subjects_that_are_all_perceived():
    found = scored(*two_subjects())
    assert found["subject_found"] == found["subject_recall"] == found["matte_iou"] == 1
    assert found["subject_depth_rmse_m"] == pytest.approx(0, abs=1e-9)
    assert found["subject_normals_deg"] == 0


def test_a_subject_that_is_missed():
    """The right one is not in the matte: IoU 1/2, found 1 of 2, recalls 1 and 0."""
    predictions, truth = two_subjects()
    predictions["matte"][..., 16:] = 0.2
    found = scored(predictions, truth)
    assert found["matte_iou"] == found["subject_found"] == found["subject_recall"] == 0.5
    assert found["matte_mse"] == pytest.approx(0.5 * 0.8**2)


def test_subjects_at_the_wrong_distance_to_one_another():
    """Each by itself is right, but one fit for both cannot be: 1 m apart, where 2 m are true.

    Depth is the subject's distance, 0 or 1 about its mean, and a slope. Predicted p = +-0.5 + s and
    true t = +-1 + s with s of variance v: scale (0.5 + v) / (0.25 + v), errors as computed here.
    """
    predictions, truth = two_subjects()
    slope = np.linspace(0, 0.5, 8)
    variance = slope.var()
    predictions["depth"] = predictions["depth"].copy()
    predictions["depth"][..., 16:] -= 1
    scale = (0.5 + variance) / (0.25 + variance)
    error = np.sqrt((1 - 0.5 * scale) ** 2 + (1 - scale) ** 2 * variance)
    assert scored(predictions, truth)["subject_depth_rmse_m"] == pytest.approx(error)


def test_subjects_of_a_few_pixels_are_not_scored_by_themselves():
    predictions, truth = two_subjects()
    subjects = truth[SUBJECTS].value.copy()
    subjects[..., 16:, :] = 1
    subjects[0, :7, 31] = 2
    truth[SUBJECTS] = dataclasses.replace(truth[SUBJECTS], value=subjects)
    predictions["matte"][0, :7, 31] = 0
    assert scored(predictions, truth)["subject_found"] == 1


def test_nobody_at_all():
    predictions, truth = two_subjects()
    nobody = {
        task: Target(np.zeros_like(t.value), np.full(t.mask.shape, task == "matte"))
        for task, t in truth.items()
    }
    found = scored({**predictions, "matte": np.zeros((1, 8, 32))}, nobody)
    assert found["matte_iou"] == 1 and math.isnan(found["depth_rmse_m"])
    assert math.isnan(found["subject_found"])


def test_live_clips_are_the_generators(pack, tmp_path):
    """A split of animals: no joints, no dense pose, and the species as a group."""
    small = {"frames": 2, "size": [32, 32], "supersampling": 1}
    sequence = open_synthetic(tmp_path, "test_animals", live=2, seed=3, settings=small)[1]
    settings = ClipSettings("test_animals", frames=2, size=(32, 32), supersampling=1)
    clip = generate(pack, 3, 1, settings)
    np.testing.assert_array_equal(sequence.pictures(slice(0, 2)), clip.rgb)
    assert (sequence.frames, sequence.height, sequence.width) == (2, 32, 32)
    assert sequence.groups["species"] == clip.meta["subjects"][0]["species"]
    assert set(sequence.truth(slice(0, 1))) == {"depth", "normals", "matte", SUBJECTS}
    assert set(synthetic.SYNTHETIC_ANIMALS.tasks) == {"depth", "normals", "matte"}


def test_a_live_clip_is_not_rendered_to_be_counted(pack, tmp_path, monkeypatch):
    sequences = open_synthetic(tmp_path, "test", live=1000, seed=3)
    monkeypatch.setattr("thfm_jax.data.synthetic.live.generate", None)
    assert sum(sequence.frames for sequence in sequences) == 17_000


def test_labels_are_those_that_training_has(data):
    """What is scored is what `examples` makes targets of, apart from soft hair."""
    from thfm_jax.data import examples
    from thfm_jax.data.examples import Draw, Recipe, Shape
    from thfm_jax.data.sources import SourceConfig, open_source

    source = open_source(SourceConfig("humans", str(data), "test"))
    recipe = Recipe(tuple(TASKS), None, 0, False)
    batch = examples.make(Shape(5, 32, 48), recipe, 0, [Draw(0, source, 1)])
    truth = open_synthetic(data, "test")[1].truth(slice(0, 5))
    for task, target in batch["targets"].items():
        np.testing.assert_array_equal(truth[task].value, target["value"][0])
        np.testing.assert_array_equal(truth[task].mask, target["mask"][0].squeeze() == 1)


def test_a_folder_without_the_split_is_named(data, tmp_path):
    with pytest.raises(BenchmarkError, match="no split 'test_multi': there are test"):
        open_synthetic(data, "test_multi")
    with pytest.raises(BenchmarkError, match="is no dataset"):
        open_synthetic(tmp_path, "test")


def test_a_damaged_clip_is_named(tmp_path):
    folder = stored_clips.write(tmp_path, clips=3, split="test")
    file = stored_clips.damage(folder, 1)
    with pytest.raises(BenchmarkError, match=f"{file.name}, record 1"):
        open_synthetic(folder, "test")[1].pictures(slice(0, 1))

"""COCO keypoints from files to figures, against pycocotools and by hand."""

import contextlib
import io
import json

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from tests.miniatures import coco as miniature
from thfm_jax.data.benchmarks.coco import open_coco
from thfm_jax.data.benchmarks.sequence import BenchmarkError
from thfm_jax.evaluation import coco
from thfm_jax.evaluation.benchmark import open_benchmark
from thfm_jax.evaluation.predictions import FromFiles
from thfm_jax.evaluation.runner import score_sequence
from thfm_jax.evaluation.tally import from_json

# Where pycocotools' ten figures hold ours.
STATS = {"ap": 0, "ap50": 1, "ap75": 2, "apm": 3, "apl": 4, "ar": 5}


def score(sequences, predictions):
    """Figures of {picture's name: joints [t, 17, 3]} in our pixels; tallies go through JSON."""
    totals = {}
    for sequence in sequences:
        frames = slice(0, sequence.frames)
        scores = coco.score(
            {"keypoints2d": predictions[sequence.name]}, sequence.truth(frames), sequence
        )
        for name, tally in scores.tallies.items():
            tally = from_json(json.loads(json.dumps(tally.to_json())))
            totals[name] = totals[name] + tally if name in totals else tally
    return {name: tally.value() for name, tally in totals.items()}


def perfect(sequences):
    result = {}
    for sequence in sequences:
        joints = np.array(sequence.truth(slice(0, sequence.frames))["keypoints2d"].value)
        joints[..., 2] = np.linspace(0.9, 0.8, len(joints))[:, None]
        result[sequence.name] = joints
    return result


def official(data, detections):
    """pycocotools' figures, NaN where it says -1."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = data
        truth.createIndex()
        run = COCOeval(truth, truth.loadRes(detections), "keypoints")
        run.evaluate()
        run.accumulate()
        run.summarize()
    figures = np.where(run.stats == -1, np.nan, run.stats)
    return {name: figures[at] for name, at in STATS.items()}


def as_results(sequences, predictions):
    """The same detections in COCO's results format, whose pixels count from 0."""
    results = []
    for sequence in sequences:
        for joints in np.asarray(predictions[sequence.name], np.float64):
            points = joints - [0.5, 0.5, 0]
            results.append(
                {
                    "image_id": sequence.number,
                    "category_id": 1,
                    "keypoints": points.ravel().tolist(),
                    "score": float(points[:, 2].mean()),
                }
            )
    return results


@pytest.fixture
def sequences(tmp_path):
    miniature.write(tmp_path)
    return open_benchmark(coco.COCO, tmp_path)


def test_frames_are_the_people_to_predict(sequences):
    assert [each.name for each in sequences] == [f"{7:012}", f"{42:012}"]
    first = sequences[0]
    assert (first.frames, first.fps, first.height, first.width) == (3, 0, 240, 320)
    np.testing.assert_array_equal(
        first.boxes(slice(1, 3)), [[150, 20, 250, 210], [260, 40, 300, 100]]
    )
    pictures = first.pictures(slice(0, 2))
    assert pictures.shape == (2, 240, 320, 3) and (pictures == 7).all()
    target = first.truth(slice(1, 2))["keypoints2d"]
    # Pixel (200, 39) has its centre half a pixel further; joint 3 is hidden, 15 has no label.
    np.testing.assert_array_equal(target.value[0, 0], [200.5, 39.5, 2])
    assert target.value[0, 3, 2] == 1 and target.mask[0, 3] and not target.mask[0, 15]


def test_perfect_predictions_score_perfectly(sequences):
    figures = score(sequences, perfect(sequences))
    assert figures == pytest.approx(dict.fromkeys(STATS, 1.0), abs=1e-12)


def through_files(sequences, predictions, folder):
    """Figures of predictions by way of files, and the OKS of each person."""
    totals, similarities = {}, []
    for sequence in sequences:
        (folder / sequence.name).mkdir(parents=True)
        np.save(folder / sequence.name / "keypoints2d.npy", predictions[sequence.name])
        result, worst = score_sequence(coco.COCO, sequence, FromFiles(folder))
        assert result.scored == sequence.frames
        similarities += [each.score for each in worst]
        for name, tally in result.tallies.items():
            totals[name] = totals[name] + tally if name in totals else tally
    return {name: tally.value() for name, tally in totals.items()}, similarities


def test_perfect_files_score_perfectly(sequences, tmp_path):
    figures, similarities = through_files(sequences, perfect(sequences), tmp_path / "p")
    assert figures == pytest.approx(dict.fromkeys(STATS, 1.0), abs=1e-6)
    assert similarities == pytest.approx([1] * sum(each.frames for each in sequences))


def test_files_with_a_joint_that_is_off_score_sixteen_seventeenths(sequences, tmp_path):
    wrong = perfect(sequences)
    del wrong[sequences[0].name]  # the other's people have labels of all joints
    wrong[sequences[1].name][:, 9, :2] += 1e6
    figures, similarities = through_files(sequences[1:], wrong, tmp_path / "p")
    assert similarities == pytest.approx([16 / 17] * 2)
    assert figures["ap"] == pytest.approx(0.9) and figures["ar"] == pytest.approx(0.9)


def test_a_joint_that_is_off_costs_its_share_of_the_oks(sequences):
    """One of 17 joints far away leaves OKS 16 / 17 = 0.941: nine of ten thresholds are reached."""
    first = sequences[1]
    joints = perfect(sequences)[first.name]
    joints[:, 9, :2] += 1e6
    scores = coco.score({"keypoints2d": joints}, {}, first)
    assert scores.frames == pytest.approx([16 / 17] * 2)
    assert scores.tallies["ap"].value() == pytest.approx(0.9)
    assert scores.tallies["ar"].value() == pytest.approx(0.9)


def test_oks_falls_by_distance_size_and_joint(sequences):
    """All joints off by d pixels: the mean of exp(-d^2 / (2 area (2 sigma)^2))."""
    person = sequences[1].people[1]
    sigmas = np.array([26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]) / 1e3
    joints = perfect(sequences)[sequences[1].name]
    joints[..., 0] += 3
    joints[..., 1] -= 4
    expected = np.mean(np.exp(-25 / (2 * person.area * (2 * sigmas) ** 2)))
    assert coco.score({"keypoints2d": joints}, {}, sequences[1]).frames[1] == pytest.approx(
        expected
    )


def test_a_wrong_detection_ahead_of_the_right_ones_costs_precision(sequences):
    """Of two people the surer one is wrong: precision 0, then 1/2, and recall reaches 1/2.

    Interpolated precision is 1/2 up to recall 0.5, that is at 51 of 101 recalls.
    """
    first = sequences[1]
    joints = perfect(sequences)[first.name]
    joints[0, :, :2] += 1e5
    figures = {
        name: t.value()
        for name, t in coco.score({"keypoints2d": joints}, {}, first).tallies.items()
    }
    assert figures["ap"] == pytest.approx(0.5 * 51 / 101)
    assert figures["ar"] == pytest.approx(0.5)
    # The wrong one is of a medium person and, by its own size, so no large one: APl is perfect.
    assert figures["apl"] == pytest.approx(1)
    assert figures["apm"] == pytest.approx(0)


def perturbed(sequences, rng):
    """Detections of every kind: exact, near, far, swapped, doubled, of equal confidence."""
    result = perfect(sequences)
    for name, joints in result.items():
        noise = rng.choice([0.0, 0.5, 2.0, 6.0, 25.0, 300.0], len(joints))
        joints = joints.astype(np.float64)
        joints[..., :2] += noise[:, None, None] * rng.normal(size=joints[..., :2].shape)
        joints = joints[rng.integers(0, len(joints), len(joints))]
        joints[..., 2] = np.round(rng.uniform(size=(len(joints), 1)), rng.integers(0, 3))
        result[name] = joints
    return result


def scattered_people(rng):
    """The miniature's people at random sizes and labels; any may be a crowd or without labels."""
    kinds = rng.choice(["person", "person", "person", "crowd", "unlabelled"], 7)
    kinds[[0, 5]] = "person"
    annotations = []
    for number, kind in enumerate(kinds):
        box = [*rng.integers(0, 60, 2), *rng.integers(15, 180, 2)]
        seen = rng.permutation(17)[: rng.integers(1, 18)] if kind == "person" else ()
        image = 7 if number < 5 else 42
        annotations.append(miniature.person(number + 1, image, box, seen, kind == "crowd"))
    return annotations


def test_equals_pycocotools_on_random_people_and_detections(tmp_path):
    """1,000 perturbations of 50 sets of people; every figure to 1e-9."""
    for group in range(50):
        rng = np.random.default_rng(group)
        root = tmp_path / str(group)
        data = miniature.write(root, scattered_people(rng))
        sequences = open_benchmark(coco.COCO, root)
        for _ in range(20):
            predictions = perturbed(sequences, rng)
            expected = official(data, as_results(sequences, predictions))
            found = score(sequences[::-1], predictions)
            assert found == pytest.approx(expected, abs=1e-9, rel=0, nan_ok=True)


def test_more_than_twenty_detections_do_not_count(tmp_path):
    annotations = [
        miniature.person(number, 7, (number, 10, 60, 90), range(17)) for number in range(1, 26)
    ]
    data = miniature.write(tmp_path, annotations)
    sequences = open_benchmark(coco.COCO, tmp_path)
    predictions = perfect(sequences)
    expected = official(data, as_results(sequences, predictions))
    assert expected["ar"] < 1
    assert score(sequences, predictions) == pytest.approx(expected, abs=1e-9, nan_ok=True)


BROKEN = {
    "id 11 occurs more than once in annotations": lambda data: data["annotations"].append(
        data["annotations"][0]
    ),
    "id 7 occurs more than once in images": lambda data: data["images"].append(data["images"][1]),
    "annotation 11 is of no image": lambda data: data["annotations"][0].update(image_id=99),
    "annotation 12 has numbers that are not finite": lambda data: data["annotations"][1].update(
        area=float("nan")
    ),
    "annotation 12 has no 'bbox'": lambda data: data["annotations"][1].pop("bbox"),
    "annotation 12: cannot reshape": lambda data: data["annotations"][1]["keypoints"].pop(),
    "annotation 12: num_keypoints differs from the 15": lambda data: data["annotations"][1].update(
        num_keypoints=3
    ),
    "expected one category with the joints nose": lambda data: data["categories"][0].update(
        keypoints=miniature.NAMES[::-1]
    ),
    "expected lists images": lambda data: data.pop("images"),
    "missing, and 0 other pictures": lambda data: data["images"][0].update(file_name="x.jpg"),
}


@pytest.mark.parametrize("message", BROKEN)
def test_what_is_wrong_is_named(tmp_path, message):
    data = miniature.write(tmp_path)
    BROKEN[message](data)
    (tmp_path / "annotations/person_keypoints_val2017.json").write_text(json.dumps(data))
    with pytest.raises(BenchmarkError, match=message):
        open_coco(tmp_path)


def test_a_picture_of_another_size_is_named(tmp_path):
    data = miniature.write(tmp_path)
    data["images"][1]["height"] = 239
    (tmp_path / "annotations/person_keypoints_val2017.json").write_text(json.dumps(data))
    with pytest.raises(BenchmarkError, match="expected 239 x 320 pixels, got 240 x 320"):
        open_benchmark(coco.COCO, tmp_path)[0].pictures(slice(0, 1))

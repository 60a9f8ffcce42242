"""DensePose-COCO from files to figures: perfect and known predictions, by hand, and bad input."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as masks

from tests.miniatures import densepose_coco as miniature
from thfm_jax.data.benchmarks import rle
from thfm_jax.data.benchmarks.densepose_coco import open_densepose_coco
from thfm_jax.data.benchmarks.densepose_surface import open_surface
from thfm_jax.data.benchmarks.sequence import BenchmarkError
from thfm_jax.data.synthetic import parts
from thfm_jax.data.synthetic.bodies.template import Template
from thfm_jax.evaluation import densepose
from thfm_jax.evaluation.benchmark import open_benchmark
from thfm_jax.evaluation.predictions import FromFiles
from thfm_jax.evaluation.runner import score_sequence
from thfm_jax.evaluation.tally import from_json

JSON = "annotations/densepose_coco_2014_minival.json"


def body(rng, vertices=96):
    """Vertices of all parts at random places of a body-sized box."""
    canonical = rng.uniform([-0.5, -0.85, -0.1], [0.5, 0.85, 0.3], (vertices, 3))
    return miniature.surface(rng, np.arange(vertices) % 24 + 1, canonical)


@pytest.fixture
def made(tmp_path):
    """(root, the JSON's content, perfect predictions, the surface)."""
    rng = np.random.default_rng(0)
    made = body(rng)
    miniature.write_surface(tmp_path / "surface", made)
    data, predictions = miniature.write(tmp_path, rng, made)
    return tmp_path, data, predictions, made


def opened(root):
    return open_benchmark(densepose.DENSEPOSE_COCO, root)


def figures(score, sequences, predictions):
    totals = {}
    for sequence in sequences:
        truth = sequence.truth(slice(0, sequence.frames))
        scores = score({"densepose": predictions[sequence.name]}, truth, sequence)
        assert scores.frames.shape == (sequence.frames,)
        for name, tally in scores.tallies.items():
            tally = from_json(json.loads(json.dumps(tally.to_json())))
            totals[name] = totals[name] + tally if name in totals else tally
    return {name: tally.value() for name, tally in totals.items()}


def figures_of_files(benchmark, sequences, folder, predictions):
    """The same through files of predictions, which are written to `folder`."""
    totals = {}
    for sequence in sequences:
        (folder / sequence.name).mkdir(parents=True)
        np.save(folder / sequence.name / "densepose.npy", predictions[sequence.name])
        result, _ = score_sequence(benchmark, sequence, FromFiles(folder))
        for name, tally in result.tallies.items():
            totals[name] = totals[name] + tally if name in totals else tally
    return {name: tally.value() for name, tally in totals.items()}


def test_frames_are_the_people_with_points(made):
    root, _, predictions, _ = made
    first, second = opened(root)
    assert (first.frames, second.frames) == (2, 1)
    np.testing.assert_array_equal(first.boxes(slice(1, 2)), [[60, 10, 110, 80]])
    assert first.pictures(slice(0, 2)).shape == (2, 90, 120, 3)
    target = first.truth(slice(0, 2))["densepose"]
    assert target.mask.sum() == 24
    perfect = predictions[first.name]
    np.testing.assert_allclose(target.value[target.mask], perfect[target.mask])


def test_perfect_predictions_score_perfectly(made):
    root, _, predictions, _ = made
    found = figures(densepose.score, opened(root), predictions)
    best = dict.fromkeys(("gps", "gpsm", "ar", "auc10", "auc30"), 1.0)
    assert found == pytest.approx(best | {"canonical_mean_m": 0, "canonical_median_m": 0}, abs=3e-4)
    assert found["canonical_mean_m"] < 1e-6


def test_perfect_files_score_perfectly(made):
    root, _, predictions, _ = made
    for sequence in opened(root):
        (root / "predictions" / sequence.name).mkdir(parents=True)
        np.save(root / "predictions" / sequence.name / "densepose.npy", predictions[sequence.name])
        result, worst = score_sequence(
            densepose.DENSEPOSE_COCO, sequence, FromFiles(root / "predictions")
        )
        assert result.tallies["gpsm"].value() == pytest.approx(1)
        assert [each.score for each in worst] == [1] * sequence.frames


def test_files_that_miss_one_of_three_people(made):
    root, _, predictions, _ = made
    sequences = opened(root)
    predictions[sequences[1].name][:] = -1
    found = figures_of_files(densepose.DENSEPOSE_COCO, sequences, root / "p", predictions)
    for name in ("gps", "gpsm", "ar"):
        assert found[name] == pytest.approx(2 / 3)


def test_a_point_of_another_vertex_costs_by_its_geodesic_distance(made):
    """One of 12 points at a vertex d metres along the surface: GPS falls by (1 - exp) / 12."""
    root, data, predictions, surface = made
    first = opened(root)[0]
    note = data["annotations"][0]
    points = first.points(first.people[0])
    true = int(
        np.flatnonzero(
            (surface["part"] == note["dp_I"][0]) & (surface["uv"][:, 0] == note["dp_U"][0])
        )[0]
    )
    other = (true + 1) % 96
    maps = predictions[first.name].copy()
    maps[0, points.rows[0], points.columns[0]] = surface["canonical"][other]
    scores = densepose.score({"densepose": maps}, {}, first)
    distance = surface["geodesic"][true, other]
    spread = [0.351, 0.107, 0.126, 0.237, 0.173, 0.142, 0.128, 0.150]
    coarse = [1, 1, 2, 2, 3, 3, *[4] * 4, *[5] * 4, *[6] * 4, *[7] * 4, 8, 8]
    loss = 1 - np.exp(-(distance**2) / (2 * spread[coarse[int(note["dp_I"][0]) - 1] - 1] ** 2))
    assert scores.frames == pytest.approx([1 - loss / 12, 1], abs=1e-6)
    # Of 24 points one is 1.25 times its straight distance away.
    straight = distance / 1.25
    assert scores.tallies["canonical_mean_m"].value() == pytest.approx(straight / 24, abs=1e-6)
    within = max(0, 1 - distance / 0.3)
    assert scores.tallies["auc30"].value() == pytest.approx((23 + within) / 24, abs=1e-6)


def test_background_at_a_point_is_infinitely_far(made):
    """Of three people one is missed wholly: its GPS, GPSm and recall are 0."""
    root, _, predictions, _ = made
    sequences = opened(root)
    predictions[sequences[1].name][:] = -1
    found = figures(densepose.score, sequences, predictions)
    for name in ("gps", "gpsm", "ar"):
        assert found[name] == pytest.approx(2 / 3)
    assert found["auc10"] == pytest.approx(24 / 36)


def test_half_a_mask_too_much_halves_the_iou(made):
    """A whole box for a person that fills half of it: IoU 1/2, GPSm its root, 0.707: 5 of 10."""
    root, _, predictions, surface = made
    first = opened(root)[0]
    maps = predictions[first.name].copy()
    missing = (maps[1, 10:80, 60:110] == -1).all(axis=-1)
    maps[1, 10:80, 60:110][missing] = surface["canonical"][0]
    assert densepose.overlap(maps[1], first, first.people[1]) == pytest.approx(0.5, abs=0.02)
    scores = densepose.score({"densepose": maps}, {}, first)
    assert scores.tallies["gpsm"].value() == pytest.approx((1 + 0.5**0.5) / 2, abs=0.01)
    assert scores.tallies["ar"].value() == pytest.approx((1 + 0.5) / 2)


def test_what_is_predicted_beyond_the_box_does_not_count(made):
    root, _, predictions, surface = made
    first = opened(root)[0]
    maps = predictions[first.name].copy()
    maps[0][:, 51:] = surface["canonical"][0]
    assert densepose.overlap(maps[0], first, first.people[0]) == 1


def test_geodesics_are_the_lower_triangle(made):
    root, _, _, made_surface = made
    surface = open_surface(root / "surface")
    first, second = np.indices((96, 96)).reshape(2, -1)
    np.testing.assert_allclose(
        surface.geodesics(first, second), made_surface["geodesic"].ravel(), atol=1e-6
    )


def test_parts_are_those_of_the_template(tmp_path, pack):
    """Points on this package's own template need no other file; each part names the other side."""
    template = Template.load(pack)
    rng = np.random.default_rng(1)
    names = {1: "torso", 2: "pelvis", 3: "right_hand", 4: "left_hand", 5: "left_foot"}
    names |= {6: "right_foot", 9: "right_upper_leg", 10: "left_upper_leg", 13: "right_lower_leg"}
    names |= {14: "left_lower_leg", 15: "left_upper_arm", 18: "right_upper_arm"}
    names |= {19: "left_lower_arm", 22: "right_lower_arm", 23: "face", 24: "scalp"}
    middles = template.vertices[template.triangles].mean(axis=1)
    chosen = {
        part: middles[rng.choice(np.flatnonzero(template.part == parts.INDEX[name]), 3)]
        for part, name in names.items()
    }
    canonical = np.concatenate(list(chosen.values()))
    made = miniature.surface(rng, np.repeat(list(chosen), 3), canonical)
    _, predictions = miniature.write(tmp_path, rng, made)
    sequences = open_benchmark(densepose.DENSEPOSE_COCO_PARTS, tmp_path)
    perfect = figures(densepose.score_parts, sequences, predictions)
    assert perfect == pytest.approx({"part": 1, "iou": 1})
    # A mirrored body: only what lies in the middle stays right.
    mirrored = {name: maps * np.float32([-1, 1, 1]) for name, maps in predictions.items()}
    middle = [
        note in (1, 2, 23, 24)
        for sequence in sequences
        for person in sequence.of(slice(None))
        for note in person.source["dp_I"]
    ]
    found = figures(densepose.score_parts, sequences, mirrored)
    assert found["part"] == pytest.approx(np.mean(middle), abs=0.03)
    nothing = {name: np.full_like(maps, -1) for name, maps in predictions.items()}
    assert figures(densepose.score_parts, sequences, nothing) == {"part": 0, "iou": 0}
    for folder, maps, figure in (("perfect", predictions, perfect), ("mirrored", mirrored, found)):
        files = figures_of_files(densepose.DENSEPOSE_COCO_PARTS, sequences, tmp_path / folder, maps)
        assert files["part"] == pytest.approx(figure["part"])


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_run_lengths_are_read_as_pycocotools_writes_them(seed, share):
    rng = np.random.default_rng(seed)
    mask = (rng.uniform(size=rng.integers(1, 40, 2)) < share).astype(np.uint8)
    mask = np.repeat(mask, rng.integers(1, 60), axis=0)
    code = masks.encode(np.asfortranarray(mask))
    np.testing.assert_array_equal(rle.decode(code), mask)
    np.testing.assert_array_equal(rle.decode(code | {"counts": code["counts"].decode()}), mask)


def test_run_lengths_as_numbers():
    np.testing.assert_array_equal(
        rle.decode({"size": [2, 3], "counts": [1, 2, 3]}), [[0, 1, 0], [1, 0, 0]]
    )
    with pytest.raises(ValueError, match="runs of 5 pixels do not fill a mask of 2 x 3"):
        rle.decode({"size": [2, 3], "counts": [1, 4]})


BROKEN = {
    "annotation 5 has no 'dp_V'": lambda note: note.pop("dp_V"),
    "annotation 5: dp_x, dp_y, dp_I, dp_U and dp_V differ in length": lambda note: note[
        "dp_U"
    ].pop(),
    "annotation 5: expected dp_I from 1 to 24": lambda note: note["dp_I"].__setitem__(0, 25),
    "annotation 5: expected dp_x, dp_y within": lambda note: note["dp_x"].__setitem__(0, 300),
    "annotation 5: expected dp_x, dp_y within.*": lambda note: note["dp_V"].__setitem__(
        0, float("nan")
    ),
    "annotation 5: runs of": lambda note: note["dp_masks"][0].update(size=[256, 255]),
    "annotation 5: expected dp_masks of 256 x 256": lambda note: note["dp_masks"].__setitem__(
        0, {"size": [2, 2], "counts": [1, 3]}
    ),
}


@pytest.mark.parametrize("message", BROKEN)
def test_what_is_wrong_with_annotations_is_named(made, message):
    root, data, _, _ = made
    BROKEN[message](data["annotations"][0])
    (root / JSON).write_text(json.dumps(data))
    with pytest.raises(BenchmarkError, match=message):
        open_densepose_coco(root)


@pytest.mark.parametrize(
    "name", ["SMPL_subdiv.mat", "SMPL_SUBDIV_TRANSFORM.mat", "Pdist_matrix.pkl", "canonical.npy"]
)
def test_a_missing_or_damaged_surface_file_is_named(made, name):
    root = made[0]
    (root / "surface" / name).write_bytes(b"nothing")
    with pytest.raises(BenchmarkError, match=name):
        opened(root)
    (root / "surface" / name).unlink()
    with pytest.raises(BenchmarkError, match=name):
        opened(root)


def test_a_template_in_centimetres_is_named(made):
    root, _, _, surface = made
    np.save(root / "surface/canonical.npy", 100 * surface["canonical"])
    with pytest.raises(BenchmarkError, match="expected a body in metres, but it extends over 1"):
        opened(root)


def test_distances_of_another_surface_are_named(made):
    root, _, _, surface = made
    np.save(root / "surface/canonical.npy", surface["canonical"][:-1])
    with pytest.raises(BenchmarkError, match=r"expected finite \[96, 3\], got \(95, 3\)"):
        opened(root)

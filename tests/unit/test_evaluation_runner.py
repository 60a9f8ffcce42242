"""An evaluation: shared, stopped, resumed and reported; what cannot be scored is named."""

import csv
import dataclasses
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tests.unit import drawn_predictions, stored_clips
from thfm_jax import joints
from thfm_jax.checkpoints import CheckpointError
from thfm_jax.data.benchmarks.sequence import BenchmarkError
from thfm_jax.evaluation import job, predictions, report, runner
from thfm_jax.evaluation.benchmark import Benchmark, Measure, Scores
from thfm_jax.evaluation.job import Job, evaluate
from thfm_jax.evaluation.predictions import PredictionError
from thfm_jax.evaluation.registry import BENCHMARKS
from thfm_jax.evaluation.results import Folder, Result, ResultError
from thfm_jax.evaluation.runner import Settings
from thfm_jax.evaluation.tally import Mean, Median
from thfm_jax.evaluation.trivial import Trivial
from thfm_jax.types import Target

SETTINGS = Settings("synthetic_test", draws=50, worst=4)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return stored_clips.write(tmp_path_factory.mktemp("data"), clips=3, split="test")


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """The output of an uninterrupted run."""
    output = tmp_path_factory.mktemp("whole")
    evaluate(Job(SETTINGS, data, output, model="trivial"))
    return output


def contents(output: Path) -> dict[str, bytes]:
    """All that a report consists of."""
    files = (*output.glob("*.*"), *(output / "gallery").iterdir())
    return {str(f.relative_to(output)): f.read_bytes() for f in files if f.name != "plan.json"}


def test_a_report_is_complete(whole):
    found = json.loads((whole / "results.json").read_text())
    assert found["sequences"] == {"scored": 3, "skipped": []}
    assert found["frames"] == {"scored": 15, "masked": 0, "skipped": 0}
    assert set(found["figures"]) == {m.name for m in BENCHMARKS["synthetic_test"].measures}
    assert found["protocol"].startswith("Each figure") and found["versions"]["jax"]
    assert len(found["worst"]) == 4 == len(list((whole / "gallery").glob("*.png")))
    worst = [score for _, _, score in found["worst"]]
    assert worst == sorted(worst)
    lines = list(csv.DictReader(io.StringIO((whole / "per_sequence.csv").read_text())))
    assert [line["sequence"] for line in lines] == [f"test/{i:05d}" for i in range(3)]
    ious = sorted(float(line["matte_iou"]) for line in lines)
    assert found["figures"]["matte_iou"]["value"] == ious[1]
    assert "| trivial |" in (whole / "table.md").read_text()
    for picture in (whole / "gallery").glob("*.png"):
        assert picture.name in (whole / "gallery" / "index.html").read_text()
        with Image.open(picture) as opened:
            assert opened.size == (7 * 48 + 6 * 4, 2 * 32 + 4)


def test_a_finished_evaluation_does_nothing(data, whole, monkeypatch):
    monkeypatch.setattr(runner, "score_sequence", None)
    before = contents(whole)
    assert evaluate(Job(SETTINGS, data, whole, model="trivial")) is not None
    assert contents(whole) == before


def test_kept_predictions_score_the_same(data, whole, tmp_path):
    evaluate(Job(SETTINGS, data, tmp_path / "kept", model="trivial", keep=True))
    kept = tmp_path / "kept" / "predictions"
    evaluate(Job(SETTINGS, data, tmp_path / "out", predictions=kept, label="trivial"))
    for name in ("table.md", "per_sequence.csv"):
        assert (tmp_path / "out" / name).read_text() == (whole / name).read_text()


def test_two_processes_share_and_equal_one(data, whole, tmp_path):
    first = Job(SETTINGS, data, tmp_path, model="trivial", processes=2)
    assert evaluate(first) is None
    assert evaluate(dataclasses.replace(first, process=1)) is not None
    assert contents(tmp_path) == contents(whole)


def test_what_was_killed_goes_on_to_the_same_report(tmp_path):
    data = stored_clips.write(tmp_path / "data", clips=40, split="test")
    output = tmp_path / "out"
    program = f"""
from pathlib import Path
from thfm_jax.evaluation.job import Job, evaluate
from thfm_jax.evaluation.runner import Settings
settings = Settings("synthetic_test", draws=50, worst=4)
evaluate(Job(settings, Path({str(data)!r}), Path({str(output)!r}), model="trivial"))
"""
    env = {**os.environ, "JAX_PLATFORMS": "cpu"}
    process = subprocess.Popen([sys.executable, "-c", program], env=env)
    done = lambda: len(list(output.glob("sequences/test/*.json")))
    while done() < 3 and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 3 <= done() < 40
    resumed = evaluate(Job(SETTINGS, data, output, model="trivial"))
    again = evaluate(Job(SETTINGS, data, tmp_path / "again", model="trivial"))
    assert resumed == again
    assert contents(output) == contents(tmp_path / "again")


def test_threads_share_and_equal_one(data, whole, tmp_path, monkeypatch):
    wanted = Job(SETTINGS, data, tmp_path, model="trivial")
    sources = job._sources(wanted, BENCHMARKS["synthetic_test"], 3)
    monkeypatch.setattr(job, "_sources", lambda *_: sources * 3)
    evaluate(Job(SETTINGS, data, tmp_path, model="trivial"))
    assert contents(tmp_path) == contents(whole)


@pytest.mark.parametrize("fps, windows", [(0.0, (1, 0)), (25.0, (45, 9))])
def test_pictures_that_are_no_video_are_predicted_one_by_one(fps, windows):
    asked = []

    class Asked(Trivial):
        def stream(self, frames, tasks, **options):
            asked.append((options["length"], options["overlap"]))
            return super().stream(frames, tasks, **options)

    blank = lambda frames: np.zeros((frames.stop - frames.start, 8, 8, 3), np.uint8)
    sequence = SimpleNamespace(name="a", frames=3, height=8, width=8, fps=fps, pictures=blank)
    source = predictions.FromModel(Asked(), length=45, overlap=9)
    found = list(source.blocks(sequence, BENCHMARKS["ppm100"]))
    assert sum(len(values["matte"]) for values in found) == 3
    assert asked == [windows]


def test_what_a_rectangle_leaves_out_is_scored_as_a_bad_prediction():
    class Looking(Trivial):
        def stream(self, frames, tasks, **options):
            assert options["follow"] and options["everywhere"]
            for pictures, values in super().stream(frames, tasks, **options):
                values["depth"] = np.full((1, 8, 8), np.nan, np.float32)
                values["depth"][:, 2:6, 2:6] = 0.25
                yield pictures, values

    blank = lambda frames: np.zeros((frames.stop - frames.start, 8, 8, 3), np.uint8)
    sequence = SimpleNamespace(name="a", frames=2, height=8, width=8, fps=9, pictures=blank)
    source = predictions.FromModel(Looking(), follow=True)
    for values in source.blocks(sequence, BENCHMARKS["synthetic_animals"]):
        assert np.all(values["depth"] == 0.25) and values["depth"].shape == (1, 8, 8)
    with pytest.raises(ValueError, match="not both"):
        Settings("emdb1", crop=1.3, follow=True)


def test_a_folder_takes_one_evaluation(data, whole):
    other = Job(dataclasses.replace(SETTINGS, length=3), data, whole, model="trivial")
    with pytest.raises(ResultError, match="holds another evaluation: length was None and is 3"):
        evaluate(other)


def test_predictions_that_changed_meanwhile_are_another_evaluation(data, tmp_path):
    drawn_predictions.write(tmp_path / "p")
    assert score_files(data, tmp_path) == score_files(data, tmp_path)
    os.utime(tmp_path / "p" / "test" / "00001" / "depth.npy", (4e9, 4e9))
    with pytest.raises(ResultError, match="another evaluation: newest_prediction was"):
        score_files(data, tmp_path)


def test_links_to_the_data_are_the_data(data, tmp_path):
    drawn_predictions.write(tmp_path / "p")
    found = score_files(data, tmp_path)
    (tmp_path / "link").symlink_to(data)
    assert score_files(tmp_path / "link", tmp_path) == found


def test_a_start_that_failed_does_not_claim_the_folder(data, tmp_path):
    with pytest.raises(CheckpointError, match="no model directory"):
        evaluate(Job(SETTINGS, data, tmp_path, model="nowhere"))
    assert evaluate(Job(SETTINGS, data, tmp_path, model="trivial"))


def test_a_set_without_any_label_is_no_score(tmp_path, monkeypatch):
    class Unlabelled(OneFrame):
        def truth(self, frames):
            return {"keypoints3d": Target(np.zeros((1, 3, 3)), np.zeros((1, 3), bool))}

    nothing = Scores({"error": Mean()}, np.full(1, np.nan))
    benchmark = dataclasses.replace(
        POSE, open_=lambda root: [Unlabelled()], score=lambda *_: nothing
    )
    monkeypatch.setitem(BENCHMARKS, "pose", benchmark)
    with pytest.raises(BenchmarkError, match="none of 1 frames has a label"):
        evaluate(Job(Settings("pose"), tmp_path, tmp_path / "out", model="trivial"))


def test_a_damaged_result_is_named(data, tmp_path):
    evaluate(Job(SETTINGS, data, tmp_path, model="trivial"))
    file = tmp_path / "sequences" / "test" / "00001.json"
    file.write_text(file.read_text()[:50])
    with pytest.raises(ResultError, match=r"00001.json is damaged: .*; remove it, and go on"):
        evaluate(Job(SETTINGS, data, tmp_path, model="trivial"))


def test_an_unknown_benchmark_is_named(data, tmp_path):
    with pytest.raises(ValueError, match="no benchmark 'emdb': there are synthetic_test"):
        evaluate(Job(Settings("emdb"), data, tmp_path))


def score_files(data, tmp_path, **options):
    return evaluate(Job(SETTINGS, data, tmp_path / "out", predictions=tmp_path / "p", **options))


def spoil_one(tmp_path, task, change):
    """Predictions of three clips, of which one has a fault in one task."""
    drawn_predictions.write(tmp_path / "p")
    file = tmp_path / "p" / "test" / "00001" / f"{task}.npy"
    value = change(np.load(file))
    if value is None:
        file.unlink()
    else:
        np.save(file, value)


def with_nan(value):
    value[2, 16, 24] = np.nan
    return value


@pytest.mark.parametrize(
    "task, change, message",
    [
        ("matte", lambda x: None, r"1 of 3 sequences lack predictions: .*00001/matte.npy"),
        ("matte", lambda x: x[:4], r"00001/matte.npy: expected .*\[5, 32, 48\], got .*\[4, 32, 48"),
        ("normals", lambda x: x[:, :16], r"expected .*\[5, 32, 48, 3\], got float32 \[5, 16, 48,"),
        ("matte", lambda x: (255 * x).astype("u1"), r"expected floating-point numbers .*got uint8"),
        ("depth", with_nan, r"test/00001: depth is not finite in 1 places that have a label"),
        ("normals", lambda x: 127 * x, "expected vectors of length 1 or 0, but the numbers lie"),
        ("matte", lambda x: 255 * x, "expected alpha in .0, 1., but the numbers lie between 0 and"),
        ("densepose", lambda x: 1000 * x, "expected metres on the template, but"),
        ("keypoints2d", lambda x: x / [48, 32, 1], "expected pixels, but the numbers lie"),
        ("keypoints3d", lambda x: 1000 * x, "expected metres, not millimetres, but the numbers"),
        ("keypoints3d", lambda x: x[:, :17], "expected 52 joints of .* or 52 of ours .* got 17"),
    ],
)
def test_predictions_that_cannot_be_scored_are_named(task, change, message, data, tmp_path):
    spoil_one(tmp_path, task, change)
    with pytest.raises(PredictionError, match=message):
        score_files(data, tmp_path)


def test_a_file_that_is_no_array_is_named(data, tmp_path):
    drawn_predictions.write(tmp_path / "p")
    (tmp_path / "p" / "test" / "00002" / "depth.npy").write_bytes(b"nothing")
    with pytest.raises(PredictionError, match=r"00002/depth.npy cannot be read"):
        score_files(data, tmp_path)


def test_missing_sequences_can_be_skipped_and_are_counted(data, tmp_path):
    spoil_one(tmp_path, "matte", lambda x: None)
    found = score_files(data, tmp_path, skip_missing=True)
    assert found["sequences"] == {"scored": 2, "skipped": ["test/00001"]}
    assert found["frames"] == {"scored": 10, "masked": 0, "skipped": 5}


def test_predictions_of_no_sequence_at_all(data, tmp_path):
    (tmp_path / "p").mkdir()
    with pytest.raises(PredictionError, match="has predictions of none of the sequences"):
        score_files(data, tmp_path, skip_missing=True)


def test_what_is_not_finite_can_be_scored_as_bad(data, tmp_path):
    """Depth that is missing counts as the farthest, and so is worse than perfect, not left out."""
    spoil_one(tmp_path, "depth", with_nan)
    found = score_files(data, tmp_path, fill=True)
    lines = (tmp_path / "out" / "per_sequence.csv").read_text().splitlines()
    column = lines[0].split(",").index("depth_image_rmse_m")
    good, bad = (float(lines[row].split(",")[column]) for row in (1, 2))
    assert good < 1e-3 < bad and found["figures"]["depth_rmse_m"]["value"] < 1e-3


def test_random_weights_are_told_of_in_the_table(data, tmp_path):
    drawn_predictions.write(tmp_path / "p")
    meta = {"units": {}, "joints": list(joints.NAMES), "trained": False}
    for folder in (tmp_path / "p" / "test").iterdir():
        (folder / "meta.json").write_text(json.dumps(meta))
    assert score_files(data, tmp_path)["label"] == "p (random weights)"


POSE = Benchmark(
    name="pose",
    title="Pose",
    tasks=("keypoints3d",),
    measures=(Measure("error", "error"),),
    open_=lambda root: [],
    score=lambda predictions, truth, sequence: Scores({}, np.zeros(0)),
    protocol="",
    joints={"hips": "mid_hip", "head": "head_top", "l_knee": "left_knee"},
)


def test_joints_are_mapped_by_name():
    ours = np.arange(52.0)[None, :, None] * np.ones(3)
    given = lambda value, names: predictions.to_joints({"keypoints3d": value}, names, POSE, "file")[
        "keypoints3d"
    ][0, :, 0].astype(int)
    wanted = [joints.INDEX[name] for name in ("mid_hip", "head_top", "left_knee")]
    assert list(given(ours, None)) == wanted
    # Our "head" is another joint than theirs.
    assert list(given(ours, list(joints.NAMES))) == wanted
    assert list(given(ours[:, :3], None)) == [0, 1, 2]
    assert list(given(ours[:, :4], ["head", "nose", "l_knee", "hips"])) == [3, 0, 2]
    assert list(given(ours[:, :4], ["mid_hip", "left_knee", "nose", "head_top"])) == [0, 3, 1]
    with pytest.raises(PredictionError, match="file: keypoints3d lacks the joint 'mid_hip'"):
        given(ours[:, :2], ["head_top", "nose"])
    with pytest.raises(PredictionError, match=r"got 2, though meta.json names 3"):
        given(ours[:, :2], ["hips", "head", "l_knee"])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100, None])
def test_regrouping_loses_nothing(size):
    whole = np.arange(13)
    parts = ({"a": whole[start : start + 4]} for start in range(0, 13, 4))
    blocks = [block["a"] for block in predictions.regroup(parts, 13, size)]
    np.testing.assert_array_equal(np.concatenate(blocks), whole)
    assert {len(block) for block in blocks[:-1]} <= {size}
    with pytest.raises(PredictionError, match="expected predictions of 13 frames, got 4"):
        list(predictions.regroup(iter([{"a": whole[:4]}]), 13, size))


def result(name: str, value: float, **groups: str) -> Result:
    return Result(
        name, groups, 10, 8, {"error": Mean(10 * value, 10)}, [(0, value), (3, value / 2)]
    )


@pytest.mark.parametrize("kind, reduce", [(Mean, np.mean), (Median, np.median)])
def test_an_interval_is_the_bootstrap_over_sequences(kind, reduce):
    values = np.array([3.0, 5, 4, 8, 1])
    tallies = [kind.of([value]) if kind is Mean else kind.of(value) for value in values]
    results = [dataclasses.replace(result("a", 0), tallies={"error": each}) for each in tallies]
    found = report.figure(results, "error", 500, 7)
    draws = np.random.default_rng(7).integers(5, size=(500, 5))
    expected = np.quantile(reduce(values[draws], axis=1), (0.025, 0.975))
    np.testing.assert_allclose(found["interval"], expected)
    assert found["value"] == pytest.approx(reduce(values)) and found["sequences"] == 5
    assert report.figure(results[:1], "error", 500, 7)["interval"] is None
    assert report.figure(results, "other", 500, 7)["value"] is None


def test_medians_are_over_sequences():
    results = [
        dataclasses.replace(result("a", 0), tallies={"error": Median.of(value)})
        for value in (1, 9, 2)
    ]
    assert report.figure(results, "error", 0, 0)["value"] == 2


def test_groups_have_figures_of_their_own():
    results = [result("a", 1, who="x"), result("b", 3, who="x"), result("c", 8, who="y")]
    found = report.grouped(POSE, results, 10, 0)
    assert found["who"]["x"]["error"]["value"] == 2 and found["who"]["y"]["error"]["value"] == 8


def test_the_worst_frames_by_sign():
    results = [result("a", 1), result("b", 4)]
    assert report.worst_frames(results, 1, 3) == [("b", 0, 4), ("b", 3, 2), ("a", 0, 1)]
    assert report.worst_frames(results, -1, 2) == [("a", 3, 0.5), ("a", 0, 1)]


@dataclasses.dataclass(frozen=True)
class Row:
    benchmark: str
    metric: str
    method: str
    figure: float
    source: str


def test_tables_have_published_rows_and_ours():
    published = [Row("pose", "error", "Peer_1", 3.5, "a paper"), Row("other", "error", "X", 1, "")]
    found = {"error": {"value": 2.0, "interval": [1.5, 2.5]}}
    table = report.rows(POSE, found, "ours & more", published)
    assert report.to_markdown(POSE, table) == (
        "| Pose | error ↓ | source |\n|---|---|---|\n| Peer_1 | 3.5 | a paper |\n"
        "| ours & more | 2 [1.5, 2.5] | this evaluation |\n\n\n"
    )
    latex = report.to_latex(POSE, table)
    assert r"Peer\_1 & 3.5 \\ % a paper" in latex and r"ours \& more & 2 [1.5, 2.5] \\" in latex


@pytest.mark.parametrize("name", BENCHMARKS)
def test_latex_is_of_signs_that_every_latex_prints(name):
    benchmark = BENCHMARKS[name]
    found = {m.name: {"value": 1.0, "interval": None} for m in benchmark.measures}
    latex = report.to_latex(benchmark, report.rows(benchmark, found, r"{50%} a_b\c~<d>^2", []))
    assert latex.isascii()
    label = r"\{50\%\} a\_b\textbackslash{}c\textasciitilde{}$<$d$>$\textasciicircum{}2"
    assert f"{label} & 1 " in latex


class OneFrame:
    """A sequence of one black picture."""

    name, groups, frames, height, width, fps = "one", {}, 1, 8, 8, 0.0

    def pictures(self, frames):
        return np.zeros((1, 8, 8, 3), np.uint8)

    def truth(self, frames):
        return {"keypoints3d": Target(np.zeros((1, 3, 3)), np.ones((1, 3), bool))}


def test_a_sequence_that_is_there_twice_is_named(monkeypatch, tmp_path):
    twice = dataclasses.replace(POSE, open_=lambda root: [OneFrame(), OneFrame()])
    monkeypatch.setitem(BENCHMARKS, "pose", twice)
    with pytest.raises(BenchmarkError, match="the sequence one is there twice"):
        evaluate(Job(Settings("pose"), tmp_path, tmp_path / "out", model="trivial"))
    nothing = dataclasses.replace(POSE, open_=lambda root: [])
    monkeypatch.setitem(BENCHMARKS, "pose", nothing)
    with pytest.raises(BenchmarkError, match="holds no sequence"):
        evaluate(Job(Settings("pose"), tmp_path, tmp_path / "out", model="trivial"))


def test_results_come_back_from_disk(tmp_path):
    folder, written = Folder(tmp_path), result("P0/a", 2, camera="1")
    folder.write(written)
    assert folder.has("P0/a") and folder.read("P0/a") == written

"""The dense protocols, end to end: sets in their released layout, predictions in files, figures."""

import functools

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from scipy.spatial.transform import Rotation

from tests.miniatures import goliath, hi4d, p3m10k, photomatte85, ppm100, synth_human, thuman2
from thfm_jax.data.benchmarks.sequence import BenchmarkError
from thfm_jax.evaluation import registry, runner
from thfm_jax.evaluation.benchmark import open_benchmark
from thfm_jax.evaluation.predictions import FromFiles

FACE = functools.partial(goliath.write, split="face")
FULL = functools.partial(goliath.write, split="full_body")
UPPER = functools.partial(goliath.write, split="upper_body")
BLURRED = functools.partial(p3m10k.write, split="P3M-500-P")
PLAIN = functools.partial(p3m10k.write, split="P3M-500-NP")
# benchmark -> who writes its miniature, and what of its options says how small that is.
MINIATURES = {
    "goliath_face": (FACE, goliath.SIZE),
    "goliath_upper_body": (UPPER, goliath.SIZE),
    "goliath_full_body": (FULL, goliath.SIZE),
    "goliath_face_normals": (FACE, goliath.SIZE),
    "goliath_upper_body_normals": (UPPER, goliath.SIZE),
    "goliath_full_body_normals": (FULL, goliath.SIZE),
    "hi4d_depth": (hi4d.write, {"images": 6}),
    "hi4d_normals": (hi4d.write, {"images": 6}),
    "thuman2_depth": (hi4d.write, {"images": 6}),
    "thuman2_normals": (hi4d.write, {"images": 6}),
    "thuman2_views_normals": (thuman2.write, {"subjects": 2}),
    "synth_human": (synth_human.write, {"images": 3}),
    "photomatte85": (photomatte85.write, {"images": 3}),
    "ppm100": (ppm100.write, {"images": 2}),
    "p3m_500_p": (BLURRED, {"images": 2}),
    "p3m_500_np": (PLAIN, {"images": 2}),
}
PERFECT = {"delta1": 1.0} | {f"below_{limit}_percent": 100.0 for limit in (5, 11.25, 22.5, 30)}


def scored(task):
    """The benchmarks in which a task is scored."""
    return [name for name in MINIATURES if task in registry.find(name).tasks]


def evaluate(name, root, predictions, folder, **options):
    """The figures of predictions, {sequence: {task: array}}, that are written to a folder first."""
    benchmark = registry.find(name)
    for sequence, values in predictions.items():
        (folder / sequence).mkdir(parents=True, exist_ok=True)
        for task, value in values.items():
            np.save(folder / sequence / f"{task}.npy", value.astype(np.float32))
    total = {}
    for sequence in open_benchmark(benchmark, root, **options):
        found, _ = runner.score_sequence(benchmark, sequence, FromFiles(folder))
        for measure, tally in found.tallies.items():
            total[measure] = total[measure] + tally if measure in total else tally
    besides = {f"{task}_without_truth" for task in ("depth", "normals") if task in benchmark.tasks}
    assert {measure.name for measure in benchmark.measures} | besides == set(total)
    return {measure: tally.value() for measure, tally in total.items()}


def perturbed(truth, task, change):
    """The perfect predictions, those of a task changed."""
    return {name: {**values, task: change(values[task])} for name, values in truth.items()}


def tilt(normals, degrees):
    """Turned by so much about the axis through themselves and x, each."""
    axes = np.cross(normals, np.array([1.0, 0.1, 0.0]))
    length = np.linalg.norm(axes, axis=-1, keepdims=True)
    axes = np.where(length > 0, axes / np.where(length > 0, length, 1), 0)
    turn = Rotation.from_rotvec(np.radians(degrees) * axes.reshape(-1, 3))
    return turn.apply(normals.reshape(-1, 3)).reshape(normals.shape)


@pytest.mark.parametrize("name", MINIATURES)
def test_perfect_predictions_score_perfectly(tmp_path, name):
    write, size = MINIATURES[name]
    truth = write(tmp_path / "set", np.random.default_rng(0))
    found = evaluate(name, tmp_path / "set", truth, tmp_path / "predictions", **size)
    expected = {measure: PERFECT.get(measure, 0.0) for measure in found}
    # The stored maps of views are rounded to 8 bits; the pooled median is read to half a bin.
    rounding = 0.5 if name == "thuman2_views_normals" else 0.0051
    for measure, value in found.items():
        if measure.endswith("_without_truth") and name == "synth_human":
            assert 0 < value < 0.02  # where alpha is above one half there is no surface at the rim
            continue
        tolerance = rounding if measure in ("mean_deg", "median_deg") else 2e-6
        assert value == pytest.approx(expected[measure], abs=tolerance), measure


@pytest.mark.parametrize("name", scored("normals"))
def test_a_tilt_of_all_normals_is_their_error(tmp_path, name):
    write, size = MINIATURES[name]
    truth = write(tmp_path / "set", np.random.default_rng(1))
    predictions = perturbed(truth, "normals", lambda normals: 0.7 * tilt(normals, 12.0))
    found = evaluate(name, tmp_path / "set", predictions, tmp_path / "predictions", **size)
    rounding = 0.5 if "views" in name else 0.006
    assert found["mean_deg"] == pytest.approx(12, abs=rounding)
    assert found["median_deg"] == pytest.approx(12, abs=rounding)
    assert found["below_5_percent"] == 0 and found["below_22.5_percent"] == 100


@pytest.mark.parametrize("name", scored("depth"))
def test_depth_does_not_see_scale_and_shift_of_an_image(tmp_path, name):
    write, size = MINIATURES[name]
    truth = write(tmp_path / "set", np.random.default_rng(2))
    predictions = perturbed(truth, "depth", lambda depth: 0.1 * depth - 0.2)
    found = evaluate(name, tmp_path / "set", predictions, tmp_path / "predictions", **size)
    assert found["rmse_m"] < 1e-5 and found["abs_rel"] < 1e-5 and found["delta1"] == 1


@pytest.mark.parametrize("name", scored("depth"))
def test_constant_depth_scores_the_spread_of_the_truth(tmp_path, name):
    write, size = MINIATURES[name]
    truth = write(tmp_path / "set", np.random.default_rng(3))
    predictions = perturbed(truth, "depth", np.ones_like)
    found = evaluate(name, tmp_path / "set", predictions, tmp_path / "predictions", **size)
    images = [depth[depth > 0] for values in truth.values() for depth in values["depth"]]
    assert found["rmse_m"] == pytest.approx(np.mean([np.std(each) for each in images]), rel=1e-5)
    errors = [np.mean(np.abs(each - np.mean(each)) / each) for each in images]
    assert found["abs_rel"] == pytest.approx(np.mean(errors), rel=1e-5)


@pytest.mark.parametrize("name", scored("matte"))
def test_a_matte_that_misses_a_tenth_everywhere_scores_it(tmp_path, name):
    write, size = MINIATURES[name]
    truth = write(tmp_path / "set", np.random.default_rng(4))
    off = lambda alpha: np.where(alpha > 0.5, alpha - 0.1, alpha + 0.1)
    predictions = perturbed(truth, "matte", off)
    found = evaluate(name, tmp_path / "set", predictions, tmp_path / "predictions", **size)
    assert found["mse"] == pytest.approx(0.01, rel=1e-5)
    assert found["mad"] == pytest.approx(0.1, rel=1e-5)
    assert found["sad_kpx"] == pytest.approx(0.1 * 64 * 48 / 1000, rel=1e-5)


# Worked examples: pictures of a few pixels, too few for their units to be judged.


def write_row(root, name, depth=None, normals=None):
    """A picture of one row with these labels, in Sapiens2's folders."""
    length = len(depth if depth is not None else normals)
    for folder in ("rgb", "mask", "depth", "normal"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (length, 1)).save(root / "rgb" / f"{name}.png")
    Image.new("L", (length, 1), 1).save(root / "mask" / f"{name}.png")
    if depth is not None:
        np.save(root / "depth" / f"{name}.npy", np.array([depth], np.float64))
    if normals is not None:
        np.save(root / "normal" / f"{name}.npy", np.array([normals], np.float64))


def row(task, values):
    return {task: np.array([[values]], np.float64)}


def test_depth_by_hand_constant(tmp_path):
    # The best constant for 1, 2, 2, 3 is 2: errors 1, 0, 0, 1, ratios 2, 1, 1, 1.5.
    write_row(tmp_path, "a", depth=[1, 2, 2, 3])
    found = evaluate("hi4d_depth", tmp_path, {"a": row("depth", [5] * 4)}, tmp_path / "p", images=1)
    assert found == pytest.approx(
        {
            "rmse_m": np.sqrt(0.5),
            "abs_rel": (1 + 1 / 3) / 4,
            "delta1": 0.5,
            "depth_without_truth": 0,
        }
    )


def test_depth_by_hand_images_count_equally_whatever_their_size(tmp_path):
    # The line through (0, 1), (1, 2), (2, 3) and (3, 2) is 1.4 + 0.4 p:
    # errors 0.4, -0.2, -0.8, 0.6 with squares 0.16 + 0.04 + 0.64 + 0.36 = 1.2.
    write_row(tmp_path, "a", depth=[1, 2, 3, 2])
    write_row(tmp_path, "b", depth=[1, 2])
    predictions = {"a": row("depth", [0, 1, 2, 3]), "b": row("depth", [7, 9])}
    found = evaluate("hi4d_depth", tmp_path, predictions, tmp_path / "p", images=2)
    assert found["rmse_m"] == pytest.approx((np.sqrt(1.2 / 4) + 0) / 2, rel=1e-6)
    assert found["abs_rel"] == pytest.approx((0.4 + 0.1 + 0.8 / 3 + 0.3) / 4 / 2, rel=1e-6)


def test_depth_by_hand_what_has_no_label_is_not_scored_but_told_of(tmp_path):
    write_row(tmp_path, "a", depth=[1, 0, 2, np.nan, 3, 2])
    predictions = {"a": row("depth", [0, 50, 1, -50, 2, 3])}
    found = evaluate("hi4d_depth", tmp_path, predictions, tmp_path / "p", images=1)
    assert found["rmse_m"] == pytest.approx(np.sqrt(1.2 / 4), rel=1e-6)
    assert found["depth_without_truth"] == pytest.approx(2 / 6)


def test_depth_by_hand_a_clip_shares_one_fit(tmp_path):
    # Each frame alone fits (one of them upside down); together the best is the constant 1.5.
    for frame in ("0", "1"):
        write_row(tmp_path / "face" / "s" / "c", frame, depth=[1, 2])
    predictions = {"s/c": {"depth": np.array([[[1, 2]], [[2, 1]]])}}
    one = {"subjects": 1, "cameras": 1, "frames": 2}
    found = evaluate("goliath_face", tmp_path, predictions, tmp_path / "p", **one)
    assert found["rmse_m"] < 1e-6
    assert found["clip_rmse_m"] == pytest.approx(0.5)
    assert found["clip_abs_rel"] == pytest.approx((0.5 / 1 + 0.5 / 2) / 2)


def turned(*degrees):
    return Rotation.from_rotvec([[each, 0, 0] for each in degrees], degrees=True).apply([0, 0, 1])


def test_normals_by_hand(tmp_path):
    write_row(tmp_path, "a", normals=[[0, 0, 1]] * 5)
    predictions = {"a": row("normals", turned(4, 10, 20, 26, 60))}
    found = evaluate("hi4d_normals", tmp_path, predictions, tmp_path / "p", images=1)
    assert found["mean_deg"] == pytest.approx(24, abs=1e-4)
    assert found["median_deg"] == pytest.approx(20, abs=0.006)
    shares = [found[f"below_{limit}_percent"] for limit in (5, 11.25, 22.5, 30)]
    assert shares == pytest.approx([20, 40, 60, 80])


def test_normals_by_hand_pixels_count_equally_not_images(tmp_path):
    # Per image 60 and 0 degrees, their mean would be 30; over the 4 pixels it is 15.
    write_row(tmp_path, "a", normals=[[0, 0, 1]])
    write_row(tmp_path, "b", normals=[[0, 0, 1]] * 3)
    predictions = {"a": row("normals", turned(60)), "b": row("normals", turned(0, 0, 0))}
    found = evaluate("hi4d_normals", tmp_path, predictions, tmp_path / "p", images=2)
    assert found["mean_deg"] == pytest.approx(15, abs=1e-4)
    assert found["median_deg"] == pytest.approx(0, abs=0.006)
    assert found["below_5_percent"] == 75


def test_normals_by_hand_no_direction_is_a_right_angle_and_no_label_nothing(tmp_path):
    write_row(tmp_path, "a", normals=[[0, 0, 2], [0, 0, 0.5], [np.nan] * 3])
    predictions = {"a": row("normals", [[0, 0, 0], [0, 0, 1], [1, 0, 0]])}
    found = evaluate("hi4d_normals", tmp_path, predictions, tmp_path / "p", images=1)
    assert found["mean_deg"] == pytest.approx(45)
    assert found["normals_without_truth"] == pytest.approx(1 / 3)


def write_matte(root, name, alpha):
    for folder in ("image", "matte"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    height, width = alpha.shape
    Image.new("RGB", (width, height)).save(root / "image" / f"{name}.png")
    Image.fromarray(np.uint8(255 * alpha)).save(root / "matte" / f"{name}.png")


def test_mattes_by_hand_pictures_count_equally(tmp_path):
    # Of 4 pixels one misses by 1 and one by 0.5; of 2 pixels one by 0.2.
    write_matte(tmp_path, "a", np.array([[0, 1], [1, 0]]))
    write_matte(tmp_path, "b", np.array([[0, 0]]))
    predictions = {
        "a": {"matte": np.array([[[0, 0.5], [1, 1]]])},
        "b": {"matte": np.array([[[0, 0.2]]])},
    }
    found = evaluate("ppm100", tmp_path, predictions, tmp_path / "p", images=2)
    assert found["mse"] == pytest.approx((1.25 / 4 + 0.04 / 2) / 2)
    assert found["mad"] == pytest.approx((1.5 / 4 + 0.2 / 2) / 2)
    assert found["sad_kpx"] == pytest.approx((1.5 + 0.2) / 2 / 1000)


def test_mattes_by_hand_connectivity(tmp_path):
    # 20 of the truth's solid pixels are predicted as one half: connected up to level 0.5, the
    # truth exceeds that by 0.5 and the prediction by nothing.
    write_matte(tmp_path, "a", np.ones((20, 10)))
    prediction = np.ones((1, 20, 10))
    prediction[0, 3:8, 2:6] = 0.5
    found = evaluate("ppm100", tmp_path, {"a": {"matte": prediction}}, tmp_path / "p", images=1)
    assert found["conn_kpx"] == pytest.approx(20 * 0.5 / 1000)


def test_mattes_by_hand_gradient_of_a_missed_edge(tmp_path):
    # A straight edge that is not seen costs 4 sqrt(pi) sigma^3 per pixel of its length, where the
    # derivative of a Gaussian of norm 1 meets a step of 1.
    truth = np.zeros((40, 60))
    truth[:, 30:] = 1
    write_matte(tmp_path, "a", truth)
    predictions = {"a": {"matte": np.zeros((1, 40, 60))}}
    found = evaluate("ppm100", tmp_path, predictions, tmp_path / "p", images=1)
    expected = 40 * 4 * np.sqrt(np.pi) * 1.4**3 / 1000
    assert found["grad_k"] == pytest.approx(expected, rel=0.02)


def test_the_gradient_error_of_p3m_is_ours_by_a_constant(tmp_path):
    truth = BLURRED(tmp_path, np.random.default_rng(0))
    shifted = perturbed(truth, "matte", lambda alpha: np.roll(alpha, 2, axis=-1))
    found = evaluate("p3m_500_p", tmp_path, shifted, tmp_path / "p", images=2)

    def length(alpha):
        slopes = [ndimage.gaussian_filter(alpha, 1.4, order=order) for order in ((1, 0), (0, 1))]
        return np.hypot(*slopes)

    theirs = [
        np.sum((length(shifted[name]["matte"][0]) - length(truth[name]["matte"][0])) ** 2) / 10
        for name in truth
    ]
    assert np.mean(theirs) == pytest.approx(found["grad_k"] * 100 / (8 * np.pi * 1.4**4), rel=0.02)


# Units, axes, backgrounds


@pytest.mark.parametrize("split", goliath.SPLITS)
def test_goliath_in_decimetres_is_noticed_and_scored_in_metres(tmp_path, split):
    truth = goliath.write(tmp_path, np.random.default_rng(5), split, depth_scale=10)
    flat = perturbed(truth, "depth", np.ones_like)
    run = functools.partial(
        evaluate, f"goliath_{split}", tmp_path, flat, tmp_path / "p", **goliath.SIZE
    )
    with pytest.raises(BenchmarkError, match=r"depth.*npy: taken to be in m, .* plausible in dm"):
        run()
    metres, unchecked = run(unit="dm"), run(check=False)
    spreads = [np.std(d[d > 0]) for values in truth.values() for d in values["depth"]]
    assert metres["rmse_m"] == pytest.approx(np.mean(spreads), rel=1e-5)
    # What DAViD's table holds: ten times the RMSE, the same AbsRel.
    assert unchecked["rmse_m"] == pytest.approx(10 * metres["rmse_m"], rel=1e-5)
    assert unchecked["abs_rel"] == pytest.approx(metres["abs_rel"], rel=1e-5)


@pytest.mark.parametrize("split", goliath.SPLITS)
@pytest.mark.parametrize("scale, unit", [(1, "m"), (10, "dm"), (100, "cm"), (1000, "mm")])
def test_goliath_units_are_told_apart(tmp_path, split, scale, unit):
    goliath.write(tmp_path, np.random.default_rng(6), split, depth_scale=scale)
    benchmark = registry.find(f"goliath_{split}")
    for said in ("m", "dm", "cm", "mm"):
        sequence = open_benchmark(benchmark, tmp_path, **goliath.SIZE, unit=said)[0]
        if said == unit:
            assert sequence.truth(slice(0, 1))["depth"].value.max() < 4
        else:
            with pytest.raises(BenchmarkError, match=f"plausible in {unit},"):
                sequence.truth(slice(0, 1))


def test_normals_in_opencv_axes_are_turned_when_asked_and_noticed_when_not(tmp_path):
    truth = hi4d.write(tmp_path, np.random.default_rng(7), opencv=True, npz=True)
    run = functools.partial(evaluate, "hi4d_normals", tmp_path, truth, tmp_path / "p", images=6)
    assert run(axes="opencv")["mean_deg"] < 1e-3
    with pytest.raises(BenchmarkError, match=r"normal.*npz: .* that is \(x, -y, -z\)"):
        run()


def test_hi4d_can_be_video(tmp_path):
    truth = hi4d.write(tmp_path, np.random.default_rng(8))
    sequences = open_benchmark(registry.find("hi4d_normals"), tmp_path, images=6, clips=True)
    names = ["pair28_dance_c4", "pair32_dance_c4", "pair37_dance_c4"]
    assert [(each.name, each.frames, each.fps) for each in sequences] == [(n, 2, 30) for n in names]
    assert [each.groups for each in sequences] == [{"pair": p} for p in ("28", "32", "37")]
    clips = {
        name: {"normals": np.concatenate([truth[f"{name}_{t:06d}"]["normals"] for t in (1, 2)])}
        for name in names
    }
    found = evaluate("hi4d_normals", tmp_path, clips, tmp_path / "p", images=6, clips=True)
    assert found["mean_deg"] < 1e-3


def test_goliath_frames_follow_their_numbers(tmp_path):
    truth = goliath.write(tmp_path, np.random.default_rng(9), "face")
    for sequence in open_benchmark(registry.find("goliath_face"), tmp_path, **goliath.SIZE):
        assert [frame.file.stem for frame in sequence.shown] == ["000009", "000010", "000100"]
        depth = sequence.truth(slice(1, 3))["depth"]
        np.testing.assert_allclose(depth.value[..., 0], truth[sequence.name]["depth"][1:])
        assert sequence.groups == dict(
            zip(("subject", "camera"), sequence.name.split("/"), strict=True)
        )


def test_photomatte85_blends_over_the_backgrounds_in_turn(tmp_path):
    photomatte85.write(tmp_path / "set", np.random.default_rng(0))
    photomatte85.write_backgrounds(tmp_path / "scenes", (255, 0, 0), (0, 0, 255))
    benchmark = registry.find("photomatte85")
    over = lambda scenes: open_benchmark(benchmark, tmp_path / "set", images=3, backgrounds=scenes)
    pictures = [each.pictures(slice(None))[0] for each in over(str(tmp_path / "scenes"))]
    for picture, colour in zip(pictures, [(255, 0, 0), (0, 0, 255), (255, 0, 0)], strict=True):
        np.testing.assert_allclose(picture[0, 0], colour, atol=2)  # JPEG
    sequence = over(None)[0]
    stored = np.asarray(Image.open(tmp_path / "set" / f"{sequence.name}.png"), np.float64)
    alpha = stored[..., 3:] / 255
    expected = alpha * stored[..., :3] + (1 - alpha) * 127
    np.testing.assert_allclose(sequence.pictures(slice(None))[0], expected, atol=0.51)


def test_a_background_is_cropped_to_its_middle_not_squeezed(tmp_path):
    photomatte85.write(tmp_path / "set", np.random.default_rng(0))
    (tmp_path / "scenes").mkdir()
    bars = np.zeros((64, 3 * 48, 3), np.uint8)
    bars[:, 48:96] = 200
    Image.fromarray(bars).save(tmp_path / "scenes" / "bars.png")
    benchmark = registry.find("photomatte85")
    found = open_benchmark(benchmark, tmp_path / "set", images=3, backgrounds=tmp_path / "scenes")
    corners = found[0].pictures(slice(None))[0][[0, 0, -1, -1], [1, -2, 1, -2]]
    np.testing.assert_array_equal(corners, np.full((4, 3), 200))


def test_pictures_come_out_as_stored(tmp_path):
    hi4d.write(tmp_path, np.random.default_rng(0))
    for sequence in open_benchmark(registry.find("hi4d_depth"), tmp_path, images=6):
        stored = np.asarray(Image.open(tmp_path / "rgb" / f"{sequence.name}.png"))
        np.testing.assert_array_equal(sequence.pictures(slice(0, 1))[0], stored)
        assert (sequence.height, sequence.width) == stored.shape[:2]

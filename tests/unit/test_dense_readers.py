"""What is wrong with a dense set on the disk is named with its file, and nothing is skipped."""

import shutil

import numpy as np
import pytest
from PIL import Image

from tests.miniatures import (
    goliath,
    hi4d,
    p3m10k,
    photomatte85,
    ppm100,
    sapiens2,
    synth_human,
    thuman2,
)
from tests.miniatures.balls import ball
from thfm_jax.data.benchmarks import files
from thfm_jax.data.benchmarks.goliath import open_goliath
from thfm_jax.data.benchmarks.hi4d import open_hi4d
from thfm_jax.data.benchmarks.p3m10k import open_p3m10k
from thfm_jax.data.benchmarks.photomatte85 import open_photomatte85
from thfm_jax.data.benchmarks.ppm100 import open_ppm100
from thfm_jax.data.benchmarks.sequence import BenchmarkError
from thfm_jax.data.benchmarks.shots import FOREGROUND
from thfm_jax.data.benchmarks.synth_human import open_synth_human
from thfm_jax.data.benchmarks.thuman2 import open_thuman2, open_thuman2_views
from thfm_jax.evaluation import registry, runner
from thfm_jax.evaluation.predictions import FromFiles, PredictionError

NP = "validation/P3M-500-NP"
# Who writes a set, who opens it, and a file of each kind in it.
SETS = {
    "hi4d": (
        hi4d.write,
        lambda root: open_hi4d(root, images=6),
        [f"{kind}/pair32_dance_c4_000001" for kind in ("rgb", "mask", "normal", "depth")],
    ),
    "goliath": (
        lambda root, rng: goliath.write(root, rng, "face"),
        lambda root: open_goliath(root, "face", **goliath.SIZE),
        [f"face/QVC422/400944/{kind}/000010" for kind in ("rgb", "mask", "normal", "depth")],
    ),
    "thuman2": (
        thuman2.write,
        lambda root: open_thuman2_views(root, subjects=2),
        ["0525/render/180", "0525/norm_F/180"],
    ),
    "synth_human": (
        synth_human.write,
        lambda root: open_synth_human(root, images=3),
        [f"SynthHuman_0000/{kind}_0000012" for kind in ("rgb", "alpha", "depth", "normal", "cam")],
    ),
    "photomatte85": (
        photomatte85.write,
        lambda root: open_photomatte85(root, images=3),
        ["0051115Q_000001_0007"],
    ),
    "ppm100": (
        ppm100.write,
        lambda root: open_ppm100(root, images=2),
        ["image/6146816_556eaff97f_o", "matte/6146816_556eaff97f_o"],
    ),
    "p3m10k": (
        lambda root, rng: p3m10k.write(root, rng, "P3M-500-NP"),
        lambda root: open_p3m10k(root, "P3M-500-NP", images=2),
        [f"{NP}/original_image/p_819ea202", f"{NP}/mask/p_819ea202"],
    ),
}
FILES = [(name, stem) for name, (_, _, stems) in SETS.items() for stem in stems]
each_set = pytest.mark.parametrize("name", SETS)
each_file = pytest.mark.parametrize("name, stem", FILES)


def made(root, name):
    write, open_, _ = SETS[name]
    write(root, np.random.default_rng(0))
    return open_


def path(root, stem):
    (found,) = (root / stem).parent.glob((root / stem).name + ".*")
    return found


def read(sequences):
    for sequence in sequences:
        sequence.pictures(slice(None))
        sequence.truth(slice(None))


@each_set
def test_a_whole_set_is_read(tmp_path, name):
    sequences = made(tmp_path, name)(tmp_path)
    assert len({sequence.name for sequence in sequences}) == len(sequences)
    for sequence in sequences:
        pictures, truth = sequence.pictures(slice(0, 2)), sequence.truth(slice(0, 2))
        count = min(2, sequence.frames)
        assert pictures.shape == (count, sequence.height, sequence.width, 3)
        assert pictures.dtype == np.uint8
        for target in truth.values():
            assert target.value.dtype == np.float32 and target.mask.dtype == bool
            assert target.value.shape[:3] == target.mask.shape == pictures.shape[:3]
            assert np.isfinite(target.value).all()


@each_file
def test_a_missing_file_is_named_when_the_set_is_opened(tmp_path, name, stem):
    open_ = made(tmp_path, name)
    missing = path(tmp_path, stem)
    missing.unlink()
    with pytest.raises(BenchmarkError) as caught:
        open_(tmp_path)
    # By itself, by its counterpart, or by the folder that has one less.
    number = missing.stem.split("_")[-1]
    assert number in str(caught.value) or str(missing.parent) in str(caught.value)


@each_file
def test_a_damaged_file_is_named_when_it_is_read(tmp_path, name, stem):
    open_ = made(tmp_path, name)
    damaged = path(tmp_path, stem)
    damaged.write_bytes(damaged.read_bytes()[: damaged.stat().st_size // 2])
    with pytest.raises(BenchmarkError, match=damaged.name):
        read(open_(tmp_path))


@each_set
def test_a_set_of_another_size_is_refused(tmp_path, name):
    made(tmp_path, name)
    full = {
        "hi4d": (lambda: open_hi4d(tmp_path), "expected 1195 pictures, found 6"),
        "goliath": (lambda: open_goliath(tmp_path, "face"), "expected 4 subjects, found 2"),
        "thuman2": (lambda: open_thuman2_views(tmp_path, subjects=526), "expected 526 scans"),
        "synth_human": (lambda: open_synth_human(tmp_path, images=9), "expected 9 samples"),
        "photomatte85": (lambda: open_photomatte85(tmp_path), "expected 85 pictures, found 3"),
        "ppm100": (lambda: open_ppm100(tmp_path), "expected 100 pictures, found 2"),
        "p3m10k": (lambda: open_p3m10k(tmp_path, "P3M-500-NP"), "expected 500 pictures, found 2"),
    }
    opening, message = full[name]
    with pytest.raises(BenchmarkError, match=message):
        opening()


@each_set
def test_an_empty_or_absent_folder_is_named(tmp_path, name):
    for root in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(BenchmarkError, match=str(tmp_path)):
            SETS[name][1](root)


@pytest.mark.parametrize(
    "name, stem",
    [
        pair
        for pair in FILES
        if not any(kind in pair[1] for kind in ("depth", "normal", "cam", "0007"))
    ],
)
def test_labels_and_pictures_of_different_sizes_are_named(tmp_path, name, stem):
    open_ = made(tmp_path, name)
    other = path(tmp_path, stem)
    with Image.open(other) as image:
        image.resize((30, 20)).save(other)
    with pytest.raises(BenchmarkError, match=other.stem.split("_")[-1]):
        read(open_(tmp_path))


@pytest.mark.parametrize("kind, shape", [("normal", (20, 30, 3)), ("depth", (20, 30))])
def test_arrays_of_another_size_are_named(tmp_path, kind, shape):
    open_ = made(tmp_path, "hi4d")
    file = tmp_path / kind / "pair28_dance_c4_000001.npy"
    np.save(file, np.ones(shape, np.float32))
    with pytest.raises(BenchmarkError, match=rf"{file.name}: expected the shape \(64, 48.* got"):
        read(open_(tmp_path))


@pytest.mark.parametrize("kind, shape", [("normal", (64, 48, 3)), ("depth", (64, 48))])
@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_labels_that_are_no_numbers_are_named(tmp_path, kind, shape, value):
    open_ = made(tmp_path, "hi4d")
    file = tmp_path / kind / "pair28_dance_c4_000001.npy"
    np.save(file, np.full(shape, value, np.float32))
    with pytest.raises(BenchmarkError, match=f"{file.name}: .* values in the mask"):
        read(open_(tmp_path))


def test_depth_behind_the_camera_is_named(tmp_path):
    sapiens2.write(tmp_path, "a", ball(np.random.default_rng(0)), depth_scale=-1)
    with pytest.raises(BenchmarkError, match=r"a.npy: .* are no numbers above 0"):
        read(open_hi4d(tmp_path, labels=("depth",), images=1))


def test_a_few_holes_of_a_scan_are_no_labels(tmp_path):
    shown = ball(np.random.default_rng(0))
    sapiens2.write(tmp_path, "a", shown)
    holes = shown.mask & (np.random.default_rng(1).uniform(size=shown.mask.shape) < 0.1)
    for kind in ("normal", "depth"):
        file = tmp_path / kind / "a.npy"
        values = np.load(file)
        values[holes] = np.nan
        np.save(file, values)
    truth = open_hi4d(tmp_path, images=1)[0].truth(slice(None))
    inside = truth.pop(FOREGROUND)
    np.testing.assert_array_equal(inside.value[0, ..., 0], shown.mask)
    for target in truth.values():
        np.testing.assert_array_equal(target.mask[0], shown.mask & ~holes)


def test_frames_of_one_camera_must_be_of_one_size(tmp_path):
    goliath.write(tmp_path, np.random.default_rng(0), "face")
    view = tmp_path / "face" / "AXE977" / "401031"
    sapiens2.write(view, "000010", ball(np.random.default_rng(1), 48, 64, 1.1, 0.12))
    with pytest.raises(BenchmarkError, match=r"000010.png: the picture is of 48 x 64 pixels, but"):
        read(open_goliath(tmp_path, "face", **goliath.SIZE))


def test_a_camera_with_fewer_frames_is_named(tmp_path):
    goliath.write(tmp_path, np.random.default_rng(0), "face")
    for kind in ("rgb", "mask", "normal", "depth"):
        path(tmp_path, f"face/QVC422/401031/{kind}/000009").unlink()
    with pytest.raises(BenchmarkError, match=r"QVC422/401031: expected 3 frames, found 2"):
        open_goliath(tmp_path, "face", **goliath.SIZE)


def test_frames_without_a_number_are_named(tmp_path):
    goliath.write(tmp_path, np.random.default_rng(0), "face")
    sapiens2.write(tmp_path / "face" / "AXE977" / "401031", "last", ball(np.random.default_rng(1)))
    with pytest.raises(BenchmarkError, match="last: expected the number of the frame"):
        open_goliath(tmp_path, "face", **goliath.SIZE | {"frames": None})
    sapiens2.write(tmp_path / "hi4d", "last", ball(np.random.default_rng(1)))
    with pytest.raises(BenchmarkError, match=r"last.png: expected a name and then the number"):
        open_hi4d(tmp_path / "hi4d", images=1, clips=True)


@pytest.mark.parametrize("first, second", [("a.png", "a.jpg"), ("a.jpeg", "a.jpg")])
def test_a_picture_that_is_there_twice_is_named(tmp_path, first, second):
    for name in (first, second):
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    with pytest.raises(BenchmarkError, match=f"the same sample as {min(first, second)}"):
        files.by_stem(tmp_path, files.PICTURES)


def test_a_frame_that_is_there_twice_is_named(tmp_path):
    for name in ("pair28_c4_01", "pair28_c4_001"):
        sapiens2.write(tmp_path, name, ball(np.random.default_rng(0)))
    with pytest.raises(BenchmarkError, match=r"pair28_c4_01.png: frame 1 of pair28_c4, as is"):
        open_hi4d(tmp_path, images=2, clips=True)


def test_a_synth_human_sample_that_is_there_twice_is_named(tmp_path):
    synth_human.write(tmp_path, np.random.default_rng(0))
    shutil.copytree(tmp_path / "SynthHuman_0001", tmp_path / "copy")
    with pytest.raises(BenchmarkError, match=r"rgb_0005003.png: the same sample as"):
        open_synth_human(tmp_path)


def test_synth_human_samples_are_chosen_by_number(tmp_path):
    synth_human.write(tmp_path, np.random.default_rng(0))
    chosen = lambda **limits: [each.name for each in open_synth_human(tmp_path, **limits)]
    assert chosen() == ["0000007", "0000012", "0005003"]
    assert chosen(first=8) == ["0000012", "0005003"]
    assert chosen(last=12) == ["0000007", "0000012"]
    with pytest.raises(BenchmarkError, match=r"expected rgb_0000000\.png"):
        chosen(first=1, last=0)


@pytest.mark.parametrize(
    "scale, message", [(1, "plausible in m or dm,"), (np.nan, "have no depth")]
)
def test_synth_human_depth_of_another_unit_or_of_none_is_named(tmp_path, scale, message):
    synth_human.write(tmp_path, np.random.default_rng(0), depth_scale=scale)
    with pytest.raises(BenchmarkError, match=rf"depth_0000007\.exr: .*{message}"):
        read(open_synth_human(tmp_path))


def test_another_pair_of_hi4d_is_named(tmp_path):
    sapiens2.write(tmp_path, "pair00_hug_c4_000001", ball(np.random.default_rng(0)))
    with pytest.raises(BenchmarkError, match="is of pair 0; expected 28, 32, 37"):
        open_hi4d(tmp_path, images=1)


def test_photomatte85_needs_alpha(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(
        BenchmarkError, match=r"a.png: expected a picture with alpha, got one of RGB"
    ):
        read(open_photomatte85(tmp_path, images=1))


def test_a_npz_without_the_label_is_named(tmp_path):
    sapiens2.write(tmp_path, "a", ball(np.random.default_rng(0)), npz=True)
    np.savez(tmp_path / "normal" / "a.npz", normals=np.ones((64, 48, 3)))
    with pytest.raises(BenchmarkError, match=r"a.npz: expected an array named 'normal'"):
        read(open_hi4d(tmp_path, images=1))


@pytest.mark.parametrize(
    "opening",
    [
        lambda root: open_goliath(root, "hands"),
        lambda root: open_hi4d(root, unit="ft"),
        lambda root: open_hi4d(root, axes="blender"),
        lambda root: open_thuman2(root, labels=("matte",)),
        lambda root: open_p3m10k(root, "P3M-500"),
    ],
)
def test_options_that_do_not_exist_are_refused(tmp_path, opening):
    with pytest.raises(ValueError, match="expected"):
        opening(tmp_path)


@pytest.mark.parametrize("mode, value", [("L", 51), ("RGB", (51, 9, 9)), ("I;16", 13107)])
def test_alpha_is_the_first_channel_of_8_or_16_bits(tmp_path, mode, value):
    if mode == "I;16":
        Image.fromarray(np.full((2, 3), value, np.uint16)).save(tmp_path / "a.png")
    else:
        Image.new(mode, (3, 2), value).save(tmp_path / "a.png")
    np.testing.assert_allclose(files.grey(tmp_path / "a.png"), np.full((2, 3), 0.2))


# Predictions


def score(tmp_path, prediction):
    (tmp_path / "p" / "a").mkdir(parents=True)
    np.save(tmp_path / "p" / "a" / "depth.npy", prediction.astype(np.float32))
    sapiens2.write(tmp_path / "set", "a", ball(np.random.default_rng(0)))
    benchmark = registry.find("hi4d_depth")
    sequence = open_hi4d(tmp_path / "set", labels=("depth",), images=1)[0]
    return runner.score_sequence(benchmark, sequence, FromFiles(tmp_path / "p"))


@pytest.mark.parametrize("shape", [(1, 32, 24), (2, 64, 48), (1, 48, 64), (64, 48)])
def test_predictions_of_another_size_are_refused_not_resized(tmp_path, shape):
    with pytest.raises(PredictionError, match=r"depth.npy: expected .*\[1, 64, 48\], got"):
        score(tmp_path, np.ones(shape))


def test_predictions_with_holes_are_refused(tmp_path):
    with pytest.raises(PredictionError, match="a: depth is not finite in"):
        score(tmp_path, np.full((1, 64, 48), np.nan))

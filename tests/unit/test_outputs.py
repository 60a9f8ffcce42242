"""The folder of predictions: what is written is what is read, whole or not at all."""

import json
import resource

import numpy as np
import pytest

from thfm_jax import joints, outputs
from thfm_jax.data import video
from thfm_jax.tasks import TASKS

FRAMES, HEIGHT, WIDTH = 7, 36, 51
JOINTS = len(joints.NAMES)
RNG = np.random.default_rng(0)


def source(frames=FRAMES, **changes):
    known = {"fps": 12.5, "height": HEIGHT, "width": WIDTH, "pix_fmt": "yuv420p"}
    fields = {"path": "a.mp4", "frames": frames, "expected_frames": frames}
    return video.VideoInfo(**(fields | known | changes))


def random_values(frames=FRAMES):
    info = source(frames)
    values = {
        task: RNG.uniform(0, 1, (frames, *outputs.frame_shape(task, info))).astype(np.float32)
        for task in TASKS
    }
    values["depth"][:, :, :20] = np.nan
    return values


def random_frames(frames=FRAMES):
    return RNG.integers(0, 255, (frames, HEIGHT, WIDTH, 3), dtype=np.uint8)


def writer(directory, info=None, tasks=tuple(TASKS), trained=False, **options):
    return outputs.PredictionWriter(
        directory,
        info or source(),
        tasks,
        model="thfm-tiny",
        version="1.2.3",
        trained=trained,
        windows={"length": 17, "overlap": 4},
        **options,
    )


def write(directory, blocks=(3, 4), **options):
    """Writes random predictions in blocks of so many frames, and returns them."""
    values = random_values(sum(blocks))
    frames = random_frames(sum(blocks))
    with writer(directory, **options) as folder:
        start = 0
        for size in blocks:
            part = slice(start, start + size)
            folder.append(frames[part], {task: value[part] for task, value in values.items()})
            start += size
    return values


def test_what_is_written_is_read_back(tmp_path):
    values = write(tmp_path / "out")
    predictions, meta = outputs.read_predictions(tmp_path / "out")
    assert (predictions.fps, predictions.model, predictions.trained) == (12.5, "thfm-tiny", False)
    assert set(predictions.values) == set(TASKS)
    for task, value in values.items():
        read = predictions.values[task]
        assert isinstance(read, np.memmap) and read.dtype == np.float32
        np.testing.assert_array_equal(read, value)
    assert meta["frames"] == FRAMES


def test_the_folder_holds_what_the_contract_lists(tmp_path):
    write(tmp_path / "out")
    names = {file.name for file in (tmp_path / "out").iterdir()}
    arrays_and_videos = {f"{task}.{kind}" for task in TASKS for kind in ("npy", "mp4")}
    assert names == arrays_and_videos | {"overlay.mp4", "meta.json"}
    assert [file.name for file in tmp_path.iterdir()] == ["out"]
    for name in (*TASKS, "overlay"):
        info = video.probe(tmp_path / "out" / f"{name}.mp4")
        assert (info.frames, info.fps, info.height, info.width) == (FRAMES, 12.5, 36, 52)


def test_meta_json_holds_what_the_contract_lists(tmp_path):
    write(tmp_path / "out")
    meta = json.loads((tmp_path / "out" / "meta.json").read_text())
    assert meta["fps"] == 12.5 and (meta["frames"], meta["height"], meta["width"]) == (7, 36, 51)
    assert meta["joints"] == list(joints.NAMES)
    assert set(meta["subsets"]) == {"coco17", "coco23", "h36m17", "h36m14", "smpl24"}
    assert meta["subsets"]["coco17"] == list(range(17))
    assert set(meta["units"]) == set(TASKS) and "metre" in meta["units"]["keypoints3d"]
    assert "affine-invariant" in meta["units"]["depth"]
    assert "OpenCV" in meta["conventions"]["camera"] and "+0.5" in meta["conventions"]["pixels"]
    assert (meta["model"], meta["version"]) == ("thfm-tiny", "1.2.3")
    assert meta["trained"] is False and meta["warning"] == "UNTRAINED RANDOM WEIGHTS"
    assert meta["windows"] == {"length": 17, "overlap": 4}
    assert meta["variable_frame_rate"] is meta["truncated"] is False
    assert meta["source"]["path"] == "a.mp4" and meta["source"]["warnings"] == []


def test_trained_predictions_carry_no_warning(tmp_path):
    write(tmp_path / "out", trained=True)
    predictions, meta = outputs.read_predictions(tmp_path / "out")
    assert predictions.trained and "warning" not in meta


def test_untrained_predictions_carry_the_warning_on_every_video(tmp_path):
    info, frames = source(3, height=64, width=128), np.zeros((3, 64, 128, 3), np.uint8)
    values = {"matte": np.zeros((3, 64, 128), np.float32)}
    for trained in (False, True):
        with writer(tmp_path / str(trained), info, ["matte"], trained) as folder:
            folder.append(frames, values)
    for name in ("matte.mp4", "overlay.mp4"):
        warned, plain = (video.read(tmp_path / str(trained) / name)[0] for trained in (False, True))
        assert (warned[..., 0].max(axis=(1, 2)) > 150).all() and plain[..., 0].max() < 40


def test_some_tasks_alone_can_be_written(tmp_path):
    with writer(tmp_path / "out", tasks=["keypoints2d"]) as folder:
        folder.append(random_frames(), {"keypoints2d": random_values()["keypoints2d"]})
    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert names == {"keypoints2d.npy", "keypoints2d.mp4", "overlay.mp4", "meta.json"}


def test_fewer_frames_than_probed_are_set_right_and_told(tmp_path):
    write(tmp_path / "out", blocks=(3, 2), info=source(FRAMES))
    predictions, meta = outputs.read_predictions(tmp_path / "out")
    assert predictions.values["depth"].shape == (5, HEIGHT, WIDTH)
    assert meta["frames"] == 5 and meta["truncated"] is True
    assert meta["source"]["expected_frames"] == 7
    assert meta["source"]["warnings"][0].startswith("only 5 of 7 frames can be read")


def test_depth_colours_do_not_change_from_block_to_block(tmp_path):
    depth = np.full((4, 64, 96), np.nan, np.float32)
    depth[:, 20:50, 20:40], depth[:, 20:50, 40:60] = 1.0, 2.0
    depth[2:, 20:50, 60:80] = 9.0  # something far appears in the second block
    info, frames = source(4, height=64, width=96), np.zeros((4, 64, 96, 3), np.uint8)
    with writer(tmp_path / "out", info, ["depth"], trained=True) as folder:
        folder.append(frames[:2], {"depth": depth[:2]})
        folder.append(frames[2:], {"depth": depth[2:]})
    shown = video.read(tmp_path / "out" / "depth.mp4")[0].astype(int)
    np.testing.assert_allclose(shown[:, 35, 30], np.broadcast_to(shown[0, 35, 30], (4, 3)), atol=8)


def test_leaving_by_an_exception_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), writer(tmp_path / "out") as folder:
        folder.append(random_frames(), random_values())
        assert (tmp_path / "out.partial").is_dir()
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_what_an_earlier_run_left_behind_is_in_nobodys_way(tmp_path):
    (tmp_path / "out.partial").mkdir()
    (tmp_path / "out.partial" / "depth.npy").write_bytes(b"half")
    write(tmp_path / "out")
    assert [file.name for file in tmp_path.iterdir()] == ["out"]


def test_an_existing_folder_is_left_alone(tmp_path):
    write(tmp_path / "out")
    before = (tmp_path / "out" / "depth.npy").read_bytes()
    with pytest.raises(outputs.OutputError, match="exists and is not empty"):
        writer(tmp_path / "out")
    assert (tmp_path / "out" / "depth.npy").read_bytes() == before


def test_an_empty_folder_is_used(tmp_path):
    (tmp_path / "out").mkdir()
    write(tmp_path / "out")
    assert (tmp_path / "out" / "meta.json").is_file()


def test_predictions_are_overwritten_when_asked_and_only_when_complete(tmp_path):
    write(tmp_path / "out")
    with pytest.raises(RuntimeError), writer(tmp_path / "out", overwrite=True):
        raise RuntimeError
    assert outputs.read_predictions(tmp_path / "out")[1]["frames"] == FRAMES
    write(tmp_path / "out", blocks=(2,), info=source(2), overwrite=True)
    assert outputs.read_predictions(tmp_path / "out")[1]["frames"] == 2
    assert [file.name for file in tmp_path.iterdir()] == ["out"]


def test_a_folder_of_something_else_is_never_overwritten(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("years of work")
    with pytest.raises(outputs.OutputError, match=r"holds thesis\.tex, which is no prediction"):
        writer(tmp_path / "out", overwrite=True)


def test_a_file_in_the_way_is_told(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(outputs.OutputError, match=r"expected a folder .* but it is a file"):
        writer(tmp_path / "out")


def test_too_little_disk_space_is_told_before_anything_is_written(tmp_path):
    with pytest.raises(outputs.OutputError, match=r"need about [\d.]+ GB, but [\d.]+ GB are free"):
        writer(tmp_path / "out", source(10**9, height=2160, width=3840))
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_leaves_nothing(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, limits[1]))
    try:
        with pytest.raises(outputs.OutputError, match="disk is full after 0 of 7 frames"):
            write(tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_no_frames_at_all_are_told(tmp_path):
    with (
        pytest.raises(outputs.OutputError, match="expected at least one frame"),
        writer(tmp_path / "out"),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_missing_task_is_told(tmp_path):
    values = random_values()
    del values["matte"]
    with (
        pytest.raises(ValueError, match=r"expected .*'matte'.*, got"),
        writer(tmp_path / "o") as folder,
    ):
        folder.append(random_frames(), values)


def test_a_wrong_shape_is_told(tmp_path):
    values = random_values()
    values["keypoints2d"] = values["keypoints2d"][:, :17]
    told = pytest.raises(ValueError, match=r"keypoints2d of shape \(7, 52, 3\), got \(7, 17, 3\)")
    with told, writer(tmp_path / "out") as folder:
        folder.append(random_frames(), values)


def test_an_unknown_task_is_told(tmp_path):
    with pytest.raises(ValueError, match=r"expected one of depth, .*, got 'gait'"):
        writer(tmp_path / "out", tasks=["gait"])


def test_every_task_has_its_place_in_the_folder():
    for task in TASKS:
        assert outputs.frame_shape(task, source())[-1] in (3, WIDTH)


def test_reading_what_is_no_folder_of_predictions_is_told(tmp_path):
    with pytest.raises(outputs.OutputError, match=r"has no meta\.json"):
        outputs.read_predictions(tmp_path)


def test_reading_arrays_that_are_missing_or_cut_off_is_told(tmp_path):
    write(tmp_path / "out")
    path = tmp_path / "out" / "normals.npy"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(outputs.OutputError, match=r"normals\.npy cannot be read"):
        outputs.read_predictions(tmp_path / "out")
    path.unlink()
    with pytest.raises(outputs.OutputError, match=r"normals\.npy cannot be read"):
        outputs.read_predictions(tmp_path / "out")
    np.save(path, np.zeros((3, HEIGHT, WIDTH, 3), np.float32))
    with pytest.raises(outputs.OutputError, match=r"expected 7 frames in normals\.npy, got 3"):
        outputs.read_predictions(tmp_path / "out")

"""From a video to predictions, as a user runs it."""

import json
import os
import subprocess
import sys

import jax
import numpy as np
import pytest
from flax import nnx
from PIL import Image

import thfm_jax
from thfm_jax import checkpoints, following, hlo, joints, outputs, predict
from thfm_jax.config import (
    Compute,
    DitConfig,
    SparseConfig,
    TextConfig,
    ThfmConfig,
    VaeConfig,
)
from thfm_jax.data import video
from thfm_jax.data.prompts import save_features
from thfm_jax.models.thfm import Thfm
from thfm_jax.tasks import TASKS

CONFIG = ThfmConfig(
    name="small",
    dit=DitConfig(
        layers=2, heads=2, head_dim=16, ffn_dim=32, text_dim=8, text_length=12, channels=4,
        freq_dim=16,
    ),
    vae=VaeConfig(
        base_dim=4, z_dim=4, multipliers=(1, 2, 2, 2), res_blocks=1,
        latent_mean=(0.0,) * 4, latent_std=(1.0,) * 4,
    ),
    text=TextConfig(dim=8),
    sparse=SparseConfig(hidden_dim=16),
    clip_area=32 * 48,
    clip_frames=9,
)  # fmt: skip


def features() -> dict[str, tuple[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    return {
        name: (task.prompt, rng.standard_normal((3 + i, 8)).astype(np.float32))
        for i, (name, task) in enumerate(TASKS.items())
    }


@pytest.fixture(scope="module")
def model() -> Thfm:
    key = jax.random.key(0, impl="rbg")
    return nnx.jit(lambda: Thfm(CONFIG, rngs=nnx.Rngs(key)))()


@pytest.fixture(scope="module")
def predictor(model) -> predict.Predictor:
    return predict.Predictor(model, features(), name="small", trained=True)


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    """22 frames of odd size: three windows of 9 frames, the last one shifted."""
    return np.random.default_rng(0).integers(0, 256, (22, 45, 71, 3), np.uint8)


def run(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "experiments.predict", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "JAX_PLATFORMS": "cpu"}
    )


def test_the_first_command_of_the_readme(tmp_path):
    """The sample clip through the model in the box: all files of the contract, and no warning."""
    done = run(f"--output={tmp_path / 'out'}")
    assert done.returncode == 0, done.stderr
    assert outputs.UNTRAINED not in done.stdout + done.stderr
    assert str(tmp_path / "out" / "overlay.mp4") in done.stdout
    predictions, meta = outputs.read_predictions(tmp_path / "out")
    T, H, W, K = 17, 288, 384, len(joints.NAMES)
    shapes = {name: array.shape for name, array in predictions.values.items()}
    assert shapes == {
        "depth": (T, H, W),
        "normals": (T, H, W, 3),
        "matte": (T, H, W),
        "densepose": (T, H, W, 3),
        "keypoints2d": (T, K, 3),
        "keypoints3d": (T, K, 3),
    }
    assert all(array.dtype == np.float32 for array in predictions.values.values())
    assert (meta["frames"], meta["height"], meta["width"]) == (T, H, W)
    assert meta["joints"] == list(joints.NAMES) and len(meta["subsets"]["coco17"]) == 17
    assert meta["windows"] == {"length": 33, "overlap": 6, "follow": True}
    assert (meta["model"], meta["trained"]) == ("thfm-tiny", True) and "warning" not in meta
    for name in (*TASKS, "overlay"):
        assert video.probe(tmp_path / "out" / f"{name}.mp4").frames == T
    again = run(f"--output={tmp_path / 'out'}", "--tasks=matte")
    assert again.returncode == 1 and "exists and is not empty" in again.stderr


def test_random_weights_are_told_as_such_everywhere(tmp_path):
    done = run(f"--output={tmp_path / 'out'}", "--model=tiny", "--area=16384", "--tasks=matte")
    assert done.returncode == 0, done.stderr
    assert outputs.UNTRAINED in done.stdout and outputs.UNTRAINED in done.stderr
    _, meta = outputs.read_predictions(tmp_path / "out")
    assert meta["trained"] is False and outputs.UNTRAINED in meta["warning"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--tasks=dept"], "unknown task 'dept'; did you mean 'depth'?"),
        (["--video=nothing.mp4"], "nothing.mp4: expected a video, an image or a folder of images"),
        (["--model=nowhere"], "there is no model directory"),
        ([f"--prompt=depth={'far ' * 600}"], "tokens but at most 128 fit"),
        (
            ["--model=tiny", "--prompt=how far away"],
            "tiny (random) was not trained to tell which task a text",
        ),
        (["--prompt=the colour of her hat"], "asks for none of the tasks"),
    ],
)
def test_bad_arguments_give_one_line_and_no_folder(arguments, message, tmp_path):
    done = run(f"--output={tmp_path / 'out'}", *arguments)
    assert done.returncode == 1
    assert message in done.stderr and "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_values_keep_their_promises(predictor, frames):
    values = predictor(frames).values
    person = values["matte"] > 0.5
    assert values["matte"].min() >= 0 and values["matte"].max() <= 1
    np.testing.assert_array_equal(np.isnan(values["depth"]), ~person)
    np.testing.assert_array_equal(np.isnan(values["densepose"]).any(-1), ~person)
    length = np.linalg.norm(values["normals"], axis=-1)
    assert not length[~person].any()
    assert np.all((np.abs(length - 1) < 1e-5) | (length == 0))
    assert values["keypoints2d"].shape == (22, len(joints.NAMES), 3)
    assert all(value.dtype == np.float32 for value in values.values())


def test_everywhere_adds_values_where_nobody_is_and_changes_no_other(predictor, frames):
    masked = predictor(frames, follow=False).values
    blocks = [values for _, values in predictor.stream(frames, everywhere=True, follow=False)]
    for task, value in masked.items():
        whole = np.concatenate([block[task] for block in blocks])
        assert np.isfinite(whole).all()
        kept = np.isfinite(value) if task != "normals" else value != 0
        np.testing.assert_array_equal(whole[kept], value[kept])


def test_any_subset_of_tasks_gives_the_same_from_one_program(predictor, frames):
    everything = predictor(frames).values
    before = predictor.compiled._cache_size()
    for tasks in ("depth", "keypoints3d,matte", ["normals"], "all"):
        values = predictor(frames, tasks).values
        for task, value in values.items():
            np.testing.assert_allclose(value, everything[task], atol=1e-5)
    assert predictor.compiled._cache_size() == before == 1


def test_a_rectangle_about_people_needs_no_other_program(predictor, frames, monkeypatch):
    """Wherever the random network finds people: here about (30, 20) in the model's pixels."""
    boxes = np.tile([28.0, 16, 32, 24], (9, 1))
    monkeypatch.setattr(following, "people", lambda matte, keypoints: boxes[: len(matte)])
    whole = predictor(frames, follow=False).values
    values = predictor(frames).values
    assert predictor.compiled._cache_size() == 1
    assert {t: (v.shape, v.dtype) for t, v in values.items()} == {
        t: (v.shape, v.dtype) for t, v in whole.items()
    }
    corner = np.s_[:, :10, :10]
    assert np.isnan(values["depth"][corner]).all() and not values["matte"][corner].any()
    assert whole["matte"][corner].any()


def test_folding_changes_nothing(model, predictor, frames):
    unfolded = predict.Predictor(model, features(), name="small", trained=True, fold=False)
    clip = frames[:9]
    for task, value in unfolded(clip).values.items():
        np.testing.assert_allclose(value, predictor(clip).values[task], atol=1e-4)


@pytest.mark.parametrize("count", [1, 4, 9])
def test_short_clips(predictor, frames, count):
    values = predictor(frames[:count], "keypoints2d,depth").values
    assert values["keypoints2d"].shape[0] == values["depth"].shape[0] == count


def test_blocks_are_the_whole_and_come_early(predictor, frames):
    whole = predictor(frames, "matte").values["matte"]
    blocks = list(predictor.stream(iter(frames), "matte", overlap=1))
    assert len(blocks) > 2
    np.testing.assert_array_equal(np.concatenate([block for block, _ in blocks]), frames)
    np.testing.assert_array_equal(np.concatenate([v["matte"] for _, v in blocks]), whole)


def test_a_clip_carries_its_frame_rate(predictor, frames):
    clip = thfm_jax.Clip(frames=frames[:5], fps=np.float32(24))
    predictions = predictor(clip, "matte")
    assert predictions.fps == 24 and predictions.trained and predictions.model == "small"


def test_frames_that_are_none(predictor):
    with pytest.raises(ValueError, match=r"expected frames \[H, W, 3\] of uint8, got \[8, 8, 4\]"):
        predictor(np.zeros((1, 8, 8, 4), np.uint8))


def write_model(directory, model, parts=("dit", "vae", "sparse"), **manifest):
    params = nnx.to_pure_dict(nnx.state(model))
    directory.mkdir(exist_ok=True)
    for part in parts:
        checkpoints.save(directory, part, params[part])
    checkpoints.save_config(directory, CONFIG, parts)
    (directory / checkpoints.MANIFEST).write_text(json.dumps(manifest))
    save_features(directory / checkpoints.PROMPTS, features())


def test_a_model_directory_predicts_what_the_model_does(model, predictor, frames, tmp_path):
    write_model(tmp_path, model, trained=True)
    loaded = thfm_jax.load(tmp_path)
    assert loaded.trained and loaded.config == CONFIG
    theirs = predictor(frames[:5]).values
    for task, value in loaded(frames[:5]).values.items():
        np.testing.assert_allclose(value, theirs[task], atol=1e-5)


@pytest.mark.slow
def test_a_model_spread_over_eight_devices_predicts_the_same(model, predictor, frames, tmp_path):
    """In a process of its own, since the number of fake devices is fixed when JAX starts."""
    write_model(tmp_path / "model", model, trained=True)
    np.save(tmp_path / "frames.npy", frames[:5])
    program = f"""
import numpy as np, thfm_jax
from thfm_jax.sharding import make_mesh
predictor = thfm_jax.load("{tmp_path / "model"}", mesh=make_mesh(data=2, fsdp=2, tensor=2))
values = predictor(np.load("{tmp_path / "frames.npy"}")).values
np.savez("{tmp_path / "values.npz"}", **values)
"""
    dump = f"--xla_dump_to={tmp_path / 'hlo'} --xla_dump_hlo_module_re=perceive"
    quick = "--xla_backend_optimization_level=0"
    flags = f"--xla_force_host_platform_device_count=8 {quick} {dump}"
    # A program out of a cache is not dumped.
    cache = {"JAX_ENABLE_COMPILATION_CACHE": "false"}
    env = {**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags, **cache}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "values.npz") as spread:
        for task, value in predictor(frames[:5]).values.items():
            np.testing.assert_allclose(spread[task], value, atol=1e-4)
    # Its work is spread as well as its weights: devices exchange the borders of what they convolve.
    (compiled,) = (tmp_path / "hlo").glob("*cpu_after_optimizations.txt")
    assert hlo.collectives(compiled.read_text())["collective-permute"].count > 20


def test_converted_weights_alone_do_not_count_as_trained(model, frames, tmp_path):
    write_model(tmp_path, model, parts=("dit", "vae"))
    loaded = thfm_jax.load(tmp_path, compute=Compute(dtype="bfloat16"))
    assert not loaded.trained
    assert loaded(frames[:1], "keypoints2d").values["keypoints2d"].shape[0] == 1


def test_a_large_preset_has_no_weights_of_its_own():
    with pytest.raises(checkpoints.CheckpointError, match="the preset wan_1_3b comes without weig"):
        thfm_jax.load("wan_1_3b")


def test_other_prompts_need_the_text_encoder(model, tmp_path):
    write_model(tmp_path, model)
    with pytest.raises(checkpoints.CheckpointError, match="no features for the prompt 'how far'"):
        thfm_jax.load(tmp_path, prompts={"depth": "how far"})


def test_a_still_image(predictor, tmp_path):
    Image.fromarray(np.zeros((40, 30, 3), np.uint8)).save(tmp_path / "still.png")
    values = [v for _, v in predictor.stream(video.stream(tmp_path / "still.png"), "matte")]
    assert np.concatenate([v["matte"] for v in values]).shape == (1, 40, 30)

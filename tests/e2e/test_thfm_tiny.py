"""The model in the box: what a newcomer gets from it."""

import pytest

import thfm_jax
from thfm_jax import checkpoints, predict
from thfm_jax.evaluation.job import TRIVIAL, Job, evaluate
from thfm_jax.evaluation.runner import Settings


@pytest.fixture(scope="module")
def model() -> predict.Predictor:
    return thfm_jax.load("thfm-tiny")


def test_it_is_small_and_says_that_it_is_trained(model):
    files = [file for file in predict.SHIPPED.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) <= 40e6
    assert (model.name, model.trained) == ("thfm-tiny", True)
    assert set(checkpoints.present_parts(predict.SHIPPED)) == {
        *(checkpoints.DIT, checkpoints.VAE, checkpoints.SPARSE, checkpoints.TEXT_ENCODER)
    }


@pytest.mark.parametrize(
    "text, task",
    [
        ("estimate how far each pixel is", "depth"),
        ("which way does each bit of skin face", "normals"),
        ("cut the person out of the background", "matte"),
        ("where on the body template does each pixel lie", "densepose"),
        ("where are the joints in the picture", "keypoints2d"),
        ("joint positions in metres", "keypoints3d"),
    ],
)
def test_the_prompt_selects_the_task(model, text, task):
    assert model.task_of(text) == task


def test_what_is_none_of_the_tasks_is_told(model):
    with pytest.raises(ValueError, match="none of the tasks"):
        model.task_of("the colour of her hat")


def test_it_sees_more_than_somebody_who_looks_at_no_picture(pack, tmp_path):
    """Of people whom it has never seen."""
    options = {"split": "test", "live": 12, "seed": 7, "settings": {"frames": 1}}
    settings = Settings("synthetic_test", options, follow=True, draws=2, worst=0)
    ours, blind = (
        {
            name: figure["value"]
            for name, figure in evaluate(Job(settings, tmp_path, tmp_path / name, model=name))[
                "figures"
            ].items()
        }
        for name in (predict.DEFAULT_MODEL, TRIVIAL)
    )
    for name in ("matte_iou", "pck@0.1"):
        assert ours[name] > blind[name], name
    for name in ("matte_mse", "depth_rmse_m", "normals_mean_deg", "densepose_median_cm"):
        assert ours[name] < blind[name], name

import numpy as np
import pytest
from PIL import Image

from thfm_jax.data.synthetic.places.pictures import Pictures, drifting


def _save(path, colour, size=(64, 48)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


@pytest.fixture
def folder(tmp_path):
    _save(tmp_path / "b.png", (255, 0, 0))
    _save(tmp_path / "deep" / "a.jpg", (0, 255, 0))
    _save(tmp_path / "c.webp", (0, 0, 255))
    return tmp_path


def test_all_pictures_below_the_folder_in_the_order_of_their_names(folder):
    assert Pictures(folder).names == ["b.png", "c.webp", "deep/a.jpg"]


def test_pictures_are_linear_rgb(folder):
    _save(folder / "grey.png", (188, 188, 188))
    grey = Pictures(folder).read("grey.png")
    assert grey.dtype == np.float32
    assert grey.shape == (48, 64, 3)
    np.testing.assert_allclose(grey, 0.503, atol=0.002)


def test_a_seed_names_a_picture_whatever_was_read_before(folder):
    first, second = Pictures(folder), Pictures(folder)
    second.sample(np.random.default_rng(9))
    for seed in range(8):
        names = [p.sample(np.random.default_rng(seed))[0] for p in (first, second)]
        assert names[0] == names[1]


def test_what_is_no_picture_is_named_and_left_out(folder):
    (folder / "notes.txt").write_text("hello")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    with pytest.warns(UserWarning) as caught:
        pictures = Pictures(folder)
    assert sorted(pictures.skipped) == ["broken.png", "notes.txt"]
    assert len(pictures.names) == 3
    messages = [str(warning.message) for warning in caught]
    assert len(messages) == 2
    assert "broken.png is no background: damaged" in messages[0]
    assert "notes.txt is no background" in messages[1]


def test_a_picture_damaged_further_in_is_skipped_when_it_is_drawn(folder):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    whole = folder / "torn.png"
    Image.fromarray(noise).save(whole)
    whole.write_bytes(whole.read_bytes()[:4000])
    pictures = Pictures(folder)
    with pytest.warns(UserWarning, match=r"torn.png is no background: damaged"):
        for seed in range(20):
            assert pictures.sample(np.random.default_rng(seed))[0] != "torn.png"
    assert list(pictures.skipped) == ["torn.png"]


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder of backgrounds"):
        Pictures(tmp_path / "nowhere")


def test_a_folder_without_pictures_is_an_error(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    with (
        pytest.warns(UserWarning, match="notes.txt"),
        pytest.raises(ValueError, match="holds no picture"),
    ):
        Pictures(tmp_path)


@pytest.mark.parametrize("size", [(256, 256), (144, 256), (256, 144)])
@pytest.mark.parametrize("shape", [(48, 64), (200, 40)])
def test_the_window_has_the_shape_of_the_image_and_stays_in_the_picture(size, shape):
    for seed in range(20):
        picture = np.zeros((*shape, 3), np.float32)
        window = drifting(np.random.default_rng(seed), picture, 9, size).window
        assert window.shape == (9, 4)
        assert window[:, :2].min() >= -1e-9
        assert (window[:, 2:] <= np.array(shape[::-1]) + 1e-9).all()
        width, height = (window[:, 2:] - window[:, :2]).T
        np.testing.assert_allclose(width / height, size[1] / size[0])

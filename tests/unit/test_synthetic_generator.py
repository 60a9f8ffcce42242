"""Facts about generated clips: they repeat, their labels agree, splits hold what they should."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thfm_jax import joints
from thfm_jax.data.synthetic import audit, generator, parts
from thfm_jax.data.synthetic.clip import Labels
from thfm_jax.data.synthetic.generator import SPLITS, Settings, Subject, generate
from thfm_jax.data.synthetic.labels import COVERS, visibility

SMALL = Settings(frames=3, size=(64, 96))


def with_split(split: str) -> Settings:
    return dataclasses.replace(SMALL, split=split)


def arrays(clip) -> dict[str, np.ndarray]:
    found = {**vars(clip), **vars(clip.labels)}
    return {name: value for name, value in found.items() if isinstance(value, np.ndarray)}


@pytest.fixture(scope="module")
def clips(pack):
    """The first clip of each split."""
    return {split: generate(pack, 7, 0, with_split(split)) for split in SPLITS}


def test_the_same_seed_and_index_give_the_same_bytes(pack, clips):
    again = arrays(generate(pack, 7, 0, with_split("train")))
    for name, value in arrays(clips["train"]).items():
        assert value.tobytes() == again[name].tobytes(), name


def test_another_index_seed_or_split_gives_another_clip(pack, clips):
    others = [generate(pack, 7, 1, SMALL), generate(pack, 8, 0, SMALL), clips["test"]]
    for other in others:
        assert (other.rgb != clips["train"].rgb).mean() > 0.5
        assert other.meta["subjects"] != clips["train"].meta["subjects"]


@pytest.mark.parametrize("split", SPLITS)
def test_arrays_have_the_shapes_and_types_that_the_clip_promises(clips, split):
    clip, (T, H, W) = clips[split], (3, 64, 96)
    P, K = len(clip.meta["subjects"]), len(joints.JOINTS)
    expected = {
        "rgb": ((T, H, W, 3), np.uint8),
        "alpha": ((T, H, W), np.float32),
        "depth_m": ((T, H, W), np.float32),
        "normals": ((T, H, W, 3), np.float32),
        "template": ((T, H, W, 3), np.float32),
        "part": ((T, H, W), np.uint8),
        "instance": ((T, H, W), np.uint8),
        "valid": ((T, H, W), bool),
        "posed": ((T, H, W), bool),
        "keypoints2d": ((P, T, K, 3), np.float32),
        "keypoints3d": ((P, T, K, 3), np.float32),
        "keypoints_known": ((P,), bool),
        "intrinsics": ((T, 3, 3), np.float32),
        "extrinsics": ((T, 3, 4), np.float32),
    }
    found = {name: (value.shape, value.dtype) for name, value in arrays(clip).items()}
    assert found == {name: (shape, np.dtype(kind)) for name, (shape, kind) in expected.items()}


@pytest.mark.parametrize("split", SPLITS)
def test_maps_are_zero_off_the_subjects_and_sensible_on_them(clips, split):
    maps = clips[split].labels
    on = maps.instance > 0
    assert on.any()
    for name in ("depth_m", "normals", "template", "part", "valid", "posed"):
        assert not getattr(maps, name)[~on].any(), name
    assert (maps.depth_m[on] > 0.1).all() and (maps.depth_m[on] < 200).all()
    np.testing.assert_allclose(np.linalg.norm(maps.normals[on], axis=-1), 1, atol=1e-3)
    assert (maps.alpha >= 0).all() and (maps.alpha <= 1).all()
    assert (maps.part[on] > 0).all() and maps.part.max() < len(parts.NAMES)
    assert np.abs(maps.template).max() <= 0.9


def test_splits_hold_who_they_are_named_for(clips):
    for split in ("train", "validation", "test", "test_cartoon"):
        assert len(clips[split].meta["subjects"]) == 1
        assert clips[split].keypoints_known.tolist() == [True]
    assert len(clips["test_multi"].meta["subjects"]) >= 2
    assert not clips["test_animals"].keypoints_known.any()
    animal = clips["test_animals"].labels
    assert set(np.unique(animal.part)) <= {0, parts.INDEX["animal"]} and not animal.posed.any()
    assert clips["test_cartoon"].meta["subjects"][0]["kind"] == "cartoon"


def test_the_largest_person_comes_first(clips):
    for split in ("test_multi", "train"):
        area = np.bincount(clips[split].labels.instance.ravel())[1:]
        assert (np.diff(area) <= 0).all()


@pytest.mark.parametrize("index", range(3))
def test_labels_agree_as_rendered_mirrored_and_cropped(pack, index):
    found = audit.consistency(pack, 11, index, dataclasses.replace(SMALL, size=(128, 128)))
    for prefix in ("", "flip ", "crop "):
        assert found[f"{prefix}position error, m"] <= 1e-5
        assert found[f"{prefix}reprojection error, px"] <= 1e-3
        seen = found[f"{prefix}visible keypoints"]
        assert found[f"{prefix}visible keypoints in the matte"] >= 0.995 * seen
        assert not found[f"{prefix}median normal error, deg"] > 6  # coarse pixels; bar at 256: 4


def test_stills_are_clips_of_one_frame(pack):
    clip = generate(pack, 0, 0, Settings(frames=1, size=(64, 64)))
    assert clip.rgb.shape == (1, 64, 64, 3)


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"split": "tain"}, "no split 'tain': there are train, validation"),
        ({"frames": 0}, "at least one frame"),
        ({"size": (8, 64)}, "at least 16 x 16"),
        ({"supersampling": 2}, "supersampling is odd"),
        ({"fps": 0.0}, "fps must be positive"),
    ],
)
def test_settings_say_what_is_wrong(wrong, message):
    with pytest.raises(ValueError, match=message):
        Settings(**wrong)


@given(st.integers(0, 1000), st.lists(st.floats(0.2, 3), min_size=1, max_size=5))
def test_subjects_are_arranged_apart(seed, radii):
    corners = np.array([[-1, 0, 0], [1, 0, 0], [0, 0, -1], [0, 0, 1.0]])
    subjects = [Subject([], r * corners[None], None, None, {}) for r in radii]
    placed = generator.arrange(np.random.default_rng(seed), subjects)
    middles = [subject.points.mean(axis=(0, 1)) for subject in placed]
    for i, a in enumerate(middles):
        assert a[1] == 0
        for j, b in enumerate(middles[:i]):
            assert np.linalg.norm(a - b) >= radii[i] + radii[j]


def a_wall(part: str, depth_m: float, instance: int = 1) -> Labels:
    """Maps of a surface that fills the picture."""
    shape = (1, 8, 8)
    full = lambda value, kind: np.full(shape, value, kind)
    vectors = np.zeros((*shape, 3), np.float32)
    return Labels(
        alpha=full(1, np.float32),
        depth_m=full(depth_m, np.float32),
        normals=vectors,
        template=vectors,
        part=full(parts.INDEX[part], np.uint8),
        instance=full(instance, np.uint8),
        valid=full(1, bool),
        posed=full(1, bool),
    )


@pytest.mark.parametrize(
    "maps, seen",
    [
        (a_wall("torso", 1.95), True),  # the flesh over the joint
        (a_wall("left_hand", 1.95), False),  # another part before it
        (a_wall("torso", 1.5), False),  # the same part, far before it
        (a_wall("torso", 1.95, instance=2), False),  # somebody else
        (a_wall("held", 1.95), False),
    ],
)
def test_a_joint_is_seen_where_its_own_part_covers_it(maps, seen):
    name = joints.INDEX["left_hip"]
    xy = np.full((1, len(joints.JOINTS), 2), 4.2)
    depth = np.full((1, len(joints.JOINTS)), 2.0)
    radius = np.full(len(joints.JOINTS), 0.06)
    assert visibility(maps, 1, xy, depth, radius)[0, name] == seen
    assert not visibility(maps, 1, xy + 8, depth, radius).any()  # outside the picture
    assert not visibility(maps, 1, xy, -depth, radius).any()  # behind the camera


def test_every_joint_belongs_to_some_part_and_mirrors_to_the_other_side():
    assert COVERS.any(axis=1).all() and not COVERS[:, 0].any()
    np.testing.assert_array_equal(COVERS[joints.MIRROR][:, parts.MIRROR], COVERS)

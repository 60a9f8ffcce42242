"""Augmentations change what a clip shows, and its labels stay true."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from tests.unit import analytic_clip
from thfm_jax import joints
from thfm_jax.data import augment, framing, geometric, occluders, photometric, resample, temporal
from thfm_jax.data.augment import AugmentConfig
from thfm_jax.data.synthetic.clip import Labels, SyntheticClip

SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.sampled_from([(48, 64), (64, 48), (31, 77), (80, 80)])
ALWAYS = AugmentConfig(
    occluders=1, blur=1, colour=1, grey=0, noise=1, coarse=1, compression=1, flip=0.5
)
MAPS = [field.name for field in dataclasses.fields(Labels)]
CLIP = analytic_clip.make(1)


def arrays(clip: SyntheticClip) -> dict[str, np.ndarray]:
    values = {**vars(clip), **vars(clip.labels)}
    return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}


def assert_same(first: SyntheticClip, second: SyntheticClip, **tolerance) -> None:
    assert first.fps == second.fps
    for name, value in arrays(first).items():
        np.testing.assert_allclose(
            value, arrays(second)[name], **{"rtol": 0, **tolerance}, err_msg=name
        )


def random_view(seed: int, clip: SyntheticClip, size: tuple[int, int]) -> SyntheticClip:
    rng = np.random.default_rng(seed)
    windows = framing.about_somebody(rng, clip, size, (0.6, 2.5), 0.3, 0.1)
    return geometric.warp(clip, windows, size, rng.random() < 0.5)


def inner(clip: SyntheticClip, margin_px: float) -> np.ndarray:
    """Pixels of the body that far from its outline and from where it is not solid."""
    inside = []
    for instance, valid in zip(clip.labels.instance, clip.labels.valid, strict=True):
        padded = [np.pad(mask, 1) for mask in (instance == 0, (instance > 0) & ~valid, valid)]
        padded[0][[0, -1]] = padded[0][:, [0, -1]] = True
        distances = [ndimage.distance_transform_edt(~mask)[1:-1, 1:-1] for mask in padded[:2]]
        inside.append(valid & (np.minimum(*distances) > margin_px))
    return np.stack(inside)


def in_body_frame(clip: SyntheticClip) -> np.ndarray:
    """Where the depth map says that each pixel's point is on the body."""
    rotation = clip.extrinsics[..., :3].astype(np.float64)
    centre = clip.extrinsics[..., 3].astype(np.float64)
    return np.einsum(
        "tji,thwj->thwi", rotation, analytic_clip.positions(clip) - centre[:, None, None]
    )


@given(SEEDS)
@settings(max_examples=10)
def test_flipping_twice_gives_the_clip_back(seed):
    clip = analytic_clip.make(seed, frames=2)
    assert_same(geometric.flipped(geometric.flipped(clip)), clip, atol=1e-5)


def test_flipping_swaps_left_and_right():
    flipped = geometric.flipped(CLIP)
    np.testing.assert_array_equal(flipped.rgb, CLIP.rgb[:, :, ::-1])
    np.testing.assert_array_equal(
        flipped.labels.part == analytic_clip.LEFT,
        CLIP.labels.part[:, :, ::-1] == analytic_clip.RIGHT,
    )
    left, right = joints.INDEX["left_wrist"], joints.INDEX["right_wrist"]
    width = CLIP.rgb.shape[2]
    np.testing.assert_allclose(
        flipped.keypoints2d[..., left, 0], width - CLIP.keypoints2d[..., right, 0]
    )


@given(SEEDS, SIZES)
@settings(max_examples=25)
def test_joints_reproject_after_crop_zoom_and_flip(seed, size):
    view = random_view(seed, CLIP, size)
    np.testing.assert_allclose(
        analytic_clip.reprojected(view), view.keypoints2d[..., :2], atol=1e-3, rtol=1e-6
    )


@given(SEEDS, SIZES)
@settings(max_examples=25)
def test_depth_back_projects_onto_the_surface_after_crop_zoom_and_flip(seed, size):
    # `template` is the position map here, in the body's frame.
    view = random_view(seed, CLIP, size)
    zoom = view.intrinsics[0, [0, 1], [0, 1]] / CLIP.intrinsics[0, [0, 1], [0, 1]]
    solid = inner(view, 3 * zoom.max())
    np.testing.assert_allclose(in_body_frame(view)[solid], view.labels.template[solid], atol=1e-5)


@given(SEEDS)
@settings(max_examples=25)
def test_normals_stand_on_the_surface_after_crop_zoom_and_flip(seed):
    view = random_view(seed, CLIP, (64, 64))
    points = analytic_clip.positions(view)
    right = points[:, 1:-1, 2:] - points[:, 1:-1, :-2]
    down = points[:, 2:, 1:-1] - points[:, :-2, 1:-1]
    across = np.cross(down, right) * [1, -1, -1]  # towards the camera, in viewer axes
    normals = view.labels.normals[:, 1:-1, 1:-1]
    solid = inner(view, 6)[:, 1:-1, 1:-1]
    cosine = np.sum(across * normals, -1)[solid] / np.linalg.norm(across, axis=-1)[solid]
    if solid.any():
        assert np.median(np.degrees(np.arccos(np.clip(cosine, -1, 1)))) <= 4


@given(SEEDS, SIZES)
@settings(max_examples=15)
def test_normals_keep_unit_length_and_the_background_stays_empty(seed, size):
    labels = random_view(seed, CLIP, size).labels
    body = labels.instance > 0
    np.testing.assert_allclose(np.linalg.norm(labels.normals[body], axis=-1), 1, atol=1e-5)
    assert np.all(labels.depth_m[body] > 0)
    for name in ("depth_m", "normals", "template", "part", "valid", "posed"):
        assert not np.any(getattr(labels, name)[~body]), name


@pytest.mark.parametrize("flip", [False, True])
def test_a_crop_on_pixel_borders_copies_every_value(flip):
    windows = np.tile([7.0, 5.0, 40.0, 30.0], (len(CLIP.rgb), 1))
    view = geometric.warp(CLIP, windows, (30, 40), flip)
    straight = geometric.flipped(view) if flip else view
    np.testing.assert_array_equal(straight.rgb, CLIP.rgb[:, 5:35, 7:47])
    for name in MAPS:
        cropped = getattr(CLIP.labels, name)[:, 5:35, 7:47]
        np.testing.assert_array_equal(getattr(straight.labels, name), cropped, err_msg=name)


@given(st.floats(-8, 8), st.floats(-8, 8), st.floats(20, 70), st.floats(20, 70))
@settings(max_examples=25)
def test_depth_does_not_mix_a_near_and_a_far_surface(left, top, width, height):
    near = np.zeros((1, 48, 64), bool)
    near[:, 10:30, 20:23] = near[:, 25:27, 5:60] = True
    labels = dataclasses.replace(
        geometric.empty_labels((1,), (48, 64)),
        depth_m=np.where(near, 1, 1.4).astype(np.float32),
        normals=np.tile(np.array([0, 0, 1], np.float32), (1, 48, 64, 1)),
        instance=np.ones((1, 48, 64), np.uint8),
        valid=np.ones((1, 48, 64), bool),
    )
    clip = dataclasses.replace(temporal.take(CLIP, slice(0, 1)), labels=labels)
    view = geometric.warp(clip, np.array([[left, top, width, height]]), (37, 53))
    depth = view.labels.depth_m[view.labels.instance > 0]
    assert np.all((np.abs(depth - 1) < 1e-6) | (np.abs(depth - 1.4) < 1e-6))


@given(SEEDS, SIZES)
@settings(max_examples=15)
def test_alpha_is_filtered_as_the_picture_is(seed, size):
    alpha = np.random.default_rng(seed).integers(0, 2, CLIP.labels.alpha.shape).astype(np.float32)
    rgb = np.repeat((255 * alpha).astype(np.uint8)[..., None], 3, axis=-1)
    labels = dataclasses.replace(CLIP.labels, alpha=alpha)
    view = random_view(seed, dataclasses.replace(CLIP, rgb=rgb, labels=labels), size)
    np.testing.assert_allclose(view.labels.alpha, view.rgb[..., 0] / 255, atol=0.51 / 255)


def test_shrinking_averages_all_pixels():
    noise = np.random.default_rng(0).integers(0, 256, CLIP.rgb.shape).astype(np.uint8)
    clip = dataclasses.replace(CLIP, rgb=noise)
    small = augment.fit(clip, (6, 8)).rgb
    assert small.std() < noise.std() / 5
    np.testing.assert_allclose(small.mean(), noise.mean(), atol=4)


def test_what_lies_beyond_the_source_has_the_colour_of_the_fill():
    windows = np.tile([-64.0, -48.0, 128.0, 96.0], (len(CLIP.rgb), 1))
    view = geometric.warp(CLIP, windows, (96, 128), fill=(1, 2, 3))
    assert np.all(view.rgb[:, :48] == [1, 2, 3]) and np.all(view.rgb[:, :, :64] == [1, 2, 3])
    np.testing.assert_array_equal(view.rgb[:, 48:, 64:], CLIP.rgb)
    assert not np.any(view.labels.alpha[:, :48])


@given(SEEDS, SIZES)
@settings(max_examples=20)
def test_windows_hold_a_point_of_somebody_and_stay_in_the_source_where_they_fit(seed, size):
    rng = np.random.default_rng(seed)
    windows = framing.about_somebody(rng, CLIP, size, (1.0, 3.0), 0.0, 0.05)
    limits = np.array(CLIP.rgb.shape[2:0:-1])
    if np.all(windows[:, 2:] <= limits):
        assert np.all(windows[:, :2] >= -1e-6)
        assert np.all(windows[:, :2] + windows[:, 2:] <= limits + 1e-6)
    assert geometric.warp(CLIP, windows, size).labels.instance.any()


@given(SEEDS, SIZES)
@settings(max_examples=20)
def test_windows_about_everybody_hold_all_that_is_seen_or_the_whole_source(seed, size):
    rng = np.random.default_rng(seed)
    windows = framing.about_everybody(rng, CLIP, size, (1.05, 2.0), 0.0, 0.0)
    seen = np.argwhere(np.any(CLIP.labels.instance > 0, axis=0))[:, ::-1]
    (left, top, width, height), limits = windows[0], np.array(CLIP.rgb.shape[2:0:-1])
    assert np.all(windows == windows[0])
    assert left >= -1e-6 and top >= -1e-6 and np.all([left + width, top + height] <= limits + 1e-6)
    if np.all(np.array([width, height]) < limits - 1e-6):
        assert np.all(seen >= [left, top]) and np.all(seen + 1 <= [left + width, top + height])


@given(SEEDS, SIZES)
@settings(max_examples=20)
def test_augmented_clips_keep_joints_true_and_visible_ones_in_alpha(seed, size):
    rng = np.random.default_rng(seed)
    example = augment.augment(rng, CLIP, size, ALWAYS)
    assert example.rgb.shape == (len(CLIP.rgb), *size, 3) and example.rgb.dtype == np.uint8
    np.testing.assert_allclose(
        analytic_clip.reprojected(example), example.keypoints2d[..., :2], atol=1e-3, rtol=1e-6
    )
    visible = example.keypoints2d[..., 2] > 0
    x, y = np.floor(example.keypoints2d[visible][:, :2]).astype(int).T
    assert np.all((x >= 0) & (x < size[1]) & (y >= 0) & (y < size[0]))
    frame = np.nonzero(visible)[1]
    assert np.mean(example.labels.alpha[frame, y, x] > 0) >= 0.995 if len(x) else True


@given(SEEDS)
@settings(max_examples=10)
def test_the_same_seed_gives_the_same_example_and_leaves_the_clip_alone(seed):
    before = {name: value.copy() for name, value in arrays(CLIP).items()}
    first, second = (
        augment.augment(np.random.default_rng(seed), CLIP, (64, 64), ALWAYS) for _ in range(2)
    )
    for name, value in arrays(first).items():
        assert value.tobytes() == arrays(second)[name].tobytes(), name
    for name, value in arrays(CLIP).items():
        np.testing.assert_array_equal(value, before[name])


@given(SEEDS)
@settings(max_examples=15)
def test_occluders_take_labels_away_and_nothing_else(seed):
    clip = geometric.flipped(CLIP)
    before = {name: value.copy() for name, value in arrays(clip).items()}
    after = arrays(occluders.occlude(np.random.default_rng(seed), clip))
    assert np.all(after["alpha"] <= before["alpha"])
    hidden = after["alpha"] < 0.499 * before["alpha"]
    for name in resample.SAMPLED:
        assert not np.any(after[name][hidden]), name
        kept = after["instance"] > 0
        np.testing.assert_array_equal(after[name][kept], before[name][kept], err_msg=name)
    same = np.all(after["rgb"] == before["rgb"], axis=-1)
    np.testing.assert_array_equal(after["instance"][same], before["instance"][same])
    np.testing.assert_array_equal(after["keypoints2d"][..., :2], before["keypoints2d"][..., :2])
    assert np.all(after["keypoints2d"][..., 2] <= before["keypoints2d"][..., 2])


def test_a_joint_under_an_occluder_is_no_longer_visible():
    found = 0
    for seed in range(20):
        clip = geometric.flipped(CLIP)
        seen = clip.keypoints2d[..., 2] > 0
        after = occluders.occlude(np.random.default_rng(seed), clip)
        x, y = np.floor(np.moveaxis(after.keypoints2d[..., :2], -1, 0)).astype(int)
        height, width = after.rgb.shape[1:3]
        at = np.arange(len(after.rgb))[:, None], np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
        covered = seen & (after.labels.instance[at] == 0)
        assert not np.any(after.keypoints2d[..., 2][covered])
        found += covered.sum()
    assert found > 50


def still(frames: int = 6) -> np.ndarray:
    return np.repeat(CLIP.rgb[:1], frames, axis=0)


def test_light_changes_slowly_over_a_clip():
    for seed in range(10):
        rgb = photometric.graded(np.random.default_rng(seed), still(), True, False, False)
        steps = np.abs(np.diff(rgb.astype(float), axis=0)).mean(axis=(1, 2, 3))
        assert np.all(steps < 6)


def test_a_grey_picture_has_equal_channels():
    rgb = photometric.graded(np.random.default_rng(0), still(), True, True, False)
    np.testing.assert_array_equal(rgb[..., 0], rgb[..., 1])
    np.testing.assert_array_equal(rgb[..., 0], rgb[..., 2])


def test_nothing_asked_for_is_nothing_changed():
    rgb = photometric.graded(np.random.default_rng(0), still(), False, False, False)
    np.testing.assert_array_equal(rgb, still())


def test_noise_differs_from_frame_to_frame():
    rgb = photometric.graded(np.random.default_rng(3), still(), False, False, True).astype(float)
    assert np.all(np.abs(np.diff(rgb, axis=0)).mean(axis=(1, 2, 3)) > 0.2)
    np.testing.assert_allclose(rgb.mean(), still().mean(), atol=2)


@given(st.floats(0.5, 4), st.floats(1, 9), st.floats(0, np.pi))
@settings(max_examples=20)
def test_blur_keeps_brightness_and_place(radius, length, angle):
    for offsets, weights in (photometric.disc(radius), photometric.line(length, angle)):
        np.testing.assert_allclose(weights.sum(), 1, atol=1e-5)
        np.testing.assert_allclose(weights @ offsets, 0, atol=1e-3)


def test_blur_softens_alpha_as_the_picture():
    rgb = np.repeat((255 * CLIP.labels.alpha).astype(np.uint8)[..., None], 3, axis=-1)
    for seed in range(6):
        soft, alpha = photometric.blurred(np.random.default_rng(seed), rgb, CLIP.labels.alpha)
        np.testing.assert_allclose(alpha, soft[..., 0] / 255, atol=0.51 / 255)


@given(st.integers(1, 40), st.integers(1, 17), st.integers(1, 4), st.floats(0, 1), SEEDS)
def test_frames_are_evenly_spaced_and_all_there(available, wanted, max_stride, reverse, seed):
    rng = np.random.default_rng(seed)
    chosen = np.arange(available)[temporal.choose(rng, available, wanted, max_stride, reverse)]
    assert len(chosen) == min(available, wanted)
    steps = set(np.diff(chosen).tolist())
    assert len(steps) <= 1 and steps <= {s * k for s in (-1, 1) for k in range(1, max_stride + 1)}


def test_a_clip_without_anybody_can_be_augmented():
    empty = geometric.empty_labels(CLIP.rgb.shape[:1], CLIP.rgb.shape[1:3])
    clip = dataclasses.replace(CLIP, labels=empty)
    example = augment.augment(np.random.default_rng(0), clip, (32, 32), ALWAYS)
    assert not example.labels.alpha.any()


def test_without_augmentation_the_middle_of_the_picture_is_shown():
    view = augment.fit(CLIP, (48, 48))
    np.testing.assert_array_equal(view.rgb, CLIP.rgb[:, :, 8:56])


@pytest.mark.parametrize(
    "wrong",
    [
        {"flip": 1.5},
        {"noise": -0.1},
        {"zoom": (2, 1)},
        {"margin": (0, 1)},
        {"max_stride": 0},
        {"drift": -1},
    ],
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        AugmentConfig(**wrong)

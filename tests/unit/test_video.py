"""Video files: what comes out of good, odd and broken ones. Every file is made here."""

import resource
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace
from PIL import Image

from thfm_jax.data import video

RED, GREEN, BLUE, GREY = (220, 30, 40), (30, 200, 60), (40, 60, 210), (128, 128, 128)


def corners(height=48, width=80):
    """A picture whose four quarters tell it from all its rotations and mirror images."""
    image = np.empty((height, width, 3), np.uint8)
    image[: height // 2, : width // 2], image[: height // 2, width // 2 :] = RED, GREEN
    image[height // 2 :, : width // 2], image[height // 2 :, width // 2 :] = BLUE, GREY
    return image


def clip(frames=10, height=48, width=80):
    """Frames of rising brightness, so that each can be told from the others."""
    levels = np.linspace(30, 220, frames).astype(np.uint8)
    return np.broadcast_to(levels[:, None, None, None], (frames, height, width, 3)).copy()


def encode(path, frames, codec="libx264", pix_fmt="yuv420p", times=None, prepare=None, **options):
    """Writes a file with PyAV; `times` are milliseconds, `prepare` may change the stream."""
    with av.open(path, "w", options=options) as container:
        stream = container.add_stream(
            codec, rate=10, options={"crf": "4"} if "264" in codec else {}
        )
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], pix_fmt
        if prepare:
            prepare(stream)
        for index, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame = frame.reformat(format=pix_fmt, dst_color_range=ColorRange.MPEG)
            frame.pts, frame.time_base = index, Fraction(1, 10)
            if times:
                frame.pts, frame.time_base = times[index], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def cut(path, share):
    """The first `share` of a file, as a file."""
    target = path.with_name(f"cut{path.suffix}")
    target.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    return target


def noise(frames=20):
    return np.random.default_rng(0).integers(0, 255, (frames, 48, 80, 3), dtype=np.uint8)


def test_probe_tells_what_decoding_then_gives(tmp_path):
    path = encode(tmp_path / "a.mp4", clip(7))
    info = video.probe(path)
    frames, read_info = video.read(path)
    assert (info.frames, info.height, info.width, info.fps) == (7, 48, 80, 10.0)
    assert info.pix_fmt == "yuv420p" and info.duration_s == 0.7 and info.warnings == ()
    assert frames.shape == (7, 48, 80, 3) and frames.dtype == np.uint8
    assert read_info == info


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.ts", "a.mov"])
def test_counts_are_exact_in_containers_that_state_them_and_those_that_do_not(tmp_path, name):
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    info = video.probe(encode(tmp_path / name, clip(13), codec))
    assert (info.frames, info.expected_frames) == (13, 13)
    assert info.fps == pytest.approx(10) and not info.variable_frame_rate


def test_a_part_of_the_frames_is_exactly_that_part(tmp_path):
    path = encode(tmp_path / "a.mp4", clip(20))
    whole, _ = video.read(path)
    part, info = video.read(path, 5, 12)
    np.testing.assert_array_equal(part, whole[5:12])
    assert info.frames == 20
    assert len(np.unique(whole[:, 0, 0, 0])) == 20


def test_stream_gives_the_frames_that_read_gives(tmp_path):
    path = encode(tmp_path / "a.mp4", clip(5))
    np.testing.assert_array_equal(np.stack(list(video.stream(path))), video.read(path)[0])


def test_asking_beyond_the_end_says_how_many_frames_there_are(tmp_path):
    path = encode(tmp_path / "a.mp4", clip(5))
    with pytest.raises(video.VideoError, match=r"asked for frames \[9, end\).* only 5"):
        video.read(path, 9)


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "yuv420p10le", "yuvj420p"])
@pytest.mark.parametrize("matrix", [Colorspace.ITU709, Colorspace.ITU601])
def test_colours_follow_the_stated_matrix_range_and_depth(tmp_path, pix_fmt, matrix):
    full = ColorRange.JPEG if pix_fmt == "yuvj420p" else ColorRange.MPEG
    path = tmp_path / "a.mp4"
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "1"})
        stream.height, stream.width, stream.pix_fmt = 48, 80, pix_fmt
        stream.codec_context.color_range = full
        stream.codec_context.colorspace = {Colorspace.ITU709: 1, Colorspace.ITU601: 6}[matrix]
        frame = av.VideoFrame.from_ndarray(corners(), format="rgb24")
        frame = frame.reformat(format=pix_fmt, dst_colorspace=matrix, dst_color_range=full)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    image = video.read(path)[0][0]
    assert video.probe(path).pix_fmt == pix_fmt
    for y, x, colour in ((12, 20, RED), (12, 60, GREEN), (36, 20, BLUE), (36, 60, GREY)):
        np.testing.assert_allclose(image[y, x].astype(int), colour, atol=4)


def test_grey_video_has_three_equal_channels(tmp_path):
    path = encode(tmp_path / "a.mkv", [corners()], "ffv1", "gray")
    frames, info = video.read(path)
    assert info.pix_fmt == "gray" and frames.shape == (1, 48, 80, 3)
    np.testing.assert_array_equal(frames[..., 0], frames[..., 1])
    assert frames[0, 12, 60, 0] > frames[0, 12, 20, 0] > frames[0, 36, 20, 0]


def test_odd_sizes_are_read_as_they_are(tmp_path):
    path = encode(tmp_path / "a.mkv", [corners(37, 51)] * 2, "ffv1", "yuv444p")
    frames, info = video.read(path)
    assert frames.shape == (2, 37, 51, 3) and (info.height, info.width) == (37, 51)


# Degrees counter-clockwise and mirroring that the metadata asks for, and the same in NumPy.
TURNS = {
    (0, False, False): lambda image: image,
    (90, False, False): lambda image: np.rot90(image),
    (180, False, False): lambda image: np.rot90(image, 2),
    (-90, False, False): lambda image: np.rot90(image, -1),
    (0, True, False): np.fliplr,
    (0, False, True): np.flipud,
    (90, True, False): lambda image: np.fliplr(np.rot90(image)),
}


@pytest.mark.parametrize("turn", TURNS)
def test_rotation_and_mirroring_in_the_metadata_are_carried_out(tmp_path, turn):
    degrees, mirror_x, mirror_y = turn
    path = encode(
        tmp_path / "a.mp4",
        [corners()] * 2,
        prepare=lambda stream: stream.set_display_rotation(degrees, mirror_x, mirror_y),
    )
    wanted = TURNS[turn](corners())
    frames, info = video.read(path)
    assert (info.height, info.width) == frames.shape[1:3] == wanted.shape[:2]
    if not (mirror_x or mirror_y):
        assert info.rotation_deg == -degrees % 360
    np.testing.assert_allclose(frames[0].astype(int), wanted, atol=60)  # chroma bleeds at the edges
    assert np.mean(np.abs(frames[0].astype(int) - wanted)) < 5


def test_variable_frame_rate_keeps_every_frame_and_says_so(tmp_path):
    times = [0, 20, 100, 120, 300, 340, 350, 500, 520, 600]
    frames, info = video.read(encode(tmp_path / "a.mkv", clip(10), times=times))
    assert len(frames) == 10 and info.variable_frame_rate
    assert info.fps == pytest.approx(9 / 0.6)
    assert "frame rate varies" in info.warnings[0] and "15 is the mean" in info.warnings[0]


def test_time_stamps_rounded_to_a_millisecond_are_no_variable_frame_rate(tmp_path):
    times = [round(1000 * index / 30) for index in range(12)]

    def at_30(stream):
        stream.codec_context.framerate = Fraction(30)

    info = video.probe(encode(tmp_path / "a.mkv", clip(12), times=times, prepare=at_30))
    assert not info.variable_frame_rate and info.fps == pytest.approx(30, rel=1e-3)


def test_one_frame_is_a_clip(tmp_path):
    frames, info = video.read(encode(tmp_path / "a.mp4", clip(1)))
    assert len(frames) == info.frames == 1 and info.fps == 10


def test_pixels_that_are_not_square_are_mentioned(tmp_path):
    def anamorphic(stream):
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)

    info = video.probe(encode(tmp_path / "a.mkv", clip(2), prepare=anamorphic))
    assert "4/3" in info.warnings[0] and info.width == 80


def test_hdr_is_mentioned(tmp_path):
    def hlg(stream):
        stream.codec_context.color_trc = 18

    info = video.probe(encode(tmp_path / "a.mp4", clip(2), pix_fmt="yuv420p10le", prepare=hlg))
    assert "without tone mapping" in info.warnings[0]


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
def test_an_image_is_a_clip_of_one_frame(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(corners()).save(path)
    frames, info = video.read(path)
    np.testing.assert_array_equal(frames, corners()[None])
    assert info.fps == 25 and "no frame rate" in info.warnings[0]


def test_a_photograph_is_turned_upright_by_its_exif_data(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate clockwise to view
    Image.fromarray(corners()).save(tmp_path / "a.jpg", exif=exif, quality=95, subsampling=0)
    image = video.read(tmp_path / "a.jpg")[0][0]
    assert np.mean(np.abs(image.astype(int) - np.rot90(corners(), -1))) < 3


def test_motion_jpeg_with_exif_data_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(corners()).save(tmp_path / "a.jpg", exif=exif, quality=95, subsampling=0)
    path = (tmp_path / "a.jpg").rename(tmp_path / "a.mjpg")
    image = video.read(path)[0][0]
    assert np.mean(np.abs(image.astype(int) - np.rot90(corners(), -1))) < 3


def test_sixteen_bit_grey_images_keep_their_upper_bits(tmp_path):
    levels = np.linspace(0, 65535, 48 * 80).astype(np.uint16).reshape(48, 80)
    Image.fromarray(levels).save(tmp_path / "a.png")
    image = video.read(tmp_path / "a.png")[0][0]
    np.testing.assert_array_equal(image, np.repeat((levels >> 8)[..., None], 3, -1))


def test_a_folder_of_images_is_read_in_natural_order(tmp_path):
    for index in (10, 9, 2, 1, 100):
        Image.fromarray(np.full((8, 8, 3), index, np.uint8)).save(tmp_path / f"frame{index}.png")
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / "._frame3.png").write_bytes(b"a file system's own")
    frames, info = video.read(tmp_path)
    assert frames[:, 0, 0, 0].tolist() == [1, 2, 9, 10, 100]
    assert info.frames == 5 and info.path == str(tmp_path)


def test_a_folder_of_images_of_two_sizes_stops(tmp_path):
    for index, size in enumerate((8, 8, 9)):
        Image.fromarray(np.zeros((size, 8, 3), np.uint8)).save(tmp_path / f"{index}.png")
    with pytest.raises(video.VideoError, match="one size, but frame 2 is 8x9 and the first 8x8"):
        list(video.stream(tmp_path))


def test_a_folder_without_images_stops(tmp_path):
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(video.VideoError, match=r"expected images \(.png"):
        video.probe(tmp_path)


@pytest.mark.parametrize("name", ["a.mp4", "a.png"])
def test_a_missing_file_is_named(tmp_path, name):
    with pytest.raises(video.VideoError, match=rf"{name}: expected a video.*not found"):
        video.probe(tmp_path / name)


@pytest.mark.parametrize("name", ["a.mp4", "a.png"])
def test_an_empty_file_is_told(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(video.VideoError, match=r"empty \(0 bytes\)"):
        video.probe(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.mp4", "expected a video or an image, but the content is neither"),
        ("a.txt", "expected a video or an image, but the content is text"),
        ("a.png", "expected a whole image"),
    ],
)
def test_what_is_no_video_is_told(tmp_path, name, message):
    (tmp_path / name).write_text("some words, and no video\n" * 100)
    with pytest.raises(video.VideoError, match=message):
        video.read(tmp_path / name)


def write_sound(path, with_video_stream=False):
    """One second of silence, if asked for beside a video stream without frames."""
    with av.open(path, "w") as container:
        if with_video_stream:
            moving = container.add_stream("libx264", rate=10)
            moving.height, moving.width, moving.pix_fmt = 48, 80, "yuv420p"
        sound = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 44100), np.float32), "fltp", "stereo")
        frame.rate = 44100
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    return path


def test_sound_alone_is_told(tmp_path):
    with pytest.raises(video.VideoError, match="expected a video stream, got audio"):
        video.probe(write_sound(tmp_path / "a.mp4"))


def test_a_video_stream_without_frames_is_told(tmp_path):
    with pytest.raises(video.VideoError, match="no frame of it can be decoded"):
        video.probe(write_sound(tmp_path / "a.mkv", with_video_stream=True))


def test_an_unknown_codec_is_told(tmp_path):
    path = encode(tmp_path / "a.mp4", clip(3))
    path.write_bytes(path.read_bytes().replace(b"avc1", b"xyzw"))
    with pytest.raises(video.VideoError, match="no decoder for the codec"):
        video.probe(path)


def test_an_mp4_cut_off_before_its_index_is_told(tmp_path):
    path = cut(encode(tmp_path / "a.mp4", noise()), 0.5)
    with pytest.raises(video.VideoError, match=r"index \(moov\) is missing: it was cut off"):
        video.probe(path)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {"movflags": "faststart"}),
        ("a.mp4", {"movflags": "frag_keyframe+empty_moov"}),
        ("a.mkv", {}),
        ("a.avi", {}),
    ],
)
def test_a_file_cut_off_in_its_data_gives_what_is_there_and_says_what_is_not(
    tmp_path, name, options
):
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    path = encode(tmp_path / name, noise(), codec, **options)
    whole, _ = video.read(path)
    frames, info = video.read(cut(path, 0.5))
    assert 0 < len(frames) < 20 and info.frames == len(frames)
    assert info.truncated and info.expected_frames == 20
    assert info.warnings[0].startswith(f"only {len(frames)} of 20 frames can be read")
    np.testing.assert_array_equal(frames, whole[: len(frames)])


def test_frames_damaged_in_the_middle_are_left_out_and_counted(tmp_path):
    path = encode(tmp_path / "a.mp4", noise(), movflags="faststart")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = bytes(3000)
    path.write_bytes(data)
    frames, info = video.read(path)
    assert 5 < len(frames) < 20 and info.frames == len(frames)
    assert info.warnings[0].startswith(f"only {len(frames)} of 20 frames")


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_an_image_cut_off_is_told(tmp_path, name):
    Image.fromarray(noise(1)[0]).save(tmp_path / name)
    with pytest.raises(video.VideoError, match="expected a whole image"):
        video.read(cut(tmp_path / name, 0.7))


@pytest.mark.parametrize("size", [(48, 80), (47, 79)])
def test_written_frames_come_back(tmp_path, size):
    path = tmp_path / "a.mp4"
    video.write(path, [corners(*size)] * 5, 30000 / 1001)
    frames, info = video.read(path)
    assert info.fps == 30000 / 1001 and info.pix_fmt == "yuv420p"
    assert frames.shape == (5, 48, 80, 3)  # an odd size grows by one pixel
    assert np.mean(np.abs(frames[:, : size[0], : size[1]].astype(int) - corners(*size))) < 6
    assert [file.name for file in tmp_path.iterdir()] == ["a.mp4"]
    with av.open(path) as container:
        context = container.streams.video[0].codec_context
        assert (context.colorspace, context.color_range) == (1, 1)  # BT.709, limited


def test_a_writer_left_by_an_exception_leaves_nothing(tmp_path):
    with pytest.raises(KeyError), video.VideoWriter(tmp_path / "a.mp4", 10) as writer:
        for frame in noise():
            writer.append(frame)
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            video.write(tmp_path / "a.mp4", noise(100), 10)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_writing_nothing_is_told(tmp_path):
    with pytest.raises(video.VideoError, match="expected at least one frame to write"):
        video.write(tmp_path / "a.mp4", [], 10)
    assert list(tmp_path.iterdir()) == []


def test_frames_of_another_size_are_told(tmp_path):
    with pytest.raises(
        video.VideoError, match=r"expected a frame \(48, 80, 3\), got \(50, 80, 3\)"
    ):
        video.write(tmp_path / "a.mp4", [corners(48), corners(50)], 10)


@pytest.mark.parametrize("fps", [0, -1, float("nan")])
def test_a_frame_rate_must_be_positive(tmp_path, fps):
    with pytest.raises(video.VideoError, match="positive frame rate"):
        video.VideoWriter(tmp_path / "a.mp4", fps)


def test_writing_into_a_missing_folder_is_told(tmp_path):
    with pytest.raises(video.VideoError, match="expected its folder to exist"):
        video.VideoWriter(Path(tmp_path / "no" / "a.mp4"), 10)

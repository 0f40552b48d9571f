import itertools
import logging
import tracemalloc
from pathlib import Path

import av
import numpy as np
import pytest

from kp_io import probe_video, read_video


def expected_frames(times: list[float], duration: float, fps: float) -> list[int]:
    """The independent reference: what is on screen in the middle of each output frame."""
    moments = (np.arange(round(duration * fps)) + 0.5) / fps
    return [int(i) for i in np.searchsorted(times, moments, side="right") - 1]


def test_same_rate_gives_every_frame_once(make_video, shown):
    assert shown(read_video(make_video(fps=25, num_frames=50))) == list(range(50))


@pytest.mark.parametrize("source_fps", [12.5, 24, 30000 / 1001, 30, 50, 59.94])
@pytest.mark.parametrize("fps", [25.0, 30.0])
def test_any_rate_becomes_constant_without_drift(make_video, shown, source_fps, fps):
    times = [i / source_fps for i in range(100)]
    path = make_video(fps=source_fps, times=times)
    duration = 100 / source_fps
    got = shown(read_video(path, fps=fps))
    assert len(got) == round(duration * fps)
    # Container clocks are in milliseconds: a moment on the edge between two frames may fall to either.
    assert np.abs(np.array(got) - expected_frames(times, duration, fps)).max() <= 1
    assert abs(got[-1] - 99) <= max(1, source_fps / fps)


def test_29_97_fps_keep_the_length_and_the_moment_of_a_late_cut(make_video):
    rate = 30000 / 1001
    total = 2997  # 2.5 frames would be lost or won if it were taken for 30 fps
    path = make_video(
        fps=rate,
        times=[i / rate for i in range(total)],
        pictures=[np.full((32, 32, 3), 250 if i >= total - 299 else 5, np.uint8) for i in range(total)],
        size=(32, 32),
    )
    bright = [frame.mean() > 128 for frame in read_video(path)]
    assert len(bright) == round(total / rate * 25)
    assert bright.index(True) == pytest.approx((total - 299) / rate * 25, abs=1)


def test_variable_frame_rate_shows_what_is_on_screen(make_video, shown):
    times = [0, 0.04, 0.08, 0.5, 0.52, 0.54, 1.2, 1.24]
    path = make_video(times=times)
    assert shown(read_video(path)) == expected_frames(times, 1.28, 25)


def test_start_offset_of_both_streams_adds_no_frame(make_video, shown):
    path = make_video(times=[3 + i / 25 for i in range(20)])
    assert shown(read_video(path)) == list(range(20))
    assert probe_video(path).start_seconds == pytest.approx(3, abs=0.002)


def test_missing_timestamps_count_as_constant_rate(make_video, shown, tmp_path):
    raw = tmp_path / "raw.h264"
    with av.open(str(make_video(num_frames=30))) as source, raw.open("wb") as file:
        stream = source.streams.video[0]
        annex_b = av.BitStreamFilterContext("h264_mp4toannexb", stream)
        for packet in source.demux(stream):
            for filtered in annex_b.filter(packet if packet.size else None):
                file.write(bytes(filtered))
    assert shown(read_video(raw, fps=None)) == list(range(30))
    assert shown(read_video(raw)) == list(range(30))


def test_native_frames_are_all_there(make_video, shown):
    assert shown(read_video(make_video(times=[0, 0.01, 0.5, 2.0]), fps=None)) == [0, 1, 2, 3]


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_rotation_metadata_is_honoured(make_video, rotation):
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:16, :16] = 255  # the top left corner
    path = make_video("turned.mp4", pictures=[picture] * 5, rotation=rotation)
    frame = next(read_video(path))
    # Degrees are counter-clockwise: the corner goes to the bottom left, the bottom right, the top right.
    expected = np.rot90(picture, rotation // 90)
    assert frame.shape == expected.shape
    assert np.abs(frame.astype(int) - expected).mean() < 4
    info = probe_video(path)
    assert (info.height, info.width) == frame.shape[:2]
    assert info.rotation == rotation % 360


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "size"),
    [
        ("odd.mkv", "ffv1", "yuv444p", (47, 65)),
        ("ten_bit.mkv", "libx264", "yuv420p10le", (48, 64)),
        ("web.webm", "libvpx-vp9", "yuv420p", (48, 64)),
        ("old.avi", "mpeg4", "yuv420p", (48, 64)),
        ("motion jpeg – ü.mov", "mjpeg", "yuvj420p", (48, 64)),
        ("stream.ts", "mpeg2video", "yuv420p", (48, 64)),
    ],
)
def test_containers_codecs_and_sizes(make_video, shown, name, codec, pix_fmt, size):
    path = make_video(name, num_frames=25, codec=codec, pix_fmt=pix_fmt, size=size)
    frames = list(read_video(path))
    assert {(f.shape, f.dtype.name) for f in frames} == {((*size, 3), "uint8")}
    assert shown(frames) == list(range(25))


def test_colours_survive(make_video):
    picture = np.full((48, 64, 3), (200, 40, 60), np.uint8)
    frame = next(read_video(make_video(pictures=[picture] * 3)))
    assert np.abs(frame.astype(int) - picture).max() <= 6


def test_reading_is_lazy_and_needs_constant_memory(make_video):
    big = [np.full((480, 640, 3), i, np.uint8) for i in range(8)] * 15
    path = make_video("big.mkv", pictures=big, size=(480, 640))
    tracemalloc.start()
    try:
        assert len(list(itertools.islice(read_video(path), 3))) == 3
        count = sum(1 for _ in read_video(path))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 120
    assert peak < 12 * big[0].nbytes  # all frames would be 120


def test_probe_agrees_with_reading(make_video):
    path = make_video("talk.mp4", fps=30000 / 1001, num_frames=70, audio=np.zeros(8000))
    info = probe_video(path)
    assert info.fps == pytest.approx(29.97, abs=0.01)
    assert info.has_audio
    assert info.num_frames(25) == len(list(read_video(path)))
    assert not probe_video(make_video("silent.mp4")).has_audio


def test_cut_off_file_gives_its_beginning_with_a_warning(make_video, tmp_path, caplog):
    noise = np.random.default_rng(0).integers(0, 255, (40, 48, 64, 3), np.uint8)
    whole = make_video("noise.mkv", pictures=list(noise)).read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole[: len(whole) // 2])
    with caplog.at_level(logging.WARNING, logger="kp_io"):
        count = sum(1 for _ in read_video(cut))
    assert 10 <= count < 40
    assert "cut off" in caplog.text


@pytest.mark.parametrize("content", [b"", b"This is a text and no video.\n" * 50, bytes(5000)])
@pytest.mark.parametrize("name", ["bad.mp4", "bad.txt", "bad.avi"])
def test_no_video_is_one_clear_error(tmp_path, content, name):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match="expected a video") as caught:
        list(read_video(path))
    assert name in str(caught.value)
    with pytest.raises(ValueError, match="expected a video"):
        probe_video(path)


def test_sound_without_picture_is_no_video(tmp_path):
    path = tmp_path / "sound.mka"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(ValueError, match="no video stream"):
        read_video(path)


def test_bad_arguments(tmp_path, make_video):
    with pytest.raises(FileNotFoundError, match="found no file"):
        read_video(tmp_path / "missing.mp4")
    with pytest.raises(ValueError, match="positive number of frames"):
        read_video(make_video(num_frames=2), fps=0)


@pytest.mark.corpus
def test_real_clip(corpus: Path):
    clip = corpus / "c000_vox2_00015.mp4"
    info = probe_video(clip)
    assert (info.width, info.height, info.fps, info.has_audio) == (224, 224, 25.0, True)
    assert sum(1 for _ in read_video(clip)) == info.num_frames(25) == 174

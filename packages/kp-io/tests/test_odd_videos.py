"""Videos as they come: each is made with PyAV, and beside it stands what becomes of it."""

import logging
from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition

from kp_io import align_audio, probe_video, read_audio, read_video, write_video

ALL = list(range(12))
TONE = 0.5 * np.sin(np.arange(16000) / 9)


def remuxed(path, *sources, cover=None, first_byte=0):
    """Put the streams of several files into one, unchanged; those of the file `cover` as a cover picture."""
    with av.open(str(path), "w") as out:
        opened = [av.open(str(source)) for source in sources]
        streams = []
        for file, source in zip(opened, sources, strict=True):
            for stream in file.streams:
                streams.append((file, stream, out.add_stream_from_template(stream)))
                if source == cover:
                    streams[-1][2].disposition = Disposition.attached_pic
        for file, stream, target in streams:
            file.seek(0)
            for packet in file.demux(stream):
                if packet.size:
                    packet.stream = target
                    out.mux(packet)
        for file in opened:
            file.close()
    return path


def raw(source, path, *, bitstream_filter=None):
    """Write the bare packets of a video: no container, so no times."""
    with av.open(str(source)) as file, path.open("wb") as out:
        stream = file.streams.video[0]
        repack = None if bitstream_filter is None else av.BitStreamFilterContext(bitstream_filter, stream)
        for packet in file.demux(stream):
            for part in [packet] if repack is None else repack.filter(packet if packet.size else None):
                out.write(bytes(part))
    return path


def cut(path, *, begin=0.0, end=1.0):
    whole = path.read_bytes()
    path.write_bytes(whole[round(begin * len(whole)) : round(end * len(whole))])
    return path


def hollow(path):
    """Overwrite everything in an MP4 but its index."""
    whole = path.read_bytes()
    begin, end = whole.index(b"mdat") + 4, whole.index(b"moov") - 4
    path.write_bytes(whole[:begin] + bytes(end - begin) + whole[end:])
    return path


def noise(count, size=(48, 64)):
    """Frames of grey noise, of which each costs about as many bytes as the others."""
    return list(np.random.default_rng(0).integers(0, 255, (count, *size, 1), np.uint8).repeat(3, axis=3))


def empty(path):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
    return path


# What is made of a file, by its name: the frames shown at 25 frames a second, and their height and width.
READ = {
    "one frame": (lambda make, tmp: make("a.mp4", num_frames=1), [0], (48, 64)),
    "one frame that stands for two seconds": (
        lambda make, tmp: remuxed(tmp / "b.mkv", make("a.mkv", times=[0.0, 2.0])),
        [0] * 50 + [1],
        (48, 64),
    ),
    "long stills between movement": (
        lambda make, tmp: make(times=[0, 0.04, 0.08, 4.0, 4.04]),
        [0, 1, *[2] * 98, 3, 4],
        (48, 64),
    ),
    "rotated by 90": (lambda make, tmp: make("a.mp4", num_frames=3, rotation=90), None, (64, 48)),
    "rotated by 180": (lambda make, tmp: make("a.mp4", num_frames=3, rotation=180), None, (48, 64)),
    "rotated by 270": (lambda make, tmp: make("a.mp4", num_frames=3, rotation=270), None, (64, 48)),
    "odd size": (lambda make, tmp: make(num_frames=12, codec="ffv1", pix_fmt="yuv444p", size=(47, 65)), ALL, (47, 65)),
    "10 bits": (lambda make, tmp: make(num_frames=12, pix_fmt="yuv420p10le"), ALL, (48, 64)),
    "12 bits": (lambda make, tmp: make(num_frames=12, codec="ffv1", pix_fmt="yuv422p12le"), ALL, (48, 64)),
    "grey": (lambda make, tmp: make(num_frames=12, codec="ffv1", pix_fmt="gray"), ALL, (48, 64)),
    "interlaced H.264": (lambda make, tmp: make(num_frames=12, options={"flags": "+ildct"}), ALL, (48, 64)),
    "interlaced and rotated": (
        lambda make, tmp: make("a.mp4", num_frames=3, options={"flags": "+ildct"}, rotation=90),
        None,
        (64, 48),
    ),
    "interlaced MPEG-2": (
        lambda make, tmp: make("a.ts", num_frames=12, codec="mpeg2video", options={"flags": "+ildct+ilme"}),
        ALL,
        (48, 64),
    ),
    "interlaced, no times": (
        lambda make, tmp: raw(
            make(num_frames=12, options={"flags": "+ildct"}), tmp / "a.h264", bitstream_filter="h264_mp4toannexb"
        ),
        ALL,
        (48, 64),
    ),
    "pixels that are wide": (lambda make, tmp: make(num_frames=3, aspect=Fraction(3, 2)), None, (48, 96)),
    "pixels that are tall": (lambda make, tmp: make(num_frames=3, aspect=Fraction(2, 3)), None, (72, 64)),
    "wide pixels, rotated": (
        lambda make, tmp: make("a.mp4", num_frames=3, aspect=Fraction(3, 2), rotation=90),
        None,
        (96, 48),
    ),
    "an absurd shape of pixels": (lambda make, tmp: make(num_frames=12, aspect=Fraction(99, 1)), ALL, (48, 64)),
    "H.264 without a container": (
        lambda make, tmp: raw(make(num_frames=12), tmp / "a.h264", bitstream_filter="h264_mp4toannexb"),
        ALL,
        (48, 64),
    ),
    "motion JPEG without a container": (
        lambda make, tmp: raw(make(num_frames=12, codec="mjpeg", pix_fmt="yuvj420p"), tmp / "a.mjpeg"),
        ALL,
        (48, 64),
    ),
    "AVI, which has no times": (lambda make, tmp: make("a.avi", num_frames=12, codec="mpeg4"), ALL, (48, 64)),
    "picture begins late": (
        lambda make, tmp: make("a.mp4", times=[2 + i / 25 for i in ALL], audio=np.tile(TONE, 3), audio_codec="aac"),
        ALL,
        (48, 64),
    ),
    "sound begins late": (lambda make, tmp: make(num_frames=12, audio=TONE, audio_start=2.0), ALL, (48, 64)),
    "sound longer by seconds": (lambda make, tmp: make(num_frames=12, audio=np.tile(TONE, 5)), ALL, (48, 64)),
    "sound shorter by seconds": (lambda make, tmp: make(num_frames=75, audio=TONE[:800]), list(range(75)), (48, 64)),
    "two pictures": (
        lambda make, tmp: remuxed(
            tmp / "c.mp4", make("a.mp4", num_frames=12), make("b.mp4", num_frames=30, size=(96, 128))
        ),
        ALL,
        (48, 64),
    ),
    "a cover picture before the video": (
        lambda make, tmp: remuxed(
            tmp / "c.mp4",
            make("b.mkv", num_frames=1, size=(96, 128), codec="mjpeg", pix_fmt="yuvj420p"),
            make("a.mp4", num_frames=12),
            cover=tmp / "b.mkv",
        ),
        ALL,
        (48, 64),
    ),
}
NAMES = [
    "a b.mkv",
    "ü – 日本 😀.mkv",
    "-o.mkv",
    "100%d #1.mkv",
    "10:30 talk.mkv",
    "http:a.mkv",
    "new\nline.mkv",
    "[b]'\".mkv",
]
READ |= {f"name {name!r}": (lambda make, tmp, name=name: make(name, num_frames=12), ALL, (48, 64)) for name in NAMES}


@pytest.mark.parametrize("what", READ)
def test_odd_videos_are_read(what, make_video, shown, tmp_path, monkeypatch):
    make, numbers, size = READ[what]
    # Relative, so that a name begins with what it begins with.
    monkeypatch.chdir(tmp_path)
    path = make(make_video, tmp_path).relative_to(tmp_path)
    frames = list(read_video(path))
    assert {(frame.shape, frame.dtype.name) for frame in frames} == {((*size, 3), "uint8")}
    if numbers is not None:
        assert shown(frames) == numbers
    info = probe_video(path)
    assert (info.height, info.width) == size
    if info.has_audio:
        sound = align_audio(read_audio(path, align_to_video=True), num_frames=len(frames), fps=25.0, sample_rate=16000)
        assert len(sound) == 640 * len(frames)


REFUSED = {
    "no frames": (lambda make, tmp: empty(tmp / "a.mp4"), "no video stream"),
    "no frame that is whole": (lambda make, tmp: hollow(make("a.mp4")), "no frame can be decoded"),
    "no frames, nor an end": (lambda make, tmp: empty(tmp / "a.mkv"), "that can be read"),
    "no bytes": (lambda make, tmp: cut(make("a.mp4"), end=0.0), r"empty \(0 bytes\)"),
    "an MP4 that was never finished": (lambda make, tmp: cut(make("a.mp4"), end=0.8), "that can be read"),
    "a jump of half an hour": (lambda make, tmp: make(times=[0, 0.04, 1800.0]), "a jump of 1800 s"),
    "only a cover picture": (
        lambda make, tmp: remuxed(
            tmp / "c.mp4", make("b.mkv", num_frames=1, codec="mjpeg", pix_fmt="yuvj420p"), cover=tmp / "b.mkv"
        ),
        "no video stream",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_odd_videos_are_refused_by_name(what, make_video, tmp_path):
    make, words = REFUSED[what]
    path = make(make_video, tmp_path)
    with pytest.raises(ValueError, match=words) as caught:
        list(read_video(path))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["a.mkv", "a.ts", "a.mp4"])
def test_cut_off_in_a_group_of_pictures(name, make_video, tmp_path, caplog):
    # A key frame every 50, so that most of what is left hangs on one before.
    if name == "a.mp4":
        write_video(tmp_path / name, noise(50))  # which puts the index to the front
        path = cut(tmp_path / name, end=0.5)
    else:
        path = cut(make_video(name, pictures=noise(50), options={"g": "50", "qp": "20"}), end=0.5)
    with caplog.at_level(logging.WARNING, logger="kp_io"):
        count = sum(1 for _ in read_video(path))
    assert 18 <= count <= 28
    if name != "a.ts":  # which does not say how long it should be
        assert "cut off" in caplog.text or "damaged" in caplog.text


def test_cut_in_from_a_running_broadcast(make_video):
    path = cut(make_video("a.ts", pictures=noise(50), options={"g": "10", "qp": "20"}), begin=0.33)
    frames = list(read_video(path, fps=None))
    assert 25 <= len(frames) <= 34
    # The first one is a whole picture: what hangs on key frames that were missed is left out.
    assert min(np.abs(frames[0].astype(int) - picture).mean() for picture in noise(50)) < 40


def test_the_first_of_several_sounds_is_read(make_video, tmp_path):
    quiet = make_video("quiet.mkv", num_frames=25, audio=0.1 * TONE)
    loud = make_video("loud.mkv", num_frames=25, audio=TONE)
    assert float(read_audio(remuxed(tmp_path / "both.mkv", quiet, loud)).abs().max()) == pytest.approx(0.05, abs=0.01)


def test_sound_with_a_jump_is_refused_before_it_fills_the_memory(make_video):
    path = make_video(num_frames=5, audio=TONE, audio_start=90_000.0)
    with pytest.raises(ValueError, match="a jump of 90000 s"):
        read_audio(path, align_to_video=True)
    assert len(read_audio(path)) == 16000


def test_sound_that_is_over_before_the_picture_begins_is_none(make_video):
    path = make_video(times=[3.0, 3.04], audio=TONE)
    with pytest.raises(ValueError, match=r"ends before the first frame \(at 3\.00 s\)"):
        read_audio(path, align_to_video=True)

import av
import numpy as np
import pytest
import torch

from kp_io import probe_video, read_audio, read_video, write_video


def pictures(count, size=(48, 64)):
    for i in range(count):
        picture = np.full((*size, 3), (30, 90, 200), np.uint8)
        picture[:, : 8 + i % 40] = (220, 40, 60)
        yield picture


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "new folder/ü.mp4"])
def test_frames_and_sound_come_back(tmp_path, name):
    path = tmp_path / name
    sound = torch.zeros(32000)
    sound[8000:8080] = 0.9
    write_video(path, pictures(50), fps=25, audio=sound)
    frames = list(read_video(path))
    assert len(frames) == 50
    for frame, original in zip(frames, pictures(50), strict=True):
        assert np.abs(frame.astype(int) - original).mean() < 6
        assert np.abs(frame[20, 60].astype(int) - (30, 90, 200)).max() <= 5
    heard = read_audio(path, align_to_video=True)
    assert int(heard.abs().argmax()) == pytest.approx(8040, abs=60)
    assert probe_video(path).num_frames(25) == 50
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_browsers_can_play_it(tmp_path):
    path = tmp_path / "a.mp4"
    write_video(path, pictures(10), audio=torch.zeros(100))
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    with av.open(str(path)) as container:
        video, sound = container.streams.video[0].codec_context, container.streams.audio[0].codec_context
        assert (video.name, video.pix_fmt, sound.name) == ("h264", "yuv420p", "aac")


def test_odd_sizes_are_padded_with_the_last_pixels(tmp_path):
    write_video(tmp_path / "a.mp4", pictures(3, size=(47, 65)))
    frame = next(read_video(tmp_path / "a.mp4"))
    assert frame.shape == (48, 66, 3)
    assert np.abs(frame[47, 60].astype(int) - frame[46, 60]).max() <= 4


@pytest.mark.parametrize(("samples", "fps"), [(100, 25), (99_999, 25), (16000, 29.97), (7, 12.5)])
def test_sound_is_cut_or_padded_to_the_frames(tmp_path, samples, fps):
    write_video(tmp_path / "a.mkv", pictures(20), fps=fps, audio=torch.full((samples,), 0.1), sample_rate=16000)
    heard = read_audio(tmp_path / "a.mkv", align_to_video=True)
    assert len(heard) == pytest.approx(20 / fps * 16000, abs=1024)  # AAC comes in blocks of 1024


def test_a_sample_rate_that_aac_does_not_know(tmp_path):
    write_video(tmp_path / "a.mp4", pictures(25), audio=torch.zeros(18_000), sample_rate=18_000)
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.streams.audio[0].rate == 48000


def test_frames_are_taken_one_at_a_time(tmp_path):
    """The generator reuses one array: a writer that collected frames would write 40 times the last one."""
    canvas = np.zeros((48, 64, 3), np.uint8)

    def frames():
        for i in range(40):
            canvas[...] = 6 * i
            yield canvas

    write_video(tmp_path / "a.mp4", frames())
    means = [frame.mean() for frame in read_video(tmp_path / "a.mp4")]
    assert np.abs(np.array(means) - 6 * np.arange(40)).max() < 5


def test_what_fails_leaves_nothing_behind(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"the old one")

    def broken():
        yield from pictures(5)
        raise RuntimeError("the camera fell over")

    with pytest.raises(RuntimeError, match="camera"):
        write_video(path, broken())
    with pytest.raises(ValueError, match="as number 2"):
        write_video(path, [np.zeros((48, 64, 3), np.uint8), np.zeros((50, 64, 3), np.uint8)])
    with pytest.raises(ValueError, match="finite samples"):
        write_video(path, pictures(2), audio=torch.tensor([torch.nan]))
    assert path.read_bytes() == b"the old one"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("frames", "name", "match"),
    [
        ([], "a.mp4", "at least one frame"),
        ([np.zeros((8, 8, 3), np.uint8)], "a.gif", r"\.mp4"),
    ],
)
def test_refused(tmp_path, frames, name, match):
    with pytest.raises(ValueError, match=match):
        write_video(tmp_path / name, frames)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("frame", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.float32)])
def test_what_is_no_picture_is_refused(tmp_path, frame):
    # A generator passes the tests' type checks, as it would pass a user's: the writer itself has to look.
    with pytest.raises(ValueError, match=r"expected frames \(H, W, 3\) uint8"):
        write_video(tmp_path / "a.mp4", (f for f in [frame]))
    assert not list(tmp_path.iterdir())


def test_transparency_is_kept_in_a_mov(tmp_path):
    pixels = np.zeros((32, 48, 4), np.uint8)
    pixels[:, 24:] = (200, 40, 40, 255)
    pixels[:, 12:24] = (200, 40, 40, 128)
    write_video(tmp_path / "clear.mov", [pixels] * 3)
    with av.open(str(tmp_path / "clear.mov")) as video:
        frames = [frame.to_ndarray(format="rgba") for frame in video.decode(video=0)]
    assert len(frames) == 3
    assert np.abs(frames[0][:, ::, 3].astype(int) - pixels[..., 3])[:, [4, 18, 40]].max() < 4
    assert np.abs(frames[0][:, 40].astype(int) - pixels[:, 40]).max() < 8
    with pytest.raises(ValueError, match=r"ending in \.mov for frames with transparency"):
        write_video(tmp_path / "clear.mp4", [pixels])

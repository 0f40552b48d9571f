import av
import numpy as np
import pytest
import torch

from kp_io.media.audio import read_audio, write_audio
from kp_io.media.audio_shift import shift_audio
from kp_io.media.video_writer import write_video


@pytest.fixture(scope="module", params=["mp4", "mkv"])
def video(request, tmp_path_factory):
    """Two seconds with bursts of noise."""
    path = tmp_path_factory.mktemp("video") / f"bursts.{request.param}"
    sound = torch.zeros(32_000)
    for start in (6_000, 9_000, 16_543, 24_000):
        sound[start : start + 160] = 0.8 * torch.randn(160, generator=torch.Generator().manual_seed(start)).clamp(-1, 1)
    frames = [np.full((48, 64, 3), 4 * i, np.uint8) for i in range(50)]
    write_video(path, frames, audio=sound)
    return path


def pictures(path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def lag_ms(later: torch.Tensor, earlier: torch.Tensor) -> float:
    size = 2 * max(len(later), len(earlier))
    matches = torch.fft.irfft(torch.fft.rfft(later, size) * torch.fft.rfft(earlier, size).conj(), size)
    at = int(matches.argmax())
    return (at if at < size // 2 else at - size) / 16


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("milliseconds", [0, 7, 200, -200, -333])
def test_the_sound_moves_and_the_pictures_stay_to_the_bit(video, tmp_path, suffix, milliseconds):
    copy = tmp_path / "new" / f"copy{suffix}"
    before = video.read_bytes()
    shift_audio(video, copy, milliseconds=milliseconds)
    sound = read_audio(copy, align_to_video=True)
    assert lag_ms(sound, read_audio(video, align_to_video=True)) == pytest.approx(milliseconds, abs=1)
    assert pictures(copy) == pictures(video)
    assert video.read_bytes() == before


def test_what_cannot_be_done_leaves_nothing(video, tmp_path):
    with pytest.raises(ValueError, match=r"ending in .mp4, .m4v, .mov, .mkv, .webm, got .*copy.avi"):
        shift_audio(video, tmp_path / "copy.avi", milliseconds=40)
    with pytest.raises(ValueError, match="another file than the video itself"):
        shift_audio(video, video, milliseconds=40)
    with pytest.raises(ValueError, match=r"keeps some of the audio of .*, got -9000 ms"):
        shift_audio(video, tmp_path / "copy.mp4", milliseconds=-9000)
    with pytest.raises(ValueError, match=r"that .webm can hold, got h264 and aac"):
        shift_audio(video, tmp_path / "copy.webm", milliseconds=40)
    with pytest.raises(FileNotFoundError, match="found no file"):
        shift_audio(tmp_path / "none.mp4", tmp_path / "copy.mp4", milliseconds=40)
    assert not list(tmp_path.iterdir())


def test_a_video_needs_pictures_and_sound(tmp_path):
    write_audio(tmp_path / "sound.wav", torch.ones(1600), sample_rate=16_000)
    write_video(tmp_path / "mute.mp4", [np.zeros((32, 32, 3), np.uint8)] * 3)
    for name, missing in (("sound.wav", "video"), ("mute.mp4", "audio")):
        with pytest.raises(ValueError, match=f"a video with audio, found no {missing} in"):
            shift_audio(tmp_path / name, tmp_path / "copy.mp4", milliseconds=40)
    assert not (tmp_path / "copy.mp4").exists()

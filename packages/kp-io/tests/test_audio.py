import logging

import av
import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError

from kp_io import align_audio, read_audio, read_video, resample_audio, write_audio


@pytest.fixture
def write_sound(tmp_path):
    """Write float samples (channels, S) as any codec and layout."""

    def write(name, samples, *, rate, layout="mono", codec="pcm_f32le", sample_format="fltp"):
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=rate, layout=layout)
            packed = sample_format == "flt"
            data = np.ascontiguousarray(samples.T.reshape(1, -1) if packed else samples, np.float32)
            frame = av.AudioFrame.from_ndarray(data, format=sample_format, layout=layout)
            frame.sample_rate = rate
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return write


def tone(rate, seconds=0.5, hertz=220.0, gain=0.5):
    return gain * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)


def peak_hertz(waveform, rate):
    spectrum = torch.fft.rfft(waveform * torch.hann_window(len(waveform))).abs()
    return float(spectrum.argmax()) * rate / len(waveform)


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("a.wav", "pcm_f32le", 44100),
        ("a.wav", "pcm_u8", 8000),
        ("a.wav", "pcm_s24le", 48000),
        ("a.flac", "flac", 16000),
        ("a.ogg", "libopus", 48000),
        ("a.mp3", "libmp3lame", 22050),
        ("a.m4a", "aac", 44100),
    ],
)
def test_any_container_and_rate(write_sound, name, codec, rate):
    path = write_sound(name, tone(rate)[None], rate=rate, codec=codec)
    waveform = read_audio(path)
    assert waveform.dtype == torch.float32
    # Lossy codecs work in blocks and may add one at the end.
    assert 8000 <= len(waveform) <= 8000 + 16000 * 2304 / rate
    assert peak_hertz(waveform[:8000], 16000) == pytest.approx(220, abs=2.5)
    assert float(waveform[1000:7000].square().mean().sqrt()) == pytest.approx(0.5 / 2**0.5, abs=0.02)


def test_lengths_are_exact_without_a_lossy_codec(write_sound):
    for rate in (8000, 11025, 44100, 48000):
        path = write_sound(f"{rate}.wav", tone(rate, seconds=1.0)[None], rate=rate)
        assert len(read_audio(path)) == 16000


def test_sound_that_is_too_long(write_sound):
    path = write_sound("two_seconds.wav", tone(16000, seconds=2)[None], rate=16000)
    assert len(read_audio(path, max_seconds=2)) == 32000
    with pytest.raises(ValueError, match=r"at most 1\.9 s, got more in .*two_seconds\.wav"):
        read_audio(path, max_seconds=1.9)


def test_surround_speech_stays_loud_and_nothing_clips(write_sound):
    rate = 48000
    channels = np.zeros((6, rate // 2))
    channels[2] = tone(rate, gain=0.9)  # FL FR FC LFE BL BR: the centre speaks
    speech = read_audio(write_sound("centre.wav", channels, rate=rate, layout="5.1"))
    assert 0.2 < float(speech.abs().max()) < 0.4
    loud = read_audio(write_sound("all.wav", np.tile(tone(rate, gain=1.0), (6, 1)), rate=rate, layout="5.1"))
    assert float(loud.abs().max()) == pytest.approx(1.0, abs=0.01)
    only_bass = np.zeros((6, rate // 2))
    only_bass[3] = 0.9
    assert float(read_audio(write_sound("bass.wav", only_bass, rate=rate, layout="5.1")).abs().max()) == 0


def test_stereo_is_the_mean_of_both_sides(write_sound):
    both = np.stack([np.full(1600, 0.5), np.full(1600, -0.1)])
    waveform = read_audio(write_sound("stereo.wav", both, rate=16000, layout="stereo"))
    torch.testing.assert_close(waveform, torch.full((1600,), 0.2), atol=1e-6, rtol=0)


def test_forty_milliseconds_and_silence(write_sound):
    assert len(read_audio(write_sound("short.wav", tone(48000, seconds=0.04)[None], rate=48000))) == 640
    silence = read_audio(write_sound("silence.wav", np.zeros((1, 8000)), rate=8000))
    assert len(silence) == 16000
    assert not silence.any()


def test_unscaled_floats_are_divided_by_their_peak(write_sound):
    waveform = read_audio(write_sound("loud.wav", 30000 * tone(16000)[None], rate=16000))
    assert float(waveform.abs().max()) == pytest.approx(1.0)
    np.testing.assert_allclose(waveform.numpy(), tone(16000, gain=1.0), atol=1e-3)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_finite_samples_are_refused(write_sound, bad):
    samples = tone(44100)
    samples[100] = bad
    with pytest.raises(ValueError, match=r"NaN or infinity in 1 of 22050 samples"):
        read_audio(write_sound("bad.wav", samples[None], rate=44100))


def test_files_without_sound_are_one_clear_error(tmp_path, make_video):
    with pytest.raises(ValueError, match="expected an audio stream"):
        read_audio(make_video("mute.mp4", num_frames=3))
    with pytest.raises(FileNotFoundError, match="found no file"):
        read_audio(tmp_path / "none.wav")
    for name, content in (("empty.wav", b""), ("text.wav", b"hello " * 99), ("zeros.mp3", bytes(4000))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=name):
            read_audio(tmp_path / name)


def test_zero_samples_are_refused(tmp_path):
    path = tmp_path / "nothing.wav"
    header = b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data\0\0\0\0"
    path.write_bytes(header)
    with pytest.raises(ValueError, match="0 samples"):
        read_audio(path)


def clicks(rate, at, seconds=2.0):
    samples = np.zeros(round(rate * seconds))
    for moment in at:
        samples[round(moment * rate) : round(moment * rate) + 4] = 0.9
    return samples


def click_times(waveform, rate=16000):
    loud = (waveform > 0.4).nonzero()[:, 0].tolist()
    return [i / rate for n, i in enumerate(loud) if not n or i - loud[n - 1] > rate // 50]


@pytest.mark.parametrize(("video_start", "audio_start"), [(0, 0), (0, 0.3), (1.5, 1.5), (0.5, 0.2), (0.2, 1.0)])
def test_start_offsets_between_sound_and_picture(make_video, video_start, audio_start):
    path = make_video(
        times=[video_start + i / 25 for i in range(50)],
        audio=clicks(16000, [1.0]),
        audio_start=audio_start,
    )
    waveform = read_audio(path, align_to_video=True)
    assert click_times(waveform) == [pytest.approx(1.0 + audio_start - video_start, abs=0.002)]
    assert len(align_audio(waveform, num_frames=50, fps=25, sample_rate=16000)) == 32000
    # Without alignment the sound begins with its first sample.
    assert click_times(read_audio(path)) == [pytest.approx(1.0, abs=0.002)]


def test_the_aac_encoders_padding_is_no_delay(make_video):
    path = make_video("talk.mp4", audio=clicks(48000, [0.5, 1.5]), sample_rate=48000, audio_codec="aac")
    assert click_times(read_audio(path, align_to_video=True)) == pytest.approx([0.5, 1.5], abs=0.002)


def test_alignment_needs_no_video(write_sound):
    path = write_sound("a.wav", tone(16000)[None], rate=16000)
    assert torch.equal(read_audio(path, align_to_video=True), read_audio(path))


@pytest.mark.parametrize("seconds", [0.04, 1.0, 5.0])
def test_sound_is_as_long_as_the_frames(make_video, seconds):
    path = make_video(num_frames=50, audio=tone(16000, seconds=seconds), sample_rate=16000)
    num_frames = sum(1 for _ in read_video(path))
    sound = read_audio(path, align_to_video=True)
    aligned = align_audio(sound, num_frames=num_frames, fps=25, sample_rate=16000)
    assert len(aligned) == 32000
    kept = min(len(sound), 32000)
    assert torch.equal(aligned[:kept], sound[:kept])
    assert not aligned[kept:].any()


def test_align_does_not_touch_its_input_and_refuses_nonsense():
    waveform = torch.ones(10)
    align_audio(waveform, num_frames=1, fps=25, sample_rate=100)[0] = 7
    assert waveform.eq(1).all()
    with pytest.raises((ValueError, TypeCheckError)):
        align_audio(torch.ones(2, 10), num_frames=1, fps=25, sample_rate=100)
    with pytest.raises(ValueError, match="num_frames=0"):
        align_audio(waveform, num_frames=0, fps=25, sample_rate=100)


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_written_sound_comes_back(tmp_path, suffix):
    waveform = torch.rand(100_001, generator=torch.Generator().manual_seed(0)) * 2 - 1
    path = tmp_path / f"new folder/ü{suffix}"
    write_audio(path, waveform, sample_rate=16000)
    torch.testing.assert_close(read_audio(path), waveform, atol=0.6 / 32768, rtol=0)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_write_refuses_what_is_no_sound(tmp_path):
    for bad, match in ((torch.zeros(0), "at least 1"), (torch.tensor([0.0, torch.nan]), "NaN")):
        with pytest.raises(ValueError, match=match):
            write_audio(tmp_path / "a.wav", bad)
    with pytest.raises((ValueError, TypeCheckError)):
        write_audio(tmp_path / "a.wav", torch.zeros(2, 5))
    with pytest.raises(ValueError, match=r"\.wav or \.flac"):
        write_audio(tmp_path / "a.mp3", torch.zeros(5))
    assert not list(tmp_path.iterdir())


def test_resampling_keeps_the_tone_and_its_place():
    source = torch.from_numpy(clicks(48000, [0.25, 0.75], seconds=1.0).astype(np.float32))
    down = resample_audio(source, from_rate=48000, to_rate=16000)
    assert len(down) == 16000
    assert int(down[:8000].argmax()) == pytest.approx(4000, abs=2)
    assert int(down[8000:].argmax()) == pytest.approx(4000, abs=2)


def test_broken_packets_are_skipped_and_told(make_video, tmp_path, caplog):
    whole = bytearray(
        make_video("t.mkv", audio=tone(48000, seconds=2), sample_rate=48000, audio_codec="aac").read_bytes()
    )
    for place in range(len(whole) // 3, len(whole) // 2, 40):
        whole[place] ^= 0x55
    path = tmp_path / "broken.mkv"
    path.write_bytes(bytes(whole))
    with caplog.at_level(logging.WARNING, logger="kp_io"):
        waveform = read_audio(path)
    assert "broken" in caplog.text
    assert 8000 < len(waveform) < 34000

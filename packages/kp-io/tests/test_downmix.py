"""Channels that cancel when they are mixed."""

import logging

import av
import numpy as np
import pytest
import torch

from kp_io import read_audio
from kp_io.media.sound.downmix import Downmix, wav_mixer

RATE = 16_000
SPEECH = (0.5 * np.random.default_rng(0).standard_normal(2 * RATE).clip(-1, 1)).astype(np.float32)


def write(path, channels, layout):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_f32le", rate=RATE, layout=layout)
        data = np.ascontiguousarray(channels.T.reshape(1, -1), np.float32)
        frame = av.AudioFrame.from_ndarray(data, format="flt", layout=layout)
        frame.sample_rate = RATE
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return path


@pytest.mark.parametrize("gain", [-1.0, -0.9, -0.8])
def test_inverted_stereo_is_heard_and_told(tmp_path, caplog, gain):
    path = write(tmp_path / "inverted.wav", np.stack([SPEECH, gain * SPEECH]), "stereo")
    with caplog.at_level(logging.WARNING, logger="kp_io"):
        waveform = read_audio(path)
    torch.testing.assert_close(waveform, torch.from_numpy(SPEECH))
    assert caplog.text.count("cancel each other") == 1


def test_inverted_fronts_of_5_1_are_heard(tmp_path):
    channels = np.zeros((6, len(SPEECH)), np.float32)
    channels[0], channels[1] = 0.5 * SPEECH, -SPEECH
    channels[0] *= 2
    path = write(tmp_path / "front.wav", channels, "5.1")
    assert float(read_audio(path).abs().mean()) == pytest.approx(float(np.abs(SPEECH).mean()), rel=0.01)


@pytest.mark.parametrize("gain", [1.0, 0.5, 0.0, -0.3])
def test_other_stereo_is_the_mean(tmp_path, gain, caplog):
    path = write(tmp_path / "stereo.wav", np.stack([SPEECH, gain * SPEECH]), "stereo")
    torch.testing.assert_close(read_audio(path), torch.from_numpy(SPEECH) * (1 + gain) / 2)
    assert not caplog.text


def test_speech_of_5_1_is_in_the_centre_and_the_bass_channel_is_left_out(tmp_path):
    def level(channel):
        channels = np.zeros((6, RATE), np.float32)
        channels[channel] = 0.5
        return float(read_audio(write(tmp_path / f"{channel}.wav", channels, "5.1")).mean())

    left, right, centre, bass, *surround = map(level, range(6))
    assert bass == 0
    assert left == right == pytest.approx(0.7071 * centre, rel=1e-3)
    assert surround == pytest.approx([0.5 * centre] * 2, rel=1e-3)


def test_sound_that_is_inverted_for_a_while_does_not_click():
    tone = np.sin(np.arange(RATE) / 40).astype(np.float32)
    downmix = Downmix("talk.wav")
    blocks = [np.stack([tone, sign * tone])[:, n : n + 320] for sign in (1, -1, 1) for n in range(0, RATE, 320)]
    mixed = np.concatenate([downmix.push([block], ["FL", "FR"], rate=RATE)[0] for block in blocks])
    assert np.abs(mixed[RATE + RATE // 2 : 2 * RATE]).max() > 0.9


def test_a_mask_gives_the_weights_of_files(tmp_path):
    channels = np.random.default_rng(1).uniform(-0.5, 0.5, (6, RATE)).astype(np.float32)
    for layout, mask in (("5.1", 0x3F), ("5.1(side)", 0x60F)):
        mixed = wav_mixer(6, mask=mask, rate=RATE, name="x")(channels)
        torch.testing.assert_close(torch.from_numpy(mixed), read_audio(write(tmp_path / "m.wav", channels, layout)))

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from nnAudio.features.mel import MelSpectrogram

from a2k_nets.blocks.log_mel import LogMelSpectrogram
from a2k_nets.config.audio import AudioConfig
from a2k_nets.onnx.convolved_log_mel import ConvolvedLogMel
from kp_io.media.audio import read_audio

SPEECH = Path(__file__).parents[3] / "examples" / "assets" / "sense_and_sensibility_0870.wav"
CONFIGS = [AudioConfig(), AudioConfig(n_fft=640, win_length=640, n_mels=64, f_min=80.0, f_max=8_000.0)]


def hz_to_mel(hz):
    return 2595 * np.log10(1 + np.asarray(hz) / 700)


def numpy_log_mel(waveform: np.ndarray, config: AudioConfig) -> np.ndarray:
    """The formula in plain NumPy, band by band and frame by frame."""
    n_fft, win, hop = config.n_fft, config.win_length, config.hop_length
    window = np.zeros(n_fft)
    left = (n_fft - win) // 2
    window[left : left + win] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(win) / win)
    frequencies = np.arange(n_fft // 2 + 1) * config.sample_rate / n_fft
    mels = np.linspace(hz_to_mel(config.f_min), hz_to_mel(config.f_max), config.n_mels + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    bands = np.zeros((config.n_mels, len(frequencies)))
    for m in range(config.n_mels):
        low, peak, high = edges[m : m + 3]
        rising, falling = (frequencies - low) / (peak - low), (high - frequencies) / (high - peak)
        bands[m] = np.maximum(0, np.minimum(rising, falling))
    side = (n_fft - hop) // 2
    padded = np.pad(waveform, side)
    frames = [padded[start : start + n_fft] * window for start in range(0, len(padded) - n_fft + 1, hop)]
    magnitude = np.abs(np.fft.rfft(np.stack(frames), axis=1))
    return np.log(magnitude @ bands.T + config.log_offset).T


@pytest.mark.parametrize("config", [AudioConfig(), AudioConfig(n_mels=64, f_min=80.0, f_max=8_000.0)])
def test_agrees_with_plain_numpy(config):
    rng = np.random.default_rng(0)
    time = np.arange(8_000) / config.sample_rate
    waveform = 0.3 * np.sin(2 * np.pi * 440 * time) + 0.05 * rng.standard_normal(len(time))
    expected = numpy_log_mel(waveform, config)
    got = LogMelSpectrogram(config)(torch.from_numpy(waveform).float()[None])[0]
    np.testing.assert_allclose(got.numpy(), expected, atol=1e-4)


def nnaudio_layer(config: AudioConfig) -> MelSpectrogram:
    return MelSpectrogram(
        sr=config.sample_rate,
        n_fft=config.n_fft,
        win_length=config.win_length,
        hop_length=config.hop_length,
        n_mels=config.n_mels,
        fmin=config.f_min,
        fmax=config.f_max,
        htk=True,
        norm=None,
        power=1.0,
        center=False,
        verbose=False,
    ).double()


@pytest.mark.parametrize("make", [LogMelSpectrogram, lambda config: ConvolvedLogMel(LogMelSpectrogram(config))])
@pytest.mark.parametrize("config", CONFIGS)
def test_is_nnaudio_s_spectrogram(make, config):
    ours, golden = make(config), nnaudio_layer(config)
    assert torch.equal(ours.mel_filters, golden.mel_basis.float())
    speech = read_audio(SPEECH)
    speech = speech[None, : len(speech) // config.hop_length * config.hop_length]
    # A quiet room: the logarithm of bands without any sound shows the roundings of float32.
    speech = speech + 1e-3 * torch.randn(speech.shape, generator=torch.Generator().manual_seed(0))
    padded = torch.nn.functional.pad(speech.double(), (config.padding, config.padding))
    expected = torch.log(golden(padded) + config.log_offset)
    assert float((ours(speech).double() - expected).abs().max()) <= 1e-4


def test_autocast_does_not_touch_it():
    layer, waveform = LogMelSpectrogram(AudioConfig()), torch.randn(2, 1_600)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(layer(waveform), layer(waveform.float()))
        inside = layer(waveform)
    assert inside.dtype == torch.float32
    assert torch.equal(inside, layer(waveform))


def test_it_runs_on_the_meta_device():
    assert LogMelSpectrogram(AudioConfig()).to("meta")(torch.zeros(1, 640, device="meta")).shape == (1, 80, 4)


def test_scipy_is_not_imported_with_it():
    program = "import sys, a2k_nets.blocks.log_mel; print('scipy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_silence_is_the_log_of_the_offset():
    silence = LogMelSpectrogram(AudioConfig())(torch.zeros(2, 640))
    assert torch.allclose(silence, torch.full_like(silence, float(np.log(1e-6))))


@pytest.mark.parametrize("hops", [1, 2, 4, 101])
def test_has_exactly_one_frame_a_hop(hops):
    config = AudioConfig()
    assert LogMelSpectrogram(config)(torch.zeros(1, hops * config.hop_length)).shape == (1, config.n_mels, hops)


def test_a_frame_is_centred_on_its_hop():
    config = AudioConfig()
    waveform = torch.zeros(1, 20 * config.hop_length)
    waveform[0, 10 * config.hop_length + config.hop_length // 2] = 1.0
    assert int(LogMelSpectrogram(config)(waveform)[0].sum(dim=0).argmax()) == 10


def test_refuses_a_part_of_a_hop():
    with pytest.raises(ValueError, match="multiple of 160 samples"):
        LogMelSpectrogram(AudioConfig())(torch.zeros(1, 161))


def test_checkpoints_do_not_carry_the_fourier_kernels(model):
    assert not LogMelSpectrogram(AudioConfig()).state_dict()
    assert not [name for name in model.state_dict() if "log_mel" in name]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hop_length": 0}, "hop_length"),
        ({"win_length": 1024}, "win_length"),
        ({"hop_length": 161}, "even"),
        ({"f_max": 9_000.0}, "f_max"),
    ],
)
def test_refuses_settings_that_do_not_fit(settings, message):
    with pytest.raises(ValueError, match=message):
        AudioConfig(**settings)

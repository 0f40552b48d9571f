"""The log-mel front end of ten seconds of speech, beside torchaudio's formula and librosa.

    nox -s bench -- benchmarks/speed/bench_log_mel.py

torchaudio's `MelSpectrogram` is a Hann-windowed `torch.stft`, a power of it and a product with triangular filters,
which is written out here: the library has no build for every machine, the formula runs on all. librosa is measured
where it is installed.
"""

import numpy as np
import pytest
import torch

from a2k_nets.blocks.log_mel import LogMelSpectrogram
from a2k_nets.config.audio import AudioConfig

SECONDS = 10
CONFIG = AudioConfig()
NOTE = {"against": "torchaudio's formula in torch", "amount": SECONDS, "unit": "s of speech"}

pytestmark = pytest.mark.benchmark(group=f"log-mel of {SECONDS} s of speech")


@pytest.fixture(scope="module")
def waveform(device):
    noise = torch.randn(1, SECONDS * CONFIG.sample_rate, generator=torch.Generator().manual_seed(0))
    return 0.1 * noise.to(device)


@pytest.fixture(scope="module")
def ours(device):
    return LogMelSpectrogram(CONFIG).to(device)


def triangles() -> torch.Tensor:
    """Return the mel filters `(n_fft / 2 + 1, n_mels)`: triangles that peak at 1, evenly spaced on HTK's scale."""

    def mel(hertz: float) -> float:
        return 2595 * torch.tensor(1 + hertz / 700, dtype=torch.float64).log10().item()

    corners = torch.linspace(mel(CONFIG.f_min), mel(CONFIG.f_max), CONFIG.n_mels + 2, dtype=torch.float64)
    hertz = 700 * (10 ** (corners / 2595) - 1)
    bins = torch.linspace(0, CONFIG.sample_rate / 2, CONFIG.n_fft // 2 + 1, dtype=torch.float64)[:, None]
    rise = (bins - hertz[:-2]) / (hertz[1:-1] - hertz[:-2])
    fall = (hertz[2:] - bins) / (hertz[2:] - hertz[1:-1])
    return torch.minimum(rise, fall).clamp(min=0).float()


def bench_ours(measure, ours, waveform):
    with torch.inference_mode():
        assert measure(lambda: ours(waveform), row="ours, inside the model", **NOTE).shape[-1] == SECONDS * 100


def bench_torchaudio_formula(measure, ours, waveform):
    window = torch.hann_window(CONFIG.win_length, device=waveform.device)
    filters = triangles().to(waveform.device)

    def log_mel():
        padded = torch.nn.functional.pad(waveform, (CONFIG.padding, CONFIG.padding))
        spectrum = torch.stft(
            padded, CONFIG.n_fft, CONFIG.hop_length, CONFIG.win_length, window, center=False, return_complex=True
        )
        mel = (spectrum.abs().mT @ filters).mT
        return torch.log(mel + CONFIG.log_offset)

    with torch.inference_mode():
        found = measure(log_mel, row=NOTE["against"], **NOTE | {"against": None})
        torch.testing.assert_close(found, ours(waveform), atol=2e-2, rtol=0)


def bench_librosa(measure, cpu_only, ours, waveform):
    librosa = pytest.importorskip("librosa", reason="needs librosa")
    sound = waveform[0].numpy()

    def log_mel():
        padded = np.pad(sound, CONFIG.padding)
        mel = librosa.feature.melspectrogram(
            y=padded,
            sr=CONFIG.sample_rate,
            n_fft=CONFIG.n_fft,
            hop_length=CONFIG.hop_length,
            win_length=CONFIG.win_length,
            n_mels=CONFIG.n_mels,
            fmin=CONFIG.f_min,
            fmax=CONFIG.f_max,
            htk=True,
            norm=None,
            power=1.0,
            center=False,
        )
        return np.log(mel + CONFIG.log_offset)

    found = measure(log_mel, row="librosa", **NOTE)
    with torch.inference_mode():
        torch.testing.assert_close(torch.from_numpy(found)[None].float(), ours(waveform), atol=2e-2, rtol=0)

"""Generation from ten seconds of speech, and its log-mel front end beside the same formula on torch.stft.

    nox -s bench -- benchmarks/bench_generate.py

Medians over ten seconds of sound: a median of 50 ms is 200 times real time.
"""

import pytest
import torch

from a2k_nets.config import AudioConfig
from a2k_nets.log_mel import LogMelSpectrogram
from a2k_nets.model import Audio2Keypoint

SECONDS = 10
CONFIG = AudioConfig()


@pytest.fixture(scope="module")
def waveform():
    return torch.randn(1, SECONDS * CONFIG.sample_rate, generator=torch.Generator().manual_seed(0)) * 0.1


@pytest.fixture(scope="module")
def model():
    return Audio2Keypoint.from_pretrained()


@pytest.mark.benchmark(group="generation, 10 s of speech")
@pytest.mark.parametrize("head", ["with its own motion", "told by the speech alone"])
def bench_generation(benchmark, model, waveform, head):
    reference = model.normalizer.mean_face[None] * 60 + 112

    @torch.inference_mode()
    def generate():
        generator = torch.Generator().manual_seed(0) if head == "with its own motion" else None
        return model(waveform, reference, generator=generator)

    frames = benchmark(generate)
    assert frames.shape[1] == 25 * SECONDS
    benchmark.extra_info["times real time"] = SECONDS / benchmark.stats.stats.median


@pytest.mark.benchmark(group="log-mel, 10 s of speech")
def bench_log_mel(benchmark, waveform):
    log_mel = LogMelSpectrogram(CONFIG)
    with torch.inference_mode():
        assert benchmark(log_mel, waveform).shape[-1] == SECONDS * 100


@pytest.mark.benchmark(group="log-mel, 10 s of speech")
def bench_log_mel_by_torch_stft(benchmark, waveform):
    ours = LogMelSpectrogram(CONFIG)
    window = torch.hann_window(CONFIG.win_length)
    filters = ours.mel_filters

    def log_mel(sound):
        padded = torch.nn.functional.pad(sound, (CONFIG.padding, CONFIG.padding))
        spectrum = torch.stft(
            padded, CONFIG.n_fft, CONFIG.hop_length, CONFIG.win_length, window, center=False, return_complex=True
        )
        return torch.log(filters @ spectrum.abs() + CONFIG.log_offset)

    with torch.inference_mode():
        torch.testing.assert_close(benchmark(log_mel, waveform), ours(waveform), atol=1e-3, rtol=1e-3)

import pytest
import torch

from kp_io.media.audio import resample_audio
from kp_io.media.audio_resampler import Resampler

SOUND = torch.randn(9_001, generator=torch.Generator().manual_seed(0)) * 0.3


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("size", [1, 37, 4_096, 9_001])
def test_pieces_are_the_whole(rate, size):
    resampler = Resampler(from_rate=rate, to_rate=16_000)
    pieces = [resampler.push(piece) for piece in SOUND[:3_000].split(size)]
    assert torch.equal(
        torch.cat([*pieces, resampler.flush()]), resample_audio(SOUND[:3_000], from_rate=rate, to_rate=16_000)
    )


def test_it_waits_for_a_few_milliseconds_only():
    resampler = Resampler(from_rate=48_000, to_rate=16_000)
    assert len(resampler.push(SOUND)) >= len(SOUND) // 3 - 32


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
def test_nothing_gives_nothing(rate):
    resampler = Resampler(from_rate=rate, to_rate=16_000)
    assert len(resampler.push(torch.zeros(0))) == len(resampler.flush()) == 0


def test_rates_that_are_none():
    with pytest.raises(ValueError, match="positive sample rates, got 0"):
        Resampler(from_rate=0, to_rate=16_000)

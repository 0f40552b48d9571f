"""The front of Whisper's encoder: equal to what it was taken from, and the same in windows."""

from pathlib import Path

import numpy as np
import pytest
import torch

from a2k_nets.whisper import WhisperEncoder, WindowedFeatures
from a2k_nets.whisper.windowed_features import encode_waveform
from kp_io import read_audio

#: Features of the reading at some positions, by the encoder whose four blocks equal CTranslate2's to 7e-5; see
#: scripts/extract_whisper.py.
GOLDEN = Path(__file__).parent / "golden" / "whisper_features.npz"
READING = Path(__file__).parents[3] / "examples" / "assets" / "sense_and_sensibility_0870.wav"


@pytest.fixture(scope="module")
def encoder():
    return WhisperEncoder()


@pytest.fixture(scope="module")
def reading():
    return read_audio(READING, sample_rate=16_000)[None, :80_000]


@torch.inference_mode()
def test_features_equal_the_golden_ones(encoder, reading):
    golden = np.load(GOLDEN)
    features = encoder(reading)[0, golden["positions"].tolist()]
    assert (features - torch.from_numpy(golden["features"])).abs().max() < 1e-3
    assert features.std() > 0.3


def test_the_encoder_is_neither_saved_nor_trained(encoder):
    assert not encoder.state_dict()
    assert not list(encoder.parameters())
    assert encoder.to(torch.float64).position_encodings.dtype == torch.float64
    encoder.to(torch.float32)


@torch.inference_mode()
@pytest.mark.parametrize("piece", [320, 6_400, 15_999, 80_000])
def test_pieces_give_the_features_of_the_whole(encoder, reading, piece):
    whole = encode_waveform(encoder, reading, hop=60, overlap=20)
    stream = WindowedFeatures(encoder, hop=60, overlap=20)
    pieces = torch.split(reading, piece, dim=1)
    features = [stream.push(part, end=part is pieces[-1]) for part in pieces]
    assert whole.shape == (1, 250, 384)
    torch.testing.assert_close(torch.cat(features, dim=1), whole)


@torch.inference_mode()
def test_windows_hear_nearly_what_the_whole_recording_gives(encoder, reading):
    whole, windowed = encoder(reading)[0], encode_waveform(encoder, reading, hop=100, overlap=50)[0]
    agreement = torch.cosine_similarity(whole - whole.mean(0), windowed - windowed.mean(0), dim=1)
    # At the seams, every 100 features, as well as between them.
    assert agreement.mean() > 0.85
    assert agreement[95:105].mean() > 0.8


@torch.inference_mode()
def test_memory_does_not_grow(encoder):
    stream, kept = WindowedFeatures(encoder, hop=20, overlap=5), set()
    for _ in range(30):
        stream.push(torch.zeros(1, 6_400))
        kept.add(stream._pending[0].untyped_storage().nbytes())
    assert max(kept) <= 4 * 320 * (20 + 2 * 5)

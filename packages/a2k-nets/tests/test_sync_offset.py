import wave
from pathlib import Path

import numpy as np
import pytest
import torch

from a2k_nets.residual.model import Audio2Keypoint
from a2k_nets.sync.offset import measure_offset

SPEECH = Path(__file__).parents[3] / "examples" / "assets" / "sense_and_sensibility_0870.wav"


@pytest.fixture(scope="module")
def embedded() -> Audio2Keypoint:
    return Audio2Keypoint.from_pretrained()


@pytest.fixture(scope="module")
def spoken() -> torch.Tensor:
    """Five seconds of a human voice. (S,)"""
    with wave.open(str(SPEECH)) as file:
        samples = np.frombuffer(file.readframes(80_000), np.int16)
    return torch.from_numpy(samples / 32768).float()


@pytest.fixture(scope="module")
def face(embedded, spoken) -> torch.Tensor:
    """A face that speaks it, as the model has it, every point trembling on its own as detectors let them. (T, 68, 2)"""
    generator = torch.Generator().manual_seed(0)
    reference = embedded.normalizer.mean_face_px[None]
    with torch.inference_mode():
        points = embedded(spoken[None], reference, generator=generator)[0]
    return points + 0.3 * torch.randn(points.shape, generator=generator)


def late(waveform: torch.Tensor, milliseconds: float) -> torch.Tensor:
    samples = round(16 * milliseconds)
    return torch.nn.functional.pad(waveform, (samples, -samples))


@pytest.mark.parametrize("milliseconds", [-320, -160, -40, 0, 40, 120, 320])
def test_a_known_shift_is_found_and_its_sign_is_that_of_late_sound(embedded, spoken, face, milliseconds):
    offset = measure_offset(embedded, late(spoken, milliseconds), face)
    assert offset.milliseconds == pytest.approx(milliseconds, abs=20)
    assert offset.is_confident
    assert offset.note == ""


def test_it_is_finer_than_a_frame(embedded, spoken, face):
    found = [measure_offset(embedded, late(spoken, 100 + part), face).milliseconds for part in (0, 10, 20)]
    assert [value - found[0] for value in found[1:]] == pytest.approx([10, 20], abs=5)


def test_size_place_and_roll_of_the_face_do_not_matter(embedded, spoken, face):
    turn = torch.tensor([[0.96, 0.28], [-0.28, 0.96]])
    plain = measure_offset(embedded, late(spoken, 80), face)
    turned = measure_offset(embedded, late(spoken, 80), 3 * face @ turn + 500)
    assert turned.milliseconds == pytest.approx(plain.milliseconds, abs=2)


def test_lips_that_say_something_else_are_no_confident_match(embedded, spoken, face):
    assert not measure_offset(embedded, spoken, face.flip(0)).is_confident


def test_confidence_falls_with_noise_and_shortness(embedded, spoken, face):
    noisy = face + 6 * torch.randn(face.shape, generator=torch.Generator().manual_seed(1))
    sure, unsure, short = (
        measure_offset(embedded, sound, points).confidence
        for sound, points in ((spoken, face), (spoken, noisy), (spoken[:16_000], noisy[:25]))
    )
    assert sure > unsure
    assert sure > short
    assert 0 <= short <= 1


def test_sound_beyond_a_minute_goes_through_in_pieces(embedded, spoken, face, monkeypatch):
    whole = measure_offset(embedded, late(spoken, 120), face)
    monkeypatch.setattr("a2k_nets.sync.offset._CHUNK_SECONDS", 2)
    assert measure_offset(embedded, late(spoken, 120), face).milliseconds == pytest.approx(whole.milliseconds, abs=10)


def test_the_longer_one_is_cut(embedded, spoken, face):
    assert measure_offset(embedded, spoken, face[:100]).is_confident
    assert measure_offset(embedded, spoken[:64_000], face).is_confident


def test_silence_and_a_still_mouth_are_no_measurement(embedded, spoken, face):
    for waveform, points, note in (
        (torch.zeros_like(spoken), face, "silence"),
        (spoken, face[:1].expand(len(face), -1, -1), "the mouth does not move"),
    ):
        offset = measure_offset(embedded, waveform, points)
        assert (offset.milliseconds, offset.confidence, offset.note) == (0.0, 0.0, note)


def test_inputs_stay_as_they_are(embedded, spoken, face):
    before = spoken.clone(), face.clone()
    measure_offset(embedded, spoken, face)
    assert torch.equal(spoken, before[0])
    assert torch.equal(face, before[1])


def test_what_cannot_be_measured_is_refused(embedded, spoken, face):
    with pytest.raises(ValueError, match=r"at least 1 s of sound and face to compare, got 0.96 s"):
        measure_offset(embedded, spoken, face[:24])
    with pytest.raises(ValueError, match=r"max_offset_seconds of at least 0.08, got 0.01"):
        measure_offset(embedded, spoken, face, max_offset_seconds=0.01)
    with pytest.raises(ValueError, match="finite waveform"):
        measure_offset(embedded, spoken * torch.nan, face)
    broken = face.clone()
    broken[7] = torch.nan
    with pytest.raises(ValueError, match="finite keypoints"):
        measure_offset(embedded, spoken, broken)


def test_another_layout_is_refused(embedded, spoken, face):
    with pytest.raises(ValueError, match=r"a reference of shape \(1, 68, 2\)"):
        measure_offset(embedded, spoken, face[:, :20])

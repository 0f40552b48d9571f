"""The signal processing of benchmarks/robustness.py."""

import doctest
import importlib
import sys
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
if not BENCHMARKS.is_dir():
    pytest.skip("the benchmarks are in the repository, not in packages", allow_module_level=True)
sys.path.insert(0, str(BENCHMARKS))
channel_effects, noise, voice_conversion = (
    importlib.import_module(f"listening.{name}") for name in ("channel_effects", "noise", "voice_conversion")
)
sys.path.remove(str(BENCHMARKS))

from listening.channel_effects import add_noise, clip_peaks, reverb, telephone, whisper  # noqa: E402 - once it is found
from listening.noise import babble, music, street_noise  # noqa: E402
from listening.voice_conversion import age_voice, shift_formants, shift_pitch  # noqa: E402

RATE = 16_000
TIME = torch.arange(RATE) / RATE


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tone(pitch: float) -> torch.Tensor:
    return 0.3 * torch.sin(2 * torch.pi * pitch * TIME)


def voice(pitch: float) -> torch.Tensor:
    """Pulses through two resonances, at 500 and 1,500 Hz."""
    harmonic = torch.arange(1, int(7_000 / pitch))[:, None]
    loud = sum(1 / (1 + ((harmonic * pitch - place) / 80) ** 2) for place in (500.0, 1_500.0))
    return 0.2 * (loud * torch.sin(2 * torch.pi * harmonic * pitch * TIME)).sum(dim=0)


def rms(waveform: torch.Tensor) -> torch.Tensor:
    return waveform.square().mean(dim=-1).sqrt()


def spectrum(waveform: torch.Tensor) -> torch.Tensor:
    """Magnitude at every Hz."""
    return torch.fft.rfft(waveform).abs()


SPEECH = torch.stack((voice(120.0), 0.1 * voice(210.0) * (TIME < 0.5)))

CHANGES = {
    "reverb": lambda x, seed: reverb(x, t60=0.6, generator=seeded(seed)),
    "whisper": lambda x, seed: whisper(x, generator=seeded(seed)),
    "age": lambda x, seed: age_voice(x, generator=seeded(seed)),
    "telephone": lambda x, _: telephone(x),
    "clip": lambda x, _: clip_peaks(x, share=0.1),
    "formants": lambda x, _: shift_formants(x, ratio=1.25),
    "pitch": lambda x, _: shift_pitch(x, ratio=1.5, formants=1.25),
}


@pytest.mark.parametrize("name", CHANGES)
class TestEveryChange:
    def test_keeps_length_and_level_and_changes_something(self, name):
        before = SPEECH.clone()
        changed = CHANGES[name](SPEECH, 0)
        assert torch.equal(SPEECH, before)
        assert changed.shape == SPEECH.shape
        assert changed.dtype == torch.float32
        assert not torch.allclose(changed, SPEECH, atol=1e-3)
        if name != "telephone":  # which has no bass
            assert torch.allclose(rms(changed), rms(SPEECH), rtol=1e-3)

    def test_one_waveform_and_odd_lengths_will_do(self, name):
        assert CHANGES[name](SPEECH[0, :9_601], 0).shape == (9_601,)

    def test_is_deterministic_and_leaves_the_global_generator(self, name):
        state = torch.random.get_rng_state()
        once, again, other = (CHANGES[name](SPEECH, seed) for seed in (0, 0, 1))
        assert torch.equal(once, again)
        assert torch.equal(torch.random.get_rng_state(), state)
        assert torch.equal(once, other) == (name not in ("reverb", "whisper", "age"))

    def test_silence_stays_silent(self, name):
        assert float(CHANGES[name](torch.zeros(2, 8_000), 0).abs().max()) < 1e-6

    def test_each_waveform_is_changed_by_itself(self, name):
        if name in ("whisper", "age"):
            pytest.skip("every waveform gets noise of its own")
        changed = CHANGES[name](SPEECH, 0)
        alone = CHANGES[name](SPEECH[1], 0)
        # Where there is nothing but rounding, its phase is anything.
        assert float((changed[1] - alone).norm() / alone.norm()) < 0.01


@pytest.mark.parametrize("snr_db", [20.0, 5.0, 0.0, -5.0])
def test_the_noise_is_as_far_below_the_speech_as_asked(snr_db):
    noise = 7 * torch.randn(SPEECH.shape, generator=seeded())
    added = add_noise(SPEECH, noise, snr_db) - SPEECH
    assert torch.allclose(20 * (rms(SPEECH) / rms(added)).log10(), torch.full((2,), snr_db), atol=0.01)


def test_every_waveform_can_have_its_own_snr():
    noise = torch.randn(SPEECH.shape, generator=seeded())
    added = add_noise(SPEECH, noise, torch.tensor([[10.0], [30.0]])) - SPEECH
    assert torch.allclose(20 * (rms(SPEECH) / rms(added)).log10(), torch.tensor([10.0, 30.0]), atol=0.05)


def test_silence_gets_no_noise_and_no_noise_changes_nothing():
    assert not add_noise(torch.zeros(8), torch.ones(8), 0.0).any()
    assert torch.equal(add_noise(SPEECH, torch.zeros_like(SPEECH), 0.0), SPEECH)


@pytest.mark.parametrize("t60", [0.3, 1.0])
def test_a_room_decays_by_sixty_decibels_in_its_time(t60):
    click = torch.zeros(2 * RATE)
    click[0] = 1.0
    room = reverb(click, t60=t60, generator=seeded())
    late = [rms(room[round(share * t60 * RATE) :][:800]) for share in (0.1, 0.6)]
    assert 20 * torch.log10(late[0] / late[1]) == pytest.approx(30.0, abs=3.0)
    # The direct sound and the room have equal energies, after the direct one came at once.
    assert float(room[0] ** 2 / room[1:].square().sum()) == pytest.approx(1.0, rel=0.01)
    assert not room[1:80].abs().max() > 1e-5


def test_a_telephone_has_neither_bass_nor_treble():
    heard = {pitch: float(rms(telephone(tone(pitch))) / rms(tone(pitch))) for pitch in (100, 1_000, 3_000, 5_000)}
    assert heard[1_000] == pytest.approx(1, abs=0.02)
    assert heard[3_000] == pytest.approx(1, abs=0.02)
    assert heard[100] < 0.02
    assert heard[5_000] < 0.02


def test_a_telephone_counts_in_few_steps():
    error = telephone(tone(1_000.0)) - tone(1_000.0)
    assert 25 < float(20 * torch.log10(rms(tone(1_000.0)) / rms(error))) < 45  # 8 bits of mu-law


@pytest.mark.parametrize("share", [0.0, 0.05, 0.4])
def test_as_many_samples_are_cut_as_asked(share):
    clipped = clip_peaks(SPEECH[0], share=share)
    flat = (clipped.abs() > clipped.abs().max() * (1 - 1e-6)).float().mean()
    assert float(flat) == pytest.approx(share, abs=0.01)


def test_a_whisper_has_formants_but_no_pitch():
    said, hushed = SPEECH[0], whisper(SPEECH[0], generator=seeded())
    harmonics, between = torch.arange(480, 1_600, 120), torch.arange(540, 1_600, 120)
    assert float(spectrum(said)[harmonics].mean() / spectrum(said)[between].mean()) > 20
    assert 0.4 < float(spectrum(hushed)[harmonics].mean() / spectrum(hushed)[between].mean()) < 2.5
    assert float(spectrum(hushed)[400:600].mean() / spectrum(hushed)[900:1_100].mean()) > 2


def test_formants_move_and_pitch_stays():
    higher = spectrum(shift_formants(SPEECH[0], ratio=1.4))
    assert float(higher[120 * torch.arange(2, 20)].sum() / higher[120 * torch.arange(2, 20) + 60].sum()) > 5
    assert abs(int(higher[300:1_000].argmax()) + 300 - 700) <= 150
    assert abs(int(spectrum(SPEECH[0])[300:1_000].argmax()) + 300 - 500) <= 30


@pytest.mark.parametrize("ratio", [0.8, 1.5])
def test_pitch_moves_and_formants_stay(ratio):
    shifted, pitch = spectrum(shift_pitch(SPEECH[0], ratio=ratio)), round(120 * ratio)
    harmonics = pitch * torch.arange(2, 10)
    assert float(shifted[harmonics].sum() / shifted[harmonics + pitch // 2].sum()) > 5
    assert abs(int(shifted[300:1_000].argmax()) + 300 - 500) <= pitch / 2 + 10


def test_a_ratio_of_one_is_the_same_voice():
    assert torch.allclose(shift_pitch(SPEECH[0], ratio=1.0), SPEECH[0], atol=2e-3)


def test_old_voices_tremble():
    loud = age_voice(tone(200.0), generator=seeded()).unfold(0, 320, 320).square().mean(dim=1).sqrt()
    beat = torch.fft.rfft(loud - loud.mean()).abs()
    assert int(beat[2:12].argmax()) + 2 == 5  # in one second


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda: reverb(SPEECH, t60=0.0, generator=seeded()), "decay time t60 above 0 s, got 0.0"),
        (lambda: clip_peaks(SPEECH, share=1.0), r"within \[0, 1\), got 1.0"),
        (lambda: shift_formants(SPEECH, ratio=0.0), "ratio above 0, got 0.0"),
        (lambda: shift_pitch(SPEECH, ratio=-1.0), "ratio above 0, got -1.0"),
        (lambda: babble([torch.zeros(9)], 5, generator=seeded()), "not silent, got 1 silent"),
    ],
)
def test_what_makes_no_sense_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        change()


NOISES = {
    "babble": lambda length, seed: babble([tone(100.0 * k)[: 900 * k] for k in range(1, 12)], length, generator=seed),
    "street": lambda length, seed: street_noise(length, generator=seed),
    "music": lambda length, seed: music(length, generator=seed),
}


@pytest.mark.parametrize("name", NOISES)
class TestNoises:
    def test_the_seed_decides(self, name):
        state = torch.random.get_rng_state()
        once, again, other = (NOISES[name](24_001, seeded(seed)) for seed in (0, 0, 1))
        assert once.shape == (24_001,)
        assert bool(torch.isfinite(once).all())
        assert torch.equal(once, again)
        assert not torch.equal(once, other)
        assert torch.equal(torch.random.get_rng_state(), state)

    @pytest.mark.parametrize("length", [1, 700])
    def test_short_ones(self, name, length):
        assert NOISES[name](length, seeded()).shape == (length,)


def test_babble_is_as_many_voices_as_asked():
    voices = [tone(pitch) for pitch in (200.0, 300.0, 400.0, 500.0)] + [torch.zeros(RATE)]
    heard = spectrum(babble(voices, RATE, generator=seeded(), count=3))[[200, 300, 400, 500]]
    assert int((heard > 100).sum()) == 3
    assert float(heard.topk(3).values.min() / heard.max()) > 0.9


def test_streets_are_low_and_music_has_a_key():
    street = spectrum(street_noise(RATE * 4, generator=seeded()))
    assert float(street[: 4 * 500].square().sum() / street.square().sum()) > 0.6
    tune = spectrum(music(RATE * 4, generator=seeded()))
    loudest = tune[400:8_000].topk(20).values.mean() / tune[400:8_000].median()
    assert float(loudest) > 30


@pytest.mark.parametrize("module", [channel_effects, noise, voice_conversion], ids=lambda module: module.__name__)
def test_examples_run(module):
    assert doctest.testmod(module, extraglobs={"torch": torch}).failed == 0

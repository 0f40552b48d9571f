"""The conditions of `robustness.py`: a name and a degradation of speech each."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from listening.channel_effects import add_noise, clip_peaks, reverb, telephone, whisper
from listening.noise import babble, music, street_noise
from listening.voice_conversion import age_voice, shift_pitch
from torch import Tensor

from a2k_train.data.clip import loop_from_random_offset

SAMPLE_RATE = 16_000
NOISES = ("babble", "street", "music", "hiss")
SNRS_DB = (20, 10, 5, 0)
GAINS_DB = (-30, -20, -10, 10)

#: Levels of 10 s without speech, dB below full scale.
SILENCES_DB: Mapping[str, float | None] = {
    "digital silence": None,
    "room noise at -60 dB": -60.0,
    "room noise at -50 dB": -50.0,
}


def degraded(
    speech: Tensor, others: Sequence[Tensor], *, recordings: Mapping[str, Tensor], generator: torch.Generator
) -> Iterator[tuple[str, Tensor]]:
    """Yield the name of each condition with the speech `(S,)` in it; all SNRs have the same noise.

    Args:
        speech: Clean speech at 16 kHz.
        others: Speech of other people, for babble.
        recordings: Recorded noises by name; they replace synthetic ones of the same name.
        generator: Source of all randomness.
    """
    size = len(speech)
    yield "clean", speech
    for name in dict.fromkeys((*NOISES, *recordings)):
        noise = _noise(name, size, others, recordings, generator)
        for snr in SNRS_DB:
            yield f"{name} {snr} dB", add_noise(speech, noise, float(snr))
    for t60 in (0.3, 0.6, 1.0):
        yield f"reverb {t60:g} s", reverb(speech, t60=t60, generator=generator)
    yield "telephone", telephone(speech)
    for percent in (1, 5, 20):
        yield f"clipped {percent} %", clip_peaks(speech, share=percent / 100)
    whispered = whisper(speech, generator=generator)
    yield "whisper", whispered
    yield "whisper, 20 dB down", 0.1 * whispered
    yield "child", shift_pitch(speech, ratio=1.5, formants=1.25)
    yield "old", age_voice(speech, generator=generator)
    for gain in GAINS_DB:
        yield f"gain {gain:+} dB", (speech * 10 ** (gain / 20)).clamp(-1, 1)
    other = others[int(torch.randint(len(others), (), generator=generator))]
    yield "another's speech", loop_from_random_offset(other, size, generator=generator)


def silence(level_db: float | None, samples: int, *, generator: torch.Generator) -> Tensor:
    """Return zeros, or white noise of a level."""
    if level_db is None:
        return torch.zeros(samples)
    return torch.randn(samples, generator=generator) * 10 ** (level_db / 20)


def _noise(
    name: str, size: int, others: Sequence[Tensor], recordings: Mapping[str, Tensor], generator: torch.Generator
) -> Tensor:
    if name in recordings:
        return loop_from_random_offset(recordings[name], size, generator=generator)
    if name == "babble":
        return babble(others, size, generator=generator)
    if name == "hiss":
        return torch.randn(size, generator=generator)
    make = {"street": street_noise, "music": music}[name]
    return make(size, sample_rate=SAMPLE_RATE, generator=generator)

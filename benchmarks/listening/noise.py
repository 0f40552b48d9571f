"""Synthetic noise from a random seed, and babble from other voices, at arbitrary levels."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from a2k_train.data.clip import loop_from_random_offset

#: The chords I, V, vi and IV of C major, as semitones above C.
_CHORDS = ((0, 4, 7), (7, 11, 14), (9, 12, 16), (5, 9, 12))
_PENTATONIC = (0, 2, 4, 7, 9)
_C3 = 130.81


def babble(
    voices: Sequence[Float[Tensor, " _"]], length: int, *, generator: torch.Generator, count: int = 8
) -> Float[Tensor, " s"]:
    """Return babble: `count` of the voices at the same level, from random offsets.

    Args:
        voices: Waveforms of speech; silent ones are skipped.
        length: Number of samples.
        generator: Random generator of the choice of voices and the offsets.
        count: Number of voices; all if there are fewer.

    Raises:
        ValueError: All voices are silent.
    """
    total, used = torch.zeros(length), 0
    for index in torch.randperm(len(voices), generator=generator).tolist():
        level = float(voices[index].square().mean().sqrt())
        if level > 0 and used < count:
            total += loop_from_random_offset(voices[index], length, generator=generator) / level
            used += 1
    if not used:
        raise ValueError(f"expected at least one voice that is not silent, got {len(voices)} silent ones")
    return total


def street_noise(length: int, *, sample_rate: int = 16_000, generator: torch.Generator) -> Float[Tensor, " s"]:
    """Return traffic noise: a rumble of varying level, and a passing vehicle every four seconds on average.

    The rumble is noise with -6 dB per octave above 150 Hz; its level varies by some decibels over seconds. A vehicle is
    noise with a corner frequency of 800 Hz that rises and fades within one to three seconds, up to 10 dB above the
    rumble; every third one sounds its horn, two tones for a third of a second.
    """
    time = torch.arange(length) / sample_rate

    def between(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=generator))

    def falling(corner: float) -> Tensor:
        noise = _low_pass(torch.randn(length, generator=generator), corner, sample_rate)
        return noise / noise.square().mean().sqrt().clamp(min=1e-12)

    wander = sum(torch.sin(2 * torch.pi * (between(0.1, 0.5) * time + between(0, 1))) for _ in range(3))
    sound = falling(150.0) * 10 ** (1.5 * torch.as_tensor(wander) / 20)
    for _ in range(max(1, round(length / sample_rate / 4))):
        middle, width = between(0, length / sample_rate), between(0.5, 1.5) / 2
        swell = torch.exp(-(((time - middle) / width) ** 2))
        sound = sound + between(1, 3) * swell * falling(800.0)
        if between(0, 1) < 1 / 3:
            pitch = between(350, 450)
            tones = torch.sin(2 * torch.pi * pitch * time) + torch.sin(2 * torch.pi * 1.26 * pitch * time)
            sound = sound + 2 * tones * ((time - middle).abs() < 1 / 6)
    return sound


def music(length: int, *, sample_rate: int = 16_000, generator: torch.Generator) -> Float[Tensor, " s"]:
    """Return music: plucked chords and a bass on every beat, a pentatonic melody, and cymbals off the beat.

    Tempo (90 to 130 beats per minute), key (within 5 semitones of C major) and melody are random. A string has ten
    harmonics; higher ones are weaker and decay faster.
    """

    def draw(count: int) -> int:
        return int(torch.randint(count, (), generator=generator))

    beat = round(60 / (90 + draw(41)) * sample_rate)
    key = draw(11) - 5
    sound = torch.zeros(length + 2 * beat)

    strings: dict[int, Tensor] = {}

    def play(start: int, note: Tensor) -> None:
        part = sound[start : start + len(note)]
        part += note[: len(part)]

    def pluck(start: int, loudness: float, semitone: int) -> None:
        if semitone not in strings:
            strings[semitone] = _string(semitone + key, 2 * beat, sample_rate)
        play(start, loudness * strings[semitone])

    for number, start in enumerate(range(0, length, beat)):
        chord = _CHORDS[number // 4 % len(_CHORDS)]
        pluck(start, 0.8, chord[0] - 12)
        for semitone in chord:
            pluck(start, 0.4, semitone)
        for half in range(2):
            if draw(4):
                pluck(start + half * beat // 2, 0.6, 12 + _PENTATONIC[draw(len(_PENTATONIC))])
        hiss = torch.randn(beat // 4, generator=generator).diff(prepend=torch.zeros(1))
        play(start + beat // 2, 0.1 * hiss * torch.exp(-torch.arange(len(hiss)) * (8 / len(hiss))))
    return sound[:length]


def _string(semitone: int, length: int, sample_rate: int) -> Tensor:
    """Return the sound of a string, tuned in semitones above C3."""
    time, pitch = torch.arange(length)[None] / sample_rate, _C3 * 2 ** (semitone / 12)
    harmonic = torch.arange(1, 11)[:, None]
    amplitude = (harmonic * pitch < sample_rate / 2) / harmonic
    return (amplitude * torch.sin(2 * torch.pi * harmonic * pitch * time) * torch.exp(-(2 + harmonic) * time)).sum(
        dim=0
    )


def _low_pass(noise: Tensor, corner: float, sample_rate: int) -> Tensor:
    """Return noise filtered with -6 dB per octave above the corner frequency."""
    spectrum = torch.fft.rfft(noise)
    frequency = torch.arange(len(spectrum)) * sample_rate / len(noise)
    falling: Tensor = torch.fft.irfft(spectrum / (1 + (frequency / corner) ** 2).sqrt(), n=len(noise))
    return falling

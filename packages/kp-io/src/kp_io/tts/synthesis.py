"""Synthesize speech from text offline, with the C interface of eSpeak NG."""

import ctypes
import threading
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from kp_io.extras import how_to_install
from kp_io.media.audio import resample_audio
from kp_io.tts.espeak_voices import SpeechVoices, choose_voice, list_voices

# Constants of espeak-ng/speak_lib.h.
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
_POS_CHARACTER = 1
_OK = 0

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)

# The library keeps one voice and one callback for the whole process.
_lock = threading.Lock()


def synthesize_speech(
    text: str, *, language: str | None = None, voice: str | None = None, sample_rate: int = 16000
) -> Float[Tensor, " s"]:
    """Synthesize speech with eSpeak NG: clear but robotic, for trying things out without a recording.

    Needs the optional package espeakng-loader, which contains the library and its voices.

    Args:
        text: The text; at least one letter or digit.
        language: A language of eSpeak NG, e.g. `"en-us"`, `"de"`, `"fr"`, `"pl"`, `"zh"`; English by default.
        voice: A voice, e.g. `"f2"`, `"m3"`, `"whisper"`, `"grandpa"`; without `language` also a language, or both as
            `"de+f2"`. `speech_voices` lists them all.
        sample_rate: Samples per second of the result.

    Returns:
        `(S,)` float32 in [-1, 1]. eSpeak keeps state between calls, so a second call differs by some samples.

    Raises:
        ModuleNotFoundError: espeakng-loader is not installed.
        ValueError: The text has nothing to speak, or the language or voice is unknown (the message lists them).
    """
    if not any(character.isalnum() for character in text):
        raise ValueError(f"expected a text to speak, got {text!r}")
    if sample_rate < 1:
        raise ValueError(f"expected a positive sample_rate, got {sample_rate}")
    with _lock:
        espeak, own_rate, known = _library()
        chosen = choose_voice(known, language=language, voice=voice)
        if espeak.espeak_SetVoiceByName(chosen.encode()) != _OK:
            raise ValueError(f"expected a voice that eSpeak NG can load, got {chosen!r}; try its language alone")
        samples = _speak(espeak, text)
    if not samples:
        raise ValueError(f"expected a text that the voice {chosen!r} can speak, got no sound for {text!r}")
    waveform = torch.frombuffer(bytearray(samples), dtype=torch.int16).to(torch.float32) / 32768
    return resample_audio(waveform, from_rate=own_rate, to_rate=sample_rate).clamp(-1, 1)


def speech_voices() -> SpeechVoices:
    """Return the languages and voices of `synthesize_speech`.

    Raises:
        ModuleNotFoundError: espeakng-loader is not installed.
    """
    with _lock:
        return _library()[2]


def _speak(espeak: ctypes.CDLL, text: str) -> bytes:
    parts: list[bytes] = []

    def receive(samples: "ctypes._Pointer[ctypes.c_short]", count: int, _events: int | None) -> int:
        if samples and count > 0:
            parts.append(ctypes.string_at(samples, 2 * count))
        return 0  # continue

    callback = _Callback(receive)  # kept alive until the library no longer uses it
    espeak.espeak_SetSynthCallback(callback)
    encoded = text.encode()
    status = espeak.espeak_Synth(encoded, len(encoded) + 1, 0, _POS_CHARACTER, 0, _CHARS_UTF8, None, None)
    espeak.espeak_Synchronize()
    if status != _OK:
        raise ValueError(f"expected eSpeak NG to speak {text!r}, got its error {status}")
    return b"".join(parts)


@lru_cache(maxsize=1)
def _library() -> tuple[ctypes.CDLL, int, SpeechVoices]:
    """Load and initialize the library once; return it with its sample rate and voices."""
    try:
        import espeakng_loader
    except ModuleNotFoundError as error:
        advice = f"{how_to_install('tts')}, or give a recording instead"
        raise ModuleNotFoundError(f"speech synthesis needs espeakng-loader: {advice}") from error
    espeak = ctypes.CDLL(str(espeakng_loader.get_library_path()))
    text, numbers = (ctypes.c_char_p, ctypes.c_size_t), (ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint)
    espeak.espeak_Synth.argtypes = [*text, *numbers, ctypes.c_void_p, ctypes.c_void_p]
    data = str(espeakng_loader.get_data_path()).encode()
    rate = espeak.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 0, data, _INITIALIZE_DONT_EXIT)
    if rate <= 0:
        raise RuntimeError(f"expected eSpeak NG to start with the voices in {data.decode()}, got its error {rate}")
    return espeak, int(rate), list_voices(espeak)

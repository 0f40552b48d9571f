import builtins

import pytest
import torch

from kp_io import speech_voices, synthesize_speech
from kp_io.tts import synthesis as speech


@pytest.fixture
def espeak():
    pytest.importorskip("espeakng_loader", reason="speech from text needs the extra kp-io[tts]")


@pytest.mark.usefixtures("espeak")
def test_a_sentence_is_sound_of_plausible_length():
    waveform = synthesize_speech("The quick brown fox jumps over the lazy dog.")
    assert waveform.dtype == torch.float32
    assert 1.5 < len(waveform) / 16000 < 5
    assert 0.1 < float(waveform.abs().max()) <= 1
    longer = synthesize_speech("The quick brown fox jumps over the lazy dog. And then it does it again.")
    assert len(longer) > 1.3 * len(waveform)


@pytest.mark.usefixtures("espeak")
def test_languages_and_sample_rates():
    german = synthesize_speech("Größe", language="de")
    assert len(german) > 4000
    double = synthesize_speech("Größe", language="de", sample_rate=32000)
    assert len(double) == pytest.approx(2 * len(german), rel=0.05)


@pytest.mark.usefixtures("espeak")
def test_a_voice_speaks_every_language_and_a_language_is_a_voice():
    plain, low, high = (synthesize_speech("Größe", language="de", voice=voice) for voice in (None, "m3", "f2"))
    lengths = {len(plain), len(low), len(high)}
    assert len(lengths) == 3
    assert len(synthesize_speech("Größe", voice="de")) == pytest.approx(len(plain), rel=0.05)
    assert len(synthesize_speech("Größe", voice="de+f2")) == pytest.approx(len(high), rel=0.05)
    assert len(synthesize_speech("Größe", language="DE", voice="F2")) == pytest.approx(len(high), rel=0.05)


@pytest.mark.usefixtures("espeak")
def test_what_there_is():
    known = speech_voices()
    assert {"en", "en-us", "de", "fr", "es", "pl", "pt", "it", "zh"} <= set(known.languages)
    assert {"f2", "m3", "whisper", "grandpa"} <= set(known.voices)


@pytest.mark.usefixtures("espeak")
@pytest.mark.parametrize("language", ["zh", "pt-pt", "no", "es-mx", "en_GB"])
def test_other_names_of_languages(language):
    assert len(synthesize_speech("1 2 3", language=language)) > 4000


@pytest.mark.usefixtures("espeak")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"language": "klingonese"}, r"language of eSpeak NG, got 'klingonese'; there are af, .*\bde, .*\bzh"),
        ({"voice": "klingonese"}, r"voice of eSpeak NG, got 'klingonese'; there are .*\bf2, .*\bwhisper"),
        ({"language": "de", "voice": "fr"}, r"voice of eSpeak NG, got 'fr'; there are .*\bf2"),
        ({"voice": "xx+f2"}, r"language of eSpeak NG, got 'xx'; there are af"),
    ],
)
def test_an_unknown_language_or_voice_lists_those_there_are(options, message):
    with pytest.raises(ValueError, match=message):
        synthesize_speech("hello", **options)


@pytest.mark.parametrize("text", ["", "  \n", "…!?"])
def test_nothing_to_say_is_an_error(text):
    with pytest.raises(ValueError, match="expected a text to speak"):
        synthesize_speech(text)


def test_the_error_names_the_missing_package(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name == "espeakng_loader":
            raise ModuleNotFoundError("No module named 'espeakng_loader'", name=name)
        return real(name, *arguments, **options)

    speech._library.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "espeakng-loader>=.*kp-io\[tts\]'):
        synthesize_speech("hello")

import builtins

import pytest
import torch

from kp_io import speech, synthesize_speech


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
def test_voices_and_sample_rates():
    german = synthesize_speech("Größe", voice="de")
    assert len(german) > 4000
    double = synthesize_speech("Größe", voice="de", sample_rate=32000)
    assert len(double) == pytest.approx(2 * len(german), rel=0.05)
    with pytest.raises(ValueError, match=r"voice of eSpeak NG.*'klingonese'"):
        synthesize_speech("hello", voice="klingonese")


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
    with pytest.raises(ModuleNotFoundError, match=r"pip install espeakng-loader.*kp-io\[tts\]"):
        synthesize_speech("hello")

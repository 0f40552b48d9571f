"""The noise under the speech that the encoder of `listener` hears."""

import pytest
import torch

from a2k_nets import load_model
from a2k_nets.whisper.noise_floor import add_noise_floor
from kp_metrics import mouth_opening


def decibels(x):
    return 10 * float(x.square().mean().log10())


@pytest.mark.parametrize(("speech_db", "noise_db"), [(None, -65), (-10, -65), (-29, -65), (-50, -85), (-95, -65)])
def test_the_level_follows_quiet_speech(speech_db, noise_db):
    tone = 2**0.5 * torch.sin(torch.arange(32_000) * 0.1)[None]
    speech = torch.zeros(1, 32_000) if speech_db is None else tone * 10 ** (speech_db / 20)
    assert decibels(add_noise_floor(speech, first=0) - speech) == pytest.approx(noise_db, abs=0.1)


def test_the_noise_depends_on_the_position_only():
    silence = torch.zeros(2, 24_000)
    whole = add_noise_floor(silence, first=320)
    assert torch.equal(whole[:, 20_000:], add_noise_floor(silence[:, :4_000], first=20_320))


def test_windows_have_levels_of_their_own():
    both = torch.cat((torch.zeros(1, 16_000), 0.003 * torch.ones(1, 16_000)))
    levels = [decibels(row) for row in add_noise_floor(both, first=0) - both]
    assert levels == pytest.approx([-65, -50.5 - 35], abs=0.1)


def test_mouths_stay_closed_in_digital_silence():
    model = load_model("listener")
    face = model.normalizer.mean_face_px[None]
    with torch.inference_mode():
        opening = mouth_opening(model(torch.zeros(1, 96_000), face, neutralize_mouth=True)[0])[25:]
    assert float(opening.max()) < 0.05
